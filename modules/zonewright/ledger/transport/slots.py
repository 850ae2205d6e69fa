"""How many requests are read or answered at a time: in all, and of each sender, so that none takes every slot."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Slots:
    """Slots of one kind of request. Not for several threads: an event loop's.

    Args:
        total: how many there are.
        each: how many one sender may have: an agent, or a principal.
    """

    def __init__(self, *, total: int, each: int) -> None:
        self._total, self._each = total, each
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken_by(self, sender: str) -> Iterator[bool]:
        """Hold a slot; false where there is none or the sender has its share: it keeps what it has and comes again."""
        if self._taken.total() >= self._total or self._taken[sender] >= self._each:
            yield False
            return
        self._taken[sender] += 1
        try:
            yield True
        finally:
            self._taken[sender] -= 1
            if not self._taken[sender]:
                del self._taken[sender]
