"""What a ledger's file can suffer: each time a sentence, exit code 3, and nothing half done."""

import fcntl
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.warm_python import warm_python
from support.zone_project import cluster
from zonewright.ledger import LedgerMisuseError, LedgerUnavailableError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.store.journal import verify
from zonewright.ledger.transport.client import LedgerClient


@pytest.fixture(name="ledger")
def _ledger() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        with LedgerClient(f"sqlite:///{path}", create=True) as client:
            client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
            bring_up_racks(client)
        yield path


def _status(path: Path, *, wait_s: str = "0.2") -> subprocess.CompletedProcess[str]:
    """`zonewright ledger status` in a process of its own."""
    return subprocess.run(
        [warm_python().path(), "-m", "zonewright.cli", "ledger", "status", "--ledger", f"sqlite:///{path}"],
        env={**os.environ, "ZONEWRIGHT_LEDGER_WAIT_S": wait_s},
        capture_output=True,
        text=True,
        check=False,
    )


def _not_decided(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode == 3, result
    assert result.stderr.startswith("error: the ") or result.stderr.startswith("error: there is no ledger")
    assert result.stderr.count("\n") == 1, result.stderr
    for word in words:
        assert word in result.stderr


def _demand_up(path: Path, name: str = "web") -> None:
    with LedgerClient(f"sqlite:///{path}") as client:
        Party(client, "stack-of-a", "tenant-a").bring_up(clusters={name: cluster(2)})


def _sound(path: Path) -> None:
    """The file is whole, its journal's chain is too, and work goes on."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    with LedgerClient(f"sqlite:///{path}") as client:
        assert verify(client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries) is None
    _demand_up(path)


def test_a_lock_that_is_held_too_long_is_said(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer waits its time and then says so; reading is not held up; afterwards it works."""
    monkeypatch.setenv("ZONEWRIGHT_LEDGER_WAIT_S", "0.2")
    with (ledger.parent / "ledger.db.lock").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        with pytest.raises(LedgerUnavailableError, match=r"locked for 0\.2 s; nothing was changed"):
            _demand_up(ledger)
        assert _status(ledger).returncode == 0
    _sound(ledger)


def test_a_foreign_transaction_is_said(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that locks the database without our queue makes writers wait and give up in the same way."""
    monkeypatch.setenv("ZONEWRIGHT_LEDGER_WAIT_S", "0.2")
    with closing(sqlite3.connect(ledger, isolation_level=None)) as foreign:
        foreign.execute("begin immediate")
        with pytest.raises(LedgerUnavailableError, match="database is locked; nothing was changed"):
            _demand_up(ledger)
        foreign.execute("rollback")
    _sound(ledger)


def test_a_wait_that_is_none_is_said(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait that is no number of seconds is a misuse, in one sentence."""
    for wait in ("soon", "-1", "1e9", "nan"):
        monkeypatch.setenv("ZONEWRIGHT_LEDGER_WAIT_S", wait)
        with pytest.raises(LedgerMisuseError, match="ZONEWRIGHT_LEDGER_WAIT_S"):
            LedgerClient(f"sqlite:///{ledger}")
    assert _status(ledger, wait_s="soon").returncode == 2
    monkeypatch.delenv("ZONEWRIGHT_LEDGER_WAIT_S")


def test_a_full_disk_changes_nothing(ledger: Path) -> None:
    """When the file cannot grow, the change is not decided, and the same change works once there is room."""
    script = (
        "import sys\n"
        "from support.ledger_party import Party\n"
        "from support.zone_project import cluster\n"
        "from zonewright.ledger import LedgerUnavailableError\n"
        "from zonewright.ledger.transport.client import LedgerClient\n"
        "with LedgerClient(sys.argv[1]) as client:\n"
        "    try:\n"
        "        Party(client, 'stack-of-a', 'tenant-a').bring_up(clusters={'big': cluster(40)})\n"
        "    except LedgerUnavailableError as error:\n"
        "        sys.exit(str(error))\n"
    )
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    result = subprocess.run(
        [sys.executable, "-c", script, f"sqlite:///{ledger}"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        preexec_fn=little_room,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1, result
    assert "cannot be used" in result.stderr
    assert "nothing was changed" in result.stderr
    assert "Traceback" not in result.stderr
    _sound(ledger)


def test_a_ledger_of_another_user_is_said(ledger: Path) -> None:
    """A writer that has no right to the ledger's files is told the reason."""
    script = (
        "import os, sys\n"
        "from zonewright.ledger import LedgerUnavailableError\nfrom zonewright.ledger.protocol import verbs\n"
        "from zonewright.ledger.transport.client import LedgerClient\n"
        "from zonewright.ledger.protocol.content_messages import ContentRequest\n"
        "client = LedgerClient(sys.argv[1])\n"
        "client.call(verbs.STORE, ContentRequest(texts=['a']))\n"
        "os.chmod(sys.argv[2], 0o400)\n"
        "os.getuid() or os.setuid(65534)\n"
        "try:\n"
        "    client.call(verbs.STORE, ContentRequest(texts=['b']))\n"
        "except LedgerUnavailableError as error:\n"
        "    sys.exit(str(error))\n"
    )
    command = [warm_python().path(), "-c", script, f"sqlite:///{ledger}", f"{ledger}.lock"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1, result
    assert "permission denied" in result.stderr
    assert "nothing was changed" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("content", [b"no database at all, " * 100, b""])
def test_what_is_no_ledger_is_said(tmp_path: Path, content: bytes) -> None:
    """Another file, or a database without our tables, is told from a ledger."""
    path = tmp_path / "other.db"
    path.write_bytes(content)
    _not_decided(_status(path), "cannot be used", "zonewright ledger")


def test_a_missing_ledger_is_said(tmp_path: Path) -> None:
    """No file, no ledger: the sentence says how to make one, and none is made."""
    _not_decided(_status(tmp_path / "none.db"), "zonewright ledger init")
    assert not (tmp_path / "none.db").exists()


def test_a_cut_off_file_is_said(ledger: Path) -> None:
    """A ledger that lost its second half is refused, not read as far as it goes."""
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    with ledger.open("r+b") as file:
        file.truncate(ledger.stat().st_size // 2)
    _not_decided(_status(ledger), "malformed")


def test_a_kill_inside_a_transaction_leaves_nothing_of_it(ledger: Path) -> None:
    """A writer that is killed before its commit leaves the ledger as it was, and its lock free."""
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from zonewright.ledger.store.database import Database\n"
        "with Database(Path(sys.argv[1]), lock_wait_s=5).writing() as connection:\n"
        "    connection.exec_driver_sql('delete from claim')\n"
        "    connection.exec_driver_sql('delete from journal')\n"
        "    print('inside', flush=True)\n"
        "    time.sleep(60)\n"
    )
    _demand_up(ledger)
    with closing(sqlite3.connect(ledger)) as connection:
        before = list(connection.iterdump())
    with subprocess.Popen([sys.executable, "-c", script, str(ledger)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "inside\n"
        writer.kill()
    with closing(sqlite3.connect(ledger)) as connection:
        assert list(connection.iterdump()) == before
    _sound(ledger)
