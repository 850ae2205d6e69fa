"""Which lines of two texts belong together, in bounded time whatever the texts are.

What both begin and end with is set aside; lines that stand once in each are anchors; between them the lines are matched
exactly while that costs little, else the whole part counts as replaced, which is said.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Tag = Literal["equal", "replace", "delete", "insert"]
MAX_PRODUCT = 4_000_000
_DEPTH = 12


@dataclass(frozen=True, slots=True)
class Block:
    """Lines ``old[i1:i2]`` stand for ``new[j1:j2]``."""

    tag: Tag
    i1: int
    i2: int
    j1: int
    j2: int


@dataclass(frozen=True, slots=True)
class Matching:
    """The blocks of two texts, in order; ``is_capped`` says that a part was too long to be matched line by line."""

    blocks: tuple[Block, ...]
    is_capped: bool = False


def match(old: Sequence[str], new: Sequence[str]) -> Matching:
    """Match two sequences of lines.

    Args:
        old: lines.
        new: lines.
    """
    work = _Work(old, new)
    pairs = list(work.equal(0, len(old), 0, len(new), 0))
    return Matching(tuple(_blocks(pairs, len(old), len(new))), work.is_capped)


class _Work:
    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        self.old, self.new, self.is_capped = old, new, False

    def equal(self, i1: int, i2: int, j1: int, j2: int, depth: int) -> Iterator[tuple[int, int, int]]:
        """Equal runs within a part: (i, j, length), in order."""
        old, new = self.old, self.new
        head = 0
        while i1 + head < min(i2, i1 + j2 - j1) and old[i1 + head] == new[j1 + head]:
            head += 1
        if head:
            yield i1, j1, head
        i1, j1, tail = i1 + head, j1 + head, 0
        while tail < min(i2 - i1, j2 - j1) and old[i2 - tail - 1] == new[j2 - tail - 1]:
            tail += 1
        i2, j2 = i2 - tail, j2 - tail
        if i1 < i2 and j1 < j2:
            yield from self._inner(i1, i2, j1, j2, depth)
        if tail:
            yield i2, j2, tail

    def _inner(self, i1: int, i2: int, j1: int, j2: int, depth: int) -> Iterator[tuple[int, int, int]]:
        # The worst case of difflib is a product of three lengths, where one line is everywhere.
        if (i2 - i1) * (j2 - j1) <= MAX_PRODUCT and not self._is_repetitive(i1, i2, j1, j2):
            matcher = SequenceMatcher(None, self.old[i1:i2], self.new[j1:j2], autojunk=False)
            yield from ((i1 + a, j1 + b, n) for a, b, n in matcher.get_matching_blocks() if n)
            return
        anchors = self._anchors(i1, i2, j1, j2) if depth < _DEPTH else []
        if not anchors:
            self.is_capped = True
            return
        for i, j in [*anchors, (i2, j2)]:
            if i1 < i or j1 < j:
                yield from self.equal(i1, i, j1, j, depth + 1)
            if i < i2:
                yield i, j, 1
            i1, j1 = i + 1, j + 1

    def _is_repetitive(self, i1: int, i2: int, j1: int, j2: int) -> bool:
        there = Counter(self.new[j1:j2])
        return sum(there[line] for line in self.old[i1:i2]) > MAX_PRODUCT // 10

    def _anchors(self, i1: int, i2: int, j1: int, j2: int) -> list[tuple[int, int]]:
        """Lines that stand once in both parts, in the longest run that keeps their order."""
        one, two = Counter(self.old[i1:i2]), Counter(self.new[j1:j2])
        where = {self.new[j]: j for j in range(j1, j2) if two[self.new[j]] == 1}
        pairs = [(i, where[self.old[i]]) for i in range(i1, i2) if one[self.old[i]] == 1 and self.old[i] in where]
        ends: list[int] = []
        last: list[int] = []
        before: list[int] = []
        for number, (_, j) in enumerate(pairs):
            at = bisect_left(ends, j)
            ends[at : at + 1] = [j]
            last[at : at + 1] = [number]
            before.append(last[at - 1] if at else -1)
        chain, number = [], last[-1] if last else -1
        while number >= 0:
            chain.append(pairs[number])
            number = before[number]
        return chain[::-1]


def _blocks(pairs: Sequence[tuple[int, int, int]], olds: int, news: int) -> Iterator[Block]:
    i = j = 0
    for a, b, n in [*_joined(pairs), (olds, news, 0)]:
        if i < a and j < b:
            yield Block("replace", i, a, j, b)
        elif i < a:
            yield Block("delete", i, a, j, b)
        elif j < b:
            yield Block("insert", i, a, j, b)
        if n:
            yield Block("equal", a, a + n, b, b + n)
        i, j = a + n, b + n


def _joined(pairs: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Runs that touch, as one."""
    found: list[tuple[int, int, int]] = []
    for a, b, n in pairs:
        if found and found[-1][0] + found[-1][2] == a and found[-1][1] + found[-1][2] == b:
            found[-1] = (found[-1][0], found[-1][1], found[-1][2] + n)
        else:
            found.append((a, b, n))
    return found
