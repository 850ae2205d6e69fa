"""Roll-outs to hosts that a real systemd has booted: the hardened unit runs, comes back, and is put back."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.fleet_world import ALL_AT_ONCE, FleetWorld, agents_service_beyond, release
from support.nspawn_hosts import GATEWAY, SystemdHost, systemd_hosts
from support.soak import is_full
from support.tls import certificate
from zonewright.fleet.agents.artefact import agent_sources
from zonewright.fleet.agents.layout import UNIT, system_layout
from zonewright.fleet.configs.choice import without_line
from zonewright.fleet.configs.desired import ApprovedFiles
from zonewright.fleet.configs.fill import Filler
from zonewright.fleet.configs.visit import ConfigJob
from zonewright.fleet.rollout.rollout import roll_out
from zonewright.fleet.ssh.ssh_transport import SshSettings, SshTransport
from zonewright.model.canonical import digest_of
from zonewright.model.configuration import Configuration
from zonewright.model.fleet import RollOut, WaveSize
from zonewright.render.formats.format_set import BUILT_IN
from zonewright.server.fleet_routes import ServiceForFleet
from zonewright.telemetry.samples import Samples

HOSTS = 10 if is_full() else 3  # of ten a run has the costs of ten boots, and the same waves
CANARY = RollOut(waves=(WaveSize(hosts=1), WaveSize(percent=30), WaveSize(percent=100)))
CRASHES_LATER = b"""\
import sys

if "--check-config" in sys.argv:
    print("good")
    sys.exit(0)
raise SystemExit("this release crashes at start")
"""
UNHEALTHY = b"""\
class Host:
    name = "host"

    def read(self, moment):
        raise ValueError("this release reads nothing")
"""
DIES_LATER = b"""\
import threading

timer = threading.Timer(4, os._exit, (1,))
timer.daemon = True
timer.start()
"""
SITE = "dc1"
SOURCE = f"sites/{SITE}/etc/frr/frr.conf"
# Below systemd-nspawn a unit that is started right after it failed sometimes has no cgroup yet (status 219).
DEMO_UNIT = """\
[Unit]
StartLimitIntervalSec=0
[Service]
Restart=on-failure
RestartSec=1
ExecStartPre=/bin/sh -c 'read -r word < /etc/demo.conf && [ "$$word" = good ]'
ExecStart=sleep infinity
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


@pytest.mark.soak
def test_hosts_run_the_unit_and_keep_it(world: FleetWorld[SystemdHost]) -> None:
    """Waves bring the unit to all hosts; each agent reports, runs as its own user, and is started again when killed."""
    first_run = world.deploy(release(), CANARY, layout=system_layout())
    # Unchanged where another test of this file came first: booting all hosts for each would take minutes.
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


@pytest.mark.soak
def test_a_bad_release_stops_at_the_canary_and_the_old_unit_runs_again(world: FleetWorld[SystemdHost]) -> None:
    """One host of all sees the release that crashes; it runs the old one again, and no other was touched."""
    world.deploy(release(), layout=system_layout())
    before = [current(host) for host in world.hosts]
    bad = release("1.1.0", main=CRASHES_LATER)
    outcomes = world.deploy(bad, CANARY, layout=system_layout(), health_s=8.0)
    assert [one.state for one in outcomes.values()] == ["rolled-back", *["skipped"] * (HOSTS - 1)]
    assert [current(host) for host in world.hosts] == before
    assert [unit(host, "ActiveState") for host in world.hosts] == ["active"] * HOSTS


def test_a_unit_that_reports_and_reads_less_is_put_back(world: FleetWorld[SystemdHost]) -> None:
    """It is active and its report is signed, but a source that gave readings gives none: the old unit runs again."""
    world.deploy(release(), layout=system_layout())
    before = [current(host) for host in world.hosts[:2]]
    bad = {**release("1.2.0"), "zonewright_agent/sources/host.py": UNHEALTHY}
    outcomes = world.deploy(bad, hosts=world.targets()[:2], layout=system_layout())
    assert {one.state for one in outcomes.values()} == {"rolled-back"}, outcomes
    assert all("a source is worse than before: host: " in one.sentence for one in outcomes.values())
    assert [current(host) for host in world.hosts[:2]] == before
    assert [unit(host, "ActiveState") for host in world.hosts[:2]] == ["active"] * 2


