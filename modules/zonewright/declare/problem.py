"""A problem of a declaration: what is wrong where, what was expected, what was found and how to put it right."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

Path = tuple[str, ...]
"""Keys from the top of a file to a value; the items of a list are counted from 0."""

_PLAIN_KEY = re.compile(r"^[A-Za-z0-9_.,~-]+$")
_SHOWN = 60


def dotted(path: Path) -> str:
    """The path as people write it: ``clusters.core.places.003``; unusual keys are quoted."""
    return ".".join(key if _PLAIN_KEY.match(key) else shown(key) for key in path)


def shown(value: object) -> str:
    """A value as it may stand in a sentence: one short line without control characters."""
    if isinstance(value, str):
        text = value if len(value) <= _SHOWN else f"{value[: _SHOWN - 3]}..."
        return f"'{text}'" if text.isprintable() else repr(text)
    return str(value)


def one_of(names: Iterable[str]) -> str:
    """Names as a choice: ``a, b or c``; a long list is cut short."""
    words = sorted(names)
    if len(words) > 12:  # noqa: PLR2004 - more than a dozen is a list that nobody reads
        return f"{', '.join(words[:10])} or {len(words) - 10} more"
    return (
        " or ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else "a declared one (none is declared)"
    )


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant."""
    found = get_close_matches(name[:80], list(names)[:2000], n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(name: str, names: Iterable[str], otherwise: str) -> str:
    """The fix for an unknown name: the nearest known one, or what else to do."""
    found = nearest(name, names)
    return f"did you mean {shown(found)}?" if found else otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A problem that does not know its file and line yet.

    Attributes:
        owner: party whose file it is in; empty for ``zone.yaml``.
        path: keys to the value.
        what: what is wrong.
        expected: what was expected.
        got: what was found.
        fix: what to do.
    """

    owner: str
    path: Path
    what: str
    expected: str
    got: str
    fix: str


def unknown(what: str, name: str, names: Iterable[str], *, owner: str, path: Path, otherwise: str = "") -> Fault:
    """The fault of a name that refers to nothing.

    Args:
        what: what it should name, such as ``district``.
        name: the name as it is written.
        names: those that exist.
        owner: party whose file it is in.
        path: keys to the name.
        otherwise: the fix where no name is near.
    """
    known = list(names)
    fix = did_you_mean(name, known, otherwise or f"name a {what} that is declared")
    return Fault(owner=owner, path=path, what=f"an unknown {what}", expected=one_of(known), got=shown(name), fix=fix)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a declaration.

    Attributes:
        file: name of the file, relative to the zone's folder.
        line: line of the file counted from 1; 0 when no line can be named, such as for a missing file.
        path: keys to the value, such as ``clusters.core.places.003.rack``; empty for the file as a whole.
        what: what is wrong.
        expected: what was expected.
        got: what was found.
        fix: what to do.
    """

    file: str
    line: int
    path: str
    what: str
    expected: str
    got: str
    fix: str

    def __str__(self) -> str:
        """``file:line: path: what: expected ..., got ...; fix`` as one line."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        place = f"{where}: {self.path}" if self.path else where
        return f"{place}: {self.what}: expected {self.expected}, got {self.got}; {self.fix}"

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems as they are read: by file and line, each said once."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda one: (one.file, one.line, one.path, one.what)))
