"""What a thing is related to, as templates of NetBox have it: a node with its site, place, type and neighbours."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from zonewright.model import NodeType, Site
from zonewright.model.node_ports import BmcSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeSite:
    """The site that nodes are at.

    Attributes:
        name: its id.
        title: name for people.
        kind: data-centre or edge.
        district: id of its district.
        time_zone: name in the IANA time zone database.
    """

    name: str
    title: str
    kind: str
    district: str
    time_zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlace:
    """Where a node stands: room, row, number of the rack, and the lowest and highest rack unit."""

    room: str
    row: str
    rack: str
    position: int
    top: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeModel:
    """The type of a node; all empty or 0 where it is not known."""

    manufacturer: str
    model: str
    u_height: int
    power_supplies: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Another node of the same stack, in the same rack."""

    name: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupNode:
    """One node of a party at a site; ``rack`` is ``room/row/rack``."""

    name: str
    rack: str
    position: int


def home_site(name: str, site: Site) -> HomeSite:
    """The site that nodes are at.

    Args:
        name: its id.
        site: its declaration.
    """
    return HomeSite(name=name, title=site.title, kind=site.kind, district=site.district, time_zone=site.time_zone)


def node_place(rack: str, position: int, node_type: NodeType | None) -> NodePlace:
    """Where a node stands.

    Args:
        rack: the rack, ``site/room/row/rack``.
        position: its lowest rack unit.
        node_type: its type, where it is known.
    """
    room, row, number = (*rack.split("/"), "", "", "")[1:4]
    height = node_type.u_height if node_type is not None else 1
    return NodePlace(room=room, row=row, rack=number, position=position, top=position + height - 1)


def node_model(node_type: NodeType | None) -> NodeModel:
    """The type of a node as templates see it."""
    if node_type is None:
        return NodeModel(manufacturer="", model="", u_height=0, power_supplies=0)
    return NodeModel(
        manufacturer=node_type.manufacturer,
        model=node_type.model,
        u_height=node_type.u_height,
        power_supplies=node_type.power_supplies,
    )


def by_rack(places: Iterable[tuple[str, str, int]]) -> Mapping[str, tuple[Neighbour, ...]]:
    """The nodes of a stack in each rack, from the bottom up.

    Args:
        places: name, rack and lowest rack unit of each node.
    """
    found: dict[str, list[Neighbour]] = defaultdict(list)
    for name, rack, position in places:
        found[rack].append(Neighbour(name=name, position=position))
    return {rack: tuple(sorted(held, key=lambda one: (one.position, one.name))) for rack, held in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class BmcOfNode:
    """The BMC of a node.

    Attributes:
        key: name of the node.
        party: whose it is.
        system: id of the computer system in the service.
        manager: id of the BMC itself.
        chassis: id of the chassis.
        room: room of the node's rack.
        row: its row.
        rack: number of its rack.
        position: lowest rack unit.
        power_restore: what it does when the power is back, in Redfish's words.
        limit_w: the most that it may draw, in watts; 0 where nothing holds it.
        has_ipmi: whether IPMI over the network stays on.
        time_servers: where it takes the time from.
    """

    key: str
    party: str
    system: str
    manager: str
    chassis: str
    room: str
    row: str
    rack: str
    position: int
    power_restore: str
    limit_w: int
    has_ipmi: bool
    time_servers: tuple[str, ...]


def bmc_of_node(
    settings: BmcSettings,
    *,
    name: str,
    party: str,
    rack: str,
    position: int,
    allocated_w: int,
    time_servers: tuple[str, ...],
) -> BmcOfNode:
    """What templates see of the BMC of a node.

    Args:
        settings: of its type.
        name: host name.
        party: whose it is.
        rack: the rack, ``site/room/row/rack``.
        position: lowest rack unit.
        allocated_w: watts of its claim.
        time_servers: of the node.
    """
    _, room, row, number = rack.split("/")
    return BmcOfNode(
        key=name,
        party=party,
        system=settings.system,
        manager=settings.manager,
        chassis=settings.chassis,
        room=room,
        row=row,
        rack=number,
        position=position,
        power_restore=settings.power_restore,
        limit_w=allocated_w if settings.holds_draw else 0,
        has_ipmi=settings.ipmi,
        time_servers=time_servers,
    )
