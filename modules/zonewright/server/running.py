"""Serves until it is told to stop, and once a day removes what is older than it is to be kept."""

import gc
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette

from zonewright.telemetry import Store
from zonewright.telemetry.samples import Samples

_GRACE_S, _STOP_S = 10, 5
_DAY_S = 86_400.0
_US, _NS = 10**6, 10**9


class _Server(uvicorn.Server):
    """uvicorn ends a process by the signal that stopped it, before anything could be closed; this one returns."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT while serving, and do not raise them again afterwards."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(app: Starlette, listener: socket.socket) -> None:
    """Serve on a bound socket; returns after SIGTERM or SIGINT, when what is in flight has been answered."""
    # A batch is thousands of small objects that all go at once: collecting as often as usual takes a third of the time.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=_GRACE_S)
    _Server(config).run(sockets=[listener])


class Retention:
    """Removes old readings and samples at the begin and once a day, in a thread of its own.

    Args:
        telemetry: file of the readings of meters; it may be missing.
        samples: what agents report.
        keep_days: how long readings and samples are kept; 0 keeps all.
        say: takes a sentence about what was done or failed.
    """

    def __init__(self, telemetry: Path, samples: Samples, *, keep_days: int, say: Callable[[str], None]) -> None:
        self._telemetry, self._samples, self._keep_days, self._say = telemetry, samples, keep_days, say
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    def __enter__(self) -> Self:
        if self._keep_days:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)  # what is left of a long removal is rolled back, and done the next time

    def once(self, now_s: float) -> None:
        """Remove what is too old at a time."""
        before_s = int(now_s) - int(self._keep_days * _DAY_S)
        try:
            readings = Store(self._telemetry).prune(before_s * _US) if self._telemetry.is_file() else 0
            samples = self._samples.prune(before_s * _NS)
        except Exception as error:  # noqa: BLE001 - such as a locked file; it is tried again the next day
            if not self._stop.is_set():
                self._say(f"nothing was removed: {error}")
            return
        if readings or samples:
            self._say(f"removed {readings:,} readings and {samples:,} samples older than {self._keep_days} days")

    def _run(self) -> None:
        self.once(time.time())
        while not self._stop.wait(_DAY_S):
            self.once(time.time())
