"""What a change rests on at the gate: each premise is as loose as the decision allows, and fails when it must."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from zonewright.model import Limit, RulePack, Site, Zone
from zonewright.model.rule_pack import LimitName
from zonewright.model.world import Measured, RoomTotals, SiteFacts, World, ZoneFacts
from zonewright.place import Precondition, failed
from zonewright.place.energy_preconditions import energy_premises
from zonewright.rules.pue_gate import judged_sites

LIMITS: dict[LimitName, Limit] = {
    "design-pue": Limit(value=1.25, source="a clause"),
    "figure-age-days": Limit(value=45, source="a clause"),
}
PACK = RulePack(title="Pack", valid_from="2026-01-01", valid_until="2030-12-31", limits=LIMITS)
ZONE = Zone(zone="z", title="Zone", districts={}, parties={}, rule_packs={"pack": PACK}, rule_pack="pack")
SITE = {
    "title": "Data centre",
    "district": "north",
    "overhead": {"plant_kw": 600, "slope": 0.13},
    "rooms": {"a": {"fixed_kw": 450}, "d": {"fixed_kw": 150}},
}


def zone(loads: dict[str, float], measured: Measured | None = None, *, diversity: float = 1.0) -> ZoneFacts:
    """A zone of one data centre of 15 MW (20 MW with room d in use), with so many kilowatts claimed in its rooms."""
    site = Site.model_validate(SITE | {"diversity": diversity})
    designs = {"a": 15_000_000, "d": 5_000_000 if loads.get("d") else 0}
    return ZoneFacts(
        zone=ZONE,
        sites={"dc": SiteFacts(owner="op", site=site)},
        rooms={f"dc/{room}": RoomTotals(watts, round(loads.get(room, 0) * 1000)) for room, watts in designs.items()},
        measured={} if measured is None else {"dc": measured},
    )


def figures(it_load_kw: float, ratio: str = "1.24", age_days: float = 3.0) -> Measured:
    """A site that is measured within the limit."""
    return Measured(
        trailing="within",
        trailing_ratio=Fraction(ratio),
        projection="within",
        projection_ratio=Fraction(ratio),
        coverage=Fraction(1),
        it_load_w=round(it_load_kw * 1000),
        age_days=age_days,
    )


def now(facts: ZoneFacts) -> World:
    """The world as premises on energy look at it."""
    return World(racks={}, zone=facts)


def test_premises_of_a_measured_site() -> None:
    """Age, the three figures of the trigger, and the ratio without the change (1.13 + 1,050 / 8,150), as sentences."""
    seen = figures(9_000)
    found = energy_premises(zone({"a": 9_600}, seen), zone({"a": 9_000}, seen))
    assert [one.sentence() for one in found] == [
        "the readings of dc are at most 45 days old",
        "the energy ratio of dc by design is not above 1.25",
        "the energy ratio of dc measured over the trailing twelve months is not above 1.25",
        "the energy ratio of dc projected for the calendar year is not above 1.25",
        "the energy ratio of dc in the next twelve months, without this change, is not above 1.258834",
    ]


def test_premises_of_a_declared_site() -> None:
    """While the metering is declared there is no age, and the design is the only figure."""
    found = tuple(energy_premises(zone({"a": 9_600}), zone({"a": 9_000})))
    assert [(one.kind, one.of) for one in found] == [("figure", "design"), ("next-year", "")]


def test_a_removal_rests_on_nothing() -> None:
    """What leaves may leave whatever the figures are."""
    assert tuple(energy_premises(zone({"a": 1_000}), zone({"a": 9_000}))) == ()


def test_each_premise_fails_by_itself() -> None:
    """Older readings, a figure beyond the limit, less load, or no readings at all: just what changed is named."""
    seen = figures(9_000)
    premises = tuple(energy_premises(zone({"a": 9_600}, seen), zone({"a": 9_000}, seen)))

    def kinds(facts: ZoneFacts) -> list[str]:
        return [one.of or one.kind for one in failed(premises, now(facts), stack="s1")]

    assert kinds(zone({"a": 9_000}, seen)) == []
    assert kinds(zone({"a": 9_000}, replace(seen, age_days=46))) == ["figure-age"]
    assert kinds(zone({"a": 9_000}, replace(seen, trailing_ratio=Fraction("1.250001")))) == ["trailing"]
    assert kinds(zone({"a": 9_000}, replace(seen, projection_ratio=None))) == ["projection"]
    assert kinds(zone({"a": 9_000}, replace(seen, it_load_w=7_000_000))) == ["next-year"]
    assert kinds(zone({"a": 9_000})) == ["figure-age", "trailing", "projection"]
    assert len(failed(premises, World(racks={}), stack="s1")) == len(premises)


def test_premises_as_data() -> None:
    """Premises on energy survive the way through JSON."""
    seen = figures(9_000)
    found = tuple(energy_premises(zone({"a": 9_600}, seen), zone({"a": 9_000}, seen)))
    texts = TypeAdapter(tuple[Precondition, ...])
    assert texts.validate_json(texts.dump_json(found)) == found


@given(
    before=st.integers(1, 14_000),
    more=st.integers(1, 1_000),
    load=st.integers(10_000, 14_000),
    opens=st.booleans(),
    diversity=st.sampled_from([0.5, 0.8, 1.0]),
)
def test_the_bound_is_the_decisions(before: int, more: int, load: int, *, opens: bool, diversity: float) -> None:
    """A change that stays within the limit still does so at the highest ratio that its premise allows."""
    seen = figures(load)
    one = zone({"a": before}, seen, diversity=diversity)
    two = zone({"a": before, "d": more} if opens else {"a": before + more}, seen, diversity=diversity)
    (judged,) = judged_sites(two, one)
    assert judged.gate.decision == "admitted"
    bounds = [item for item in energy_premises(two, one) if item.kind == "next-year"]
    if not bounds:  # whatever the load is, the change alone brings enough
        smallest = zone({"a": before}, figures(0.001), diversity=diversity)
        (again,) = judged_sites(replace(two, measured=smallest.measured), smallest)
        assert again.gate.decision == "admitted"
        return
    ratio = Fraction(bounds[0].at_most, 10**6)
    fixed = judged.without.model.fixed_w
    least_w = int(fixed / (ratio - 1 - judged.without.model.slope)) + 1
    at_bound = {"dc": replace(seen, it_load_w=least_w)}
    assert failed(bounds, now(replace(one, measured=at_bound)), stack="s1") == ()
    (still,) = judged_sites(replace(two, measured=at_bound), one)
    assert still.gate.decision == "admitted"
    # The bound is rounded down to a millionth; a load that is a thousandth less is beyond it for certain.
    less = {"dc": replace(seen, it_load_w=least_w * 999 // 1000 - 1)}
    assert failed(bounds, now(replace(one, measured=less)), stack="s1") == tuple(bounds)
