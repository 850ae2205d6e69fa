"""What agents report, on SQLite: each batch once, each sample once, impossible values set aside with their reason."""

import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

_FUTURE_NS = 300 * 10**9
"""A host clock may be five minutes ahead; more is no time."""
_MAX_POWER_W = 2_000_000.0
_SCHEMA = """
create table if not exists batch (
  agent text not null, boot text not null, sequence integer not null, received_ns integer not null,
  primary key (agent, boot, sequence)) without rowid;
create table if not exists series (
  id integer primary key, agent text not null, node text not null, name text not null, part text not null,
  unit text not null, unique (agent, node, name, part, unit));
create table if not exists sample (
  series integer not null, time_ns integer not null, start_ns integer, value real, quality text not null,
  primary key (series, time_ns)) without rowid;
create table if not exists quarantine (
  agent text not null, received_ns integer not null, name text not null, value text not null, reason text not null);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value of an agent.

    Attributes:
        name: name of OpenTelemetry's conventions.
        part: what of the node it is, such as ``package-0``; empty for the whole.
        unit: its unit.
        time_ns: nanoseconds since 1970.
        start_ns: begin of a delta, or None.
        value: None where the agent had no reading.
        quality: ``good``, or why there is no value.
    """

    name: str
    part: str
    unit: str
    time_ns: int
    start_ns: int | None
    value: float | None
    quality: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What became of a batch."""

    stored: int
    quarantined: int
    duplicate: bool


def fault_of(sample: Sample, now_ns: int) -> str | None:
    """Why a sample can not be, or None."""
    if sample.time_ns > now_ns + _FUTURE_NS:
        return "its time is in the future"
    if sample.start_ns is not None and sample.start_ns >= sample.time_ns:
        return "it ends before it begins"
    return None if sample.value is None else _value_fault(sample, sample.value)


def _value_fault(sample: Sample, value: float) -> str | None:
    if not math.isfinite(value):
        return "it is no number"
    if sample.unit not in ("J", "W"):
        return None
    if value < 0:
        return "energy and power are not negative"
    seconds = 1.0 if sample.start_ns is None else (sample.time_ns - sample.start_ns) / 1e9
    return "no host draws that much" if value > _MAX_POWER_W * seconds else None


class Samples:
    """The reports of all agents in one file; it is made when it is missing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as connection:
            connection.executescript(_SCHEMA)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as connection:
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = full")
            yield connection

    def append(  # noqa: PLR0917 - a batch's identity and content
        self, agent: str, node: str, boot: str, sequence: int, samples: Sequence[Sample], now_ns: int
    ) -> Received:
        """Store a batch in one transaction that is on disk when this returns; one that came before changes nothing."""
        with self._open() as connection:
            connection.execute("begin immediate")
            try:
                row = (agent, boot, sequence, now_ns)
                if connection.execute("insert or ignore into batch values (?, ?, ?, ?)", row).rowcount == 0:
                    connection.execute("rollback")
                    return Received(stored=0, quarantined=0, duplicate=True)
                received = self._store(connection, agent, node, samples, now_ns)
            except BaseException:
                if connection.in_transaction:
                    connection.execute("rollback")
                raise
            connection.execute("commit")
        return received

    @staticmethod
    def _store(
        connection: sqlite3.Connection, agent: str, node: str, samples: Sequence[Sample], now_ns: int
    ) -> Received:
        stored = set_aside = 0
        ids: dict[tuple[str, str, str], int] = {}
        for sample in samples:
            reason = fault_of(sample, now_ns)
            if reason is not None:
                row = (agent, now_ns, sample.name[:200], repr(sample.value), reason)
                connection.execute("insert into quarantine values (?, ?, ?, ?, ?)", row)
                set_aside += 1
                continue
            key = (sample.name, sample.part, sample.unit)
            if key not in ids:
                connection.execute(
                    "insert or ignore into series (agent, node, name, part, unit) values (?, ?, ?, ?, ?)",
                    (agent, node, *key),
                )
                query = "select id from series where agent = ? and node = ? and name = ? and part = ? and unit = ?"
                ids[key] = connection.execute(query, (agent, node, *key)).fetchone()[0]
            stored += connection.execute(
                "insert or ignore into sample values (?, ?, ?, ?, ?)",
                (ids[key], sample.time_ns, sample.start_ns, sample.value, sample.quality),
            ).rowcount
        return Received(stored=stored, quarantined=set_aside, duplicate=False)

    def batches(self, agent: str) -> list[int]:
        """Sequence numbers of an agent's batches, in order."""
        with self._open() as connection:
            query = "select sequence from batch where agent = ? order by sequence"
            return [row[0] for row in connection.execute(query, (agent,))]

    def samples(self, agent: str) -> list[Sample]:
        """All samples of an agent in order of time."""
        query = (
            "select s.name, s.part, s.unit, m.time_ns, m.start_ns, m.value, m.quality from sample m "
            "join series s on s.id = m.series where s.agent = ? order by m.time_ns, s.name, s.part"
        )
        with self._open() as connection:
            return [
                Sample(name=n, part=p, unit=u, time_ns=t, start_ns=b, value=v, quality=q)
                for n, p, u, t, b, v, q in connection.execute(query, (agent,))
            ]

    def quarantined(self, agent: str) -> list[tuple[str, str]]:
        """Names and reasons of what was set aside of an agent."""
        with self._open() as connection:
            query = "select name, reason from quarantine where agent = ? order by rowid"
            return [(name, reason) for name, reason in connection.execute(query, (agent,))]
