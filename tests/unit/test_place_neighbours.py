"""Automatic places keep to who may stand beside whom, and say so where that leaves none."""

from dataclasses import replace
from typing import Any

import pytest

from support.rule_cases import world as world_of
from zonewright.model import Cluster, NodeType, Relation
from zonewright.model.cooling import Cooling
from zonewright.model.demand import ClusterDemand, Demand
from zonewright.model.power import Draw
from zonewright.model.rack import Feed, Rack
from zonewright.model.rack_position import RackPosition
from zonewright.model.supply import FeedName
from zonewright.model.world import Occupant, World
from zonewright.place import Placement, change_world, place
from zonewright.rules import evaluate

NODE = NodeType(manufacturer="m", model="m", u_height=1, weight_kg=1.0, maximum_draw=100, allocated_draw=100)
RACKS = ("dc/a/1/01", "dc/a/1/02", "dc/b/1/01", "dc/b/1/02")


def demand(**clusters: Cluster) -> Demand:
    """A demand of party t1."""
    wanted = {name: ClusterDemand(cluster=cluster, node_type=NODE) for name, cluster in clusters.items()}
    return Demand(zone="z", zone_digest="d", party="t1", clusters=wanted)


def cluster(count: int, **more: object) -> Cluster:
    """A cluster in site dc."""
    return Cluster.model_validate({"site": "dc", "node_type": "n", "count": count, **more})


def world(*occupants: Occupant, cooling: Cooling = "air") -> World:
    """Four racks in two rooms, with a limit that separates level 3."""
    zone = world_of({"limits": {"separated-protection-level": 3}, "sites": {"dc": {}}}).zone
    feeds: dict[FeedName, Feed] = {
        "A": Feed(available_w=1000, power_panel="a"),
        "B": Feed(available_w=1000, power_panel="b"),
    }
    racks = {
        rack_id: Rack(id=rack_id, owner="op", u_height=10, max_weight_kg=500, feeds=feeds, cooling=cooling)
        for rack_id in RACKS
    }
    return World(racks=racks, occupants=occupants, zone=zone)


def other(rack: str, **more: Any) -> Occupant:
    """Another party's node at the top of a rack."""
    fields: dict[str, Any] = {
        "party": "t2",
        "stack": "s2",
        "name": f"x-{rack}",
        "position": 10,
        "u_height": 1,
        "standing": "active",
    }
    return Occupant(**{**fields, "rack": rack, "draw": Draw(allocated_w=100), **more})


def placed(found: World, wanted: Demand) -> Placement:
    """Places without any finding on racks."""
    placement = place(found, wanted, stack="s1", sticky={})
    after = change_world(found, wanted, placement.seats, stack="s1")
    assert evaluate(after, reach="rack") == ()
    return placement


def test_levels_are_kept_apart() -> None:
    """A public node passes racks with level 3 by, and the reverse, also within one demand."""
    found = world(other(RACKS[0], protection_level=3), other(RACKS[1]))
    wanted = demand(gov=cluster(3, protection_level=3), web=cluster(3))
    seats = placed(found, wanted).seats
    assert {seat.rack for name, seat in seats.items() if name.startswith("gov")} == {RACKS[0]}
    assert {seat.rack for name, seat in seats.items() if name.startswith("web")} == {RACKS[1]}


def test_exclusive_domains_are_entered_by_nobody_else() -> None:
    """Another party's exclusive room is passed by; an own exclusive rack is an empty one."""
    found = world(other(RACKS[0], exclusive="room"), other(RACKS[2]))
    seats = placed(found, demand(vault=cluster(2, exclusive="rack"))).seats
    assert {seat.rack for seat in seats.values()} == {RACKS[3]}


def test_apart_holds_for_both_sides() -> None:
    """A cluster keeps away from another one, whichever of them says so."""
    one = demand(a=cluster(2, apart_from=(Relation(cluster="b", scope="room"),)), b=cluster(2))
    two = demand(a=cluster(2), b=cluster(2, apart_from=(Relation(cluster="a", scope="room"),)))
    for wanted in (one, two):
        seats = placed(world(), wanted).seats
        rooms = {name[0]: seat.rack.rsplit("/", 2)[0] for name, seat in seats.items()}
        assert rooms["a"] != rooms["b"]


