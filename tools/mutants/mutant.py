"""What a mutant is, apart from what makes it: that needs the trees of libcst, whose import takes a second."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change of one file.

    Attributes:
        file: the file, as it was given.
        line: the line that it begins on, from 1.
        scope: the function or class that it is in, with dots; empty at the level of the module.
        before: the lines that it takes away, without indentation.
        after: the lines that it puts in their place.
        key: its name, which stays the same as long as these lines do.
        text: the whole mutated file.
    """

    file: str
    line: int
    scope: str
    before: str
    after: str
    key: str
    text: str

    @property
    def diff(self) -> str:
        """What it changes, as a diff without context."""
        old, new = self.before.splitlines(), self.after.splitlines()
        return "\n".join([*(f"-{line}" for line in old), *(f"+{line}" for line in new)])
