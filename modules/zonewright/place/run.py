"""One placement on its way: chosen places as they are, present ones again, the others by best fit. Internal."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from zonewright.model.cluster import WideScope
from zonewright.model.demand import ClusterDemand, Demand
from zonewright.model.expand import Node, nodes_of
from zonewright.model.rack import Rack
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import Occupant, World
from zonewright.place.candidates import Candidates
from zonewright.place.neighbours import Neighbours
from zonewright.place.rack_state import Floor, NodeShape, RackState
from zonewright.place.reasons import why_no_rack
from zonewright.place.spread_count import SpreadCount
from zonewright.place.stops import MayBoth, StopsRack, remembered
from zonewright.place.waiting import Waiting
from zonewright.rules.geometry import bits
from zonewright.rules.loads import Key
from zonewright.rules.spread import domain_of
from zonewright.rules.words import amount


@dataclass(slots=True)
class PlacementPart:
    """One cluster on its way; ``waiting`` are those of its nodes that have no answer yet."""

    cluster: str
    wanted: ClusterDemand
    shape: NodeShape
    spread: SpreadCount
    nodes: Sequence[Node]
    waiting: list[Node]


def _parts(demand: Demand) -> list[PlacementPart]:
    """The clusters, largest nodes first, then by id; their nodes by number."""
    parts = []
    for cluster_id, wanted in sorted(demand.clusters.items()):
        nodes = list(nodes_of(cluster_id, wanted.cluster))
        spread = SpreadCount(wanted.cluster.spread, len(nodes), wanted.cluster.survives)
        parts.append(PlacementPart(cluster_id, wanted, NodeShape.of(wanted), spread, nodes, nodes))
    return sorted(parts, key=lambda part: (-part.shape.u_height, -part.shape.draw.allocated_w))


class PlacementRun:
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
        self._answered = 0
        self.searched: set[str] = set()
        """Names of the nodes for which no rack was found among those that might do."""

    def settle(self) -> None:
        """All that is not searched for: chosen places, present ones, and chosen racks."""
        for step in (self.take_chosen, self.keep_present, self.fill_chosen_racks):
            for part in self.parts:
                step(part)

    def take_chosen(self, part: PlacementPart) -> None:
        """Places that the declaration names in full, also where they break a rule."""
        for node in part.waiting if part.wanted.cluster.places else ():
            if node.chosen is not None:
                part.spread.add(node.chosen.rack)
                if node.chosen.position is not None:
                    self._seat(part, node, node.chosen.rack, node.chosen.position)
        self._forget_answered(part)

    def keep_present(self, part: PlacementPart) -> None:
        """Present places, as long as they are still allowed."""
        if not self._sticky:
            return
        moving = self._moving_for_spread(part)
        for node in part.waiting:
            present = self._sticky.get(node.name)
            if present is not None and node.name not in moving and self._may_keep(part, node, present):
                self._seat(part, node, present.rack, present.position)
                if node.chosen is None:
                    part.spread.add(present.rack)
        self._forget_answered(part)

    def fill_chosen_racks(self, part: PlacementPart) -> None:
        """Nodes for which the declaration names a rack only: its lowest free position."""
        for node in part.waiting if part.wanted.cluster.places else ():
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

    def keep_racks(self, part: PlacementPart) -> None:
        """Nodes that cannot stay where they are: in their present rack where that is possible."""
        for node in part.waiting if self._sticky else ():
            self._try_present_rack(part, node)
        self._forget_answered(part)

    def fill_all(self, arranged: Mapping[str, Sequence[str]] | None = None) -> None:
        """All other nodes: in their present rack where that is possible, else in the best rack.

        Args:
            arranged: racks by cluster that are tried first.
        """
        for part in self.parts:
            self.keep_racks(part)
            for node, rack in zip(part.waiting, (arranged or {}).get(part.cluster, ()), strict=False):
                self._try_rack(part, node, rack, is_arranged=True)
            self._forget_answered(part)
            self._fill(part)

    def _fill(self, part: PlacementPart) -> None:
        if not part.waiting:
            return
        racks = self._floor.states(lambda rack: self._in_scope(part, rack))
        is_open = [state for state in racks if state.rack.takes_nodes_of(self._party)]

        stops: StopsRack = partial(self._neighbours.stops, part.cluster, part.wanted)
        if self._neighbours.is_free(part.cluster):
            stops = remembered(stops)
        candidates = Candidates(self._floor, part.shape, is_open, first=self._reserved)
        reason = ""
        number = 0
        while number < len(part.waiting):
            found = None if reason else candidates.take(part.spread, stops)
            if found is not None:
                state, position = found
                number += self._seat_alike(part, number, state, position, alone=candidates.are_some_later)
                candidates.put_back(state)
            else:
                node, number = part.waiting[number], number + 1
                closed = len(racks) - len(is_open)
                reason = reason or why_no_rack(
                    part.shape, part.spread, is_open, stops=stops, closed=closed, where=_where(part)
                )
                self.unplaced[node.name] = reason
                self.searched.add(node.name)
                if part.spread.missing:
                    part.spread.given_up, reason = True, ""
            if not part.spread.missing:
                candidates.recall()

    def _moving_for_spread(self, part: PlacementPart) -> frozenset[str]:
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
        staying = [node for node in sitting if node.name not in moving]
        return frozenset(moving) | self._moving_for_skew(part, staying, new + len(moving))

    def _moving_for_skew(self, part: PlacementPart, staying: Sequence[Node], new: int) -> frozenset[str]:
        """Present places to let go so that no domain has too many more than another: last ones of the fullest first."""
        spread = part.spread.spread
        if spread is None or spread.max_skew is None or not staying:
            return frozenset()
        counts = Counter(part.spread.counts)
        sitting = defaultdict(list)
        for node in staying:
            sitting[domain_of(self._sticky[node.name].rack, spread.scope)].append(node.name)
        counts.update({domain: len(names) for domain, names in sitting.items()})
        for _ in range(new):
            counts[min(sorted(counts), key=counts.__getitem__)] += 1
        moving: set[str] = set()
        while max(counts.values()) - min(counts.values()) > spread.max_skew:
            fullest, emptiest = (choose(sorted(counts), key=counts.__getitem__) for choose in (max, min))
            if not sitting[fullest]:
                break
            moving.add(sitting[fullest].pop())
            counts[fullest] -= 1
            counts[emptiest] += 1
        return frozenset(moving)

    def _may_keep(self, part: PlacementPart, node: Node, present: RackPosition) -> bool:
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

    def _try_present_rack(self, part: PlacementPart, node: Node) -> None:
        """A node that cannot stay where it is stays in its rack if it can: the shortest move."""
        present = self._sticky.get(node.name)
        if present is not None:
            self._try_rack(part, node, present.rack)

    def _try_rack(self, part: PlacementPart, node: Node, rack: str, *, is_arranged: bool = False) -> None:
        state = self._floor.state(rack)
        if state is None or not self._is_allowed(part, node, state):
            return
        if part.spread.is_full(rack) or (
            part.spread.tilts(rack) if is_arranged else part.spread.verdict(rack) != "now"
        ):
            return
        position = state.lowest(part.shape)
        if position is not None and state.takes(part.shape, self._key(node)):
            self._seat(part, node, state.rack.id, position)
            part.spread.add(state.rack.id)

    def _is_allowed(self, part: PlacementPart, node: Node, state: RackState) -> bool:
        """Whether a node may be in a rack: in its site and rooms, open or already standing there, among its like."""
        stands = (node.name, state.rack.id) in self._stands
        is_open = state.rack.takes_nodes_of(self._party) or stands
        if not is_open or not self._in_scope(part, state.rack):
            return False
        return self._neighbours.stops(part.cluster, part.wanted, state.rack, stands=stands) is None

    def _in_scope(self, part: PlacementPart, rack: Rack) -> bool:
        site, room, _ = rack.id.split("/", 2)
        cluster = part.wanted.cluster
        return site == cluster.site and (not cluster.rooms or room in cluster.rooms)

    def waiting(self) -> tuple[list[Waiting], list[RackState]]:
        """What waits for a place, and the racks for it in the order in which they are to be filled."""
        found, usable = list[Waiting](), dict[str, RackState]()
        for part in self.parts:
            if part.waiting:
                mine = {state.rack.id: state for state in self._usable(part)}
                usable |= mine
                one = Waiting(
                    cluster=part.cluster,
                    shape=part.shape,
                    count=len(part.waiting),
                    racks=frozenset(mine),
                    spread=part.spread,
                    apart=self._neighbours.kept_apart(part.cluster),
                    far=self._neighbours.far_from(part.cluster),
                    never_beside=self._neighbours.never_beside(part.cluster),
                )
                found.append(one)
        return found, sorted(usable.values(), key=self._turn)

    def _usable(self, part: PlacementPart) -> Iterator[RackState]:
        """The racks that nodes of a part may be in, as far as the racks and who stands there go."""
        for state in self._floor.states(partial(self._in_scope, part)):
            is_open = state.rack.takes_nodes_of(self._party)
            if is_open and self._neighbours.stops(part.cluster, part.wanted, state.rack) is None:
                yield state

    def _turn(self, state: RackState) -> tuple[object, ...]:
        """What is reserved for the stack first, then rooms in use, then one idle room after the other."""
        is_used = self._floor.is_in_use(state.rack.room)
        room = "" if is_used else state.rack.room
        left = state.left_for(None) or 0
        return (state.rack.id not in self._reserved, not is_used, not state.rack.accepts, room, left, state.rack.id)

    def domain(self, rack: str, scope: WideScope) -> str:
        """Id of the domain that a rack is in."""
        return self._neighbours.domain(rack, scope)

    @property
    def may_both(self) -> MayBoth:
        """Whether two clusters may have nodes in two racks."""
        return self._neighbours.may_both

    def kept(self) -> dict[str, RackPosition]:
        """The present places that nodes keep although the declaration does not choose them."""
        nodes = (node for part in self.parts for node in part.nodes if node.chosen is None)
        return {
            node.name: self.seats[node.name]
            for node in nodes
            if node.name in self._sticky and self.seats.get(node.name) == self._sticky[node.name]
        }

    def opened(self) -> int:
        """How many racks that nobody used got a node."""
        return sum(1 for rack in {seat.rack for seat in self.seats.values()} if self._floor.is_unused(rack))

    def rank(self) -> tuple[int, int, int]:
        """How good it is, the best one first: nodes without a place, domains missing or too full, racks opened."""
        missing = sum(
            max(0, part.spread.target - len(part.spread.counts)) + part.spread.skew_excess for part in self.parts
        )
        return (len(self.unplaced), missing, self.opened())

    def add_to_reasons(self, text: str) -> None:
        """Say of each node that found no rack how far the search went."""
        self.unplaced |= {name: f"{self.unplaced[name]}; {text}" for name in self.searched}

    def _key(self, node: Node) -> Key:
        return (self._party, self._stack, node.name)

    def _seat_alike(self, part: PlacementPart, first: int, state: RackState, position: int, *, alone: bool) -> int:
        """Seat a node in the best rack, and with it those that this rack will be the best one for too: how many.

        A rack with less left is better still, so it takes the next nodes as long as it has room and its domain may.

        Args:
            part: whose nodes.
            first: number of the node among those that wait.
            state: the rack.
            position: its lowest free one.
            alone: whether another rack may come back that is better.
        """
        rack, face, names = state.rack.id, part.shape.face, [part.waiting[first].name]
        if not alone:
            most = min(part.spread.room_in(rack), state.rack.u_height)
            names = [node.name for node in part.waiting[first : first + most]]
        keys = [(self._party, self._stack, name) for name in names]
        positions = state.fill(part.shape, keys, position)
        for name, one in zip(names, positions, strict=False):
            self.seats[name] = RackPosition(rack, one, face)
        self._floor.count(part.shape, state, positions)
        self._neighbours.seat(part.cluster, part.wanted.cluster, rack)
        part.spread.add(rack, len(positions))
        return len(positions)

    def _seat(self, part: PlacementPart, node: Node, rack: str, position: int) -> None:
        self.seats[node.name] = RackPosition(rack, position, part.shape.face)
        self._floor.put(part.shape, self._key(node), self.seats[node.name])
        self._neighbours.seat(part.cluster, part.wanted.cluster, rack)

    def _forget_answered(self, part: PlacementPart) -> None:
        answered = len(self.seats) + len(self.unplaced)
        if answered != self._answered:
            self._answered = answered
            part.waiting = [
                node for node in part.waiting if node.name not in self.seats and node.name not in self.unplaced
            ]


def _where(part: PlacementPart) -> str:
    cluster = part.wanted.cluster
    rooms = f" (rooms {', '.join(sorted(cluster.rooms))})" if cluster.rooms else ""
    return f"site {cluster.site}{rooms}"
