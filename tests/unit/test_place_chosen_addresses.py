"""Addresses that a declaration chooses: given where a pool can, and refused by name where none can."""

from typing import Any

import pytest

from zonewright.model import Cluster, NodeType, Site
from zonewright.model.demand import ClusterDemand, Demand
from zonewright.place.node_addresses import given_addresses

SITE = Site.model_validate(
    {
        "title": "dc",
        "district": "d",
        "address_pools": {
            "v4": {"prefix": "10.0.0.0/24", "gateway": "10.0.0.1", "taken": ["10.0.0.9"]},
            "v6": {"prefix": "2001:db8::/64", "gateway": "2001:db8::1"},
        },
    }
)
TYPE = NodeType(manufacturer="a", model="b", u_height=1, weight_kg=1, maximum_draw=1, allocated_draw=1)


def _given(*addresses: str, others: tuple[str, ...] = ()) -> tuple[dict[str, Any], dict[str, str]]:
    place = {"rack": "dc/a/1/01", "addresses": addresses}
    cluster = Cluster.model_validate({"site": "dc", "node_type": "t", "count": 2, "places": {"002": place}})
    demand = Demand(
        zone="z", zone_digest="", party="p", clusters={"web": ClusterDemand(cluster=cluster, node_type=TYPE)}
    )
    taken = {("dc", "v4"): others}
    assigned, short = given_addresses({"dc": SITE}, taken, demand, ["web-001", "web-002"], {})
    return {name: dict(of) for name, of in assigned.items()}, short


def test_a_node_keeps_the_address_that_it_has() -> None:
    """The chosen one is given with its pool's length; the other pool gives one, and the other node gets another."""
    assigned, short = _given("10.0.0.2")
    assert short == {}
    assert assigned["web-002"]["v4"] == "10.0.0.2/24"
    assert assigned["web-002"]["v6"].startswith("2001:db8::")
    assert assigned["web-001"]["v4"] == "10.0.0.3/24"


@pytest.mark.parametrize(
    ("address", "others"),
    [
        ("10.0.0.7", ("10.0.0.7/24",)),
        ("10.0.0.9", ()),
        ("10.0.0.1", ()),
        ("192.0.2.1", ()),
    ],
)
def test_an_address_that_no_pool_can_give_is_refused_by_name(address: str, others: tuple[str, ...]) -> None:
    """One of another node, of other equipment, the gateway, or of no pool is never replaced in silence."""
    _, short = _given(address, others=others)
    assert f"no pool can give it {address}, which its declaration chose" in short["web-002"]
