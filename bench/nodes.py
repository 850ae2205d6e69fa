"""Stacks of many nodes on the real engine, beside a provider that does nothing on the same engine.

Both sides are run in turn, so that what else the machine does falls on both; checkpoints are skipped on both.
"""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import yaml

from bench.figures import Figure, seconds
from support.ledger_party import bring_up_racks
from support.zone_project import SmallZone, Stack, cluster
from zonewright import engine
from zonewright.ledger.transport.client import LedgerClient

NOTHING = Path(__file__).resolve().parent / "nothing"
WITHOUT_CHECKPOINTS = {"PULUMI_SKIP_CHECKPOINTS": "true", "PULUMI_EXPERIMENTAL": "true"}
LARGE = 1000
PATIENCE_S = 1_800
"""How long a command may take: on a busy machine a thousand nodes with checkpoints take minutes."""
RATIO_LIMITS = {"preview": 1.3, "up": 1.4, "no-op preview": 1.2}
"""At 1,000 nodes, to a provider that does nothing in the same run."""
NODE_LIMIT_KB, ADMISSION_LIMIT_KB = 2.0, 100.0


def figures(runs: int, sizes: Sequence[int]) -> list[Figure]:
    """Preview, up and no-op preview for each size; state sizes and the cost of checkpoints for the largest."""
    measured: list[Figure] = []
    for count in sizes:
        times: dict[str, list[float]] = {}
        for _ in range(runs):
            with tempfile.TemporaryDirectory() as folder:
                zone = zone_of(Path(folder), count)
                ours, bare = _ours(zone, count), bare_stack(zone, count)
                for action in (("preview",), ("up", "--yes", "--skip-preview"), ("preview", "--expect-no-changes")):
                    label = "no-op preview" if "--expect-no-changes" in action else action[0]
                    for side, stack in (("ours", ours), ("bare", bare)):
                        taken = seconds(lambda: stack.run(*action, variables=WITHOUT_CHECKPOINTS))  # noqa: B023
                        times.setdefault(f"{label} {side}", []).append(taken)
                sizes_kb = _state_kb(ours)
        measured += _ratios(count, {name: median(values) for name, values in times.items()})
        if count == max(sizes):
            measured += [
                Figure(f"state of a node, of {count:,}", sizes_kb["Node"] / count, "kB", NODE_LIMIT_KB),
                Figure(f"state of the Admission of {count:,}", sizes_kb["Admission"], "kB", ADMISSION_LIMIT_KB),
                *_checkpoints(count),
            ]
    return measured


def _ratios(count: int, times: dict[str, float]) -> list[Figure]:
    result = []
    for label, most in RATIO_LIMITS.items():
        ours, bare = times[f"{label} ours"], times[f"{label} bare"]
        limit = most if count >= LARGE else None
        result += [
            Figure(f"{label} of {count:,} nodes", ours, "s"),
            Figure(f"{label} of {count:,} by a provider that does nothing", bare, "s"),
            Figure(f"{label} of {count:,}, ratio", ours / bare, "times", limit),
        ]
    return result


def _checkpoints(count: int) -> list[Figure]:
    """What the engine's checkpoints cost in a first up on a file backend."""
    with tempfile.TemporaryDirectory() as folder:
        stack = _ours(zone_of(Path(folder), count), count)
        return [Figure(f"up of {count:,} nodes with checkpoints", seconds(stack.up), "s")]


def zone_of(folder: Path, count: int) -> SmallZone:
    """A zone with racks for so many nodes.

    Args:
        folder: where its files are.
        count: the nodes.
    """
    zone = SmallZone(folder=folder, engine=engine.ensure(), warm=False).create()
    with LedgerClient(zone.ledger_url) as client:
        bring_up_racks(client, count // 20 + 1)
    return zone


def _ours(zone: SmallZone, count: int) -> Stack:
    stack = zone.stack("tenant-a")
    stack.limit_s = PATIENCE_S
    stack.declare(clusters={"web": cluster(count)})
    return stack


def bare_stack(zone: SmallZone, count: int) -> Stack:
    """The same number of resources with inputs like ours, in a project whose provider does nothing."""
    stack = zone.stack("tenant-b", provider=NOTHING / "provider")
    stack.limit_s = PATIENCE_S
    project = yaml.safe_load((stack.root / "Pulumi.yaml").read_text(encoding="utf-8"))
    project["plugins"]["providers"][0]["name"] = "nothing"
    (stack.root / "Pulumi.yaml").write_text(yaml.safe_dump(project), encoding="utf-8")
    shutil.copy(NOTHING / "program.py", stack.root / "program" / "__main__.py")
    stack.run("config", "set", "nothing:count", str(count))
    return stack


def _state_kb(stack: Stack) -> dict[str, float]:
    """Compact JSON of the resources in the exported state, by type."""
    return {
        kind: sum(len(json.dumps(item, separators=(",", ":"))) for item in stack.resources(kind)) / 1000
        for kind in ("Node", "Admission")
    }