def test_together_takes_the_tightest_domain_with_space_for_both() -> None:
    """Both clusters go to one rack that takes all of their nodes, although a fuller one takes some."""
    found = world(other(RACKS[0], draw=Draw(allocated_w=700)))
    wanted = demand(head=cluster(2, together_with=(Relation(cluster="shelf", scope="rack"),)), shelf=cluster(4))
    seats = placed(found, wanted).seats
    (rack,) = {seat.rack for seat in seats.values()}
    assert rack != RACKS[0]
    assert len(seats) == 6


@pytest.mark.parametrize("scope", ["rack", "room"])
def test_together_stays_where_it_is(scope: str) -> None:
    """Clusters that belong together keep their places; one that is new comes to where the other one is."""
    relation = Relation.model_validate({"cluster": "shelf", "scope": scope})
    wanted = demand(head=cluster(2, together_with=(relation,)), shelf=cluster(2))
    names = ("head-001", "head-002", "shelf-001", "shelf-002")
    for present in (names, names[2:], names[:1]):
        sticky = {name: RackPosition(rack=RACKS[2], position=number) for number, name in enumerate(names, 3)}
        sticky = {name: seat for name, seat in sticky.items() if name in present}
        tighter = world(other(RACKS[0], draw=Draw(allocated_w=10)))
        seats = place(tighter, wanted, stack="s1", sticky=sticky).seats
        assert {name: seats[name] for name in present} == sticky
        rooms = {seat.rack.rpartition("/")[0] for seat in seats.values()}
        assert (len(seats), rooms) == (4, {RACKS[2].rpartition("/")[0]})


@pytest.mark.parametrize("count", [2, 4, 5])
def test_what_stands_together_is_not_in_its_own_way(count: int) -> None:
    """Clusters that fill more than half of a rack stay there, though what they draw is counted while they stand."""
    relation = Relation(cluster="shelf", scope="rack")
    wanted = demand(head=cluster(count, together_with=(relation,)), shelf=cluster(count))
    names = [f"{name}-{number:03}" for name in ("head", "shelf") for number in range(1, count + 1)]
    sticky = {name: RackPosition(rack=RACKS[2], position=number) for number, name in enumerate(names, 1)}
    standing = tuple(
        other(RACKS[2], party="t1", stack="s1", name=name, position=seat.position, draw=Draw(allocated_w=100))
        for name, seat in sticky.items()
    )
    found = place(
        world(other(RACKS[0], draw=Draw(allocated_w=10))), wanted, stack="s1", sticky=sticky, standing=standing
    )
    assert found.seats == sticky


def test_together_moves_where_both_have_space() -> None:
    """Where the present rack does not take both, they go to one that does."""
    relation = Relation(cluster="shelf", scope="rack")
    wanted = demand(head=cluster(4, together_with=(relation,)), shelf=cluster(1))
    found = world(other(RACKS[2], draw=Draw(allocated_w=700)))
    seats = place(found, wanted, stack="s1", sticky={"shelf-001": RackPosition(rack=RACKS[2], position=5)}).seats
    (rack,) = {seat.rack for seat in seats.values()}
    assert (len(seats), rack != RACKS[2]) == (5, True)


def test_a_node_stands_where_its_cooling_is() -> None:
    """Without a room of its cooling a node has no place, and the sentence says why."""
    placement = place(world(cooling="liquid"), demand(web=cluster(1)), stack="s1", sticky={})
    assert placement.seats == {}
    assert "short of cooling in 4" in placement.unplaced["web-001"]
    assert "its room is liquid-cooled" in placement.unplaced["web-001"]


def test_a_present_seat_is_left_for_a_better_neighbourhood() -> None:
    """A node that came to stand beside the wrong level is given another place."""
    found = world(other(RACKS[0], protection_level=3))
    first = place(world(), demand(web=cluster(1)), stack="s1", sticky={})
    assert first.seats["web-001"].rack == RACKS[0]
    again = place(found, demand(web=cluster(1)), stack="s1", sticky=first.seats)
    assert again.seats["web-001"].rack != RACKS[0]


