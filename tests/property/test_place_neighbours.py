"""Automatic places never break a rule about neighbours, whatever clusters ask for and whoever is there."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.rule_cases import world as world_of
from support.soak import examples
from zonewright.model import Cluster, NodeType
from zonewright.model.cluster import Scope
from zonewright.model.cooling import Cooling
from zonewright.model.demand import ClusterDemand, Demand
from zonewright.model.power import FEEDS, Draw
from zonewright.model.rack import Feed, Rack
from zonewright.model.world import Bystanders, Occupant, World
from zonewright.place import change_world, failed, place, read_set, touched
from zonewright.rules import evaluate

pytestmark = pytest.mark.soak
NAMES = ("a", "b", "c")
SCOPES: tuple[Scope, ...] = ("rack", "row", "room")


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Rooms of either cooling, with nodes of others that break no rule among themselves."""
    racks: dict[str, Rack] = {}
    for room in ("x", "y", "z")[: draw(st.integers(1, 3))]:
        cooling: Cooling = draw(st.sampled_from(["air", "air", "liquid"]))
        for row in range(1, draw(st.integers(1, 2)) + 1):
            for number in range(1, draw(st.integers(1, 4)) + 1):
                rack_id = f"dc/{room}/{row}/{number:02}"
                feeds = {name: Feed(available_w=1000, power_panel=name) for name in FEEDS}
                racks[rack_id] = Rack(
                    id=rack_id, owner="op", u_height=8, max_weight_kg=500, feeds=feeds, cooling=cooling
                )
    zone = world_of({"limits": {"separated-protection-level": 3}, "sites": {"dc": {}}}).zone
    kept: tuple[Occupant, ...] = ()
    for index in range(draw(st.integers(0, 6))):
        item = Occupant(
            party=draw(st.sampled_from(["t2", "t3"])),
            stack="s2",
            name=f"o-{index:03}",
            rack=draw(st.sampled_from(sorted(racks))),
            position=index + 1,
            u_height=1,
            draw=Draw(allocated_w=draw(st.sampled_from([0, 300]))),
            standing="active",
            exclusive=draw(st.sampled_from([None, None, None, *SCOPES])),
            protection_level=draw(st.sampled_from([1, 2, 3, 4])),
        )
        world = World(racks=racks, occupants=(*kept, item), zone=zone)
        if not evaluate(world, reach="rack"):
            kept = world.occupants
    return World(racks=racks, occupants=kept, zone=zone)


@st.composite
def demands(draw: st.DrawFn) -> Demand:
    """Up to three clusters that stand in relations to each other which do not contradict themselves."""
    clusters: dict[str, ClusterDemand] = {}
    names = NAMES[: draw(st.integers(1, 3))]
    for index, name in enumerate(names):
        relations: dict[str, list[dict[str, str]]] = {"apart_from": [], "together_with": []}
        if index and draw(st.booleans()):
            section = draw(st.sampled_from(sorted(relations)))
            relations[section].append({"cluster": names[index - 1], "scope": draw(st.sampled_from(SCOPES))})
        kind = NodeType(
            manufacturer="m",
            model="m",
            u_height=draw(st.integers(1, 3)),
            weight_kg=1.0,
            maximum_draw=200,
            allocated_draw=200,
            cooling=draw(st.sampled_from(["air", "air", "air", "liquid"])),
        )
        cluster = Cluster.model_validate(
            {
                "site": "dc",
                "node_type": "n",
                "count": draw(st.integers(1, 4)),
                "exclusive": draw(st.sampled_from([None, None, "rack", "row"])),
                "protection_level": draw(st.sampled_from([1, 3])),
                **relations,
            }
        )
        clusters[name] = ClusterDemand(cluster=cluster, node_type=kind)
    return Demand(zone="z", zone_digest="d", party="t1", clusters=clusters)


@settings(max_examples=examples(1000), deadline=None)
@given(world=worlds(), demand=demands())
def test_places_keep_to_neighbours(world: World, demand: Demand) -> None:
    """What is placed breaks no rule of racks; and asked again from its own places, everything stays."""
    first = place(world, demand, stack="s1", sticky={})
    after = change_world(world, demand, first.seats, stack="s1")
    assert evaluate(after, reach="rack") == ()
    again = place(world, demand, stack="s1", sticky=first.seats)
    assert {name: again.seats.get(name) for name in first.seats} == dict(first.seats)


@settings(max_examples=examples(60), deadline=None)
@given(world=worlds(), demand=demands(), data=st.data())
def test_bystanders_are_occupants_like_any_other(world: World, demand: Demand, data: st.DataObject) -> None:
    """Whichever of the others were grouped beforehand, places, findings, and the premises that fail are the same."""
    apart = data.draw(st.sets(st.sampled_from(world.occupants))) if world.occupants else set()
    rest = tuple(item for item in world.occupants if item not in apart)
    grouped = replace(world, bystanders=Bystanders(tuple(apart)), occupants=rest)
    placement = place(world, demand, stack="s1", sticky={})
    assert place(grouped, demand, stack="s1", sticky={}) == placement
    seats = {name: replace(seat, position=data.draw(st.integers(1, 8))) for name, seat in placement.seats.items()}
    one, two = (change_world(which, demand, seats, stack="s1") for which in (world, grouped))
    for racks in (None, touched(one, "s1")):
        assert sorted(map(repr, evaluate(two, racks=racks))) == sorted(map(repr, evaluate(one, racks=racks)))
    premises = read_set(one, stack="s1")
    assert (read_set(two, stack="s1"), touched(two, "s1")) == (premises, touched(one, "s1"))
    assert failed(premises, grouped, stack="s1") == failed(premises, world, stack="s1")
