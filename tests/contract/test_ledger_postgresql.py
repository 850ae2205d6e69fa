"""A ledger on PostgreSQL: turns, lost connections, what others write, and what the database itself refuses."""

import lzma
import shlex
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, literal, select

from support.judged import judge_once
from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.postgresql import PostgresqlServer, programs
from support.registers import NOW, ZONE, registers
from support.reporter import reporter
from support.telemetry_processes import Service
from support.zone_project import REPOSITORY, cluster, facility
from zonewright.cli import main, parser
from zonewright.ledger import LedgerMisuseError, LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.deciding import decide
from zonewright.ledger.deciding.site_claims import claimed_sums, site_claims
from zonewright.ledger.deciding.zone_parts import brought_in
from zonewright.ledger.migrations.upgrade import upgrade
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.access_messages import GrantRequest, RevokeRequest
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.holding_messages import ConfirmRequest
from zonewright.ledger.protocol.journal_messages import CheckpointRequest, HistoryRequest
from zonewright.ledger.protocol.ledger_url import place_of, require_url
from zonewright.ledger.protocol.stack_messages import InitRequest, ReportRequest
from zonewright.ledger.store import bringing, recording, scope_facts
from zonewright.ledger.store.copying import copy_ledger
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.engines import postgresql_server as engine
from zonewright.ledger.store.journal import head_of, verify
from zonewright.ledger.store.schema import SCHEMA, ledger_id
from zonewright.ledger.store.scopes import WholeZone
from zonewright.ledger.store.state import verify_state
from zonewright.ledger.store.tables import claim, generation
from zonewright.ledger.transport.client import LedgerClient
from zonewright.telemetry.home import StoreFaultError
from zonewright.telemetry.sample import SampleBatch
from zonewright.telemetry.samples import Samples

FIXTURE_0005 = REPOSITORY / "tests" / "fixtures" / "schema-0005-postgresql"
PLACE = {"001": {"rack": "dc1/a/01/01", "position": 5}}
CONSTRAINT = """
CREATE FUNCTION ending() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER ending AFTER INSERT ON journal DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ending();
"""
"""Ends the session of whoever writes an entry, within its commit."""


@dataclass
class World:
    """A ledger in a database of its own, and a client of it."""

    server: PostgresqlServer
    name: str
    folder: Path
    client: LedgerClient

    @property
    def url(self) -> str:
        """The ledger's URL."""
        return self.server.url(self.name)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """What the database's administrator may do."""
        return self.server.sql(self.name, statement)

    def party(self, name: str) -> Party:
        """A stack of a party."""
        return Party(self.client, f"stack-of-{name}", name)

    def database(self, wait_s: float = 5) -> Database:
        """Another service's database."""
        return Database(self.folder / "ledger.db", self.url, lock_wait_s=wait_s)

    def faults(self) -> list[str]:
        """What is not as the journal says."""
        with closing(self.database()) as database, database.reading() as connection:
            return verify_state(connection).faults


@pytest.fixture(name="world")
def _world(postgresql: PostgresqlServer, tmp_path: Path) -> Iterator[World]:
    name = postgresql.copy_template()
    with LedgerClient(postgresql.url(name), root=tmp_path) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        yield World(postgresql, name, tmp_path, client)
    postgresql.drop(name)


def test_a_session_prepares_what_comes_again(world: World) -> None:
    """What a session has prepared is there after transactions that only read, and one plan of it serves all values."""
    own = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE strpos(statement, 'claim_version') > 0"
    with closing(world.database()) as database:
        for site in ("dc1", "dc2", "dc3"):
            with database.reading() as connection:
                site_claims(connection, {site})
        with database.reading() as connection:
            assert [tuple(row) for row in connection.exec_driver_sql(own)] == [(2, 0)]


@pytest.mark.tampers
def test_what_anybody_wrote_is_seen_by_a_service_that_remembers(world: World) -> None:
    """Of claims and assets that were altered, moved or removed a service says what one says that was just started."""
    bring_up_racks(world.client)
    world.party("tenant-a").bring_up(clusters={"web": cluster(2)})

    def told(database: Database) -> tuple[object, ...]:
        with database.reading() as connection:
            claims = site_claims(connection, {"dc1", "elsewhere"})
            rows = {site: list(map(tuple, one.rows)) for site, one in claims.items() if one.rows}
            brought = {site: list(map(tuple, one.rows)) for site, one in brought_in(connection).sites.items()}
            return rows, {site: some for site, some in brought.items() if some}, sorted(claimed_sums(connection))

    with closing(world.database()) as service:
        before = told(service)
        for statement in (
            "UPDATE claim SET draw_w = 7 WHERE name = 'web-001'",
            "UPDATE claim SET site = 'elsewhere' WHERE name = 'web-001'",
            "DELETE FROM claim WHERE name = 'web-002'",
            "UPDATE asset SET state = 'releasing' WHERE kind = 'row'",
            "UPDATE asset SET site = 'elsewhere' WHERE kind = 'row'",
            "DELETE FROM asset WHERE kind = 'row'",
        ):
            world.sql(statement)
            with closing(world.database()) as started:
                now = told(service)
                assert now == told(started), statement
            assert now != before, statement
            before = now


