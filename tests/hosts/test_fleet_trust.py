"""``zonewright fleet trust`` against a real server: nothing is trusted that a person did not compare."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.ledger_party import ZONE_FILE
from support.ssh_hosts import SshHost, new_key, ssh_hosts
from support.warm_python import warm_python
from zonewright.fleet.ssh.public_keys import PublicKey
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient


@pytest.fixture(name="host")
def _host(tmp_path: Path) -> Iterator[SshHost]:
    """A host, with a project beside it that declares it and has a ledger."""
    project = tmp_path / "project"
    project.mkdir()
    with ssh_hosts(tmp_path, 1) as (hosts, key):
        host = hosts[0]
        (project / "fleet.yaml").write_text(
            f"party: operator\nlogin: {{user: {host.user}, keys: [{key}]}}\n"
            f"hosts:\n  host-001: {{address: {host.address}, port: {host.port}}}\n",
            encoding="utf-8",
        )
        with LedgerClient("sqlite:///.zonewright/ledger.db", root=project, create=True) as ledger:
            ledger.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        yield host


def trust(host: SshHost, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command in the project."""
    return subprocess.run(
        [warm_python().path(), "-m", "zonewright.cli", "fleet", "trust", *arguments],
        cwd=host.folder.parent / "project",
        input=said,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "80"},
        timeout=60,
    )


def fingerprint(host: SshHost) -> str:
    """What the host's console shows."""
    shown = subprocess.run(["ssh-keygen", "-lf", host.folder / "host_key.pub"], capture_output=True, check=True)
    return shown.stdout.decode().strip()


def test_the_line_of_the_console_makes_a_key_trusted(host: SshHost) -> None:
    """The whole line that ssh-keygen prints may be pasted; who trusted what is written down, also in the journal."""
    done = trust(host, said=f"{fingerprint(host)}\n")
    assert (done.returncode, done.stderr) == (0, "")
    project = host.folder.parent / "project"
    known = (project / ".zonewright" / "known_hosts").read_text(encoding="utf-8")
    assert known == f"[{host.address}]:{host.port} {host.public_key}\n"
    entry = json.loads((project / ".zonewright" / "trust.jsonl").read_text(encoding="utf-8"))
    assert (entry["host"], entry["fingerprint"]) == ("host-001", PublicKey.parse(host.public_key).fingerprint)
    assert entry["who"]
    with LedgerClient("sqlite:///.zonewright/ledger.db", root=project) as ledger:
        last = ledger.call(verbs.HISTORY, HistoryRequest()).entries[-1]
    assert (last.kind, last.payload) == ("fleet-trust", entry)
    assert "is trusted already" in trust(host).stdout


@pytest.mark.parametrize("said", ["", "yes\n", "SHA256:\n", "ssh-ed25519 AAAA\n"])
def test_agreeing_is_not_comparing(host: SshHost, said: str) -> None:
    """Nothing but a fingerprint or a key makes a key trusted: no empty line, no yes."""
    done = trust(host, said=said)
    assert done.returncode == 1
    assert not (host.folder.parent / "project" / ".zonewright" / "known_hosts").exists()


def test_another_fingerprint_is_refused_with_both(host: SshHost, tmp_path: Path) -> None:
    """When the console shows another key than the network, both fingerprints are told and nothing is recorded."""
    other = PublicKey.parse(new_key(tmp_path / "other")).fingerprint
    done = trust(host, "--fingerprint", other)
    assert done.returncode == 1
    assert other in done.stderr
    assert PublicKey.parse(host.public_key).fingerprint in done.stderr
    assert not (host.folder.parent / "project" / ".zonewright" / "known_hosts").exists()


def test_a_changed_key_is_replaced_only_when_asked(host: SshHost) -> None:
    """After the host was set up again both keys are shown, and ``--replace`` is needed besides the fingerprint."""
    first = PublicKey.parse(host.public_key).fingerprint
    assert trust(host, "--fingerprint", fingerprint(host)).returncode == 0
    host.stop()
    host.public_key = new_key(host.folder / "host_key")
    host.start()
    host.wait()
    done = trust(host, "--fingerprint", fingerprint(host))
    assert done.returncode == 1
    assert f"trusted now           {first}" in done.stdout
    assert "--replace" in done.stderr
    assert trust(host, "--replace", "--fingerprint", fingerprint(host)).returncode == 0
    known = (host.folder.parent / "project" / ".zonewright" / "known_hosts").read_text(encoding="utf-8")
    assert known == f"[{host.address}]:{host.port} {host.public_key}\n"


def test_a_host_that_does_not_answer_is_not_decided(host: SshHost) -> None:
    """Without a server nothing is trusted; the exit code says that nothing was decided."""
    host.stop()
    done = trust(host, "--fingerprint", fingerprint(host))
    assert (done.returncode, done.stdout) == (3, "")
    assert "refuses the connection" in done.stderr
