"""Text of a zone's template, with the files of its folder that it may include or import."""

from dataclasses import dataclass

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