def race(world: World, count: int) -> list[str]:
    """So many tenants' stacks, half of them at each of two services, for one U at once; gives how each ended."""
    bring_up_racks(world.client)
    with LedgerClient(world.url, root=world.folder) as second:
        parties = [
            Party((world.client, second)[number % 2], f"stack-number-{number}", f"tenant-{'ab'[number % 2]}")
            for number in range(count)
        ]
        offers = []
        for one in parties:
            one.enrol()
            offers.append(one.propose(one.demand(clusters={"web": cluster(1, places=PLACE)}), reserve=False))
        gate = threading.Barrier(count)

        def admits(number: int) -> str:
            gate.wait()
            try:
                parties[number].admit(offers[number])
            except LedgerRefusedError as error:
                return error.code
            except Exception as error:  # noqa: BLE001 - told by its kind
                return type(error).__name__
            return "admitted"

        with ThreadPoolExecutor(count) as pool:
            return sorted(pool.map(admits, range(count)))


def test_of_many_for_the_last_unit_one_is_admitted(world: World) -> None:
    """Two services admit one of twelve stacks that want one U, and refuse the others by the rule."""
    assert race(world, 12) == ["admitted", *["findings"] * 11]
    entries = world.client.call(verbs.HISTORY, HistoryRequest()).entries
    assert verify(entries) is None
    assert [entry.kind for entry in entries].count("refused") == 11
    assert world.faults() == []


def test_a_ledger_without_turns_is_told_apart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same race without the lock does not end like that: else the test before this one would show nothing."""
    monkeypatch.setattr(engine, "_WRITE", engine._WRITE.replace("LOCK TABLE turn IN EXCLUSIVE MODE", "SELECT 1"))
    monkeypatch.setattr(scope_facts, "scopes_of", lambda _touch, _known: WholeZone("no scope is held"))
    monkeypatch.setattr(engine.PostgresqlServer, "_commit", slow(engine.PostgresqlServer._commit))
    assert race(world, 12) != ["admitted", *["findings"] * 11]


def slow(commit: Callable[..., None]) -> Callable[..., None]:
    """A commit that others have time to begin before."""

    def later(*given: Any) -> None:
        time.sleep(0.05)
        commit(*given)

    return later


def test_what_is_written_past_the_verbs_is_named(world: World) -> None:
    """Rows that another session writes are not recorded: not by themselves, and not with the next verb that writes."""
    bring_up_racks(world.client)
    tenant = world.party("tenant-a")
    tenant.bring_up(clusters={"web": cluster(2)})
    assert world.faults() == []
    world.sql("UPDATE claim SET draw_w = 1 WHERE name = 'web-001'")
    world.sql("DELETE FROM enrolment WHERE stack_id = 'stack-of-operator'")
    tenant.confirm("web-002", 1)
    found = " ".join(world.faults())
    assert "(node web-001 of stack stack-of-tenant-a): draw_w is 1, 200 was recorded" in found
    assert "enrolment stack-of-operator: it is missing" in found


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE step SET number = 7", "step of stack stack-of-"),
        ("DELETE FROM prefix", "the networks of asset"),
        ("UPDATE content SET text = text || ' '", "its text does not have this digest"),
        ("UPDATE enrolment SET stack_id = 'stack-of-x' WHERE party = 'tenant-a'", "nobody recorded it"),
        ("UPDATE row_change SET digest = '' WHERE \"table\" = 'claim'", "is not the one that the journal names"),
        ("DELETE FROM recorded WHERE \"table\" = 'claim'", "recorded claim [1]: it is missing"),
    ],
)
def test_tables_that_follow_from_others_are_compared(world: World, statement: str, sentence: str) -> None:
    """What is altered beside the rows that are recorded is named as in a file."""
    bring_up_racks(world.client)
    world.party("tenant-a").bring_up(clusters={"web": cluster(1)})
    world.sql(statement)
    assert any(sentence in fault for fault in world.faults())


@contextmanager
def waiting(world: World, statement: str) -> Iterator[None]:
    """Another session that wrote something, and commits when a transaction of the ledger waits for it."""
    import psycopg  # noqa: PLC0415 - of an extra

    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with psycopg.connect(world.url) as other:
        other.execute(statement.encode())

        def commits() -> None:
            deadline = time.monotonic() + 30
            while world.sql(waits) == [(0,)] and time.monotonic() < deadline:
                time.sleep(0.01)
            other.commit()

        thread = threading.Thread(target=commits)
        thread.start()
        yield
        thread.join()


@pytest.mark.tampers
def test_a_verb_that_meets_anothers_change_is_begun_anew(world: World) -> None:
    """A row that another session changes under a verb is read again: the answer is by what is there then."""
    bring_up_racks(world.client)
    tenant = world.party("tenant-a")
    tenant.bring_up(clusters={"web": cluster(1)})
    with waiting(world, "UPDATE claim SET generation = 41 WHERE name = 'web-001'"):
        assert tenant.confirm("web-001", 41) == 42
    world.sql("ALTER TABLE claim DISABLE TRIGGER USER")
    with pytest.raises(LedgerUnavailableError, match="somebody else changed the same rows"):
        meet_always(world)


def meet_always(world: World) -> None:
    """A verb that meets somebody else each time."""
    other = waiting(world, "UPDATE claim SET draw_w = draw_w")
    with closing(world.database()) as database, other, database.writing() as connection:
        connection.exec_driver_sql("SELECT 1 FROM claim")
        connection.exec_driver_sql("UPDATE claim SET draw_w = 2")


def test_a_writer_waits_for_its_turn_and_no_longer(world: World) -> None:
    """Who holds the turn is waited for, by threads of one process and by others, and then the sentence says it."""
    with closing(world.database()) as first, closing(world.database(0.2)) as second, first.writing():
        for database in (second, second):
            with pytest.raises(LedgerUnavailableError, match=r"for 0\.2 s; nothing was changed"), database.writing():
                pass
        with second.reading() as connection:
            assert ledger_id(connection)


def test_a_connection_that_is_lost_leaves_nothing_and_is_made_again(world: World) -> None:
    """A session that the server ends within a transaction has changed nothing; the next call has a new one."""
    bring_up_racks(world.client)

    def lose(connection: Connection) -> None:
        connection.execute(generation.insert().values(stack_id="x", highest=1))
        mine = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        world.sql(f"SELECT pg_terminate_backend({mine})")
        connection.exec_driver_sql("SELECT 1")

    with closing(world.database()) as database:
        with pytest.raises(LedgerUnavailableError, match="nothing was changed"), database.writing() as connection:
            lose(connection)
        with database.writing() as connection:
            assert connection.execute(select(generation)).all() == []


def test_sessions_that_the_server_ended_meanwhile_are_made_again(world: World) -> None:
    """Who calls after a restart or an end of idle sessions notices nothing, when reading and when writing."""
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    for call in (lambda: world.client.call(verbs.HISTORY, HistoryRequest()), lambda: bring_up_racks(world.client)):
        ended = world.sql(f"SELECT pg_terminate_backend(pid, 5000) {others}")
        assert ended
        assert set(ended) == {(True,)}
        call()


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "lost"])
def test_a_connection_that_ends_within_the_commit_is_told_as_unknown(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_kept: bool
) -> None:
    """Nobody says that nothing was changed; the same request again is carried out, or has been."""
    bring_up_racks(world.client)
    tenant = world.party("tenant-a")
    tenant.enrol()
    offer = tenant.propose(tenant.demand(clusters={"web": cluster(1)}))
    tenant.admit(offer)
    request = ConfirmRequest(
        stack_id=tenant.stack_id, kind="node", name="web-001", generation=0, holder="0123456789abcdef"
    )
    if is_kept:
        lose_the_answer(monkeypatch)
    else:
        world.sql(CONSTRAINT)
    with pytest.raises(LedgerUnavailableError, match="nobody knows whether it was carried out") as caught:
        world.client.call(verbs.CONFIRM, request)
    assert caught.value.code == "unknown"
    monkeypatch.undo()
    if not is_kept:
        world.sql("DROP TRIGGER ending ON journal")
    assert dict(tenant.states()) == {"web-001": "active" if is_kept else "admitted"}
    world.client.call(verbs.CONFIRM, request)
    assert dict(tenant.states()) == {"web-001": "active"}
    assert world.faults() == []


def lose_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server keeps the change, and its answer does not arrive: the connection is closed while it is awaited."""
    run = engine.PostgresqlServer._run

    def lost(self: engine.PostgresqlServer, driver: Any, statement: str) -> None:
        run(self, driver, statement)
        if statement == "COMMIT":
            driver.close()
            run(self, driver, statement)

    monkeypatch.setattr(engine.PostgresqlServer, "_run", lost)


