"""Finds places for a demand: chosen ones as they are, present ones again, the others by deterministic best fit."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from zonewright.model.demand import ClusterDemand, Demand
from zonewright.model.expand import Node, nodes_of
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import Occupant, Rack, World
from zonewright.place.candidates import Candidates, SpreadCount
from zonewright.place.neighbours import Neighbours
from zonewright.place.rack_state import Floor, NodeShape, RackState
from zonewright.place.reasons import why_no_rack
from zonewright.place.stops import Stop
from zonewright.rules.geometry import bits
from zonewright.rules.loads import Key
from zonewright.rules.spread import domain_of
from zonewright.rules.words import amount


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
) -> Placement:
    """Find places; the same facts give the same places, in whatever order they come.

    Args:
        world: racks of the demand's sites with everybody else's occupants, none of this stack.
        demand: what the stack wants.
        stack: id of the stack.
        sticky: its present places by node name.
        standing: its own claims that have a resource: they draw power until they are gone, but their units are
            free for this change.
    """
    run = _Run(world, demand, stack, sticky, standing)
    for step in (run.take_chosen, run.keep_present, run.fill_chosen_racks, run.fill):
        for part in run.parts:
            step(part)
    return Placement(seats=run.seats, unplaced=run.unplaced)


@dataclass(slots=True)
class _Part:
    """One cluster on its way; ``waiting`` are its nodes without an answer."""

    cluster: str
    wanted: ClusterDemand
    shape: NodeShape
    spread: SpreadCount
    waiting: list[Node]


def _parts(demand: Demand) -> list[_Part]:
    """The clusters, largest nodes first, then by id; their nodes by number."""
    parts = []
    for cluster_id, wanted in sorted(demand.clusters.items()):
        nodes = list(nodes_of(cluster_id, wanted.cluster))
        spread = SpreadCount(wanted.cluster.spread, len(nodes))
        parts.append(_Part(cluster_id, wanted, NodeShape.of(wanted), spread, nodes))
    return sorted(parts, key=lambda part: (-part.shape.u_height, -part.shape.draw.allocated_w))


class _Run:
    """One placement."""

    def __init__(
        self, world: World, demand: Demand, stack: str, sticky: Mapping[str, RackPosition], standing: Iterable[Occupant]
    ) -> None:
        own = tuple(standing)
        self._party, self._stack, self._sticky = demand.party, stack, sticky
        self._reserved = world.reserved
        self.parts = _parts(demand)
        wanted = frozenset(node.name for part in self.parts for node in part.waiting)
        self._floor = Floor(world, own, party=demand.party, wanted=wanted)
        self._stands = frozenset((item.name, item.rack) for item in own if item.standing == "active")
        present = {
            part.cluster: [sticky[node.name].rack for node in part.waiting if node.name in sticky]
            for part in self.parts
        }
        self._neighbours = Neighbours(world, demand, self._floor, present)
        self.seats: dict[str, RackPosition] = {}
        self.unplaced: dict[str, str] = {}

    def take_chosen(self, part: _Part) -> None:
        """Places that the declaration names in full, also where they break a rule."""
        for node in part.waiting:
            if node.chosen is not None:
                part.spread.add(node.chosen.rack)
                if node.chosen.position is not None:
                    self._seat(part, node, node.chosen.rack, node.chosen.position)
        self._forget_answered(part)

    def keep_present(self, part: _Part) -> None:
        """Present places, as long as they are still allowed."""
        moving = self._moving_for_spread(part)
        for node in part.waiting:
            present = self._sticky.get(node.name)
            if present is not None and node.name not in moving and self._may_keep(part, node, present):
                self._seat(part, node, present.rack, present.position)
                if node.chosen is None:
                    part.spread.add(present.rack)
        self._forget_answered(part)

    def fill_chosen_racks(self, part: _Part) -> None:
        """Nodes for which the declaration names a rack only: its lowest free position."""
        for node in part.waiting:
            if node.chosen is not None:
                state = self._floor.state(node.chosen.rack)
                position = None if state is None else state.lowest(part.shape)
                if position is not None:
                    self._seat(part, node, node.chosen.rack, position)
                elif state is None:
                    self.unplaced[node.name] = (
                        f"rack {node.chosen.rack} is not known: no facility operator has declared it"
                    )
                else:
                    needed = amount(part.shape.u_height, "U")
                    needed = f"offer for it with {needed}" if state.lacks_an_offer(part.shape) else needed
                    self.unplaced[node.name] = f"rack {node.chosen.rack} has no {needed} free in one piece"
        self._forget_answered(part)

    def fill(self, part: _Part) -> None:
        """All other nodes: in their present rack where that is possible, else in the best rack."""
        for node in part.waiting:
            self._try_present_rack(part, node)
        self._forget_answered(part)
        if not part.waiting:
            return
        racks = self._floor.states(lambda rack: self._in_scope(part, rack))
        is_open = [state for state in racks if state.rack.takes_nodes_of(self._party)]

        def stops(rack: Rack) -> Stop | None:
            return self._neighbours.stops(part.cluster, part.wanted, rack)

        candidates = Candidates(self._floor, part.shape, is_open, first=self._reserved)
        reason = ""
        for node in part.waiting:
            found = None if reason else candidates.take(part.spread, stops)
            if found is not None:
                state, position = found
                self._seat(part, node, state.rack.id, position)
                part.spread.add(state.rack.id)
                candidates.put_back(state)
            else:
                closed = len(racks) - len(is_open)
                reason = reason or why_no_rack(
                    part.shape, part.spread, is_open, stops=stops, closed=closed, where=_where(part)
                )
                self.unplaced[node.name] = reason
                if part.spread.missing:
                    part.spread.given_up, reason = True, ""
            if not part.spread.missing:
                candidates.recall()

    def _moving_for_spread(self, part: _Part) -> frozenset[str]:
        """Present places to let go, last ones of the fullest domains first, so that enough domains are reached."""
        spread = part.spread.spread
        if spread is None:
            return frozenset()
        sitting = [node for node in part.waiting if node.chosen is None and node.name in self._sticky]
        counts = Counter(part.spread.counts)
        counts.update(domain_of(self._sticky[node.name].rack, spread.scope) for node in sitting)
        new = sum(1 for node in part.waiting if node.chosen is None) - len(sitting)
        needed = part.spread.target - len(counts) - new
        moving: set[str] = set()
        while len(moving) < needed:
            fullest = max(sorted(counts), key=counts.__getitem__)
            inside = [
                node
                for node in sitting
                if node.name not in moving and domain_of(self._sticky[node.name].rack, spread.scope) == fullest
            ]
            if len(inside) == 0 or counts[fullest] == 1:
                break
            moving.add(inside[-1].name)
            counts[fullest] -= 1
        return frozenset(moving)

    def _may_keep(self, part: _Part, node: Node, present: RackPosition) -> bool:
        state = self._floor.state(present.rack)
        if state is None or not state.has_units(part.shape, present.position):
            return False
        is_outside = bool(state.closed_for(part.shape) & bits(present.position, part.shape.u_height))
        if is_outside and (node.name, present.rack) not in self._stands:
            return False
        if node.chosen is not None:
            return node.chosen.rack == present.rack
        if part.spread.is_full(present.rack) or not self._is_allowed(part, node, state):
            return False
        return state.takes(part.shape, self._key(node))

    def _try_present_rack(self, part: _Part, node: Node) -> None:
        """A node that cannot stay where it is stays in its rack if it can: the shortest move."""
        present = self._sticky.get(node.name)
        state = None if present is None else self._floor.state(present.rack)
        if state is None or not self._is_allowed(part, node, state) or part.spread.verdict(state.rack.id) != "now":
            return
        position = state.lowest(part.shape)
        if position is not None and state.takes(part.shape, self._key(node)):
            self._seat(part, node, state.rack.id, position)
            part.spread.add(state.rack.id)

    def _is_allowed(self, part: _Part, node: Node, state: RackState) -> bool:
        """Whether a node may be in a rack: in its site and rooms, open or already standing there, among its like."""
        stands = (node.name, state.rack.id) in self._stands
        is_open = state.rack.takes_nodes_of(self._party) or stands
        if not is_open or not self._in_scope(part, state.rack):
            return False
        return self._neighbours.stops(part.cluster, part.wanted, state.rack, stands=stands) is None

    def _in_scope(self, part: _Part, rack: Rack) -> bool:
        site, room, _ = rack.id.split("/", 2)
        cluster = part.wanted.cluster
        return site == cluster.site and (not cluster.rooms or room in cluster.rooms)

    def _key(self, node: Node) -> Key:
        return (self._party, self._stack, node.name)

    def _seat(self, part: _Part, node: Node, rack: str, position: int) -> None:
        self.seats[node.name] = RackPosition(rack, position, part.shape.face)
        self._floor.put(part.shape, self._key(node), self.seats[node.name])
        self._neighbours.seat(part.cluster, part.wanted.cluster, rack)

    def _forget_answered(self, part: _Part) -> None:
        part.waiting = [node for node in part.waiting if node.name not in self.seats and node.name not in self.unplaced]


def _where(part: _Part) -> str:
    cluster = part.wanted.cluster
    rooms = f" (rooms {', '.join(sorted(cluster.rooms))})" if cluster.rooms else ""
    return f"site {cluster.site}{rooms}"
