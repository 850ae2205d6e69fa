"""A ledger is copied while it is in use, and put back whole or not at all; who went on since is told."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.zone_project import cluster
from zonewright.cli import main
from zonewright.ledger import LedgerMisuseError, LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.access_messages import GrantRequest, RevokeRequest
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.protocol.stack_messages import InitRequest, ReportRequest
from zonewright.ledger.store import backup as backup_module
from zonewright.ledger.store.backup import back_up, restore
from zonewright.ledger.transport.client import LedgerClient
from zonewright.telemetry import Store

STACK = "stack-of-tenant-a"


@pytest.fixture(name="client")
def _client(tmp_path: Path) -> Iterator[LedgerClient]:
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client)
        Party(client, STACK, "tenant-a").bring_up(clusters={"web": cluster(1)})
        yield client


def kinds(client: LedgerClient) -> list[str]:
    """The journal's entries."""
    return [entry.kind for entry in client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries]


def test_a_restored_ledger_says_what_it_lacks_and_who_saw_it(
    client: LedgerClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever has the ledger open goes on with the backup; what was there is kept aside, and the stack is refused."""
    backup, url = tmp_path / "kept.db", f"sqlite:///{tmp_path / 'ledger.db'}"
    assert main(["ledger", "backup", str(backup), "--ledger", url]) == 0
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    before = kinds(client)
    tenant = Party(client, STACK, "tenant-a")
    seen = tenant.bring_up(clusters={"web": cluster(2)}).head
    lost = len(kinds(client)) - len(before)
    capsys.readouterr()
    assert main(["ledger", "restore", str(backup), "--ledger", url]) == 0
    said = capsys.readouterr().out
    assert f"the backup lacks the last {lost} of its entries" in said
    assert f"stack {STACK} has seen some of them; its owner runs: zonewright recover --stack NAME" in said
    assert kinds(client) == [*before, "restored"]
    assert tenant.states() == [("web-001", "active")]
    with pytest.raises(LedgerRefusedError, match="was restored from an older backup"):
        client.call(verbs.REPORT, ReportRequest(stack_id=STACK, seen=seen))
    (aside,) = tmp_path.glob("ledger.db.before-restore-*")
    with LedgerClient(f"sqlite:///{aside}") as was:
        assert len(kinds(was)) == len(before) + lost
    assert main(["ledger", "verify", "--state", "--ledger", url]) == 0


def test_a_lost_ledger_is_put_back(client: LedgerClient, tmp_path: Path) -> None:
    """Where there is no file any more the backup takes its place, and nothing is said to be lost."""
    head = back_up(tmp_path / "ledger.db", tmp_path / "kept.db")
    client.close()
    for path in tmp_path.glob("ledger.db*"):
        path.unlink()
    done = restore(tmp_path / "kept.db", tmp_path / "ledger.db")
    assert (done.head, done.aside, done.lost, done.stacks) == (head, None, 0, ())
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}") as again:
        assert kinds(again)[-1] == "restored"


def test_an_unreadable_ledger_is_kept_and_replaced(client: LedgerClient, tmp_path: Path) -> None:
    """A file that is no database any more is put aside as it is."""
    back_up(tmp_path / "ledger.db", tmp_path / "kept.db")
    client.close()
    (tmp_path / "ledger.db").write_bytes(b"no database" * 100)
    done = restore(tmp_path / "kept.db", tmp_path / "ledger.db")
    assert (done.lost, done.aside is not None and done.aside.read_bytes()) == (None, b"no database" * 100)


def test_another_ledgers_backup_is_refused(client: LedgerClient, tmp_path: Path) -> None:
    """A backup of another ledger, or one that went another way, changes nothing."""
    with LedgerClient(f"sqlite:///{tmp_path / 'other.db'}", create=True) as other:
        other.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
    before = kinds(client)
    with pytest.raises(LedgerRefusedError, match="nothing was changed"):
        restore(tmp_path / "other.db", tmp_path / "ledger.db")
    back_up(tmp_path / "ledger.db", tmp_path / "kept.db")
    with LedgerClient(f"sqlite:///{tmp_path / 'kept.db'}") as copy:
        Party(copy, STACK, "tenant-a").bring_up(clusters={"web": cluster(3)})
    with pytest.raises(LedgerRefusedError, match="does not have that entry"):
        restore(tmp_path / "kept.db", tmp_path / "ledger.db")
    assert kinds(client) == before
    assert not list(tmp_path.glob("*.before-restore-*"))


@pytest.mark.parametrize("statement", ["UPDATE claim SET state = 'freed'", "UPDATE journal SET at = '2020'"])
def test_a_damaged_backup_is_refused(client: LedgerClient, tmp_path: Path, statement: str) -> None:
    """Rows that the journal does not explain, and a broken chain, are told, and nothing is changed."""
    back_up(tmp_path / "ledger.db", tmp_path / "kept.db")
    with closing(sqlite3.connect(tmp_path / "kept.db")) as connection, connection:
        connection.execute(statement)
    before = kinds(client)
    with pytest.raises(LedgerRefusedError, match="is damaged: "):
        restore(tmp_path / "kept.db", tmp_path / "ledger.db")
    assert kinds(client) == before


def test_a_backup_takes_no_files_place(client: LedgerClient, tmp_path: Path) -> None:
    """An older backup is not written over."""
    assert kinds(client)
    (tmp_path / "kept.db").write_bytes(b"older")
    with pytest.raises(LedgerMisuseError, match="is there already"):
        back_up(tmp_path / "ledger.db", tmp_path / "kept.db")
    assert (tmp_path / "kept.db").read_bytes() == b"older"


def test_what_fails_before_the_end_changes_nothing(
    client: LedgerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a copy or the entry of the restore fails, the ledger is as it was, and nothing of it is left."""
    back_up(tmp_path / "ledger.db", tmp_path / "kept.db")
    Party(client, STACK, "tenant-a").bring_up(clusters={"web": cluster(2)})
    before, files = kinds(client), sorted(tmp_path.iterdir())
    real = backup_module.copy_database
    for fails_at in (1, 2):
        calls = iter(range(1, 9))

        def copy(path: Path, target: Path, calls: Iterator[int] = calls, fails_at: int = fails_at) -> None:
            if next(calls) == fails_at:
                raise LedgerUnavailableError("backup", "no space left")
            real(path, target)

        monkeypatch.setattr(backup_module, "copy_database", copy)
        with pytest.raises(LedgerUnavailableError, match="no space left"):
            restore(tmp_path / "kept.db", tmp_path / "ledger.db")
        assert kinds(client) == before
    monkeypatch.undo()
    with pytest.raises(LedgerUnavailableError, match="clock"):
        restore(tmp_path / "kept.db", tmp_path / "ledger.db", clock=lambda: datetime(2020, 1, 1, tzinfo=UTC))
    assert kinds(client) == before
    assert sorted(tmp_path.iterdir()) == files


def test_a_restore_into_a_new_folder_and_onto_itself(client: LedgerClient, tmp_path: Path) -> None:
    """A missing folder is made; the ledger itself is no backup of itself."""
    back_up(tmp_path / "ledger.db", tmp_path / "kept.db")
    restore(tmp_path / "kept.db", tmp_path / "a" / "b" / "ledger.db")
    with LedgerClient(f"sqlite:///{tmp_path / 'a' / 'b' / 'ledger.db'}") as other:
        assert kinds(other) == [*kinds(client), "restored"]
    with pytest.raises(LedgerMisuseError, match="is the ledger itself"):
        restore(tmp_path / "ledger.db", tmp_path / "ledger.db")


def test_readings_are_kept_and_never_written_over(
    client: LedgerClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They go with the backup; where their copy would take a file's place, nothing is written at all."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    assert kinds(client)
    Store(tmp_path / "ledger.telemetry.db", create=True)
    assert main(["ledger", "backup", str(tmp_path / "kept.db"), "--ledger", url]) == 0
    assert (tmp_path / "kept.telemetry.db").is_file()
    before = (tmp_path / "ledger.telemetry.db").read_bytes()
    assert main(["ledger", "backup", str(tmp_path / "ledger.bak"), "--ledger", url]) == 2
    assert "ledger.telemetry.db is there already; nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "ledger.bak").exists()
    assert (tmp_path / "ledger.telemetry.db").read_bytes() == before


def test_a_log_that_was_left_is_not_added_to_a_backup(client: LedgerClient, tmp_path: Path) -> None:
    """What SQLite would read beside a restored file is put aside with the file that it belongs to."""
    back_up(tmp_path / "ledger.db", tmp_path / "kept.db")
    before = kinds(client)
    Party(client, STACK, "tenant-a").bring_up(clusters={"web": cluster(3)})
    log = (tmp_path / "ledger.db-wal").read_bytes()
    client.close()
    for path in tmp_path.glob("ledger.db*"):
        path.unlink()
    (tmp_path / "ledger.db-wal").write_bytes(log)
    restore(tmp_path / "kept.db", tmp_path / "ledger.db")
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}") as again:
        assert kinds(again) == [*before, "restored"]
    assert [path.read_bytes() for path in tmp_path.glob("*.before-restore-*-wal")] == [log]


def test_access_that_changed_since_is_named(
    client: LedgerClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever was revoked after the backup has access again, and the command says so."""
    grant = GrantRequest(principal="runner-a", party="tenant-a", kind="runner", roles=["tenant"], days=1)
    client.call(verbs.GRANT, grant)
    back_up(tmp_path / "ledger.db", tmp_path / "kept.db")
    client.call(verbs.REVOKE, RevokeRequest(principal="runner-a", why="the laptop is lost"))
    done = main(["ledger", "restore", str(tmp_path / "kept.db"), "--ledger", f"sqlite:///{tmp_path / 'ledger.db'}"])
    assert done == 0
    assert "principal runner-a has the access of the backup again" in capsys.readouterr().out