def test_a_crash_of_the_server_loses_nothing_that_was_acknowledged(world: World) -> None:
    """The server ends as in a crash and starts again: what was answered is there, and the same client goes on."""
    bring_up_racks(world.client)
    before = world.client.call(verbs.HISTORY, HistoryRequest()).entries
    world.server.stop(immediately=True)
    with pytest.raises(LedgerUnavailableError, match="cannot be used") as caught:
        world.client.call(verbs.HISTORY, HistoryRequest())
    assert "Traceback" not in str(caught.value)
    world.server.start()
    assert world.client.call(verbs.HISTORY, HistoryRequest()).entries == before
    world.party("tenant-a").bring_up(clusters={"web": cluster(1)})


def test_a_database_that_is_read_only_is_told(world: World) -> None:
    """A standby is no ledger: what writes there, and what only reads, is told what it is."""
    world.sql(f"ALTER DATABASE {world.name} SET default_transaction_read_only = on")
    with pytest.raises(LedgerUnavailableError, match="it is a standby, or set to be read only"):
        world.database()


def test_a_server_that_is_not_there_or_lets_nobody_in_is_told(world: World, tmp_path: Path) -> None:
    """No server, no database, no tables: each has its sentence, without a traceback and without a change."""
    empty, latin = world.server.create(), world.server.create("template0 ENCODING latin1 LOCALE 'C'")
    for url, word in (
        (f"postgresql:///x?host={tmp_path}", "cannot be used: connection "),
        (world.server.url("nothing"), 'database "nothing" does not exist'),
        (world.server.url(empty), "a database without the tables of a ledger"),
        (world.server.url(latin), "with a database in UTF8, got [0-9]+ with LATIN1"),
    ):
        with pytest.raises(LedgerUnavailableError, match=word):
            Database(tmp_path / "ledger.db", url, lock_wait_s=1)
    for name in (empty, latin):
        world.server.drop(name)


