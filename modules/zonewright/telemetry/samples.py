"""What agents report: each batch once, each sample once, impossible values set aside with their reason.

Energy by hour is summed in the transaction that stores a batch, in whole microjoules, so that it stays exact when the
samples themselves are removed. Batches that arrive together share one commit; each is acknowledged after it.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from weakref import WeakSet

from zonewright.model.limits import SERIES
from zonewright.telemetry.chains import Chains
from zonewright.telemetry.home import STORE_FAULTS, Statements, TelemetryFile, TelemetryHome
from zonewright.telemetry.hours import HOUR_NS, SampleRow, by_hour
from zonewright.telemetry.linking import SCHEMA as CHAINS
from zonewright.telemetry.linking import Run, add_runs, note_link, prune_chains
from zonewright.telemetry.numbers import is_new, shorten
from zonewright.telemetry.sample import (
    READ,
    Arrival,
    Energy,
    Measurement,
    Received,
    Sample,
    SampleBatch,
    SampleSeries,
    fault_of,
)

_FOREVER_NS = 2**62
_WEEK_NS = 7 * 24 * HOUR_NS
_VERSION = 3
_SCHEMA = """
create table if not exists batch (
  agent text not null, boot text not null, sequence integer not null, received_ns integer not null,
  dropped integer not null, primary key (agent, boot, sequence)) without rowid;
create table if not exists batch_run (
  agent text not null, boot text not null, first integer not null, last integer not null,
  primary key (agent, boot, first)) without rowid;
create table if not exists series (
  id integer primary key, agent text not null, node text not null, name text not null, part text not null,
  unit text not null, unique (agent, node, name, part, unit));
create table if not exists sample (
  time_ns integer not null, series integer not null, start_ns integer, value real, quality text not null,
  primary key (time_ns, series)) without rowid;
create table if not exists sample_hour (
  series integer not null, begin_ns integer not null, energy_uj integer not null, covered_ns integer not null,
  unsure integer not null, primary key (series, begin_ns)) without rowid;
create table if not exists arrival (
  number integer primary key autoincrement, agent text not null, low_ns integer not null, high_ns integer not null,
  received_ns integer not null);
create table if not exists inbox (name text primary key) without rowid;
create table if not exists quarantine (
  agent text not null, received_ns integer not null, name text not null, value text not null, reason text not null);
insert into inbox select lower(hex(randomblob(16))) where not exists (select 1 from inbox);
"""
_RENAMED = {"hourly": "sample_hour", "identity": "inbox"}
"""Names of tables of older files; in a ledger's database others have them."""
_ASIDE = "insert into quarantine values (?, ?, ?, ?, ?)"
_ADD = (
    "insert into sample_hour values (?, ?, ?, ?, ?) on conflict (series, begin_ns) do update set "
    "energy_uj = sample_hour.energy_uj + excluded.energy_uj, "
    "covered_ns = sample_hour.covered_ns + excluded.covered_ns, unsure = sample_hour.unsure + excluded.unsure"
)
_ALL = "*"
"""The turn of who writes about all agents; others write about single ones."""


def samples_path(ledger: Path) -> Path:
    """The file of what agents report that belongs to a ledger's file."""
    return ledger.with_name(f"{ledger.stem}.samples.db")


def samples_file(path: Path) -> TelemetryFile:
    """A file of what agents report, which need not be there."""
    return TelemetryFile(path, prepare=_prepare, is_old=_is_old, stays_open=True)


def _is_old(connection: sqlite3.Connection) -> bool:
    return int(connection.execute("pragma user_version").fetchone()[0]) < _VERSION


def _prepare(connection: sqlite3.Connection) -> None:
    there = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
    for old, new in _RENAMED.items():
        if old in there:
            connection.execute(f"alter table {old} rename to {new}")
    for statement in f"{_SCHEMA}{CHAINS}".split(";"):
        connection.execute(statement)
    connection.execute(f"pragma user_version = {_VERSION}")


class _Ticket:
    """A report that waits for its commit."""

    def __init__(self, report: SampleBatch, now_ns: int) -> None:
        self.report, self.now_ns = report, now_ns
        self.result: Received | BaseException | None = None


