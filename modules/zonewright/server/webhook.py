"""Sends what is spooled to a webhook, oldest first, in a thread of its own: one that is away stops nothing else."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from urllib3 import BaseHTTPResponse, PoolManager
from urllib3.exceptions import HTTPError

from zonewright.errors import reason_of
from zonewright.seal.event import MEDIA_TYPE
from zonewright_agent.spool import Spool

MOST_BYTES = 64 * 1024**2
"""Of events that wait, on the disk; the oldest go first, and how many is said."""
_TIMEOUT_S, _STOP_S = 10.0, 2.0
_BASE_S, _LONGEST_S = 1.0, 300.0
_OK_FROM, _OK_BELOW = 200, 300
_NEVER = (400, 410, 413, 415, 422)
"""It will never take this event; sent again and again it would hold back all others."""


class Webhook:
    """A webhook and what waits for it.

    Args:
        url: where it is.
        folder: where events wait.
        token: bearer token, or empty.
        say: takes a sentence about what could not be sent.
        chance: 0 to 1, so that many do not come again at one moment.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        *,
        token: str = "",
        say: Callable[[str], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._url, self._say, self._chance = url, say, chance
        self.spool = Spool(folder, MOST_BYTES, first=time.time_ns() // 10**6)
        self._headers = {"content-type": MEDIA_TYPE} | ({"authorization": f"Bearer {token}"} if token else {})
        self._pool = PoolManager(timeout=_TIMEOUT_S, retries=False)
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
        self._failures, self._wait_s = 0, 0.0

    def put(self, text: str) -> None:
        """Keep an event for the webhook; it is on disk when this returns.

        Raises:
            OSError: when the disk takes nothing.
        """
        self.spool.put(text.encode())
        self._wake.set()

    def drain(self) -> bool:
        """Send what waits; whether all of it was taken."""
        return all(not self._stop.is_set() and self._one(number, body) for number, body in self.spool.pending())

    def _one(self, number: int, body: bytes) -> bool:
        try:
            answer = self._pool.request("POST", self._url, body=body, headers=self._headers, redirect=False)
        except (HTTPError, OSError) as error:
            return self._failed(f"{type(error).__name__}: {reason_of(error)[:200]}")
        if _OK_FROM <= answer.status < _OK_BELOW:
            self._failures = 0
            self.spool.acknowledge(number)
            return True
        if answer.status in _NEVER:
            self._say(f"the webhook will never take event {number}: it answered {answer.status}; it is dropped")
            self.spool.refuse(number)
            return True
        return self._failed(f"it answered {answer.status}", asked_s=_asked_s(answer))

    def _failed(self, why: str, asked_s: float = 0.0) -> bool:
        self._failures += 1
        limit_s = min(_LONGEST_S, _BASE_S * 2 ** min(self._failures, 16))
        self._wait_s = max(self._chance() * limit_s, asked_s)
        self._say(
            f"the webhook did not take an event ({why}); {len(self.spool):,} wait, tried again in {self._wait_s:.0f} s"
        )
        return False

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()  # before looking: what comes from now on sets it again
            try:
                is_done = self.drain()
            except OSError as error:
                is_done = self._failed(f"the spool: {reason_of(error)}")
            if is_done:
                self._wake.wait()
            else:
                self._stop.wait(self._wait_s)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._wake.set()
        self._thread.join(_STOP_S)  # what is left stays in the spool


def _asked_s(answer: BaseHTTPResponse) -> float:
    """Seconds that the webhook asks for, an hour at most."""
    text = answer.headers.get("retry-after", "")
    return min(float(text), 3_600.0) if text.isdigit() else 0.0
