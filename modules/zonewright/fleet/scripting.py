"""A script for a host: one text of POSIX shell, started with arguments, and what it prints."""

import base64
import binascii
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Script:
    """One script.

    Attributes:
        name: what it is called on the host.
        text: its text.
    """

    name: str
    text: str

    def command(self, *arguments: str) -> list[str]:
        """The command that runs it."""
        return ["sh", "-c", self.text, self.name, *arguments]


def text_of(value: str) -> str:
    """What a script printed as base64; empty where it is none."""
    try:
        return base64.b64decode(value, validate=True).decode("utf-8", "replace")
    except binascii.Error:
        return ""


OUTPUT_TAIL = 300
"""Letters of what a script printed that a sentence repeats, from its end."""


_REASONS = {
    "No space left on device": "its disk is full",
    "Read-only file system": "its file system is read-only",
    "Disk quota exceeded": "the user's quota is used up",
}


def reason_of(said: str) -> str:
    """The reason in what a script complained of: a known one, or its last line."""
    known = next((reason for words, reason in _REASONS.items() if words in said), "")
    return known or (said.splitlines() or [""])[-1][-OUTPUT_TAIL:]
