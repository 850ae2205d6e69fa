"""Roll-out to hundreds of real SSH hosts: memory of the deployer's own process, and whether time is linear.

Every host is an OpenSSH server with its own home, runit and agent, all on this machine. The deployer is a process of
its own, so its peak memory is measured and not that of the service and of this program.
"""

import dataclasses
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.figures import Figure
from support.fleet_world import ALL_AT_ONCE, FleetWorld, fleet_world, installed_psutil, release
from support.ssh_hosts import SshHost
from zonewright.fleet.agents.artefact import make_artefact
from zonewright.fleet.agents.layout import user_layout
from zonewright.fleet.agents.plan import Recipe
from zonewright.fleet.agents.visit import AgentJob
from zonewright.fleet.inventory import Host
from zonewright.fleet.rollout.pool import Event
from zonewright.fleet.rollout.record import RunLog
from zonewright.fleet.rollout.rollout import roll_out
from zonewright.fleet.ssh.ssh_transport import SshSettings, SshTransport
from zonewright.fleet.ssh.transport import Target
from zonewright.model.fleet import AgentSettings
from zonewright.server.fleet_routes import ServiceForFleet

SIZES = (100, 250, 500)
LIMIT_MB, LINEAR = 300.0, 1.2
_KIB_PER_MB = 1e6 / 1024
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
"""Of this program alone; getrusage counts that of its parent before the exec, too."""


def figures(_runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Figures of roll-outs to so many hosts."""
    found: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, fleet_world(Path(folder), SIZES[-1]) as world:
        first = _deployed(world, SIZES[-1], "1.0.0")  # so that equally many agents run beside each of the following
        found += [
            Figure(f"{SIZES[-1]} new hosts: keys, tokens, first deployment", first["seconds"], "s"),
            Figure("  peak memory of the deployer", first["peak_mb"], "MB", LIMIT_MB),
        ]
        each_s = {}
        for number, size in enumerate(SIZES, 1):
            upgrade = _deployed(world, size, f"1.{number}.0")
            look = _deployed(world, size, f"1.{number}.0", expected="unchanged")
            each_s[size] = upgrade["seconds"] / size
            found += [
                Figure(f"{size} hosts: upgrade, restart, signed health", upgrade["seconds"], "s"),
                Figure("  peak memory of the deployer", upgrade["peak_mb"], "MB", LIMIT_MB),
                Figure(f"{size} hosts: nothing to do", look["seconds"], "s"),
                Figure("  peak memory of the deployer", look["peak_mb"], "MB", LIMIT_MB),
            ]
        name = f"time for each of {SIZES[-1]} hosts, to each of {SIZES[0]}"
        return [*found, Figure(name, each_s[SIZES[-1]] / each_s[SIZES[0]], "times", LINEAR)]


def _deployed(world: FleetWorld[SshHost], size: int, version: str, expected: str = "changed") -> dict[str, float]:
    """Seconds and peak memory of a deployer of its own."""
    order = {
        "version": version,
        "expected": expected,
        "folder": str(world.folder),
        "url": world.url,
        "key": str(world.key),
        "targets": [dataclasses.asdict(host.target()) for host in world.hosts[:size]],
    }
    command = [sys.executable, "-m", "bench.fleet_many"]
    done = subprocess.run(command, input=json.dumps(order), capture_output=True, text=True, check=False, timeout=900)
    if done.returncode != 0:
        raise RuntimeError(f"the deployer ended with {done.returncode}: {done.stderr[-2000:]}")
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def _deploy(order: dict[str, Any]) -> dict[str, float]:
    """What the deployer does."""
    folder = Path(order["folder"])
    recipe = Recipe(
        settings=AgentSettings(url=order["url"], sources=("host",)),
        artefacts={"any": make_artefact(release(order["version"]), installed_psutil())},
        layout=user_layout("/home/operator/agent"),
    )
    transport = SshTransport(SshSettings(key_files=(Path(order["key"]),)))
    service = ServiceForFleet(folder / "agents.yaml", order["url"])
    job = AgentJob(transport=transport, recipe=recipe, service=service, host_deadline_s=120.0, health_s=60.0)
    hosts = [Host(target=Target(**{**one, "host_keys": tuple(one["host_keys"])})) for one in order["targets"]]
    log = RunLog(folder / "runs", order["version"])

    def observe(event: Event) -> None:
        log.write(event)

    began = time.monotonic()
    outcomes = roll_out(hosts, job, ALL_AT_ONCE, observe=observe)
    elapsed_s = time.monotonic() - began
    transport.close()
    service.close()
    wrong = [f"{one.host} {one.state} {one.sentence}" for one in outcomes if one.state != order["expected"]]
    if wrong:
        raise RuntimeError(f"{len(wrong)} of {len(outcomes)} are not {order['expected']}: {wrong[0]}")
    return {"seconds": elapsed_s, "peak_mb": _peak_mb()}


def _peak_mb() -> float:
    found = _PEAK.search(Path("/proc/self/status").read_text(encoding="ascii"))
    if found is None:
        raise RuntimeError("the kernel does not say how much memory was used")
    return int(found[1]) / _KIB_PER_MB


if __name__ == "__main__":
    print(json.dumps(_deploy(json.load(sys.stdin))))
