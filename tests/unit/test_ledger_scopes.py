"""Which scopes a change holds: everything that its decision reads, with the reason; alone whenever that is not sure."""

from dataclasses import replace
from typing import Any

import pytest

from support.own_rule_code import own_pack
from support.zone_project import ZONE
from zonewright.ledger.store.scopes import HEAD, LockScope, ScopeFacts, Touch, WholeZone, scopes_of, touching
from zonewright.model import Zone
from zonewright.model.own_rule import OwnRuleSubject
from zonewright.rules.registry import RULES

_WANTS = Touch(stack_id="stack-1", party="tenant-a", sites=frozenset({"dc2"}))


def zone(**more: Any) -> Zone:
    """A zone with two districts."""
    districts = {"north": {"title": "North"}, "south": {"title": "South"}}
    return Zone.model_validate({**ZONE, "districts": districts, **more})


def known(zone_file: Zone | None = None, **more: Any) -> ScopeFacts:
    """A stack with something at ``dc1``, in a zone with two sites in the north and one in the south."""
    given: dict[str, Any] = {
        "zone": zone_file or zone(),
        "party": "tenant-a",
        "sites": frozenset({"dc1"}),
        "districts": {"dc1": "north", "dc2": "north", "dc3": "south"},
    }
    return ScopeFacts(**{**given, **more})


def names(touch: Touch, around: ScopeFacts) -> list[str]:
    """Names of the scopes, without their ranks."""
    found = scopes_of(touch, around)
    assert not isinstance(found, WholeZone), found.why
    assert [scope.name for scope in found] == sorted(scope.name for scope in found), "they are held in another order"
    assert all(scope.why for scope in found)
    assert all(scope.name < HEAD.name for scope in found), "the head is held last"
    return [scope.name[2:] for scope in found]


def test_a_change_holds_its_stack_its_sites_and_its_party() -> None:
    """Where it has something and where it wants something: rules and addresses look at whole sites."""
    assert names(_WANTS, known()) == ["stack stack-1", "site dc1", "site dc2", "party tenant-a"]
    assert names(touching("stack-1"), known()) == ["stack stack-1", "site dc1", "party tenant-a"]
    assert names(touching("stack-1"), known(sites=frozenset(), party="")) == ["stack stack-1"]


@pytest.mark.parametrize(("of", "sums"), [("rack", []), ("zone", ["sums"])])
def test_a_rule_of_the_zones_own_that_reads_all_sites_holds_the_sums(of: OwnRuleSubject, sums: list[str]) -> None:
    """What it reads of other sites does not move while it decides; a rule of racks is covered by its sites."""
    own = zone().model_copy(update={"rule_packs": {"own": own_pack(of=of)}, "rule_pack": "own"})
    assert names(_WANTS, known(own)) == ["stack stack-1", "site dc1", "site dc2", "party tenant-a", *sums]


@pytest.mark.parametrize(
    ("quota", "held"),
    [
        ({"district": "north"}, True),
        ({"district": "north", "party": "tenant-a"}, True),
        ({"district": "north", "party": "tenant-b"}, False),
        ({"district": "south"}, False),
        ({"party": "tenant-a"}, False),
    ],
)
def test_a_quota_of_its_district_holds_the_district(quota: dict[str, str], *, held: bool) -> None:
    """Only where the change counts in it; a party's own quota is covered by the party."""
    around = known(zone(quotas={"q": {**quota, "it_kw": 1}}))
    assert ("district north" in names(_WANTS, around)) is held
    assert "party tenant-a" in names(_WANTS, around)


def test_a_district_with_limited_energy_is_held() -> None:
    """The energy of all claims of a district is compared with what it may take in a year."""
    districts = {"north": {"title": "North", "energy_quota_mwh": 1}, "south": {"title": "South", "energy_quota_mwh": 1}}
    assert "district north" in names(_WANTS, known(zone(districts=districts)))
    assert "district south" not in names(_WANTS, known(zone(districts=districts)))


def test_who_may_open_a_planned_row_holds_what_is_built() -> None:
    """The design of a district and of the zone grows with the first node in a planned row, and only then."""
    pack = {"title": "P", "valid_from": "2020-01-01", "valid_until": "2030-01-01"}
    limits = {"zone-utilization": {"value": 0.65, "source": "x"}}
    north = {"title": "North", "connection_capacity_kw": 1}
    limited = zone(
        districts={"north": north, "south": {"title": "South"}},
        rule_packs={"p": {**pack, "limits": limits}},
        rule_pack="p",
    )
    around = known(limited, planned=frozenset({"dc2"}))
    assert names(_WANTS, around)[3:] == ["district north", "party tenant-a", "sums"]
    assert "sums" not in names(_WANTS, known(limited))
    assert "district north" not in names(_WANTS, known(limited, planned=frozenset({"dc3"})))


@pytest.mark.parametrize(
    ("touch", "around"),
    [
        (replace(_WANTS, has_assets=True), {}),
        (_WANTS, {"has_assets": True}),
        (_WANTS, {"has_lasting": True}),
        (replace(_WANTS, party="operator"), {}),
        (replace(_WANTS, party=""), {"party": "operator"}),
        (replace(_WANTS, sites=frozenset({"dc9"})), {}),
        (_WANTS, {"zone": None}),
    ],
    ids=["wants assets", "has assets", "reserved for days", "operator", "enrolled operator", "unknown site", "no zone"],
)
def test_what_is_not_sure_is_alone(touch: Touch, around: dict[str, Any]) -> None:
    """Assets are read by everybody, and what nobody knows may be."""
    found = scopes_of(touch, replace(known(), **around))
    assert isinstance(found, WholeZone)
    assert found.why


COVERED_BY = {
    "fill-before-open": "site",
    "feed-diversity": "site",
    "design-pue": "site",
    "pue-gate": "site",
    "connection-capacity": "district",
    "energy-quota": "district",
    "backup-power": "site",
    "cooling-capacity": "site",
    "room-density": "site",
    "quota": "district and party",
    "zone-utilization": "sums",
    "site-sharing": "nothing: it only advises",
    "name-owner": "alone",
    "link-route": "alone",
    "duct-bores": "alone",
    "offered-bores": "alone",
    "link-cores": "alone",
    "offered-cores": "alone",
    "land-quota": "alone",
    "reuse-first": "alone",
    "ring-closed": "alone",
    "srlg-disjoint": "alone",
    "latency-budget": "alone",
    "bandwidth-after-failure": "sums",
    "tower-reuse": "alone",
    "station-distance": "alone",
    "coverage": "alone",
}
"""What who changes something that such a rule reads holds; ``alone``: only assets and the zone's file are read."""


def test_a_promise_of_bandwidth_holds_the_sums() -> None:
    """Two stacks that are promised bandwidth on one link, at whatever sites, are not decided at once."""
    assert "sums" in names(replace(_WANTS, has_promises=True), known())
    assert "sums" not in names(_WANTS, known())


def test_each_rule_that_looks_beyond_racks_is_covered() -> None:
    """Whoever adds such a rule says here which scope covers what it reads, and sees to it that it is held."""
    assert {rule.id for rule in RULES if rule.reach == "zone"} == COVERED_BY.keys()


def test_who_only_keeps_texts_holds_its_party() -> None:
    """Texts are no part of the zone; who brought them is noted for each party."""
    assert scopes_of(Touch(party="tenant-a"), known()) == (LockScope("party", "tenant-a", "which texts it brought"),)
    assert scopes_of(Touch(), known(zone=None)) == ()
