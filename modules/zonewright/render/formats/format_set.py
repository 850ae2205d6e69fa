"""The formats that a zone has: those of zonewright itself, and what its own folder adds or puts in their place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from zonewright.render.formats import FORMATS
from zonewright.render.formats.format import AnyContext, File, Format, Subject, subject_of
from zonewright.render.formats.template_text import PART, TemplateText


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
