"""A ledger of an older version is upgraded whole, after a backup, or stays as it was; a newer one is left alone."""

import lzma
import os
import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from support.fixture_records import LEDGER_FILE
from support.ledger_party import ZONE_FILE, Party
from support.zone_project import REPOSITORY
from zonewright.cli import main
from zonewright.ledger import LedgerUnavailableError
from zonewright.ledger.migrations.upgrade import upgrade
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.journal_messages import Checkpoint, HistoryRequest
from zonewright.ledger.protocol.stack_messages import InitRequest, ReportRequest
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.schema import SCHEMA
from zonewright.ledger.store.state import verify_state
from zonewright.ledger.store.tables import metadata
from zonewright.ledger.transport.client import LedgerClient

FIXTURE = REPOSITORY / "tests" / "fixtures" / "version-1" / LEDGER_FILE
FIXTURE_0001 = REPOSITORY / "tests" / "fixtures" / "schema-0001"
URL = f"sqlite:///{LEDGER_FILE}"


@pytest.fixture(name="older")
def _older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the committed ledger, in the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / LEDGER_FILE
    path.write_bytes(FIXTURE.read_bytes())
    return path


def content(path: Path) -> list[str]:
    """All that a database holds, as statements."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_an_older_ledger_says_its_version_and_what_to_do(older: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command and a second init leave it as it was, and name the upgrade."""
    before = content(older)
    for command in (["ledger", "status"], ["ledger", "init", str(FIXTURE.parent / "zone")], ["ledger", "verify"]):
        assert main([*command, "--ledger", URL]) != 0
        assert f"has schema 0000, and this zonewright needs {SCHEMA}" in (said := capsys.readouterr().err)
        assert "zonewright ledger upgrade --ledger sqlite:///" in said
    assert content(older) == before


