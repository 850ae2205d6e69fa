"""The formats that a zone has: those of zonewright itself, and what its own folder adds or puts in their place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from zonewright.render.formats import FORMATS
from zonewright.render.formats.format import AnyContext, File, Format, Subject, subject_of

MARK = "__"
"""Ends a name within a macro, where it stands for one in another place."""
PART = "_"
"""Begins the name of a file that other templates include or import, and that is no template by itself."""
LINES = 1_000_000
"""Lines of each file are told apart by this: those of the second one begin after so many."""


@dataclass(frozen=True, slots=True)
class TemplateText:
    """A template with the others of its folder that it may include or import.

    Attributes:
        text: its own text.
        parts: names and texts of the others, in order of name.
    """

    text: str
    parts: tuple[tuple[str, str], ...] = ()

    def place(self, name: str, line: int) -> tuple[str, int]:
        """The file that a line is in, and its number there.

        Args:
            name: of the template itself.
            line: as nodes of the composed template have it.
        """
        number, within = divmod(line, LINES)
        if not number:
            return name, line
        folder = name.rpartition("/")[0]
        part = self.parts[number - 1][0]
        return (f"{folder}/{part}" if folder else part), within


@dataclass(frozen=True, eq=False)
class FormatSet:
    """Formats in the order in which they are rendered.

    Attributes:
        formats: all of them.
        sources: texts of a zone's own templates by name; they go before zonewright's own. Those that begin with ``_``
            are included or imported by others of their folder.
    """

    formats: tuple[Format, ...]
    sources: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _by_subject(self) -> Mapping[Subject, tuple[Format, ...]]:
        subjects: tuple[Subject, ...] = ("node", "site", "group")
        return {name: tuple(one for one in self.formats if one.subject == name) for name in subjects}

    def of(self, context: AnyContext) -> tuple[Format, ...]:
        """The formats that a subject gets files of."""
        return tuple(one for one in self._by_subject[subject_of(context)] if one.applies_to(context))

    def source(self, file: File) -> TemplateText | None:
        """Text of a file's template where it is the zone's own, with the others of its folder."""
        text = self.sources.get(file.template)
        return None if text is None else TemplateText(text, self._parts.get(file.template.rpartition("/")[0], ()))

    @cached_property
    def _parts(self) -> Mapping[str, tuple[tuple[str, str], ...]]:
        """What templates may include, by folder."""
        found: dict[str, list[tuple[str, str]]] = {}
        for name, text in sorted(self.sources.items()):
            folder, _, file = name.rpartition("/")
            if file.startswith(PART):
                found.setdefault(folder, []).append((file, text))
        return {folder: tuple(parts) for folder, parts in found.items()}


BUILT_IN = FormatSet(FORMATS)
"""The formats of zonewright itself."""
