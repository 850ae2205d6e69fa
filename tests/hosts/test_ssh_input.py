"""Input of programs: sent no further ahead than is of use, and all the same to a server that tells nothing of that."""

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import paramiko
import pytest
from paramiko.common import AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from support.ssh_hosts import ssh_hosts
from zonewright.fleet.ssh.program_input import send_input
from zonewright.fleet.ssh.ssh_transport import SshSettings, SshTransport

WINDOW_BYTES = 2 * 1024 * 1024
AHEAD_BYTES = 192 * 1024
CONTENT = bytes(range(256)) * 12_000


class _Server(paramiko.ServerInterface):
    """Lets anybody in, and opens any session."""

    def check_auth_none(self, _username: str) -> int:
        return AUTH_SUCCESSFUL

    def check_channel_request(self, _kind: str, _chanid: int) -> int:
        return OPEN_SUCCEEDED


@contextmanager
def channels() -> Iterator[tuple[paramiko.Channel, paramiko.Channel]]:
    """Both ends of a session whose server says what it has read when that is half of what it offers, and no sooner."""
    here, there = socket.socketpair()
    with (
        closing(here),
        closing(there),
        closing(paramiko.Transport(there)) as server,
        closing(paramiko.Transport(here)) as client,
    ):
        for one in (server, client):
            one.default_window_size = WINDOW_BYTES
        server.add_server_key(paramiko.ECDSAKey.generate())
        server.start_server(event=threading.Event(), server=_Server())
        client.start_client(timeout=10)
        client.auth_none("anybody")
        sending = client.open_session(timeout=10)
        receiving = server.accept(10)
        assert receiving is not None
        receiving.in_window_threshold = WINDOW_BYTES // 2
        yield sending, receiving


def received(channel: paramiko.Channel, size: int) -> bytes:
    """So many bytes."""
    channel.settimeout(10)
    found = b""
    while len(found) < size:
        piece = channel.recv(size - len(found))
        assert piece, f"it ended after {len(found)} bytes"
        found += piece
    return found


def test_a_server_that_says_nothing_of_what_it_read_gets_all() -> None:
    """It is given a part at first; when it stays silent about that, all that it offered, and so the rest arrives."""
    with channels() as (sending, receiving):
        sent = threading.Thread(
            target=send_input, args=(sending, CONTENT), kwargs={"channel_s": 20.0, "left_s": lambda: 20.0}
        )
        sent.start()
        deadline = time.monotonic() + 10
        while len(receiving.in_buffer) < AHEAD_BYTES and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(receiving.in_buffer) == AHEAD_BYTES
        assert received(receiving, len(CONTENT)) == CONTENT
        sent.join(10)
        assert not sent.is_alive()


def test_a_server_that_takes_nothing_is_given_up() -> None:
    """When nothing goes on, the wait ends after the time for a channel, or for the host."""
    with channels() as (sending, _), pytest.raises(TimeoutError):
        send_input(sending, CONTENT, channel_s=1.5, left_s=lambda: 20.0)
    ends = time.monotonic() + 0.5
    with channels() as (sending, _), pytest.raises(TimeoutError):
        send_input(sending, CONTENT, channel_s=20.0, left_s=lambda: max(0.001, ends - time.monotonic()))


def test_a_program_that_ends_early_is_no_fault() -> None:
    """What reads no further closes the channel, which is told and does not raise."""
    with channels() as (sending, receiving):
        receiving.close()
        assert not send_input(sending, CONTENT, channel_s=20.0, left_s=lambda: 20.0)


def test_openssh_gets_all_of_it_in_order(tmp_path: Path) -> None:
    """Three megabytes to a program that reads late are what it reads."""
    with ssh_hosts(tmp_path, 1) as (hosts, key):
        settings = SshSettings(key_files=(key,))
        with (
            closing(SshTransport(settings)) as transport,
            closing(transport.connect(hosts[0].target(), deadline=time.monotonic() + 30)) as session,
        ):
            done = session.run(["sh", "-c", "sleep 0.3; exec cat"], stdin=CONTENT[:60_000])
            assert done.stdout == CONTENT[:60_000]
            counted = session.run(["sh", "-c", "sleep 0.3; sha256sum", "zonewright-count"], stdin=CONTENT)
    assert counted.stdout.decode().split()[0] == hashlib.sha256(CONTENT).hexdigest()
