"""A fix that moves a node names a place that the rules accept, and no two fixes of one run name the same one."""

import re
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from support.rule_cases import world as world_of
from support.soak import count
from zonewright.model.world import World
from zonewright.rules import Finding, evaluate
from zonewright.rules.finding import NOTHING_MORE, THERE

_ROOM = re.compile(r"position (\d+) of rack (\S+?)(?: for ([a-z0-9-]+))?(?=[,;]| and |$)")
Places = dict[str, tuple[str, int]]


def places_in(findings: Iterable[Finding]) -> Places:
    """Rack and position by node of what fixes name; a node has one, whichever fix names it."""
    found: Places = {}
    for finding in findings:
        first = re.findall(r"core-\d{3}", f"{finding.fix} {finding.message}")
        for position, rack, name in _ROOM.findall(finding.fix.partition(THERE)[2]):
            place = (rack, int(position))
            assert found.setdefault(name or first[0], place) == place
    return found


def staying_in(findings: Iterable[Finding]) -> set[str]:
    """Nodes that may stay once others have moved."""
    told = (one.fix.partition(" says, ")[2] for one in findings if one.fix.startswith(NOTHING_MORE))
    return {name for text in told for name in re.findall(r"core-\d{3}", text)}


def moved(world: World, places: Places) -> World:
    """The world with nodes at their new places."""
    occupants = tuple(
        replace(item, rack=places[item.name][0], position=places[item.name][1])
        if item.name in places and item.standing == "wanted"
        else item
        for item in world.occupants
    )
    return replace(world, occupants=occupants)


def against(world: World, nodes: Iterable[str]) -> list[Finding]:
    """What is said of some nodes in the racks where they stand now."""
    names = set(nodes)
    racks = {item.rack for item in world.occupants if item.name in names}
    return [
        finding
        for finding in evaluate(world, racks=racks)
        if finding.refuses and names & {item.name for item in finding.participants}
    ]


def test_three_nodes_at_one_position_get_three_places() -> None:
    """Nodes that were sent to one position are told places of their own, in the rack or beside it."""
    world = world_of(
        {
            "racks": {"dc/a/1/01": {"u_height": 3}, "dc/a/1/02": {"u_height": 3}, "dc/b/1/01": None},
            "occupants": [
                {"name": f"core-00{number}", "rack": "dc/a/1/01", "at": 1, "w": 100} for number in range(1, 5)
            ],
        }
    )
    places = places_in(evaluate(world))
    assert len(places) == len(set(places.values())) == 3
    assert {rack for rack, _ in places.values()} == {"dc/a/1/01", "dc/a/1/02"}, "no other room is opened"
    assert against(moved(world, places), places) == []


def test_no_position_of_a_rack_without_power() -> None:
    """A rack with free units whose feeds cannot power the node is not named; the next one is."""
    racks = {"dc/a/1/01": {"A": 1000, "B": 1000}, "dc/a/1/02": None}
    occupants = [
        {"name": "x-001", "rack": "dc/a/1/01", "at": 1, "w": 950, "party": "t2", "stack": "s2", "standing": "active"},
        {"name": "core-001", "rack": "dc/a/1/01", "at": 1, "w": 300},
    ]
    found = evaluate(world_of({"racks": racks, "occupants": occupants}))
    assert {finding.rule for finding in found} == {"unit-overlap", "feed-failover"}
    assert all(finding.fix.endswith("; there is room at position 1 of rack dc/a/1/02") for finding in found)
    full = evaluate(world_of({"racks": {"dc/a/1/01": racks["dc/a/1/01"]}, "occupants": occupants}))
    assert not any("there is room" in finding.fix for finding in full)


def test_who_may_stay_is_not_sent_to_its_own_place() -> None:
    """Two nodes at one place draw too much as well: one of them moves, and no fix moves the other to where it is."""
    racks = {"dc/a/1/01": {"A": 400, "B": 400}, "dc/a/1/02": {"A": 400, "B": 400}}
    nodes = [{"name": f"core-00{number}", "rack": "dc/a/1/01", "at": 1, "w": 300} for number in (1, 2)]
    world = world_of({"racks": racks, "occupants": nodes})
    found = evaluate(world)
    fixes = {finding.rule: finding.fix for finding in found}
    assert fixes["unit-overlap"] == "move core-002 to another place; there is room at position 1 of rack dc/a/1/02"
    may_stay = "nothing more: once core-002 stands elsewhere, as another fix says, core-001 may stay"
    assert fixes["feed-failover"] == may_stay
    assert evaluate(moved(world, places_in(found))) == ()


