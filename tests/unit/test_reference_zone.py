"""The reference zone is what its documentation says, and the faulty one has exactly the faults that it names."""

import difflib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from zonewright.declare.load import load_zone
from zonewright.model import Declaration, Location, Site
from zonewright.model.coverage import Tower
from zonewright.model.geodesy import route_m
from zonewright.model.world import SiteFacts, World
from zonewright.place import JudgedZone, judge_declaration
from zonewright.rules import evaluate
from zonewright.rules.disjoint import LinkNetwork
from zonewright.rules.network import free_bores
from zonewright.rules.paths import link_delay_ns
from zonewright.rules.site_power import contracted_power, design_power, rooms_of, size_class

ZONES = Path(__file__).parents[2] / "stacks" / "zones"
ON = "2026-11-24"
COMPARED = ("rule", "subject", "where", "value", "limit", "unit", "excess")


def declared(name: str) -> Declaration:
    """One of the two zones."""
    loaded = load_zone(ZONES / name, on=ON)
    assert loaded.problems == ()
    assert loaded.declaration is not None
    return loaded.declaration


@pytest.fixture(scope="module")
def reference() -> JudgedZone:
    """The reference zone with every node in its place."""
    return judge_declaration(declared("reference"), on=ON)


def test_nothing_refuses_the_reference_zone(reference: JudgedZone) -> None:
    """The clean zone has one finding, which a waiver covers, and advice on probes that have a single supply."""
    assert [(finding.rule, finding.level, finding.waiver) for finding in reference.findings] == [
        ("fill-before-open", "mandatory", "hall-c-for-finance"),
        ("single-loss", "advisory", None),
    ]


def test_racks_and_rows_are_those_stated(reference: JudgedZone) -> None:
    """8,332 racks without the planned room, of the stated watts, in rows of at most 40: so Yaozhuang has two rows."""
    racks = [rack for rack in reference.world.racks.values() if not rack.is_planned]
    assert (len(racks), len({rack.row for rack in racks})) == (8_332, 215)
    watts = Counter((rack.site, rack.design_w) for rack in racks)
    assert (watts["wj-dc1", 6_000], watts["wj-dc1", 40_000]) == (4_000, 400)
    assert (watts["qp-dc1", 5_000], watts["js-dc1", 4_000]) == (3_000, 750)


@pytest.mark.parametrize(
    ("site", "kilowatts", "pue", "size"),
    [
        ("wj-dc1", (40_000, 28_800), Fraction(116, 100), "mega"),
        ("qp-dc1", (15_000, 9_000), Fraction(120, 100), "large"),
        ("js-dc1", (3_000, 1_650), Fraction(145, 100), "medium"),
    ],
)
def test_fill_and_design_are_those_stated(
    reference: JudgedZone, site: str, kilowatts: tuple[int, int], pue: Fraction, size: str
) -> None:
    """Contracted and design power, design PUE and class of each data centre are the stated ones, to the watt."""
    assert reference.world.zone is not None
    facts, rooms = reference.world.zone.sites[site], rooms_of(reference.world.zone)[site]
    design_kw, contracted_kw = kilowatts
    design = design_power(facts, rooms)
    assert design.it_w == design_kw * 1000
    assert design.total_w is not None
    assert Fraction(design.total_w, design.it_w) == pue
    assert size_class(design.it_w) == size
    assert contracted_power(facts, rooms).it_w == contracted_kw * 1000


def test_a_quarter_megawatt_is_still_an_edge_site(reference: JudgedZone) -> None:
    """Edge sites have at most 100 standard racks of 2.5 kW; Yaozhuang has exactly as many."""
    assert reference.world.zone is not None
    rooms = rooms_of(reference.world.zone)
    edge = {
        name: sum(room.design_w for room in rooms[name].values())
        for name, facts in reference.world.zone.sites.items()
        if facts.site.kind == "edge"
    }
    assert len(edge) == 9
    assert max(edge.values()) == edge["js-edge-yz"] == 250_000


