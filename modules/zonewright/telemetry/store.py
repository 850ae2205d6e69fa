"""The store of readings on SQLite: what was read, and energy by hour and by day in the same transaction.

A reading is kept once: the same one again changes nothing, another value for the same meter and time is a conflict.
Energy is kept in whole millijoules; the hours of one piece of energy always add up to the piece.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from zonewright.model.site import TrustClass
from zonewright.pue.meters import MeterSpec
from zonewright.pue.pieces import PER_WATT_HOUR, Piece, pieces_of
from zonewright.pue.readings import Reading

MICRO = 10**6
HOUR_US, DAY_US = 3_600 * MICRO, 86_400 * MICRO
_MILLIJOULES_PER_WATT_HOUR = 3_600_000
_FOREVER = 2**62
_SCHEMA = """
create table if not exists meter (
  id integer primary key, site text not null, name text not null, kind text not null, unique (site, name));
create table if not exists reading (
  meter integer not null, time_us integer not null, start_us integer, micro integer not null, trust text not null,
  primary key (meter, time_us)) without rowid;
create table if not exists hourly (
  meter integer not null, begin_us integer not null, energy_mj integer not null, covered_us integer not null,
  primary key (meter, begin_us)) without rowid;
create table if not exists daily (
  meter integer not null, begin_us integer not null, energy_mj integer not null, covered_us integer not null,
  primary key (meter, begin_us)) without rowid;
