"""A read set says what a proposal rests on, and exactly what no longer holds."""

from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from zonewright.model import Cluster, NodeType
from zonewright.model.demand import ClusterDemand, Demand
from zonewright.model.power import Draw
from zonewright.model.rack import Feed, Rack
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import Occupant, World
from zonewright.place import Precondition, change_world, failed, read_set

RACK = "dc/a/1/01"
FEEDS = {"A": Feed(available_w=3000, power_panel="p"), "B": Feed(available_w=2000, power_panel="q")}
WORLD = World(
    racks={
        RACK: Rack(
            id=RACK,
            owner="op",
            u_height=42,
            max_weight_kg=100,
            feeds={"A": FEEDS["A"], "B": FEEDS["B"]},
        )
    }
)
KIND = NodeType(
    manufacturer="m",
    model="m",
    u_height=2,
    weight_kg=20.5,
    maximum_draw=600,
    allocated_draw=500,
    power_supply_worst_share=0.6,
)
DEMAND = Demand(
    zone="z",
    zone_digest="d",
    party="t1",
    clusters={"core": ClusterDemand(cluster=Cluster(site="dc", node_type="n", count=3), node_type=KIND)},
)
SEATS = {
    "core-001": RackPosition(RACK, 1),
    "core-002": RackPosition(RACK, 3),
    "core-003": RackPosition(RACK, 9),
}
PREMISES = read_set(change_world(WORLD, DEMAND, SEATS, stack="s1"), stack="s1")


def somebody(position: int, *, u_height: int = 1, watts: int = 0, weight_kg: float = 0.0) -> Occupant:
    """A node of another party."""
    return Occupant(
        party="t2",
        stack="s2",
        name="fs-001",
        rack=RACK,
        position=position,
        u_height=u_height,
        draw=Draw(allocated_w=watts),
        weight_kg=weight_kg,
        standing="admitted",
    )


def test_what_a_proposal_rests_on() -> None:
    """By rack and feed, with the sums of the stack, each in one sentence with its unit."""
    assert [premise.sentence() for premise in PREMISES] == [
        f"rack {RACK} takes new nodes of t1",
        f"U1 to U4 of rack {RACK} is free on both faces",
        f"U9 to U10 of rack {RACK} is free on both faces",
        f"feed A of rack {RACK} has at least 900 W for this stack",
        f"feed B of rack {RACK} has at least 900 W for this stack",
        f"feed A of rack {RACK} has at least 1,500 W for this stack after the loss of feed B",
        f"feed B of rack {RACK} has at least 1,500 W for this stack after the loss of feed A",
        f"rack {RACK} carries at least 61.5 kg for this stack",
    ]


@pytest.mark.parametrize(
    ("newcomer", "kinds"),
    [
        (somebody(20, watts=500, weight_kg=38.5), []),
        (somebody(4), [("units-free", "both")]),
        (somebody(10, u_height=3), [("units-free", "both")]),
        (somebody(4, u_height=6), [("units-free", "both"), ("units-free", "both")]),
        (somebody(20, watts=501), [("feed-failover", "B")]),
        (somebody(20, weight_kg=38.501), [("weight", "")]),
        (somebody(20, watts=2000), [("feed-live", "B"), ("feed-failover", "A"), ("feed-failover", "B")]),
    ],
    ids=["fits", "unit", "unit above", "both pieces", "one watt", "one gram", "all but feed A"],
)
def test_exactly_the_right_ones_fail(newcomer: Occupant, kinds: list[tuple[str, str]]) -> None:
    """After somebody has come, those premises fail that are no longer true, and no others."""
    broken = failed(PREMISES, replace(WORLD, occupants=(newcomer,)), stack="s1")
    assert [(premise.kind, premise.of) for premise in broken] == kinds


def test_a_closed_rack_fails_one_premise_and_a_lost_one_all() -> None:
    """A rack that was closed takes no new node; of a rack that is gone nothing holds."""
    closed = replace(WORLD, racks={RACK: replace(WORLD.racks[RACK], accepts=False)})
    assert [premise.kind for premise in failed(PREMISES, closed, stack="s1")] == ["rack-open"]
    assert failed(PREMISES, World(racks={}), stack="s1") == PREMISES


def test_own_nodes_do_not_count() -> None:
    """What the stack itself has does not void its own proposal."""
    after = change_world(WORLD, DEMAND, SEATS, stack="s1")
    assert failed(PREMISES, after, stack="s1") == ()
    assert len(failed(PREMISES, after, stack="s3")) > 0


def test_nodes_that_stay_rest_on_nothing() -> None:
    """A change that changes nothing in a rack has no premise about it."""
    standing = tuple(
        replace(item, standing="active") for item in change_world(WORLD, DEMAND, SEATS, stack="s1").occupants
    )
    assert read_set(change_world(WORLD, DEMAND, SEATS, stack="s1", standing=standing), stack="s1") == ()


def test_data_round_trip() -> None:
    """A premise comes back from JSON, as in messages and bundles."""
    texts = TypeAdapter(tuple[Precondition, ...])
    assert texts.validate_json(texts.dump_json(PREMISES)) == PREMISES


@pytest.mark.parametrize(
    ("position", "at_least", "is_free"), [(42, 1, True), (41, 2, True), (42, 2, False), (0, 1, False)]
)
def test_units_are_within_the_rack(position: int, at_least: int, *, is_free: bool) -> None:
    """Units above the top or below the floor are free in no rack."""
    premise = Precondition(kind="units-free", subject=RACK, of="front", position=position, at_least=at_least)
    assert (failed((premise,), WORLD, stack="s1") == ()) is is_free
