"""What a zone declares of a configuration format of its own (``templates/<format>/format.yaml``)."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from zonewright.model.base import Declared, Line

TEMPLATES = "templates"
"""Of a zone's folder: the folder of its own formats and templates."""
HOST_PATH_PATTERN = r"^[A-Za-z0-9_{}-][A-Za-z0-9._{}-]*(?:/[A-Za-z0-9_{}-][A-Za-z0-9._{}-]*)*$"
HostPath = Annotated[str, StringConstraints(pattern=HOST_PATH_PATTERN, max_length=200, strict=True)]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}$", strict=True)]


class FormatFileEntry(Declared):
    """One file of a format."""

    template: Word
    """Name of its template, beside format.yaml; it ends with `.j2`."""
    path: HostPath
    """Where it stands on the host, without a leading slash; `{name}` is the subject's name, `{key}` the item's key."""
    each: Line = ""
    """A list of the context whose items have a key: there is a file for each of them, as `item`."""


class FormatCheck(Declared):
    """The program that judges the files."""

    program: Word
    """Its name; it is looked up on the PATH."""
    package: Word
    """The package that has it."""
    commands: Annotated[
        tuple[Annotated[tuple[Line, ...], Field(strict=False)], ...], Field(min_length=1, max_length=10, strict=False)
    ]
    """Arguments of each call; `{root}` is the folder that holds the files as on a host."""
    complaint: Line = ""
    """What in a line of the output means a failure whatever the exit code says: a regular expression."""
    in_namespace: bool = False
    """Whether it needs a network of its own."""


class FormatFile(Declared):
    """A configuration format."""

    title: Line
    """Name for people."""
    description: Annotated[str, Field(max_length=5000)] = ""
    """What its files say and rest on."""
    subject: Literal["node", "site", "group"]
    """What its files are for: a node, a site, or a party's nodes at a site."""
    files: Annotated[tuple[FormatFileEntry, ...], Field(min_length=1, max_length=50, strict=False)]
    """The files of one subject."""
    filters: Annotated[tuple[Line, ...], Field(strict=False)] = ()
    """Names of the filters that its templates quote by."""
    check: FormatCheck | None = None
    """The program that judges the files."""
    needs: Line = ""
    """A field of the context; a subject where it is 0 or empty gets no files."""
