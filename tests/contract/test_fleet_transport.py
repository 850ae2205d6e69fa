"""What every transport promises, over real OpenSSH servers and over hosts in memory alike."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.ssh_hosts import ssh_hosts
from zonewright.fleet.ssh.memory import MemoryHost, MemoryTransport
from zonewright.fleet.ssh.ssh_transport import SshSettings, SshTransport
from zonewright.fleet.ssh.transport import LostError, Session, StorageError, Target, Transport


@dataclass
class Party:
    """A transport with one host."""

    transport: Transport
    target: Target
    folder: str

    def connect(self, seconds: float = 20) -> Session:
        """A session that ends in so many seconds."""
        return self.transport.connect(self.target, deadline=time.monotonic() + seconds)


@pytest.fixture(name="party", params=["ssh", "memory"], scope="module")
def _party(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Party]:
    """One host, real or in memory."""
    if request.param == "memory":
        host = MemoryHost(folders={"/home/operator"})
        target = Target(name="host-001", address="127.0.0.1", user="operator")
        yield Party(MemoryTransport({"host-001": host}), target, "/home/operator")
        return
    folder: Path = tmp_path_factory.mktemp("hosts")
    with ssh_hosts(folder, 1) as (hosts, key):
        transport = SshTransport(SshSettings(key_files=(key,)))
        yield Party(transport, hosts[0].target(), hosts[0].home_there)
        transport.close()


def test_a_program_gives_its_exit_code_and_output(party: Party) -> None:
    """Zero and other codes are told as they are, with what was printed; a program that is not there has 127."""
    session = party.connect()
    assert (session.run(["true"]).code, session.run(["false"]).code) == (0, 1)
    assert session.run(["printf", "%s %s", "a", "b"]).stdout == b"a b"
    assert session.run(["no-such-program"]).code == 127
    session.close()


def test_arguments_are_read_by_no_shell(party: Party) -> None:
    """Spaces, quotes, dollars and line breaks in an argument arrive as they are."""
    session = party.connect()
    text = "a  'b' \"c\" $HOME `id` ; |\n*"
    assert session.run(["printf", "%s", text]).stdout.decode() == text
    session.close()


def test_input_arrives_whole(party: Party) -> None:
    """A program reads all bytes that it is given, and then the end; also none at all."""
    session = party.connect()
    content = bytes(range(256)) * 4_000
    assert session.run(["cat"], stdin=content).stdout == content
    assert session.run(["cat"]).stdout == b""
    session.close()


def test_a_file_is_what_was_put(party: Party) -> None:
    """Content and permissions are those that were given, also over a file that was there, and for an empty one."""
    session = party.connect()
    path = f"{party.folder}/file with 'quotes'"
    for content, mode in ((b"one\x00two\n" * 30_000, 0o600), (b"", 0o644), (b"three", 0o755)):
        session.put(path, content, mode=mode)
        assert session.run(["cat", "--", path]).stdout == content
        assert session.run(["stat", "-c", "%a", path]).stdout.decode().strip() == f"{mode:o}"
    session.close()


def test_a_file_that_can_not_be_stored_is_told(party: Party) -> None:
    """A missing folder is a storage error that names the file."""
    session = party.connect()
    with pytest.raises(StorageError, match=r"/nowhere/file is not written: the folder is missing"):
        session.put("/nowhere/file", b"content", mode=0o600)
    session.close()


def test_a_closed_session_is_lost(party: Party) -> None:
    """After ``close`` nothing is carried out, and closing again does nothing."""
    session = party.connect()
    session.close()
    session.close()
    with pytest.raises(LostError):
        session.run(["true"])
