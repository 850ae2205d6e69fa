"""How fast this machine is just now: the yardstick that limits in seconds are multiplied by.

They were set on a machine whose bare preview of 1,000 nodes took 3.9 s. On a busy or a slower one that takes longer,
and so may everything else.
"""

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from statistics import median

from bench.figures import Figure, seconds
from bench.nodes import LARGE, WITHOUT_CHECKPOINTS, bare_stack, zone_of

BARE_PREVIEW_S = 3.9
"""Seconds of a preview by a provider that does nothing, where the limits in seconds were set."""
_TIMES = ("s", "ms")


@cache
def pace() -> float:
    """How many times as long a bare preview of 1,000 nodes takes here; it is measured once."""
    with tempfile.TemporaryDirectory() as folder:
        bare = bare_stack(zone_of(Path(folder), LARGE), LARGE)
        bare.run("preview", variables=WITHOUT_CHECKPOINTS)  # compiles what is new, and reads the engine from the disk
        taken = [seconds(lambda: bare.run("preview", variables=WITHOUT_CHECKPOINTS)) for _ in range(3)]
    return median(taken) / BARE_PREVIEW_S


def paced(figures: Iterable[Figure]) -> list[Figure]:
    """Figures whose limits in seconds are those of this machine; the others stay as they are.

    Args:
        figures: what was measured, with limits for the machine where they were set.
    """
    return [
        replace(one, limit=one.limit * pace()) if one.limit is not None and one.unit in _TIMES else one
        for one in figures
    ]
