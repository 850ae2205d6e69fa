"""What can go wrong with configurations on hosts: each fault has its own outcome, and no host is left half changed."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from support.config_world import ONE, TWO, ConfigWorld, config_world
from support.fault_proxy import FaultProxy
from support.signing import policy, signers
from support.soak import rounds, seeded
from support.ssh_hosts import SshHost, require_namespaces
from support.warm_python import warm_python
from support.zone_project import REPOSITORY
from zonewright.changes.rendering import rendered_files

FILES = ("named.conf", "site-zones.conf", "site-reverse.conf", "zones/site.zone", "zones/reverse/10.80.0.zone")
PACK = {"title": "Pack", "valid_from": "2026-01-01", "valid_until": "2030-12-31", "gated_formats": ["bind"]}
GATED = {"rule_packs": {"pack": PACK}, "rule_pack": "pack"}
LOW = {"approvals": {"north": policy({"safety": 1}, risks=["low"])}, "signers": signers()}
"""Changes of normal risk are admitted without an approval, so that there is something deployed that nobody approved."""


def until(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    """Wait for something that a host does by itself."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def installed(host: SshHost) -> dict[str, str]:
    """The managed files of a host as they are; those that are not there are left out."""
    folder = host.home / "root" / "etc" / "bind"
    return {name: (folder / name).read_text(encoding="utf-8") for name in FILES if (folder / name).exists()}


def wanted(files: Mapping[str, str]) -> dict[str, str]:
    """The same of rendered files."""
    return {name: files[f"sites/dc1/etc/bind/{name}"] for name in FILES}


def versions(host: SshHost) -> set[str]:
    """What is in the folder of the host's versions: something new is there as soon as something was sent."""
    return {path.name for path in (host.home / "kept" / "names").iterdir()}


def trial(host: SshHost) -> str:
    """State of the host's last trial."""
    try:
        return (host.home / "kept" / "names" / "trial").read_text(encoding="utf-8").splitlines()[2]
    except (FileNotFoundError, IndexError):
        return ""


def test_a_validator_that_refuses_stops_before_the_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's own named-checkconf reads the files first; what it refuses is never seen by the name server."""
    with config_world(tmp_path) as world:
        assert world.state() == ("changed", "")
        before = installed(world.hosts[0])

        def broken(*arguments: Any) -> dict[str, str]:
            files = dict(rendered_files(*arguments))
            return {**files, "sites/dc1/etc/bind/zones/site.zone": "dc1 IN A 10.0.0.300\n"}

        for module in ("support.planner", "support.config_world"):
            monkeypatch.setattr(f"{module}.rendered_files", broken)
        world.facility.approved(TWO)
        state, reason = world.state()
        assert (state, reason.startswith("named-checkconf refuses bind: ")) == ("failed", True), reason
        assert "bad dotted quad" in reason
        assert installed(world.hosts[0]) == before
        assert world.text(name="reloads").splitlines() == [ONE]


@pytest.mark.parametrize("is_gated", [False, True])
def test_a_validator_that_is_not_there_is_said(tmp_path: Path, *, is_gated: bool) -> None:
    """Without the program the files are switched and it is told; where the zone gates the format they are refused."""
    require_namespaces()
    prepare = "mount --bind /dev/null $(command -v named-checkconf)"
    with config_world(tmp_path, zone=GATED if is_gated else {}, prepare=prepare) as world:
        state, reason = world.state()
        absent = "named-checkconf is not installed on the host (package bind9-utils)"
        if is_gated:
            assert (state, reason) == ("failed", f"files of bind need a pass, and there is none: {absent}")
            assert installed(world.hosts[0]) == {}
        else:
            assert (state, reason) == ("changed", f"names was not validated on the host: {absent}")
            assert ONE in world.text()