@pytest.mark.parametrize(
    "said",
    [
        "sorry, too many clients already",
        "remaining connection slots are reserved for roles with the SUPERUSER attribute",
        'too many connections for database "ledger"',
    ],
)
def test_a_server_that_has_no_connection_left_is_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """As long as a writer waits for its turn; then it is a sentence, as is a server that is not there at all."""
    left, asked = [2], list[str]()

    def connect(*given: Any, **more: Any) -> Any:
        asked.append("connect")
        if left[0]:
            left[0] -= 1
            raise psycopg.OperationalError(
                f'connection failed: connection to server on socket "s" failed: FATAL:  {said}'
            )
        return connected(*given, **more)

    connected = psycopg.connect
    monkeypatch.setattr(psycopg, "connect", connect)
    monkeypatch.setattr(engine, "_AGAIN_S", (0.001, 0.002))
    with closing(world.database()) as database, database.reading() as connection:
        assert head_of(connection)[0] > 0
    assert len(asked) == 3
    left[0] = 10**6
    with pytest.raises(LedgerUnavailableError, match=r"cannot be used: connection failed: .*nothing was changed"):
        world.database(wait_s=0.05)
    assert len(asked) > 4


def test_many_make_one_ledger(postgresql: PostgresqlServer, tmp_path: Path) -> None:
    """Processes that make the tables of one database at the same time make one ledger."""
    name = postgresql.create()

    def made(_number: int) -> str:
        made_here = Database(tmp_path / "x.db", postgresql.url(name), create=True, lock_wait_s=20)
        with closing(made_here) as database, database.reading() as connection:
            return ledger_id(connection)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(made, range(4)))) == 1
    postgresql.drop(name)


def test_an_order_is_that_of_bytes_whatever_the_database_sorts_by(postgresql: PostgresqlServer, tmp_path: Path) -> None:
    """A database with the order of a language sorts a ledger's texts as a file does."""
    name = postgresql.create("template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'")
    texts = ["a", "B", "_", "é", "Z1", "Z-2", "z"]
    with closing(Database(tmp_path / "x.db", postgresql.url(name), create=True, lock_wait_s=20)) as database:
        rows = ", ".join(f"('{text}', 1)" for text in texts)
        postgresql.sql(name, f"INSERT INTO revision (site, number) VALUES {rows}")
        with database.reading() as connection:
            found = list(connection.exec_driver_sql("SELECT site FROM revision ORDER BY site").scalars())
    assert found == sorted(texts)
    assert postgresql.sql(name, "SELECT 'a' < 'B'") == [(True,)], "this database would sort otherwise"
    postgresql.drop(name)


def test_the_database_has_no_unit_twice(world: World) -> None:
    """Two stacks never have one U of one face; front and rear of half depth share it, and so does one stack."""
    bring_up_racks(world.client)
    world.party("tenant-a").bring_up(clusters={"web": cluster(1, places=PLACE)})
    copy = (
        "INSERT INTO claim (stack_id, party, kind, name, state, generation, site, rack, room, draw_w, digest, data, "
        "changed_at) SELECT '{stack}', party, kind, '{name}', 'releasing', generation, site, rack, room, draw_w, "
        "digest, {data}, changed_at FROM claim WHERE id = 1"
    )
    with pytest.raises(Exception, match="claim_unit_owner"):
        world.sql(copy.format(stack="x", name="a", data="data"))
    world.sql(copy.format(stack="stack-of-tenant-a", name="a", data="data"))
    half = """replace(data, '"u_height":', '"is_full_depth":false,"u_height":')"""
    with pytest.raises(Exception, match="claim_unit_owner"):
        world.sql(copy.format(stack="x", name="a", data=half))
    world.sql(f"DELETE FROM claim WHERE name = 'a'; UPDATE claim SET data = {half}")
    with pytest.raises(Exception, match="claim_unit_owner"):
        world.sql(copy.format(stack="x", name="b", data="data"))
    rear = """replace(data, '"front"', '"rear"')"""
    with pytest.raises(Exception, match="node_address_owner"):
        world.sql(copy.format(stack="x", name="b", data=rear))
    world.sql(copy.format(stack="x", name="b", data=rear.replace("data", "replace(data, '10.80.0.', '10.80.1.')", 1)))


def test_the_database_has_no_address_twice(world: World) -> None:
    """Two stacks never have one address of a pool, however long its network is; one may, and what is freed is free."""
    bring_up_racks(world.client)
    world.party("tenant-a").bring_up(clusters={"web": cluster(2)})
    other = world.party("tenant-b")
    other.bring_up(clusters={"db": cluster(1)})
    addresses = "SELECT stack_id, site, pool, address FROM node_address ORDER BY address"
    assert [row[0] for row in world.sql(addresses)] == [*["stack-of-tenant-a"] * 2, "stack-of-tenant-b"]
    taken = """UPDATE claim SET data = replace(data, '10.80.0.{}/', '10.80.0.{}/') WHERE name = '{}'"""
    third, fourth, fifth = (str(row[3]).partition("/")[0].rpartition(".")[2] for row in world.sql(addresses))
    with pytest.raises(Exception, match="node_address_owner"):
        world.sql(taken.format(fifth, fourth, "db-001"))
    longer = f"UPDATE claim SET data = replace(data, '10.80.0.{fifth}/20', '10.80.0.{fourth}/21') WHERE name = 'db-001'"
    with pytest.raises(Exception, match="node_address_owner"):
        world.sql(longer)
    world.sql(taken.format(third, fourth, "web-001"))
    world.sql(taken.format(fifth, third, "db-001"))
    world.sql("DELETE FROM claim WHERE name = 'web-002'; DELETE FROM claim WHERE name = 'web-001'")
    assert [row[3] for row in world.sql(addresses)] == [f"10.80.0.{third}"]