@pytest.mark.parametrize(("district", "is_placed"), [("north", False), ("south", True)])
def test_apart_by_district(district: str, *, is_placed: bool) -> None:
    """Clusters that keep apart by district stand in two sites only where those are in different districts."""
    sites = {"dc": {}, "xx": {"district": district}}
    both = world_of({"sites": sites, "racks": {"dc/a/1/01": None, "xx/a/1/01": None}})
    apart = cluster(1, site="xx", apart_from=(Relation(cluster="a", scope="district"),))
    found = place(both, demand(a=cluster(1), b=apart), stack="s1", sticky={})
    assert ("b-001" in found.seats) is is_placed
    assert is_placed or "apart: a is in its district" in found.unplaced["b-001"]


def test_a_home_is_sought_in_the_rooms_that_are_wanted() -> None:
    """Clusters that belong together get a rack of their rooms, although one of another room is tighter."""
    relation = Relation(cluster="shelf", scope="rack")
    wanted = demand(head=cluster(2, rooms=("b",), together_with=(relation,)), shelf=cluster(2, rooms=("b",)))
    seats = placed(world(other(RACKS[0], draw=Draw(allocated_w=500))), wanted).seats
    assert len(seats) == 4
    assert {seat.rack.rpartition("/")[0] for seat in seats.values()} == {"dc/b/1"}


def test_a_home_is_sought_where_the_party_may_open() -> None:
    """Racks that take no new nodes are a home for the party alone that may open them."""
    relation = Relation(cluster="shelf", scope="rack")
    wanted = demand(head=cluster(2, together_with=(relation,)), shelf=cluster(4))
    plain = world(other(RACKS[0], draw=Draw(allocated_w=700)))
    for party, count in (("t1", 6), ("t2", 0)):
        racks = {name: replace(rack, accepts=False, may_open=frozenset({party})) for name, rack in plain.racks.items()}
        found = place(replace(plain, racks=racks), wanted, stack="s1", sticky={})
        assert len(found.seats) == count
        assert len({seat.rack for seat in found.seats.values()}) == min(count, 1)


def test_what_is_too_much_for_the_home_is_told() -> None:
    """A node for which the shared domain has no space is told whose domain that is, whichever of them asked for it."""
    relation = Relation(cluster="shelf", scope="rack")
    many = demand(head=cluster(2, together_with=(relation,)), shelf=cluster(30))
    found = place(world(), many, stack="s1", sticky={})
    assert all("together: head belongs to another rack" in reason for reason in found.unplaced.values())
    assert found.unplaced
    chosen = cluster(1, places={"001": {"rack": RACKS[2]}})
    elsewhere = demand(head=cluster(1, rooms=("a",), together_with=(relation,)), shelf=chosen)
    found = place(world(), elsewhere, stack="s1", sticky={})
    assert "together: shelf belongs to another rack" in found.unplaced["head-001"]


def test_a_party_is_exclusive_beside_itself() -> None:
    """Nodes of another stack of the same party do not stop one that wants a rack alone; another party's do."""
    mine = tuple(other(rack, party="t1", stack="s9") for rack in RACKS)
    assert len(placed(world(*mine), demand(vault=cluster(1, exclusive="rack"))).seats) == 1
    theirs = tuple(other(rack) for rack in RACKS)
    found = place(world(*theirs), demand(vault=cluster(1, exclusive="rack")), stack="s1", sticky={})
    assert "exclusive: another party is in its rack" in found.unplaced["vault-001"]


def test_a_node_that_fills_its_rack_keeps_its_units() -> None:
    """What a node draws already is not asked of its rack again, so one that takes most of it stays where it is."""
    wanted = demand(web=cluster(1))
    seat = RackPosition(rack=RACKS[1], position=7)
    standing = (
        other(RACKS[1], party="t1", stack="s1", name="web-001", position=7, draw=Draw(allocated_w=100)),
        other(RACKS[1], position=1, draw=Draw(allocated_w=900)),
    )
    found = place(world(standing[1]), wanted, stack="s1", sticky={"web-001": seat}, standing=standing[:1])
    assert found.seats["web-001"] == seat


def tall(watts: int = 10, u_height: int = 4) -> NodeType:
    """A node type of several units."""
    return NODE.model_copy(update={"u_height": u_height, "allocated_draw": watts, "maximum_draw": watts})