def test_what_nobody_approved_is_not_installed(tmp_path: Path) -> None:
    """Refused before a host is touched, with what is missing; an approval opens it, a later change closes it again."""
    with config_world(tmp_path, zone=LOW) as world:
        refused = world.run("deploy", "--configs")
        assert (refused.code, refused.stdout) == (1, "")
        assert " and 6 more is in no approved change; stack stack-of-operator: " in refused.stderr
        assert "zone.yaml has no approval policy for changes of risk normal by operator" in refused.stderr
        assert "error: configuration names: sites/dc1/etc/bind/groups/_none.conf (sha256 " in refused.stderr
        plan = world.facility.plan(ONE)
        missing = world.run("deploy", "--configs").stderr
        assert f"plan {plan.digest()[7:19]}: policy north: 0 of 1 approvals from safety\n" in missing
        assert installed(world.hosts[0]) == {}
        world.facility.approve(plan)
        assert world.state() == ("changed", "")

        world.facility.deploy(TWO)
        changed = world.run("deploy", "--configs")
        assert changed.code == 1
        assert f"plan {plan.digest()[7:19]}, the last one, has another content for it; plan it: " in changed.stderr
        assert ONE in world.text()
        world.facility.deploy(ONE)  # back to what was approved once: that approval was for another step
        assert world.run("deploy", "--configs").code == 1


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_connection_that_is_lost_after_the_switch(tmp_path: Path, *, is_silent: bool) -> None:
    """Nobody can confirm it, so the host puts the old files back by itself; the outcome is unknown until it is seen.

    The network may answer that there is nobody, or say nothing any more: neither holds the deployer.
    """
    with config_world(tmp_path) as world:
        host = world.hosts[0]
        assert world.state() == ("changed", "")
        before = installed(host)
        world.facility.approved(TWO)
        proxy = FaultProxy((host.address, host.port))
        with proxy:
            address, port = proxy.address
            world.fleet["hosts"]["host-001"] |= {"address": address, "port": port}
            world.write(check="sleep 0.5", within_s=3, confirm_s=5)

            def cut() -> None:
                until(lambda: TWO in world.text())
                if is_silent:
                    proxy.is_silent = True
                else:
                    proxy.__exit__()

            watcher, began = threading.Thread(target=cut), time.monotonic()
            watcher.start()
            state, reason = world.state()
            watcher.join()
            assert time.monotonic() - began < 90  # the host's deadline is 120 s and more
        assert state == "unknown"
        assert "; unless names was confirmed, the host restores the previous files by itself" in reason
        until(lambda: trial(host) == "rolled-back")
        assert installed(host) == before
        assert world.text(name="reloads").splitlines() == [ONE, TWO, ONE]
        world.fleet["hosts"]["host-001"] |= {"address": host.address, "port": host.port}
        world.write()
        assert world.state() == ("changed", "")


def test_new_connections_that_are_not_possible_any_more(tmp_path: Path) -> None:
    """Where the new configuration locks new logins out, the connection that is open still does not confirm it."""
    locks_out = f"if grep -q {TWO} ~/root/etc/bind/zones/site.zone; then mv ~/.ssh ~/away; else mv ~/away ~/.ssh; fi"
    with config_world(tmp_path) as world:
        world.write(reload="")
        assert world.state() == ("changed", "")
        before = installed(world.hosts[0])
        world.facility.approved(TWO)
        world.write(reload=locks_out, confirm_s=5)
        state, reason = world.state()
        assert (state, "nobody confirmed it over a new connection within 5 s" in reason) == ("rolled-back", True), (
            reason
        )
        assert installed(world.hosts[0]) == before


@pytest.mark.parametrize(
    ("mount", "reason"),
    [
        ("kept", "install of names failed: its disk is full"),
        ("root/etc/bind/zones", "names: the files cannot be written: "),
    ],
)
def test_a_full_disk_changes_nothing(tmp_path: Path, mount: str, reason: str) -> None:
    """Space is taken before anything is switched, on the disk of the versions and on that of the files."""
    require_namespaces()
    path = f"/home/operator/{mount}"
    prepare = (
        f"setpriv --reuid 20001 --regid 20001 --clear-groups mkdir -p {path}\n"
        f"mount -t tmpfs -o size=16k,uid=20001 none {path}\n"
        f"setpriv --reuid 20001 --regid 20001 --clear-groups dd if=/dev/zero of={path}/full bs=4k count=3 2>&1 || :"
    )
    with config_world(tmp_path, prepare=prepare) as world:
        state, why = world.state()
        assert (state, reason in why) == ("failed", True), why
        assert set(installed(world.hosts[0])) == set()
        assert world.text(name="reloads") == ""


