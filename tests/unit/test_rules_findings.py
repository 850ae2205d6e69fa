"""What becomes of findings: waivers that cover them or nothing, who may move, and what is passed on as data."""

from dataclasses import replace
from fractions import Fraction

import pytest

from support.rule_cases import CASES, documents, world
from support.zone_project import ZONE
from zonewright.model import Zone
from zonewright.model.power import Draw
from zonewright.model.world import Bystanders, ClusterFacts, Measured, Occupant, World, ZoneFacts
from zonewright.rules import evaluate
from zonewright.rules.finding import Finding, Participant
from zonewright.rules.surroundings import surroundings_of
from zonewright.rules.view import movable, view_of
from zonewright.rules.waivers import idle_waivers, with_waivers

FINDING = Finding(
    rule="reuse-first",
    level="mandatory",
    subject="dc/a/1/01",
    where="clusters.core",
    message="m",
    value=3,
    limit=0,
    unit="U",
    excess=3,
    participants=(Participant(party="t1", name="core-001"), Participant(party="op", name="old")),
    fix="f",
    reference="r",
)


def zone(**waiver: object) -> Zone:
    """The small zone with one waiver for three units in two racks in July."""
    fields = {
        "rule": "reuse-first", "owner": "operator", "approver": "zone", "reason": "a move", "max_excess": 3,
        "subjects": ["dc/a/1/01", "dc/a/1/02"],
        "valid_from": "2026-07-01", "valid_until": "2026-07-31", **waiver,
    }  # fmt: skip
    return Zone.model_validate({**ZONE, "waivers": {"w1": fields}})


@pytest.mark.parametrize(
    ("changed", "on", "is_covered"),
    [
        ({}, "2026-07-01", True),
        ({}, "2026-07-31", True),
        ({}, "2026-06-30", False),
        ({}, "2026-08-01", False),
        ({"excess": 4}, "2026-07-10", False),
        ({"subject": "dc/a/1/03"}, "2026-07-10", False),
        ({"rule": "srlg-disjoint"}, "2026-07-10", False),
    ],
)
def test_a_waiver_covers_what_it_says(changed: dict[str, object], on: str, *, is_covered: bool) -> None:
    """The rule, one of the subjects, a day from the first to the last, and no more excess than was waived."""
    finding = replace(FINDING, **changed)  # type: ignore[arg-type] # fields by name
    (found,) = with_waivers([finding], zone(), on)
    assert found.waiver == ("w1" if is_covered else None)
    idle = list(idle_waivers([found], zone(), on))
    assert [one.subject for one in idle] == ([] if is_covered else ["w1"])


def test_an_idle_waiver_is_told() -> None:
    """One that is over or not begun is a remark with its days; one that covers nothing now refuses."""
    (over,) = idle_waivers([], zone(), "2026-08-01")
    assert (over.rule, over.level, over.where) == ("waiver-use", "advisory", "waivers.w1")
    assert over.message == "waiver w1 is valid from 2026-07-01 to 2026-07-31, not on 2026-08-01"
    assert over.participants == (Participant(party="zone", name="w1"),)
    (early,) = idle_waivers([], zone(), "2026-06-30")
    assert early.level == "advisory"
    (nothing,) = idle_waivers([], zone(max_excess=1_000), "2026-07-31")
    assert nothing.level == "mandatory"
    assert nothing.message == (
        "waiver w1 covers nothing: there is no finding of reuse-first at dc/a/1/01, dc/a/1/02 within its max_excess "
        "of 1,000"
    )
    two = Zone.model_validate(
        {**ZONE, "waivers": {**zone().model_dump()["waivers"], "w2": zone().model_dump()["waivers"]["w1"]}}
    )
    covered = with_waivers([FINDING], two, "2026-07-01")
    assert [one.subject for one in idle_waivers(covered, two, "2026-07-01")] == ["w2"]


def test_a_finding_comes_back_from_its_data() -> None:
    """Data of a finding give the same finding, participants too, also where there are none."""
    assert Finding.from_data(FINDING.to_data()) == FINDING
    alone = replace(FINDING, participants=())
    data = alone.to_data()
    assert Finding.from_data(data) == alone
    del data["participants"]
    assert Finding.from_data(data) == alone