def wanting(**clusters: tuple[NodeType, Cluster]) -> Demand:
    """A demand whose clusters have node types of their own."""
    wanted = {name: ClusterDemand(cluster=one, node_type=kind) for name, (kind, one) in clusters.items()}
    return Demand(zone="z", zone_digest="d", party="t1", clusters=wanted)


def heights(**units: int) -> World:
    """Racks of so many units, one in each row, with the rooms of their names."""
    racks = {
        f"dc/{room}/1/01": replace(world().racks[RACKS[0]], id=f"dc/{room}/1/01", u_height=height)
        for room, height in units.items()
    }
    return replace(world(), racks=racks)


WITH_SHELF = (Relation(cluster="shelf", scope="rack"),)


def test_a_home_takes_both_clusters_at_once() -> None:
    """A rack that takes each of two clusters, but not both, is no home for them; the next larger one is."""
    asked = wanting(head=(tall(u_height=1), cluster(1, together_with=WITH_SHELF)), shelf=(tall(), cluster(2)))
    assert {seat.rack for seat in placed(heights(a=8, b=20, c=9), asked).seats.values()} == {"dc/c/1/01"}
    assert placed(heights(a=8), asked).unplaced.keys() == {"head-001"}


def test_a_home_takes_all_that_belong_together() -> None:
    """Clusters that are bound by way of a third one, or in a smaller domain, have one home as well."""
    row = (Relation(cluster="shelf", scope="rack"), Relation(cluster="tape", scope="rack"))
    asked = wanting(
        head=(tall(u_height=1), cluster(1, together_with=row)), shelf=(tall(), cluster(2)), tape=(tall(), cluster(1))
    )
    assert {seat.rack for seat in placed(heights(a=9, b=20, c=13), asked).seats.values()} == {"dc/c/1/01"}


def test_a_home_is_where_all_may_stand() -> None:
    """A rack that is another's alone, has other cooling or is outside the rooms of one of them is no home."""
    asked = wanting(
        head=(tall(u_height=1), cluster(1, together_with=WITH_SHELF, rooms=("b", "c"))), shelf=(tall(), cluster(2))
    )
    found = heights(a=10, b=10, c=20)
    assert {seat.rack for seat in placed(found, asked).seats.values()} == {"dc/b/1/01"}
    taken = replace(found, occupants=(other("dc/b/1/01", exclusive="room"),))
    assert {seat.rack for seat in placed(taken, asked).seats.values()} == {"dc/c/1/01"}


def test_a_home_is_as_wide_as_a_spread_needs() -> None:
    """Of two rooms with space only the one with enough racks is the home of a cluster that is spread over them."""
    spread = {"scope": "rack", "at_least": 2}
    together = (Relation(cluster="shelf", scope="room"),)
    asked = wanting(
        head=(tall(u_height=1), cluster(2, together_with=together, spread=spread)), shelf=(tall(), cluster(1))
    )
    racks = heights(a=9, b=20).racks
    wide = replace(world(), racks={**racks, "dc/b/1/02": replace(racks["dc/b/1/01"], id="dc/b/1/02")})
    assert {seat.rack.split("/")[1] for seat in placed(wide, asked).seats.values()} == {"b"}


def test_a_home_is_wide_enough_for_a_distance() -> None:
    """Of two rooms the fuller one takes both clusters by its units, but not ten metres from each other."""
    found = world(other(RACKS[0]), other(RACKS[1]))
    places = dict(zip(RACKS, (0.0, 2.0, 30.0, 42.0), strict=True))
    found = replace(
        found, racks={name: replace(one, at_m=(places[name], 0.0, 0.0)) for name, one in found.racks.items()}
    )
    beside = {"together_with": [{"cluster": "db", "scope": "room"}]}
    seats = placed(found, demand(db=cluster(2), app=cluster(2, **beside))).seats
    assert {seat.rack.split("/")[1] for seat in seats.values()} == {"a"}
    far = {"distances": [{"cluster": "db", "at_least_m": 10}]}
    placement = placed(found, demand(db=cluster(2), app=cluster(2, **beside, **far)))
    assert placement.unplaced == {}
    assert {seat.rack.split("/")[1] for seat in placement.seats.values()} == {"b"}
