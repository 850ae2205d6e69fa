"""Which words of a changed line are new or lost, so that nobody has to compare two long lines letter by letter."""

import re
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
    matcher = SequenceMatcher(None, one, two, autojunk=False)
    same = sum(len("".join(one[a : a + size]).strip()) for a, _, size in matcher.get_matching_blocks())
    if 2 * same < max(len(old.strip()), len(new.strip())):
        return (), ()
    left, right = [], []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            left.append((i1, i2))
            right.append((j1, j2))
    return _spans(one, left), _spans(two, right)


def _spans(words: list[str], parts: list[tuple[int, int]]) -> Spans:
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
