"""What a thing is related to, as templates of NetBox have it: a node with its site, place, type and neighbours."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from zonewright.model import NodeType, Site


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
