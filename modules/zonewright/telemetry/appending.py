"""Readings of one meter come into the store: new, known, outdated or contradicting."""

import sqlite3
from collections.abc import Sequence

from zonewright.model.base import TrustClass
from zonewright.pue.meters import MeterSpec
from zonewright.pue.readings import Reading
from zonewright.telemetry.interface import Appended, ConflictError
from zonewright.telemetry.stored_sums import sum_up
from zonewright.telemetry.tables import micro_of


def append_rows(  # noqa: PLR0917 - private
    connection: sqlite3.Connection,
    key: int,
    label: str,
    meter: MeterSpec,
    items: Sequence[Reading],
    trust: TrustClass,
) -> Appended:
    """Store readings of one meter, and sum up again what they touch; a contradiction is a conflict."""
    low, high = items[0].time_us, items[-1].time_us
    summed = within_stretches(connection, key, items)
    rows = [(key, item.time_us, item.start_us, micro_of(item, label), trust) for item in items]
    rows = [row for row in rows if row[1] not in summed] if summed else rows
    old = _superseded(connection, key, low, high)
    outdated = sum((row[1], row[2], row[3]) in old for row in rows) if old else 0
    rows = [row for row in rows if (row[1], row[2], row[3]) not in old] if outdated else rows
    before = connection.total_changes
    connection.executemany("insert or ignore into reading values (?, ?, ?, ?, ?)", rows)
    added = connection.total_changes - before
    if added < len(rows):
        query = "select time_us, start_us, micro from reading where meter = ? and time_us between ? and ?"
        known = {row[0]: row[1:] for row in connection.execute(query, (key, low, high))}
        lines = {item.time_us: item.line for item in items}
        for row in rows:
            if known[row[1]] != (row[2], row[3]):
                raise ConflictError(
                    f"{label} already has another reading at the time of line {lines[row[1]]}; "
                    "correct the row, nothing of the file was stored"
                )
    if added:
        connection.execute("insert or ignore into trust values (?, ?)", (key, trust))
        first = min(row[1] if row[2] is None else row[2] for row in rows)
        sum_up(connection, key, label, meter, first, high)
    return Appended(added=added, known=len(rows) - added + outdated, summed=len(summed))


def _superseded(connection: sqlite3.Connection, key: int, low: int, high: int) -> set[tuple[int, int | None, int]]:
    """What readings said before they were corrected or withdrawn: time, begin and millionths."""
    query = "select time_us, start_us, micro from superseded where meter = ? and time_us between ? and ?"
    return set(connection.execute(query, (key, low, high)))


def within_stretches(connection: sqlite3.Connection, key: int, items: Sequence[Reading]) -> set[int]:
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
