"""A deployer that is killed at any instant leaves every host with a whole release that runs; the next one goes on."""

import dataclasses
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fleet_world import FleetWorld, fleet_world, running_release
from support.soak import rounds, seeded
from support.ssh_hosts import SshHost
from support.warm_python import warm_python
from support.zone_project import REPOSITORY


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[FleetWorld[SshHost]]:
    with fleet_world(tmp_path, 2) as world:
        targets = [dataclasses.asdict(host.target()) for host in world.hosts]
        told = {"targets": targets, "key": str(world.key), "url": world.url, "agents": str(tmp_path / "agents.yaml")}
        (tmp_path / "description.json").write_text(json.dumps(told), encoding="utf-8")
        yield world


def deployer(world: FleetWorld[SshHost], version: str) -> subprocess.Popen[str]:
    """Start one."""
    paths = [str(REPOSITORY / folder) for folder in ("tests", "modules", "templates", "agents")]
    return subprocess.Popen(
        [warm_python().path(), "-m", "support.fleet_deployer", str(world.folder / "description.json"), version],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def torn_files(host: SshHost) -> list[str]:
    """Files of whole releases, and managed single files, that are not what they should be."""
    found = []
    for manifest in (host.home / "agent").glob("[0-9]*/MANIFEST"):
        for line in manifest.read_text(encoding="utf-8").splitlines():
            digest, _, name = line.partition("  ")
            path = manifest.parent / name
            if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                found.append(f"{manifest.parent.name}/{name}")
    secrets = host.home / "agent" / "secrets"
    return found + [one for one in ("token", "agent_key", "agent_key.pub") if not (secrets / one).stat().st_size]


def require_runnable(host: SshHost) -> None:
    """The link leads to a whole release, nothing is torn, and its program runs, or does within seconds."""
    deadline = time.monotonic() + 20  # the step that the killed one began goes on to its end on the host
    while any(command.startswith("sh -c") for command in host.commands().values()) and time.monotonic() < deadline:
        time.sleep(0.05)
    current = (host.home / "agent" / "current").readlink().name
    assert (host.home / "agent" / current / "MANIFEST").exists()
    assert torn_files(host) == []
    assert running_release(host) == current


@pytest.mark.soak
def test_kills_at_random_instants(world: FleetWorld[SshHost]) -> None:
    """After each kill no file is torn and each host has a runnable agent; each fifth run is let through, and converges.

    What a killed one left behind is gone after the next one.
    """
    whole_s = 0.0
    for version in ("0.9.0", "1.0.0"):  # a first deployment takes longer than the upgrades that are to be killed
        began = time.monotonic()
        first = deployer(world, version)
        said = first.communicate(timeout=120)[0]
        assert first.returncode == 0, said
        whole_s = time.monotonic() - began
    random = seeded("fleet-kills")
    killed = 0
    for number in rounds("fleet kills", 200, least=5):
        run = deployer(world, f"1.{number + 1}.0")
        is_let_through = number % 5 == 4
        if not is_let_through:
            try:
                run.wait(timeout=random.uniform(0.3, whole_s))
            except subprocess.TimeoutExpired:
                killed += 1
            run.kill()
        said = run.communicate(timeout=120)[0]
        for host in world.hosts:
            require_runnable(host)
        if is_let_through:
            assert run.returncode == 0, said
            assert {running_release(host).partition("-")[0] for host in world.hosts} == {f"1.{number + 1}.0"}
    last = deployer(world, "2.0.0")
    said = last.communicate(timeout=120)[0]
    assert last.returncode == 0, said
    assert killed > 0
    for host in world.hosts:
        require_runnable(host)
        left = [path.name for path in (host.home / "agent").iterdir() if path.name.startswith((".new", ".current"))]
        assert left == []
