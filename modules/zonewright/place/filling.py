"""A zone that is filled with one demand after the other; for each only what is at its own sites is looked at."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

from zonewright.model.demand import Demand
from zonewright.model.expand import draw_of, nodes_of
from zonewright.model.rack import Rack
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import ClusterFacts, Occupant, World
from zonewright.place.change import change_world, occupant_of


class FillingZone:
    """What stands where, by site, while demands get their places.

    Args:
        world: the zone before any of them has one.
        demands: in the order in which they are placed.
    """

    def __init__(self, world: World, demands: Sequence[Demand]) -> None:
        self._world, self._demands = world, demands
        self._racks: dict[str, dict[str, Rack]] = defaultdict(dict)
        for name, rack in world.racks.items():
            self._racks[rack.site][name] = rack
        self._there = _by_site(world.occupants)
        self._chosen = [_by_site(_chosen(demand)) for demand in demands]
        self._new: list[Occupant] = []
        self._clusters: list[ClusterFacts] = []

    def around(self, number: int) -> World:
        """The sites of a demand, with what has a place and what the demands after it choose in full.

        Args:
            number: of the demand, from 0.
        """
        sites = sorted({wanted.cluster.site for wanted in self._demands[number].clusters.values()})
        parts = (self._there, *self._chosen[number + 1 :])
        return replace(
            self._world,
            racks={name: rack for site in sites for name, rack in self._racks.get(site, {}).items()},
            occupants=tuple(item for site in sites for part in parts for item in part.get(site, ())),
            clusters=(),
        )

    def put(self, demand: Demand, seats: Mapping[str, RackPosition]) -> None:
        """Put the nodes of a demand at their places."""
        new = change_world(replace(self._world, occupants=(), clusters=()), demand, seats, stack="")
        self._new += new.occupants
        self._clusters += new.clusters
        for rack, items in groupby(new.occupants, key=attrgetter("rack")):
            self._there[rack.partition("/")[0]] += items

    def whole(self) -> World:
        """The zone with all that has a place."""
        world = self._world
        return replace(
            world,
            occupants=(*world.occupants, *self._new),
            clusters=(*world.clusters, *self._clusters),
        )


def at_own_sites(world: World, demand: Demand) -> World:
    """The racks of the sites of a demand, and what stands in them: all that a placement of it looks at.

    Args:
        world: all sites.
        demand: what is to be placed.
    """
    sites = {wanted.cluster.site for wanted in demand.clusters.values()}
    racks = {name: rack for name, rack in world.racks.items() if rack.site in sites}
    return replace(world, racks=racks, occupants=tuple(item for item in world.occupants if _site_of(item) in sites))


def _site_of(item: Occupant) -> str:
    return item.rack.partition("/")[0]


def _by_site(items: Iterable[Occupant]) -> dict[str, list[Occupant]]:
    found: dict[str, list[Occupant]] = defaultdict(list)
    for item in items:
        found[_site_of(item)].append(item)
    return found


def _chosen(demand: Demand) -> Iterator[Occupant]:
    """The nodes whose place the declaration names in full; they stand there whatever is placed around them."""
    for cluster_id, wanted in demand.clusters.items():
        for node in nodes_of(cluster_id, wanted.cluster) if wanted.cluster.places else ():
            if node.chosen is not None and node.chosen.position is not None:
                seat = RackPosition(rack=node.chosen.rack, position=node.chosen.position, face=wanted.cluster.face)
                draw = draw_of(wanted.node_type, wanted.cluster)
                yield occupant_of(node, wanted, seat, draw, party=demand.party, stack="")
