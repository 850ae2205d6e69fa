"""Readings, samples and agents of several services of one database: each thing once, and the figures of a file."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.live import GATEWAY, batch, samples_of, site_of
from support.memory_tsdb import MemoryTsdb
from support.postgresql import PostgresqlServer
from support.readings import METERS, START, month
from support.signed_host import SignedHost, points_of, received
from zonewright.cli import main
from zonewright.ledger.protocol.errors import LedgerMisuseError
from zonewright.ledger.store import bringing, journal, telemetry_tables
from zonewright.ledger.store.bringing import bring_files
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.homes import Homes, homes_of
from zonewright.ledger.store.tables import journal as entries
from zonewright.ledger.verbs.live import KIND, tell_live
from zonewright.ledger.verbs.pruning import tell_intakes, tell_removals
from zonewright.ledger.verbs.sealing import seal_chains
from zonewright.pue.readings import Reading
from zonewright.server.agent_table import AgentsTable, HealthTable
from zonewright.server.agents import AgentsFile, issue_token
from zonewright.telemetry import Store
from zonewright.telemetry.correcting import Intake
from zonewright.telemetry.delivering import mark
from zonewright.telemetry.feeding import Feeder
from zonewright.telemetry.home import TsdbFaultError
from zonewright.telemetry.registers import registers
from zonewright.telemetry.sample import Sample, SampleBatch
from zonewright.telemetry.samples import Samples, samples_file, samples_path
from zonewright.telemetry.summing import DAY_US, HOUR_US
from zonewright.telemetry.tables import readings_file, telemetry_path
from zonewright.telemetry.tsdb.losing import give_up
from zonewright.telemetry.tsdb.moving import Moved, move

NOW_NS = (START + 400 * DAY_US) * 1_000
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
SITE = site_of(METERS)


class Service:
    """What one service has of a ledger, with connections of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.database = Database(folder / "ledger.db", url, lock_wait_s=20)
        self.homes: Homes = homes_of(self.database)
        self.samples, self.store = Samples(self.homes.samples), Store(self.homes.readings, create=True)
        self.context = Context(database=self.database, telemetry=self.homes.readings, samples=self.homes.samples)
        self.agents = AgentsTable(self.homes.samples)

    def feed(self) -> None:
        """Take what came in, to whichever service."""
        Feeder(self.samples, self.store, {"dc1": SITE}, now_ns=NOW_NS).feed()

    def kinds(self) -> list[str]:
        """The kinds of the journal's entries."""
        with self.database.reading() as connection:
            return [row.kind for row in connection.execute(entries.select().order_by("sequence"))]


@contextmanager
def services(postgresql: PostgresqlServer, folder: Path, count: int = 2) -> Iterator[list[Service]]:
    """Some services of one new ledger."""
    name = postgresql.copy_template()
    found = [Service(folder, postgresql.url(name)) for _ in range(count)]
    try:
        yield found
    finally:
        for one in found:
            one.homes.close()
            one.database.close()
        postgresql.drop(name)


def at_once(*calls: object) -> None:
    """All of them begin at one moment."""
    gate = threading.Barrier(len(calls))

    def run(call: object) -> None:
        gate.wait()
        call()  # type: ignore[operator]

    with ThreadPoolExecutor(len(calls)) as pool:
        list(pool.map(run, calls))


