"""Readings of one meter come into the store: new, known, outdated or contradicting."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from zonewright.model.base import TRUST_ORDER, TrustClass
from zonewright.pue.meters import SAMPLED, MeterSpec
from zonewright.pue.readings import Reading
from zonewright.telemetry.home import Statements
from zonewright.telemetry.interface import Appended, ConflictError
from zonewright.telemetry.stored_sums import sum_up
from zonewright.telemetry.summing import DAY_US
from zonewright.telemetry.tables import bring_back, meter_id, micro_of

_MOST_STEP_YEARS = 10
_MOST_STEP_US = _MOST_STEP_YEARS * 366 * DAY_US
StoredRow = tuple[int, int, int | None, int, TrustClass]
"""A reading as it is stored: meter, time, begin of an interval or None, millionths, trust class."""


def append_meter(  # noqa: PLR0917 - within a transaction of the store
    connection: Statements,
    site: str,
    name: str,
    meter: MeterSpec,
    items: Sequence[Reading],
    trust: TrustClass,
    moved: dict[str, list[StoredRow]],
) -> Appended:
    """Store readings of one meter; ``moved`` takes those that give way to others of a higher trust class.

    Raises:
        ConflictError: when a reading contradicts what is stored.
    """
    key = meter_id(connection, site, name, meter)
    bring_back(connection, key, items[0].time_us, items[-1].time_us)
    done, gone = _append_rows(connection, key, f"meter {name} of {site}", meter, items, trust)
    if gone:
        moved.setdefault(name, []).extend(gone)
    return done


def _append_rows(  # noqa: PLR0917 - private
    connection: Statements,
    key: int,
    label: str,
    meter: MeterSpec,
    items: Sequence[Reading],
    trust: TrustClass,
) -> tuple[Appended, list[StoredRow]]:
    """Store readings of one meter, and sum up again what they touch; a contradiction is a conflict.

    Gives what became of them, and the readings that give way to others of a higher trust class.
    """
    low, high = items[0].time_us, items[-1].time_us
    summed = within_stretches(connection, key, items)
    rows: list[StoredRow] = [(key, item.time_us, item.start_us, micro_of(item, label), trust) for item in items]
    rows = [row for row in rows if row[1] not in summed] if summed else rows
    old, corrected = _superseded(connection, key, low, high)
    outdated = 0
    if old:
        fresh = [row for row in rows if not _is_known(row, old)]
        outdated, rows = len(rows) - len(fresh), fresh
    added = connection.add_rows("reading", rows)
    done, moved = Appended(added=added, known=outdated, summed=len(summed)), list[StoredRow]()
    touched = rows if added else []
    if added < len(rows):
        decided, raised = _beside_known(connection, key, label, rows, items, corrected)
        done += Appended(known=len(rows) - added - len(decided), outranked=len(decided), raised=raised)
        moved = [gone for _, gone in decided]
        touched = rows if added or any(row is not gone for row, gone in decided) else []
        _forget_trust(connection, key, {row[4] for row in moved})
    if added:
        connection.execute("insert into trust values (?, ?) on conflict do nothing", (key, trust))
    if touched:
        require_near(connection, key, label, meter, [(row[2], row[1]) for row in touched])
        sum_up(connection, key, label, meter, min(row[1] if row[2] is None else row[2] for row in touched), high)
    return done, moved


def require_near(
    connection: Statements, key: int, label: str, meter: MeterSpec, times: Sequence[tuple[int | None, int]]
) -> None:
    """Refuse a step over many years, as from a clock at 1970: each of its hours would be a row.

    Args:
        connection: the store.
        key: the meter.
        label: what people call it.
        meter: its declaration.
        times: of readings that came in, in order: begin of an interval or None, and time.

    Raises:
        ConflictError: when there is one.
    """
    if meter.kind in SAMPLED:
        return
    steps: Iterable[tuple[int, int]] = ((end if begin is None else begin, end) for begin, end in times)
    if meter.kind == "register":
        query = (
            "select (select max(time_us) from reading where meter = ? and time_us < ?), "
            "(select max(last_us) from moved where meter = ? and last_us < ?), "
            "(select min(time_us) from reading where meter = ? and time_us > ?), "
            "(select min(first_us) from moved where meter = ? and first_us > ?)"
        )
        first, last = times[0][1], times[-1][1]
        near = connection.execute(query, (key, first, key, first, key, last, key, last)).fetchone()
        before = max((one for one in near[:2] if one is not None), default=None)
        after = min((one for one in near[2:] if one is not None), default=None)
        steps = pairwise(time_us for time_us in (before, *(end for _, end in times), after) if time_us is not None)
    for begin, end in steps:
        if end - begin > _MOST_STEP_US:
            days = [f"{datetime.fromtimestamp(time_us / 10**6, UTC):%Y-%m-%d}" for time_us in (begin, end)]
            raise ConflictError(
                f"{label} has one step from {days[0]} to {days[1]}, more than {_MOST_STEP_YEARS} years; is a clock or "
                "a date wrong? correct the rows, nothing was stored"
            )


def _beside_known(  # noqa: PLR0917 - private
    connection: Statements,
    key: int,
    label: str,
    rows: Sequence[StoredRow],
    items: Sequence[Reading],
    corrected: Collection[int],
) -> tuple[list[tuple[StoredRow, StoredRow]], int]:
    """Compare rows with what is stored at their times; gives each that differs with the one of the two that gives way.

    The same value in a higher trust class raises that of what is stored; gives how often, too.
    """
    low, high = rows[0][1], rows[-1][1]
    query = "select meter, time_us, start_us, micro, trust from reading where meter = ? and time_us between ? and ?"
    known: dict[int, StoredRow] = {row[1]: row for row in connection.execute(query, (key, low, high))}
    lines = {item.time_us: item.line for item in items}
    found: list[tuple[StoredRow, StoredRow]] = []
    lowered: dict[TrustClass, int] = {}
    for row in rows:
        there = known[row[1]]
        is_same, is_higher = there[2:4] == row[2:4], rank_of(row[4]) < rank_of(there[4])
        if is_same and not is_higher:
            continue
        if not is_same and (rank_of(row[4]) == rank_of(there[4]) or row[2] != there[2]):
            raise ConflictError(
                f"{label} already has another reading at the time of line {lines[row[1]]}; "
                "correct the row, nothing of the file was stored"
            )
        if not is_higher or (row[1] in corrected and not is_same):
            found.append((row, row))
            continue
        connection.execute(
            "update reading set micro = ?, trust = ? where meter = ? and time_us = ?", (row[3], row[4], key, row[1])
        )
        connection.execute("insert into trust values (?, ?) on conflict do nothing", (key, row[4]))
        if is_same:
            lowered[there[4]] = lowered.get(there[4], 0) + 1
        else:
            found.append((row, there))
    _forget_trust(connection, key, lowered)
    return found, sum(lowered.values())


def rank_of(trust: TrustClass) -> int:
    """Place of a trust class, 0 for the highest."""
    return TRUST_ORDER.index(trust)


def _forget_trust(connection: Statements, key: int, trusts: Collection[TrustClass]) -> None:
    """Take back trust classes that no reading of a meter has any more; where some were removed nobody knows."""
    for trust in trusts:
        connection.execute(
            "delete from trust where meter = ? and trust = ? "
            "and not exists (select 1 from reading where meter = trust.meter and trust = trust.trust) "
            "and not exists (select 1 from moved where meter = trust.meter and trust = trust.trust) "
            "and not exists (select 1 from stretch where meter = trust.meter)",
            (key, trust),
        )


_Old = tuple[int, int | None, int]


def _superseded(connection: Statements, key: int, low: int, high: int) -> tuple[dict[_Old, int], frozenset[int]]:
    """What readings said before others took their place, with the lowest rank that may come again without effect.

    What was corrected or withdrawn never counts again, whatever its class (-1); what gave way to a higher class comes
    to nothing in its own class and below. And the times at which a correction stands.
    """
    query = (
        "select s.time_us, s.start_us, s.micro, s.trust, i.kind from superseded s "
        "left join intake i on i.id = s.intake where s.meter = ? and s.time_us between ? and ?"
    )
    found: dict[_Old, int] = {}
    corrected: set[int] = set()
    for time_us, start_us, micro, trust, kind in connection.execute(query, (key, low, high)):
        rank, old = rank_of(trust) if kind == "outranked" else -1, (time_us, start_us, micro)
        found[old] = min(rank, found.get(old, rank))
        if kind == "corrected":
            corrected.add(time_us)
    return found, frozenset(corrected)


def _is_known(row: StoredRow, old: Mapping[_Old, int]) -> bool:
    least = old.get((row[1], row[2], row[3]))
    return least is not None and rank_of(row[4]) >= least


def within_stretches(connection: Statements, key: int, items: Sequence[Reading]) -> set[int]:
    """Times of readings that are not stored, within stretches whose readings were removed."""
    bounds = (key, items[-1].time_us, items[0].time_us)
    query = "select begin_us, end_us from stretch where meter = ? and begin_us < ? and end_us > ?"
    found: set[int] = set()
    for begin, end in connection.execute(query, bounds).fetchall():
        found |= {item.time_us for item in items if _is_within(item, begin, end)}
        query = "select time_us from reading where meter = ? and time_us between ? and ?"
        found -= {row[0] for row in connection.execute(query, (key, begin, end))}
    return found


def _is_within(item: Reading, begin: int, end: int) -> bool:
    if item.start_us is None:
        return begin < item.time_us < end
    return begin <= item.start_us and item.time_us <= end
