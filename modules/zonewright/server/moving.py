"""Has older readings go to a time-series database every hour, in a thread of its own: a slow one stops nothing."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from zonewright.errors import reason_of
from zonewright.rules.words import count_of
from zonewright.telemetry.home import TelemetryHome
from zonewright.telemetry.tsdb.moving import move
from zonewright.telemetry.tsdb.settings import TsdbSettings

PERIOD_S = 3_600.0
_STOP_S = 5
_US = 10**6


class MovingReadings:
    """Moves what is old enough at the begin and every hour.

    Args:
        home: the readings.
        settings: which database, and how old; None moves nothing.
        say: takes a sentence about what was done or failed.
    """

    def __init__(self, home: TelemetryHome, settings: TsdbSettings | None, *, say: Callable[[str], None]) -> None:
        self._home, self._settings, self._say = home, settings, say
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="moving-readings", daemon=True)

    def __enter__(self) -> Self:
        if self._settings is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)  # what was not read back stays, and goes the next time

    def once(self, now_s: float) -> None:
        """Move what is old enough at a time; what fails is said, and tried again the next time."""
        if self._settings is None:
            return
        try:
            done = move(self._home, int(now_s) * _US - self._settings.after_us, sleep=self._wait)
        except Exception as error:  # noqa: BLE001 - whatever it is, readings stay and the next time comes
            self._say(f"older readings were not moved: {reason_of(error)}; they are tried again")
        else:
            if done.hours:
                self._say(f"{count_of(done.readings, 'reading')} were moved to {self._settings.tsdb.name}")

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise InterruptedError("the service ends")

    def _run(self) -> None:
        self.once(time.time())
        while not self._stop.wait(PERIOD_S):
            self.once(time.time())
