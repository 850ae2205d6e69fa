"""Test hosts with a real systemd: they boot, let an operator in over SSH, run and restart services, and lose power."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from support.nspawn_hosts import SystemdHost, systemd_hosts
from zonewright.fleet.configs.guard import guard_head
from zonewright.fleet.configs.trial import START, TRIAL
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


KEEP, TARGET = "/var/lib/zonewright/configurations/demo", "/etc/demo.conf"
PLACE = f"""\
mkdir -p {KEEP}/demo-new/root/etc
echo new > {KEEP}/demo-new/root/etc/demo.conf
printf 'root/etc/demo.conf\\t{TARGET}\\n' > {KEEP}/demo-new/TARGETS
: > {KEEP}/demo-new/MANIFEST
echo old > {TARGET}
"""


def until(holds: Callable[[], bool], within_s: float = 60.0) -> None:
    """Wait for something that a host does by itself."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_trial_that_was_killed_or_lost_power_is_put_back_by_the_host(
    hosts: tuple[Sequence[SystemdHost], Path],
) -> None:
    """Nobody connects again: a timer sees that the trial was killed, a unit restores the file before the network."""
    host = hosts[0][1]
    state = f"sed -n 3p {KEEP}/trial"
    arguments = (KEEP, "demo-new", "word", "20", "600", f"cat {TARGET} >> /var/reloads", ":")

    def begin() -> None:
        host.run("sh", "-c", PLACE)
        script = START.command(KEEP, TRIAL.text, guard_head(arguments), "try", *arguments)
        assert host.run(*script) == "systemd\n"
        until(lambda: host.run("sh", "-c", state) == "waiting\n")
        assert host.run("cat", TARGET) == "new\n"

    def restored() -> None:
        until(lambda: host.run("sh", "-c", state) == "rolled-back\n")
        assert host.run("cat", TARGET) == "old\n"
        assert host.run("tail", "-n1", "/var/reloads") == "old\n"
        until(lambda: not host.run("systemctl", "list-units", "-q", "--state=active", "zonewright-trial-*.timer"))

    begin()
    host.run("sh", "-c", f"kill -9 $(cat {KEEP}/pid)")
    restored()
    begin()
    host.run("sync")
    host.cut_power()
    host.start()
    host.wait()
    assert host.run("cat", TARGET) == "old\n"
    restored()
    unit = host.run("sh", "-c", "cd /etc/systemd/system && echo zonewright-trial-demo-*-boot.service").strip()
    timer = unit.replace("-boot.service", ".timer")
    host.run("systemctl", "start", timer)  # as every later boot does
    assert host.run("systemctl", "show", "-P", "ActiveState", timer) == "inactive\n"
    ran = host.run("systemctl", "show", "-P", "ExecMainExitTimestampMonotonic", unit)
    booted = host.run("systemctl", "show", "-P", "ActiveEnterTimestampMonotonic", "sysinit.target")
    assert 0 < int(ran) <= int(booted)
