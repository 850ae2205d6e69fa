"""Hours of readings that lie in a time-series database: read as if they were here, and brought back before a change.

What it gives counts only where it is what went there: as many readings as the row of the hour says, with the digest
that the journal has of them.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from zonewright.model.base import TrustClass
from zonewright.telemetry.home import Statements, TsdbFaultError, TsdbLostError
from zonewright.telemetry.register_lines import READINGS_HEAD, digest_of_lines, reading_line
from zonewright.telemetry.summing import HOUR_US, moment
from zonewright.telemetry.tsdb.hours import FarRow, rows_of
from zonewright.telemetry.tsdb.interface import TimeSeries, Tsdb

_AT_ONCE = 50_000
"""Readings that one query gives, about a megabyte."""
_APART_US = 24 * HOUR_US


class FarHour(NamedTuple):
    """An hour of one meter whose readings lie elsewhere.

    Attributes:
        begin_us: its begin.
        first_us: time of its first reading.
        last_us: time of its last one.
        trust: trust class of all of them.
        readings: how many there are.
        digest: of their lines, as the journal has it.
    """

    begin_us: int
    first_us: int
    last_us: int
    trust: TrustClass
    readings: int
    digest: str


def far_hours(connection: Statements, key: int, low_us: int, high_us: int) -> list[FarHour]:
    """The hours elsewhere with readings from one time to another, both inside, in order."""
    query = (
        "select v.begin_us, v.first_us, v.last_us, v.trust, d.readings, d.digest from moved v join delivery d "
        "on d.meter = v.meter and d.begin_us = v.begin_us where v.meter = ? and v.begin_us > ? and v.begin_us <= ? "
        "and v.last_us >= ? and v.first_us <= ? order by 1"
    )
    values = (key, low_us - HOUR_US, high_us, low_us, high_us)
    return [FarHour(*row) for row in connection.execute(query, values)]


def far_rows(connection: Statements, key: int, hours: Sequence[FarHour]) -> list[FarRow]:
    """The readings of hours of one meter, in order of time.

    Raises:
        TsdbFaultError: when they cannot be had, or are not what went there.
    """
    if not hours:
        return []
    tsdb = connection.tsdb
    site, name, kind = connection.execute("select site, name, kind from meter where id = ?", (key,)).fetchone()
    if tsdb is None:
        raise TsdbFaultError(
            f"readings of meter {name} of {site} were moved to a time-series database, and the file that says which is "
            "missing; bring it back beside the ledger (its name ends with .tsdb.yaml)"
        )
    store = str(connection.execute("select name from moving").fetchone()[0])
    found: list[FarRow] = []
    for run in _runs(hours):
        rows = read_run(tsdb, store, key, run)
        for hour in run:
            count = 0
            for own in rows[hour.begin_us]:
                digest, count = digest_of_lines(READINGS_HEAD, (reading_line((name, kind, *row)) for row in own))
                if (count, digest) == (hour.readings, hour.digest):
                    found += own
                    break
            else:
                what = (
                    f"other readings of meter {name} of {site} than went there"
                    if count == hour.readings
                    else f"{count:,} of the {hour.readings:,} readings of meter {name} of {site}"
                )
                raise TsdbLostError(
                    f"{tsdb.name} holds {what}, for the hour from {moment(hour.begin_us)}; restore its backup, or "
                    "decide that the hour is lost (zonewright pue lost)"
                )
    return found


def read_run(tsdb: Tsdb, store: str, key: int, run: Sequence[FarHour]) -> dict[int, list[list[FarRow]]]:
    """What a time-series database has of a meter from the first to the last of some hours, by the begin of the hour.

    A site may have been renamed since, so what was written under each pair of names is apart. After a store was put
    back, another meter may have the number, too: which of them is meant, the digest says.
    """
    begin, end = run[0].begin_us, run[-1].begin_us + HOUR_US
    labels = {"store": store, "meter_id": str(key), "trust": run[0].trust}
    named: dict[tuple[str, str], list[TimeSeries]] = defaultdict(list)
    for one in tsdb.read(labels, begin // 1_000, end // 1_000):
        named[one.labels.get("site", ""), one.labels.get("meter", "")].append(one)
    found: dict[int, list[list[FarRow]]] = defaultdict(list)
    for series in named.values():
        hours: dict[int, list[FarRow]] = defaultdict(list)
        for row in rows_of(series, run[0].trust):
            hours[row[1] // HOUR_US * HOUR_US].append(row)
        for hour, rows in hours.items():
            found[hour].append(rows)
    return found


def _runs(hours: Sequence[FarHour]) -> Iterator[list[FarHour]]:
    """Hours of one trust class that are asked for at once: close to each other, and not too many readings."""
    run: list[FarHour] = []
    count = 0
    for hour in hours:
        is_far = run and hour.begin_us - run[-1].begin_us > _APART_US
        if run and (is_far or hour.trust != run[0].trust or count + hour.readings > _AT_ONCE):
            yield run
            run, count = [], 0
        run.append(hour)
        count += hour.readings
    if run:
        yield run


def rows_between(connection: Statements, key: int, low_us: int, high_us: int) -> list[FarRow]:
    """The readings of a meter from one time to another, both inside, wherever they lie, in order of time."""
    query = (
        "select start_us, time_us, micro, trust from reading "
        "where meter = ? and time_us between ? and ? order by time_us"
    )
    near: list[FarRow] = [*connection.execute(query, (key, low_us, high_us)).fetchall()]
    hours = far_hours(connection, key, low_us, high_us)
    if not hours:
        return near
    far = [row for row in far_rows(connection, key, hours) if low_us <= row[1] <= high_us]
    return sorted([*near, *far], key=_time)


def rows_around(connection: Statements, key: int, low_us: int, high_us: int) -> list[FarRow]:
    """The same, and the nearest readings on both sides."""
    query = (
        "select (select max(time_us) from reading where meter = ? and time_us <= ?), "
        "(select max(first_us) from moved where meter = ? and first_us <= ?), "
        "(select min(time_us) from reading where meter = ? and time_us >= ?), "
        "(select min(last_us) from moved where meter = ? and last_us >= ?)"
    )
    values = (key, low_us, key, low_us, key, high_us, key, high_us)
    bounds = connection.execute(query, values).fetchone()
    before = [one for one in bounds[:2] if one is not None]
    after = [one for one in bounds[2:] if one is not None]
    rows = rows_between(connection, key, max(before, default=low_us), min(after, default=high_us))
    first = max((row[1] for row in rows if row[1] <= low_us), default=low_us)
    last = min((row[1] for row in rows if row[1] >= high_us), default=high_us)
    return [row for row in rows if first <= row[1] <= last]


def rows_before(connection: Statements, key: int, time_us: int, most: int) -> list[FarRow]:
    """The last readings of a meter before a time, at most so many, in order of time."""
    query = (
        "select start_us, time_us, micro, trust from reading where meter = ? and time_us < ? "
        "order by time_us desc limit ?"
    )
    near: list[FarRow] = [*reversed(connection.execute(query, (key, time_us, most)).fetchall())]
    low_us, count = time_us, -1
    query = (
        "select v.first_us, d.readings from moved v join delivery d on d.meter = v.meter and d.begin_us = v.begin_us "
        "where v.meter = ? and v.first_us < ? order by v.begin_us desc"
    )
    for first_us, readings in connection.execute(query, (key, time_us)):
        low_us, count = (
            first_us,
            count + readings if count >= 0 else 0,
        )  # a part of the first one may lie after the time
        if count >= most:
            break
    far = [row for row in far_rows(connection, key, far_hours(connection, key, low_us, time_us)) if row[1] < time_us]
    return sorted([*near, *far], key=_time)[-most:]


def recall(connection: Statements, key: int, low_us: int, high_us: int) -> int:
    """Bring back the hours of a meter with times from one to another, both inside; gives how many.

    Args:
        connection: a writing transaction.
        key: the meter.
        low_us: the first time.
        high_us: the last one.

    Raises:
        TsdbFaultError: when they cannot be had; nothing was changed.
    """
    query = "select min(begin_us), max(begin_us) from moved where meter = ? and begin_us > ? and begin_us <= ?"
    low, high = connection.execute(query, (key, low_us - HOUR_US, high_us)).fetchone()
    if low is None:
        return 0
    hours = far_hours(connection, key, low, high + HOUR_US - 1)
    rows = far_rows(connection, key, hours)
    connection.add_rows("reading", [(key, time_us, start, micro, trust) for start, time_us, micro, trust in rows])
    connection.executemany("delete from moved where meter = ? and begin_us = ?", [(key, one.begin_us) for one in hours])
    return len(hours)


def _time(row: FarRow) -> int:
    return row[1]
