"""Finds places for a demand: cluster after cluster by best fit, then by an arrangement of all of them.

All of it is deterministic: the work is counted, never timed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from zonewright.model.demand import Demand
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import Occupant, World
from zonewright.place.arranging import arrange, fewest_racks, lacking
from zonewright.place.own_moves import own_moves, told
from zonewright.place.reasons import GIVEN_UP, proven
from zonewright.place.run import PlacementRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What was found.

    Attributes:
        seats: by node name.
        unplaced: one sentence for each node without a place: what is short, in how many racks, the nearest miss.
    """

    seats: Mapping[str, RackPosition]
    unplaced: Mapping[str, str]


def place(
    world: World,
    demand: Demand,
    *,
    stack: str,
    sticky: Mapping[str, RackPosition],
    standing: tuple[Occupant, ...] = (),
    asks_for_moves: bool = True,
) -> Placement:
    """Find places; the same facts give the same places, in whatever order they come.

    Args:
        world: racks of the demand's sites with everybody else's occupants, none of this stack.
        demand: what the stack wants.
        stack: id of the stack.
        sticky: its present places by node name.
        standing: its own claims that have a resource: they draw power until they are gone, but their units are
            free for this change.
        asks_for_moves: whether a node without a place is to be told which moves of own nodes would make room; they
            are found by placing all nodes again, many times.
    """

    def placed(without: frozenset[str] = frozenset()) -> PlacementRun:
        kept = {name: seat for name, seat in sticky.items() if name not in without}
        return _placed(lambda: PlacementRun(world, demand, stack, kept, standing))

    def place_without(released: frozenset[str]) -> Mapping[str, RackPosition] | None:
        run = placed(released)
        return None if run.unplaced else run.seats

    run = placed()
    own = run.kept() if asks_for_moves and run.searched else {}
    if own and run.unplaced.keys() == run.searched:
        kinds = {node.name: part.cluster for part in run.parts for node in part.nodes}
        moves = own_moves(own, kinds=kinds, place_without=place_without)
        if moves is not None:
            run.add_to_reasons(told(moves))
    return Placement(seats=run.seats, unplaced=run.unplaced)


def _placed(new: Callable[[], PlacementRun]) -> PlacementRun:
    """The better of two placements: cluster after cluster, or by an arrangement of all of them.

    The second one is made where the first leaves out a node, or opens more racks than it may need.
    """
    first = new()
    first.settle()
    waiting = [part for part in first.parts if part.waiting]
    first.fill_all()
    is_alike = len(waiting) <= 1  # such nodes fit best as they come
    if is_alike or not (first.searched or first.opened() > 1):
        return first
    second = new()
    second.settle()
    for part in second.parts:
        second.keep_racks(part)
    inside, states = second.waiting()
    short = list(lacking(inside, states)) if first.searched else []
    if short:
        first.add_to_reasons(proven(short))
        return first
    goal = fewest_racks(inside, states)
    if not first.searched and first.opened() <= goal:
        return first
    second.fill_all(arrange(inside, states, second.domain, second.may_both, goal=goal).racks)
    better = min((first, second), key=PlacementRun.rank)  # the first, where they are equal
    better.add_to_reasons(GIVEN_UP)
    return better
