"""Removing old readings: what goes is remembered by its digest, and so are the sums that stay in its place.

Whoever has kept what a meter showed can compare it with the digest; whoever changes a sum later is found by it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from zonewright.model.canonical import canonical_json
from zonewright.telemetry.home import Statements
from zonewright.telemetry.register_lines import READINGS_HEAD, SUMS_HEAD, digest_of_lines, reading_line, sum_line
from zonewright.telemetry.registers import EPOCH, MICROSECOND, month_of
from zonewright.telemetry.stored_sums import between, bins_of, left_of, removed_stretches, replace_bins, sum_days
from zonewright.telemetry.summing import DAY_US, Bin, complete_stretches
from zonewright.telemetry.tables import FOREVER, bring_back


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Removal:
    """Readings of one meter that were removed, within one month.

    Attributes:
        meter: id of the meter.
        begin_us: begin of the hours that are sums from now on, in microseconds since 1970.
        end_us: their end; the begin where only a reading between hours that were sums already went.
        readings: how many went.
        digest: of their lines, under ``READINGS_HEAD``.
        sums: digest of the lines of the hours, under ``SUMS_HEAD``.
    """

    meter: str
    begin_us: int
    end_us: int
    readings: int
    digest: str
    sums: str


def removals_text(removals: Sequence[Removal]) -> str:
    """The removals of one site in their canonical form, whose digest is recorded."""
    return canonical_json([asdict(one) for one in sorted(removals)])


def removals_in(data: Sequence[Mapping[str, Any]]) -> list[Removal]:
    """Removals from their canonical form.

    Raises:
        TypeError: when a field is missing or unknown.
    """
    return [Removal(**one) for one in data]


def untold(connection: Statements) -> dict[int, dict[str, list[Removal]]]:
    """What was removed and is not recorded yet, by its row of ``pruning`` and by site; new removals get one row."""
    if connection.execute("select 1 from removal where pruning is null limit 1").fetchone():
        number = connection.execute("insert into pruning (entry) values ('') returning id").fetchone()[0]
        connection.execute("update removal set pruning = ? where pruning is null", (number,))
    query = (
        "select p.id, m.site, m.name, r.begin_us, r.end_us, r.readings, r.digest, r.sums from pruning p "
        "join removal r on r.pruning = p.id join meter m on m.id = r.meter where p.entry = '' order by p.id"
    )
    found: dict[int, dict[str, list[Removal]]] = defaultdict(lambda: defaultdict(list))
    for number, site, *row in connection.execute(query):
        found[number][site].append(_removal(row))
    return {number: dict(by_site) for number, by_site in found.items()}


def _removal(row: Sequence[Any]) -> Removal:
    return Removal(meter=row[0], begin_us=row[1], end_us=row[2], readings=row[3], digest=row[4], sums=row[5])


def prune_meter(connection: Statements, key: int, before_us: int, partial: Collection[int]) -> int:
    """Keep of each stretch its first and its last reading: the pieces that reach beyond it begin and end there."""
    meter = connection.execute("select name, kind from meter where id = ?", (key,)).fetchone()
    removed = removed_stretches(connection, key, 0, FOREVER)
    until = max([before_us, *(end for _, end in removed)])
    bring_back(connection, key, -FOREVER, until)
    hours = bins_of(connection, "hourly", key, 0, until)
    count = 0
    for begin, end in complete_stretches(hours, until, left_of(partial, removed)):
        low, high = _going(connection, key, meter[1], begin, end)
        _remember(connection, key, meter, (begin, end), (low, high))
        count += connection.execute(f"delete from reading where {_GOES}", (key, low, high, begin)).rowcount  # noqa: S608 - no input
        connection.execute("delete from stretch where meter = ? and begin_us >= ? and end_us <= ?", (key, begin, end))
        connection.execute("insert into stretch values (?, ?, ?)", (key, begin, end))
    return count


_GOES = "meter = ? and time_us between ? and ? and (start_us is null or start_us >= ?)"


def _going(connection: Statements, key: int, kind: str, begin: int, end: int) -> tuple[int, int]:
    """Between which times the readings of a stretch go."""
    if kind == "interval":
        newest = connection.execute("select max(time_us) from reading where meter = ?", (key,)).fetchone()[0]
        return begin, min(end, newest - 1)
    query = "select min(time_us), max(time_us) from reading where meter = ? and time_us between ? and ?"
    first, last = connection.execute(query, (key, begin, end)).fetchone()
    return (begin, begin - 1) if first is None else (first + 1, last - 1)


def _remember(
    connection: Statements,
    key: int,
    meter: tuple[str, str],
    stretch: tuple[int, int],
    going: tuple[int, int],
) -> None:
    """Write down what of a stretch is about to go, for the hours that no removal has told of, month by month."""
    begin, end = stretch
    query = (
        "select begin_us, end_us from removal where meter = ? and begin_us < ? and end_us > ? and end_us > begin_us "
        "order by begin_us"
    )
    told = connection.execute(query, (key, end, begin)).fetchall()
    parts = [part for low, high in between(told, begin, end) for part in _months(low, high)] or [(end, end)]
    after = going[0]
    for number, (low, high) in enumerate(parts, 1):
        until = min(high, going[1]) if number < len(parts) else going[1]
        # One pair of bounds on the time: of two, SQLite seeks by one and reads all that the other one excludes.
        query = f"select start_us, time_us, micro, trust from reading where {_GOES} order by time_us"  # noqa: S608 - no input
        rows = ((*meter, *row) for row in connection.execute(query, (key, after, until, begin)))
        digest, count = digest_of_lines(READINGS_HEAD, map(reading_line, rows))
        after = max(after, until + 1)
        if count or low < high:
            hours = bins_of(connection, "hourly", key, low, high)
            sums, _ = digest_of_lines(SUMS_HEAD, (sum_line(meter[0], one.begin_us, one.energy_mj) for one in hours))
            connection.execute(
                "insert into removal values (?, ?, ?, ?, ?, ?, null)", (key, low, high, count, digest, sums)
            )


def _months(begin_us: int, end_us: int) -> Iterator[tuple[int, int]]:
    """A window cut where months (UTC) begin."""
    while begin_us < end_us:
        first = month_of(begin_us)
        after = (first + timedelta(days=32)).replace(day=1)
        cut = min(end_us, (after - EPOCH) // MICROSECOND)
        yield begin_us, cut
        begin_us = cut


def restore_meter(connection: Statements, key: int, hours: Sequence[Bin]) -> None:
    """Put hours in the place of what the readings that were left give for them."""
    replace_bins(connection, "hourly", key, hours)
    for begin, end in complete_stretches(hours, FOREVER):
        connection.execute("insert into stretch values (?, ?, ?)", (key, begin, end))
        low, high = begin // DAY_US * DAY_US, -(-end // DAY_US) * DAY_US
        sum_days(connection, key, low, high)
