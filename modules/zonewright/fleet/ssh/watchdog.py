"""Deadlines from outside: a thread that ends connections whose time is over, whatever they are waiting for.

Paramiko has no timeout for a peer that freezes in the midst of a transfer, and one for each call does not add up to
one for a host. So each connection is watched from here; ending it wakes everyone who waits for it.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable


class Watchdog:
    """Calls what ends a connection when its deadline has passed; many threads may use one."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: list[tuple[float, int]] = []
        self._ends: dict[int, Callable[[], None]] = {}
        self._tickets = itertools.count()
        self._thread: threading.Thread | None = None

    def watch(self, deadline: float, end: Callable[[], None]) -> int:
        """Call ``end``, which must not block, at this moment of ``time.monotonic()``; gives a ticket to call it off."""
        with self._condition:
            ticket = next(self._tickets)
            self._ends[ticket] = end
            heapq.heappush(self._waiting, (deadline, ticket))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="zonewright-watchdog", daemon=True)
                self._thread.start()
            self._condition.notify()
        return ticket

    def call_off(self, ticket: int) -> None:
        """The connection has ended by itself."""
        with self._condition:
            self._ends.pop(ticket, None)

    def close(self) -> None:
        """End the thread; what is still watched is not ended."""
        with self._condition:
            self._ends.clear()
            self._waiting.clear()
            thread, self._thread = self._thread, None
            self._condition.notify()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                if self._thread is not threading.current_thread():
                    return
                wait_s = self._waiting[0][0] - time.monotonic() if self._waiting else None
                if wait_s is None or wait_s > 0:
                    self._condition.wait(wait_s)
                    continue
                end = self._ends.pop(heapq.heappop(self._waiting)[1], None)
            if end is not None:
                end()
