"""Where a node that a fix moves may stand: a place that the rules accept, and that no other fix of the run names.

It looks at the racks of the node's site, its own first, and gives up after a bounded number of them. No place is told
where none was found: that is no proof that there is none.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from zonewright.model.cluster import Distance, Relation
from zonewright.model.cooling import cools
from zonewright.model.rack import Rack
from zonewright.model.world import ClusterFacts, Occupant, World
from zonewright.rules.alone import alone_in, is_of_another
from zonewright.rules.counted import COUNTED
from zonewright.rules.distances import keeps
from zonewright.rules.finding import NOTHING_MORE, THERE
from zonewright.rules.free_space import FreeSpace
from zonewright.rules.loads import Key
from zonewright.rules.n_minus import worst_loss
from zonewright.rules.neighbours import wide_domain
from zonewright.rules.offered import Remaining
from zonewright.rules.spread import domain_of, skew_of
from zonewright.rules.supply import lost_with
from zonewright.rules.view import View
from zonewright.rules.words import listed

_MOST_NODES, _MOST_RACKS = 100, 400


class Elsewhere:
    """Places for the nodes that the fixes of one run move.

    Args:
        view: the world; it is looked at when a place is first asked for.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._given: dict[Key, Occupant | None] = {}
        self._asked: list[Occupant] = []
        self._in_rack: dict[str, list[Occupant]] | None = None
        self._in_cluster: dict[Key, list[Occupant]] = defaultdict(list)

    def fix(self, text: str, nodes: Sequence[Occupant]) -> str:
        """A fix that moves some nodes, with where they find room, as far as that was found.

        Args:
            text: the fix as its rule has it.
            nodes: those that it moves.
        """
        pairs = [(item, place) for item in nodes if (place := self._place_of(item)) is not None]
        if not pairs:
            return text
        moving = [place for item, place in pairs if _moves(item, place)]
        if not moving and len(pairs) == len(nodes):
            who = listed([item.name for item, _ in pairs])
            return f"{NOTHING_MORE}once {self._others_of(pairs)} elsewhere, as another fix says, {who} may stay"
        if len(nodes) == 1:
            return f"{text}{THERE}position {moving[0].position} of rack {moving[0].rack}"
        there = [f"position {one.position} of rack {one.rack} for {one.name}" for one in moving]
        return text + THERE + listed(there) if there else text

    def _others_of(self, pairs: Sequence[tuple[Occupant, Occupant]]) -> str:
        """Who leaves the racks of some nodes for other places; what another party has is not named."""
        racks, parties = {item.rack for item, _ in pairs}, {item.party for item, _ in pairs}
        leaving = [
            item for item in self._asked if item.rack in racks and _moves(item, self._given.get(item.key) or item)
        ]
        names = sorted(item.name for item in leaving if item.party in parties)
        if not names or len(names) < len(leaving):
            return "what others have there stands"
        return f"{listed(names)} {'stands' if len(names) == 1 else 'stand'}"

    def _place_of(self, item: Occupant) -> Occupant | None:
        """The node at a place that takes it; the same one whatever fix asks, and no two nodes at one."""
        if item.key not in self._given:
            if len(self._given) >= _MOST_NODES or not item.path or item.standing == "baseline":
                return None
            found = self._found(item)
            self._given[item.key] = found
            self._asked.append(item)
            if found is not None:
                self._take(item, found)
        return self._given[item.key]

    def _found(self, item: Occupant) -> Occupant | None:
        world, cluster = self._world_now(), self._cluster(item)
        alone = alone_in(world)
        for number, rack in enumerate(self._racks(item, cluster)):
            if number >= _MOST_RACKS:
                break
            if is_of_another(rack.id, item.party, alone) or not self._may_stand(item, cluster, rack):
                continue
            offers = Remaining(world, item.party, without=[item.key]) if rack.offers is not None else None
            inside = [one for one in self._inside(rack.id) if not _leaves(one, item)]
            position = FreeSpace(rack, inside, offers, may_mix=self._limit is None).put(item)
            if position is not None:
                return replace(item, rack=rack.id, position=position)
        return None

    def _racks(self, item: Occupant, cluster: ClusterFacts | None) -> Iterator[Rack]:
        """Racks that may be looked at, the nearest to the node first; none in a room that it would open."""
        site = item.rack.partition("/")[0]
        own = domain_of(item.rack, "room")
        rooms = {f"{site}/{room}" for room in cluster.rooms} if cluster is not None and cluster.rooms else None
        near = [
            rack
            for rack in self._view.racks.values()
            if rack.site == site
            and rack.takes_nodes_of(item.party)
            and cools(rack.cooling, item.cooling)
            and (rooms is None or rack.room in rooms)
        ]
        row, in_use = item.rack.rpartition("/")[0], self._rooms_in_use()
        order = sorted(near, key=lambda rack: (rack.id != item.rack, rack.row != row, rack.room != own))
        yield from (rack for rack in order if rack.room == own or rack.room in in_use)

    def _may_stand(self, item: Occupant, cluster: ClusterFacts | None, rack: Rack) -> bool:
        if cluster is not None and cluster.needs_dual_power and lost_with(item.draw, rack):
            return False
        others = [one for one in self._inside(rack.id) if one.key != item.key]
        if item.exclusive is not None:
            domain = domain_of(rack.id, item.exclusive)
            inside = (group for held, group in self._held().items() if domain_of(held, item.exclusive) == domain)
            if any(one.party != item.party for group in inside for one in group):
                return False
        if self._limit is not None:
            side = item.protection_level >= self._limit
            if any((one.protection_level >= self._limit) != side for one in others):
                return False
        return cluster is None or self._among_its_like(item, cluster, rack)

    def _among_its_like(self, item: Occupant, cluster: ClusterFacts, rack: Rack) -> bool:
        """Whether the spread of its cluster, and what that must be with or apart from, hold with the node in a rack."""
        fellows = [one for one in self._nodes(cluster, cluster.name) if one.key != item.key]
        spread = cluster.spread
        if spread is not None:
            domains = [domain_of(one.rack, spread.scope) for one in fellows]
            here = domain_of(rack.id, spread.scope)
            most = spread.most(len(fellows) + 1)
            if most is not None and domains.count(here) >= most:
                return False
            if len({*domains, here}) < min(spread.at_least, len(fellows) + 1):
                return False
            racks = [*(one.rack for one in fellows), rack.id]
            if spread.max_skew is not None and skew_of(racks, spread.scope) > spread.max_skew:
                return False
        if not self._survives(cluster, [*fellows, replace(item, rack=rack.id)]):
            return False
        for relation, is_apart in self._relations(cluster):
            here = wide_domain(rack.id, relation.scope, self._view)
            others = self._nodes(cluster, relation.cluster) + ([] if is_apart else fellows)
            taken = {wide_domain(one.rack, relation.scope, self._view) for one in others}
            if (here in taken) if is_apart else (taken - {here}):
                return False
        return self._keeps_distances(cluster, rack)

    def _keeps_distances(self, cluster: ClusterFacts, rack: Rack) -> bool:
        zone, racks = self._view.zone, self._view.racks
        sites = zone.sites if zone is not None else {}
        return all(
            keeps(rack, racks[item.rack], asked, sites)
            for other, asked in self._distances(cluster)
            for item in self._nodes(cluster, other)
            if item.rack in racks
        )

    def _distances(self, cluster: ClusterFacts) -> Iterator[tuple[str, Distance]]:
        """Clusters that it must keep a distance from or to, also those that say so of it."""
        for one in self._view.clusters:
            if (one.party, one.stack) == (cluster.party, cluster.stack):
                for asked in one.distances:
                    if one.name == cluster.name:
                        yield asked.cluster, asked
                    elif asked.cluster == cluster.name:
                        yield one.name, asked

    def _survives(self, cluster: ClusterFacts, own: Iterable[Occupant]) -> bool:
        asked = cluster.survives
        if asked is None:
            return True
        nodes = [*own, *(one for name in asked.with_clusters for one in self._nodes(cluster, name))]
        _, left = worst_loss((wide_domain(one.rack, asked.scope, self._view) for one in nodes), asked)
        return left >= asked.least(len(nodes))

    def _relations(self, cluster: ClusterFacts) -> Iterator[tuple[Relation, bool]]:
        """Clusters that it must be apart from (True) or with, also those that say so of it."""
        for one in self._view.clusters:
            if (one.party, one.stack) == (cluster.party, cluster.stack):
                for relations, is_apart in ((one.apart_from, True), (one.together_with, False)):
                    for relation in relations:
                        if one.name == cluster.name:
                            yield relation, is_apart
                        elif relation.cluster == cluster.name:
                            yield relation.model_copy(update={"cluster": one.name}), is_apart

    def _cluster(self, item: Occupant) -> ClusterFacts | None:
        key = (item.party, item.stack, item.cluster)
        return next((one for one in self._view.clusters if (one.party, one.stack, one.name) == key), None)

    def _nodes(self, cluster: ClusterFacts, name: str) -> list[Occupant]:
        self._held()
        return [one for one in self._in_cluster[cluster.party, cluster.stack, name] if one.standing in COUNTED]

    @property
    def _limit(self) -> int | None:
        zone = self._view.zone
        limit = zone.zone.limit("separated-protection-level") if zone is not None else None
        return None if limit is None else int(limit.value)

    def _rooms_in_use(self) -> frozenset[str]:
        held = self._held().items()
        return frozenset(domain_of(rack, "room") for rack, group in held if any(one.draw.allocated_w for one in group))

    def _world_now(self) -> World:
        """The world with the nodes that have been given places."""
        given = {key: place for key, place in self._given.items() if place is not None}
        if not given:
            return self._view.world
        staying = (one for one in self._view.world.occupants if one.standing != "wanted" or one.key not in given)
        return replace(self._view.world, occupants=(*staying, *given.values()))

    def _inside(self, rack_id: str) -> Iterable[Occupant]:
        return self._held().get(rack_id, ())

    def _held(self) -> dict[str, list[Occupant]]:
        if self._in_rack is None:
            self._in_rack = defaultdict(list)
            for one in self._view.world.everybody:
                self._put(one)
        return self._in_rack

    def _put(self, item: Occupant) -> None:
        self._held()[item.rack].append(item)
        if item.cluster is not None:
            self._in_cluster[item.party, item.stack, item.cluster].append(item)

    def _take(self, item: Occupant, place: Occupant) -> None:
        """The node goes there in thought; what it draws at its old place counts until it is gone."""
        for group in (self._held()[item.rack], self._in_cluster[item.party, item.stack, item.cluster or ""]):
            group[:] = [one for one in group if not _leaves(one, item)]
        self._put(place)


def _moves(item: Occupant, place: Occupant) -> bool:
    return (item.rack, item.position) != (place.rack, place.position)


def _leaves(one: Occupant, item: Occupant) -> bool:
    return one.key == item.key and one.standing == "wanted"
