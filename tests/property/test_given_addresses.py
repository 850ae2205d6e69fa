"""What pools give to nodes that were just given it: a proposal takes that for granted, and an admission asks again."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from zonewright.ledger.deciding.node_addresses import readable
from zonewright.model import Cluster, NodeType, Site
from zonewright.model.demand import ClusterDemand, Demand
from zonewright.place.node_addresses import given_addresses

TYPE = NodeType(manufacturer="a", model="b", u_height=1, weight_kg=1, maximum_draw=1, allocated_draw=1)
V4, V6 = "10.0.0.{}", "2001:db8::{}"
NUMBERS = st.integers(1, 16)
POOLS = {
    "v4": {"prefix": "10.0.0.0/28", "gateway": "10.0.0.1", "taken": ["10.0.0.3"]},
    "v6": {"prefix": "2001:db8::/125", "gateway": "2001:db8::1"},
    "other": {"prefix": "10.0.1.0/29", "gateway": "10.0.1.1", "role": "storage"},
}


@st.composite
def asked(draw: st.DrawFn) -> tuple[Any, ...]:
    """Sites, what others have, a demand of which some nodes choose addresses, who has a place, and what nodes have."""
    pools = {name: POOLS[name] for name in ("v4", *draw(st.sets(st.sampled_from(("v6", "other")))))}
    site = Site.model_validate({"title": "dc", "district": "d", "address_pools": pools})
    count = draw(st.integers(1, 8))
    chosen = draw(st.dictionaries(st.integers(1, count), NUMBERS, max_size=2))
    places = {f"{node:03}": {"rack": "dc/a/1/01", "addresses": [V4.format(one)]} for node, one in chosen.items()}
    cluster = Cluster.model_validate({"site": "dc", "node_type": "t", "count": count, "places": places})
    demand = Demand(
        zone="z", zone_digest="", party="p", clusters={"web": ClusterDemand(cluster=cluster, node_type=TYPE)}
    )
    names = [f"web-{node:03}" for node in range(1, count + 1)]
    taken = {("dc", "v4"): {f"{V4.format(one)}/28" for one in draw(st.sets(NUMBERS, max_size=8))}}
    present = {
        name: {"v4": f"{V4.format(draw(NUMBERS))}/28", "v6": f"{V6.format(draw(st.integers(0, 9)))}/125"}
        for name in draw(st.sets(st.sampled_from(names)))
    }
    return {"dc": site}, taken, demand, draw(st.sets(st.sampled_from(names), min_size=1)), present


@given(asked())
def test_who_has_what_was_given_is_given_the_same(asked: tuple[Any, ...]) -> None:
    """Among the same others each node keeps its addresses, and the same nodes are short of one, for the same reason."""
    sites, taken, demand, seats, present = asked
    addresses, short = given_addresses(sites, taken, demand, seats, present)
    assert given_addresses(sites, taken, demand, seats, readable(addresses)) == (addresses, short)
