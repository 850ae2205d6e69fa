"""Rules about rooms: the right cooling, and none opened while those that are open have space."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from zonewright.model.cluster import Spread
from zonewright.model.cooling import cools
from zonewright.model.rack import Rack
from zonewright.model.world import ClusterFacts, Occupant
from zonewright.rules.alone import alone_in, is_of_another
from zonewright.rules.free_space import FreeSpace
from zonewright.rules.loads import Key
from zonewright.rules.offered import Remaining
from zonewright.rules.rule import Rule
from zonewright.rules.spread import domain_of
from zonewright.rules.supply import lost_with
from zonewright.rules.view import Breach, View, participants_of
from zonewright.rules.words import amount, count_of

MANY = 1_000_000


def room_cooling(view: View) -> Iterator[Breach]:
    """A node stands in a room with the cooling that its type needs."""
    for rack_id, occupants in view.in_rack.items():
        rack = view.racks.get(rack_id)
        if rack is None or all(cools(rack.cooling, needed) for needed in {item.cooling for item in occupants}):
            continue
        for item in occupants:
            if not cools(rack.cooling, item.cooling) and item.standing == "wanted":
                yield Breach(
                    subject=rack_id,
                    where=item.path,
                    message=(
                        f"{item.name} needs {item.cooling} cooling, and room {rack.room} has {rack.cooling} cooling"
                    ),
                    value=1,
                    limit=0,
                    unit="nodes",
                    excess=1,
                    participants=participants_of([item]),
                    fix=f"choose a room with {item.cooling} cooling, or another node type",
                )


ROOM_COOLING = Rule(
    id="room-cooling",
    title="A node stands in a room with the cooling that its type needs.",
    level="mandatory",
    description=(
        "The `cooling` of the node type is what the room has: air, liquid, immersion or hybrid. A hybrid room has air "
        "and liquid, and takes nodes of either or of both. The rule judges new nodes."
    ),
    unit="nodes",
    reference="the maker's specification of the node type",
    function=room_cooling,
)


def fill_before_open(view: View) -> Iterator[Breach]:
    """No room is opened for nodes that all have space in rooms of the same kind that are open already."""
    in_use = view.world.bystanders.rooms_in_use | {
        item.rack.rsplit("/", 2)[0]
        for item in view.world.occupants
        if item.standing != "wanted" and item.draw.allocated_w and item.blocks_units
    }
    in_use |= {rack.rsplit("/", 2)[0] for rack in view.world.reserved}  # was asked when they were reserved
    if not in_use:
        return
    clusters = {(one.party, one.stack, one.name): one for one in view.clusters}
    bound = {key for key, one in clusters.items() if _needs_room(one)} | set(_related(view.clusters))
    alone = alone_in(view.world)
    opening: dict[tuple[str, str], list[Occupant]] = defaultdict(list)
    opened = set[str]()
    for rack_id, occupants in view.in_rack.items():
        room = rack_id.rsplit("/", 2)[0]
        for item in occupants if room not in in_use else ():
            if item.standing == "wanted" and item.draw.allocated_w:
                is_bound = (item.party, item.stack, item.cluster or "") in bound
                opened |= {room} if is_bound else set()
                opening[room, item.party].append(item)
    for (room, party), nodes in sorted(pair for pair in opening.items() if pair[0][0] not in opened):
        first = view.racks.get(nodes[0].rack)
        space = [
            rack
            for rack in view.racks.values()
            if first is not None
            and rack.site == first.site
            and rack.room in in_use
            and rack.cooling == first.cooling
            and rack.takes_nodes_of(party)
            and not is_of_another(rack.id, party, alone)
        ]
        rooms = _rooms_that_take(nodes, space, view, clusters)
        if rooms:
            yield _opened(room, nodes, rooms)


FILL_BEFORE_OPEN = Rule(
    id="fill-before-open",
    title="No room is opened while the open rooms of its kind have space.",
    level="mandatory",
    description=(
        "A room is open when a claim or baseline draws power in it. A change that opens a room is refused if "
        "open rooms of the same site with the same cooling have units, weight and watts for all of its nodes "
        "there. A rack, row or room that is another party's alone is no space, and what takes nodes of dual "
        "power down with one loss is none for them. Clusters that are spread over "
        "rooms, or that must be apart, together or alone, do not count, and a room that such a cluster opens is open. "
        "Value is the number of nodes."
    ),
    unit="nodes",
    reference=(
        "NDRC letter Fa Gai Gao Ji [2022] No. 211: average rack utilisation of at least 65 %; the fixed part of a "
        "room's overhead raises PUE"
    ),
    function=fill_before_open,
    reach="zone",
)


_IN_A_ROOM = frozenset({"rack", "row", "room"})


def _related(clusters: Iterable[ClusterFacts]) -> Iterator[Key]:
    """Clusters that another one of their stack must be with or apart from, in a room or in a part of one."""
    for one in clusters:
        for relation in (*one.apart_from, *one.together_with):
            if relation.scope in _IN_A_ROOM:
                yield one.party, one.stack, relation.cluster
        for asked in one.distances:
            yield one.party, one.stack, asked.cluster


def _needs_room(cluster: ClusterFacts) -> bool:
    """Whether a cluster may have a reason of its own to stand in another room."""
    by_rooms = cluster.spread is not None and cluster.spread.scope == "room"
    by_rooms = by_rooms or (cluster.survives is not None and cluster.survives.scope in _IN_A_ROOM)
    return by_rooms or bool(cluster.apart_from or cluster.together_with or cluster.distances or cluster.exclusive)


def _opened(room: str, nodes: Sequence[Occupant], rooms: Sequence[str]) -> Breach:
    watts = sum(item.draw.allocated_w for item in nodes)
    return Breach(
        subject=room,
        where=next((item.path for item in nodes if item.path), ""),
        message=(
            f"room {room} would be opened for {count_of(len(nodes), 'node')} with {amount(watts, 'W')}, while "
            "open rooms "
            f"of the same kind ({', '.join(rooms)}) have space for all of them"
        ),
        value=len(nodes),
        limit=0,
        unit="nodes",
        excess=len(nodes),
        participants=participants_of(nodes),
        fix=f"place the nodes in {' or '.join(rooms)}, or ask the administrator for a waiver for {room}",
    )


def _rooms_that_take(
    nodes: Sequence[Occupant], space: Sequence[Rack], view: View, clusters: Mapping[Key, ClusterFacts]
) -> list[str]:
    """Open rooms that take all the nodes between them, by first fit of like nodes; empty where they do not."""
    if not space:
        return []
    inside: dict[str, list[Occupant]] = {rack.id: [] for rack in space}
    for item in view.world.everybody:
        if item.rack in inside:
            inside[item.rack].append(item)
    moved = [item.key for item in nodes]
    offers = Remaining(view.world, nodes[0].party, without=moved) if view.world.offered else None
    floor = {rack.id: FreeSpace(rack, inside[rack.id], offers) for rack in space}
    groups: dict[tuple[str, str, str], list[Occupant]] = defaultdict(list)
    for item in nodes:
        groups[item.party, item.stack, item.cluster or ""].append(item)
    used: set[str] = set()
    for key, like in sorted(groups.items(), key=lambda pair: (-pair[1][0].u_height, -pair[1][0].draw.allocated_w)):
        cluster = clusters.get(key)
        moving = {item.key for item in like}
        staying = [item for item in view.in_cluster.get(key, ()) if item.key not in moving and item.blocks_units]
        asked = cluster.spread if cluster is not None else None
        spread = _Spread(asked, [item.rack for item in staying], nodes=len(like) + len(staying))
        left = len(like)
        for rack in space:
            if cluster is not None and cluster.needs_dual_power and lost_with(like[0].draw, rack):
                continue
            taken = floor[rack.id].take(like[0], min(left, spread.allows(rack.id)))
            spread.add(rack.id, taken)
            left -= taken
            used |= {rack.room} if taken else set()
        if left or not spread.is_wide_enough(len(like) + len(staying)):
            return []
    return sorted(used)


class _Spread:
    """How many nodes of a cluster are in which domain, in thought."""

    def __init__(self, spread: Spread | None, staying: Sequence[str], *, nodes: int) -> None:
        self._spread = spread
        self._most = spread.most(nodes) if spread is not None else None
        self._counts: Counter[str] = Counter()
        for rack_id in staying:
            self.add(rack_id, 1)

    def allows(self, rack_id: str) -> int:
        """How many more nodes the domain of a rack may have."""
        if self._spread is None or self._most is None:
            return MANY
        return max(0, self._most - self._counts[domain_of(rack_id, self._spread.scope)])

    def add(self, rack_id: str, count: int) -> None:
        """Count nodes."""
        if self._spread is not None and count:
            self._counts[domain_of(rack_id, self._spread.scope)] += count

    def is_wide_enough(self, nodes: int) -> bool:
        """Whether enough domains are in use, and none has too many more than another."""
        if self._spread is None:
            return True
        counts = self._counts.values()
        skew = max(counts, default=0) - min(counts, default=0)
        is_even = self._spread.max_skew is None or skew <= self._spread.max_skew
        return is_even and len(self._counts) >= min(self._spread.at_least, nodes)
