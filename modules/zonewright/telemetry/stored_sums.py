"""Energy by hour and by day as the store keeps it: made again where readings are added, and read for a window."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise, repeat

from zonewright.pue.history import LEAST_SAME_US, LEAST_STILL_US
from zonewright.pue.meters import MeterSpec
from zonewright.pue.pieces import LOOK_BACK, is_drop, pieces_of
from zonewright.pue.readings import Reading
from zonewright.telemetry.home import Statements
from zonewright.telemetry.interface import ConflictError
from zonewright.telemetry.summing import (
    DAY_US,
    HOUR_US,
    MICRO,
    MILLIJOULES_PER_WATT_HOUR,
    MOST_MJ,
    Bin,
    DayExtremes,
    Sum,
    TooManyReadingsError,
    as_reading,
    by_hour,
    moment,
)
from zonewright.telemetry.tables import FOREVER, fetch, fetch_before, value_of

_HALF = 2**32
"""Hours are added up in two halves: what meters say falsely may be more than a sum of the database can be."""
_FEW = 5_000
_REPEATS_MJ = 36_000
"""Two days of one value differ by no more than their rounding: a hundredth of a watt-hour."""


def parts_of(start_us: int, end_us: int) -> list[tuple[str, int, int]]:
    """A window as whole days, and the hours before and after them."""
    first_day, last_day = -(-start_us // DAY_US) * DAY_US, end_us // DAY_US * DAY_US
    if first_day > last_day:
        return [("hourly", start_us, end_us)]
    return [("hourly", start_us, first_day), ("daily", first_day, last_day), ("hourly", last_day, end_us)]


def partial_hours(connection: Statements, site: str, start_us: int = 0, end_us: int = FOREVER) -> set[int]:
    """Hours of a window that some meter of a site is known for in part only."""
    query = (
        "select distinct begin_us from hourly where meter in (select id from meter where site = ?) "
        "and begin_us >= ? and begin_us < ? and covered_us < ?"
    )
    return {row[0] for row in connection.execute(query, (site, start_us, end_us, HOUR_US))}


def needed(connection: Statements, key: int, start_us: int, end_us: int, partial: Collection[int]) -> list[Reading]:
    """What a window needs of a meter: its readings where something is known in part, sums of all other hours and days.

    Args:
        connection: to read from.
        key: the meter.
        start_us: begin of the window.
        end_us: its end.
        partial: hours that some meter of the site is known for in part; readings count there, if they are still there.
    """
    low, high = start_us // HOUR_US * HOUR_US, -(-end_us // HOUR_US) * HOUR_US
    removed = removed_stretches(connection, key, low, high)
    stretches = list(_without(_known_throughout(connection, key, low, high), left_of(partial, removed)))
    found: dict[int, Reading] = {}
    for begin, end in between(stretches, low, high):
        found.update({item.time_us: item for item in fetch(connection, key, begin, end)})
    past: list[Reading] = []
    if found:
        past = dips_before(connection, key, found[min(found)])
    sums = _sums_of(connection, key, stretches, has_days=True)
    return sorted([*past, *found.values(), *sums], key=lambda item: item.time_us)


def has_few(connection: Statements, key: int, start_us: int, end_us: int) -> bool:
    """Whether a meter has so few readings within a window that they are as quick to take as their sums."""
    query = (
        "select (select count(*) from (select 1 from reading where meter = ? and time_us between ? and ? limit ?) "
        "as few) + (select coalesce(sum(d.readings), 0) from moved v join delivery d on d.meter = v.meter "
        "and d.begin_us = v.begin_us where v.meter = ? and v.begin_us between ? and ?)"
    )
    values = (key, start_us, end_us, _FEW, key, start_us, end_us)
    return int(connection.execute(query, values).fetchone()[0]) < _FEW


def hours_of(spans: Collection[tuple[int, int]]) -> set[int]:
    """Begins of the hours of some stretches."""
    return {
        begin
        for low, high in spans
        for begin in range(low // HOUR_US * HOUR_US, -(-high // HOUR_US) * HOUR_US, HOUR_US)
    }


def summed(connection: Statements, key: int, kind: str, parts: Sequence[tuple[str, int, int]]) -> Sum:
    """Energy of a meter over the parts of a window, and what its days show at a glance."""
    energy = covered = 0
    days: DayExtremes | None = None
    for table, low, high in parts:
        if low < high:
            row = connection.execute(
                f"select cast(sum(energy_mj / {_HALF}) as bigint), "  # noqa: S608 - numbers and names of ours
                f"cast(sum(energy_mj - energy_mj / {_HALF} * {_HALF}) as bigint), "
                f"cast(sum(covered_us) as bigint), min(energy_mj), max(energy_mj) from {table} "
                "where meter = ? and begin_us >= ? and begin_us < ?",
                (key, low, high),
            ).fetchone()
            if row[0] is None:
                continue
            energy, covered = energy + row[0] * _HALF + row[1], covered + row[2]
            if table == "daily":
                days = DayExtremes(
                    row[3], row[4], repeats=kind == "gauge" and row[4] > 0 and _repeats(connection, key, low, high)
                )
    return Sum(energy, covered, days)


def _repeats(connection: Statements, key: int, low: int, high: int) -> bool:
    """Whether a gauge counted the same on two days in a row."""
    query = (
        "select 1 from daily a join daily b on b.meter = a.meter and b.begin_us = a.begin_us + ? where a.meter = ? "
        "and a.begin_us >= ? and a.begin_us < ? and abs(a.energy_mj - b.energy_mj) <= ? limit 1"
    )
    return connection.execute(query, (DAY_US, key, low, high - DAY_US, _REPEATS_MJ)).fetchone() is not None


def stood(connection: Statements, key: int, meter: MeterSpec, start_us: int, end_us: int) -> Iterator[tuple[int, int]]:
    """Runs of whole hours, long enough to be doubted, in which a meter counted nothing, or a gauge the same.

    The hours on both sides, which may belong to a stretch in part, are not among them. One that reaches to the begin of
    the window begins after the last hour before it that was different; one that never was is left out.

    Args:
        connection: to read from.
        key: the meter.
        meter: its declaration.
        start_us: begin of the window.
        end_us: its end.
    """
    runs: list[Bin] = []
    for one in bins_of(connection, "hourly", key, start_us, end_us):
        last = runs[-1] if runs else None
        is_next = last is not None and last.begin_us + last.covered_us == one.begin_us
        if last is not None and is_next and abs(last.energy_mj - one.energy_mj) <= 1 and one.covered_us == HOUR_US:
            runs[-1] = Bin(last.begin_us, last.energy_mj, last.covered_us + HOUR_US)
        else:
            runs.append(one)
    for run in runs:
        least = LEAST_STILL_US if run.energy_mj == 0 else LEAST_SAME_US
        if run.covered_us + 2 * HOUR_US < least or (run.energy_mj and meter.kind != "gauge"):
            continue
        begin: int | None = run.begin_us
        if run is runs[0] and run.begin_us - start_us < HOUR_US:
            query = "select max(begin_us) from hourly where meter = ? and begin_us < ? and abs(energy_mj - ?) > 1"
            before = connection.execute(query, (key, run.begin_us, run.energy_mj)).fetchone()[0]
            begin = None if before is None else before + HOUR_US
        if begin is not None:
            yield begin, run.begin_us + run.covered_us


def _known_throughout(connection: Statements, key: int, low: int, high: int) -> list[tuple[int, int]]:
    """Runs of hours of a meter within a window of whole hours that are known throughout.

    Like :func:`complete_stretches`, but a year is some 9,000 rows that only the database has to look at.
    """
    # Hours that follow one another differ from their row's number by the same.
    query = (
        "select min(begin_us), max(begin_us) + ? from (select begin_us, begin_us - ? * row_number() over "
        "(order by begin_us) as run from hourly where meter = ? and begin_us >= ? and begin_us < ? "
        "and covered_us = ?) as known group by run order by 1"
    )
    return connection.execute(query, (HOUR_US, HOUR_US, key, low, high, HOUR_US)).fetchall()


def _without(stretches: Sequence[tuple[int, int]], hours: Collection[int]) -> Iterator[tuple[int, int]]:
    """Stretches without some hours."""
    ordered = sorted(hours)
    for begin, end in stretches:
        start = begin
        for hour in ordered[bisect_left(ordered, begin) : bisect_left(ordered, end)]:
            if start < hour:
                yield start, hour
            start = hour + HOUR_US
        if start < end:
            yield start, end


def left_of(partial: Collection[int], removed: Sequence[tuple[int, int]]) -> set[int]:
    """Hours that are known in part and whose readings of a meter are still there."""
    return {begin for begin in partial if not any(low <= begin < high for low, high in removed)}


def between(stretches: Sequence[tuple[int, int]], low: int, high: int) -> Iterator[tuple[int, int]]:
    """What of a window lies outside of stretches."""
    for begin, end in stretches:
        if low < begin:
            yield low, begin
        low = end
    if low < high:
        yield low, high


def removed_stretches(connection: Statements, key: int, low: int, high: int) -> list[tuple[int, int]]:
    """Stretches within a window of whole hours whose readings were removed."""
    query = "select begin_us, end_us from stretch where meter = ? and begin_us < ? and end_us > ? order by begin_us"
    return [(max(begin, low), min(end, high)) for begin, end in connection.execute(query, (key, high, low))]


def bins_of(connection: Statements, table: str, key: int, low: int, high: int) -> list[Bin]:
    """Hours or days of a meter that begin within a window, in order."""
    query = (
        f"select begin_us, energy_mj, covered_us from {table} "  # noqa: S608 - one of two names
        "where meter = ? and begin_us >= ? and begin_us < ? order by begin_us"
    )
    rows = connection.execute(query, (key, low, high))
    return [*map(tuple.__new__, repeat(Bin), rows)]  # a year of hours are thousands: half the time of ``Bin._make``


def _sums_of(
    connection: Statements, key: int, stretches: Sequence[tuple[int, int]], *, has_days: bool
) -> Iterator[Reading]:
    """The sums of stretches instead of their readings; of whole days where days are good enough."""
    for begin, end in stretches:
        for table, low, high in parts_of(begin, end) if has_days else [("hourly", begin, end)]:
            yield from map(as_reading, bins_of(connection, table, key, low, high))


def sum_up(  # noqa: PLR0917 - private
    connection: Statements, key: int, label: str, meter: MeterSpec, low_us: int, high_us: int
) -> None:
    """Sum up again the hours and days between the readings on both sides of what was added."""
    around = fetch(connection, key, low_us - 1, high_us + 1) or [Reading(None, low_us, 0, 0)]
    for one, two in pairwise(around):
        if two.start_us is not None and two.start_us < one.time_us:
            raise ConflictError(f"{label} would have intervals that overlap; correct the rows, nothing was stored")
    is_plain = meter.kind != "register" or not has_dips(connection, key)
    if meter.kind == "register":
        connection.execute("delete from dip where meter = ? and time_us between ? and ?", (key, low_us, high_us))
        around = _note_dips(connection, key, meter, around)
        is_plain = is_plain and not has_dips(connection, key)
    first = min(low_us, *(item.start_us if item.start_us is not None else item.time_us for item in around))
    last = max(high_us, around[-1].time_us)
    # A step of a register that ran back at some time may hang on readings of hours ago; all others on neighbours only.
    unit = HOUR_US if is_plain else DAY_US
    start, end = first // unit * unit, (last // unit + 1) * unit
    removed = _sums_of(connection, key, removed_stretches(connection, key, start, end), has_days=False)
    known = fetch(connection, key, start, end)
    past = dips_before(connection, key, known[0]) if known else []
    pieces = pieces_of(meter, [*past, *known, *removed])
    try:
        hours = by_hour(pieces, start, end)
    except TooManyReadingsError as error:
        raise ConflictError(f"{label} has {error}; store fewer of them, nothing was stored") from None
    day, after = first // DAY_US * DAY_US, (last // DAY_US + 1) * DAY_US
    _require_sums(connection, key, label, [one for one in hours if one.energy_mj > MOST_MJ], (day, after), (start, end))
    connection.execute("delete from hourly where meter = ? and begin_us >= ? and begin_us < ?", (key, start, end))
    connection.add_rows("hourly", [(key, begin, energy, covered) for begin, energy, covered in hours])
    sum_days(connection, key, day, after)


def _require_sums(  # noqa: PLR0917 - private
    connection: Statements,
    key: int,
    label: str,
    beyond: Sequence[Bin],
    days: tuple[int, int],
    again: tuple[int, int],
) -> None:
    """Refuse what the sum of a day cannot hold: a power beyond all that there is, which is another unit or garbage.

    Args:
        connection: the store.
        key: the meter.
        label: what people call it.
        beyond: hours of more than that, of those that are summed up now.
        days: begin and end of the days that they belong to.
        again: between which times hours are summed up now; those beside them were before.

    Raises:
        ConflictError: when there is such an hour.
    """
    query = (
        "select begin_us, energy_mj from hourly where meter = ? and begin_us >= ? and begin_us < ? "
        "and energy_mj > ? and not (begin_us >= ? and begin_us < ?) limit 1"
    )
    for begin_us, energy_mj, *_ in (*beyond[:1], *connection.execute(query, (key, *days, MOST_MJ, *again)).fetchall()):
        gwh, most = (value // MILLIJOULES_PER_WATT_HOUR // 10**9 for value in (energy_mj, MOST_MJ))
        raise ConflictError(
            f"{label or 'a meter'} would have {gwh:,} GWh in the hour from {moment(begin_us)}, and a sum holds {most} "
            "GWh an hour; is a unit wrong? correct the rows, nothing was stored"
        )


def sum_days(connection: Statements, key: int, low: int, high: int) -> None:
    """Have the days (UTC) of a window of whole days say what their hours do: a year is thousands, which stay there."""
    connection.execute("delete from daily where meter = ? and begin_us >= ? and begin_us < ?", (key, low, high))
    day = f"begin_us - (begin_us % {DAY_US} + {DAY_US}) % {DAY_US}"  # before 1970 too
    connection.execute(
        f"insert into daily select meter, {day}, cast(sum(energy_mj) as bigint), cast(sum(covered_us) as bigint) "  # noqa: S608 - a number
        "from hourly where meter = ? and begin_us >= ? and begin_us < ? group by 1, 2",
        (key, low, high),
    )


def replace_bins(connection: Statements, table: str, key: int, bins: Iterable[Bin]) -> None:
    """Have hours or days of a meter say this, whatever they said before."""
    connection.executemany(
        f"insert into {table} values (?, ?, ?, ?) on conflict (meter, begin_us) do update set "  # noqa: S608 - one of two names
        "energy_mj = excluded.energy_mj, covered_us = excluded.covered_us",
        [(key, *one) for one in bins],
    )


def sum_up_again(connection: Statements, key: int, meter: MeterSpec) -> None:
    """Sum up all of a meter once more, beside the sums of its removed readings."""
    query = (
        "select min(low), max(high) from (select min(coalesce(start_us, time_us)) as low, max(time_us) as high "
        "from reading where meter = ? union all select min(first_us), max(last_us) from moved where meter = ?) as r"
    )
    low, high = connection.execute(query, (key, key)).fetchone()
    if low is not None:
        sum_up(connection, key, "", meter, low, high)


def has_dips(connection: Statements, key: int) -> bool:
    """Whether a register ever showed less than before: then sums of removed readings say which steps are not known."""
    return connection.execute("select 1 from dip where meter = ? limit 1", (key,)).fetchone() is not None


def _note_dips(connection: Statements, key: int, meter: MeterSpec, around: Sequence[Reading]) -> list[Reading]:
    """Note where a register showed less than before; gives the readings that may be wrong because of it as well."""
    first, last = around[0].time_us, around[-1].time_us
    connection.execute("delete from dip where meter = ? and time_us > ? and time_us <= ?", (key, first, last))
    rows = [
        (key, two.time_us, int(one.value * MICRO), int(two.value * MICRO))
        for one, two in pairwise(around)
        if is_drop(meter, one, two)
    ]
    connection.add_rows("dip", rows)
    after = connection.execute(
        "select min(time_us) from dip where meter = ? and time_us >= ? and time_us <= ?", (key, first, last)
    ).fetchone()[0]
    if after is None:
        return list(around)
    return [*fetch_before(connection, key, first, LOOK_BACK), *around]


def dips_before(connection: Statements, key: int, reading: Reading) -> list[Reading]:
    """What a register showed before the largest drop whose old value it had not reached again at a reading, and after.

    Two readings that only say so, or none.
    """
    query = "select time_us, high, low from dip where meter = ? and time_us <= ? and high > ? order by high desc"
    rows = connection.execute(query, (key, reading.time_us, int(reading.value * MICRO))).fetchall()
    if not rows:
        return []
    low = min((row for row in rows if row[0] >= rows[0][0]), key=lambda row: (row[2], row[0]))
    past = ((rows[0][0], rows[0][1]), (low[0], low[2]))
    return [Reading(None, time_us, value_of(micro), 0, is_past=True) for time_us, micro in past]
