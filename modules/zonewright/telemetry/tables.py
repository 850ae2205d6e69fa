"""The tables of the store of readings: meters and their readings, on one connection, within its transaction."""

import sqlite3
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.pue.meters import MeterSpec
from zonewright.pue.readings import Reading
from zonewright.telemetry.home import Statements, TelemetryFile
from zonewright.telemetry.interface import ConflictError
from zonewright.telemetry.summing import MICRO

if TYPE_CHECKING:
    from zonewright.telemetry.tsdb.interface import Tsdb

FOREVER = 2**62
VERSION = 7
SCHEMA = """
create table if not exists meter (
  id integer primary key, site text not null, name text not null, kind text not null,
  spec text not null default '', unique (site, name));
create table if not exists reading (
  meter integer not null, time_us integer not null, start_us integer, micro integer not null, trust text not null,
  primary key (meter, time_us)) without rowid;
create table if not exists hourly (
  meter integer not null, begin_us integer not null, energy_mj integer not null, covered_us integer not null,
  primary key (meter, begin_us)) without rowid;
create table if not exists daily (
  meter integer not null, begin_us integer not null, energy_mj integer not null, covered_us integer not null,
  primary key (meter, begin_us)) without rowid;
create table if not exists trust (
  meter integer not null, trust text not null, primary key (meter, trust)) without rowid;
create table if not exists stretch (
  meter integer not null, begin_us integer not null, end_us integer not null,
  primary key (meter, begin_us)) without rowid;
create table if not exists dip (
  meter integer not null, time_us integer not null, high integer not null, low integer not null,
  primary key (meter, time_us)) without rowid;
create table if not exists intake (
  id integer primary key autoincrement, site text not null, kind text not null, by text not null,
  reason text not null, meters text not null, entry text not null, map text not null default '');
create table if not exists superseded (
  intake integer not null, meter integer not null, time_us integer not null, start_us integer,
  micro integer not null, trust text not null, primary key (meter, time_us, intake)) without rowid;
create table if not exists pruning (id integer primary key autoincrement, entry text not null);
create table if not exists removal (
  meter integer not null, begin_us integer not null, end_us integer not null, readings integer not null,
  digest text not null, sums text not null, pruning integer);
create table if not exists feeding (
  samples text primary key, number integer not null, version integer not null, seen text not null default ''
  ) without rowid;
create table if not exists bound (
  samples text not null, site text not null, meter text not null, source text not null,
  primary key (samples, site, meter, source)) without rowid;
create table if not exists delivery (
  meter integer not null, begin_us integer not null, readings integer not null, digest text not null,
  delivering integer, dirty integer not null, primary key (meter, begin_us)) without rowid;
create table if not exists delivering (id integer primary key autoincrement, entry text not null);
create table if not exists moved (
  meter integer not null, begin_us integer not null, first_us integer not null, last_us integer not null,
  trust text not null, primary key (meter, begin_us)) without rowid;
create table if not exists moving (name text primary key) without rowid;
create index if not exists removal_of on removal (meter, begin_us);
insert or ignore into trust select distinct meter, trust from reading;
insert or ignore into dip select meter, time_us, before, micro from (select r.meter, r.time_us, r.micro, lag(r.micro)
  over (partition by r.meter order by r.time_us) as before from reading r join meter m on m.id = r.meter
  where m.kind = 'register') where before > micro;
"""
"""A dip is a reading of a register that shows less than the one before it; it says what both showed. What is fed
from which samples up to which arrival is in ``feeding``, with what is known of that arrival (``seen``), and from
which sources in ``bound``. A delivery is an hour of a meter with live readings, whose digest the journal gets; it is
dirty while more of them may have come in. An hour whose readings lie in a time-series database is in ``moved``, and
what tells them from those of other stores there in ``moving``."""


def meter_id(connection: Statements, site: str, name: str, meter: MeterSpec) -> int:
    """The row of a meter, which is made when it is missing; one of another kind is a conflict.

    Under another declaration than before, its sums are to be made again: the stored one becomes empty until then.
    """
    row = connection.execute("select id, kind, spec from meter where site = ? and name = ?", (site, name)).fetchone()
    if row is None:
        query = "insert into meter (site, name, kind, spec) values (?, ?, ?, ?) returning id"
        return int(connection.execute(query, (site, name, meter.kind, spec_of(meter))).fetchone()[0])
    if row[1] != meter.kind:
        raise ConflictError(
            f"meter {name} of {site} is stored as a {row[1]}, not as a {meter.kind}; give it another id"
        )
    if row[2] not in {"", spec_of(meter)}:
        connection.execute("update meter set spec = '' where id = ?", (row[0],))
    return int(row[0])


def spec_of(meter: MeterSpec) -> str:
    """What of a meter's declaration its sums depend on."""
    return f"{meter.kind} {meter.rating_w} {meter.rollover_wh} {meter.interval_s} {'standby' if meter.standby else ''}"


def telemetry_path(ledger: Path) -> Path:
    """The file of the readings that belongs to a ledger's file: ``ledger.db`` has ``ledger.telemetry.db``."""
    return ledger.with_name(f"{ledger.stem}.telemetry.db")


def readings_file(path: Path) -> TelemetryFile:
    """A file of readings, which need not be there."""
    home = TelemetryFile(path, prepare=_prepare, is_old=_is_old)
    home.tsdb = tsdb_of(path)
    return home


