"""Which place is found, which one stays, and what is said when there is none."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from zonewright.model import Cluster, NodeType, Place, Spread, Survival
from zonewright.model.cluster import Scope
from zonewright.model.demand import ClusterDemand, Demand
from zonewright.model.power import FEEDS, Draw
from zonewright.model.rack import Feed, Rack
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import Occupant, World
from zonewright.place import Placement, change_world, place, rack_state, touched
from zonewright.place.explaining import explain
from zonewright.place.rack_state import Ground, RackState
from zonewright.place.spread_count import SpreadCount
from zonewright.rules import evaluate
from zonewright.rules.geometry import bits
from zonewright.rules.spread import domain_of


def rack(rack_id: str, *, watts: int = 3000, u_height: int = 10, **given: Any) -> Rack:
    """A rack with two feeds."""
    feed = Feed(available_w=watts, power_panel="p")
    return Rack(
        id=rack_id,
        owner="op",
        u_height=u_height,
        feeds={"A": feed, "B": feed},
        **{"max_weight_kg": 1000, **given},
    )


def occupant(rack_id: str, *, position: int = 1, u_height: int = 1, watts: int = 500) -> Occupant:
    """Baseline equipment."""
    return Occupant(
        party="op",
        name=f"baseline/old/{rack_id}/{position}",
        rack=rack_id,
        position=position,
        u_height=u_height,
        draw=Draw(allocated_w=watts),
        standing="baseline",
    )


def world(*racks: Rack, occupants: tuple[Occupant, ...] = ()) -> World:
    """A world of racks."""
    return World(racks={item.id: item for item in racks}, occupants=occupants)


def demand(*, u_height: int = 2, watts: int = 500, **cluster: Any) -> Demand:
    """One cluster ``core`` of party t1 at site dc."""
    kind = NodeType(
        manufacturer="m", model="m", u_height=u_height, weight_kg=20, maximum_draw=watts, allocated_draw=watts
    )
    wanted = Cluster(**{"site": "dc", "node_type": "n", "count": 1, **cluster})
    return Demand(
        zone="z", zone_digest="d", party="t1", clusters={"core": ClusterDemand(cluster=wanted, node_type=kind)}
    )


def seats_of(
    world_: World,
    demand_: Demand,
    sticky: Mapping[str, RackPosition] | None = None,
    standing: tuple[Occupant, ...] = (),
) -> dict[str, tuple[str, int]]:
    """Rack and position by node number."""
    found = placement_of(world_, demand_, sticky, standing)
    assert not found.unplaced
    return {name.removeprefix("core-"): (seat.rack, seat.position) for name, seat in found.seats.items()}


def placement_of(
    world_: World,
    demand_: Demand,
    sticky: Mapping[str, RackPosition] | None = None,
    standing: tuple[Occupant, ...] = (),
) -> Placement:
    """The placement of a demand."""
    return place(world_, demand_, stack="s1", sticky=sticky or {}, standing=standing)


def reason_of(world_: World, demand_: Demand) -> str:
    """The reason for node 001."""
    return placement_of(world_, demand_).unplaced["core-001"]


def test_tightest_rack_of_a_room_in_use_comes_first() -> None:
    """A room that draws power goes before an idle one; in it, the rack with the fewest watts left; lowest unit."""
    racks = [rack("dc/a/1/01", watts=600), rack("dc/b/1/01"), rack("dc/b/1/02", watts=1500)]
    assert seats_of(world(*racks, occupants=(occupant("dc/b/1/02"),)), demand()) == {"001": ("dc/b/1/02", 2)}


def test_without_a_room_in_use_the_tightest_rack_opens_one() -> None:
    """An idle room is opened by its best rack; once it is full the next one is opened."""
    racks = [rack("dc/a/1/01", watts=1200), rack("dc/a/1/02"), rack("dc/b/1/01", watts=600)]
    assert seats_of(world(*racks), demand(count=2)) == {"001": ("dc/b/1/01", 1), "002": ("dc/a/1/01", 1)}


def test_an_active_room_is_opened_before_a_planned_one() -> None:
    """A planned room is opened last, also by a party that may."""
    planned = rack("dc/d/1/01", watts=600, accepts=False, may_open=frozenset({"t1"}))
    assert seats_of(world(planned, rack("dc/e/1/01")), demand()) == {"001": ("dc/e/1/01", 1)}
    assert seats_of(world(planned), demand()) == {"001": ("dc/d/1/01", 1)}


def test_equal_racks_are_taken_by_id() -> None:
    """Between like racks the lower id wins."""
    assert seats_of(world(rack("dc/a/1/02"), rack("dc/a/1/01")), demand()) == {"001": ("dc/a/1/01", 1)}


def test_rooms_and_site_are_kept_to() -> None:
    """Only racks of the cluster's site and rooms are looked at."""
    racks = world(rack("dc/a/1/01"), rack("dc/b/1/01"), rack("xx/b/1/01", watts=600))
    assert seats_of(racks, demand(rooms=("b",))) == {"001": ("dc/b/1/01", 1)}


