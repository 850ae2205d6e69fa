"""A facility of 8,332 racks, the reference zone's number: preview time and resources."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figure, median_s
from support.zone_project import SmallZone, Stack, facility
from zonewright import engine

RACKS = 8332


def figures(runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Preview of a facility operator's stack that brings in all racks at once."""
    with tempfile.TemporaryDirectory() as folder:
        zone = SmallZone(folder=Path(folder), engine=engine.ensure(), warm=False).create()
        operator = zone.stack("operator")
        operator.declare(sites=facility(RACKS)["sites"])
        preview = median_s(lambda: operator.run("preview"), runs=runs)
        count = _resources(operator)
    return [
        Figure(f"preview of {RACKS:,} racks", preview, "s", 10),
        Figure(f"resources of {RACKS:,} racks", count, "", 300),
    ]


def _resources(operator: Stack) -> int:
    steps = json.loads(operator.run("preview", "--json").stdout)
    return int(sum(steps["changeSummary"].values()))
