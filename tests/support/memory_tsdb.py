"""A time-series database in memory, held to the contract of Prometheus and VictoriaMetrics; it fails on demand."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zonewright.model.base import TrustClass
from zonewright.pue import MeterSpec, Reading
from zonewright.telemetry import Appended, Store
from zonewright.telemetry.delivering import Delivery, mark
from zonewright.telemetry.home import TsdbFaultError
from zonewright.telemetry.noting import JournalNote
from zonewright.telemetry.tables import readings_file
from zonewright.telemetry.tsdb.client import HttpTsdb
from zonewright.telemetry.tsdb.interface import TimeSeries, Tsdb
from zonewright.telemetry.tsdb.moving import Moved, move

FOREVER_US = 2**61
_HOUR_MS = 3_600_000


class MemoryTsdb:
    """Series in memory.

    Attributes:
        fault: what happens to an answer; None gives it as it is.
        asked: how many queries there were.
    """

    def __init__(self) -> None:
        self.name = "the time-series database in memory"
        self.series: dict[tuple[tuple[str, str], ...], dict[int, dict[int, int]]] = {}
        self.fault: Callable[[list[TimeSeries]], list[TimeSeries]] | None = None
        self.asked = 0

    def write(self, series: Sequence[TimeSeries]) -> None:
        """Take samples."""
        for one in series:
            held = self.series.setdefault(tuple(sorted(one.labels.items())), {})
            for time_ms, value in one.samples:
                if held.setdefault(time_ms // _HOUR_MS, {}).setdefault(time_ms, value) != value:
                    raise TsdbFaultError("there is another sample at this time")

    def read(self, labels: Mapping[str, str], start_ms: int, end_ms: int) -> list[TimeSeries]:
        """Give samples by range."""
        self.asked += 1
        found = []
        for key, held in self.series.items():
            if labels.items() <= dict(key).items():
                hours = (held.get(hour, {}) for hour in range(start_ms // _HOUR_MS, end_ms // _HOUR_MS + 1))
                samples = sorted(one for hour in hours for one in hour.items() if start_ms <= one[0] < end_ms)
                if samples:
                    found.append(TimeSeries(dict(key), samples))
        return found if self.fault is None else self.fault(found)


class FarStore(Store):
    """A store of readings whose hours go to a time-series database as soon as they are stored.

    Args:
        folder: where its file is made.
        name: of the file.
        tsdb: the database.
        sleep: waits until it shows what it took; one in memory does so at once.
    """

    def __init__(
        self, folder: Path, tsdb: Tsdb, sleep: Callable[[float], None] | None = None, *, name: str = "t.db"
    ) -> None:
        self.home = readings_file(folder / name)
        self.home.tsdb = tsdb
        super().__init__(self.home, create=True)
        self.moved = Moved()
        self._sleep = sleep or (time.sleep if isinstance(tsdb, HttpTsdb) else lambda _seconds: None)

    def append(
        self,
        site: str,
        meters: Mapping[str, MeterSpec],
        readings: Mapping[str, Sequence[Reading]],
        *,
        trust: TrustClass,
        intake: Any = None,
    ) -> Appended:
        """Store readings as a feeder does, have a journal know of them, and let go all that can."""
        done = super().append(site, meters, readings, trust=trust, intake=intake)
        self.let_go(site, readings)
        return done

    def let_go(self, site: str, readings: Mapping[str, Sequence[Reading]]) -> None:
        """Mark hours as live ones, have a journal know of them, and move all that can go."""
        with self.writing() as connection:
            rows = connection.execute("select name, id from meter where site = ?", (site,)).fetchall()
            for name, key in rows:
                mark(connection, key, (item.time_us for item in readings.get(name, ())))
        self.tell_deliveries(_kept)
        for _ in range(2):  # what the first one writes, the second one finds and removes
            self.moved += move(self.home, FOREVER_US, sleep=self._sleep)


def _kept(_found: Mapping[str, list[Delivery]], note: JournalNote) -> None:
    note.keep('{"sequence": 1}')
