"""Ingest of samples without HTTP: into a file and into PostgreSQL, beside bare inserts of the same rows."""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil

from bench.figures import Figure, seconds
from support.postgresql import PostgresqlServer, postgresql_server
from support.tsdb_servers import SERVERS
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.homes import homes_of
from zonewright.telemetry.sample import Sample, SampleBatch
from zonewright.telemetry.samples import Samples
from zonewright.telemetry.tsdb.client import HttpTsdb
from zonewright.telemetry.tsdb.interface import TimeSeries

BATCHES, BATCH, SENDERS = 200, 1_000, 4
_STEP_NS = 10**7
_COUNT = BATCHES * BATCH
_TABLE = "create table bare (time_ns bigint, series bigint, start_ns bigint, value float8, quality text, {key})"
_KEY = "primary key (time_ns, series)"
_Row = tuple[int, int, int | None, float | None, str]


def figures(_runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Both ways, each with its baseline."""
    with tempfile.TemporaryDirectory() as folder, postgresql_server(is_durable=True) as server:
        return [*_file(Path(folder)), *_server(Path(folder), server), *_databases(Path(folder))]


def _databases(folder: Path) -> Iterator[Figure]:
    """What Prometheus and VictoriaMetrics themselves take for the same samples by remote write."""
    batches = [batch for number in range(SENDERS) for batch in reversed(_batches(f"host-{number}"))]
    requests = [[*_series(batch)] for batch in batches]
    for name, server in SERVERS.items():
        own = folder / name
        own.mkdir()
        with server(own) as url:
            tsdb = HttpTsdb(f"{url}/api/v1/write", f"{url}/api/v1/query", timeout_s=60)
            (process,) = (one for one in psutil.Process().children() if one.name().startswith(name[:8]))
            before = sum(process.cpu_times()[:2])
            for request in requests:
                tsdb.write(request)
            cpu_s = sum(process.cpu_times()[:2]) - before
        yield Figure(f"{name}, {_COUNT:,} by remote write", cpu_s, "s CPU")
        yield Figure(f"{name}, samples for each CPU second", _COUNT / cpu_s, "")


def _series(batch: SampleBatch) -> Iterator[TimeSeries]:
    """A batch as series, in order of time."""
    parts: dict[str, list[tuple[int, int]]] = {}
    for one in sorted(batch.samples, key=lambda sample: sample.time_ns):
        parts.setdefault(one.part, []).append((one.time_ns // 10**6, round((one.value or 0) * 10**6)))
    for part, samples in parts.items():
        yield TimeSeries({"__name__": "bench", "agent": batch.agent, "part": part}, samples)


def _file(folder: Path) -> list[Figure]:
    with closing(Samples(folder / "s.db")) as samples:
        ours = _sent(samples)
    path, rows = folder / "bare.db", [_rows(batch) for batch in _batches("host-1")]

    def bare() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            file.execute("pragma journal_mode = wal")
            file.execute("pragma synchronous = full")
            file.execute(f"{_TABLE.format(key=_KEY)} without rowid")
            for batch in rows:
                file.execute("begin")
                file.executemany("insert into bare values (?, ?, ?, ?, ?)", batch)
                file.execute("commit")

    return _told("file", ours, _timed(bare))


def _server(folder: Path, server: PostgresqlServer) -> list[Figure]:
    import psycopg  # noqa: PLC0415 - of an extra

    url = server.url(server.copy_template())
    with closing(Database(folder / "l.db", url, lock_wait_s=60)) as database, closing(homes_of(database)) as homes:
        samples = Samples(homes.samples)
        ours = _sent(samples)

    rows = [_rows(batch) for batch in _batches("host-1")]

    def bare() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_TABLE.format(key=_KEY).encode())
            for batch in rows:
                with connection.transaction(), connection.cursor().copy(b"copy bare from stdin") as copy:
                    for row in batch:
                        copy.write_row(row)

    return _told("PostgreSQL", ours, _timed(bare))


def _sent(samples: Samples) -> tuple[float, float]:
    """Seconds of the clock and of this process's processor until all senders have their acknowledgements."""
    now_ns = time.time_ns()
    batches = [_batches(f"host-{number}") for number in range(SENDERS)]

    def send(own: list[SampleBatch]) -> None:
        for batch in own:
            samples.append(batch, now_ns)

    with ThreadPoolExecutor(SENDERS) as pool:
        found = _timed(lambda: list(pool.map(send, batches)))
    stored = sum(len(samples.samples(f"host-{number}")) for number in range(SENDERS))
    if stored != _COUNT:
        raise RuntimeError(f"{stored:,} of {_COUNT:,} samples are stored")
    return found


def _batches(agent: str) -> list[SampleBatch]:
    end_ns = time.time_ns()
    return [
        SampleBatch(
            agent=agent,
            node="core-001",
            boot="b",
            sequence=sequence,
            samples=tuple(_sample(end_ns - (sequence * BATCH + number) * _STEP_NS, number) for number in range(BATCH)),
        )
        for sequence in range(1, BATCHES // SENDERS + 1)
    ]


def _sample(time_ns: int, number: int) -> Sample:
    return Sample("hw.energy", f"package-{number % 10}", "J", time_ns, time_ns - _STEP_NS, 12.345678 + number, "good")


def _rows(batch: SampleBatch) -> list[_Row]:
    return [
        (one.time_ns, number % 10, one.start_ns, one.value, one.quality) for number, one in enumerate(batch.samples)
    ]


def _timed(action: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the clock and of this process's processor."""
    begun = time.process_time()
    wall = seconds(action)
    return wall, time.process_time() - begun


def _told(where: str, ours: tuple[float, float], bare: tuple[float, float]) -> list[Figure]:
    many = SENDERS  # the baseline inserts what one of the senders does
    return [
        Figure(f"{where}: {_COUNT:,} samples", ours[0], "s", _COUNT / 50_000 if where == "file" else None),
        Figure(f"{where}: samples a second", _COUNT / ours[0], "/s"),
        Figure(f"{where}: samples a second of processor here", _COUNT / ours[1], "/s"),
        Figure(f"{where}: against bare inserts of one sender", ours[0] / (many * bare[0]), "times"),
    ]
