"""Roll-outs over real SSH hosts with runit: each outcome by its own name, and never a host without a runnable agent."""

import contextlib
import dataclasses
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fault_proxy import FaultProxy
from support.fleet_world import ALL_AT_ONCE, CRASHES, FleetWorld, fleet_world, release, running_release
from support.planted import files_below, leaks
from support.ssh_hosts import PASSWORD, SshHost, new_key, require_namespaces, shadow_of
from zonewright.fleet.agents.layout import system_layout
from zonewright.fleet.inventory import Host
from zonewright.fleet.rollout.record import RunLog
from zonewright.fleet.rollout.rollout import roll_out
from zonewright.fleet.ssh.ssh_transport import SshSettings, SshTransport
from zonewright.fleet.ssh.transport import Target
from zonewright.model.fleet import RollOut, StopLimits, WaveSize
from zonewright.server.fleet_routes import ServiceForFleet

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
CANARY = RollOut(waves=(WaveSize(hosts=1), WaveSize(percent=100)))


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[FleetWorld[SshHost]]:
    with fleet_world(tmp_path, 3) as world:
        yield world


def current(host: SshHost) -> str:
    """The release that a host's link leads to."""
    return (host.home / "agent" / "current").readlink().name


def agents_of(host: SshHost) -> list[int]:
    """The processes of the agent."""
    return [process for process, command in host.commands().items() if "agent.pyz" in command]


def require_whole(world: FleetWorld[SshHost]) -> None:
    """Each host has a whole release under its link, and its program runs."""
    for host in world.hosts:
        assert (host.home / "agent" / current(host) / "MANIFEST").exists()
        assert running_release(host) == current(host)


def test_a_release_comes_once_and_what_was_changed_is_mended(world: FleetWorld[SshHost]) -> None:
    """The first run changes every host, the next one none; the agents report it, signed, and it is accepted.

    A file of the current release that somebody changed is written again, byte code too, and the agent started again;
    so is an agent that was taken down. Token and key are for their user only, in no event and on no command line.
    """
    assert world.states(release()) == ["changed"] * 3
    require_whole(world)
    assert all((host.home / "agent" / current(host) / "PROVEN").exists() for host in world.hosts)
    started = [agents_of(host) for host in world.hosts]
    assert world.states(release()) == ["unchanged"] * 3
    assert [agents_of(host) for host in world.hosts] == started

    host = world.hosts[0]
    secrets = host.home / "agent" / "secrets"
    token = (secrets / "token").read_text(encoding="ascii")
    for name in ("token", "agent_key"):
        assert (secrets / name).stat().st_mode & 0o077 == 0
    assert token not in repr(world.events)
    assert token not in (world.folder / "agents.yaml").read_text(encoding="utf-8")
    assert not any(token in command for command in host.commands().values())

    settings = world.hosts[1].home / "agent" / "current" / "agent.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("interval_s = 1.0", "interval_s = 99.0"), encoding="utf-8")
    compiled = min((world.hosts[2].home / "agent" / "current").glob("lib/psutil/__pycache__/*.pyc"))
    content = compiled.read_bytes()
    compiled.write_bytes(content + b"more")
    assert world.states(release()) == ["unchanged", "changed", "changed"]
    assert settings.read_text(encoding="utf-8") == text
    assert compiled.read_bytes() == content
    require_whole(world)

    service = host.home / "agent" / "service" / "zonewright-agent"
    (service / "supervise" / "control").write_bytes(b"d")
    time.sleep(1.5)
    assert world.states(release()) == ["changed", "unchanged", "unchanged"]
    require_whole(world)


def test_two_releases_are_kept(world: FleetWorld[SshHost]) -> None:
    """After three upgrades the host has the newest release and the one before, nothing else."""
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        assert world.states(release(version)) == ["changed"] * 3
    for host in world.hosts:
        kept = sorted(
            path.name.partition("-")[0] for path in (host.home / "agent").glob("*/MANIFEST") for path in [path.parent]
        )
        assert kept == ["1.1.0", "1.2.0", "current"]
        assert list((host.home / "agent").glob(".new*")) == []


