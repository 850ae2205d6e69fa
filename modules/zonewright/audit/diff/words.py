"""Which words of a changed line are new or lost, so that nobody has to compare two long lines letter by letter."""

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher

MAX_WORDS = 400
_WORD = re.compile(r"[A-Za-z0-9_]+|\s+|.", re.DOTALL)
Spans = tuple[tuple[int, int], ...]
"""Begin and end of parts of a line."""


def changed_words(old: str, new: str) -> tuple[Spans, Spans]:
    """The parts of two lines that differ; nothing where the lines have less than half in common, or are too long.

    Args:
        old: a line.
        new: the line that stands in its place.
    """
    one, two = _WORD.findall(old), _WORD.findall(new)
    if len(one) > MAX_WORDS or len(two) > MAX_WORDS:
        return (), ()
    parts = list(_parts(one, two))
    gone = _letters(word for i1, i2, _, _ in parts for word in one[i1:i2])
    come = _letters(word for _, _, j1, j2 in parts for word in two[j1:j2])
    if 2 * gone > _letters(one) or 2 * come > _letters(two):
        return (), ()
    return _spans(one, [part[:2] for part in parts]), _spans(two, [part[2:] for part in parts])


def _parts(one: Sequence[str], two: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Runs of words that differ; what both begin and end with is set aside, which is most of it most of the time."""
    most = min(len(one), len(two))
    head = 0
    while head < most and one[head] == two[head]:
        head += 1
    tail = 0
    while tail < most - head and one[-1 - tail] == two[-1 - tail]:
        tail += 1
    first, second = one[head : len(one) - tail], two[head : len(two) - tail]
    if len(first) <= 1 or len(second) <= 1:
        yield head, len(one) - tail, head, len(two) - tail
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        if tag != "equal":
            yield head + i1, head + i2, head + j1, head + j2


def _letters(words: Iterable[str]) -> int:
    """How many characters they have, without spaces."""
    return sum(len(word) for word in words if not word.isspace())


def _spans(words: Sequence[str], parts: Sequence[tuple[int, ...]]) -> Spans:
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word))
    found: list[tuple[int, int]] = []
    for first, last in parts:
        begin, end = starts[first], starts[last]
        if found and found[-1][1] >= begin:
            found[-1] = (found[-1][0], end)
        elif begin < end:
            found.append((begin, end))
    return tuple(found)
