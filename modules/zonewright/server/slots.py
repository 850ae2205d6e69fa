"""How many uploads are read or stored at the same time: in all, and of each agent, so that none takes every slot."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Slots:
    """Slots of one kind of upload. Not for several threads: an event loop's.

    Args:
        total: how many there are.
        each: how many one agent may have.
    """

    def __init__(self, *, total: int, each: int) -> None:
        self._total, self._each = total, each
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken_by(self, agent: str) -> Iterator[bool]:
        """Hold a slot; false where there is none or the agent has its share: it keeps what it has and comes again."""
        if self._taken.total() >= self._total or self._taken[agent] >= self._each:
            yield False
            return
        self._taken[agent] += 1
        try:
            yield True
        finally:
            self._taken[agent] -= 1
            if not self._taken[agent]:
                del self._taken[agent]
