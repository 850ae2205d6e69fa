"""What keeps a node from a rack while places are given out: cooling, power, protection, apart, together, exclusive.

Internal to placement. The rules judge the result; here a rack is only passed over when a node must not go there.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, cast

from zonewright.model.cluster import Cluster, Distance, Relation, Scope, WideScope
from zonewright.model.cooling import cools
from zonewright.model.demand import ClusterDemand, Demand
from zonewright.model.rack import Rack
from zonewright.model.world import Bystanders, World
from zonewright.place.homes import WIDTH, HomePart, best_home, bound_to
from zonewright.place.rack_state import Floor, NodeShape, RackState
from zonewright.place.stops import Stop
from zonewright.rules.distances import keeps
from zonewright.rules.spread import domain_of
from zonewright.rules.supply import lost_with

_SCOPES: tuple[Scope, ...] = ("rack", "row", "room")


class Neighbours:
    """What stands where, as far as it keeps others away.

    Args:
        world: racks with everybody else's occupants.
        demand: what the stack wants.
        floor: state of each rack.
        present: racks of the present places of each cluster's nodes.
    """

    def __init__(self, world: World, demand: Demand, floor: Floor, present: Mapping[str, Sequence[str]]) -> None:
        self._demand, self._floor, self._present = demand, floor, present
        self._at = world.racks
        self._far = _distances(demand)
        self._apart = _related(demand, lambda cluster: cluster.apart_from)
        self._beside = _related(demand, lambda cluster: cluster.together_with)
        self._sites = world.zone.sites if world.zone is not None else {}
        limit = world.zone.zone.limit("separated-protection-level") if world.zone is not None else None
        self._separated = int(limit.value) if limit is not None else None
        self._sides: dict[str, set[bool]] = defaultdict(set)
        self._holders: dict[str, set[str]] = defaultdict(set)
        self._parties: dict[str, set[str]] = defaultdict(set)
        self._racks: dict[str, list[str]] = defaultdict(list)
        self._homes: dict[tuple[frozenset[str], WideScope], str] = {}
        wishes = {wanted.cluster.exclusive for wanted in demand.clusters.values()}
        asked = [scope for scope in _SCOPES if scope in wishes]
        if self._separated is not None:
            for rack_id, sides in _sides_of(world.bystanders, self._separated).items():
                self._sides[rack_id] |= sides
        looked_at = world.everybody if asked else world.occupants
        for item in (*looked_at, *world.bystanders.exclusive):  # who is looked at twice makes no difference
            if self._separated is not None:
                self._sides[item.rack].add(item.protection_level >= self._separated)
            if item.exclusive is not None:
                self._holders[domain_of(item.rack, item.exclusive)].add(item.party)
            for scope in asked:
                self._parties[domain_of(item.rack, scope)].add(item.party)

    def seat(self, cluster_id: str, cluster: Cluster, rack_id: str) -> None:
        """A node of the demand has got a place."""
        if self._separated is not None:
            self._sides[rack_id].add(cluster.protection_level >= self._separated)
        self._racks[cluster_id].append(rack_id)

    def kept_apart(self, cluster_id: str) -> Mapping[str, WideScope]:
        """The other clusters of the demand that a cluster must not share a domain with, and the widest such domain."""
        wanted = self._demand.clusters[cluster_id].cluster
        found: dict[str, WideScope] = {}
        if self._separated is not None:
            for other, one in self._demand.clusters.items():
                levels = (wanted.protection_level, one.cluster.protection_level)
                if len({level >= self._separated for level in levels}) > 1:
                    found[other] = "rack"
        for other, scope, _ in self._apart.get(cluster_id, ()):
            found[other] = max(scope, found.get(other, scope), key=WIDTH.__getitem__)
        return found

    def far_from(self, cluster_id: str) -> frozenset[str]:
        """The other clusters of the demand that a cluster keeps a distance from or to, whichever of the two says so."""
        return frozenset(other for other, _ in self._far.get(cluster_id, ()))

    def never_beside(self, cluster_id: str) -> frozenset[str]:
        """The other clusters of the demand that a cluster must not be in one rack with."""
        by_distance = (other for other, one in self._far.get(cluster_id, ()) if one.at_least_m or one.shares_no)
        return frozenset((*self.kept_apart(cluster_id), *by_distance))

    def may_both(self, one: str, rack_id: str, other: str, other_rack_id: str) -> bool:
        """Whether two clusters may have nodes in these racks, as far as apart and distances go.

        Args:
            one: a cluster.
            rack_id: the rack of a node of it.
            other: another cluster.
            other_rack_id: the rack of a node of that.
        """
        for name, scope, _ in self._apart.get(one, ()):
            if name == other and self.domain(rack_id, scope) == self.domain(other_rack_id, scope):
                return False
        racks = self._at.get(rack_id), self._at.get(other_rack_id)
        return all(
            racks[0] is not None and racks[1] is not None and keeps(racks[0], racks[1], asked, self._sites)
            for name, asked in self._far.get(one, ())
            if name == other
        )

    def stops(self, cluster_id: str, wanted: ClusterDemand, rack: Rack, *, stands: bool = False) -> Stop | None:
        """Why a node of a cluster must not be in a rack, or None.

        Args:
            cluster_id: its cluster.
            wanted: the cluster.
            rack: the rack.
            stands: whether it stands there already: a feed that fails under it does not move it.
        """
        return self._by_others(wanted, rack, stands=stands) or self._by_relation(cluster_id, rack)

    def is_free(self, cluster_id: str) -> bool:
        """Whether no relation to a cluster stops its nodes: then where they stand themselves makes no difference."""
        return not any(cluster_id in relations for relations in (self._apart, self._beside, self._far))

    def _by_others(self, wanted: ClusterDemand, rack: Rack, *, stands: bool = False) -> Stop | None:
        """What of others, of the room or of its power keeps a node of a cluster away from a rack."""
        cluster = wanted.cluster
        if not cools(rack.cooling, wanted.node_type.cooling):
            return Stop("cooling", f"cooling: its room is {rack.cooling}-cooled")
        if self._separated is not None and self._sides.get(rack.id, set()) - {
            cluster.protection_level >= self._separated
        }:
            return Stop("protection level", "protection level: nodes in this rack are on the other side of the limit")
        for scope in _SCOPES if self._holders else ():
            if self._holders.get(domain_of(rack.id, scope), set()) - {self._demand.party}:
                return Stop("exclusive", f"exclusive: its {scope} is reserved for another party")
        if cluster.exclusive is not None:
            domain = domain_of(rack.id, cluster.exclusive)
            if self._parties.get(domain, set()) - {self._demand.party}:
                return Stop("exclusive", f"exclusive: another party is in its {cluster.exclusive}")
        if cluster.power == "dual" and not stands:
            losses = lost_with(NodeShape.of(wanted).draw, rack)
            if losses:
                return Stop("dual power", f"dual power: the node would go down with {losses[0]}")
        return None

    def _by_relation(self, cluster_id: str, rack: Rack) -> Stop | None:
        found = self._by_seated(cluster_id, rack)
        if found is not None:
            return found
        for other, scope, who_asks in self._beside.get(cluster_id, ()):
            home = self._home(who_asks, scope)
            if home is not None and self.domain(rack.id, scope) != home:
                return Stop("together", f"together: {other} belongs to another {scope}")
        return None

    def _by_seated(self, cluster_id: str, rack: Rack) -> Stop | None:
        """What of the demand's nodes that have a place keeps a node of a cluster away from a rack."""
        for other, scope, _ in self._apart.get(cluster_id, ()):
            if self.domain(rack.id, scope) in {self.domain(one, scope) for one in self._racks[other]}:
                return Stop("apart", f"apart: {other} is in its {scope}")
        for other, distance in self._far.get(cluster_id, ()):
            racks = (self._at[one] for one in self._racks[other] if one in self._at)
            if not all(keeps(rack, one, distance, self._sites) for one in racks):
                return Stop("distance", f"distance: {other} is too near or too far, or shares what it must not")
        return None

    def _before_home(self, rack: Rack, *, cluster_id: str, wanted: ClusterDemand) -> Stop | None:
        """What keeps a node away from a rack, whichever the domain is that its cluster shares with others."""
        return self._by_others(wanted, rack) or self._by_seated(cluster_id, rack)

    def _home(self, cluster_id: str, scope: WideScope) -> str | None:
        """The domain that clusters share: where one of them was seated, else the best one that takes all of them."""
        members = bound_to(cluster_id, scope, self._demand)
        key = (members, scope)
        if key not in self._homes:
            standing = [rack for member in sorted(members) for rack in self._racks[member]]
            home = self.domain(standing[0], scope) if standing else self._best_home(members, scope)
            if home is None:
                return None
            self._homes[key] = home
        return self._homes[key]

    def _best_home(self, members: frozenset[str], scope: WideScope) -> str | None:
        wanted = {name: self._demand.clusters[name] for name in sorted(members) if name in self._demand.clusters}
        parts = [
            HomePart.of(
                name,
                one,
                partial(self._before_home, cluster_id=name, wanted=one),
                kept_from=frozenset(self.kept_apart(name)) | self.far_from(name),
            )
            for name, one in wanted.items()
        ]
        space: dict[str, list[RackState]] = defaultdict(list)
        is_open = partial(_takes_any, party=self._demand.party, parts=parts)
        for state in self._floor.states(is_open):
            space[self.domain(state.rack.id, scope)].append(state)
        here = Counter(self.domain(rack, scope) for name in wanted for rack in self._present.get(name, ()))
        return best_home(space, parts, here, self.may_both)

    def domain(self, rack_id: str, scope: WideScope) -> str:
        """Id of the domain that a rack is in."""
        site_id = rack_id.partition("/")[0]
        if scope == "district":
            return self._sites[site_id].site.district if site_id in self._sites else site_id
        return site_id if scope == "site" else domain_of(rack_id, scope)


