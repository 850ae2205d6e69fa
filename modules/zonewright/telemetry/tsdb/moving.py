"""Whole hours of live readings go to a time-series database: written, read back exactly, and removed here a run later.

Such a database says that it took samples before they are on its disk. So nothing is removed in the run that wrote it:
the next one, an hour later, reads it once more.

Hours with imported or corrected readings stay here, and so does each meter's newest reading, what the journal has not
been told of, and what a floating-point number at a millisecond cannot hold.
"""

import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from zonewright.telemetry.home import Statements, TelemetryHome, TsdbFaultError
from zonewright.telemetry.register_lines import READINGS_HEAD, digest_of_lines, reading_line
from zonewright.telemetry.summing import HOUR_US, moment
from zonewright.telemetry.tsdb.far import FarHour, read_run
from zonewright.telemetry.tsdb.hours import FarRow, fits, series_of
from zonewright.telemetry.tsdb.interface import TimeSeries, Tsdb

_HOURS = 500
_READINGS = 50_000
_TRIES = 20
_WAIT_S = 1.0
_FIRST_S = 1.5
"""VictoriaMetrics shows new series a second after it took them; whoever asks before that waits ten more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What became of hours that are old enough.

    Attributes:
        hours: went there.
        readings: of them.
        stayed: hours that cannot go.
    """

    hours: int = 0
    readings: int = 0
    stayed: int = 0

    def __add__(self, other: "Moved") -> "Moved":
        return Moved(
            hours=self.hours + other.hours,
            readings=self.readings + other.readings,
            stayed=self.stayed + other.stayed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Going:
    """An hour that may go."""

    key: int
    site: str
    name: str
    hour: FarHour
    rows: Sequence[FarRow]


def move(
    home: TelemetryHome, before_us: int, *, sleep: Callable[[float], None] = time.sleep, most: int | None = None
) -> Moved:
    """Have the readings of hours that ended before a time lie in the time-series database of their store.

    Hours that an earlier call wrote are read back and removed; the others are written, and removed by the next call.
    Who is killed in between has written some hours there once more, with the very same samples, or has removed hours
    that were read back. Where some cannot go, the others do.

    Args:
        home: the readings.
        before_us: microseconds since 1970.
        sleep: waits for some seconds.
        most: so many hours at most; None for all.

    Raises:
        TsdbFaultError: when it did not take them, or does not give them back; they stay where they were.
    """
    tsdb, done, after = home.tsdb, Moved(), (-(2**62), 0)
    faults: list[TsdbFaultError] = []
    if tsdb is None or not home.is_there():
        return done
    with home.alone("moving") as is_alone:
        while is_alone and (most is None or done.hours < most):
            with home.reading() as connection:
                page, going = _page(connection, before_us, after)
            if not page:
                break
            after = page[-1]
            done += Moved(stayed=len(page) - len(going))
            if going:
                try:
                    done += _go(home, tsdb, going, sleep)
                except TsdbFaultError as error:
                    faults.append(error)
    if faults:
        raise faults[0]
    return done


def _go(home: TelemetryHome, tsdb: Tsdb, going: Sequence[_Going], sleep: Callable[[float], None]) -> Moved:
    """Remove the hours that an earlier run wrote, and write the others."""
    store = _identity(home)
    back, left = _compared(tsdb, store, going)
    done = _remove(home, back) + Moved(stayed=len(going) - len(back))
    if left:
        _write(tsdb, store, left)
        _read_back(tsdb, store, left, sleep)
    return done


def _compared(tsdb: Tsdb, store: str, going: Sequence[_Going]) -> tuple[list[_Going], list[_Going]]:
    """The hours that are there exactly, and those that are not there.

    One that is there with more readings is neither: it had come back, and some of them were removed since.
    """
    back, left = list[_Going](), list[_Going]()
    for run in _runs(going):
        found = read_run(tsdb, store, run[0].key, [one.hour for one in run])
        for one in run:
            own = [tuple(row) for row in one.rows]
            if own in found[one.hour.begin_us]:
                back.append(one)
            elif not any(set(own) <= set(rows) for rows in found[one.hour.begin_us]):
                left.append(one)
    return back, left


def _page(connection: Statements, before_us: int, after: tuple[int, int]) -> tuple[list[tuple[int, int]], list[_Going]]:
    """The next hours that are old enough, in order of time, and those of them that can go."""
    query = (
        "select d.begin_us, d.meter, m.site, m.name, m.kind, d.readings, d.digest from delivery d "
        "join meter m on m.id = d.meter join delivering p on p.id = d.delivering "
        "where d.dirty = 0 and d.readings > 0 and p.entry <> '' and d.begin_us <= ? "
        "and (d.begin_us > ? or d.begin_us = ? and d.meter > ?) "
        "and not exists (select 1 from moved v where v.meter = d.meter and v.begin_us = d.begin_us) "
        "and not exists (select 1 from stretch t where t.meter = d.meter and t.begin_us <= d.begin_us "
        "and t.end_us > d.begin_us) order by 1, 2 limit ?"
    )
    values = (before_us - HOUR_US, after[0], after[0], after[1], _HOURS)
    page: list[tuple[int, int]] = []
    going: list[_Going] = []
    count = 0
    for begin, key, site, name, kind, readings, digest in connection.execute(query, values).fetchall():
        if page and count + readings > _READINGS:
            break
        page.append((begin, key))
        rows = _rows_that_fit(connection, key, begin, (name, kind), readings, digest)
        if rows:
            hour = FarHour(begin, rows[0][1], rows[-1][1], rows[0][3], readings, digest)
            going.append(_Going(key=key, site=site, name=name, hour=hour, rows=rows))
            count += readings
    return page, going


def _rows_that_fit(  # noqa: PLR0917 - private
    connection: Statements, key: int, begin_us: int, meter: tuple[str, str], readings: int, digest: str
) -> list[FarRow]:
    """The readings of an hour that can go; none where one of them has to stay. An imported one is not in the digest."""
    if not _is_plain(connection, key, begin_us):
        return []
    query = (
        "select start_us, time_us, micro, trust from reading where meter = ? and time_us >= ? and time_us < ? "
        "order by time_us"
    )
    rows: list[FarRow] = connection.execute(query, (key, begin_us, begin_us + HOUR_US)).fetchall()
    if len(rows) != readings or len({row[3] for row in rows}) != 1 or not fits(rows):
        return []
    own, _ = digest_of_lines(READINGS_HEAD, (reading_line((*meter, *row)) for row in rows))
    return rows if own == digest else []


def _is_plain(connection: Statements, key: int, begin_us: int) -> bool:
    """Whether nothing of an hour was corrected, and there are readings after it."""
    end_us = begin_us + HOUR_US
    query = (
        "select exists (select 1 from reading where meter = ? and time_us >= ?), "
        "exists (select 1 from superseded where meter = ? and time_us >= ? and time_us < ?)"
    )
    has_later, is_corrected = connection.execute(query, (key, end_us, key, begin_us, end_us)).fetchone()
    return bool(has_later) and not is_corrected


def _identity(home: TelemetryHome) -> str:
    """What tells the series of this store from those of another one in the same database."""
    with home.writing("readings") as connection:
        row = connection.execute("select name from moving").fetchone()
        if row is None:
            row = (secrets.token_hex(8),)
            connection.execute("insert into moving values (?)", row)
    return str(row[0])


def _write(tsdb: Tsdb, store: str, going: Sequence[_Going]) -> None:
    """Write hours, in order of time within each series."""
    groups: dict[tuple[int, str], list[_Going]] = defaultdict(list)
    for one in going:
        groups[one.key, one.hour.trust].append(one)
    found: list[TimeSeries] = []
    for (key, _), some in groups.items():
        labels = {"store": store, "meter_id": str(key), "site": some[0].site, "meter": some[0].name}
        found += series_of(labels, (row for one in some for row in one.rows))
    tsdb.write(found)


def _read_back(tsdb: Tsdb, store: str, going: Sequence[_Going], sleep: Callable[[float], None]) -> None:
    """Have the hours that were written be read back exactly, within some seconds.

    Raises:
        TsdbFaultError: when readings are not given back.
    """
    left = list(going)
    sleep(_FIRST_S)
    for _ in range(_TRIES):
        _, left = _compared(tsdb, store, left)
        if not left:
            return
        sleep(_WAIT_S)
    one = left[0]
    raise TsdbFaultError(
        f"{tsdb.name} took readings of meter {one.name} of {one.site} and does not give the same back; hours from "
        f"{moment(one.hour.begin_us)} on stay where they are; does it keep samples that are this old, and out of order?"
    )


def _runs(going: Sequence[_Going]) -> Iterator[list[_Going]]:
    """Hours of one meter and trust class, less than a day apart."""
    groups: dict[tuple[int, str, int], list[_Going]] = defaultdict(list)
    for one in going:
        groups[one.key, one.hour.trust, one.hour.begin_us // (24 * HOUR_US)].append(one)
    yield from groups.values()


def _remove(home: TelemetryHome, going: Sequence[_Going]) -> Moved:
    """Remove hours here that nobody has changed meanwhile."""
    hours = readings = 0
    with home.writing("readings") as connection:
        for one in going:
            begin, end = one.hour.begin_us, one.hour.begin_us + HOUR_US
            query = (
                "select (select count(*) from reading where meter = ? and time_us >= ? and time_us < ?), "
                "(select count(*) from delivery where meter = ? and begin_us = ? and dirty = 0 and digest = ?)"
            )
            values = (one.key, begin, end, one.key, begin, one.hour.digest)
            same = connection.execute(query, values).fetchone() == (one.hour.readings, 1)
            if same and _is_plain(connection, one.key, begin):
                query = "delete from reading where meter = ? and time_us >= ? and time_us < ?"
                connection.execute(query, (one.key, begin, end))
                row = (one.key, begin, one.hour.first_us, one.hour.last_us, one.hour.trust)
                connection.execute("insert into moved values (?, ?, ?, ?, ?)", row)
                hours, readings = hours + 1, readings + one.hour.readings
    return Moved(hours=hours, readings=readings, stayed=len(going) - hours)