def test_a_rack_without_position_gets_its_lowest_free_one() -> None:
    """A chosen rack is honoured, with the lowest position that has the units free."""
    racks = world(rack("dc/a/1/01"), rack("dc/a/1/02"), occupants=(occupant("dc/a/1/02", position=2),))
    chosen = demand(places={"001": Place(rack="dc/a/1/02")})
    assert seats_of(racks, chosen) == {"001": ("dc/a/1/02", 3)}
    assert seats_of(racks, chosen, {"core-001": RackPosition("dc/a/1/02", 7)}) == {"001": ("dc/a/1/02", 7)}
    assert seats_of(racks, chosen, {"core-001": RackPosition("dc/a/1/01", 7)}) == {"001": ("dc/a/1/02", 3)}


def test_a_place_that_another_node_chooses_is_left() -> None:
    """A node whose present place is chosen for another one moves within its rack."""
    taken = demand(count=2, places={"002": Place(rack="dc/a/1/02", position=5)})
    found = seats_of(world(rack("dc/a/1/01"), rack("dc/a/1/02")), taken, {"core-001": RackPosition("dc/a/1/02", 5)})
    assert found == {"002": ("dc/a/1/02", 5), "001": ("dc/a/1/02", 1)}


@pytest.mark.parametrize(
    "present",
    [
        RackPosition("dc/x/1/01", 1),
        RackPosition("dc/a/1/01", 10),
        RackPosition("dc/b/1/01", 1),
    ],
    ids=["rack gone", "height gone", "room left"],
)
def test_a_present_place_that_is_not_allowed_is_left(present: RackPosition) -> None:
    """A place whose rack, height or room is no longer right is given up."""
    racks = world(rack("dc/a/1/01"), rack("dc/b/1/01", watts=600))
    assert seats_of(racks, demand(rooms=("a",)), {"core-001": present}) == {"001": ("dc/a/1/01", 1)}


def test_a_new_spread_moves_as_few_nodes_as_it_needs() -> None:
    """Of three nodes in one rack the last ones move, one for each further rack that is asked for."""
    racks = world(rack("dc/a/1/01"), rack("dc/a/1/02"), rack("dc/a/1/03"))
    present = {f"core-00{number}": RackPosition("dc/a/1/01", 2 * number) for number in (1, 2, 3)}
    over_two = demand(count=3, spread=Spread(scope="rack", at_least=2))
    assert seats_of(racks, over_two, present) == {
        "001": ("dc/a/1/01", 2),
        "002": ("dc/a/1/01", 4),
        "003": ("dc/a/1/02", 1),
    }
    at_most_one = demand(count=3, spread=Spread(scope="rack", max_per_domain=1))
    moved = seats_of(racks, at_most_one, present)
    assert moved["001"] == ("dc/a/1/01", 2)
    assert {rack_id for rack_id, _ in moved.values()} == set(racks.racks)


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        ({"spread": Spread(scope="rack", at_least=3, max_skew=1)}, [2, 2, 1]),
        ({"survives": Survival(scope="rack", keeps_percent=60)}, [2, 2, 1]),
        ({"survives": Survival(scope="rack", failures=2, keeps_percent=60)}, [1, 1, 1, 1, 1]),
        ({"survives": Survival(scope="row", keeps_percent=40)}, [3, 2]),
    ],
)
def test_nodes_stand_so_that_a_loss_is_borne(asked: dict[str, Any], counts: list[int]) -> None:
    """Domains fill evenly as far as the spread asks for it, and none has more nodes than may be lost with it."""
    racks = [rack(f"dc/a/{row}/{number:02}") for row in (1, 2) for number in (1, 2, 3)]
    seats = placement_of(world(*racks), demand(count=5, **asked)).seats.values()
    scope: Scope = asked["survives"].scope if "survives" in asked else "rack"
    assert sorted(Counter(domain_of(seat.rack, scope) for seat in seats).values(), reverse=True) == counts