def test_what_the_database_refuses_of_an_address_is_a_sentence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the rule to miss it, the admission would still be refused, and nothing of it would stand."""
    bring_up_racks(world.client)
    first, second = world.party("tenant-a"), world.party("tenant-b")
    second.enrol()
    offer = second.propose(second.demand(clusters={"web": cluster(1)}), reserve=False)
    elsewhere = {"001": {"rack": "dc1/a/01/02", "position": 9}}
    first.bring_up(clusters={"web": cluster(1, places=elsewhere)})
    monkeypatch.setattr(decide, "address_findings", lambda *_given: ())
    with pytest.raises(LedgerRefusedError, match="another stack already has an address") as caught:
        second.admit(offer)
    assert caught.value.code == "address-unique"
    assert second.states() == []
    assert world.faults() == []


def test_what_the_database_refuses_of_a_unit_is_a_sentence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the rule to miss it, the admission would still be refused, and nothing of it would stand."""
    from zonewright.rules import registry  # noqa: PLC0415 - only its list is exchanged

    site = {**facility(2)["sites"]["dc1"], "address_pools": {}}
    world.party("operator").bring_up(sites={"dc1": site})
    first, second = world.party("tenant-a"), world.party("tenant-b")
    second.enrol()
    offer = second.propose(second.demand(clusters={"web": cluster(1, places=PLACE)}), reserve=False)
    first.bring_up(clusters={"web": cluster(1, places=PLACE)})
    monkeypatch.setattr(registry, "RULES", tuple(rule for rule in registry.RULES if rule.id != "unit-overlap"))
    with pytest.raises(LedgerRefusedError, match="another stack already stands at a place") as caught:
        second.admit(offer)
    assert caught.value.code == "unit-overlap"
    assert second.states() == []
    assert world.faults() == []


def test_a_ledger_of_an_older_version_is_upgraded(world: World) -> None:
    """An older one is refused by name with the command that helps; its tables come, and rows in them are noted."""
    world.sql("DROP TABLE principal, token, brought; UPDATE alembic_version SET version_num = '0002'")
    with pytest.raises(LedgerUnavailableError, match="zonewright ledger upgrade --ledger postgresql://"):
        world.database()
    noted = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'noted%' AND tgrelid = 'token'::regclass"
    done = upgrade(world.folder / "ledger.db", world.url)
    assert (done.before, done.after, done.backup) == ("0002", SCHEMA, None)
    assert world.sql(noted) == [(3,)]
    assert world.faults() == []


@pytest.fixture(name="older")
def _older(postgresql: PostgresqlServer) -> Iterator[str]:
    """The database of a ledger that the version with schema 0005 made, without scopes and addresses."""
    name = postgresql.create()
    dumped = lzma.decompress((FIXTURE_0005 / "ledger.sql.xz").read_bytes())
    postgresql.run("psql", "-q", "-v", "ON_ERROR_STOP=1", f"--dbname={postgresql.url(name)}", given=dumped)
    yield name
    postgresql.drop(name)