def settings_path(readings: Path) -> Path:
    """The settings of a time-series database, where there are any: ``ledger.telemetry.db`` has ``ledger.tsdb.yaml``."""
    return readings.with_name(f"{readings.name.removesuffix('.db').removesuffix('.telemetry')}.tsdb.yaml")


def tsdb_of(readings: Path) -> "Tsdb | None":
    """The time-series database that the settings beside a file of readings name; None without settings."""
    path = settings_path(readings)
    if not path.is_file():
        return None
    from zonewright.telemetry.tsdb.settings import read_settings  # noqa: PLC0415 - most have none

    return read_settings(path).tsdb


def _is_old(connection: sqlite3.Connection) -> bool:
    return int(connection.execute("pragma user_version").fetchone()[0]) < VERSION


def _prepare(connection: sqlite3.Connection) -> None:
    """Bring the tables up to date."""
    _add_columns(connection)
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(f"pragma user_version = {VERSION}")


def _add_columns(connection: sqlite3.Connection) -> None:
    """Give the tables of an older store the columns that came later.

    A meter's declaration is empty then, so that it is summed up again.
    """
    for table, column in (("meter", "spec"), ("intake", "map"), ("feeding", "seen")):
        names = [row[1] for row in connection.execute(f"pragma table_info({table})")]
        if names and column not in names:
            connection.execute(f"alter table {table} add column {column} text not null default ''")


def micro_of(item: Reading, label: str) -> int:
    """The millionths of a reading's value; what has more decimals, or is too large, is a conflict."""
    # Of millions of readings: whole numbers are many times faster than fractions.
    micro, rest = divmod(item.value.numerator * MICRO, item.value.denominator)
    if rest or micro >= FOREVER:
        raise ConflictError(
            f"{label}, line {item.line}: expected at most six decimals and less than 4.6e12, got "
            f"{float(item.value):g}; correct it, nothing of the file was stored"
        )
    return micro


def has_far(connection: Statements, key: int) -> bool:
    """Whether any hour of a meter lies in a time-series database."""
    return connection.execute("select 1 from moved where meter = ? limit 1", (key,)).fetchone() is not None


def has_lost(connection: Statements, site: str) -> bool:
    """Whether hours of a site were ever declared lost."""
    query = "select 1 from intake where site = ? and kind = 'lost' limit 1"
    return connection.execute(query, (site,)).fetchone() is not None


def bring_back(connection: Statements, key: int, low_us: int, high_us: int) -> None:
    """Bring back the hours of a meter that lie elsewhere, with times from one to another, both inside.

    Whoever stores, corrects or removes something there finds everything as if it had always been here.

    Args:
        connection: a writing transaction.
        key: the meter.
        low_us: the first time.
        high_us: the last one.

    Raises:
        TsdbFaultError: when they cannot be had; nothing was changed.
    """
    if has_far(connection, key):
        from zonewright.telemetry.tsdb.far import recall  # noqa: PLC0415 - as above

        recall(connection, key, low_us, high_us)


def bring_back_last(connection: Statements, key: int) -> None:
    """Bring back the last hour of a meter where nothing after it is left: the newest reading is here, always."""
    query = (
        "select begin_us from moved where meter = ? and last_us > coalesce((select max(time_us) from reading "
        "where meter = ?), ?) order by begin_us desc limit 1"
    )
    row = connection.execute(query, (key, key, -FOREVER)).fetchone()
    if row is not None:
        bring_back(connection, key, row[0], row[0])


def fetch_before(connection: Statements, key: int, time_us: int, most: int) -> list[Reading]:
    """The last readings of a meter before a time, at most so many, in order of time."""
    if has_far(connection, key):
        from zonewright.telemetry.tsdb.far import rows_before  # noqa: PLC0415 - as above

        rows = [row[:3] for row in rows_before(connection, key, time_us, most)]
    else:
        query = (
            "select start_us, time_us, micro from reading where meter = ? and time_us < ? order by time_us desc limit ?"
        )
        rows = connection.execute(query, (key, time_us, most)).fetchall()[::-1]
    return [Reading(start, at_us, value_of(micro), 0) for start, at_us, micro in rows]


def fetch(connection: Statements, key: int, start_us: int, end_us: int) -> list[Reading]:
    """The readings of a window that are still there, wherever, and the nearest on both sides."""
    if has_far(connection, key):
        from zonewright.telemetry.tsdb.far import rows_around  # noqa: PLC0415 - few stores have readings elsewhere

        around = rows_around(connection, key, start_us, end_us)
        return [Reading(start, time_us, value_of(micro), 0) for start, time_us, micro, _ in around]
    low = connection.execute("select max(time_us) from reading where meter = ? and time_us <= ?", (key, start_us))
    high = connection.execute("select min(time_us) from reading where meter = ? and time_us >= ?", (key, end_us))
    bounds = (low.fetchone()[0], high.fetchone()[0])
    rows = connection.execute(
        "select start_us, time_us, micro from reading where meter = ? and time_us between ? and ? order by time_us",
        (key, start_us if bounds[0] is None else bounds[0], end_us if bounds[1] is None else bounds[1]),
    )
    return [Reading(start, time_us, value_of(micro), 0) for start, time_us, micro in rows]


def value_of(micro: int) -> Fraction | int:
    """The value of a reading from its millionths."""
    whole, rest = divmod(micro, MICRO)
    return Fraction(micro, MICRO) if rest else whole
