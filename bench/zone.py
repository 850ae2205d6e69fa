"""The zone as a whole: memory of a check, a change beside a full and an almost empty zone, and a far larger zone."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from bench.figures import Figure, median_s, seconds
from support.big_zone import write_big_zone
from support.zone_project import REPOSITORY, SmallZone, Stack
from zonewright import engine

REFERENCE = REPOSITORY / "stacks" / "zones" / "reference"
CHANGE_NODES = 99
"""A tenth of the nodes of the reference zone."""
BIG_SITES, BIG_NODES = 20, 100_000
LOAD_S = 40
_MEASURED = """
import resource, sys, time
from zonewright.cli import main
begun = time.perf_counter()
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, file=sys.stderr)
sys.exit(code)
"""


def figures(runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Figures of the zone as a whole."""
    return [*_check(), *_change(runs), *_big()]


def command_mb(*arguments: str) -> float:
    """Run the command line; gives its largest memory in MB."""
    result = subprocess.run(
        [sys.executable, "-c", _MEASURED, *arguments], check=True, capture_output=True, text=True, cwd=REPOSITORY
    )
    return float(result.stderr.splitlines()[-1])


def _check() -> list[Figure]:
    return [Figure("check of the reference zone, memory", command_mb("check", str(REFERENCE)), "MB", 200)]


def _change(runs: int) -> list[Figure]:
    """Preview of one change, beside the whole zone and beside one row of racks."""
    found = engine.ensure()
    full, empty = _preview(found, runs, whole=True), _preview(found, runs, whole=False)
    return [
        Figure(f"preview of {CHANGE_NODES} nodes, almost empty zone", empty, "s"),
        Figure(f"preview of {CHANGE_NODES} nodes, whole zone", full, "s"),
        Figure("ratio of the two", full / empty, "times", 1.3),
    ]


def _preview(found: engine.Engine, runs: int, *, whole: bool) -> float:
    with tempfile.TemporaryDirectory() as folder:
        zone = SmallZone(folder=Path(folder), engine=found)
        declared = Path(folder) / "zone"
        declared.mkdir()
        for path in REFERENCE.glob("*.yaml"):
            (declared / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        types = declared / "device-types"
        types.mkdir()
        for path in (REFERENCE / "device-types").glob("*.yaml"):
            (types / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        (declared / "tenant-ind.yaml").unlink()
        _write(declared / "tenant-ind.yaml", {"owner": "tenant-ind", "clusters": {}})
        if not whole:
            _shrink(declared)
        command = [sys.executable, "-m", "zonewright.cli", "ledger", "load", str(declared), "--ledger", zone.ledger_url]
        subprocess.run(command, check=True, capture_output=True)
        stack: Stack = zone.stack("tenant-ind")
        rack_spread = {"scope": "rack", "at_least": 10, "max_per_domain": 4}
        cluster = {"site": "wj-dc1", "node_type": "inference-4u", "count": CHANGE_NODES, "spread": rack_spread}
        stack.declare(clusters={"platform": cluster})
        stack.run("preview")
        return median_s(lambda: stack.run("preview"), runs=runs)


def _shrink(declared: Path) -> None:
    """Leave of the zone one row of racks in one hall of one site."""
    for path in declared.glob("*-*.yaml"):
        if path.name not in ("facility-operator-a.yaml", "tenant-ind.yaml"):
            path.unlink()
    path = declared / "facility-operator-a.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    site = document["sites"]["wj-dc1"]
    row = site["rooms"]["a4"]["rows"]["01..25"]
    site["rooms"] = {"a4": {**site["rooms"]["a4"], "rows": {"01": row}}}
    _write(path, {"owner": "operator-a", "sites": {"wj-dc1": site}})
    zone = yaml.safe_load((declared / "zone.yaml").read_text(encoding="utf-8"))
    _write(declared / "zone.yaml", {**zone, "rings": {}, "waivers": {}})


def _write(path: Path, document: object) -> None:
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def _big() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        zone = Path(folder) / "zone"
        write_big_zone(zone, sites=BIG_SITES, nodes=BIG_NODES)
        memory: list[float] = []
        check = seconds(lambda: memory.append(command_mb("check", str(zone))))
        ledger = f"sqlite:///{folder}/l.db"
        load = seconds(lambda: memory.append(command_mb("ledger", "load", str(zone), "--ledger", ledger)))
    name = f"{BIG_SITES} sites, {BIG_NODES:,} nodes"
    return [
        Figure(f"check of {name}", check, "s"),
        Figure(f"check of {name}, memory", memory[0], "MB"),
        Figure(f"ledger load of {name}", load, "s", LOAD_S),
        Figure("  to the check of the same", load / check, "times"),
        Figure(f"ledger load of {name}, memory", memory[1], "MB"),
    ]