class Samples:
    """The reports of all agents. Safe for many threads, and beside other processes that do the same.

    Args:
        place: their file, which is made when it is missing, or where else they are.
    """

    def __init__(self, place: Path | TelemetryHome) -> None:
        self._home: TelemetryHome = samples_file(place) if isinstance(place, Path) else place
        if isinstance(self._home, TelemetryFile):
            self._home.make()
        self.chains = Chains(self._home)
        """The chains of what agents report."""
        self._writing, self._queueing = Lock(), Lock()
        self._queue: list[_Ticket] = []
        self._series: dict[tuple[str, ...], int] = {}
        self._sessions: WeakSet[object] = WeakSet()

    def close(self) -> None:
        """Close what is open, after what is being stored."""
        with self._writing:
            self._home.close()

    def append(self, report: SampleBatch, now_ns: int) -> Received:
        """Store a batch; it is on disk when this returns. One that came before changes nothing.

        Whoever gets to write takes along what others have queued meanwhile.
        """
        ticket = _Ticket(report, now_ns)
        with self._queueing:
            self._queue.append(ticket)
        with self._writing:
            if ticket.result is None:
                with self._queueing:
                    group, self._queue = self._queue, []
                try:
                    self._store_all(group)
                except BaseException as error:
                    for one in group:
                        one.result = error
                    raise
        if isinstance(ticket.result, BaseException):
            raise ticket.result
        assert ticket.result is not None  # noqa: S101 - for the type checker: every group gives each a result
        return ticket.result

    def _store_all(self, group: Sequence[_Ticket]) -> None:
        """Store a group in one transaction; a batch that cannot be stored takes no other with it."""
        results: list[Received | Exception] = []
        # In one order everywhere: of two services that have batches of the same agents, neither waits for the other.
        ordered = sorted(group, key=lambda one: (one.report.agent, one.report.boot, one.report.sequence))
        try:
            with self._home.writing(*{one.report.agent for one in group}) as connection:
                if connection.session not in self._sessions:  # the database may have been restored meanwhile
                    self._series.clear()
                    self._sessions.add(connection.session)
                arrivals: list[tuple[str, int, int, int]] = []
                runs: list[Run] = []
                for ticket in ordered:
                    try:
                        with connection.apart():
                            results.append(self._store(connection, ticket.report, ticket.now_ns, arrivals, runs))
                    except (*STORE_FAULTS, ArithmeticError, ValueError) as error:
                        if not connection.in_transaction:  # a full disk ends all of it
                            raise
                        self._series.clear()
                        results.append(error)
                _add_arrivals(connection, arrivals)
                add_runs(connection, runs)
        except BaseException:
            self._series.clear()
            raise
        for ticket, result in zip(ordered, results, strict=True):
            ticket.result = result

    def _store(
        self,
        connection: Statements,
        report: SampleBatch,
        now_ns: int,
        arrivals: list[tuple[str, int, int, int]],
        runs: list[Run],
    ) -> Received:
        if report.link is not None:
            note_link(connection, report, report.link, now_ns, runs)
        if report.sequence and not is_new(connection, report, now_ns):
            return Received(stored=0, quarantined=0, duplicate=True)
        rows: list[SampleRow] = []
        aside: list[_Aside] = []
        energies: set[int] = set()
        measured: list[int] = []
        beyond, room = 0, _Room(connection, report)
        for sample in _possible(report, now_ns, aside):
            names = (report.agent, report.node, sample.name, sample.part, sample.unit)
            key = self._known_series(connection, names) or self._new_series(connection, names, room)
            if key is None:
                beyond += 1
                continue
            if sample.unit == "J":
                energies.add(key)
            if sample.unit in READ:
                measured.append(sample.time_ns)
            rows.append((sample.time_ns, key, sample.start_ns, sample.value, sample.quality))
        if aside:
            connection.executemany(_ASIDE, aside)
        new = connection.add_new("sample", rows)
        if hours := by_hour(row for row in new if row[1] in energies):
            connection.executemany(_ADD, hours)
        if measured and (new or report.sequence):  # what is sent again and again without a number is no arrival
            arrivals.append((report.agent, min(measured), max(measured), now_ns))
        return Received(stored=len(new), quarantined=len(aside), duplicate=False, beyond=beyond)

    def _new_series(self, connection: Statements, key: tuple[str, ...], room: "_Room") -> int | None:
        if not room.take():
            return None
        names = "agent, node, name, part, unit"
        statement = f"insert into series ({names}) values (?, ?, ?, ?, ?) on conflict do nothing"  # noqa: S608 - no input
        connection.execute(statement, key)
        return self._known_series(connection, key)

    def _known_series(self, connection: Statements, key: tuple[str, ...]) -> int | None:
        found = self._series.get(key)
        if found is None:
            query = "select id from series where agent = ? and node = ? and name = ? and part = ? and unit = ?"
            row = connection.execute(query, key).fetchone()
            if row is None:
                return None
            found = self._series[key] = int(row[0])
        return found

    def prune(self, before_ns: int) -> int:
        """Remove samples from before a time; sums by hour stay, and so does what was acknowledged. Gives how many.

        An hour in a transaction, so that reports are never kept waiting for long. None where another service is at it.
        """
        with self._home.alone("samples") as is_alone:
            return self._prune(before_ns) if is_alone else 0

    def _prune(self, before_ns: int) -> int:
        removed = 0
        while True:
            with self._writing, self._home.writing() as connection:
                first = connection.execute("select min(time_ns) from sample").fetchone()[0]
                if first is None or first >= before_ns:
                    break
                until = min(first // HOUR_NS * HOUR_NS + HOUR_NS, before_ns)
                removed += connection.execute("delete from sample where time_ns < ?", (until,)).rowcount
        with self._writing, self._home.writing(_ALL) as connection:
            connection.execute("delete from quarantine where received_ns < ?", (before_ns,))
            connection.execute("delete from arrival where received_ns < ?", (before_ns,))
            shorten(connection, before_ns)
            prune_chains(connection, before_ns)
        return removed

    def batches(self, agent: str) -> list[int]:
        """Sequence numbers of an agent's batches, in order."""
        with self._home.opened() as connection:
            singles = connection.execute("select sequence from batch where agent = ?", (agent,)).fetchall()
            runs = connection.execute("select first, last from batch_run where agent = ?", (agent,)).fetchall()
        return sorted([row[0] for row in singles] + [number for low, high in runs for number in range(low, high + 1)])

    def dropped(self, agent: str) -> int:
        """How many batches an agent says it has dropped, as of its last report."""
        query = "select dropped from batch where agent = ? order by received_ns desc, sequence desc limit 1"
        with self._home.opened() as connection:
            row = connection.execute(query, (agent,)).fetchone()
        return 0 if row is None else int(row[0])

    def samples(self, agent: str, start_ns: int = 0, end_ns: int = _FOREVER_NS) -> list[Sample]:
        """The kept samples of an agent in order of time, from ``start_ns`` to before ``end_ns``."""
        query = (
            "select s.name, s.part, s.unit, m.time_ns, m.start_ns, m.value, m.quality from sample m "
            "join series s on s.id = m.series where s.agent = ? and m.time_ns >= ? and m.time_ns < ? "
            "order by m.time_ns, s.name, s.part"
        )
        with self._home.opened() as connection:
            return [Sample(*row) for row in connection.execute(query, (agent, start_ns, end_ns))]

    def energy(self, agent: str, start_ns: int = 0, end_ns: int = _FOREVER_NS) -> Mapping[str, Energy]:
        """Energy of an agent's node by part, over the hours that begin within a window."""
        query = (
            "select s.part, cast(sum(h.energy_uj) as bigint), cast(sum(h.covered_ns) as bigint), "
            "cast(sum(h.unsure) as bigint) from sample_hour h join series s on s.id = h.series "
            "where s.agent = ? and h.begin_ns >= ? and h.begin_ns < ? group by s.id"
        )
        with self._home.opened() as connection:
            return {
                part: Energy(energy_uj=energy, covered_ns=covered, unsure=unsure)
                for part, energy, covered, unsure in connection.execute(query, (agent, start_ns, end_ns))
            }

    def identity(self) -> str:
        """A name of this file or database that no other one has: numbers of arrivals mean something beside it only."""
        with self._home.opened() as connection:
            return str(connection.execute("select name from inbox order by name limit 1").fetchone()[0])

    def arrivals(self, after: int, most: int) -> list[Arrival]:
        """Batches with values for meters in them, in the order in which they came in, from after a number on."""
        query = "select number, agent, low_ns, high_ns from arrival where number > ? order by number limit ?"
        with self._home.opened() as connection:
            return [Arrival(*row) for row in connection.execute(query, (after, most))]

    def last_arrival(self) -> int:
        """Number of the last of them, 0 without any."""
        with self._home.opened() as connection:
            return int(connection.execute("select coalesce(max(number), 0) from arrival").fetchone()[0])

    def arrival_seen(self, number: int) -> str | None:
        """What is known of an arrival: when it came in; empty where it was removed, None where it never came.

        A file that was restored gives numbers that it gave before to other arrivals.
        """
        with self._home.opened() as connection:
            row = connection.execute("select received_ns from arrival where number = ?", (number,)).fetchone()
            if row is not None:
                return str(row[0])
            return "" if connection.last_number("arrival") >= number else None

    def series(self) -> list[SampleSeries]:
        """The series of all senders that hold energy, power or temperatures."""
        with self._home.opened() as connection:
            places = ", ".join("?" * len(READ))
            query = f"select id, agent, node, name, part, unit from series where unit in ({places})"  # noqa: S608 - no input
            return [SampleSeries(*row) for row in connection.execute(query, sorted(READ))]

    def of_series(self, wanted: Sequence[int], start_ns: int, end_ns: int) -> Iterator[tuple[int, Measurement]]:
        """The kept samples of some series from ``start_ns`` to ``end_ns``, both inside, in order of time."""
        places = ", ".join("?" * len(wanted))
        query = (
            f"select series, time_ns, start_ns, value, quality from sample where time_ns between ? and ? "  # noqa: S608 - no input
            f"and series in ({places}) order by time_ns, series"
        )
        with self._home.opened() as connection:
            for series, *row in connection.stream(query, (start_ns, end_ns, *wanted)):
                yield series, Measurement(*row)

    def before(self, series: int, time_ns: int) -> Measurement | None:
        """The last kept sample of a series before a time, at most a week."""
        query = (
            "select time_ns, start_ns, value, quality from sample where series = ? and time_ns >= ? and time_ns < ? "
            "order by time_ns desc limit 1"
        )
        with self._home.opened() as connection:
            row = connection.execute(query, (series, time_ns - _WEEK_NS, time_ns)).fetchone()
            return None if row is None else Measurement(*row)

    def set_aside(self, agent: str, name: str, value: str, reason: str, now_ns: int) -> None:
        """Note that a stored sample is no reading, and why."""
        with self._writing, self._home.writing() as connection:
            connection.execute(_ASIDE, (agent, now_ns, name, value, reason))

    def quarantined(self, agent: str) -> list[tuple[str, str]]:
        """Names and reasons of what was set aside of an agent."""
        with self._home.opened() as connection:
            query = "select name, reason from quarantine where agent = ? order by rowid"
            return [(name, reason) for name, reason in connection.execute(query, (agent,))]


_Aside = tuple[str, int, str, str, str]


def _possible(report: SampleBatch, now_ns: int, aside: list[_Aside]) -> Iterator[Sample]:
    """The samples of a batch that can be; ``aside`` takes the others."""
    for sample in report.samples:
        reason = fault_of(sample, now_ns)
        if reason is None:
            yield sample
        else:
            aside.append((report.agent, now_ns, sample.name[:200], repr(sample.value), reason))


class _Room:
    """How many more series a sender may have that numbers no batches, and so may be anything. Counted when asked."""

    def __init__(self, connection: Statements, report: SampleBatch) -> None:
        self._connection, self._agent = connection, report.agent
        self._left: int | None = _FOREVER_NS if report.sequence else None

    def take(self) -> bool:
        """Take room for one; false where there is none."""
        if self._left is None:
            query = "select count(*) from series where agent = ?"
            self._left = SERIES.most - int(self._connection.execute(query, (self._agent,)).fetchone()[0])
        self._left -= 1
        return self._left >= 0


def _add_arrivals(connection: Statements, arrivals: Sequence[tuple[str, int, int, int]]) -> None:
    """Number what came in, last of all: who sees a number sees all lower ones, whichever service gave them."""
    if arrivals:
        connection.in_order("arrivals")
        query = "insert into arrival (agent, low_ns, high_ns, received_ns) values (?, ?, ?, ?)"
        connection.executemany(query, arrivals)