def test_bad_releases_leave_the_old_one_running(world: FleetWorld[SshHost]) -> None:
    """What does not even check its settings never becomes current; what crashes at start stops at the canary.

    The canary runs the old release again, and the others are skipped. An agent that runs and reports, with a source
    that gave readings before and gives none now, is not healthy either.
    """
    world.deploy(release())
    before = [current(host) for host in world.hosts]
    outcomes = world.deploy(release("1.1.0", main=CRASHES))
    assert {one.state for one in outcomes.values()} == {"failed"}
    assert {one.sentence for one in outcomes.values()} == {"install failed: this release crashes at start"}
    require_whole(world)

    outcomes = world.deploy(release("1.2.0", main=CRASHES_LATER), CANARY, health_s=3.0)
    assert [one.state for one in outcomes.values()] == ["rolled-back", "skipped", "skipped"]
    assert "the agent is not healthy" in outcomes["host-001"].sentence
    assert f"{before[0]} runs again" in outcomes["host-001"].sentence
    assert "stopped: 1 failed, 0 allowed" in outcomes["host-002"].sentence
    assert [current(host) for host in world.hosts] == before
    require_whole(world)

    outcomes = world.deploy({**release("1.3.0"), "zonewright_agent/sources/host.py": UNHEALTHY})
    assert {one.state for one in outcomes.values()} == {"rolled-back"}
    assert "a source is worse than before: host: this release reads nothing" in outcomes["host-001"].sentence
    assert [current(host) for host in world.hosts] == before
    require_whole(world)


def test_a_first_release_that_is_unhealthy_leaves_nothing_running(world: FleetWorld[SshHost]) -> None:
    """Where nothing ran before, nothing runs after a roll-back."""
    assert world.states(release(main=CRASHES_LATER), health_s=2.0) == ["rolled-back"] * 3
    for host in world.hosts:
        assert not (host.home / "agent" / "current").is_symlink()
        assert agents_of(host) == []
    assert world.states(release()) == ["changed"] * 3
    require_whole(world)


def test_a_wave_is_put_back_when_it_is_stopped(world: FleetWorld[SshHost]) -> None:
    """Hosts of a wave that became healthy are put back too when the limit of the wave is exceeded; the canary stays."""
    world.deploy(release())
    before = [current(host) for host in world.hosts]
    bad = world.hosts[2]
    shutil.rmtree(bad.home / "agent" / "spool")
    (bad.home / "agent" / "spool").write_text("no folder", encoding="ascii")
    outcomes = world.deploy(release("1.1.0"), CANARY, health_s=4.0)
    assert [one.state for one in outcomes.values()] == ["changed", "rolled-back", "failed"]
    assert "its wave was stopped" in outcomes["host-002"].sentence
    assert current(world.hosts[0]) != before[0]
    assert [current(host) for host in world.hosts[1:]] == before[1:]


def test_a_host_that_falls_ill_during_the_soak_is_rolled_back(world: FleetWorld[SshHost]) -> None:
    """At the end of the soak the canary is looked at again; a new process or a dead one stops the run."""
    world.deploy(release())
    before = current(world.hosts[0])
    later = b"""\
import os
import sys
import threading

from zonewright_agent import real_main

if "--check-config" not in sys.argv:
    threading.Timer(2.0, os._exit, (1,)).start()


def main():
    return real_main.main()


if __name__ == "__main__":
    sys.exit(main())
"""
    dies = release("1.1.0", main=later)
    dies["zonewright_agent/real_main.py"] = release()["zonewright_agent/__main__.py"]
    rollout = RollOut(waves=(WaveSize(hosts=1, soak_s=4.0), WaveSize(percent=100)))
    outcomes = world.deploy(dies, rollout, health_s=4.0)
    assert [one.state for one in outcomes.values()] == ["rolled-back", "skipped", "skipped"]
    assert current(world.hosts[0]) == before


