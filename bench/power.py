"""Energy: trailing twelve months from sums, ingest of reports, and the agent's memory."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import psutil

from bench.figures import Figure, median_s, seconds
from support.zone_project import REPOSITORY
from zonewright.pue import MeterSpec, Reading
from zonewright.telemetry import Store
from zonewright.telemetry.samples import Sample, Samples
from zonewright.telemetry.store import HOUR_US

METERS, HOURS = 50, 365 * 24
BATCHES, BATCH = 100, 1_000
START = 490_000 * HOUR_US


def figures(runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Figures of the store, the ingest and the agent."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_store(Path(folder), runs), *_ingest(Path(folder)), _agent(Path(folder))]


def _store(folder: Path, runs: int) -> list[Figure]:
    meters = {f"m{number:02}": MeterSpec(role="it", kind="register") for number in range(METERS)}
    readings = {
        name: [Reading(None, START + hour * HOUR_US, Fraction(hour * 1000), 0) for hour in range(HOURS + 1)]
        for name in meters
    }
    store = Store(folder / "t.db", create=True)
    load = seconds(lambda: store.append("dc", meters, readings, trust="imported"))
    query = median_s(lambda: store.sums("dc", START, START + HOURS * HOUR_US), runs=5 * runs)
    count = METERS * (HOURS + 1)
    return [
        Figure(f"store {count:,} readings with their sums", load, "s"),
        Figure(f"twelve months of {METERS} meters from sums", 1000 * query, "ms", 100),
    ]


def _ingest(folder: Path) -> list[Figure]:
    samples = Samples(folder / "s.db")
    now_ns = time.time_ns()
    batches = [
        [
            Sample(
                name="hw.energy",
                part=f"p{number % 10}",
                unit="J",
                time_ns=now_ns - (index * BATCH + number + 1) * 10**6,
                start_ns=now_ns - (index * BATCH + number + 2) * 10**6,
                value=1.0,
                quality="good",
            )
            for number in range(BATCH)
        ]
        for index in range(BATCHES)
    ]

    def store_all() -> None:
        for index, batch in enumerate(batches):
            samples.append("host-1", "node", "boot", index + 1, batch, now_ns)

    elapsed = seconds(store_all)
    rate = BATCHES * BATCH / elapsed
    return [Figure(f"ingest in batches of {BATCH:,}, samples a second", rate, "/s")]


def _agent(folder: Path) -> Figure:
    lines = f'agent = "h"\nurl = "http://127.0.0.1:9/"\ntoken_file = "{folder}/none"\nspool = "{folder}/spool"\n'
    (folder / "a.toml").write_text(lines + "interval_s = 1\n", encoding="utf-8")
    command = [sys.executable, "-m", "zonewright_agent", "--config", str(folder / "a.toml")]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "agents")}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as agent:
        time.sleep(5)
        memory = psutil.Process(agent.pid).memory_info().rss / 2**20
        agent.terminate()
    return Figure("agent, resident memory", memory, "MiB", 25)