def occupant(name: str, **given: object) -> Occupant:
    """One of ours in a rack."""
    fields = {
        "party": "t1",
        "rack": "dc/a/1/01",
        "position": 1,
        "u_height": 1,
        "draw": Draw(allocated_w=1),
        "standing": "wanted",
    }
    return Occupant(name=name, **{**fields, **given})  # type: ignore[arg-type] # fields by name


def test_who_can_be_moved() -> None:
    """Wanted nodes come first, in order of name, else own ones with a path; baseline and what leaves do not move."""
    wanted = [occupant("b"), occupant("a")]
    standing = occupant("s", standing="active", path="clusters.s")
    others = [
        occupant("x", standing="active"), occupant("y", standing="baseline", path="p"),
        occupant("z", standing="releasing", path="p"),
    ]  # fmt: skip
    assert [one.name for one in movable([*others, standing, *wanted])] == ["a", "b"]
    assert [one.name for one in movable([*others, standing])] == ["s"]
    assert movable(others) == []


def test_only_clusters_that_are_judged_are_grouped() -> None:
    """Nodes of a cluster come from everybody's, those of bystanders first, and other clusters are left out."""
    there = tuple(occupant(f"{one}-001", cluster=one, standing="active", stack="s1") for one in ("core", "edge"))
    here = tuple(occupant(f"{one}-002", cluster=one, stack="s1") for one in ("core", "edge"))
    alone = occupant("lone", stack="s1")
    judged = ClusterFacts(party="t1", stack="s1", name="core", site="dc", path="clusters.core")
    view = view_of(World(racks={}, bystanders=Bystanders(there), occupants=(*here, alone), clusters=(judged,)), None)
    assert {key: [one.name for one in held] for key, held in view.in_cluster.items()} == {
        ("t1", "s1", "core"): ["core-001", "core-002"]
    }
    assert [one.name for one in view.in_rack["dc/a/1/01"]] == ["core-001", "edge-001", "core-002", "edge-002", "lone"]
    assert list(view_of(World(racks={}, occupants=here), frozenset({"dc/a/1/02"})).in_rack) == []


def test_configurations_know_the_limits_of_the_zone() -> None:
    """Limits are given as text with their day; where the zone has none nothing is said."""
    plain = surroundings_of(ZoneFacts(zone=Zone.model_validate(ZONE)), ["dc"])
    pack = {
        "title": "P", "valid_from": "2026-01-01", "valid_until": "2027-01-01",
        "limits": {"design-pue": {"value": 1.3, "source": "s", "applies_from": "2024-01-01"}},
    }  # fmt: skip
    ruled = Zone.model_validate({**ZONE, "rule_packs": {"p": pack}, "rule_pack": "p"})
    found = surroundings_of(ZoneFacts(zone=ruled), ["dc"])
    assert (found.ratio_limit, found.ratio_applies_from) == ("1.3", "2024-01-01")
    assert (plain.ratio_limit, plain.ratio_applies_from) == ("", "")
    assert plain.figure_age_days == found.figure_age_days > 0


def test_the_gate_tells_what_is_measured() -> None:
    """A finding of the gate has the figures that triggered it, their coverage, age, category and trust."""
    (data, *_) = documents(CASES / "pue-gate" / "failing-beyond-and-better.yaml")
    here = world(data)
    assert here.zone is not None
    measured = Measured(
        trailing="breach", trailing_ratio=Fraction(13, 10), projection="undetermined", projection_ratio=None,
        coverage=Fraction(995, 1000), it_load_w=7_000_000, unmetered_w=500_000, age_days=2.25,
        category="PUE2", trust="signed", reason="one meter is late",
    )  # fmt: skip
    (found,) = evaluate(replace(here, zone=replace(here.zone, measured={"dc": measured})))
    said = (
        "trailing twelve months 1.30000 breach, projection of the year unknown undetermined, coverage 99.5 %, 2.2 days "
        "old, PUE2, signed readings, one meter is late; load model declared"
    )
    assert said in found.message
    # 7,500 kW are measured or not metered yet, and the change adds 600 kW: 1.13 + 1,050/7,500 and 1.13 + 1,050/8,100
    assert "from 1.27000 to 1.25963" in found.message