def test_an_even_spread_moves_as_few_nodes_as_it_needs() -> None:
    """Where five nodes stand in one rack and one in another, two of them go over."""
    racks = world(rack("dc/a/1/01", u_height=12, watts=9000), rack("dc/a/1/02", u_height=12, watts=9000))
    sticky = {f"core-{number:03}": RackPosition("dc/a/1/01", number * 2 - 1) for number in range(1, 6)}
    sticky["core-006"] = RackPosition("dc/a/1/02", 1)
    seats = place(racks, demand(count=6, spread=Spread(scope="rack", max_skew=1)), stack="s1", sticky=sticky).seats
    assert {name for name in seats if seats[name] != sticky[name]} == {"core-004", "core-005"}


def test_an_admitted_node_leaves_a_closed_rack_and_a_standing_one_stays() -> None:
    """Without a resource there is nothing to move: the node goes to an open rack."""
    racks = world(rack("dc/a/1/01", accepts=False), rack("dc/a/1/02"))
    present = {"core-001": RackPosition("dc/a/1/01", 1)}
    assert seats_of(racks, demand(), present) == {"001": ("dc/a/1/02", 1)}
    before = change_world(racks, demand(), present, stack="s1").occupants[0]
    standing = (replace(before, standing="active"),)
    assert seats_of(racks, demand(), present, standing) == {"001": ("dc/a/1/01", 1)}


def test_watts_count_at_both_ends_of_a_move() -> None:
    """What leaves a rack in the same change is not yet free for a node that comes."""
    racks = world(rack("dc/a/1/01", watts=900))
    gone = replace(change_world(racks, demand(), {"core-001": RackPosition("dc/a/1/01", 1)}, stack="s1").occupants[0])
    standing = (replace(gone, name="core-009", standing="active"),)
    assert (
        "short of feed watts in 1"
        in place(racks, demand(), stack="s1", sticky={}, standing=standing).unplaced["core-001"]
    )


def test_change_world_adds_nothing_twice() -> None:
    """A node that stays is there once and active; one that moves is there at both ends; one that goes is releasing."""
    racks = world(rack("dc/a/1/01"))
    seats = {f"core-00{number}": RackPosition("dc/a/1/01", 2 * number) for number in (1, 2, 3)}
    before = change_world(racks, demand(count=3), seats, stack="s1")
    standing = tuple(replace(item, standing="active", path="") for item in before.occupants)
    moved = {"core-001": seats["core-001"], "core-002": RackPosition("dc/a/1/01", 8)}
    during = change_world(racks, demand(count=2), moved, stack="s1", standing=standing)
    assert [(item.name, item.position, item.standing, item.blocks_units) for item in during.occupants] == [
        ("core-001", 2, "active", True),
        ("core-002", 8, "wanted", True),
        ("core-002", 4, "releasing", False),
        ("core-003", 6, "releasing", False),
    ]
    assert [item.path for item in during.occupants] == ["clusters.core", "clusters.core", "", ""]
    assert touched(during, "s1") == {"dc/a/1/01"}
    assert evaluate(during) == ()


