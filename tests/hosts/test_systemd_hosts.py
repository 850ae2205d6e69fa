"""Test hosts with a real systemd: they boot, let an operator in over SSH, and run and restart services."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from support.nspawn_hosts import SystemdHost, systemd_hosts
from zonewright.fleet.ssh.ssh_transport import SshSettings, SshTransport

UNIT = """\
[Service]
ExecStart=/bin/sleep infinity
Restart=always
RestartSec=0
DynamicUser=yes
ProtectSystem=strict
"""


@pytest.fixture(name="hosts", scope="module")
def _hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sequence[SystemdHost], Path]]:
    with systemd_hosts(tmp_path_factory.mktemp("hosts"), 2) as made:
        yield made


def test_a_hardened_service_runs_and_comes_back(hosts: tuple[Sequence[SystemdHost], Path]) -> None:
    """A unit with a user of its own, installed over SSH with sudo, is active, and is started again after SIGKILL."""
    machines, key = hosts
    transport = SshTransport(SshSettings(key_files=(key,)))
    for host in machines:
        session = transport.connect(host.target(), deadline=time.monotonic() + 30)
        write = ("tee", "/etc/systemd/system/trial.service")
        assert session.run(write, stdin=UNIT.encode(), as_root=True).code == 0
        assert session.run(("systemctl", "start", "trial.service"), as_root=True).code == 0
        assert session.run(("systemctl", "is-active", "trial.service")).stdout == b"active\n"
        assert (
            session.run(("systemctl", "kill", "--kill-who=main", "-s", "SIGKILL", "trial.service"), as_root=True).code
            == 0
        )
        restarts, deadline = "0", time.monotonic() + 10
        while restarts == "0" and time.monotonic() < deadline:
            restarts = host.run("systemctl", "show", "-p", "NRestarts", "--value", "trial.service").strip()
        assert restarts == "1"
        session.close()
    transport.close()


def test_hosts_are_apart(hosts: tuple[Sequence[SystemdHost], Path]) -> None:
    """What one host writes is not on another one, nor in the root file system that they share."""
    (first, second), _ = hosts
    first.run("touch", "/var/lib/only-here")
    assert (first.root / "var" / "lib" / "only-here").exists()
    assert not (second.root / "var" / "lib" / "only-here").exists()
    assert not (first.base / "var" / "lib" / "only-here").exists()
    assert first.run("hostname").strip() == "systemd-001"
