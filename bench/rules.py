"""The rules on 100,000 nodes: from files, in memory, after the change of one node, beside bare loops and beside OPA.

The bare loops compute the figures of three rules (units, watts, weight) over plain tuples, without a message, without
what is lost when a feed fails, and without masking: what any engine in Python has to add up at least. CPU time counts,
because a machine that is shared tells little by its clock.
"""

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.figures import Figure
from bench.opa import THREE, peers
from support.big_zone import write_big_zone
from zonewright.collector import collect_rarely
from zonewright.declare.load import load_zone
from zonewright.model.world import Bystanders, World
from zonewright.place import judge_declaration
from zonewright.rules import RULES, evaluate
from zonewright.rules.view import view_of

SITES, NODES = 20, 100_000
ON = "2026-11-30"
CHECK_S, RULES_S, CHANGE_MS, TO_LOOPS = 3, 1, 5, 3


def figures(runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """CPU times of the rules; garbage is looked for as seldom as in a command of ours."""
    collect_rarely()
    with tempfile.TemporaryDirectory() as folder:
        zone = Path(folder) / "zone"
        write_big_zone(zone, sites=SITES, nodes=NODES)

        def check() -> World:
            declaration = load_zone(zone, on=ON).declaration
            if declaration is None:
                raise ValueError("the generated zone has faults")
            return judge_declaration(declaration, on=ON).world

        worlds: list[World] = []
        whole = _cpu(lambda: worlds.append(check()))
    (world,) = worlds
    rules = min(_cpu(lambda: evaluate(world)) for _ in range(runs))
    three = min(_cpu(lambda: _three_rules(world)) for _ in range(runs))
    loops = min(_cpu(lambda: _bare(world)) for _ in range(runs))
    changed = _one_changed(world)
    change = min(_cpu(changed) for _ in range(max(runs, 5)))
    return [
        Figure(f"check of {NODES:,} nodes from files", whole, "s", CHECK_S),
        Figure(f"all {len(RULES)} rules on {NODES:,} nodes in memory", rules, "s", RULES_S),
        Figure("  three of them", three, "s"),
        Figure("  bare loops for these three", loops, "s"),
        Figure("  ratio of the two", three / loops, "times", TO_LOOPS),
        Figure(f"one node changed, of {NODES:,}", 1000 * change, "ms", CHANGE_MS),
        *peers(world, runs, _cpu),
    ]


def _cpu(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _three_rules(world: World) -> int:
    view = view_of(world, None)
    return sum(1 for rule in RULES if rule.id in THREE for _ in rule.function(view))


def _bare(world: World) -> int:
    """Three figures of each rack over plain tuples; how many racks are over a limit."""
    rows = [(one.rack, one.position, one.u_height, one.draw.allocated_w, one.weight_kg) for one in world.occupants]
    masks: dict[str, int] = defaultdict(int)
    drawn: dict[str, int] = defaultdict(int)
    weights: dict[str, float] = defaultdict(float)
    over = 0
    for rack_id, position, u_height, watts, weight in rows:
        mask = ((1 << u_height) - 1) << position
        over += bool(masks[rack_id] & mask)
        masks[rack_id] |= mask
        drawn[rack_id] += watts
        weights[rack_id] += weight
    for rack_id, rack in world.racks.items():
        over += drawn[rack_id] > min(feed.available_w for feed in rack.feeds.values())
        over += weights[rack_id] > rack.max_weight_kg
    return over


def _one_changed(world: World) -> Callable[[], object]:
    """The rules of racks after one node has moved, with everybody else grouped already, as a ledger has them."""
    moved = world.occupants[-1]
    around = Bystanders(tuple(item for item in world.occupants if item is not moved))
    clusters = tuple(one for one in world.clusters if one.name == moved.cluster and one.party == moved.party)
    changed = replace(world, bystanders=around, occupants=(replace(moved, position=20),), clusters=clusters)
    return lambda: evaluate(changed, racks=frozenset({moved.rack}), reach="rack")