def test_the_columns_are_those_of_the_files(tmp_path: Path) -> None:
    """Rows are written by the order of columns, so each table has those of its file in the same order."""
    found: dict[str, list[str]] = {}
    for home in (readings_file(tmp_path / "t.db"), samples_file(tmp_path / "s.db")):
        home.make()
        with home.opened() as connection:
            for (name,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
                columns = connection.execute(f"pragma table_info({name})").fetchall()
                found[name] = [row[1] for row in columns]
    found.pop("sqlite_sequence")
    found["quarantine"].append("rowid")
    beside = {"agent", "health", "witnessed"}
    assert found == {
        name: [*table.columns.keys()] for name, table in telemetry_tables.metadata.tables.items() if name not in beside
    }


def test_hours_lie_in_one_database_for_all_services(postgresql: PostgresqlServer, tmp_path: Path) -> None:
    """What one service moved, the other reads as it was, brings back for a late reading, and never finds twice."""
    tsdb, items = MemoryTsdb(), {"main": month()["main"][:300]}
    late = {"main": [Reading(None, items["main"][10].time_us + 1_000_000, items["main"][10].value, 0)]}
    window = (START, START + 90 * HOUR_US)
    with services(postgresql, tmp_path) as both:
        for one in both:
            one.homes.readings.tsdb = tsdb
        both[0].store.append("dc1", METERS, items, trust="authenticated")
        with both[0].store.writing() as connection:
            mark(connection, 1, (item.time_us for item in items["main"]))
        tell_live(both[0].context)
        before = both[1].store.readings("dc1", *window, [window])
        done: list[Moved] = []
        for _ in range(2):
            at_once(*(lambda one=one: done.append(move(one.homes.readings, NOW_NS, sleep=time.sleep)) for one in both))
        assert sum(one.hours for one in done) > 50
        with both[1].store.opened() as connection:
            assert connection.execute("select count(*) from reading").fetchone()[0] < 60
        assert both[1].store.readings("dc1", *window, [window]) == before
        at_once(*(lambda one=one: one.store.append("dc1", METERS, late, trust="authenticated") for one in both))
        found = both[0].store.readings("dc1", *window, [window])["main"]
        assert len(found) == len(before["main"]) + 1
        tsdb.series.clear()
        with pytest.raises(TsdbFaultError, match="holds 0 of the"):
            both[1].store.readings("dc1", *window, [window])
        gone = Intake(kind="lost", by="anna", reason="a disk broke")
        with pytest.raises(TsdbFaultError, match="holds 0 of the"):  # what lies beside the window is lost, too
            give_up(both[1].homes.readings, "dc1", METERS, window, gone, is_gone=False)
        month_us = (START, START + 31 * DAY_US)
        assert give_up(both[1].homes.readings, "dc1", METERS, month_us, gone, is_gone=False)["main"] > 50
        assert len(both[0].store.readings("dc1", *window, [window])["main"]) < 60
        tell_intakes(both[0].context)
        assert both[0].kinds()[-1] == "readings"


def test_signed_batches_there_are_judged_alike(postgresql: PostgresqlServer, tmp_path: Path) -> None:
    """Of two services one takes the head and both see it: readings are raised once, and the journal names it once."""
    with services(postgresql, tmp_path) as both:
        host, readings = SignedHost(GATEWAY), {name: items[:8] for name, items in month().items()}
        for number in range(8):
            points = points_of(METERS, {name: items[number] for name, items in readings.items()})
            both[number % 2].samples.append(received(host.next(points), key=host.key.public), NOW_NS)
        at_once(*(one.feed for one in both))
        with both[1].store.opened() as connection:
            query = "select trust, count(*) from reading group by trust order by trust"
            assert connection.execute(query).fetchall() == [("authenticated", 8), ("signed", 24)]
        assert [bool(one.head) for one in both[1].samples.chains.batches(GATEWAY)] == [True] * 6 + [False] * 2
        at_once(*(partial(seal_chains, one.context, at_once=True) for one in both))
        assert [kind for kind in both[0].kinds() if kind == "sealed"] == ["sealed"]
        assert both[0].samples.prune(NOW_NS + 1)
        assert [one.sequence for one in both[1].samples.chains.batches(GATEWAY)] == [8]


def test_readings_there_are_those_of_a_file(postgresql: PostgresqlServer, tmp_path: Path) -> None:
    """Imports, trust, removals and records give the same sums, readings and texts, to the last digit."""
    with services(postgresql, tmp_path, 1) as (service,):
        file = readings_file(tmp_path / "t.db")
        stores = [service.store, Store(file, create=True)]
        assert not service.homes.readings.is_there()
        for store in stores:
            intake = Intake(kind="imported", by="anna")
            assert store.append("dc1", METERS, month(), trust="imported", intake=intake).added > 9_000
            store.append("dc1", METERS, {"main": month()["main"][:50]}, trust="signed")
            wrong = {"main": month()["main"][60:61]}
            assert store.would_append("dc1", METERS, wrong, trust="imported").known == 1
            why = Intake(kind="withdrawn", by="ben", reason="misread")
            assert store.correct("dc1", METERS, wrong, why, trust="imported").withdrawn == 1
            store.tell_intakes(lambda _payload, note: note.keep('{"sequence":1}'))
            assert store.prune(START + 9 * DAY_US) > 2_000
            store.tell_removals(lambda _found, note: note.keep('{"sequence":2,"at":"2026-03-01"}'))
        assert service.homes.readings.is_there()
        one, two = stores
        for low, high in ((0, 24 * 31), (5, 333), (101, 200)):
            window = (START + low * HOUR_US, START + high * HOUR_US)
            assert one.sums("dc1", *window) == two.sums("dc1", *window)
            assert one.readings("dc1", *window) == two.readings("dc1", *window)
            assert one.weeks("dc1", *window) == two.weeks("dc1", *window)
            assert one.low_days("dc1", METERS, *window) == two.low_days("dc1", METERS, *window)
            assert one.stood("dc1", METERS, *window) == two.stood("dc1", METERS, *window)
        assert (one.last("dc1"), one.trusts("dc1")) == (two.last("dc1"), two.trusts("dc1"))
        assert one.superseded("dc1") == two.superseded("dc1") != []
        assert registers(service.homes.readings, "dc1", SINCE) == registers(file, "dc1", SINCE)


def report(sequence: int, agent: str = "host-1", parts: int = 300) -> SampleBatch:
    """A batch with energy of some seconds."""
    begin = START * 1_000 + sequence * 10**12
    samples = (
        Sample("hw.energy", f"p{n % 3}", "J", begin + n * 10**9, begin + (n - 1) * 10**9, n + 0.1, "good")
        for n in range(1, parts + 1)
    )
    return SampleBatch(agent=agent, node="core-001", boot="b", sequence=sequence, samples=tuple(samples))


def test_samples_there_are_those_of_a_file(postgresql: PostgresqlServer, tmp_path: Path) -> None:
    """Batches, repeated samples, impossible values and removals leave the same, and what was taken stays known."""
    with services(postgresql, tmp_path, 1) as (service,), closing(Samples(tmp_path / "s.db")) as file:
        both = (service.samples, file)
        again = SampleBatch(
            agent="host-1",
            node="core-001",
            boot="b",
            sequence=99,
            samples=(
                *report(1).samples[:5],
                *report(70).samples[:2],
                *report(70).samples[:1],
                *report(10**6).samples[:1],
            ),
        )
        results = [[*(one.append(report(n), NOW_NS) for n in (1, 2, 3, 2)), one.append(again, NOW_NS)] for one in both]
        assert results[0] == results[1]
        assert [one.duplicate for one in results[0]] == [False, False, False, True, False]
        assert (results[0][4].stored, results[0][4].quarantined) == (2, 1)
        for ask in (
            lambda one: one.energy("host-1"),
            lambda one: one.samples("host-1"),
            lambda one: one.quarantined("host-1"),
            lambda one: [part[1:] for part in one.arrivals(0, 9)],
            lambda one: (one.arrival_seen(1), one.arrival_seen(10**6), one.prune(NOW_NS + 1)),
            lambda one: (one.batches("host-1"), one.arrival_seen(1), one.append(report(2), NOW_NS).duplicate),
            lambda one: one.energy("host-1"),
        ):
            assert ask(service.samples) == ask(file)
        assert service.samples.identity() == service.samples.identity() != file.identity()


def test_each_batch_is_taken_once_wherever_it_comes_in(postgresql: PostgresqlServer, tmp_path: Path) -> None:
    """Two services that get the same batches at once take each once; a figure at one has what the other took."""
    sent = [batch(number, samples_of(METERS, half_day(number))) for number in range(1, 5)]
    with services(postgresql, tmp_path) as (one, two):
        plain = Store(tmp_path / "plain.db", create=True)
        for number in range(1, 5):
            plain.append("dc1", METERS, half_day(number), trust="authenticated")
        taken: list[bool] = []

        def give(service: Service, reports: list[SampleBatch]) -> None:
            taken.extend(not service.samples.append(report, NOW_NS).duplicate for report in reports)

        at_once(lambda: give(one, sent), lambda: give(two, sent[::-1]))
        assert sum(taken) == len(sent)
        assert one.samples.batches(GATEWAY) == [1, 2, 3, 4]
        at_once(one.feed, two.feed)
        window = (START, START + 31 * DAY_US)
        for service in (one, two):
            assert service.store.sums("dc1", *window) == plain.sums("dc1", *window)
            assert service.store.last("dc1") == plain.last("dc1")


def half_day(number: int) -> dict[str, list[Reading]]:
    """Twelve hours of all meters, the same for a number."""
    low, high = (START + half * DAY_US // 2 for half in (number - 1, number))
    return {name: [one for one in items if low <= one.time_us < high] for name, items in month().items()}


def test_what_is_recorded_is_recorded_once(postgresql: PostgresqlServer, tmp_path: Path) -> None:
    """Services that tell the journal at the same time of the same hours and removals write one entry each."""
    with services(postgresql, tmp_path) as (one, two):
        one.samples.append(batch(1, samples_of(METERS, half_day(1))), NOW_NS)
        at_once(one.feed, two.feed)
        at_once(lambda: tell_live(one.context), lambda: tell_live(two.context))
        assert one.kinds().count(KIND) == 1
        one.store.append("dc1", METERS, month(), trust="imported", intake=Intake(kind="imported", by="anna"))
        assert two.store.prune(START + 9 * DAY_US) > 0
        at_once(lambda: tell_removals(one.context), lambda: tell_removals(two.context))
        kinds = one.kinds()
        assert (kinds.count("pruned"), kinds.count("readings")) == (1, 1)
        with one.database.reading() as connection:
            told = [journal.entry_of(dict(row)) for row in connection.execute(entries.select()).mappings()]
        assert journal.verify(told) is None


def test_a_record_is_kept_with_its_entry_or_not_at_all(
    postgresql: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is killed before the entry commits has written neither, and the next one writes one entry."""
    with services(postgresql, tmp_path) as (one, two):
        one.samples.append(batch(1, samples_of(METERS, half_day(1))), NOW_NS)
        one.feed()
        with monkeypatch.context() as patched:
            patched.setattr(Context, "account", killed)
            with pytest.raises(KeyboardInterrupt):
                tell_live(one.context)
        assert KIND not in two.kinds()
        tell_live(two.context)
        tell_live(one.context)
        assert one.kinds().count(KIND) == 1


def killed(*_given: object) -> None:
    """The process ends here."""
    raise KeyboardInterrupt


def test_numbers_are_given_in_the_order_in_which_they_are_kept(postgresql: PostgresqlServer, tmp_path: Path) -> None:
    """Who has seen an arrival has seen all before it: the next number waits for a transaction that has one."""
    with services(postgresql, tmp_path) as (one, two), ThreadPoolExecutor(1) as pool:
        with one.homes.samples.writing("host-2") as connection:
            connection.in_order("arrivals")
            other = pool.submit(two.samples.append, report(1), NOW_NS)
            assert two.samples.batches("host-1") == []
            with pytest.raises(TimeoutError):
                other.result(0.3)
            assert two.samples.last_arrival() == 0
        assert other.result(20).stored == 300
        assert one.samples.last_arrival() > 0


END = (
    "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
    "where datname = current_database() and pid <> pg_backend_pid()"
)
"""Every other connection ends, as when the server is down for a moment."""


def test_samples_belong_to_their_series_after_a_restore(postgresql: PostgresqlServer, tmp_path: Path) -> None:
    """A service that goes on beside a restored database believes none of the numbers of series that it knew."""
    with services(postgresql, tmp_path) as (one, two):
        one.samples.append(report(1), NOW_NS)
        with two.database.writing() as connection:
            for table in ("series", "sample", "sample_hour", "batch", "arrival"):
                connection.exec_driver_sql(f"truncate {table} restart identity")
            connection.exec_driver_sql(END)
        two.samples.append(report(1, "host-7"), NOW_NS)
        one.samples.append(report(1), NOW_NS)
        assert two.samples.energy("host-1") == two.samples.energy("host-7") != {}


def test_one_service_at_a_time_removes(postgresql: PostgresqlServer, tmp_path: Path) -> None:
    """Where one service removes old samples or readings the others leave it to that one, and none waits."""
    with services(postgresql, tmp_path) as (one, two):
        one.samples.append(report(1), NOW_NS)
        with one.homes.samples.alone("samples") as is_alone:
            assert is_alone
            assert two.samples.prune(NOW_NS + 1) == 0
        with one.database.writing() as connection:
            connection.exec_driver_sql(END)
        assert two.samples.prune(NOW_NS + 1) == 300
        one.store.append("dc1", METERS, half_day(1), trust="imported")
        with two.homes.readings.alone("readings"):
            assert one.store.prune(START + DAY_US) == 0
        assert one.store.prune(START + DAY_US) > 0


def test_a_token_is_known_and_revoked_everywhere(postgresql: PostgresqlServer, tmp_path: Path) -> None:
    """A token that one service issued lets an agent report to all, until any of them has it forgotten or replaced."""
    with services(postgresql, tmp_path) as (one, two):
        tokens = one.agents.issue({"host-1": "ssh-ed25519 A", "host-2": ""})
        assert two.agents.find(tokens["host-1"]) == ("host-1", "host-1")
        assert two.agents.key_of("host-1") == "ssh-ed25519 A"
        later = two.agents.issue_one("host-1", "core-001")
        assert one.agents.find(tokens["host-1"]) is None
        assert one.agents.find(later) == ("host-1", "core-001")
        assert one.agents.key_of("host-1") == "ssh-ed25519 A", "the key stays with another token"
        two.agents.forget("host-1")
        assert one.agents.find(later) is None
        with pytest.raises(
            ValueError, match="nothing was written to the ledger's agents: 'Host 1' is not an agent's id"
        ):
            one.agents.issue({"Host 1": "", "host-3": ""})
        assert two.agents.entry("host-3") is None
        reports = [HealthTable(service.homes.samples) for service in (one, two)]
        assert [reports[0].keep("host-2", b'{"n": 2}', 2), reports[1].keep("host-2", b'{"n": 1}', 1)] == [True, False]
        assert reports[1].last("host-2") == b'{"n": 2}'
        file = tmp_path / "agents.yaml"
        old = issue_token(file, "host-4", "core-004")
        agents = AgentsTable(one.homes.samples, AgentsFile(file, say=print))
        assert agents.find(old) == ("host-4", "core-004")
        two.agents.issue({"host-4": ""})
        assert agents.find(old) is None, "who is among the ledger's agents has no token of before in a file"


def test_files_beside_a_ledger_are_brought_once(
    postgresql: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An upgrade brings readings and samples of files into the database, numbers go on, and what was taken is known."""
    monkeypatch.chdir(tmp_path)
    name = postgresql.copy_template()
    url, beside = postgresql.url(name), tmp_path / ".zonewright" / f"{name}.db"
    old = Store(telemetry_path(beside), create=True)
    with closing(Samples(samples_path(beside))) as samples:
        samples.append(batch(1, samples_of(METERS, half_day(1))), NOW_NS)
        samples.append(report(10**6), NOW_NS)
        Feeder(samples, old, {"dc1": SITE}, now_ns=NOW_NS).feed()
    before = old.sums("dc1", START, START + DAY_US)
    assert main(["ledger", "upgrade", "--ledger", url]) == 0
    assert capsys.readouterr().out.count("it is not used any more, and has this name: ") == 2
    with closing(Database(beside, url, lock_wait_s=5)) as database, closing(homes_of(database)) as homes:
        new, taken = Store(homes.readings), Samples(homes.samples)
        assert new.sums("dc1", START, START + DAY_US) == before
        assert taken.append(batch(1, ()), NOW_NS).duplicate
        assert taken.quarantined("host-1") != []
        assert taken.append(batch(2, samples_of(METERS, half_day(2))), NOW_NS).stored > 0
        assert Feeder(taken, new, {"dc1": SITE}, now_ns=NOW_NS).feed().appended.known == 0, "it goes on where it was"
    telemetry_path(beside).write_bytes(b"")
    assert main(["ledger", "upgrade", "--ledger", url]) == 2
    assert "are there already, so " in capsys.readouterr().err
    assert telemetry_path(beside).exists()
    postgresql.drop(name)


def test_nothing_that_is_stored_while_files_are_brought_is_lost(
    postgresql: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who stores readings waits for who brings a file; a file that a process has open, or that has rivals, stays."""
    beside = tmp_path / "beside.db"
    Store(telemetry_path(beside), create=True).append("dc1", METERS, half_day(1), trust="imported")
    bring = bringing._bring
    with services(postgresql, tmp_path) as (one, two), ThreadPoolExecutor(1) as pool:
        with closing(Samples(samples_path(beside))) as old:
            old.append(report(1), NOW_NS)
            with pytest.raises(LedgerMisuseError, match=r"another process has \S+beside\.samples\.db open"):
                bring_files(beside, one.homes)
        assert not one.homes.readings.is_there()
        later: list[Future[object]] = []

        def slowly(*given: Any) -> None:
            if not later:
                later.append(pool.submit(two.store.append, "dc1", METERS, half_day(3), trust="imported"))
                with pytest.raises(TimeoutError):
                    later[0].result(0.3)
            bring(*given)

        monkeypatch.setattr(bringing, "_bring", slowly)
        assert bring_files(beside, one.homes) == [telemetry_path(beside), samples_path(beside)]
        assert later[0].result(20)
        plain = Store(tmp_path / "plain.db", create=True)
        for number in (1, 3):
            plain.append("dc1", METERS, half_day(number), trust="imported")
        window = (START, START + 2 * DAY_US)
        assert two.store.sums("dc1", *window) == plain.sums("dc1", *window)
        assert not [*tmp_path.glob("beside.*-wal"), *tmp_path.glob("beside.*-shm")], "each file is in one piece"
        with pytest.raises(LedgerMisuseError, match="move them away; else import what is missing"):
            bring_files(beside, one.homes)