@pytest.mark.parametrize(
    ("racks", "asked", "reason"),
    [
        (
            [rack("dc/a/1/01", watts=400), rack("dc/a/1/02", watts=450)],
            demand(),
            (
                "none of 2 racks in site dc can take it: short of feed watts in 2; the nearest is dc/a/1/02, "
                "short of 50 W on feed B after the loss of feed A"
            ),
        ),
        (
            [rack("dc/a/1/01", u_height=3), rack("dc/a/1/02", u_height=4, max_weight_kg=10)],
            demand(u_height=5),
            (
                "none of 2 racks in site dc can take it: short of units in 2, weight in 1; the nearest is "
                "dc/a/1/01, short of 2 U in one piece"
            ),
        ),
        (
            [rack("dc/a/1/01", max_weight_kg=19)],
            demand(rooms=("a",)),
            (
                "none of 1 rack in site dc (rooms a) can take it: short of weight in 1; the nearest is "
                "dc/a/1/01, short of 1 kg"
            ),
        ),
        (
            [rack("dc/a/1/01", accepts=False)],
            demand(),
            "no rack at site dc accepts it; 1 rack there is not open for it",
        ),
        ([rack("xx/a/1/01")], demand(), "there is no rack at site dc"),
        ([rack("dc/a/1/01")], demand(places={"001": Place(rack="dc/a/1/09")}), "rack dc/a/1/09 is not known: "),
        (
            [rack("dc/a/1/01", u_height=1)],
            demand(places={"001": Place(rack="dc/a/1/01")}),
            "rack dc/a/1/01 has no 2 U free in one piece",
        ),
    ],
    ids=["watts", "units", "weight", "closed", "no rack", "unknown rack", "full rack"],
)
def test_reasons(racks: list[Rack], asked: Demand, reason: str) -> None:
    """A node without a place is told what is short, in how many racks, and the nearest miss."""
    assert reason_of(world(*racks), asked).startswith(reason)


def test_a_spread_that_can_not_be_reached_leaves_one_node_out() -> None:
    """Where no further domain has room the sentence says so, and the other nodes still get places."""
    asked = demand(count=4, spread=Spread(scope="room", at_least=2))
    found = placement_of(world(rack("dc/a/1/01"), rack("dc/a/1/02")), asked)
    assert sorted(found.seats) == ["core-001", "core-003", "core-004"]
    assert found.unplaced["core-002"].endswith("short of spread: its room is already used, and others are wanted")


def test_a_full_domain_is_named() -> None:
    """Where each domain has its share the sentence says so."""
    found = placement_of(world(rack("dc/a/1/01")), demand(count=2, spread=Spread(scope="rack", max_per_domain=1)))
    assert found.unplaced == {
        "core-002": "none of 1 rack in site dc can take it: short of spread in 1; the nearest is dc/a/1/01, "
        "short of spread: its rack already has its share"
    }


def test_stacks_one_after_the_other_fill_the_racks() -> None:
    """Eight stacks of five 2U nodes find room in four racks of 42 U, none is refused, nothing overlaps."""
    now = world(*(rack(f"dc/a/1/0{number}", u_height=42, watts=6000) for number in range(1, 5)))
    for number in range(8):
        found = place(now, demand(count=5), stack=f"s{number}", sticky={})
        assert not found.unplaced
        now = replace(change_world(now, demand(count=5), found.seats, stack=f"s{number}"), clusters=())
    assert evaluate(now) == ()
    assert len(now.occupants) == 40


@pytest.mark.parametrize("count", [10, 1000])
def test_a_crowded_hall_of_three_thousand_racks(count: int) -> None:
    """All nodes find room between the 7,800 occupants of 3,000 racks, and no rule is broken."""
    racks = [
        rack(f"dc/{room}/{row:02}/{number:02}", u_height=42, watts=5000)
        for room in "abc"
        for row in range(1, 26)
        for number in range(1, 41)
    ]
    old = tuple(
        occupant(item.id, position=1 + 8 * part, u_height=6, watts=300 + 100 * (index % 7))
        for index, item in enumerate(racks[:2600])
        for part in range(3)
    )
    crowded = world(*racks, occupants=old)
    found = placement_of(crowded, demand(count=count))
    assert len(found.seats) == count
    assert evaluate(change_world(crowded, demand(count=count), found.seats, stack="s")) == ()


def test_no_state_is_made_of_a_rack_that_nobody_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demand for one site makes states of its racks, and none of another site's, occupied or not."""
    asked: list[str] = []
    make = rack_state.RackState.__init__

    def counted(state: RackState, ground: Ground, *given: Any) -> None:
        asked.append(ground.rack.id)
        make(state, ground, *given)

    monkeypatch.setattr(rack_state.RackState, "__init__", counted)
    around = world(rack("dc/a/01/01"), rack("dc/a/01/02"), rack("ed/a/01/01"), rack("ed/a/01/02"),
                   occupants=(occupant("dc/a/01/01"), occupant("ed/a/01/01")))  # fmt: skip
    assert seats_of(around, demand()) == {"001": ("dc/a/01/01", 2)}
    assert sorted(asked) == ["dc/a/01/01", "dc/a/01/02"]


