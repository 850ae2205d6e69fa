"""What a change of the zone answers for: what it makes worse, on the terms that its rule packs lay down."""

from typing import Any

import pytest

from support.rule_cases import world
from zonewright.ledger.deciding.measuring import terms_of
from zonewright.ledger.deciding.zone_judge import judge_zone
from zonewright.model import District, RulePack, Zone
from zonewright.rules import Finding

OVERHEAD = {"slope": 0}


def refused(limits: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> list[Finding]:
    """What refuses an operator's change from one site and its rooms to another one."""
    first, second = (world({"limits": limits, "findings": [], **one}) for one in (before, after))
    assert first.zone is not None
    return [one for one in judge_zone(first.zone, second, party="op", racks=None) if one.refuses]


def site(**site: Any) -> dict[str, Any]:
    """A site with one room that has 600 kW of load."""
    return {"sites": {"dc": site}, "rooms": {"dc/a": [800, 600]}}


@pytest.mark.parametrize(
    ("limits", "before", "after"),
    [
        pytest.param(
            {"battery-minutes": 15, "generator-minutes": 60},
            site(overhead=OVERHEAD, backup={"battery_kwh": 50, "generator_kw": 700, "fuel_kwh": 500}),
            site(overhead=OVERHEAD, backup={"battery_kwh": 150, "generator_kw": 700, "fuel_kwh": 450}),
            id="more batteries for less fuel",
        ),
        pytest.param(
            {"room-density-w-per-m2": 1500},
            site(rooms={"a": {}}),
            {**site(rooms={"a": {}}), "rooms": {"dc/a": [800, 700]}},
            id="more load in a room without a floor",
        ),
        pytest.param(
            {"room-density-w-per-m2": 1500},
            site(rooms={"a": {"floor_m2": 300}}),
            site(rooms={"a": {}}),
            id="a floor that is left out",
        ),
    ],
)
def test_what_gets_worse_is_refused(limits: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> None:
    """What breaks already may stay; it may not grow by a gain elsewhere or by a figure that is left out."""
    assert not refused(limits, before, before)
    assert refused(limits, before, after)


def test_a_pack_trusts_no_more_readings_than_those_that_it_extends() -> None:
    """A pack that says nothing of them has the usual classes, and not those that the pack above leaves out."""
    days = {"title": "P", "valid_from": "2026-01-01", "valid_until": "2030-12-31"}
    limits = {"design-pue": {"value": 1.25, "source": "a letter"}}
    above = RulePack.model_validate({**days, "limits": limits, "trusted": ["signed"]})
    zone = Zone(
        zone="z",
        title="Z",
        districts={"n": District(title="N")},
        parties={},
        rule_packs={"above": above, "ours": RulePack.model_validate({**days, "extends": "above"})},
        rule_pack="ours",
    )
    terms = terms_of(zone)
    assert terms is not None
    assert terms.trusted == {"signed"}
