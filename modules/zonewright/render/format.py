"""What a configuration format is: templates for one kind of subject, quoting of its own, and a native judge."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from zonewright.model.base import IDENTIFIER_PATTERN
from zonewright.render.context import NodeContext
from zonewright.render.errors import RenderError
from zonewright.render.quoting import shown
from zonewright.render.site_context import SiteContext

Subject = Literal["node", "site"]
AnyContext = NodeContext | SiteContext
CONTEXTS: Mapping[Subject, type[AnyContext]] = {"node": NodeContext, "site": SiteContext}
"""What templates see of each kind of subject, under the subject's name."""
ROOTS: Mapping[Subject, str] = {"node": "nodes/{site}/{name}", "site": "sites/{name}"}
"""Folder of a subject's files; below it they stand as on the host that they are for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a format.

    Attributes:
        template: path of its template.
        path: where it stands on the host, without a leading slash.
    """

    template: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The program that judges a format's files.

    Attributes:
        program: its name.
        package: the Debian package that has it.
        commands: arguments of each call; ``{root}`` is the folder that holds the files as on a host.
        complaint: what in the output means a failure whatever the exit code says, as a regular expression.
    """

    program: str
    package: str
    commands: tuple[tuple[str, ...], ...]
    complaint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One configuration format.

    Attributes:
        id: name of its folder of templates.
        title: name for people.
        description: what its files say and rest on, in sentences for the reference.
        subject: what its files are for.
        files: the files of one subject.
        filters: names of the filters that quote for it.
        check: the program that judges the files, or None where there is none.
        needs: a field of the context; a subject where it is 0 or empty gets no files.
    """

    id: str
    title: str
    description: str
    subject: Subject
    files: tuple[File, ...]
    filters: frozenset[str]
    check: Check | None = None
    needs: str = ""

    def applies_to(self, context: AnyContext) -> bool:
        """Whether a subject gets files of this format."""
        is_subject = isinstance(context, CONTEXTS[self.subject])
        return is_subject and (not self.needs or bool(getattr(context, self.needs)))


def root_of(context: AnyContext) -> str:
    """Folder of a subject's files among all rendered files.

    Raises:
        RenderError: when site or name could lead to another folder.
    """
    subject: Subject = "node" if isinstance(context, NodeContext) else "site"
    parts = {"name": context.name, **({"site": context.site} if isinstance(context, NodeContext) else {})}
    for field, value in parts.items():
        if re.fullmatch(IDENTIFIER_PATTERN, value) is None or value.endswith("\n"):
            raise RenderError(
                f"expected an id of a-z 0-9 -, at most 63 long, got {shown(value)}", data_path=f"{subject}.{field}"
            )
    return ROOTS[subject].format_map(parts)


def subject_text(context: AnyContext) -> str:
    """A subject within a message."""
    if isinstance(context, NodeContext):
        return f"node {shown(context.name)} in {shown(context.rack)}"
    return f"site {shown(context.name)}"