class _Relation(NamedTuple):
    """How a cluster is bound to another one.

    Attributes:
        other: the other cluster.
        scope: of the domain that they share, or must not share.
        who_asks: which of the two declares it.
    """

    other: str
    scope: WideScope
    who_asks: str


def _related(
    demand: Demand, relations_of: Callable[[Cluster], Iterable[Relation]]
) -> Mapping[str, Sequence[_Relation]]:
    """What each cluster is bound to: first by what it asks for, then by what others ask of it."""
    found: dict[str, list[_Relation]] = defaultdict(list)
    for name, wanted in demand.clusters.items():
        for asked in relations_of(wanted.cluster):
            found[name].append(_Relation(asked.cluster, asked.scope, name))
    for name, wanted in demand.clusters.items():
        for asked in relations_of(wanted.cluster):
            found[asked.cluster].append(_Relation(name, asked.scope, name))
    return found


def _sides_of(bystanders: Bystanders, separated: int) -> Mapping[str, frozenset[bool]]:
    """By rack, on which sides of a protection level bystanders are; worked out once for them."""
    known = cast("dict[int, Mapping[str, frozenset[bool]]]", bystanders.memo.setdefault("sides", {}))
    if separated not in known:
        known[separated] = {
            rack_id: frozenset(item.protection_level >= separated for item in items)
            for rack_id, items in bystanders.by_rack.items()
        }
    return known[separated]


def _distances(demand: Demand) -> Mapping[str, Sequence[tuple[str, Distance]]]:
    """The other clusters that each one must keep a distance from or to, whichever of the two says so."""
    found: dict[str, list[tuple[str, Distance]]] = defaultdict(list)
    for name, wanted in demand.clusters.items():
        for asked in wanted.cluster.distances:
            found[name].append((asked.cluster, asked))
            found[asked.cluster].append((name, asked))
    return found


def _takes_any(rack: Rack, *, party: str, parts: Iterable[HomePart]) -> bool:
    return rack.takes_nodes_of(party) and any(part.may_use(rack) for part in parts)