def test_what_is_over_already_may_stay_as_it_is() -> None:
    """A node that adds nothing to a figure is not kept away because others are over its limit already."""
    state = RackState(Ground(rack("dc/a/1/01", watts=400), (occupant("dc/a/1/01"),)), (), ())
    over = [used > limit for used, limit in zip(state.sums, state.limits, strict=True)]
    assert any(over)
    assert not all(over)
    assert state.carries(tuple(0 for _ in over))
    for index, is_over in enumerate(over):
        assert state.carries(tuple(int(one == index) for one in range(len(over)))) is not is_over


def test_a_domain_is_full_with_the_last_node_that_it_may_have() -> None:
    """Nodes of a domain are counted one by one; the domain takes as many as it may, and no more."""
    count = SpreadCount(Spread(scope="row", at_least=1, max_per_domain=3), 9)
    for number in (1, 2, 3):
        assert count.verdict(f"dc/a/1/0{number}") == "now"
        count.add(f"dc/a/1/0{number}")
    assert count.verdict("dc/a/1/04") == "never"
    assert count.verdict("dc/a/2/01") == "now"


def test_of_equal_shortages_the_first_is_told() -> None:
    """Where both feeds lack as much, the sentence is about what feed B would carry alone."""
    found = placement_of(world(rack("dc/a/1/01")), demand(watts=5000))
    assert found.unplaced["core-001"].endswith("short of 2,000 W on feed B after the loss of feed A")


def test_a_node_that_lost_its_position_stays_in_its_rack() -> None:
    """The shortest move is taken: another position of the same rack, although a new node would go to a fuller one."""
    racks = (rack("dc/a/1/01"), rack("dc/a/1/02"))
    here = world(*racks, occupants=(occupant("dc/a/1/01", position=9), occupant("dc/a/1/02", position=3)))
    sticky = {"core-001": RackPosition(rack="dc/a/1/02", position=3)}
    assert seats_of(here, demand(watts=1000), sticky) == {"001": ("dc/a/1/02", 1)}
    tight = world(rack("dc/a/1/01"), rack("dc/a/1/02", watts=1400), occupants=here.occupants)
    assert seats_of(tight, demand(watts=1000), sticky) == {"001": ("dc/a/1/01", 1)}


def test_what_a_node_draws_already_is_not_asked_for_again() -> None:
    """A node stays where it stands in a rack that is full with it, also where its position has to change."""
    standing = replace(
        occupant("dc/a/1/01", position=1, u_height=2), party="t1", stack="s1", name="core-001", standing="active"
    )
    full = world(rack("dc/a/1/01", watts=500), rack("dc/a/1/02"))
    for position, taken in ((1, ()), (3, (occupant("dc/a/1/01", position=1, watts=0),))):
        here = replace(full, occupants=taken)
        sticky = {"core-001": RackPosition(rack="dc/a/1/01", position=1)}
        assert seats_of(here, demand(), sticky, (standing,)) == {"001": ("dc/a/1/01", position if not taken else 2)}


def test_a_wanted_node_is_what_its_cluster_says() -> None:
    """In the world of a change a node has what its cluster and its type say, for every rule that asks."""
    wanted = demand(exclusive="rack", protection_level=4)
    (node,) = change_world(
        world(rack("dc/a/1/01")), wanted, {"core-001": RackPosition("dc/a/1/01", 5)}, stack="s1"
    ).occupants
    assert (node.party, node.stack, node.name, node.cluster, node.path) == (
        "t1",
        "s1",
        "core-001",
        "core",
        "clusters.core",
    )
    assert (node.rack, node.position, node.u_height, node.face, node.is_full_depth) == (
        "dc/a/1/01",
        5,
        2,
        "front",
        True,
    )
    assert (node.exclusive, node.protection_level, node.cooling, node.standing) == ("rack", 4, "air", "wanted")
    assert (node.draw.allocated_w, node.weight_kg) == (500, 20)