"""


class ConflictError(ValueError):
    """Readings that contradict what is stored; ``str()`` is a sentence, and nothing of the batch was stored."""


@dataclass(frozen=True, slots=True)
class Sum:
    """Energy of one meter over hours or days that begin within a window."""

    energy_mj: int
    covered_us: int


class Store:
    """Readings of all sites in one file.

    Args:
        path: the file.
        create: make it when it is missing.

    Raises:
        FileNotFoundError: when there is none and it must not be made.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        if not create and not path.is_file():
            raise FileNotFoundError(2, "there is no telemetry store", str(path))
        self._path = path
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._open() as connection:
                connection.executescript(_SCHEMA)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as connection:
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = full")
            yield connection

    def append(
        self,
        site: str,
        meters: Mapping[str, MeterSpec],
        readings: Mapping[str, Sequence[Reading]],
        *,
        trust: TrustClass,
    ) -> int:
        """Store readings and bring the sums of the hours and days that they touch up to date, all or nothing.

        Args:
            site: id of the site.
            meters: the site's meters by id.
            readings: by meter, in order of time.
            trust: how far they are to be trusted.

        Returns:
            How many were new.

        Raises:
            ConflictError: when a meter has another value at the same time, or is of another kind.
        """
        added = 0
        with self._open() as connection:
            connection.execute("begin immediate")
            try:
                for name, items in sorted(readings.items()):
                    if items:
                        added += self._append_meter(connection, site, name, meters[name], items, trust)
            except BaseException:
                connection.execute("rollback")
                raise
            connection.execute("commit")
        return added

    def _append_meter(  # noqa: PLR0917 - private
        self,
        connection: sqlite3.Connection,
        site: str,
        name: str,
        meter: MeterSpec,
        items: Sequence[Reading],
        trust: TrustClass,
    ) -> int:
        key = _meter_id(connection, site, name, meter)
        rows = [(key, item.time_us, item.start_us, _micro(item, site, name), trust) for item in items]
        before = connection.total_changes
        connection.executemany("insert or ignore into reading values (?, ?, ?, ?, ?)", rows)
        added = connection.total_changes - before
        low, high = items[0].time_us, items[-1].time_us
        query = "select time_us, start_us, micro from reading where meter = ? and time_us between ? and ?"
        known = {row[0]: row[1:] for row in connection.execute(query, (key, low, high))}
        for row, item in zip(rows, items, strict=True):
            if known[item.time_us] != (item.start_us, row[3]):
                raise ConflictError(
                    f"meter {name} of {site} already has another reading at the time of line {item.line}; "
                    "correct the row, nothing of the file was stored"
                )
        if added:
            first = min(item.start_us if item.start_us is not None else item.time_us for item in items)
            _sum_up(connection, key, meter, first, high)
        return added

    def readings(self, site: str, start_us: int, end_us: int) -> dict[str, list[Reading]]:
        """Readings of a site's meters that a window needs: those in it and the nearest on both sides."""
        with self._open() as connection:
            ids = dict(connection.execute("select id, name from meter where site = ?", (site,)))
            return {name: _fetch(connection, key, start_us, end_us) for key, name in ids.items()}

    def sums(self, site: str, start_us: int, end_us: int) -> dict[str, Sum]:
        """Energy by meter over the whole hours of a window, from the days and hours that are summed up."""
        first_day, last_day = -(-start_us // DAY_US) * DAY_US, end_us // DAY_US * DAY_US
        found: dict[str, Sum] = {}
        with self._open() as connection:
            for key, name in connection.execute("select id, name from meter where site = ?", (site,)).fetchall():
                parts = [("daily", first_day, last_day)]
                parts += [("hourly", start_us, min(first_day, end_us)), ("hourly", max(last_day, start_us), end_us)]
                if first_day > last_day:
                    parts = [("hourly", start_us, end_us)]
                energy = covered = 0
                for table, low, high in parts:
                    row = connection.execute(
                        f"select sum(energy_mj), sum(covered_us) from {table} "  # noqa: S608 - one of two names
                        "where meter = ? and begin_us >= ? and begin_us < ?",
                        (key, low, high),
                    ).fetchone()
                    energy, covered = energy + (row[0] or 0), covered + (row[1] or 0)
                found[name] = Sum(energy, covered)
        return found

    def last(self, site: str) -> dict[str, tuple[int, TrustClass]]:
        """Time and trust of the last reading by meter; meters without any are left out."""
        query = (
            "select m.name, r.time_us, r.trust from meter m join reading r on r.meter = m.id where m.site = ? "
            "and r.time_us = (select max(time_us) from reading where meter = m.id)"
        )
        with self._open() as connection:
            return {name: (time_us, trust) for name, time_us, trust in connection.execute(query, (site,))}

    def trusts(self, site: str) -> frozenset[TrustClass]:
        """Trust classes of a site's readings."""
        query = "select distinct trust from reading where meter in (select id from meter where site = ?)"
        with self._open() as connection:
            return frozenset(row[0] for row in connection.execute(query, (site,)))


def _meter_id(connection: sqlite3.Connection, site: str, name: str, meter: MeterSpec) -> int:
    row = connection.execute("select id, kind from meter where site = ? and name = ?", (site, name)).fetchone()
    if row is None:
        cursor = connection.execute("insert into meter (site, name, kind) values (?, ?, ?)", (site, name, meter.kind))
        return int(cursor.lastrowid or 0)
    if row[1] != meter.kind:
        raise ConflictError(
            f"meter {name} of {site} is stored as a {row[1]}, not as a {meter.kind}; give it another id"
        )
    return int(row[0])


def _micro(item: Reading, site: str, name: str) -> int:
    scaled = item.value * MICRO
    if scaled.denominator != 1 or scaled >= _FOREVER:
        raise ConflictError(
            f"meter {name} of {site}, line {item.line}: expected at most six decimals and less than 4.6e12, got "
            f"{float(item.value):g}; correct it, nothing of the file was stored"
        )
    return int(scaled)


def _fetch(connection: sqlite3.Connection, key: int, start_us: int, end_us: int) -> list[Reading]:
    low = connection.execute("select max(time_us) from reading where meter = ? and time_us <= ?", (key, start_us))
    high = connection.execute("select min(time_us) from reading where meter = ? and time_us >= ?", (key, end_us))
    bounds = (low.fetchone()[0], high.fetchone()[0])
    rows = connection.execute(
        "select start_us, time_us, micro from reading where meter = ? and time_us between ? and ? order by time_us",
        (key, start_us if bounds[0] is None else bounds[0], end_us if bounds[1] is None else bounds[1]),
    )
    return [Reading(row[0], row[1], Fraction(row[2], MICRO), 0) for row in rows]


def _sum_up(connection: sqlite3.Connection, key: int, meter: MeterSpec, low_us: int, high_us: int) -> None:
    """Sum up anew the hours and days between the readings on both sides of what was added."""
    around = _fetch(connection, key, low_us - 1, high_us + 1)
    first = min(item.start_us if item.start_us is not None else item.time_us for item in around)
    start, end = first // DAY_US * DAY_US, (around[-1].time_us // DAY_US + 1) * DAY_US
    pieces = pieces_of(meter, _fetch(connection, key, start, end))
    for table, width in (("hourly", HOUR_US), ("daily", DAY_US)):
        bins: dict[int, list[int]] = {}
        for piece in pieces:
            for begin, energy, covered in _parts(piece, width, start, end):
                held = bins.setdefault(begin, [0, 0])
                held[0] += energy
                held[1] += covered
        connection.execute(
            f"delete from {table} where meter = ? and begin_us >= ? and begin_us < ?",  # noqa: S608 - one of two names
            (key, start, end),
        )
        connection.executemany(
            f"insert into {table} values (?, ?, ?, ?)",  # noqa: S608 - one of two names
            [(key, begin, *held) for begin, held in bins.items()],
        )


def _parts(piece: Piece, width: int, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The piece cut at the edges of bins: begin of the bin, millijoules, microseconds covered."""
    low = max(piece.start_us, start)
    while low < min(piece.end_us, end):
        begin = low // width * width
        high = min(begin + width, piece.end_us, end)
        yield begin, _millijoules(piece, high) - _millijoules(piece, low), high - low
        low = high


def _millijoules(piece: Piece, moment_us: int) -> int:
    """Energy from the piece's begin to a moment in whole millijoules, so that parts add up to the whole."""
    part, length = moment_us - piece.start_us, piece.end_us - piece.start_us
    return int(Fraction(piece.energy) * part * _MILLIJOULES_PER_WATT_HOUR / (length * PER_WATT_HOUR))
