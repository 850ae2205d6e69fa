"""What one principal may have of a service at a time, so that none keeps the others waiting, whatever it sends.

Nothing here refuses for good: who is told to come again has asked for nothing yet.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, ParamSpec, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter

from zonewright.errors import Exit, ZonewrightError
from zonewright.ledger.transport.slots import Slots

BURST_S = 10.0
"""For so many seconds it may have saved them."""
AT_ONCE, MOST_AT_ONCE = 64, 1024
"""Requests of a principal, and of all, that are read, wait or are carried out."""
LARGE = 4 * 1024**2
LARGE_AT_ONCE, MOST_LARGE_AT_ONCE = 4, 16
"""Of these, those with more than ``LARGE`` bytes: so all of them together fit in memory."""
THREADS, THREADS_OF_ONE, THREADS_FOR_WHO = 40, 16, 8
"""Verbs that are carried out at the same time: in all, of one principal; and how many look up who calls."""
PaceLimit = Literal["rate", "at-once", "large"]

P = ParamSpec("P")
T = TypeVar("T")


class PaceError(ZonewrightError):
    """A principal has its share already; nothing was done, and the same request may be sent again.

    Attributes:
        limit: which one.
        wait_s: after how many seconds to come again.
        is_read: whether the request was read to its end, so that the connection can be used for the next.
    """

    exit_code = Exit.NOT_DECIDED

    def __init__(self, limit: PaceLimit, sentence: str, *, wait_s: int = 1, is_read: bool = False) -> None:
        super().__init__(f"{sentence}; nothing was decided; send it again in {wait_s} s")
        self.limit, self.wait_s, self.is_read = limit, wait_s, is_read


@dataclass(slots=True)
class _Share:
    """What is kept of one principal."""

    lane: CapacityLimiter
    saved: float
    at_s: float


@dataclass(slots=True)
class Paces:
    """The shares of all principals. Not for several threads: an event loop's.

    Attributes:
        calls_per_s: how many calls each may make in a second, in the mean; 0 for any number.
        clock_s: a clock that only rises, in seconds.
    """

    calls_per_s: float = 0.0
    clock_s: Callable[[], float] = time.monotonic
    _all: Slots = field(default_factory=lambda: Slots(total=MOST_AT_ONCE, each=AT_ONCE))
    _large: Slots = field(default_factory=lambda: Slots(total=MOST_LARGE_AT_ONCE, each=LARGE_AT_ONCE))
    _threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(THREADS))
    _for_who: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(THREADS_FOR_WHO))
    _shares: dict[str, _Share] = field(default_factory=dict)

    @contextmanager
    def one_of(self, principal: str) -> Iterator[Callable[[int], None]]:
        """Hold a place for a request until it is answered; gives what is to be told how long its body is so far.

        Raises:
            PaceError: when the principal has as many already, also when the body turns out to be a large one.
        """
        with ExitStack() as held:
            if not held.enter_context(self._all.taken_by(principal)):
                raise PaceError("at-once", f"principal '{principal}' has {AT_ONCE} requests here, or all have too many")
            is_large = False

            def grown(size: int) -> None:
                nonlocal is_large
                if size > LARGE and not is_large:
                    is_large = held.enter_context(self._large.taken_by(principal))
                    if not is_large:
                        sentence = (
                            f"principal '{principal}' has {LARGE_AT_ONCE} large requests here, or all have too many"
                        )
                        raise PaceError("large", sentence)

            yield grown

    def require_pace(self, principal: str) -> None:
        """Count one call of a principal.

        Raises:
            PaceError: when it has made too many.
        """
        if not self.calls_per_s:
            return
        share, now_s = self._share(principal), self.clock_s()
        most = self.calls_per_s * BURST_S
        share.saved = min(most, share.saved + (now_s - share.at_s) * self.calls_per_s)
        share.at_s = now_s
        if share.saved < 1:
            sentence = f"principal '{principal}' makes more than {self.calls_per_s:g} calls a second"
            raise PaceError("rate", sentence, is_read=True)
        share.saved -= 1

    async def in_thread(self, principal: str, function: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        """Carry out in a thread what blocks; who has all of its threads at work waits for one of its own."""
        async with self._share(principal).lane:
            return await anyio.to_thread.run_sync(partial(function, *args, **more), limiter=self._threads)

    async def asking_who(self, function: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        """Look up who calls, in threads that no verb takes: until then it is nobody's share."""
        return await anyio.to_thread.run_sync(partial(function, *args, **more), limiter=self._for_who)

    def _share(self, principal: str) -> _Share:
        """Of a principal that has access: there are as many as an administrator made."""
        if principal not in self._shares:
            saved = self.calls_per_s * BURST_S
            self._shares[principal] = _Share(CapacityLimiter(THREADS_OF_ONE), saved, self.clock_s())
        return self._shares[principal]
