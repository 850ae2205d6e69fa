"""The domain for clusters that belong together: the best one that takes all of them at once. Internal to placement."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from zonewright.model.cluster import WideScope
from zonewright.model.demand import ClusterDemand, Demand
from zonewright.model.expand import node_numbers, nodes_of
from zonewright.model.rack import Rack
from zonewright.place.rack_state import NodeShape, RackState
from zonewright.place.spread_count import SpreadCount
from zonewright.place.stops import MayBoth, StopsRack

WIDTH: Mapping[WideScope, int] = {"rack": 0, "row": 1, "room": 2, "site": 3, "district": 4}
"""Domains from the narrowest to the widest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePart:
    """One of the clusters that look for a home.

    Attributes:
        cluster: its id.
        wanted: what its nodes need.
        shape: of each of them.
        count: how many.
        names: what they are called.
        stops: what keeps them away from a rack, but for the clusters that they belong to.
        kept_from: the clusters that they must be apart from, or keep a distance from or to.
    """

    cluster: str
    wanted: ClusterDemand
    shape: NodeShape
    count: int
    names: frozenset[str]
    stops: StopsRack
    kept_from: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, cluster: str, wanted: ClusterDemand, stops: StopsRack, kept_from: frozenset[str] = frozenset()
    ) -> "HomePart":
        """The part of a cluster."""
        return cls(
            cluster=cluster,
            wanted=wanted,
            shape=NodeShape.of(wanted),
            count=len(node_numbers(wanted.cluster)),
            names=frozenset(node.name for node in nodes_of(cluster, wanted.cluster)),
            stops=stops,
            kept_from=kept_from,
        )

    def may_use(self, rack: Rack) -> bool:
        """Whether its nodes may stand in a rack, as far as the rack's site and room and who stands there go."""
        cluster, room = self.wanted.cluster, rack.room.partition("/")[2]
        is_inside = rack.site == cluster.site and (not cluster.rooms or room in cluster.rooms)
        return is_inside and self.stops(rack) is None


def bound_to(cluster_id: str, scope: WideScope, demand: Demand) -> frozenset[str]:
    """The clusters that share one domain with a cluster: those it must be with, and those that these must be with.

    Args:
        cluster_id: one of them.
        scope: of the domain; who must share a smaller one shares this one as well.
        demand: what the stack wants.
    """
    found, waiting = {cluster_id}, [cluster_id]
    while waiting:
        more = set(_beside(waiting.pop(), scope, demand)) - found
        found |= more
        waiting += sorted(more)
    return frozenset(found)


def _beside(cluster_id: str, scope: WideScope, demand: Demand) -> Iterator[str]:
    for one, wanted in demand.clusters.items():
        for relation in wanted.cluster.together_with:
            if WIDTH[relation.scope] <= WIDTH[scope]:
                if one == cluster_id:
                    yield relation.cluster
                elif relation.cluster == cluster_id:
                    yield one


def best_home(
    space: Mapping[str, Sequence[RackState]], parts: Sequence[HomePart], here: Mapping[str, int], may_both: MayBoth
) -> str | None:
    """Of the domains that take all of the clusters the one where most of them are now, then the tightest.

    Where there is none it is the one that lacks the least, so that a refusal tells of it.

    Args:
        space: racks by domain, as they are now.
        parts: the clusters.
        here: how many of their nodes are in each domain at present.
        may_both: whether two of them may have nodes in two racks.
    """
    spare = {domain: min(_alone(part, states) - part.count for part in parts) for domain, states in space.items()}
    likely = sorted(
        (domain for domain in spare if spare[domain] >= 0), key=lambda one: (-here.get(one, 0), spare[one], one)
    )
    home = next((domain for domain in likely if takes_all(space[domain], parts, may_both)), None)
    if home is None and spare:
        home = max(sorted(spare), key=spare.__getitem__)
    return home


def _alone(part: HomePart, states: Iterable[RackState]) -> int:
    """How many nodes of a cluster some racks take by themselves, each rack by its scarcest resource."""
    return sum(state.room_for(part.shape, part.names) for state in states if part.may_use(state.rack))


def takes_all(states: Iterable[RackState], parts: Sequence[HomePart], may_both: MayBoth) -> bool:
    """Whether some racks take all nodes of several clusters at once, largest first, as placement would seat them."""
    names = frozenset(name for part in parts for name in part.names)
    free = [state.without(names) for state in states]
    order = sorted(parts, key=lambda part: (-part.shape.u_height, -part.shape.draw.allocated_w, part.cluster))
    used: dict[str, list[str]] = {}

    def may_use(part: HomePart, state: RackState) -> bool:
        there = ((other, rack) for other in part.kept_from for rack in used.get(other, ()))
        return part.may_use(state.rack) and all(may_both(part.cluster, state.rack.id, *one) for one in there)

    for part in order:
        racks = _seat(part, [state for state in free if may_use(part, state)])
        if racks is None:
            return False
        used[part.cluster] = racks
    return True


def _seat(part: HomePart, states: Sequence[RackState]) -> list[str] | None:
    """Put the nodes of a cluster into racks in thought; their racks, if all have a place, spread as they ask for."""
    spread, left = SpreadCount(part.wanted.cluster.spread, part.count), part.count
    racks: dict[str, None] = {}
    for _ in range(2):  # first one in each domain, until enough are used; then the others
        for state in states:
            while left and spread.verdict(state.rack.id) == "now" and _take(part, state, left):
                spread.add(state.rack.id)
                racks[state.rack.id] = None
                left -= 1
    return None if left or spread.missing else list(racks)


def _take(part: HomePart, state: RackState, number: int) -> bool:
    position, key = state.lowest(part.shape), ("", part.cluster, str(number))
    if position is None or not state.takes(part.shape, key):
        return False
    state.add(part.shape, key, position)
    return True
