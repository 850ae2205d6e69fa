"""A change that fits is not refused because of the order in which its nodes were placed."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from support.full_halls import full_hall, hall, holds, wish
from support.soak import count, is_full
from zonewright.model import Place, Relation, Spread
from zonewright.model.cluster import Distance
from zonewright.model.demand import Demand
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import Occupant, World
from zonewright.place import Placement, change_world, place
from zonewright.place.arranging import arrange, fewest_racks
from zonewright.place.packing import NodeKind, SearchWork, best_mix
from zonewright.place.run import PlacementRun
from zonewright.rules import evaluate


def placed(world: World, demand: Demand) -> Placement:
    """The placement of a new stack."""
    return place(world, demand, stack="s1", sticky={})


def racks_of(found: Placement) -> int:
    """How many racks are used."""
    return len({seat.rack for seat in found.seats.values()})


def refused(world: World, demand: Demand, found: Placement) -> list[str]:
    """What the rules of racks refuse of it."""
    after = change_world(world, demand, found.seats, stack="s1")
    return [one.message for one in evaluate(after, reach="rack") if one.refuses]


@pytest.mark.parametrize("filled", [0.8, 0.9, 0.97, 1.0])
def test_a_hall_that_was_filled_once_is_filled_again(filled: float) -> None:
    """Of random halls of 20 racks at most 2 in 100 refuse the nodes that they held, with no more racks than then."""
    halls = count(100)
    left_out, used, planned = 0, 0, 0
    for seed in range(halls):
        world, demand = full_hall(seed, racks=20, filled=filled)
        found = placed(world, demand)
        left_out += bool(found.unplaced)
        used, planned = used + racks_of(found), planned + round(20 * filled)
        assert not refused(world, demand, found)
    assert left_out <= halls // 50
    assert used <= 1.02 * planned


def test_many_racks_are_filled_close_to_what_counting_allows() -> None:
    """Thousands of nodes of mixed kinds use at most 5 % more racks than no arrangement could do without."""
    world, demand = full_hall(1, racks=900 if is_full() else 200, filled=0.95)
    run = PlacementRun(world, demand, "s1", {}, ())
    run.settle()
    bound = fewest_racks(*run.waiting())
    found = placed(world, demand)
    assert not found.unplaced
    assert bound <= racks_of(found) <= 1.05 * bound


def test_a_refusal_that_says_proven_is_right_and_few_are_given_up() -> None:
    """Beside an exact search: what is placed fits, what is called impossible does not fit; few others are refused."""
    numbers = random.Random(20)
    zones, given_up, feasible = count(1000), 0, 0
    for _ in range(zones):
        whole = (numbers.randint(4, 9), numbers.randint(8, 20) * 100, numbers.randint(60, 160))
        clusters = {
            f"c{index}": (
                (numbers.randint(1, 3), numbers.randint(2, 9) * 100, numbers.randint(10, 60)),
                numbers.randint(1, 5),
            )
            for index in range(3)
        }
        racks = numbers.randint(2, 4)
        found, fits = placed(hall(whole, racks), wish(clusters)), holds(whole, racks, clusters)
        feasible += fits
        assert fits or found.unplaced
        if any("no arrangement can hold" in reason for reason in found.unplaced.values()):
            assert not fits
        given_up += fits and bool(found.unplaced)
    assert feasible >= zones // 6
    assert given_up <= feasible // 50


def test_the_same_hall_in_another_order_is_filled_in_the_same_way() -> None:
    """Neither the order of racks nor of clusters decides what an arrangement is."""
    world, demand = full_hall(3, racks=20, filled=1.0)
    turned = World(racks=dict(reversed(list(world.racks.items()))))
    clusters = demand.model_copy(update={"clusters": dict(reversed(list(demand.clusters.items())))})
    assert placed(turned, clusters).seats == placed(world, demand).seats


def test_what_counting_proves_is_said_in_round_figures() -> None:
    """A refusal names what all racks together lack, rounded up; it does not tell what others have to the watt."""
    found = placed(hall((42, 3000, 900), 2), wish({"a": ((1, 900, 10), 4), "b": ((1, 801, 10), 4)}))
    reasons = set(found.unplaced.values())
    assert len(reasons) <= 2
    assert all("no arrangement can hold this change: the 2 racks lack up to 900 W" in one for one in reasons)


def test_a_search_that_ends_without_a_place_is_called_no_proof() -> None:
    """Where counting proves nothing and no arrangement was found, the refusal says so."""
    found = placed(hall((5, 9000, 900), 2), wish({"a": ((3, 100, 10), 3), "b": ((1, 100, 10), 1)}))
    assert ["which is no proof" in reason for reason in found.unplaced.values()] == [True]


def spread_wish(**given: object) -> Demand:
    """Nodes of two kinds, of which those of the second are spread."""
    demand = wish({"a": ((3, 100, 10), 4), "b": ((2, 100, 10), 4)})
    wanted = demand.clusters["b"]
    cluster = wanted.cluster.model_copy(update=given)
    return demand.model_copy(
        update={"clusters": {**demand.clusters, "b": wanted.model_copy(update={"cluster": cluster})}}
    )


def test_an_arrangement_keeps_spread_and_apart() -> None:
    """Four racks of five units hold both kinds in pairs only, also when one of them asks for a rack for each node."""
    spread = spread_wish(spread=Spread(scope="rack", at_least=4, max_per_domain=1))
    found = placed(hall((5, 9000, 900), 4), spread)
    assert not found.unplaced
    assert len({seat.rack for name, seat in found.seats.items() if name.startswith("b-")}) == 4

    apart = spread_wish(apart_from=(Relation(cluster="a", scope="rack"),))
    assert placed(hall((5, 9000, 900), 4), apart).unplaced
    assert not placed(hall((5, 9000, 900), 6), apart).unplaced


def in_a_line(world: World, *, watts: dict[str, int]) -> World:
    """The racks of a hall, a metre from each other; some have feeds of other watts."""
    racks = {}
    for number, (name, rack) in enumerate(world.racks.items()):
        feeds = {key: replace(feed, available_w=watts.get(name, feed.available_w)) for key, feed in rack.feeds.items()}
        racks[name] = replace(rack, feeds=feeds, at_m=(float(number), 0.0, 0.0))
    return replace(world, racks=racks)


def test_an_arrangement_keeps_distances() -> None:
    """Best fit takes the middle of a row and leaves no two racks far enough from it; another arrangement does."""
    both = wish({"a": ((5, 110, 10), 2), "b": ((5, 100, 10), 2)})
    wanted = both.clusters["b"]
    asked = wanted.cluster.model_copy(update={"distances": (Distance(cluster="a", at_least_m=2),)})
    demand = both.model_copy(update={"clusters": {**both.clusters, "b": wanted.model_copy(update={"cluster": asked})}})
    world = in_a_line(hall((5, 9000, 900), 5), watts={"dc/a/1/003": 5000})
    found = placed(world, demand)
    assert not found.unplaced
    assert not refused(world, demand, found)
    assert placed(in_a_line(hall((5, 9000, 900), 4), watts={}), demand).unplaced


def test_a_share_of_a_cluster_is_kept() -> None:
    """Half of four nodes are two: a rack that has room for all of them takes no third one."""
    share = placed(hall((42, 90_000, 9000), 3), spread_wish(spread=Spread(scope="rack", max_share_percent=50)))
    racks = Counter(seat.rack for name, seat in share.seats.items() if name.startswith("b-"))
    assert not share.unplaced
    assert sorted(racks.values()) == [2, 2]


def test_an_arrangement_keeps_nodes_for_the_domains_that_are_missing() -> None:
    """A rack that has room for all nodes does not get those that a second rack must have."""
    spread = spread_wish(spread=Spread(scope="rack", at_least=2))
    run = PlacementRun(hall((42, 90_000, 9000), 2), spread, "s1", {}, ())
    run.settle()
    found = arrange(*run.waiting(), run.domain, run.may_both, goal=2)
    assert not found.missing
    assert len(set(found.racks["b"])) == 2


def test_moves_of_own_nodes_that_make_room_are_named() -> None:
    """A node that stands in the way of a larger one is named with the place to which it would move."""
    world = hall((5, 9000, 900), 2)
    before = wish({"a": ((1, 100, 10), 2)})
    seats = {"a-001": RackPosition("dc/a/1/001", 3), "a-002": RackPosition("dc/a/1/002", 3)}
    standing = tuple(
        Occupant(
            party="t1",
            stack="s1",
            name=name,
            rack=seat.rack,
            position=seat.position,
            u_height=1,
            draw=item.draw,
            weight_kg=10,
            standing="active",
        )
        for name, seat in seats.items()
        for item in [change_world(world, before, seats, stack="s1").occupants[0]]
    )
    after = wish({"a": ((1, 100, 10), 2), "b": ((3, 100, 10), 1)})
    found = place(world, after, stack="s1", sticky=seats, standing=standing)
    assert [*found.unplaced] == ["b-001"]
    assert "1 move of your own nodes would make room: a-001 to dc/a/1/001 U4" in found.unplaced["b-001"]
    chosen = after.clusters["a"].cluster.model_copy(update={"places": {"001": Place(rack="dc/a/1/001", position=4)}})
    moved = after.model_copy(
        update={"clusters": {**after.clusters, "a": after.clusters["a"].model_copy(update={"cluster": chosen})}}
    )
    assert not place(world, moved, stack="s1", sticky=seats, standing=standing).unplaced
    assert not refused(replace(world), after, found)


def test_the_best_mix_is_the_best_of_all_mixes() -> None:
    """With work enough, no other mix of up to three kinds is worth more."""
    numbers = random.Random(7)
    for _ in range(40):
        free = tuple(numbers.randint(3, 12) for _ in range(3))
        kinds = [
            NodeKind(
                asks=tuple(numbers.randint(0, 4) for _ in free),
                most=numbers.randint(0, 4),
                value=numbers.randint(1, 9),
                never_with=frozenset({2 - index} if index != 1 and numbers.random() < 0.3 else ()),
            )
            for index in range(3)
        ]
        best = max(
            one * kinds[0].value + two * kinds[1].value + three * kinds[2].value
            for one in range(kinds[0].most + 1)
            for two in range(kinds[1].most + 1)
            for three in range(kinds[2].most + 1)
            if all(
                one * kinds[0].asks[thing] + two * kinds[1].asks[thing] + three * kinds[2].asks[thing] <= have
                for thing, have in enumerate(free)
            )
            and not (one and three and (kinds[0].never_with or kinds[2].never_with))
        )
        for index, kind in enumerate(kinds):
            if kind.never_with:
                kinds[2 - index] = replace(kinds[2 - index], never_with=frozenset({index}))
        found = best_mix(kinds, free, SearchWork(100_000))
        assert sum(number * kind.value for number, kind in zip(found, kinds, strict=True)) == best
