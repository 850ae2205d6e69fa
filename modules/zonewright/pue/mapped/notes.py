"""What is noted while an export is read, each with its lines: faults, what is left out, how times were understood."""

from dataclasses import dataclass, field

MOST_FAULTS = 1_000
"""After so many the rest of a file is not looked at."""


@dataclass(slots=True)
class Notes:
    """What is said of a file.

    Attributes:
        faults: line and sentence of each fault.
        left_out: lines by why they are no readings.
        choices: lines by how they were understood, where the map says it.
    """

    faults: list[tuple[int, str]] = field(default_factory=list)
    left_out: dict[str, list[int]] = field(default_factory=dict)
    choices: dict[str, list[int]] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        """Whether there are so many faults that nobody reads more."""
        return len(self.faults) >= MOST_FAULTS

    def fault(self, line: int, sentence: str) -> None:
        """Note a fault."""
        self.faults.append((line, sentence))

    def leave_out(self, why: str, line: int) -> None:
        """Note a line, or a cell in it, that is no reading."""
        self.left_out.setdefault(why, []).append(line)

    def decided(self, how: str, lines: list[int]) -> None:
        """Note how lines were understood."""
        self.choices.setdefault(how, []).extend(lines)
