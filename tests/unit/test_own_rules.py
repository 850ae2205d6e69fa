"""Rules that a zone writes itself: their code runs confined, gives figures, and refuses what it cannot tell."""

import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import IO
from unittest.mock import patch

import pytest

from support.own_rule_code import COUNTS, own_pack
from zonewright.audit.evidence.checks import Check, open_
from zonewright.audit.verify import verify
from zonewright.cli import main
from zonewright.model import District, Zone
from zonewright.model.canonical import digest_of
from zonewright.model.power import Draw
from zonewright.model.rack import Feed, Rack
from zonewright.model.rule_pack import Waiver
from zonewright.model.world import ClusterFacts, Occupant, World, ZoneFacts
from zonewright.own_rules import confined, evaluate_all, in_time, only_trusted
from zonewright.own_rules.confined import OwnAnswer, run_rule
from zonewright.own_rules.trusted import SETTINGS, VARIABLE, distrusted
from zonewright.render.validators import confinement
from zonewright.rules import Finding
from zonewright.rules.finding import masked_for
from zonewright.rules.masking import without_sums
from zonewright.rules.waivers import with_waivers

pytestmark = pytest.mark.slow
RACK = "dc/a/1/01"
TITLE = "must hold: There are few of them"


def world(code: str = COUNTS["rack"], *, level: str = "mandatory", acting: str = "") -> World:
    """A rack with a node of ``t1``, who acts, and one of ``t2``, in a zone with one rule of its own."""
    pack = own_pack(code=code).model_copy(update={})
    rule = pack.rules["counted"].model_copy(update={"level": level})
    pack = pack.model_copy(update={"rules": {"counted": rule}})
    zone = Zone(
        zone="z", title="Z", districts={"n": District(title="N")}, parties={}, rule_packs={"own": pack}, rule_pack="own"
    )
    rack = Rack(
        id=RACK, owner="op", u_height=42, max_weight_kg=900, feeds={"A": Feed(available_w=5000, power_panel="p")}
    )
    nodes = tuple(
        Occupant(
            party=party,
            stack=party,
            name=f"secret-of-{party}-001",
            rack=RACK,
            position=number,
            u_height=1,
            draw=Draw(allocated_w=100),
            standing="wanted" if party == "t1" else "active",
            cluster="web",
            path="clusters.web" if party == "t1" else "",
        )
        for number, party in enumerate(("t1", "t2"), start=1)
    )
    clusters = (ClusterFacts(party="t1", stack="t1", name="web", site="dc", path="clusters.web"),)
    facts = ZoneFacts(zone=zone)
    return World(racks={RACK: rack}, occupants=nodes, clusters=clusters, zone=facts, acting=acting)


def own_of(found: tuple[Finding, ...]) -> list[Finding]:
    """Findings of the zone's own rules."""
    return [one for one in found if one.rule.startswith("own/")]


