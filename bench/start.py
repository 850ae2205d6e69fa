"""How long a command takes before it does anything, beside Python itself."""

import subprocess
import sys
from collections.abc import Sequence

from bench.figures import Figure, median_s

HELP_LIMIT = 12
"""How many times as long as a Python that does nothing; 0.3 s on the machine on which it takes 25 ms."""


def figures(runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Start-up times."""

    def wall_s(*command: str) -> float:
        return median_s(lambda: subprocess.run(command, check=True, capture_output=True), runs=5 * runs)

    bare = wall_s(sys.executable, "-c", "pass")
    ours = wall_s(sys.executable, "-m", "zonewright.cli", "--help")
    return [
        Figure("python -c pass", bare, "s"),
        Figure("zonewright --help", ours, "s"),
        Figure("  to that Python", ours / bare, "times", HELP_LIMIT),
    ]
