"""Has older readings go to a time-series database every hour, in a thread of its own: a slow one stops nothing."""

import time
from collections.abc import Callable

from zonewright.errors import reason_of
from zonewright.rules.words import count_of
from zonewright.server.periodic import Periodic
from zonewright.telemetry.home import TelemetryHome
from zonewright.telemetry.tsdb.moving import move
from zonewright.telemetry.tsdb.settings import TsdbSettings

PERIOD_S = 3_600.0
_US = 10**6


class MovingReadings(Periodic):
    """Moves what is old enough at the begin and every hour.

    Args:
        home: the readings.
        settings: which database, and how old; None moves nothing.
        say: takes a sentence about what was done or failed.
    """

    def __init__(self, home: TelemetryHome, settings: TsdbSettings | None, *, say: Callable[[str], None]) -> None:
        self._home, self._settings, self._say = home, settings, say
        super().__init__("moving-readings", every_s=PERIOD_S, is_wanted=settings is not None)

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

    def _round(self) -> None:
        self.once(time.time())
