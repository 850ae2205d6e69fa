"""`make demo`, when all is set up, beside a preview of 1,000 nodes by a provider that does nothing; both in turn."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

from bench.figures import Figure, seconds
from bench.nodes import LARGE, WITHOUT_CHECKPOINTS, bare_stack, zone_of
from support.zone_project import REPOSITORY

LIMIT = 18
"""How many times a bare preview of 1,000 nodes it may take."""


def figures(runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Wall time and CPU time of the demo, and both beside the same of the bare preview."""
    with tempfile.TemporaryDirectory() as folder:
        bare = bare_stack(zone_of(Path(folder), LARGE), LARGE)
        command = [sys.executable, str(REPOSITORY / "tools" / "demo.py")]

        def preview() -> None:
            bare.run("preview", variables=WITHOUT_CHECKPOINTS)

        def demo() -> None:
            subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)

        preview()  # which compiles what is new, and reads the engine from the disk
        times = [(_taken(preview), _taken(demo)) for _ in range(runs)]
    bare_s, demo_s, bare_cpu, demo_cpu = (
        median(pair[side][kind] for pair in times) for kind in (0, 1) for side in (0, 1)
    )
    return [
        Figure(f"preview of {LARGE:,} by a provider that does nothing", bare_s, "s"),
        Figure("make demo, all set up", demo_s, "s"),
        Figure("  to that preview", demo_s / bare_s, "times", LIMIT),
        Figure("  the same of CPU time", demo_cpu / bare_cpu, "times"),
        Figure("  its CPU time", demo_cpu, "s"),
    ]


def _taken(action: Callable[[], None]) -> tuple[float, float]:
    """Seconds of an action, and CPU seconds of the processes that it started and waited for."""
    before = getrusage(RUSAGE_CHILDREN)
    wall = seconds(action)
    after = getrusage(RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