def test_a_unit_that_is_started_anew_in_the_soak_is_put_back(world: FleetWorld[SystemdHost]) -> None:
    """It reports healthy, dies, and systemd starts it again: the soak sees another process, and the old unit runs."""
    world.deploy(release(), layout=system_layout())
    before = current(world.hosts[0])
    before_it, mark, rest = agent_sources()["zonewright_agent/running.py"].partition(b"\n_BROKEN =")
    assert mark
    bad = release("1.3.0", running=before_it + b"\n" + DIES_LATER + mark + rest)
    soaks = RollOut(waves=(WaveSize(percent=100, soak_s=6.0),))
    outcomes = world.deploy(bad, soaks, hosts=world.targets()[:1], layout=system_layout())
    (outcome,) = outcomes.values()
    assert outcome.state == "rolled-back", outcome
    assert "it restarted during the soak" in outcome.sentence
    assert current(world.hosts[0]) == before
    assert unit(world.hosts[0], "ActiveState") == "active"


def config_job(world: FleetWorld[SystemdHost], text: str) -> ConfigJob:
    """A configuration of a unit of its own, with a text that a ledger would offer as approved."""
    digest = digest_of(text)
    plans = {SOURCE: digest_of("plan")}
    offer = ApprovedFiles(files={SOURCE: digest}, plans=plans, missing={}, texts={digest: text}, gated=frozenset())
    demo = Configuration(
        format="frr",
        files={"etc/frr/frr.conf": "/etc/demo.conf"},
        mode="640",
        reload="systemctl restart demo.service",
        check="sleep 0.5; systemctl is-active demo.service",
        within_s=4,
        confirm_s=10,
    )
    return ConfigJob(
        transport=world.transport,
        configurations={"demo": demo},
        formats=BUILT_IN,
        offer=offer,
        host_deadline_s=90.0,
        fill=Filler(),
        tell=without_line,
    )


def test_a_configuration_that_its_unit_does_not_start_with_is_put_back(world: FleetWorld[SystemdHost]) -> None:
    """As root on hosts with systemd: the unit runs with the first text, fails with the second, and runs again."""
    hosts = world.hosts[:2]
    targets = [replace(target, site=SITE) for target in world.targets()[:2]]
    for host in hosts:
        (host.root / "etc" / "systemd" / "system" / "demo.service").write_text(DEMO_UNIT, encoding="ascii")
        host.run("systemctl", "daemon-reload")
    first = roll_out(targets, config_job(world, "good\n"), ALL_AT_ONCE, observe=world.events.append)
    assert [one.state for one in first] == ["changed"] * 2, first
    assert all("vtysh is not installed on the host (package frr)" in one.sentence for one in first)
    again = roll_out(targets, config_job(world, "good\n"), ALL_AT_ONCE, observe=world.events.append)
    assert [one.state for one in again] == ["unchanged"] * 2, again
    bad = roll_out(targets, config_job(world, "bad\n"), ALL_AT_ONCE, observe=world.events.append)
    assert [one.state for one in bad] == ["rolled-back"] * 2, bad
    for host in hosts:
        assert (host.root / "etc" / "demo.conf").read_text(encoding="ascii") == "good\n"
        assert (host.root / "etc" / "demo.conf").stat().st_mode & 0o777 == 0o640
        until_s = time.monotonic() + 20
        while (state := host.run("systemctl", "is-active", "demo.service", check=False).strip()) != "active":
            assert time.monotonic() < until_s, (state, bad, host.run("journalctl", "-n", "30", "-u", "demo.service"))
            time.sleep(0.2)


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
