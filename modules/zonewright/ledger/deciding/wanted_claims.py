"""What a demand would hold: the data of its claims, as the ledger keeps them."""

from collections.abc import Iterable, Mapping
from typing import Any

from zonewright.ledger.deciding.site_claims import NUMBER, occupant
from zonewright.model import Cluster
from zonewright.model.demand import Demand
from zonewright.model.expand import nodes_of
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import Occupant
from zonewright.place.change import same_place


def claims_of(
    demand: Demand, seats: Mapping[str, RackPosition], addresses: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, Any]]:
    """The data of each claim of a demand, by node name; nodes without a place are left out."""
    claims: dict[str, dict[str, Any]] = {}
    for cluster_id, wanted in demand.clusters.items():
        alike = {
            "cluster": cluster_id,
            "feed": wanted.cluster.feed,
            "node_type_id": wanted.cluster.node_type,
            "node_type": wanted.node_type.model_dump(mode="json", exclude_defaults=True),
            **_optional(wanted.cluster),
        }
        for node in nodes_of(cluster_id, wanted.cluster):
            seat = seats.get(node.name)
            if seat is not None:
                claims[node.name] = {
                    **seat.to_data(),
                    "addresses": dict(addresses.get(node.name, {})),
                    **alike,
                    **({NUMBER: node.number} if node.number in wanted.cluster.names else {}),
                }
    return claims


def claims_to_hold(
    own: Iterable[Occupant],
    demand: Demand,
    seats: Mapping[str, RackPosition],
    addresses: Mapping[str, Mapping[str, str]],
) -> dict[str, dict[str, Any]]:
    """The data of those claims of a demand that the stack does not have yet with these units, power and weight."""
    held = {item.name: item for item in own}

    def is_there(name: str, data: Mapping[str, Any]) -> bool:
        known = held.get(name)
        if known is None:
            return False
        return same_place(known, occupant(data, party=known.party, stack=known.stack, name=name, standing="wanted"))

    return {name: data for name, data in claims_of(demand, seats, addresses).items() if not is_there(name, data)}


def _optional(cluster: Cluster) -> dict[str, Any]:
    """What keeps others away from a node, and since when it runs, where anything does or it ran before."""
    data: dict[str, Any] = {}
    if cluster.in_service is not None:
        data["in_service"] = cluster.in_service
    if cluster.exclusive is not None:
        data["exclusive"] = cluster.exclusive
    if cluster.protection_level > 1:
        data["protection_level"] = cluster.protection_level
    return data
