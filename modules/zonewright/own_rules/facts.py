"""What the code of a zone's own rules is given: racks, clusters or the zone as plain data. No effects."""

from collections.abc import Iterable, Sequence
from typing import TypedDict

from zonewright.model.own_rule import OwnRuleSubject
from zonewright.model.rack import Rack
from zonewright.model.world import Occupant, ZoneFacts
from zonewright.rules.counted import COUNTED
from zonewright.rules.view import View


class NodeData(TypedDict):
    """A node, or baseline, as a rule sees it."""

    number: int
    party: str
    name: str
    cluster: str
    rack: str
    position: int
    u_height: int
    allocated_w: int
    weight_kg: float
    protection_level: int
    standing: str


class RackData(TypedDict):
    """A rack with all that stands in it."""

    id: str
    owner: str
    site: str
    room: str
    row: str
    u_height: int
    max_weight_kg: int
    cooling: str
    feeds: dict[str, int]
    nodes: list[NodeData]


class ClusterData(TypedDict):
    """A cluster with its nodes."""

    id: str
    party: str
    site: str
    nodes: list[NodeData]


class SiteData(TypedDict):
    """A site with its sums."""

    id: str
    owner: str
    kind: str
    district: str
    design_w: int
    contracted_w: int


class DuctData(TypedDict):
    """A duct."""

    id: str
    owner: str
    status: str
    length_m: int
    bores: int
    bores_in_use: int
    is_shared: bool


class LinkData(TypedDict):
    """A link."""

    id: str
    owner: str
    status: str
    a: str
    b: str
    cores: int
    cores_in_use: int
    cores_of: list[str]
    ducts: list[str]


class RuleFacts(TypedDict, total=False):
    """What the code gets as ``facts``: the parts that its ``of`` names."""

    racks: list[RackData]
    clusters: list[ClusterData]
    sites: list[SiteData]
    ducts: list[DuctData]
    links: list[LinkData]


def facts_of(view: View, of: OwnRuleSubject) -> tuple[RuleFacts, Sequence[Occupant]]:
    """The facts of a rule, and its nodes by their numbers.

    Args:
        view: what is judged.
        of: what the rule judges.
    """
    if of == "zone":
        return (_zone(view.zone) if view.zone is not None else {}), ()
    numbered: list[Occupant] = []

    def nodes(items: Iterable[Occupant]) -> list[NodeData]:
        found = sorted(items, key=lambda item: (item.key, item.rack, item.position))
        numbered.extend(found)
        return [_node(number, item) for number, item in enumerate(found, start=len(numbered) - len(found))]

    if of == "rack":
        return {
            "racks": [
                _rack(view.racks[rack_id], nodes(item for item in group if item.blocks_units))
                for rack_id, group in sorted(view.in_rack.items())
                if rack_id in view.racks
            ]
        }, numbered
    return {
        "clusters": [
            {
                "id": f"{one.party}/{one.name}",
                "party": one.party,
                "site": one.site,
                "nodes": nodes(
                    item
                    for item in view.in_cluster.get((one.party, one.stack, one.name), ())
                    if item.standing in COUNTED
                ),
            }
            for one in sorted(view.clusters, key=lambda one: (one.party, one.stack, one.name))
        ]
    }, numbered


def _node(number: int, item: Occupant) -> NodeData:
    return {
        "number": number,
        "party": item.party,
        "name": item.name,
        "cluster": item.cluster or "",
        "rack": item.rack,
        "position": item.position,
        "u_height": item.u_height,
        "allocated_w": item.draw.allocated_w,
        "weight_kg": item.weight_kg,
        "protection_level": item.protection_level,
        "standing": "baseline" if item.standing == "baseline" else "node",
    }


def _rack(rack: Rack, nodes: list[NodeData]) -> RackData:
    return {
        "id": rack.id,
        "owner": rack.owner,
        "site": rack.site,
        "room": rack.room,
        "row": rack.row,
        "u_height": rack.u_height,
        "max_weight_kg": rack.max_weight_kg,
        "cooling": rack.cooling,
        "feeds": {name: feed.available_w for name, feed in sorted(rack.feeds.items())},
        "nodes": nodes,
    }


def _zone(facts: ZoneFacts) -> RuleFacts:
    rooms = {site: [one for name, one in facts.rooms.items() if name.partition("/")[0] == site] for site in facts.sites}
    return {
        "sites": [
            {
                "id": name,
                "owner": held.owner,
                "kind": held.site.kind,
                "district": held.site.district,
                "design_w": sum(room.design_w for room in rooms[name]),
                "contracted_w": sum(room.contracted_w for room in rooms[name]),
            }
            for name, held in sorted(facts.sites.items())
        ],
        "ducts": [
            {
                "id": name,
                "owner": held.owner,
                "status": held.duct.status,
                "length_m": held.duct.length_m,
                "bores": held.duct.bores,
                "bores_in_use": held.duct.bores_in_use,
                "is_shared": held.duct.is_shared,
            }
            for name, held in sorted(facts.ducts.items())
        ],
        "links": [
            {
                "id": name,
                "owner": held.owner,
                "status": held.link.status,
                "a": held.link.a,
                "b": held.link.b,
                "cores": held.link.cores,
                "cores_in_use": held.link.cores_in_use,
                "cores_of": list(held.link.cores_of),
                "ducts": list(held.link.ducts),
            }
            for name, held in sorted(facts.links.items())
        ],
    }