def test_an_upgrade_keeps_all_and_accounts_for_it(older: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The backup is the ledger as it was; what it held is held; from here on each row is as the journal says."""
    before = content(older)
    assert main(["ledger", "upgrade", "--ledger", URL]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"schema 0000 is now {SCHEMA}; the journal accounts for ")
    (backup,) = older.parent.glob("ledger.db.schema-0000-*")
    assert f"backup: {backup}" in said
    assert content(backup) == before
    assert backup.stat().st_mode & 0o777 == 0o600
    assert main(["ledger", "verify", "--state", "--ledger", URL]) == 0
    assert "each as the journal says" in capsys.readouterr().out
    assert main(["ledger", "upgrade", "--ledger", URL]) == 0
    assert capsys.readouterr().out == f"nothing to do: the ledger has schema {SCHEMA}, the newest\n"
    with LedgerClient(URL) as client:
        entry = client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries[-1]
        assert (entry.kind, entry.payload["from"], entry.payload["to"]) == ("upgraded", "0000", SCHEMA)
        report = client.call(verbs.REPORT, ReportRequest(stack_id="stack-of-tenant-a"))
    assert report.stack_id == "stack-of-tenant-a"


def test_an_upgraded_ledger_has_the_tables_of_a_new_one(older: Path, tmp_path: Path) -> None:
    """Alembic finds no difference from the tables that the code has, in an upgraded ledger and in a new one."""
    upgrade(older)
    Database(tmp_path / "new.db", create=True, lock_wait_s=1).close()
    for path in (older, tmp_path / "new.db"):
        with closing(Database(path, lock_wait_s=1)) as database, database.reading() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []

    def guards(path: Path) -> set[tuple[str, str]]:
        with closing(sqlite3.connect(path)) as connection:
            return set(connection.execute("SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'index')"))

    assert guards(older) == guards(tmp_path / "new.db")


def test_an_upgrade_that_fails_changes_nothing(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in the last step takes all of it back; the next run begins again."""
    before = content(older)

    def broken(*_arguments: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr("zonewright.ledger.store.recording.append", broken)
        with pytest.raises(sqlite3.OperationalError):
            upgrade(older)
    assert content(older) == before
    assert upgrade(older).after == SCHEMA


def test_without_a_backup_there_is_no_upgrade(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the backup cannot be written the ledger stays as it was, no half backup stays, and the sentence says so."""
    before = content(older)

    class Full(sqlite3.Connection):
        def backup(self, target: sqlite3.Connection, **_options: object) -> None:
            target.execute("CREATE TABLE half (done)")
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("zonewright.ledger.migrations.upgrade.sqlite3.connect", Full)
    with pytest.raises(LedgerUnavailableError, match="cannot be written: no space left on device; nothing was changed"):
        upgrade(older)
    assert content(older) == before
    assert [path.name for path in older.parent.iterdir() if "schema" in path.name] == []


@pytest.mark.tampers
def test_a_newer_ledger_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger of a later version is opened by nothing here, upgraded by nothing, and told apart from a broken one."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / LEDGER_FILE
    Database(path, create=True, lock_wait_s=1).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for act in (lambda: LedgerClient(URL), lambda: upgrade(path), lambda: LedgerClient(URL, create=True)):
        with pytest.raises(
            LedgerUnavailableError, match=f"has schema 9999, and this zonewright knows {SCHEMA} at most"
        ):
            act()


@pytest.mark.parametrize("what", ["empty", "other", "alembic", "missing"])
def test_what_is_no_ledger_is_not_upgraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    """An empty file, another program's database and a missing file are each a sentence, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    if what == "other":
        with closing(sqlite3.connect(LEDGER_FILE)) as connection, connection:
            connection.execute("CREATE TABLE songs (title TEXT)")
    elif what == "alembic":
        with closing(sqlite3.connect(LEDGER_FILE)) as connection, connection:
            connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
            connection.execute("INSERT INTO alembic_version VALUES ('00003c0ffee0')")
    elif what == "empty":
        Path(LEDGER_FILE).touch()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(["ledger", "upgrade", "--ledger", URL]) != 0
    said = capsys.readouterr().err
    assert ("there is no ledger at" if what == "missing" else "a database without the tables of a ledger") in said
    assert not list(tmp_path.glob("*.schema-*"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix == ".db"} == before


def test_an_upgrade_is_for_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    """A service's ledger is upgraded and compared on its host: a URL of a service is a sentence."""
    for command in (["upgrade"], ["verify", "--state"]):
        assert main(["ledger", *command, "--ledger", "http://127.0.0.1:1"]) != 0
    assert "this works on the ledger itself, on a host that reaches it" in capsys.readouterr().err


@pytest.mark.tampers
def test_what_was_opened_before_an_upgrade_writes_no_more(tmp_path: Path) -> None:
    """A client of before is refused in its next write, with the versions, and not by what its triggers note."""
    path = tmp_path / LEDGER_FILE
    with LedgerClient(f"sqlite:///{path}", create=True) as client:
        client.call(verbs.STORE, ContentRequest(texts=["before"]))
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(
            LedgerUnavailableError, match=f"has schema 9999, and this zonewright knows {SCHEMA} at most"
        ):
            client.call(verbs.STORE, ContentRequest(texts=["after"]))


def test_who_opens_a_ledger_that_another_is_making_can_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two processes that make one file, the second is as good a client as the first."""
    path = tmp_path / LEDGER_FILE
    real = Database.reading
    made: list[int] = []

    def reading(self: Database) -> AbstractContextManager[Connection]:
        with real(self):
            pass  # its connection is open now, before there are tables
        if not made:
            made.append(1)
            Database(path, create=True, lock_wait_s=1).close()
        return real(self)

    monkeypatch.setattr(Database, "reading", reading)
    with LedgerClient(f"sqlite:///{path}", create=True) as client:
        monkeypatch.undo()
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        Party(client, "stack-of-tenant-a", "tenant-a").enrol()
    with closing(Database(path, lock_wait_s=5)) as database, database.reading() as connection:
        assert verify_state(connection).faults == []


def test_two_upgrades_at_once_are_one(older: Path) -> None:
    """The second waits for the first, finds nothing to do, and makes no second backup."""
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            try:
                os._exit(int(upgrade(older).backup is not None))
            finally:
                os._exit(9)  # whatever went wrong, this is not pytest
        children.append(child)
    codes = sorted(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)
    assert codes == [0, 1]
    assert len(list(older.parent.glob("*.schema-*"))) == 1
    with closing(Database(older, lock_wait_s=5)) as database, database.reading() as connection:
        assert verify_state(connection).faults == []


def test_a_ledger_of_schema_0001_is_held_by_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Freed rows go, what is held stays, a checkpoint that was kept before is good, and a freed generation is spent."""
    monkeypatch.chdir(tmp_path)
    path, kept = tmp_path / LEDGER_FILE, FIXTURE_0001 / "checkpoint.json"
    path.write_bytes(lzma.decompress((FIXTURE_0001 / "ledger.db.xz").read_bytes()))
    tables = ("claim", "asset", "prefix", "admission", "change", "verdict", "decided", "content", "enrolment")

    def held() -> dict[str, list[object]]:
        with closing(sqlite3.connect(path)) as connection:
            is_held = dict.fromkeys(("claim", "asset"), " WHERE state <> 'freed'")
            is_held["admission"] = " WHERE state = 'current'"
            return {
                name: connection.execute(f"SELECT * FROM {name}{is_held.get(name, '')} ORDER BY 1").fetchall()
                for name in tables
            }

    before = held()
    assert main(["ledger", "status", "--ledger", URL]) != 0
    assert main(["ledger", "upgrade", "--ledger", URL]) == 0
    assert held() == before
    with closing(sqlite3.connect(path)) as connection:
        spent = dict(connection.execute("SELECT stack_id, highest FROM generation"))
        assert connection.execute("SELECT count(*) FROM claim WHERE state = 'freed'").fetchone() == (0,)
    assert spent == {"stack-of-operator": 1, "stack-of-tenant-a": 1}
    assert main(["ledger", "verify", "--state", "--ledger", URL, "--checkpoint", str(kept)]) == 0
    with LedgerClient(URL) as client:
        report = client.call(verbs.REPORT, ReportRequest(stack_id="stack-of-tenant-a"))
        assert [(one.name, one.generation) for one in report.holdings] == [("web-001", 2)]
        assert Party(client, "stack-of-tenant-a", "tenant-a").confirm("web-001", 2) == 3
    assert main(["ledger", "verify", "--state", "--ledger", URL, "--checkpoint", str(kept)]) == 0
    checkpoint = Checkpoint.model_validate_json(kept.read_bytes())
    with closing(Database(path, lock_wait_s=5)) as database, database.reading() as moment:
        other = checkpoint.model_copy(update={"state": f"sha256:{'0' * 64}"})
        assert any("do not have the digest" in fault for fault in verify_state(moment, other).faults)


def test_an_upgraded_ledger_goes_on(older: Path) -> None:
    """After the upgrade a party that had nothing enrols, and each row is accounted for still."""
    upgrade(older)
    with LedgerClient(URL) as client:
        zone = client.call(verbs.HISTORY, HistoryRequest()).entries[0].payload["zone_digest"]
        assert zone.startswith("sha256:")
        Party(client, "stack-of-tenant-b", "tenant-b").enrol()
    with closing(Database(older, lock_wait_s=5)) as database, database.reading() as connection:
        assert verify_state(connection).faults == []


@pytest.mark.tampers
def test_nothing_but_the_version_changes_in_a_file_of_schema_0005(tmp_path: Path) -> None:
    """What schema 0006 adds is of PostgreSQL; in a file the version rises, and an entry says so."""
    path = tmp_path / LEDGER_FILE
    Database(path, create=True, lock_wait_s=1).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0005'")
    before = content(path)
    assert upgrade(path).before == "0005"
    changed = set(before) ^ set(content(path))
    assert {line.split('"')[1] for line in changed} == {"alembic_version", "journal"}
