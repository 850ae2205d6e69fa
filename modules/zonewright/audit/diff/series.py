"""What counts up, as one: ``8 IN PTR web-001`` to ``255 IN PTR web-248`` is told by its first and its last line.

Nothing is lost: each number of a line is that of the line before, or one more, and so every line between can be said.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_MOST_PERIOD, _LEAST_BLOCKS = 4, 4
_NUMBER = re.compile(r"((?<![0-9a-f])[a-f]*+[0-9][0-9a-f]*|(?<![a-z])[a-f](?![a-z]))")
COUNTED = "A to B (8): eight of them, each number as before or one more."
"""What ``counted`` writes, for whoever reads it."""
_MODES = ("same", "decimal", "hexadecimal")


@dataclass(frozen=True, slots=True)
class LineSeries:
    """A part of a text.

    Attributes:
        start: index of its first line.
        period: how many lines count up together: those of a node, say.
        count: how often they come; 1 for lines that do not count up.
    """

    start: int
    period: int
    count: int

    @property
    def stop(self) -> int:
        """Index behind its last line."""
        return self.start + self.period * self.count


def series(lines: Sequence[str]) -> list[LineSeries]:
    """A text as parts, in order: those that count up, and the lines between them.

    Args:
        lines: the text.
    """
    work = [_NUMBER.split(line) for line in lines]
    found: list[LineSeries] = []
    at = plain = 0
    while at < len(work):
        best = max((_longest(work, at, period) for period in range(1, _MOST_PERIOD + 1)), key=lambda one: one.stop)
        if best.count < _LEAST_BLOCKS:
            at += 1
            continue
        if plain < at:
            found.append(LineSeries(plain, at - plain, 1))
        found.append(best)
        at = plain = best.stop
    if plain < len(work):
        found.append(LineSeries(plain, len(work) - plain, 1))
    return found


def _longest(work: Sequence[list[str]], start: int, period: int) -> LineSeries:
    """The series of a period that begins there; of less than the least count where there is none."""
    modes = [[set(_MODES) for _ in parts[1::2]] for parts in work[start : start + period]]
    count = 1
    while start + period * (count + 1) <= len(work):
        first = start + period * count
        step = [_modes(work[first + offset - period], work[first + offset], left) for offset, left in enumerate(modes)]
        if any(one is None for one in step):
            break
        modes = [one for one in step if one is not None]
        count += 1
    return LineSeries(start, period, count if count >= _LEAST_BLOCKS else 0)


def _modes(one: list[str], two: list[str], left: list[set[str]]) -> list[set[str]] | None:
    """How each number goes on, of the ways that are left; None where the lines do not go on."""
    if one[::2] != two[::2]:
        return None
    found = []
    for before, after, modes in zip(one[1::2], two[1::2], left, strict=True):
        now = {mode for mode in modes if _next(before, mode) == after}
        if not now:
            return None
        found.append(now)
    return found


def _next(text: str, mode: str) -> str:
    if mode == "decimal":
        return str(int(text) + 1).zfill(len(text)) if text.isdecimal() else ""
    if mode == "hexadecimal":
        return f"{int(text, 16) + 1:x}".zfill(len(text))
    return text


def counted(texts: Sequence[str]) -> list[str]:
    """Texts, of which those that count up are one: the first and the last, and how many they are."""
    found: list[str] = []
    for part in series(texts):
        if part.count == 1 or part.period > 1:
            found += texts[part.start : part.stop]
        else:
            found.append(f"{texts[part.start]} to {texts[part.stop - 1]} ({part.count})")
    return found


def names_text(names: Sequence[str]) -> str:
    """Names for people, each of them: those that count up are one span, such as ``web-001 to web-300``."""
    runs: list[list[str]] = []
    for name in names:
        if runs and follows(runs[-1][-1], name):
            runs[-1].append(name)
        else:
            runs.append([name])
    parts = [", ".join(run) if len(run) < 3 else f"{run[0]} to {run[-1]}" for run in runs]  # noqa: PLR2004
    return ", ".join(parts)


def follows(one: str, two: str) -> bool:
    """Whether a name counts up from another one, such as ``web-002`` from ``web-001``."""
    stem, number = _numbered(one)
    return _numbered(two) == (stem, number + 1) and len(one) == len(two) and number >= 0


def _numbered(name: str) -> tuple[str, int]:
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem) :]) if stem != name else -1
