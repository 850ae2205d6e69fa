"""Who goes down while something is out of service, who stays up on what, and what then carries too much."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pydantic import ConfigDict

from zonewright.model.power import Supply, Wiring
from zonewright.model.rack import Rack
from zonewright.model.world import ClusterFacts, Occupant, World, ZoneFacts
from zonewright.rules.chains import carried, loads_of
from zonewright.rules.disjoint import LinkNetwork
from zonewright.rules.loads import EVEN, sums_of
from zonewright.rules.lost import Lost, world_without

_FORBID = ConfigDict(extra="forbid")
_KILO = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedNode:
    """A node, or equipment that stands in a rack already, that loses a feed.

    Attributes:
        party: whose it is.
        name: its name.
        rack: its rack.
        position: its lowest rack unit.
        feeds: feeds that still supply it, with a blank between; empty where it goes down.
        why: why it goes down though a feed supplies it; empty where nothing is to be said.
    """

    __pydantic_config__ = _FORBID

    party: str
    name: str
    rack: str
    position: int
    feeds: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverloadedFeed:
    """A feed of a rack, or an element of a supply, that carries more than it may while something is out.

    Attributes:
        what: its name for people.
        place: the rack or the site.
        owner: the facility operator.
        value_w: watts that it carries.
        limit_w: watts that it may carry.
    """

    __pydantic_config__ = _FORBID

    what: str
    place: str
    owner: str
    value_w: int
    limit_w: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedConnection:
    """A connection of a cluster whose fastest path is gone.

    Attributes:
        party: whose cluster it is.
        cluster: id of the cluster.
        name: name of the connection.
        to: the site at its other end.
        path: links of the path that is left; empty where there is none.
        delay_us: its delay.
        limit_us: the most that it may have.
    """

    __pydantic_config__ = _FORBID

    party: str
    cluster: str
    name: str
    to: str
    path: str = ""
    delay_us: int = 0
    limit_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageReport:
    """What an outage does.

    Attributes:
        lost: what is out.
        down: who goes down.
        stays: who loses a feed and stays up.
        overloaded: what carries too much then, so that it may go down as well.
        links: links that are down.
        connections: connections that take another path, or have none.
        hidden: by word, how many of others the reader may not see.
    """

    __pydantic_config__ = _FORBID

    lost: tuple[str, ...]
    down: tuple[AffectedNode, ...] = ()
    stays: tuple[AffectedNode, ...] = ()
    overloaded: tuple[OverloadedFeed, ...] = ()
    links: tuple[str, ...] = ()
    connections: tuple[AffectedConnection, ...] = ()
    hidden: tuple[tuple[str, int], ...] = ()


def outage_of(world: World, lost: Lost) -> OutageReport:
    """What goes down while something is out.

    Args:
        world: the facts, with the zone as a whole.
        lost: what is out.
    """
    after = world_without(world, lost)
    in_rack: dict[str, list[Occupant]] = defaultdict(list)
    for item in world.everybody:
        in_rack[item.rack].append(item)
    affected = [rack for name, rack in sorted(after.racks.items()) if rack != world.racks[name]]
    down: list[AffectedNode] = []
    stays: list[AffectedNode] = []
    for rack in affected:
        before = world.racks[rack.id]
        for item in sorted(in_rack.get(rack.id, ()), key=lambda item: (item.position, item.key)):
            node = _affected(item, before, rack) if item.standing not in {"releasing", "reserved"} else None
            if node is not None:
                (stays if node.feeds and not node.why else down).append(node)
    gone = sorted(world.zone.links.keys() - after.zone.links.keys()) if world.zone and after.zone else []
    return OutageReport(
        lost=lost.labels,
        down=tuple(down),
        stays=tuple(stays),
        overloaded=(*_overloaded(affected, in_rack), *_elements(world, after, lost, in_rack)),
        links=tuple(gone),
        connections=tuple(_connections(world, after)) if gone else (),
    )


def _affected(item: Occupant, before: Rack, after: Rack) -> AffectedNode | None:
    """A node that hangs on what is out; None for one that does not."""
    lost = before.wiring.live - after.wiring.live
    present = before.wiring.present
    if not any(item.draw.cords(feed, present) for feed in lost):
        return None
    feeds = " ".join(sorted(feed for feed in after.wiring.live if item.draw.cords(feed, present)))
    if not _is_fed(item, before.wiring):
        return None  # it is down already
    why = ""
    if feeds and not _is_fed(item, after.wiring):
        fed = sum(item.draw.cords(feed, present) for feed in after.wiring.live)
        why = f"it needs {item.draw.needed} power supplies, and {fed} would be fed"
    return AffectedNode(party=item.party, name=item.name, rack=item.rack, position=item.position, feeds=feeds, why=why)


def _is_fed(item: Occupant, wiring: Wiring) -> bool:
    return sum(item.draw.cords(feed, wiring.present) for feed in wiring.live) >= item.draw.needed


def _overloaded(racks: Iterable[Rack], in_rack: Mapping[str, list[Occupant]]) -> Iterator[OverloadedFeed]:
    """Feeds that are left and carry what hung on both."""
    for rack in racks:
        up = [item for item in in_rack.get(rack.id, ()) if _is_fed(item, rack.wiring)]
        sums = sums_of(up, rack.wiring)
        for feed in sorted(rack.wiring.live):
            value, limit = sums[EVEN[feed]], rack.feeds[feed].available_w
            if value > limit:
                yield OverloadedFeed(what=f"feed {feed}", place=rack.id, owner=rack.owner, value_w=value, limit_w=limit)


def _elements(
    world: World, after: World, lost: Lost, in_rack: Mapping[str, list[Occupant]]
) -> Iterator[OverloadedFeed]:
    """Elements of supplies that are left, where the site says what they may carry."""
    sites = after.zone.sites if after.zone is not None else {}
    touched = {name.partition("/")[0] for name in (*lost.racks, *(rack for rack, _ in lost.feeds))}
    touched |= {site for scope, _ in lost.derated for site in scope.elements}
    for name in sorted({*lost.elements, *touched} & sites.keys()):
        facts = sites[name]
        if not facts.site.has_chain:
            continue
        # What racks draw on each feed is told by the world without the outage: the supply knows what is dead.
        racks = [rack for rack in (world if name in lost.elements else after).racks.values() if rack.site == name]
        supply = Supply(facts.site)
        for element, value in carried(supply, loads_of(racks, in_rack)).items():
            rated = supply.elements[element].carries_kw
            if rated is not None and value > round(rated * _KILO):
                label = supply.label(element)
                yield OverloadedFeed(
                    what=label, place=name, owner=facts.owner, value_w=value, limit_w=round(rated * _KILO)
                )


def _connections(world: World, after: World) -> Iterator[AffectedConnection]:
    if world.zone is None or after.zone is None:
        return
    then, now = _network(world.zone), _network(after.zone)
    clusters: Iterable[ClusterFacts] = (*world.clusters, *world.zone.connected)
    for cluster in sorted(clusters, key=lambda one: (one.party, one.stack, one.name)):
        for name, wanted in sorted(cluster.connections.items()):
            before, left = then.fastest(cluster.site, wanted.to), now.fastest(cluster.site, wanted.to)
            if before != left:
                yield AffectedConnection(
                    party=cluster.party,
                    cluster=cluster.name,
                    name=name,
                    to=wanted.to,
                    path=", ".join(left.links) if left is not None else "",
                    delay_us=left.delay_us if left is not None else 0,
                    limit_us=wanted.max_one_way_us,
                )


def _network(zone: ZoneFacts) -> LinkNetwork:
    return LinkNetwork(zone, only_timed=True)
