"""Versions of the engine: which one is installed or built, and which ones are accepted.

Must not start a process.
"""

import re
from typing import NamedTuple, Self

_TEXT = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")


class Version(NamedTuple):
    """A version of the engine; a pre-release stands before its release.

    Example:
        >>> Version.parse("v3.260.0") > Version(3, 259, 0)
        True
        >>> str(Version.parse("v3.259.0-alpha.1"))
        '3.259.0 (pre-release)'
    """

    major: int
    minor: int
    patch: int
    released: bool = True

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what `pulumi version` prints; None when it is no version."""
        found = _TEXT.fullmatch(text.strip())
        if found is None:
            return None
        return cls(int(found[1]), int(found[2]), int(found[3]), found[4] is None)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}" + ("" if self.released else " (pre-release)")

    @property
    def accepted(self) -> bool:
        """Whether zonewright works with this version: at least the one it is tested with, below the next major."""
        return self >= WANTED and self.major == WANTED.major


WANTED = Version(3, 259, 0)
"""The version that is installed or built: that of the SDK in the lock file and of `tools/engine/go.mod`."""

RANGE = f">= {WANTED}, < {WANTED.major + 1}"
"""The accepted versions, for sentences."""