def test_a_finding_has_the_figures_of_the_code_and_our_words() -> None:
    """Where, whose and how far beyond is told; the name of another party's node is in no sentence."""
    (found,) = own_of(evaluate_all(world()))
    assert (found.rule, found.level, found.subject, found.where) == ("own/counted", "mandatory", RACK, "clusters.web")
    assert (found.value, found.limit, found.excess, found.unit) == (2, 0, 2, "nodes")
    assert found.message == f"{RACK}: 2 nodes where the zone's own rule has 0 nodes; {TITLE}"
    assert [(one.party, one.name) for one in found.participants] == [
        ("t1", "secret-of-t1-001"),
        ("t2", "secret-of-t2-001"),
    ]


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("def check(facts, limit):\n    open('/etc/shadow')", "line 2: FileNotFoundError"),
        ("def check(facts, limit):\n    open('/usr/mine', 'w')", "line 2: OSError"),
        ("def check(facts, limit):\n    open('/zonewright-files/more', 'w')", "line 2: OSError"),
        ("def check(facts, limit):\n    return {}['secret']", "its code failed at line 2: KeyError; must"),
        ("import os\ndef check(facts, limit):\n    raise ValueError(os.environ['ZONEWRIGHT_SECRET'])", "KeyError"),
        ("import socket\ndef check(f, l):\n    socket.create_connection(('127.0.0.1', PORT))", "line 3: Connection"),
        ("import zonewright", "ModuleNotFoundError"),
        ("import os\ndef check(facts, limit):\n    os._exit(0)", "it gave no answer that can be read"),
        ("import os\ndef check(facts, limit):\n    os.kill(os.getpid(), 9)", "it took more than"),
        ("def check(facts, limit):\n    while True: pass", "it took more than 1 s of processor time"),
        ("def check(facts, limit):\n    return [0] * 10**9", "MemoryError"),
        (
            "def check(facts, limit):\n    return ({'subject': 'x', 'value': 1} for _ in range(10**6))",
            "more than 10,000 findings",
        ),
        ("def check(facts, limit):\n    return [{'subject': 'x', 'value': -1}]", "what it gives is no finding; must"),
        (
            "def check(facts, limit):\n    return [{'subject': 'x', 'value': 1, 'message': 'x'}]",
            "what it gives is no finding; must",
        ),
        (
            "def check(facts, limit):\n    return [{'subject': 'dc/a/1/02', 'value': 1}]",
            "it names no rack of its facts",
        ),
        (
            f"def check(facts, limit):\n    return [{{'subject': '{RACK}', 'value': 1, 'nodes': [7]}}]",
            "or no node of it; must",
        ),
        ("def check(facts, limit):\n    return [{'subject': 'secret', 'value': 1}]", "it names no rack of its facts"),
    ],
)
def test_what_the_code_may_not_do(code: str, failure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file, network, environment or module of ours, no end of time or memory: it is told, and it refuses."""
    monkeypatch.setenv("ZONEWRIGHT_SECRET", "hidden")
    monkeypatch.setattr(confined, "CPU_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        (found,) = own_of(evaluate_all(world(code.replace("PORT", str(server.getsockname()[1])))))
    assert failure in found.message
    assert "secret" not in found.message, "what the code says may name what others have"
    assert found.message.startswith("the zone's own rule counted could not be decided: ")
    assert (found.where, found.refuses) == ("rule_packs.own.rules.counted", True)


def test_without_confinement_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a machine can not confine a program, the rule is not decided; one that only advises goes on advising."""
    monkeypatch.setattr(confinement, "place", lambda: confinement.Confinement("", "bwrap: gone"))
    code = f"{COUNTS['rack']}\n# asked for the first time"
    (found,) = own_of(evaluate_all(world(code, level="no-worse", acting="t1")))
    assert "this machine cannot confine it: bwrap: gone" in found.message
    assert found.level == "mandatory"
    assert "t1" in {one.party for one in found.participants}, "a rule of the zone is compared by who takes part"
    (advice,) = own_of(evaluate_all(world(code, level="advisory")))
    assert advice.level == "advisory"


def test_an_auditor_s_machine_that_cannot_run_it_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be judged again is open and not wrong; what was judged again and differs stays wrong."""
    code = f"{COUNTS['rack']}\n# judged again"
    recorded = evaluate_all(world(code))
    assert not any(one.is_undecided for one in recorded)
    monkeypatch.setattr(confinement, "place", lambda: confinement.Confinement("", "bwrap: gone"))
    monkeypatch.setattr(confined, "_ANSWERS", {})
    again = evaluate_all(world(code))
    check = verify._findings("rules", [*again], [*recorded])
    assert (check.verdict, "bwrap: gone" in check.detail) == ("not-checked", True)
    other = replace(recorded[0], rule="unit-overlap", level="advisory")
    assert verify._findings("rules", [*again, other], [*recorded]).verdict == "wrong"


def test_a_waiver_covers_no_rule_without_an_answer() -> None:
    """Who tolerates a breach knows its size; of what was not decided nobody does."""
    here = world("def check(facts, limit):\n    1 / 0")
    days = {"valid_from": "2026-01-01", "valid_until": "2026-03-01"}
    said = {"reason": "r", "owner": "t1", "approver": "op", "max_excess": 9, **days}
    waiver = Waiver.model_validate({"rule": "own/counted", "subjects": ["own/counted"], **said})
    assert here.zone is not None
    zone = here.zone.zone.model_copy(update={"waivers": {"w": waiver}})
    (found,) = own_of(with_waivers(evaluate_all(here), zone, "2026-02-01"))
    assert found.refuses


def test_the_same_question_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Preview, admission and the transaction ask the same: one process answers; what had no answer is asked again."""
    runs: list[str] = []
    wait = confined._wait

    def counted(command: list[str], account: confinement.Account, answers: IO[bytes]) -> str:
        runs.append(command[0])
        return wait(command, account, answers)

    monkeypatch.setattr(confined, "_wait", counted)
    for code, expected in (("def check(f, l):\n    return ()\n# once", 1), ("def check(f, l):\n    1 / 0", 2)):
        runs.clear()
        assert run_rule(code, {"racks": []}, 1) == run_rule(code, {"racks": []}, 1)
        assert len(runs) == expected


def test_all_rules_together_have_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """While others wait, what comes after the time of all rules is not decided and refuses; known answers take none."""
    here = world("def check(facts, limit):\n    return []\n# together")
    monkeypatch.setattr(confined, "_run", lambda *_: OwnAnswer())
    with in_time(0):
        (late,) = own_of(evaluate_all(here))
    assert late.refuses
    assert "have taken their time together" in late.message
    assert own_of(evaluate_all(here)) == [], "nobody waits"
    with in_time(0):
        assert own_of(evaluate_all(here)) == [], "the answer is known"


@pytest.mark.parametrize("nodes", ["", ", 'nodes': [0]"])
def test_a_tenant_is_told_no_figures_of_a_rack_that_others_share(nodes: str) -> None:
    """The code may add up what others have there, also where it names the tenant's node alone."""
    watts = "sum(n['allocated_w'] for n in facts['racks'][0]['nodes'])"
    code = f"def check(facts, limit):\n    return [{{'subject': '{RACK}', 'value': {watts}{nodes}}}]"
    here = world(code)
    told = without_sums(masked_for(own_of(evaluate_all(here))[0], "t1"))
    assert (told.value, told.limit, told.excess) == (None, None, 1)
    assert told.message == f"rack {RACK} with what others have in it breaks a rule of the zone's own; {TITLE}"
    (alone,) = own_of(evaluate_all(replace(here, occupants=here.occupants[:1])))
    assert without_sums(masked_for(alone, "t1")).value == 100


def test_nobody_answers_for_a_node_of_another_rack() -> None:
    """A node that the code names stands in the rack that it names: else a party is told of another place."""
    code = f"def check(facts, limit):\n    return [{{'subject': '{RACK}', 'value': 1, 'nodes': [1]}}]"
    here = world(code)
    (found,) = own_of(evaluate_all(here))
    assert [one.party for one in found.participants] == ["op", "t2"]
    beside = replace(here.racks[RACK], id="dc/a/1/02")
    moved = (here.occupants[0], replace(here.occupants[1], rack=beside.id))
    (found,) = own_of(evaluate_all(replace(here, racks={**here.racks, beside.id: beside}, occupants=moved)))
    assert "no node of it" in found.message


def test_sets_are_in_one_order_and_what_is_printed_is_no_answer() -> None:
    """Preview, admission and verification run the code in processes of their own, and get the same of it."""
    code = """
print("loaded")
def check(facts, limit):
    print({"found": []})
    return [{"subject": next(iter({"a", "b", "c", "d", "e", "f", "g", "h"})), "value": 1}]
"""
    first, *others = (run_rule(code, {"racks": []}, 1, is_new=True) for _ in range(4))
    assert len(first.found) == 1
    assert all(one == first for one in others)


ZONE = """\
zone: z
title: Z
districts: {north: {title: North}, south: {title: South}}
parties:
  op: {title: Op, roles: [facility-operator]}
  t1: {title: T1, roles: [tenant]}
node_types:
  small: {manufacturer: M, model: N, u_height: 1, weight_kg: 9, maximum_draw: 200, allocated_draw: 100}
rule_pack: ours
rule_packs:
  old: {title: Old, valid_from: 2024-01-01, valid_until: 2024-12-31}
  ours:
    title: Ours
    valid_from: 2026-01-01
    valid_until: 2035-12-31
    limits: {waiver-days: {value: 90, source: a letter}}
    levels: {class-separation: advisory, ring-closed: mandatory}
    rules:
      counted: {title: Few nodes., file: rules/counted.py, of: rack, limit: 3, unit: nodes, fix: move, source: a letter}
      again: {title: Few nodes., file: rules/counted.py, of: rack, limit: 4, unit: nodes, fix: move, source: a letter}
  next:
    title: Next
    extends: ours
    valid_from: 2026-01-01
    valid_until: 2035-12-31
    limits:
      waiver-days: {value: 90, source: a letter}
      design-pue: {value: 1.2, applies_from: 2033-01-01, source: a letter}
    rules:
      counted: {title: Few nodes., file: rules/counted.py, of: rack, limit: 1, unit: nodes, fix: move, source: a letter}
quotas:
  empty: {district: south, it_kw: 4}
  of-op: {party: op, it_kw: 4}
"""
OPERATOR = """\
owner: op
sites:
  dc:
    title: DC
    district: north
    commissioned: 2026-01-01
    name_servers: [10.0.0.2]
    address_pools: {servers: {prefix: 10.0.0.0/22, gateway: 10.0.0.1}}
    power_panels: {pa: {substation: s1}, pb: {substation: s2}}
    rooms:
      a:
        rows:
          "1": {racks: 2, feeds: {A: {power_panel: pa, rated_w: 6000}, B: {power_panel: pb, rated_w: 6000}}}
"""
TENANT = """\
owner: t1
clusters:
  web:
    site: dc
    node_type: small
    count: 2
    together_with: [{cluster: db, scope: rack}]
    places: {"001": {rack: dc/a/1/01, position: 1}, "002": {rack: dc/a/1/01, position: 2}}
  db:
    site: dc
    node_type: small
    count: 2
    spread: {scope: rack, at_least: 2}
    apart_from: [{cluster: web, scope: rack}]
    places: {"001": {rack: dc/a/1/02, position: 1}, "002": {rack: dc/a/1/02, position: 2}}
"""
CASES = """\
cases:
  three of three: {limit: 3, facts: {racks: [{id: r, nodes: [1, 2, 3]}]}}
  four of three: {limit: 3, facts: {racks: [{id: r, nodes: [1, 2, 3, 4]}]}, findings: [{subject: r, value: 4}]}
"""
CHANCE = """
import random
def check(facts, limit):
    yield {"subject": "r", "value": random.getrandbits(60)}
"""


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zone with two own rules, a pack that is to come, and many things that a lint finds."""
    folder = tmp_path_factory.mktemp("zone")
    (folder / "rules").mkdir()
    texts = {"zone.yaml": ZONE, "facility-op.yaml": OPERATOR, "tenant-t1.yaml": TENANT}
    for name, text in {**texts, "rules/counted.py": COUNTS["rack"], "rules/counted.cases.yaml": CASES}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_folder_runs_only_what_its_reader_trusts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Code of a folder is not run, and its rule refuses undecided, until the user names its digest or trusts all."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    digest = digest_of(COUNTS["rack"])
    with patch.object(confined, "run_rule", side_effect=AssertionError("it was run")):
        assert main(["check", str(folder)]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "could not be decided: its code was not run, because you have not said that you trust" in said
    assert digest in said
    assert not distrusted(COUNTS["rack"]), "what a ledger has registered runs"
    settings = tmp_path / SETTINGS
    settings.parent.mkdir()
    settings.write_text(f"# ours\n{digest}\n", encoding="utf-8")
    with only_trusted(os.environ):
        assert not distrusted(COUNTS["rack"])
        assert distrusted("# another")
    with only_trusted({VARIABLE: "all"}):
        assert not distrusted("# another")


def test_an_approver_runs_only_what_the_approver_trusts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To approve a plan runs no code of its zone unasked; what was not run is said, and what else is wrong refuses."""
    monkeypatch.delenv(VARIABLE, raising=False)
    asked: list[str] = []

    def verified(_: object) -> list[Check]:
        asked.append(distrusted(COUNTS["rack"]))
        return [open_("rules when it was planned", "own/counted cannot be compared"), open_("time", "nobody knows")]

    monkeypatch.setattr("zonewright.audit.verify.verify.verify_bundle", verified)
    monkeypatch.setattr("zonewright.cli.change._bundle", lambda _: ({}, None))
    monkeypatch.setattr("zonewright.cli.change._vote", lambda *_: 0)
    assert main(["change", "approve", "--key", "k", "plan"]) == 0
    assert asked == [digest_of(COUNTS["rack"])]
    said = capsys.readouterr().out
    assert "own/counted" in said
    assert "nobody knows" not in said


def test_lint_tells_what_selects_nothing_and_what_contradicts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each note has its line; a pack that is to come is no fault."""
    assert main(["rules", "lint", str(folder)]) == 1
    said = capsys.readouterr().out.splitlines()
    expected = [
        "pack old is over since 2024-12-31 and not in force",
        "rule class-separation judges nothing, because no pack in force has the limit separated-protection-level",
        "rule ring-closed judges nothing, because the zone has no rings",
        "rules counted and again have the same code with the limits 4 and 3; the stricter one decides",
        "limit waiver-days is 90 in the pack that this one extends already",
        "limit design-pue is for sites commissioned on 2033-01-01 or later, and no site was",
        "quota empty is for district south, which has no site",
        "quota of-op is for op, which is no tenant and claims nothing",
        "cluster web is to share one rack with db, which is to be apart from it by rack",
        "cluster web is to share one rack with db, and db is to be spread over 2 racks",
    ]
    assert len(said) == len(expected) + 1
    for line, part in zip(said, expected, strict=False):
        assert part in line
        assert line.startswith(("zone.yaml:", "tenant-t1.yaml:"))


def test_the_cases_of_a_rule_are_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A case that comes out otherwise fails; so do a rule that lacks a case on one side, and one that draws lots."""
    assert main(["rules", "test", str(folder)]) == 0
    assert "2 rules, 4 passed, 0 failed" in capsys.readouterr().out
    cases, rule = (folder / "rules" / name for name in ("counted.cases.yaml", "counted.py"))
    try:
        case = "{limit: 4, facts: {racks: [{id: r, nodes: [1]}]}, findings: [{subject: r, value: 2}]}"
        cases.write_text(f"cases: {{four: {case}}}", encoding="utf-8")
        assert main(["rules", "test", str(folder)]) == 1
        said = capsys.readouterr().out
        assert "lacks a case in which it holds" in said
        assert "FAILED own/counted: four: expected r 2 (limit 4), which is not found" in said
        rule.write_text(CHANCE, encoding="utf-8")
        assert main(["rules", "test", str(folder)]) == 1
        assert "FAILED own/counted: four: it gave two answers to the same facts" in capsys.readouterr().out
    finally:
        cases.write_text(CASES, encoding="utf-8")
        rule.write_text(COUNTS["rack"], encoding="utf-8")


def test_a_pack_is_tried_before_it_is_in_force(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only what would newly break is shown; what breaks now is not the pack's."""
    assert main(["rules", "impact", "next", "--zone", str(folder)]) == 1
    said = capsys.readouterr().out
    assert "dc/a/1/01: 2 nodes where the zone's own rule has 1 nodes; must" in said
    assert "cluster web" not in said
    assert "with pack next in force: 2 new, 0 worse, " in said
    assert main(["rules", "impact", "ours", "--zone", str(folder)]) == 0
    assert main(["rules", "impact", "nxt", "--zone", str(folder)]) == 2
    assert "expected a rule pack of zone.yaml (next, old, ours), got 'nxt'" in capsys.readouterr().err


def test_rules_are_listed_as_they_are_in_force(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With their level, their limits and the pack that says so; an own rule is shown with its code."""
    assert main(["rules", "list", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "class-separation       idle " in said
    assert "own/counted            mandatory  Few nodes." in said
    assert main(["rules", "show", "own/counted", str(folder)]) == 0
    assert COUNTS["rack"] in capsys.readouterr().out
    assert main(["rules", "show", "own/counted"]) == 2
    assert "a rule of a zone's own needs the zone's folder" in capsys.readouterr().err