def test_a_ledger_of_schema_0005_gets_scopes_and_addresses(
    postgresql: PostgresqlServer, older: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused by name until it is upgraded; then what is claimed has its addresses, and changes go on."""
    url = postgresql.url(older)
    with pytest.raises(LedgerUnavailableError, match="has schema 0005, and this zonewright needs"):
        LedgerClient(url, root=tmp_path)
    assert main(["ledger", "upgrade", "--ledger", url]) == 0
    assert capsys.readouterr().out.startswith(f"schema 0005 is now {SCHEMA}; ")
    held = "SELECT stack_id, site, pool, address FROM node_address ORDER BY address"
    a, b = "stack-of-tenant-a", "stack-of-tenant-b"
    ours = [(stack, "dc1", "v4", f"10.80.0.{host}") for host, stack in ((3, a), (4, a), (5, b))]
    assert postgresql.sql(older, held) == ours
    kept = str(FIXTURE_0005 / "checkpoint.json")
    assert main(["ledger", "verify", "--state", "--ledger", url, "--checkpoint", kept]) == 0
    with LedgerClient(url, root=tmp_path) as client:
        one = World(postgresql, older, tmp_path, client)
        assert one.faults() == []
        one.party("tenant-a").bring_up(clusters={"web": cluster(1)})
        assert one.party("tenant-a").release("web-002", 1)
        one.party("tenant-b").bring_up(clusters={"db": cluster(2)})
        assert one.faults() == []
    taken = [ours[0], (b, "dc1", "v4", "10.80.0.4"), ours[2]]
    assert postgresql.sql(older, held) == taken, "the place of what was freed is taken"
    again = "UPDATE node_address SET address = '10.80.0.3' WHERE stack_id = 'stack-of-tenant-b'"
    with pytest.raises(Exception, match="node_address_owner"):
        postgresql.sql(older, again)
    assert main(["ledger", "upgrade", "--ledger", url]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_an_upgraded_ledger_guards_what_a_new_one_guards(
    postgresql: PostgresqlServer, older: str, world: World, tmp_path: Path
) -> None:
    """Its tables, indexes, constraints, triggers and functions are those of a new one."""
    upgrade(tmp_path / "x.db", postgresql.url(older))
    public = "'public'::regnamespace"
    for query in (
        "SELECT table_name, column_name, udt_name FROM information_schema.columns ORDER BY table_schema, 1, 2",
        f"SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = {public} ORDER BY 1, 2",
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
        f"SELECT proname, prosrc FROM pg_proc WHERE pronamespace = {public} AND probin IS NULL ORDER BY 1, 2",
    ):
        assert postgresql.sql(older, query) == world.sql(query)
    assert world.sql("SELECT name FROM scope WHERE name = '6 head'") == [("6 head",)]
    assert postgresql.sql(older, "SELECT name FROM scope") == [("6 head",)]


@pytest.mark.tampers
def test_a_ledger_with_one_address_twice_stays_as_it_was(
    postgresql: PostgresqlServer, older: str, tmp_path: Path
) -> None:
    """An upgrade that would have to choose whose an address is names both, and changes nothing."""
    twice = "UPDATE claim SET data = replace(data, '10.80.0.5/20', '10.80.0.3/21')"
    postgresql.sql(older, twice)
    said = "stacks stack-of-tenant-a and stack-of-tenant-b both have the address 10.80.0.3 of pool v4 of site dc1"
    with pytest.raises(LedgerRefusedError, match=said):
        upgrade(tmp_path / "x.db", postgresql.url(older))
    assert postgresql.sql(older, "SELECT version_num, to_regclass('scope') FROM alembic_version") == [("0005", None)]


def test_the_commands_take_the_url(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """State is verified and texts are pruned there; a backup is refused and names the programs that make one."""
    for command, code, word in (
        (["verify", "--state"], 0, "each as the journal says"),
        (["prune", "--dry-run"], 0, "would remove"),
        (["upgrade"], 0, "nothing to do"),
        (["backup", str(world.folder / "kept.db")], 2, "pg_dump"),
        (["restore", str(world.folder / "kept.db")], 2, "pg_basebackup"),
    ):
        assert main(["ledger", command[0], "--ledger", world.url, *command[1:]]) == code
        said = capsys.readouterr()
        assert word in said.out + said.err


def test_the_journal_there_tells_of_imports(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readings lie beside the project, and the journal in the database has an entry of their import."""
    monkeypatch.chdir(tmp_path)
    judge_once(monkeypatch)
    Path("r.csv").write_text(registers(8_000, end=NOW, months=2), encoding="utf-8")
    asked = ["pue", "import", "r.csv", "--zone", str(ZONE), "--site", "qp-dc1", "--ledger", world.url]
    assert main(asked) == 0
    entries = world.client.call(verbs.HISTORY, HistoryRequest()).entries
    assert [one.payload["what"] for one in entries if one.kind == "readings"] == ["imported"]


def test_a_checkpoint_is_signed_with_the_key_of_the_folder(world: World) -> None:
    """Two services with one key sign alike; the key has the database's name, and no table has it."""
    first = world.client.call(verbs.CHECKPOINT, CheckpointRequest())
    assert (world.folder / ".zonewright" / f"{world.name}.key").stat().st_mode & 0o777 == 0o600
    with LedgerClient(world.url, root=world.folder) as second:
        assert second.call(verbs.CHECKPOINT, CheckpointRequest()).public_key == first.public_key


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ledger:s3cret@db.example/zone",
        "postgres://ledger:s3cret@db.example:5432,other.example/zone?sslmode=verify-full",
        "postgresql://db.example/zone?user=ledger&password=s3cret",
        "postgresql:///zone?sslpassword=s3cret&host=/run",
        "postgresql://ledger:s3/cret@db.example/zone?x=s3cret",
        "postgresql://db.example/zone?pass%77ord=s3cret",
        "postgresql://db.example/zone?password =s3cret",
        "postgresql://db.example/zone?application_name=a#b&password=s3cret",
    ],
)
def test_a_url_with_a_password_is_refused_and_not_repeated(url: str, tmp_path: Path) -> None:
    """A password would stand in states and process lists: it is refused, and the sentence does not have it."""
    for ask in (lambda: require_url(url), lambda: LedgerClient(url, root=tmp_path)):
        with pytest.raises(LedgerMisuseError, match="PGPASSFILE") as caught:
            ask()
        assert "s3cret" not in str(caught.value)


