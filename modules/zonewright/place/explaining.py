"""Why a node stands where it stands, and what keeps it from standing elsewhere in its site."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ConfigDict

from zonewright.model.demand import Demand
from zonewright.model.expand import Node, node_numbers, nodes_of
from zonewright.model.rack import Rack
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import World
from zonewright.place.neighbours import Neighbours
from zonewright.place.rack_state import Floor, NodeShape, RackState
from zonewright.place.reasons import shortages_of
from zonewright.place.spread_count import SpreadCount
from zonewright.place.stops import Stop
from zonewright.rules.words import amount

FREE = "nothing prevents it there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Racks of one room that have the same reason against them.

    Attributes:
        room: ``site/room``.
        racks: how many.
        reason: what stops the node there, or that nothing does.
        nearest: the rack that comes nearest, with what it is short of; empty where there is nothing to say.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    room: str
    racks: int
    reason: str
    nearest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why one node stands where it stands.

    Attributes:
        node: its name.
        place: rack, unit and face, or empty where it has none.
        why: one sentence.
        alternatives: all other racks of its site, grouped; those where nothing stops it first.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    node: str
    place: str
    why: str
    alternatives: tuple[Alternative, ...]

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def find_node(demand: Demand, name: str) -> tuple[str, Node] | None:
    """The cluster and the node of a name, or None."""
    for cluster_id, wanted in demand.clusters.items():
        for node in nodes_of(cluster_id, wanted.cluster):
            if node.name == name:
                return cluster_id, node
    return None


def explain(
    world: World, demand: Demand, seats: Mapping[str, RackPosition], name: str, *, stack: str
) -> Explanation | None:
    """Explain one node of a demand.

    Args:
        world: racks with everybody else's occupants.
        demand: what its stack wants.
        seats: places of all nodes of the demand.
        name: the node.
        stack: id of the stack.

    Returns:
        The explanation, or None where the demand has no such node.
    """
    found = find_node(demand, name)
    if found is None:
        return None
    cluster_id, node = found
    wanted, own = demand.clusters[cluster_id], seats.get(name)
    floor = Floor(world, (), party=demand.party)
    around = _Around(world, demand, floor, cluster_id)
    for other_id, part in demand.clusters.items():
        for other in nodes_of(other_id, part.cluster):
            if other.name in seats and other.name != name:
                floor.put(NodeShape.of(part), (demand.party, stack, other.name), seats[other.name])
                around.seat(other_id, seats[other.name].rack)
    groups: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for state in floor.states(lambda rack: rack.site == wanted.cluster.site):
        if own is None or state.rack.id != own.rack:
            reason, nearest = around.against(state)
            groups[state.rack.room, reason].append(nearest)
    alternatives = [
        Alternative(room=room, racks=len(found), reason=reason, nearest=min(found)[1])
        for (room, reason), found in sorted(groups.items())
    ]
    alternatives.sort(key=lambda one: (one.reason != FREE, one.room))
    why = _why(node, own, floor, NodeShape.of(wanted))
    return Explanation(node=name, place=_place(own), why=why, alternatives=tuple(alternatives))


class _Around:
    """What one cluster's next node meets, with all other nodes in their places."""

    def __init__(self, world: World, demand: Demand, floor: Floor, cluster_id: str) -> None:
        self._demand, self._cluster_id, self._wanted = demand, cluster_id, demand.clusters[cluster_id]
        self._shape = NodeShape.of(self._wanted)
        self._neighbours = Neighbours(world, demand, floor, {})
        cluster = self._wanted.cluster
        self._spread = SpreadCount(cluster.spread, len(node_numbers(cluster)), cluster.survives)

    def seat(self, cluster_id: str, rack_id: str) -> None:
        """Another node stands in a rack."""
        self._neighbours.seat(cluster_id, self._demand.clusters[cluster_id].cluster, rack_id)
        if cluster_id == self._cluster_id:
            self._spread.add(rack_id)

    def against(self, state: RackState) -> tuple[str, tuple[float, str]]:
        """What stops the node in a rack, and how near it comes: a figure to sort by and a text."""
        cluster, rack = self._wanted.cluster, state.rack
        if not rack.takes_nodes_of(self._demand.party):
            return "not open for this party", (0.0, "")
        if cluster.rooms and rack.room.split("/", 1)[1] not in cluster.rooms:
            return "outside the cluster's rooms", (0.0, "")
        shortages = list(shortages_of(self._shape, self._spread, state, self._stops))
        if not shortages:
            left = state.left_for(self._shape) or 0
            return FREE, (float(left), f"{rack.id} would keep {amount(left, 'W')} free")
        texts = " and ".join(item.text for item in shortages)
        resources = ", ".join(sorted(item.resource for item in shortages))
        return f"short of {resources}", (sum(item.part for item in shortages), f"{rack.id}: {texts}")

    def _stops(self, rack: Rack) -> Stop | None:
        return self._neighbours.stops(self._cluster_id, self._wanted, rack)


def _place(seat: RackPosition | None) -> str:
    return "" if seat is None else str(seat)


def _kept(state: RackState, left: int) -> str:
    """What the rack keeps, by the feeds that are there."""
    live, failed = sorted(state.wiring.live), sorted(state.rack.failed_feeds)
    if len(live) > 1:
        return f"the rack keeps {amount(left, 'W')} if either feed is lost"
    if not live:
        return "the rack has no feed that works"
    why = f"feed {failed[0]} has failed" if failed else "it has no other"
    return f"the rack keeps {amount(left, 'W')} on feed {live[0]}, and nothing if that is lost: {why}"


def _why(node: Node, seat: RackPosition | None, floor: Floor, shape: NodeShape) -> str:
    if seat is None:
        return "it has no place"
    if node.chosen is not None:
        return "its declaration chose " + ("the place" if node.chosen.position is not None else "the rack")
    state = floor.state(seat.rack)
    left = state.left_for(shape) if state is not None else None
    kept = f"; {_kept(state, left)}" if state is not None and left is not None else ""
    return f"placed by the ledger: rooms in use come before idle rooms, then the rack with the least space left{kept}"
