"""A site's load model and load as the gate sees them: what is measured, what is claimed, and what opens a room."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.rule_cases import world
from zonewright.model.world import Measured, RoomTotals, SiteFacts
from zonewright.rules.energy_state import claimed_w, model_of, ratio_limit, ratio_text, state_of, trigger

WATTS = st.integers(0, 10_000_000)
ROOMS = st.dictionaries(st.sampled_from("abc"), st.builds(RoomTotals, WATTS, WATTS), max_size=3)


def site(**fields: Any) -> SiteFacts:
    """A site with two rooms of a fixed part each."""
    rooms = {"a": {"fixed_kw": 10}, "b": {"fixed_kw": 20.5}}
    given_: dict[str, Any] = {"overhead": {"plant_kw": 100.5, "slope": 0.13}, "rooms": rooms, **fields}
    facts = world({"sites": {"dc": given_}}).zone
    assert facts is not None
    return facts.sites["dc"]


@given(ROOMS, st.integers(1, 1000), WATTS)
def test_without_a_measured_load_claims_are_the_load(rooms: dict[str, RoomTotals], diversity: int, more_w: int) -> None:
    """Where no IT load is known, it is all that is claimed, times the diversity, whatever else is measured."""
    one, share = site(diversity=diversity / 1000), Fraction(diversity, 1000)
    unknown = Measured(trailing="undetermined", unmetered_w=more_w)
    for measured in (None, unknown):
        assert state_of(one, rooms, measured, since={}).it_w == share * claimed_w(rooms)


@given(ROOMS, ROOMS, st.integers(1, 1000), WATTS, WATTS)
def test_what_is_claimed_adds_to_what_is_measured(
    rooms: dict[str, RoomTotals], since: dict[str, RoomTotals], diversity: int, load_w: int, unmetered_w: int
) -> None:
    """What is not metered and what the change adds come on top, times the diversity; no load is below nothing."""
    one, share = site(diversity=diversity / 1000), Fraction(diversity, 1000)
    measured = Measured(trailing="within", it_load_w=load_w, unmetered_w=unmetered_w)
    assert state_of(one, rooms, measured).it_w == load_w + share * unmetered_w
    change_w = claimed_w(rooms) - claimed_w(since)
    assert state_of(one, rooms, measured, since=since).it_w == max(0, load_w + share * (unmetered_w + change_w))


@given(ROOMS)
def test_rooms_with_claims_are_open(rooms: dict[str, RoomTotals]) -> None:
    """The model has the plant, the slope, and the fixed part of each declared room in which something is claimed."""
    found = model_of(site(), rooms)
    fixed_w = {"a": 10_000, "b": 20_500}
    assert found.plant_w == 100_500
    assert found.slope == Fraction(13, 100)
    assert dict(found.rooms_w) == {
        name: fixed_w[name] for name in fixed_w if rooms.get(name, RoomTotals()).contracted_w
    }
    assert list(found.rooms_w) == sorted(found.rooms_w)


def test_a_site_without_overhead_has_none() -> None:
    """Without a declared overhead a site has no plant and no slope, and its design says nothing."""
    found = model_of(site(overhead=None), {"a": RoomTotals(1000, 1000)})
    assert (found.plant_w, found.slope) == (Fraction(), Fraction())
    assert trigger(site(overhead=None), {"a": RoomTotals(1000, 1000)}, Fraction(5, 4)) == "undetermined"


@pytest.mark.parametrize(("limit", "verdict"), [(Fraction(1), "breach"), (Fraction(9), "within")])
def test_the_worst_that_is_known_triggers(limit: Fraction, verdict: str) -> None:
    """The design alone decides while nothing is measured; after that the worst of it, the year and the projection."""
    rooms = {"a": RoomTotals(1_000_000, 1000)}
    assert trigger(site(), rooms, limit) == verdict
    good = Measured(trailing="within", projection="within")
    assert trigger(site(), rooms, limit, good) == verdict
    for bad in (Measured(trailing="breach", projection="within"), Measured(trailing="within", projection="breach")):
        assert trigger(site(), rooms, limit, bad) == "breach"
    assert trigger(site(), {}, limit) == "undetermined"


def test_exactly_at_the_limit_is_within() -> None:
    """A design of exactly the limit is within it, and one just above is not."""
    one, rooms = site(rooms={}, overhead={"plant_kw": 250, "slope": 0}), {"a": RoomTotals(1_000_000, 0)}
    assert trigger(one, rooms, Fraction(5, 4)) == "within"
    assert trigger(one, rooms, Fraction(5, 4) - Fraction(1, 10**9)) == "breach"


def test_the_limit_is_the_packs() -> None:
    """The ratio that may not be exceeded is 1.25, unless the pack in force says another one."""
    for limits, expected in (({}, Fraction(5, 4)), ({"design-pue": 1.3}, Fraction(13, 10))):
        facts = world({"limits": limits, "sites": {"dc": {}}}).zone
        assert facts is not None
        assert ratio_limit(facts.zone) == expected


@given(st.fractions(min_value=1, max_value=3))
def test_a_ratio_is_never_shown_lower_than_it_is(ratio: Fraction) -> None:
    """A ratio is shown with five decimals, rounded up, so that a breach never looks like the limit."""
    shown = Fraction(ratio_text(ratio))
    assert ratio <= shown < ratio + Fraction(1, 10**5)
    assert ratio_text(None) == "unknown"