def test_a_url_without_one_passes() -> None:
    """User, hosts and settings of the connection may stand in a URL; files beside it have the database's name."""
    url = "postgresql://ledger@one.example:5432,two.example/my%20zone?sslmode=verify-full&target_session_attrs=any"
    require_url(url)
    assert place_of(url, Path("/srv")) == (Path("/srv/.zonewright/my-20zone.db"), url)
    assert place_of("postgresql:///?service=zone", Path("/srv"))[0] == Path("/srv/.zonewright/zone.db")
    assert place_of("postgresql://one.example", Path("/srv"))[0].name == "ledger-on-postgresql.db"
    for other in ("postgres:/one.example", "mysql://ledger"):
        with pytest.raises(LedgerMisuseError, match="expected a ledger URL such as"):
            require_url(other)
    with pytest.raises(LedgerMisuseError, match="must not hold a user or password") as caught:
        require_url("https://user:secret@ledger.example")
    assert "secret" not in str(caught.value)


@pytest.fixture(name="services")
def _services(world: World, tmp_path: Path) -> Iterator[tuple[Service, Service]]:
    """Two processes that serve one ledger, each with a folder of its own, as on two hosts."""
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "agents.yaml").write_text("agents: {}\n", encoding="utf-8")
        found.append(Service(tmp_path / name, "--ledger", world.url))
        found[-1].start()
    yield found[0], found[1]
    for one in found:
        assert one.process is not None
        if one.process.poll() is None:
            assert one.stop(signal.SIGTERM) == 0


def test_two_services_are_one_ledger(world: World, services: tuple[Service, Service]) -> None:
    """What one service was told the other one knows at once: tokens, texts, reservations, admissions, revocations.

    So are reports of agents, each taken once, also when one service is killed while they come in.
    """
    bring_up_racks(world.client)

    def grant(name: str) -> str:
        wanted = GrantRequest(principal=f"{name}-runner", party=name, kind="runner", roles=["tenant"], days=1)
        return world.client.call(verbs.GRANT, wanted).token

    tokens = {name: grant(name) for name in ("tenant-a", "tenant-b")}
    with ExitStack() as stack:

        def party(name: str, number: int) -> Party:
            client = stack.enter_context(LedgerClient(services[number].url, token=tokens[name]))
            return Party(client, f"stack-of-{name}", name)

        first, again = party("tenant-a", 0), party("tenant-a", 1)
        other = party("tenant-b", 1)
        first.enrol()
        wish = {"web": cluster(1, places=PLACE)}
        offer = again.propose(again.demand(clusters=wish))
        assert first.propose(first.demand(clusters=wish)) == offer
        assert other.propose(other.demand(clusters=wish)).expires_at is None, "the other service's reservation holds"
        first.client.call(verbs.STORE, ContentRequest(texts=["{}"]))
        again.admit(offer)
        agent = stack.enter_context(reporter("host-1", world.folder / "ledger.db", world.url))
        assert [agent.sends(services[number], 1) for number in (0, 1, 0)] == [200] * 3
        agent.sends_until_killed(services[1])
        assert first.states() == [("web-001", "admitted")]
        assert first.confirm("web-001") == 1
        services[1].start()
        agent.sends_all_again(services)
        assert agent.is_revoked(services)
        assert party("tenant-b", 1).propose(other.demand(clusters=wish)).findings
        world.client.call(verbs.REVOKE, RevokeRequest(principal="tenant-a-runner", why="left"))
        for client in (first.client, again.client):
            with pytest.raises(LedgerMisuseError, match="revoked or expired"):
                client.call(verbs.REPORT, ReportRequest(stack_id=first.stack_id))
    assert world.faults() == []
    assert not list(world.folder.rglob("*.key"))


def unable(*_given: object) -> None:
    """A disk is full."""
    raise StoreFaultError("no space")


