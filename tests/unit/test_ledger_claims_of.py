"""What a change claims: each node that has a place, as its declaration says, and nothing of the others."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from zonewright.ledger.deciding.wanted_claims import claims_of
from zonewright.model import Cluster, NodeType
from zonewright.model.demand import ClusterDemand, Demand
from zonewright.model.rack_position import RackPosition

NODE = NodeType(manufacturer="m", model="m", u_height=1, weight_kg=1.0, maximum_draw=100, allocated_draw=100)
NAMES = ("a-001", "a-002", "a-003", "b-001", "b-002")


def demand(**more: Any) -> Demand:
    """Two clusters of three and of two nodes."""
    clusters = {
        "a": Cluster(site="dc", node_type="n", count=3),
        "b": Cluster(site="dc", node_type="n", count=2, **more),
    }
    wanted = {name: ClusterDemand(cluster=one, node_type=NODE) for name, one in clusters.items()}
    return Demand(zone="z", zone_digest="d", party="t1", clusters=wanted)


@given(st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_nodes_with_a_place_are_claimed(placed: set[str], addressed: set[str]) -> None:
    """Each node with a place has a claim with it, its cluster and its addresses, and no other node has one."""
    seats = {name: RackPosition(rack="dc/a/1/01", position=NAMES.index(name) + 1) for name in placed}
    addresses = {name: {"v4": f"10.0.0.{NAMES.index(name)}/24"} for name in addressed}
    claims = claims_of(demand(), seats, addresses)
    assert set(claims) == placed
    for name, data in claims.items():
        assert data["position"] == seats[name].position
        assert (data["rack"], data["cluster"], data["node_type_id"]) == ("dc/a/1/01", name[0], "n")
        assert data["addresses"] == addresses.get(name, {})
        assert "exclusive" not in data
        assert "protection_level" not in data
        assert "in_service" not in data


def test_what_keeps_others_away_is_claimed() -> None:
    """A domain that is to be alone, a level above the first, and a day of service are in the claim as declared."""
    seats = {"b-001": RackPosition(rack="dc/a/1/01", position=1)}
    claims = claims_of(demand(exclusive="row", protection_level=2, in_service="2026-07-01"), seats, {})
    found = claims["b-001"]
    assert (found["exclusive"], found["protection_level"], found["in_service"]) == ("row", 2, "2026-07-01")
