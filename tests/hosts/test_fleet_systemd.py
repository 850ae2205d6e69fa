"""Roll-outs to ten hosts that a real systemd has booted: the hardened unit runs, comes back, and is put back."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fleet_world import FleetWorld, agents_service_beyond, release
from support.nspawn_hosts import GATEWAY, SystemdHost, systemd_hosts
from support.tls import certificate
from zonewright.fleet.layout import UNIT, system_layout
from zonewright.fleet.ssh import SshSettings, SshTransport
from zonewright.model.fleet import RollOut, WaveSize
from zonewright.server.for_fleet import ServiceForFleet
from zonewright.telemetry.samples import Samples

HOSTS = 10
CANARY = RollOut(waves=(WaveSize(hosts=1), WaveSize(percent=30), WaveSize(percent=100)))
CRASHES_LATER = b"""\
import sys

if "--check-config" in sys.argv:
    print("good")
    sys.exit(0)
raise SystemExit("this release crashes at start")
"""


@pytest.fixture(name="world", scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetWorld[SystemdHost]]:
    folder = tmp_path_factory.mktemp("fleet")
    tls = certificate(folder, GATEWAY)
    with systemd_hosts(folder, HOSTS) as (hosts, key), agents_service_beyond(folder, GATEWAY, tls) as (here, url):
        for host in hosts:
            trusted = host.root / "usr" / "lib" / "ssl" / "cert.pem"  # where OpenSSL looks
            trusted.parent.mkdir(exist_ok=True)
            shutil.copy(tls[0], trusted)
        transport = SshTransport(SshSettings(key_files=(key,)))
        with contextlib.closing(transport), contextlib.closing(ServiceForFleet(folder / "agents.yaml", here)) as asked:
            yield FleetWorld(folder, hosts, key, url, transport, asked, [])


def unit(host: SystemdHost, name: str) -> str:
    """A property of the agent's unit."""
    return host.run("systemctl", "show", "-p", name, "--value", UNIT).strip()


def current(host: SystemdHost) -> str:
    """The release that a host's link leads to."""
    return (host.root / "opt" / "zonewright-agent" / "current").readlink().name


def test_ten_hosts_run_the_unit_and_keep_it(world: FleetWorld[SystemdHost]) -> None:
    """Waves bring the unit to all hosts; each agent reports, runs as its own user, and is started again when killed."""
    first_run = world.deploy(release(), CANARY, layout=system_layout())
    # Unchanged where another test of this file came first: booting ten hosts for each would take minutes.
    assert {one.state for one in first_run.values()} in ({"changed"}, {"unchanged"}), first_run
    for host in world.hosts:
        assert (unit(host, "ActiveState"), unit(host, "User")) == ("active", "zonewright-agent")
    assert world.states(release(), CANARY, layout=system_layout()) == ["unchanged"] * HOSTS
    first = world.hosts[0]
    before = unit(first, "MainPID")
    first.run("systemctl", "kill", "--kill-who=main", "-s", "SIGKILL", UNIT)
    deadline = time.monotonic() + 30
    while unit(first, "NRestarts") == "0" or unit(first, "ActiveState") != "active":
        assert time.monotonic() < deadline, first.run("journalctl", "-u", UNIT, "--no-pager", check=False)[-2000:]
        time.sleep(0.2)
    assert unit(first, "MainPID") != before
    samples = Samples(world.folder / "samples.db")
    try:
        assert all(samples.batches(host.name) for host in world.hosts)
    finally:
        samples.close()


def test_a_bad_release_stops_at_the_canary_and_the_old_unit_runs_again(world: FleetWorld[SystemdHost]) -> None:
    """One host of ten sees the release that crashes; it runs the old one again, and no other was touched."""
    world.deploy(release(), layout=system_layout())
    before = [current(host) for host in world.hosts]
    bad = release("1.1.0", main=CRASHES_LATER)
    outcomes = world.deploy(bad, CANARY, layout=system_layout(), health_s=8.0)
    assert [one.state for one in outcomes.values()] == ["rolled-back", *["skipped"] * (HOSTS - 1)]
    assert [current(host) for host in world.hosts] == before
    assert [unit(host, "ActiveState") for host in world.hosts] == ["active"] * HOSTS


def test_what_the_unit_may_not_do(world: FleetWorld[SystemdHost], tmp_path: Path) -> None:
    """Inside the unit's own sandbox nothing but its state can be written, and homes are not to be seen."""
    assert tmp_path.is_dir()
    world.deploy(release(), layout=system_layout())
    host = world.hosts[0]
    inside = ["nsenter", "--target", unit(host, "MainPID"), "--mount", "--wd=/", "sh", "-c"]
    told = host.run(*inside, "touch /usr/x; touch /etc/x; ls -A /home/operator", check=False)
    assert told.count("Read-only file system") == 2
    assert "authorized_keys" not in told
    host.run(*inside, "touch /var/lib/zonewright-agent/x && rm /var/lib/zonewright-agent/x")