def test_a_file_is_copied_and_goes_on(
    postgresql: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The copy is the same ledger: journal, rows, id and key; numbers go on after those that were freed; not twice.

    Samples beside it come in the same transaction, unless another process has them open.
    """
    monkeypatch.chdir(tmp_path)
    name, file = postgresql.create(), "sqlite:///ledger.db"
    url = postgresql.url(name)
    with LedgerClient(file, create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client)
        tenant = Party(client, "stack-of-tenant-a", "tenant-a")
        tenant.bring_up(clusters={"web": cluster(3)})
        tenant.bring_up(clusters={"web": cluster(1)})
        assert tenant.release("web-002", 1)
        assert tenant.release("web-003", 1)
        before = client.call(verbs.CHECKPOINT, CheckpointRequest())
        entries = client.call(verbs.HISTORY, HistoryRequest()).entries
    with closing(Samples(tmp_path / "ledger.samples.db")) as samples:
        samples.append(SampleBatch(agent="host-1", node="core-001", boot="b", sequence=1, samples=()), 1)
        assert main(["ledger", "copy", "--ledger", file, url]) == 2
        assert "ledger.samples.db open, and what it stores there" in capsys.readouterr().err
    with monkeypatch.context() as patched:
        patched.setattr(bringing, "_bring", unable)
        assert main(["ledger", "copy", "--ledger", file, url]) == 3
    assert main(["ledger", "copy", "--ledger", file, url]) == 0
    assert "verified on both sides" in capsys.readouterr().out
    with LedgerClient(url) as client:
        after = client.call(verbs.CHECKPOINT, CheckpointRequest())
        assert client.call(verbs.HISTORY, HistoryRequest()).entries == entries
        told = {"at", "signature"}
        assert after.model_dump(exclude=told) == before.model_dump(exclude=told)
        Party(client, "stack-of-tenant-a", "tenant-a").bring_up(clusters={"web": cluster(2)})
    assert postgresql.sql(name, "SELECT id FROM claim ORDER BY id") == [(1,), (4,)]
    assert postgresql.sql(name, "SELECT agent, sequence FROM batch") == [("host-1", 1)]
    assert postgresql.sql(name, "SELECT claim_id FROM node_address ORDER BY 1") == [(1,), (4,)]
    assert main(["ledger", "verify", "--state", "--ledger", url]) == 0
    assert main(["ledger", "copy", "--ledger", file, url]) == 2
    assert "has entries already; nothing was changed" in capsys.readouterr().err
    postgresql.drop(name)


def test_a_damaged_file_and_one_with_a_unit_twice_are_not_copied(postgresql: PostgresqlServer, tmp_path: Path) -> None:
    """What does not verify is not brought over, and neither is what the database does not hold."""
    path, name = tmp_path / "file.db", postgresql.create()
    with LedgerClient(f"sqlite:///{path}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client)
        Party(client, "stack-of-tenant-a", "tenant-a").bring_up(clusters={"web": cluster(1)})
    with ExitStack() as stack:
        source = stack.enter_context(closing(Database(path, lock_wait_s=5)))
        target = stack.enter_context(closing(Database(path, postgresql.url(name), create=True, lock_wait_s=5)))
        with closing(sqlite3.connect(path)) as file, file:
            file.execute("UPDATE claim SET draw_w = 7")
        with pytest.raises(LedgerRefusedError, match="draw_w is 7, 200 was recorded"):
            copy_ledger(source, target)
        with source.writing() as connection:
            recording.begin(connection, "")
            connection.exec_driver_sql("UPDATE claim SET draw_w = 200")
            copy = claim.insert().from_select(
                [column.name for column in claim.c if column.name != "id"],
                select(*[literal("x") if c.name == "stack_id" else c for c in claim.c if c.name != "id"]),
            )
            connection.execute(copy)
            recording.record(connection, lambda: "2030-01-01T00:00:00.000000+00:00")
        with pytest.raises(LedgerRefusedError, match="two stacks of the ledger"):
            copy_ledger(source, target)
        with target.reading() as connection:
            assert head_of(connection)[0] == 0
            assert ledger_id(connection) != ""
    postgresql.drop(name)


def test_the_commands_of_the_page(
    postgresql: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the page tells to type does what it says, but for the address of the database and starting a service."""
    page = (REPOSITORY / "docs" / "how-to" / "run-a-ledger-on-postgresql.md").read_text(encoding="utf-8")
    made, copied = postgresql.create(), postgresql.create()
    monkeypatch.chdir(tmp_path)
    zone = str(REPOSITORY / "stacks" / "zones" / "reference")
    assert main(["ledger", "init", zone]) == 0
    typed = [line for line in page.splitlines() if line.startswith("zonewright ")]
    assert len(typed) == 5
    for line in typed:
        url = postgresql.url(copied if "--state" in line or " copy " in line else made)
        words = shlex.split(line.replace("postgresql://ledger@db.example/zone", url).replace("ZONE", zone))[1:]
        if words[0] == "serve" and "--issue" not in words:
            assert parser().parse_args(words).ledger[1] == url
        else:
            assert main(words) == 0, line
    for name in (made, copied):
        postgresql.drop(name)


def test_without_the_package_these_tests_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PostgreSQL is not installed a user is told what brings it, and a CI run fails."""
    monkeypatch.setattr("support.postgresql._FOLDERS", str(tmp_path))
    for value, outcome in (("", pytest.skip.Exception), ("true", pytest.fail.Exception)):
        monkeypatch.setenv("CI", value)
        with pytest.raises(outcome, match=r"not installed \(Debian package postgresql\): a ledger on it is NOT tested"):
            programs()


def test_a_dump_that_was_restored_is_the_ledger(world: World) -> None:
    """What pg_dump wrote and pg_restore read verifies, and goes on: triggers and constraints are there again."""
    bring_up_racks(world.client)
    tenant = world.party("tenant-a")
    tenant.bring_up(clusters={"web": cluster(1, places=PLACE)})
    copy = world.server.create()
    dumped = world.server.run("pg_dump", "--format=custom", f"--dbname={world.url}")
    world.server.run("pg_restore", "--exit-on-error", f"--dbname={world.server.url(copy)}", given=dumped)
    other = World(world.server, copy, world.folder, LedgerClient(world.server.url(copy), root=world.folder))
    with closing(other.client):
        assert other.faults() == []
        head = other.client.call(verbs.CHECKPOINT, CheckpointRequest())
        assert head.hash == world.client.call(verbs.CHECKPOINT, CheckpointRequest()).hash
        stranger = other.party("tenant-b")
        stranger.bring_up(clusters={"db": cluster(1)})
        assert other.faults() == []
        with pytest.raises(Exception, match="claim_unit_owner"):
            other.sql("UPDATE claim SET rack = c.rack, data = c.data FROM claim AS c WHERE c.name = 'web-001'")
    world.server.drop(copy)