@pytest.mark.parametrize(
    ("feeds", "failed", "kept"),
    [
        ("AB", "", "the rack keeps 2,500 W if either feed is lost"),
        ("B", "", "the rack keeps 2,500 W on feed B, and nothing if that is lost: it has no other"),
        ("AB", "B", "the rack keeps 2,500 W on feed A, and nothing if that is lost: feed B has failed"),
        ("AB", "AB", None),
    ],
)
def test_an_explanation_counts_the_feeds_that_are_there(feeds: str, failed: str, kept: str | None) -> None:
    """What a rack keeps is told for the feeds that it has and that have not failed."""
    feed = Feed(available_w=3000, power_panel="p")
    one = rack("dc/a/1/01", failed_feeds=frozenset(failed))
    one = replace(one, feeds={name: feed for name in FEEDS if name in feeds})
    seats = {"core-001": RackPosition("dc/a/1/01", 1)}
    found = explain(world(one), demand(), seats, "core-001", stack="")
    assert found is not None
    assert found.why.partition("; ")[2] == (kept or "")


def test_dual_power_passes_over_racks_that_one_loss_takes_down() -> None:
    """A cluster that asks for it goes past the tightest racks, one of which has one feed and one a failed one."""
    feed = Feed(available_w=600, power_panel="p")
    racks = world(
        replace(rack("dc/a/1/01"), feeds={"A": feed}),
        rack("dc/a/1/02", watts=600, failed_feeds=frozenset("A")),
        rack("dc/a/1/03"),
    )
    assert seats_of(racks, demand()) == {"001": ("dc/a/1/01", 1)}
    assert seats_of(racks, demand(power="dual")) == {"001": ("dc/a/1/03", 1)}
    assert seats_of(racks, demand(power="dual"), {"core-001": RackPosition("dc/a/1/02", 1)}) == {
        "001": ("dc/a/1/03", 1)
    }


def test_a_full_phase_is_passed_over() -> None:
    """Nodes go to units of a phase that still carries them, and to another rack when none does."""
    feed = Feed(available_w=3000, power_panel="p", legs=(("L1", bits(1, 4)), ("L2", bits(5, 4))))
    one = replace(rack("dc/a/1/01"), feeds={"A": feed, "B": feed})
    found = seats_of(world(one, rack("dc/a/1/02")), demand(count=3, watts=600))
    assert found == {"001": ("dc/a/1/01", 1), "002": ("dc/a/1/01", 5), "003": ("dc/a/1/01", 9)}
    full = seats_of(world(one, rack("dc/a/1/02")), demand(count=2, watts=600, u_height=4))
    assert full == {"001": ("dc/a/1/01", 1), "002": ("dc/a/1/01", 5)}


def test_only_the_lowest_unit_of_a_node_needs_a_phase_with_room() -> None:
    """A node reaches into units of a full phase; where phases keep it away, that is what the reason says."""
    feed = Feed(available_w=3000, power_panel="p", legs=(("L1", bits(1, 3)), ("L2", bits(4, 3))))
    one = rack("dc/a/1/01", u_height=6)
    one = replace(one, feeds={"A": feed, "B": feed})
    full = replace(occupant(one.id, position=6, watts=900), name="full")
    low = replace(occupant(one.id, position=1, u_height=2, watts=100), name="low")
    assert seats_of(world(one, occupants=(full, low)), demand(watts=600)) == {"001": (one.id, 3)}
    heavy = replace(low, draw=Draw(allocated_w=900))
    assert reason_of(world(one, occupants=(full, heavy)), demand(watts=600)).endswith(
        "short of phase watts in 1; the nearest is dc/a/1/01, short of watts on each phase whose units are free"
    )


def test_room_on_phases_is_what_they_carry() -> None:
    """Of what a rack carries as a whole only so much counts as goes onto its phases."""
    feed = Feed(available_w=3000, power_panel="p", legs=(("L1", bits(1, 5)), ("L2", bits(6, 5))))
    one = replace(rack("dc/a/1/01"), feeds={"A": feed, "B": feed})
    shape = rack_state.NodeShape.of(demand(u_height=1, watts=600).clusters["core"])
    assert RackState(Ground(one, ()), (), ()).room_for(shape) == 2
    assert RackState(Ground(rack("dc/a/1/01"), ()), (), ()).room_for(shape) == 5
