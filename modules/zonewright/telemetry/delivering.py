"""Hours of live readings and their digests: one entry of the journal for all that are over, not one for each batch.

Whoever has what an agent sent can compute the digest of an hour, and find what was changed afterwards.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from zonewright.model.canonical import canonical_json
from zonewright.telemetry.home import Statements
from zonewright.telemetry.register_lines import READINGS_HEAD, digest_of_lines, reading_line
from zonewright.telemetry.summing import HOUR_US


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Delivery:
    """The live readings of one hour of one meter.

    Attributes:
        meter: its id.
        begin_us: begin of the hour, in microseconds since 1970.
        readings: how many there are; imported ones do not count.
        digest: of their lines in order of time, under ``READINGS_HEAD``.
    """

    meter: str
    begin_us: int
    readings: int
    digest: str


def deliveries_text(deliveries: Iterable[Delivery]) -> str:
    """The deliveries of one site in their canonical form, whose digest is recorded."""
    return canonical_json([asdict(one) for one in sorted(deliveries)])


def mark(connection: Statements, key: int, times_us: Iterable[int]) -> None:
    """Note that live readings of a meter came in."""
    hours = sorted({time_us // HOUR_US * HOUR_US for time_us in times_us})
    connection.executemany(
        "insert into delivery values (?, ?, 0, '', null, 1) on conflict (meter, begin_us) do update set dirty = 1",
        [(key, begin) for begin in hours],
    )


_OVER = "d.dirty = 1 and d.begin_us + ? <= (select max(time_us) from reading where meter = d.meter)"
"""An hour is over for a meter that has a reading of later; no clock says so."""


def are_over(connection: Statements) -> bool:
    """Whether the journal lacks hours of live readings that are over."""
    query = f"select 1 from delivery d where {_OVER} union all select 1 from delivering where entry = '' limit 1"  # noqa: S608 - no input
    return connection.execute(query, (HOUR_US,)).fetchone() is not None


def untold_hours(connection: Statements) -> dict[int, dict[str, list[Delivery]]]:
    """The hours that the journal lacks, by row of ``delivering`` and site; new ones get a row.

    Args:
        connection: a writing transaction.
    """
    _compute(connection)
    connection.execute(
        "delete from delivering where entry = '' and not exists "
        "(select 1 from delivery where delivering = delivering.id)"
    )
    return _untold(connection)


def _compute(connection: Statements) -> None:
    """Compute the digests of hours that are over; those that differ from before belong to a new record."""
    number: int | None = None
    columns = "d.meter, m.name, m.kind, d.begin_us, d.readings, d.digest"
    query = f"select {columns} from delivery d join meter m on m.id = d.meter where {_OVER} order by 1, 4"  # noqa: S608 - no input
    for key, name, kind, begin, *before in connection.execute(query, (HOUR_US,)).fetchall():
        rows = connection.execute(
            "select start_us, time_us, micro, trust from reading where meter = ? and time_us >= ? and time_us < ? "
            "and trust != 'imported' order by time_us",
            (key, begin, begin + HOUR_US),
        )
        digest, count = digest_of_lines(READINGS_HEAD, (reading_line((name, kind, *row)) for row in rows))
        if [count, digest] == before:
            connection.execute("update delivery set dirty = 0 where meter = ? and begin_us = ?", (key, begin))
            continue
        if number is None:
            number = int(connection.execute("insert into delivering (entry) values ('') returning id").fetchone()[0])
        query = (
            "update delivery set dirty = 0, readings = ?, digest = ?, delivering = ? where meter = ? and begin_us = ?"
        )
        connection.execute(query, (count, digest, number, key, begin))


def _untold(connection: Statements) -> dict[int, dict[str, list[Delivery]]]:
    query = (
        "select p.id, m.site, m.name, d.begin_us, d.readings, d.digest from delivering p join delivery d "
        "on d.delivering = p.id join meter m on m.id = d.meter where p.entry = '' order by p.id"
    )
    found: dict[int, dict[str, list[Delivery]]] = defaultdict(lambda: defaultdict(list))
    for number, site, name, begin_us, readings, digest in connection.execute(query):
        found[number][site].append(Delivery(meter=name, begin_us=begin_us, readings=readings, digest=digest))
    return {number: dict(by_site) for number, by_site in found.items()}
