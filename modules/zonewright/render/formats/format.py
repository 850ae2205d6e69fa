"""What a configuration format is: templates for one kind of subject, quoting of its own, and a native judge."""

import re
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from zonewright.model.base import IDENTIFIER_PATTERN
from zonewright.render.contexts.group_context import GroupContext
from zonewright.render.contexts.node_context import NodeContext
from zonewright.render.contexts.site_context import SiteContext
from zonewright.render.errors import RenderError
from zonewright.render.quoting import shown

Subject = Literal["node", "site", "group"]
AnyContext = NodeContext | SiteContext | GroupContext
CONTEXTS: Mapping[Subject, type[AnyContext]] = {"node": NodeContext, "site": SiteContext, "group": GroupContext}
"""What templates see of each kind of subject, under the subject's name; a group is a party's nodes at a site."""
ROUTER, SERVER = "router", "server"
ROOTS: Mapping[str, str] = {
    "node": "nodes/{site}/{name}",
    "site": "sites/{name}",
    "group": "groups/{site}/{name}",
    ROUTER: "routers/{site}/{name}",
    SERVER: "servers/{site}/{name}",
}
"""Folder of a subject's files; below it they stand as on its host. A router or server is the second one of a site."""
ITEM = "item"
"""What a template calls the thing that its file is for, where there is a file for each."""
_KEY = re.compile(r"[a-z0-9](?:[a-z0-9.+-]{0,120}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a format.

    Attributes:
        template: path of its template.
        path: where it stands on the host, without a leading slash; ``{name}`` is the subject's name, ``{key}`` the
            item's key.
        each: a list of the context whose items have a ``key``: there is a file for each of them, as ``item``.
    """

    template: str
    path: str
    each: str = ""

    def pattern(self) -> re.Pattern[str]:
        """What the paths of its files look like."""
        parts = re.split(r"(\{name\}|\{key\})", self.path)
        return re.compile("".join("[^/]+" if part in {"{name}", "{key}"} else re.escape(part) for part in parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatorCommand:
    """The program that judges a format's files.

    Attributes:
        program: its name.
        package: the Debian package that has it.
        commands: arguments of each call; ``{root}`` is the folder that holds the files as on a host.
        complaint: what in the output means a failure whatever the exit code says, as a regular expression.
        absent: what in the output means that the program could not be run after all.
        machine: lines of the output that tell of the machine that it runs on and not of the files.
        in_namespace: whether it may do anything to the empty network of its own, and change its root.
        parts: what else the program reads, as path and text, where the files are a part of a whole.
        stand_ins: what is judged in place of what only the host itself has, such as its interfaces, as a regular
            expression and a text.
        of_zone: whether a zone's own format names it, so that it must be one of the known programs.
        core: a program by its path, and its arguments, where the one that is named only starts it and takes far longer;
            it is run instead where it is there.
    """

    program: str
    package: str
    commands: tuple[tuple[str, ...], ...]
    complaint: str = ""
    absent: str = ""
    machine: str = ""
    in_namespace: bool = False
    parts: tuple[tuple[str, str], ...] = ()
    stand_ins: tuple[tuple[str, str], ...] = ()
    of_zone: bool = False
    core: tuple[str, ...] = ()

    def judged(self, files: Mapping[str, str]) -> dict[str, str]:
        """The files as the program reads them where it judges, with the parts of the whole that they belong to."""
        made = dict(files)
        for pattern, text in self.stand_ins:
            made = {path: re.sub(pattern, text, one) for path, one in made.items()}
        return {**dict(self.parts), **made}


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
        of_routers: whether a site's second router gets the files too, from the context of that router.
        of_servers: whether the hosts of a site's second servers get the files too, each from its own context.
    """

    id: str
    title: str
    description: str
    subject: Subject
    files: tuple[File, ...]
    filters: frozenset[str]
    check: ValidatorCommand | None = None
    needs: str = ""
    of_routers: bool = False
    of_servers: bool = False

    @property
    def folders(self) -> tuple[str, ...]:
        """The outermost folders that its files are in."""
        roots = {self.subject: True, ROUTER: self.of_routers, SERVER: self.of_servers}
        return tuple(ROOTS[root].partition("/")[0] for root, is_own in roots.items() if is_own)

    def applies_to(self, context: AnyContext) -> bool:
        """Whether a subject gets files of this format."""
        if not isinstance(context, CONTEXTS[self.subject]):
            return False
        if isinstance(context, SiteContext) and is_second(context):
            is_meant = self.of_servers if context.server else self.of_routers
            if not is_meant:
                return False
        return not self.needs or bool(getattr(context, self.needs))

    def owns(self, path: str) -> bool:
        """Whether a path among all rendered files is one of this format."""
        parts = path.split("/")
        depths = {root.partition("/")[0]: root.count("/") + 1 for root in ROOTS.values()}
        below = "/".join(parts[depths.get(parts[0], 0) :])
        return parts[0] in self.folders and any(file.pattern().fullmatch(below) for file in self.files)


def is_second(context: AnyContext) -> bool:
    """Whether a site is seen from its second router or server, whose files are all that is rendered from that."""
    return isinstance(context, SiteContext) and (context.is_second or bool(context.server))


def sites_in(contexts: Iterable[AnyContext]) -> dict[str, SiteContext]:
    """The sites among some contexts, by id, as their first routers see them."""
    return {one.name: one for one in contexts if isinstance(one, SiteContext) and not is_second(one)}


def subject_of(context: AnyContext) -> Subject:
    """What kind of subject a context is of."""
    return _SUBJECTS[type(context)]


_SUBJECTS: Mapping[type[AnyContext], Subject] = {type_: name for name, type_ in CONTEXTS.items()}
_IDENTIFIER = re.compile(IDENTIFIER_PATTERN)


@lru_cache(maxsize=100_000)
def _is_identifier(text: str) -> bool:
    return _IDENTIFIER.fullmatch(text) is not None and not text.endswith("\n")


def root_of(context: AnyContext) -> str:
    """Folder of a subject's files among all rendered files.

    Raises:
        RenderError: when site or name could lead to another folder.
    """
    subject: str = subject_of(context)
    parts = {"name": context.name, **({} if isinstance(context, SiteContext) else {"site": context.site})}
    if isinstance(context, SiteContext) and is_second(context):
        subject, name = (SERVER, context.server) if context.server else (ROUTER, context.router)
        parts = {"name": name, "site": context.name}
    for field, value in parts.items():
        if not _is_identifier(value):
            raise RenderError(
                f"expected an id of a-z 0-9 -, at most 63 long, got {shown(value)}", data_path=f"{subject}.{field}"
            )
    return ROOTS[subject].format_map(parts)


def items_of(file: File, context: AnyContext) -> Iterator[tuple[str, object]]:
    """The files that there are of one kind for a subject: path below its root, and the item or None.

    Raises:
        RenderError: when a key could lead to another folder.
    """
    if not file.each:
        yield file.path.replace("{name}", context.name), None
        return
    for index, item in enumerate(getattr(context, file.each)):
        if _KEY.fullmatch(item.key) is None or ".." in item.key:
            path = f"{subject_of(context)}.{file.each}[{index}].key"
            raise RenderError(f"expected a name of a-z 0-9 . -, got {shown(item.key)}", data_path=path)
        yield file.path.replace("{name}", context.name).replace("{key}", item.key), item


def item_type(subject: Subject, file: File) -> object:
    """Type of the items that there is a file for each of; None where there is one file.

    Raises:
        RenderError: when the context has no such list.
    """
    if not file.each:
        return None
    kind = typing.get_type_hints(CONTEXTS[subject]).get(file.each)
    inner = typing.get_args(kind)[0] if typing.get_origin(kind) is tuple else None
    if "key" not in typing.get_type_hints(inner or object):
        raise RenderError(f"{subject} has no list '{file.each}' of things with a key", template=file.template)
    return inner


def subject_text(context: AnyContext) -> str:
    """A subject within a message."""
    if isinstance(context, NodeContext):
        return f"node {shown(context.name)} in {shown(context.rack)}"
    if isinstance(context, SiteContext):
        seat = f"server {shown(context.server)} of " if context.server else "second router of " * context.is_second
        return f"{seat}site {shown(context.name)}"
    return f"nodes of {shown(context.name)} at {shown(context.site)}"
