"""A chain of supply loses nothing: load is kept, a loss never makes another's load smaller, and order is no matter."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from zonewright.model import Site
from zonewright.model.expand import with_supply
from zonewright.model.power import FEEDS, Draw, Supply
from zonewright.model.rack import Feed, Rack
from zonewright.model.world import Occupant
from zonewright.rules.chains import Loads, carried, loads_of
from zonewright.rules.supply import lost_with

PANELS = ("pa", "pb")


@st.composite
def sites(draw: st.DrawFn) -> Site:
    """A site whose elements are supplied by some of those before them, in an order that is not told."""
    names = [f"e{number}" for number in range(draw(st.integers(1, 6)))]
    power = {
        name: {
            "kind": "ups",
            "supplied_by": draw(st.lists(st.sampled_from(names[:number]), unique=True, max_size=3)) if number else [],
            "redundancy": draw(st.sampled_from(["N", "N", "N+1", "2N"])),
            "status": draw(st.sampled_from(["active", "active", "active", "failed"])),
        }
        for number, name in enumerate(names)
    }
    panels = {
        name: {"substation": "s", "supplied_by": draw(st.lists(st.sampled_from(names), unique=True, max_size=2))}
        for name in PANELS
    }
    order = draw(st.permutations(names))
    return Site.model_validate(
        {"title": "S", "district": "d", "power": {name: power[name] for name in order}, "power_panels": panels}
    )


draws = st.integers(1, 4).flatmap(
    lambda supplies: st.builds(
        Draw, allocated_w=st.integers(0, 3000), supplies=st.just(supplies), required=st.integers(1, supplies)
    )
)


@st.composite
def filled(draw: st.DrawFn) -> tuple[Site, Mapping[str, Rack], Mapping[str, list[Occupant]]]:
    """A site with racks of one or two feeds, and a node in each."""
    site = draw(sites())
    racks: dict[str, Rack] = {}
    inside: dict[str, list[Occupant]] = {}
    for number, names in enumerate(draw(st.lists(st.sampled_from(["AB", "A", "B"]), max_size=4))):
        name = f"dc/a/1/{number:02}"
        feeds = {
            feed: Feed(available_w=9000, power_panel=draw(st.sampled_from(PANELS))) for feed in FEEDS if feed in names
        }
        racks[name] = Rack(id=name, owner="op", u_height=42, max_weight_kg=1000, feeds=feeds)
        node = Occupant(
            party="t", name=f"n-{number}", rack=name, position=1, u_height=1, draw=draw(draws), standing="wanted"
        )
        inside[name] = [node]
    return site, with_supply(racks, {"dc": site}), inside


def given_loads(case: tuple[Site, Mapping[str, Rack], Mapping[str, list[Occupant]]]) -> tuple[Supply, Loads]:
    """The elements and what the racks draw from them."""
    site, racks, inside = case
    return Supply(site), loads_of(racks.values(), inside)


@given(case=filled())
def test_a_loss_makes_no_other_load_smaller(
    case: tuple[Site, Mapping[str, Rack], Mapping[str, list[Occupant]]],
) -> None:
    """What stays up and supplied nothing of what is lost carries at least what it carried before."""
    supply, loads = given_loads(case)
    before = carried(supply, loads)
    for lost, dead in supply.losses().items():
        after = carried(supply, loads, lost)
        aside = {name for name in supply.elements.keys() - dead if not any(supply.is_behind(one, name) for one in dead)}
        assert all(after[name] >= before[name] for name in aside)
        assert all(after[name] == 0 for name in dead)


@given(case=filled())
def test_what_is_drawn_comes_from_the_elements(
    case: tuple[Site, Mapping[str, Rack], Mapping[str, list[Occupant]]],
) -> None:
    """Panels carry what all nodes that are up draw, and no element with one supplier more than that supplier."""
    site, racks, inside = case
    supply, loads = given_loads(case)
    now = carried(supply, loads)
    up = [item.draw for name, items in inside.items() for item in items if item.draw.is_up(racks[name].wiring)]
    drawn = sum(now[name] for name in PANELS)
    assert sum(one.allocated_w for one in up) <= drawn <= sum(one.allocated_w + 1 for one in up)
    for name in supply.elements.keys() - supply.dead():
        for one in supply.suppliers(name) if len(supply.suppliers(name)) == 1 else ():
            assert now[one] >= now[name]
    assert site.power.keys() <= now.keys()


@given(case=filled())
def test_a_node_is_said_to_go_down_with_what_takes_it_down(
    case: tuple[Site, Mapping[str, Rack], Mapping[str, list[Occupant]]],
) -> None:
    """A node goes down with one element exactly where it is said to, or goes down with a feed that this takes."""
    site, racks, inside = case
    chain = Supply(site)
    for name, rack in racks.items():
        (node,) = inside[name]
        if not node.draw.is_up(rack.wiring):
            assert lost_with(node.draw, rack) == ()
            continue
        said = lost_with(node.draw, rack)
        for element, dead in chain.losses().items():
            taken = [feed for feed in rack.wiring.live if rack.feeds[feed].source in dead]
            goes_down = bool(taken) and not node.draw.is_up(rack.wiring, lost=taken)
            named = chain.label(element) in said or any(f"feed {feed}" in said for feed in taken)
            assert goes_down == named


@given(site=sites())
def test_more_losses_leave_no_more_alive(site: Site) -> None:
    """What is dead now is dead with any loss too, and an element takes all that only it supplies."""
    supply = Supply(site)
    now = supply.dead()
    for lost, dead in supply.losses().items():
        assert now | {lost} <= dead
        for name in supply.elements:
            if supply.suppliers(name) == (lost,):
                assert name in dead


def test_a_long_chain_is_no_error() -> None:
    """A chain of thousands of elements in a line is followed to its end, and a ring of them supplies nothing."""
    line = {
        f"e{number}": {"kind": "ups", "supplied_by": [f"e{number - 1}"] if number else []} for number in range(3000)
    }
    base = {"title": "S", "district": "d"}
    supply = Supply(Site.model_validate(base | {"power": line}))
    assert supply.dead() == frozenset()
    assert supply.dead("e0") == supply.elements.keys()
    assert carried(supply, {}) == dict.fromkeys(line, 0)
    ring = Supply(Site.model_validate(base | {"power": line | {"e0": {"kind": "ups", "supplied_by": ["e2999"]}}}))
    assert ring.dead() == ring.elements.keys()
