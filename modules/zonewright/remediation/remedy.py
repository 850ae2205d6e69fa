"""What brings a switch to what was rendered for it, and what is left alone because nobody says that it may go."""

from dataclasses import dataclass

from zonewright.errors import Exit, ZonewrightError


class RunningConfigurationError(ZonewrightError):
    """What a switch is said to run cannot be compared."""

    exit_code = Exit.MISUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What is to be done at one switch.

    Attributes:
        switch: its id.
        dialect: eos or sonic.
        text: lines to paste, or a JSON Patch; empty where nothing is to be done.
        left_alone: what runs there and is in no file, and stays.
    """

    switch: str
    dialect: str
    text: str
    left_alone: tuple[str, ...]


def is_shown(text: str) -> bool:
    """Whether it can be printed as it is: a terminal, or a switch that it is pasted at, acts on nothing in it."""
    return text.replace("\t", " ").isprintable()