def test_links_and_ducts_are_those_stated(reference: JudgedZone) -> None:
    """Lengths, delays, free bores and the paths between data centres are the stated ones."""
    facts = reference.world.zone
    assert facts is not None
    assert sorted(facts.links) == [f"l{number:02}" for number in range(1, 15)]
    assert sorted(link for link, held in facts.links.items() if held.link.status == "planned") == ["l13", "l14"]
    delays = [link_delay_ns(facts.links[f"l{number:02}"].link, facts) for number in range(1, 8)]
    ring = sum(delay for delay in delays if delay is not None)
    assert None not in delays
    assert round(ring / 1000) == 504
    assert (free_bores(facts, "d-bridge-1"), free_bores(facts, "d-06")) == (1, 3)
    working = {}
    for start, end in (("qp-dc1", "wj-dc1"), ("qp-dc1", "js-dc1"), ("wj-dc1", "js-dc1"), ("wj-edge-sz", "wj-dc1")):
        fastest = LinkNetwork(facts).fastest(start, end)
        assert fastest is not None
        working[start, end] = round(fastest.delay_ns / 1000, 1)
    assert list(working.values()) == [226.4, 146.5, 131.3, 150.4]


def test_a_mast_beside_one_with_room_is_refused(reference: JudgedZone) -> None:
    """A mast that is planned 334 m from that of Fenhu may be built; one 279 m away is not needed."""
    facts = reference.world.zone
    assert facts is not None
    found = []
    for latitude in (31.0165, 31.0160):
        mast = Site(
            title="A mast",
            kind="edge",
            district="wujiang",
            location=Location(latitude=latitude, longitude=120.8374, crs="WGS84"),
            tower=Tower(platforms=3, status="planned"),
        )
        sites = {**facts.sites, "wj-mast": SiteFacts(owner="operator-a", site=mast)}
        world = World(racks={}, zone=replace(facts, sites=sites))
        found.append([one for one in evaluate(world, reach="zone") if one.rule == "tower-reuse"])
    assert [[(one.subject, one.value, one.limit, one.participants[1].name) for one in group] for group in found] == [
        [],
        [("wj-mast", 279, 300, "wj-dc1")],
    ]


def test_every_duct_is_longer_than_its_route(reference: JudgedZone) -> None:
    """A length as built is never below the geodesic of its route, and not absurdly above it."""
    assert reference.world.zone is not None
    for held in reference.world.zone.ducts.values():
        assert 1 <= held.duct.length_m / route_m(held.duct.route.points) < 1.5


@pytest.mark.slow
def test_the_faulty_zone_has_the_expected_findings() -> None:
    """What is found in the faulty zone equals expected-findings.yaml, and all eight faults are in it."""
    found = judge_declaration(declared("reference-faulty"), on=ON).findings
    expected = yaml.safe_load((ZONES / "reference-faulty" / "expected-findings.yaml").read_text(encoding="utf-8"))
    assert {item["fault"] for item in expected} == {f"F{number}" for number in range(1, 9)}
    told = [{key: getattr(finding, key) for key in COMPARED} for finding in found if finding.waiver is None]
    order = {str({key: item[key] for key in COMPARED}) for item in expected}
    assert {str(item) for item in told} == order
    assert len(told) == len(expected)


def differing() -> Iterator[tuple[str, str]]:
    """Each run of lines in which the faulty zone differs from the clean one, with its file."""
    for path in sorted((ZONES / "reference-faulty").rglob("*.yaml")):
        name = path.relative_to(ZONES / "reference-faulty")
        clean = (ZONES / "reference" / name).read_text(encoding="utf-8").splitlines() if name.stem[0] != "e" else []
        faulty = path.read_text(encoding="utf-8").splitlines()
        matcher = difflib.SequenceMatcher(a=clean, b=faulty, autojunk=False)
        for tag, _, _, start, stop in matcher.get_opcodes():
            if tag != "equal" and clean:
                yield str(name), "\n".join(faulty[start:stop])


def test_nothing_else_differs_in_the_faulty_zone() -> None:
    """Each difference from the clean zone names its fault, but for the head of zone.yaml and the ends of a fault."""
    seen: set[str] = set()
    files: dict[str, set[str]] = {}
    for name, text in differing():
        if name == "zone.yaml" and text.startswith("# The faulty reference zone"):
            continue
        marks = set(re.findall(r"\bF[1-8]\b", text))
        assert marks, f"{name}: {text}"
        files.setdefault(name, set()).update(marks)
        seen |= marks
    assert seen == {f"F{number}" for number in range(1, 9)}
    assert "zone.yaml" not in files
