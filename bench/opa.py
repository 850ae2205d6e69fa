"""Three rules beside OPA's evaluation of the same, over the same facts: racks, kinds of draw, and a list of nodes.

Neither is given anything that is grouped or worked out beforehand: both find out which nodes are in a rack, and what a
node puts on a feed. Neither's reading counts: of OPA it is the CPU time of a query, without that of a query that asks
nothing of the same facts. Each rule is asked for alone, and both must name the same racks.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.opa_program import opa_program
from zonewright.model.world import World
from zonewright.rules import RULES
from zonewright.rules.view import view_of

POLICY = Path(__file__).parent / "policies" / "zone.rego"
THREE = ("unit-overlap", "feed-failover", "rack-weight")
LEAST_RATIO = 10
_FAULTY = 50


def peers(world: World, runs: int, cpu: Callable[[Callable[[], object]], float]) -> list[Figure]:
    """How much of OPA's CPU time zonewright takes for each of three rules; nothing where OPA is not there.

    Args:
        world: the facts, without faults.
        runs: how often each is run.
        cpu: measures the CPU time of something in this process.
    """
    program = opa_program()
    if program is None:
        print("  OPA IS NOT THERE, so nothing is compared with it: python -m bench.opa_program", file=sys.stderr)
        return []
    doubled = [replace(item, name=f"{item.name}-again", path="") for item in world.occupants[:_FAULTY]]
    world = replace(world, occupants=(*world.occupants, *doubled))
    with tempfile.TemporaryDirectory() as folder:
        facts = Path(folder) / "facts.json"
        facts.write_text(json.dumps(_facts(world)), encoding="utf-8")
        nothing = min(_query(program, facts, "true")[0] for _ in range(runs))
        found: list[Figure] = []
        for name in THREE:
            asked = f"data.zone.{name.replace('-', '_')}"
            answers = [_query(program, facts, asked) for _ in range(runs)]
            opa = min(seconds for seconds, _ in answers) - nothing
            racks = _ours(world, name)
            if racks != set(answers[0][1]):
                raise ValueError(f"{name}: OPA names other racks")
            ours = min(cpu(partial(_ours, world, name)) for _ in range(runs))
            found += [
                Figure(f"  {name} by OPA, {len(racks)} racks named", opa, "s"),
                Figure(f"  {name} relative to OPA", ours / opa, "times", 1 / LEAST_RATIO),
            ]
    return found


def _ours(world: World, name: str) -> set[str]:
    view = view_of(world, None)
    return {breach.subject for rule in RULES if rule.id == name for breach in rule.function(view)}


def _query(program: Path, facts: Path, query: str) -> tuple[float, Any]:
    """CPU seconds of one evaluation with all that it needs, on one thread, and its answer."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [str(program), "eval", "--format", "json", "--data", str(POLICY), "--input", str(facts), query]
    result = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "GOMAXPROCS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, json.loads(result.stdout)["result"][0]["expressions"][0]["value"]


def _facts(world: World) -> Mapping[str, Any]:
    """The world as JSON. Nodes name their kind of draw, as occupants share theirs."""
    draws = {
        item.draw: f"draw-{number}" for number, item in enumerate({one.draw: one for one in world.occupants}.values())
    }
    return {
        "racks": {
            rack_id: {
                "feeds": {name: feed.available_w for name, feed in rack.feeds.items()},
                "max_weight_kg": rack.max_weight_kg,
            }
            for rack_id, rack in world.racks.items()
        },
        "draws": {
            name: {
                "allocated_w": draw.allocated_w,
                "supplies": draw.supplies,
                "required": draw.required,
                "single_feed": draw.single_feed,
            }
            for draw, name in draws.items()
        },
        "nodes": [
            {
                "rack": item.rack,
                "position": item.position,
                "u_height": item.u_height,
                "face": item.face,
                "is_full_depth": item.is_full_depth,
                "draw": draws[item.draw],
                "weight_kg": item.weight_kg,
            }
            for item in world.occupants
        ],
    }