@pytest.mark.parametrize(
    ("cluster", "rack"),
    [
        ({"spread": {"scope": "row", "at_least": 2}}, "dc/a/2/01"),
        ({"spread": {"scope": "row", "at_least": 1, "max_per_domain": 2}}, "dc/a/1/01"),
        ({"apart_from": [{"cluster": "db", "scope": "rack"}]}, "dc/a/1/02"),
        ({"together_with": [{"cluster": "db", "scope": "rack"}]}, "dc/a/1/01"),
        ({}, "dc/a/1/01"),
    ],
)
def test_a_place_among_its_like(cluster: dict[str, Any], rack: str) -> None:
    """A place keeps to the spread of the node's cluster and to the clusters that it must be with or apart from."""
    occupants = [
        {"name": "core-001", "rack": "dc/a/1/01", "at": 1, "cluster": "core"},
        {"name": "core-002", "rack": "dc/a/1/01", "at": 1, "cluster": "core"},
        {"name": "db-001", "rack": "dc/a/1/01", "at": 9, "cluster": "db"},
    ]
    data = {
        "racks": {"dc/a/1/01": None, "dc/a/1/02": None, "dc/a/2/01": None},
        "occupants": occupants,
        "clusters": [{"name": "core", **cluster}, {"name": "db"}],
    }
    (overlap,) = (finding for finding in evaluate(world_of(data)) if finding.rule == "unit-overlap")
    assert f" of rack {rack}" in overlap.fix


def test_a_place_has_the_power_that_the_node_asks_for() -> None:
    """A node of dual power goes to no rack with one feed, and nothing goes to a phase that cannot carry it."""
    legs = {"L1": [1, 2], "L2": [3, 4], "L3": [5, 6]}
    racks = {
        "dc/a/1/01": {"A": 3000, "B": 3000},
        "dc/a/1/02": {"A": 3000, "B": 0},
        "dc/a/1/03": {"A": 3000, "B": 3000, "failed_feeds": ["B"]},
        "dc/a/1/04": {"A": 6000, "B": 6000, "u_height": 6, "legs": legs},
        "dc/a/1/05": {"A": 3000, "B": 3000},
    }
    old = [{"name": f"old-{at}", "rack": "dc/a/1/04", "at": at, "w": 500, "standing": "active", "party": "t2"}
           for at in (2, 3, 5)]  # fmt: skip
    nodes = [{"name": f"core-00{at}", "cluster": "core", "rack": "dc/a/1/01", "at": at, "w": 1800} for at in (1, 3)]
    data = {"racks": racks, "occupants": [*nodes, *old], "clusters": [{"name": "core", "power": "dual"}]}
    assert {one.fix.partition("; ")[2] for one in evaluate(world_of(data)) if one.rule == "feed-failover"} == {
        "there is room at position 1 of rack dc/a/1/05"
    }


def drawn(rng: Random) -> World:
    """A small hall in which nodes stand anywhere: on each other, out of the rack, too heavy, without power."""
    racks: dict[str, Any] = {}
    for row in (1, 2):
        for number in range(1, rng.randint(2, 4)):
            watts = rng.randint(4, 30) * 100
            limits = {"u_height": rng.randint(4, 12), "max_weight_kg": rng.randint(10, 90)}
            racks[f"dc/a/{row}/{number:02}"] = {"A": watts, "B": watts, **limits}
    occupants: list[dict[str, Any]] = []
    for number in range(1, rng.randint(4, 12)):
        item: dict[str, Any] = {
            "name": f"core-{number:03}", "rack": rng.choice([*racks, "dc/a/9/01"]), "at": rng.randint(1, 9),
            "u": rng.randint(1, 3), "w": rng.randint(1, 12) * 100, "kg": rng.randint(1, 30),
        }  # fmt: skip
        others = {"name": f"x-{number:03}", "party": "t2", "stack": "s2", "standing": "active"}
        occupants.append(item | (others if rng.random() < 0.25 and item["rack"] in racks else {}))
    return world_of({"racks": racks, "occupants": occupants})


def test_all_places_of_a_run_are_good_together() -> None:
    """In random halls every node that a fix moves is good where the fix says, with all other moves carried out too.

    So is each that may stay because of them.
    """
    rng, told, stay = Random(20), 0, 0
    for _ in range(count(2_000)):
        world = drawn(rng)
        found = evaluate(world)
        places, staying = places_in(found), staying_in(found)
        stay += len(staying)
        told += len(places)
        assert len(set(places.values())) == len(places)
        assert against(moved(world, places), {*places, *staying}) == []
    assert told > 100
    assert stay > 0