def test_a_wave_that_is_stopped_is_put_back(tmp_path: Path) -> None:
    """One host of the second wave fails its check: the other one of that wave goes back, the canary keeps its files."""
    with config_world(tmp_path, 3) as world:
        assert {one["state"] for one in world.states().values()} == {"changed"}
        before = installed(world.hosts[0])
        after = wanted(world.facility.approved(TWO))
        (world.hosts[2].home / "bad").touch()
        world.write(check=f"! test -e ~/bad || ! grep -q {TWO} ~/root/etc/bind/zones/site.zone")
        states = {name: event["state"] for name, event in world.states().items()}
        assert states == {"host-001": "changed", "host-002": "rolled-back", "host-003": "rolled-back"}
        assert [installed(host) for host in world.hosts] == [after, before, before]
        (world.hosts[2].home / "bad").unlink()
        states = {name: event["state"] for name, event in world.states().items()}
        assert states == {"host-001": "unchanged", "host-002": "changed", "host-003": "changed"}


def test_a_trial_that_was_cut_off_with_its_host_is_put_back_first(tmp_path: Path) -> None:
    """The host stops in the middle of a trial: the next run restores the files, and then goes on."""
    with config_world(tmp_path) as world:
        host = world.hosts[0]
        assert world.state() == ("changed", "")
        world.facility.approved(TWO)
        world.write(check="sleep 2", within_s=5)
        with world.start("deploy", "--configs") as deployer:
            until(lambda: trial(host) == "checking")
            deployer.kill()
        host.stop()
        assert TWO in world.text()
        host.start()
        host.wait()
        world.write()
        drift = world.run("verify").stdout
        assert "    on trial: its last trial is checking, and was cut off\n" in drift
        done = deploy_without_lease(world)
        assert done.stdout == "host-001 changed \n", done.stdout + done.stderr
        assert world.text(name="reloads").splitlines() == [ONE, TWO, ONE, TWO]


def deploy_without_lease(world: ConfigWorld) -> subprocess.CompletedProcess[str]:
    """A deployer that need not wait for the lease of one that was killed."""
    return subprocess.run(
        [warm_python().path(), "-m", "support.config_deployer"],
        cwd=world.folder,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _environment() -> dict[str, str]:
    paths = [str(REPOSITORY / folder) for folder in ("tests", "modules", "templates", "agents")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_a_deployer_that_is_killed_at_any_instant(tmp_path: Path) -> None:
    """Every file is whole at every instant, each host ends with one version whole, and the next run converges."""
    chance = seeded("configs")
    with config_world(tmp_path, 2) as world:
        world.fleet["rollout"] = {"waves": [{"percent": 100}]}
        world.write(confirm_s=5)
        assert {one["state"] for one in world.states().values()} == {"changed"}
        old = installed(world.hosts[0])
        for number in rounds("configuration kills", 60):
            new = wanted(world.facility.approved((TWO, ONE)[number % 2]))
            with subprocess.Popen(
                [warm_python().path(), "-m", "support.config_deployer"],
                cwd=world.folder,
                env=_environment(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as deployer:
                seen, begun_s, later_s = versions(world.hosts[0]), 0.0, chance.uniform(0.0, 0.8)
                while not begun_s or time.monotonic() < begun_s + later_s:
                    if not begun_s and versions(world.hosts[0]) != seen:
                        begun_s = time.monotonic()
                    for host in world.hosts:
                        assert all(text in (old[name], new[name]) for name, text in installed(host).items())
                    time.sleep(0.001)
                deployer.kill()
            for host in world.hosts:
                until(lambda host=host: trial(host) in ("kept", "rolled-back", "failed"))  # type: ignore[misc] # bound
                assert installed(host) in (old, new), trial(host)
            done = deploy_without_lease(world)
            assert done.returncode == 0, done.stdout + done.stderr
            assert [installed(host) for host in world.hosts] == [new, new]
            old = new


def test_a_freeze_of_the_rule_pack_is_kept(tmp_path: Path) -> None:
    """The zone's freeze holds for roll-outs too: nothing is touched, the reason is told, and looking is possible."""
    freeze = {"first": "2020-01-01", "last": "2098-12-31", "time_zone": "UTC", "reason": "the exchange is moved"}
    pack = {**PACK, "gated_formats": [], "freeze": [freeze]}
    with config_world(tmp_path, zone={"rule_packs": {"pack": pack}, "rule_pack": "pack"}) as world:
        done = world.run("deploy", "--configs")
        why = "rule pack Pack: changes are frozen from 2020-01-01 to 2098-12-31 (UTC): the exchange is moved"
        assert (done.code, done.stdout, done.stderr) == (1, "", f"error: no host may be touched now: {why}\n")
        assert world.run("deploy", "--configs", "--dry-run").code == 0