def test_bad_hosts_do_not_hold_the_good_ones(world: FleetWorld[SshHost], tmp_path: Path) -> None:
    """A silent host, a refused port, a wrong key and a frozen transfer each end by themselves, beside good hosts."""
    good = world.targets()
    first = world.hosts[0].target()
    with FaultProxy(None) as silent, FaultProxy((first.address, first.port), freeze_after=100_000) as frozen:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            refused = free.getsockname()[1]

        def local(name: str, port: int) -> Target:
            return dataclasses.replace(first, name=name, address="127.0.0.1", port=port)

        bad = (
            local("silent", silent.address[1]),
            local("refused", refused),
            dataclasses.replace(first, name="wrong-key", host_keys=(new_key(tmp_path / "other"),)),
            local("frozen", frozen.address[1]),
        )
        hosts = [*good[1:], *(Host(target=target) for target in bad)]
        world.transport = SshTransport(SshSettings(key_files=(world.key,), banner_s=3.0, channel_s=3.0))
        outcomes = world.deploy(release(), hosts=hosts, host_deadline_s=15.0)
    assert {name: one.state for name, one in outcomes.items()} == {
        "host-002": "changed",
        "host-003": "changed",
        "silent": "unreachable",
        "refused": "unreachable",
        "wrong-key": "unreachable",
        "frozen": "unknown",
    }
    assert "says nothing" in outcomes["silent"].sentence
    assert "refuses the connection" in outcomes["refused"].sentence
    assert "somebody may be in between" in outcomes["wrong-key"].sentence
    assert "while zonewright-install ran" in outcomes["frozen"].sentence
    assert outcomes["frozen"].step == "install"


def test_limits_count_each_way_for_itself(world: FleetWorld[SshHost]) -> None:
    """Unreachable hosts stop a run only by their own limit, never as failed ones."""
    gone = [Host(target=dataclasses.replace(world.hosts[0].target(), name=f"gone-{n}", port=1)) for n in range(2)]
    hosts = [*gone, *world.targets()]
    waves = (WaveSize(hosts=2), WaveSize(percent=100))
    allowed = RollOut(waves=waves, stop=StopLimits(failed=0, unreachable=2, unknown=0))
    refused = RollOut(waves=waves, stop=StopLimits(failed=5, unreachable=1, unknown=5))
    states = [one.state for one in world.deploy(release(), refused, hosts=hosts).values()]
    assert states == ["unreachable", "unreachable", "skipped", "skipped", "skipped"]
    states = [one.state for one in world.deploy(release(), allowed, hosts=hosts).values()]
    assert states == ["unreachable", "unreachable", "changed", "changed", "changed"]


def test_a_service_that_is_not_reachable_is_told(world: FleetWorld[SshHost]) -> None:
    """When agents and deployer do not reach the service, the release is rolled back and the sentence says why."""
    settings = world.settings(url="http://127.0.0.1:1/v1/metrics")
    with contextlib.closing(ServiceForFleet(world.folder / "agents.yaml", settings.url)) as service:
        outcomes = world.deploy(release(), settings=settings, service=service, health_s=2.0)
    assert {one.state for one in outcomes.values()} == {"rolled-back"}
    assert "does not answer" in outcomes["host-001"].sentence


HIDE_PYTHON = "for one in /usr/bin/python3*; do mount --bind /dev/null $one; done"


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        ("mount -t tmpfs -o size=700k,uid=20001 none /home/operator/agent", "its disk is full"),
        ("mount -t tmpfs -o ro none /home/operator/agent", "its file system is read-only"),
        (HIDE_PYTHON, "it has no python3"),
    ],
    ids=["disk full", "read-only", "no Python"],
)
def test_hosts_that_can_not_have_an_agent_are_told(tmp_path: Path, prepare: str, sentence: str) -> None:
    """A full disk, a read-only file system and a missing Python fail with their own sentence; nothing runs there."""
    prepare = f"mkdir -p /home/operator/agent\n{prepare}"
    with fleet_world(tmp_path, 1, prepare=prepare) as world:
        outcomes = world.deploy(release())
        assert [one.state for one in outcomes.values()] == ["failed"]
        assert sentence in outcomes["host-001"].sentence


def test_a_noexec_tmp_does_no_harm(tmp_path: Path) -> None:
    """Nothing is run from /tmp, so a host that forbids it is deployed as any other."""
    with fleet_world(tmp_path, 1, prepare="mount --bind /tmp /tmp; mount -o remount,bind,noexec /tmp") as world:
        assert world.states(release()) == ["changed"]


