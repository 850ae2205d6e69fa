"""Limits are exact and loads only ever add up: one unit more flips a verdict, and more load never mends one."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from zonewright.model.power import FEEDS, Draw, Wiring, other
from zonewright.model.rack import Feed, Rack
from zonewright.model.supply import FeedName
from zonewright.model.world import Occupant, World
from zonewright.rules import Finding, evaluate
from zonewright.rules.geometry import bits, longest_free, lowest_free
from zonewright.rules.loads import KILOGRAM, WORST, by_key, limits, total, watts
from zonewright.rules.supply import lost_with

RACK = "dc/a/1/01"

draws = st.integers(1, 4).flatmap(
    lambda supplies: st.builds(
        Draw,
        allocated_w=st.integers(0, 3000),
        supplies=st.just(supplies),
        required=st.integers(1, supplies),
        worst_share_thousandths=st.integers(500, 1000),
        single_feed=st.sampled_from(["A", "B"]),
    )
)
loads = st.lists(st.tuples(draws, st.integers(0, 60_000)), min_size=1, max_size=6)
feed_sets = st.sampled_from([("A", "B"), ("A",), ("B",)])


def world(items: list[tuple[Draw, int]], a_w: int, b_w: int, names: tuple[FeedName, ...], max_kg: int) -> World:
    """One rack with nodes of given draw and grams, each on its own unit."""
    watts = {"A": a_w, "B": b_w}
    rack = Rack(
        id=RACK,
        owner="op",
        u_height=60,
        max_weight_kg=max_kg,
        feeds={name: Feed(available_w=watts[name], power_panel="p") for name in names},
    )
    nodes = tuple(
        Occupant(
            party="t1",
            stack="s1",
            name=f"core-{number:03}",
            rack=RACK,
            position=number,
            u_height=1,
            draw=draw,
            weight_kg=grams / KILOGRAM,
            standing="wanted",
            path="clusters.core",
        )
        for number, (draw, grams) in enumerate(items, start=1)
    )
    return World(racks={RACK: rack}, occupants=nodes)


def of_rule(found: tuple[Finding, ...], rule: str) -> list[Finding]:
    """Findings of one rule."""
    return [finding for finding in found if finding.rule == rule]


@given(items=loads, more=st.tuples(draws, st.integers(0, 60_000)), names=feed_sets, data=st.data())
def test_more_load_never_clears_a_finding(
    items: list[tuple[Draw, int]], more: tuple[Draw, int], names: tuple[FeedName, ...], data: st.DataObject
) -> None:
    """One node more: each feed and weight finding is still there, with at least the excess it had."""
    a_w, b_w, kg = data.draw(st.integers(0, 5000)), data.draw(st.integers(0, 5000)), data.draw(st.integers(0, 100))
    before = evaluate(world(items, a_w, b_w, names, kg))
    after = evaluate(world([*items, more], a_w, b_w, names, kg))
    for rule in ("feed-capacity", "feed-failover", "rack-weight"):
        one, two = of_rule(before, rule), of_rule(after, rule)
        assert len(two) >= len(one)
        assert sum(finding.excess for finding in two) >= sum(finding.excess for finding in one)


@given(items=loads, names=feed_sets)
def test_one_watt_flips_the_verdict(items: list[tuple[Draw, int]], names: tuple[FeedName, ...]) -> None:
    """With exactly the watts that are needed there is no finding, with one watt less on a feed there is."""
    roomy = world(items, 10**6, 10**6, names, 3000)
    sums = total(by_key(roomy.occupants, Wiring(frozenset(names))).values())
    needed = {"A": max(sums[2], sums[5]), "B": max(sums[3], sums[4])}
    exact = world(items, needed["A"], needed["B"], names, 3000)
    assert evaluate(exact) == ()
    for name in names:
        if needed[name]:
            less = {**needed, name: needed[name] - 1}
            found = evaluate(world(items, less["A"], less["B"], names, 3000))
            assert found
            assert {finding.excess for finding in found} == {1}


@given(items=loads)
def test_one_kilogram_flips_the_verdict(items: list[tuple[Draw, int]]) -> None:
    """A rack that carries the weight rounded up is enough, one kilogram less is not."""
    needed = -(-sum(grams for _, grams in items) // KILOGRAM)
    assert not of_rule(evaluate(world(items, 10**6, 10**6, ("A", "B"), needed)), "rack-weight")
    assert of_rule(evaluate(world(items, 10**6, 10**6, ("A", "B"), needed - 1)), "rack-weight") or not needed


@given(position=st.integers(1, 50), u_height=st.integers(1, 10), other_u=st.integers(1, 10), gap=st.integers(-3, 3))
def test_one_unit_flips_the_verdict(position: int, u_height: int, other_u: int, gap: int) -> None:
    """Two nodes overlap if and only if the upper one begins below the end of the lower one, by that many units."""
    base = world([(Draw(allocated_w=0), 0), (Draw(allocated_w=0), 0)], 1, 1, ("A", "B"), 3000)
    low = replace(base.occupants[0], position=position, u_height=u_height)
    high = replace(base.occupants[1], position=position + u_height + gap, u_height=other_u)
    rack = replace(base.racks[RACK], u_height=80)
    found = of_rule(evaluate(World(racks={RACK: rack}, occupants=(low, high))), "unit-overlap")
    shared = len(set(low.units) & set(high.units))
    assert [finding.value for finding in found] == ([shared] if shared else [])


@given(rack_u=st.integers(1, 52), position=st.integers(-3, 60), u_height=st.integers(1, 60))
def test_range_counts_the_units_outside(rack_u: int, position: int, u_height: int) -> None:
    """The excess of unit-range is the number of units that the rack does not have."""
    base = world([(Draw(allocated_w=0), 0)], 1, 1, ("A", "B"), 3000)
    item = replace(base.occupants[0], position=position, u_height=u_height)
    found = evaluate(World(racks={RACK: replace(base.racks[RACK], u_height=rack_u)}, occupants=(item,)))
    outside = sum(1 for unit in item.units if not 1 <= unit <= rack_u)
    assert [finding.excess for finding in found] == ([outside] if outside else [])


@given(items=loads, data=st.data())
def test_findings_do_not_depend_on_order(items: list[tuple[Draw, int]], data: st.DataObject) -> None:
    """Occupants in another order give the same findings in the same order."""
    one = world(items, 800, 900, ("A", "B"), 20)
    crowded = tuple(
        replace(item, position=1 + index // 2, rack=data.draw(st.sampled_from([RACK, "dc/z/9/99"])))
        for index, item in enumerate(one.occupants)
    )
    shuffled = tuple(data.draw(st.permutations(list(crowded))))
    assert evaluate(replace(one, occupants=crowded)) == evaluate(replace(one, occupants=shuffled))


@given(items=loads, data=st.data())
def test_judging_some_racks_is_judging_all_of_them_less_the_rest(
    items: list[tuple[Draw, int]], data: st.DataObject
) -> None:
    """The findings of some racks are those findings of the whole world that are about these racks."""
    one = world(items, 800, 900, ("A", "B"), 20)
    ids = ["dc/a/1/01", "dc/a/1/02", "dc/a/1/03"]
    racks = {rack_id: replace(one.racks[RACK], id=rack_id) for rack_id in ids[:2]}
    spread = tuple(replace(item, rack=data.draw(st.sampled_from(ids))) for item in one.occupants)
    whole = World(racks=racks, occupants=spread)
    some = data.draw(st.sets(st.sampled_from(ids)))
    assert evaluate(whole, racks=some) == tuple(item for item in evaluate(whole) if item.subject in some)


@given(taken=st.integers(0, 2**20), rack_u=st.integers(1, 18), needed_u=st.integers(1, 6))
def test_lowest_free_is_what_a_search_finds(taken: int, rack_u: int, needed_u: int) -> None:
    """The bits give what trying one position after the other gives."""
    starts = range(1, rack_u - needed_u + 2)
    tried = (start for start in starts if not any(taken >> unit & 1 for unit in range(start, start + needed_u)))
    found = lowest_free(taken, rack_u=rack_u, needed_u=needed_u)
    assert found == next(tried, None)
    assert (found is not None) == (longest_free(taken, rack_u=rack_u) >= needed_u)
    assert found is None or not taken & bits(found, needed_u)


@given(items=loads, a_w=st.integers(0, 5000), b_w=st.integers(0, 5000), names=feed_sets)
def test_loads_and_limits_have_the_same_shape(
    items: list[tuple[Draw, int]], a_w: int, b_w: int, names: tuple[FeedName, ...]
) -> None:
    """A rack has one limit for each figure, and the even share is never above the worst."""
    one = world(items, a_w, b_w, names, 100)
    sums = total(by_key(one.occupants, Wiring(frozenset(names))).values())
    assert len(sums) == len(limits(one.racks[RACK]))
    assert sums[0] <= sums[2]
    assert sums[1] <= sums[3]


@given(draw=draws, lost=st.sampled_from(FEEDS), names=feed_sets)
def test_what_a_loss_takes_down_is_down_after_it(draw: Draw, lost: FeedName, names: tuple[FeedName, ...]) -> None:
    """The feeds that a node is said to go down with are those whose failure takes it down; other load never falls."""
    (before,) = world([(draw, 0)], 9_000, 9_000, names, 100).racks.values()
    after = replace(before, failed_feeds=frozenset({lost}) & frozenset(names))
    said = f"feed {lost}" in lost_with(draw, before)
    assert said == (lost in names and not draw.is_up(after.wiring))
    index = WORST[other(lost)]
    if draw.is_up(after.wiring):
        assert watts(draw, after.wiring)[index] >= watts(draw, before.wiring)[index]
