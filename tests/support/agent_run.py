"""The agent beside a simulated host for a while: what the counters delivered is what the store has."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil

from support.simulated_host import PERIOD_S, TICK_S, ZONES
from support.telemetry_processes import Service, start_agent, wait_for, write_settings
from support.zone_project import REPOSITORY
from zonewright.server.agents import issue_token
from zonewright.telemetry.sample import Sample
from zonewright.telemetry.samples import Samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Energy of one counter, or of the power meter, in joules.

    Attributes:
        name: which.
        delivered: by the simulation.
        stored: by the store.
        bound: how far they may differ.
        wraps: how often the counter wrapped.
    """

    name: str
    delivered: float
    stored: float
    bound: float
    wraps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run gave: its parts, and what the agent took."""

    parts: list[Part]
    batches: int
    unsure: int
    rss_mib: float
    cpu_s: float
    elapsed_s: float


def agent_run(folder: Path, seconds: float, *, interval_s: int = 1) -> Run:
    """Run agent, service and simulated host; the service is away for a sixth of the time.

    Args:
        folder: an empty folder.
        seconds: how long the counters advance.
        interval_s: of the agent.
    """
    (folder / "token").write_text(issue_token(folder / "agents.yaml", "host-1", "core-001"), encoding="ascii")
    service = Service(folder)
    service.start()
    path = write_settings(
        folder, service.port, sys=str(folder / "sys"), sources=["rapl", "hwmon"], interval_s=interval_s, power_max_w=800
    )
    command = [sys.executable, "-m", "support.simulated_host", str(folder / "sys")]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "tests")}
    simulated = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert simulated.stdin is not None
    assert simulated.stdout is not None
    simulated.stdout.readline()
    agent = start_agent(path)
    samples = Samples(folder / "l.samples.db")
    try:
        wait_for(lambda: samples.batches("host-1"))  # the counters have been read once, and stand still
        print("go", file=simulated.stdin, flush=True)
        time.sleep(seconds / 3)
        service.stop(signal.SIGKILL)
        time.sleep(seconds / 6)
        service.start()
        time.sleep(seconds / 2)
        print("stop", file=simulated.stdin, flush=True)
        told = json.loads(simulated.stdout.readline())
        end_ns = time.time_ns()
        wait_for(lambda: samples.samples("host-1", end_ns), seconds=60 + 3 * interval_s)
        used = psutil.Process(agent.pid)
        cpu, rss_mib = used.cpu_times(), used.memory_info().rss / 2**20
        agent.terminate()
        agent.wait(timeout=10)
    finally:
        for process in (agent, simulated):
            process.kill()
            process.wait()
        simulated.stdin.close()
        simulated.stdout.close()
        service.stop(signal.SIGTERM)
    energy = samples.energy("host-1")
    parts = [_counter(name, told["zones"][name], energy[name].energy_uj) for name in ZONES]
    meter = [one for one in samples.samples("host-1", told["begun_ns"]) if one.name == "hw.host.power"]
    parts.append(_meter(meter, told["begun_ns"], told["elapsed_s"]))
    batches = len(samples.batches("host-1"))
    samples.close()
    return Run(
        parts=parts,
        batches=batches,
        unsure=sum(one.unsure for one in energy.values()),
        rss_mib=rss_mib,
        cpu_s=cpu.user + cpu.system,
        elapsed_s=told["elapsed_s"],
    )


def _counter(name: str, told: dict[str, int], stored_uj: int) -> Part:
    """Each wrap may lose one raw unit (the range that is shown is one unit short), and each end a microjoule."""
    bound_uj = told["wraps"] * (ZONES[name].unit_nj / 1000 + 2) + 2
    return Part(
        name=name,
        delivered=told["delivered_nj"] / 1e9,
        stored=stored_uj / 1e6,
        bound=bound_uj / 1e6,
        wraps=told["wraps"],
    )


def _meter(samples: list[Sample], begun_ns: int, elapsed_s: float) -> Part:
    """Trapezoids between readings of the meter against the curve itself, over the time between first and last reading.

    A trapezoid misses at most h^3/12 of the curve's bend; a reading is at most two ticks old, which is their slope.
    """
    swing, step = sum(zone.swing_w for zone in ZONES.values()), math.tau / PERIOD_S
    points = [((one.time_ns - begun_ns) / 1e9, one.value) for one in samples if one.value is not None]
    points = [(moment, watts) for moment, watts in points if moment <= elapsed_s]
    stored = sum((after[0] - before[0]) * (after[1] + before[1]) / 2 for before, after in pairwise(points))
    bend = sum((after[0] - before[0]) ** 3 / 12 * swing * step**2 for before, after in pairwise(points))
    low, high = points[0][0], points[-1][0]
    mean = sum(zone.mean_w for zone in ZONES.values())
    delivered = mean * (high - low) + swing / step * (math.cos(step * low) - math.cos(step * high))
    stale = 2 * TICK_S * swing * step * (high - low)
    return Part(name="power meter", delivered=delivered, stored=stored, bound=bend + stale, wraps=0)