def test_a_clock_that_is_wrong_by_a_day_is_told(world: FleetWorld[SshHost]) -> None:
    """A host whose clock is a day off fails before anything is sent, since its readings would not count."""
    outcomes = world.deploy(release(), clock=lambda: time.time() + 86_400)
    assert {one.state for one in outcomes.values()} == {"failed"}
    assert "its clock is 86,400 s behind" in outcomes["host-001"].sentence.replace("86,401", "86,400")


def test_a_wheel_of_another_architecture_is_told(world: FleetWorld[SshHost]) -> None:
    """Where there is no psutil for the host's machine, or one that does not load, nothing is switched."""
    job = world.job(release())
    artefact = job.recipe.artefacts["any"]
    only = dataclasses.replace(job.recipe, artefacts={"riscv64-glibc": artefact})
    found = roll_out(world.targets(), dataclasses.replace(job, recipe=only), ALL_AT_ONCE, observe=world.events.append)
    assert {one.state for one in found} == {"failed"}
    assert "there is no wheel of psutil for x86_64-glibc, only for riscv64-glibc" in found[0].sentence
    broken = {path: content for path, content in artefact.files.items() if not path.endswith(".so")}
    recipe = dataclasses.replace(job.recipe, artefacts={"any": dataclasses.replace(artefact, files=broken)})
    found = roll_out(world.targets(), dataclasses.replace(job, recipe=recipe), ALL_AT_ONCE, observe=world.events.append)
    assert {one.state for one in found} == {"failed"}
    assert "psutil does not work here" in found[0].sentence
    assert not (world.hosts[0].home / "agent" / "current").is_symlink()


def test_root_by_sudo_makes_a_service_of_the_system(tmp_path: Path) -> None:
    """With sudo and its password the agent becomes a service with a user of its own, who alone reads its secrets."""
    require_namespaces()
    layout = system_layout()
    options = {
        "shadow": shadow_of(PASSWORD),
        "sudoers": "operator ALL=(root) ALL",
        "overlays": ("/etc", "/opt", "/var/lib"),
        "prepare": "mkdir -p /etc/service; runsvdir /etc/service >/dev/null 2>&1 &",
    }
    with fleet_world(tmp_path, 1, sudo_password=PASSWORD, has_runit=False, **options) as world:
        assert world.states(release(), layout=layout) == ["changed"]
        assert world.states(release("1.1.0"), layout=layout) == ["changed"]
        assert world.states(release("1.1.0"), layout=layout) == ["unchanged"]
        bad = world.deploy(release("1.2.0", main=CRASHES_LATER), layout=layout, health_s=3.0)
        assert [one.state for one in bad.values()] == ["rolled-back"]
        with contextlib.closing(
            world.transport.connect(world.hosts[0].target(), deadline=time.monotonic() + 20)
        ) as session:
            owner = session.run(["stat", "-c", "%U %a", layout.token, layout.key], as_root=True).stdout.decode()
            assert owner == "zonewright-agent 600\nzonewright-agent 600\n"
            assert session.run(["cat", layout.token]).code != 0
            running = session.run(["ps", "-o", "user:20=,args=", "-C", "python3"]).stdout.decode()
            assert running.startswith("zonewright-agent ")
            assert "/opt/zonewright-agent/current/agent.pyz" in running
            current = session.run(["readlink", layout.current]).stdout.decode()
            assert current.startswith("1.1.0-")
            token = session.run(["cat", layout.token], as_root=True).stdout.decode().strip()
            key = session.run(["cat", layout.key], as_root=True).stdout.decode()
        log = RunLog(tmp_path / "run", "run-1", secrets=(PASSWORD,))
        for event in world.events:
            log.write(event)
        log.close(bad.values(), who="ada@desk", what="deploy", began="2026-11-24", releases={})
        here = files_below(tmp_path, but=[host.folder for host in world.hosts])
        assert {"record.json", "agents.yaml"} <= {path.name for path in here}
        assert leaks(here, {"password": PASSWORD, "token": token, "key": key}) == []
        assert not any(PASSWORD in repr(event) for event in world.events)
