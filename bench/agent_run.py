"""The agent beside a simulated host whose delivered energy is known: what is stored against what was delivered."""

import tempfile
from pathlib import Path

from bench.figures import Figure
from support.agent_run import agent_run


def figures(minutes: float) -> list[Figure]:
    """Deviations of a run, each with its bound: one raw unit for each wrap of a counter."""
    with tempfile.TemporaryDirectory() as folder:
        run = agent_run(Path(folder), 60 * minutes)
    measured = []
    for part in run.parts:
        unit, scale = ("J", 1.0) if part.name == "power meter" else ("uJ", 1e6)
        off = abs(part.stored - part.delivered)
        measured += [
            Figure(f"{part.name}: delivered, {part.wraps} wraps", part.delivered, "J"),
            Figure(f"{part.name}: stored, off by", scale * off, unit, scale * part.bound),
        ]
    return [
        *measured,
        Figure("batches stored, each once", run.batches, ""),
        Figure("deltas without value", run.unsure, "", 0),
        Figure("agent, CPU of a core", 100 * run.cpu_s / run.elapsed_s, "%"),
        Figure("agent, resident memory at the end", run.rss_mib, "MiB", 25),
    ]
