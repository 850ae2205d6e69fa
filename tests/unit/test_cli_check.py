"""`check` as other programs read it: SARIF, JUnit, and what is new since an earlier revision."""

import json
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from support.golden import compare_golden
from support.zone_project import REPOSITORY, ZONE, cluster, facility
from zonewright.cli import main
from zonewright.cli.checking import revision
from zonewright.cli.checking.found import STATES, Found, State, compare
from zonewright.cli.checking.junit import junit_text
from zonewright.cli.checking.sarif import sarif_text
from zonewright.declare.problem import Problem
from zonewright.rules.finding import Finding
from zonewright.rules.registry import RULES

PLACES = {"001": {"rack": "dc1/a/01/01", "position": 1}, "002": {"rack": "dc1/a/01/01", "position": 1}}
PROBLEM = Problem(
    file="tenant a.yaml",
    line=7,
    path="clusters.web.count",
    what="a number that cannot be",
    expected="1 or more",
    got="-1",
    fix="correct it",
)
FINDING = Finding(
    rule="feed-failover",
    level="mandatory",
    subject="dc1/a/01/01",
    where="tenant a.yaml:12",
    message="feed A carries 6,120 W of 6,000 W, 120 W too much\x07",
    value=6120,
    limit=6000,
    unit="W",
    excess=120,
    fix="move web-001",
)
WAIVED = replace(FINDING, rule="srlg-disjoint", subject="ring", waiver="w-1", where="rings.ring")
ADVICE = replace(FINDING, rule="pue-gate", level="advisory", subject="dc1", where="zone.yaml:3", value=None)

Check = Callable[..., tuple[int, str, str]]


def write(folder: Path, name: str, document: dict[str, Any]) -> None:
    """One file of the zone."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def git(root: Path, *arguments: str) -> None:
    """Git with a name of its own and no settings of the machine."""
    own = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(root), *own, *arguments], check=True, capture_output=True)


@pytest.fixture(name="zone")
def _zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a small zone whose one tenant has two nodes; its folder."""
    folder = tmp_path / "zones" / "small"
    write(folder, "zone", ZONE)
    write(folder, "facility-operator", facility(2, rated_w=3000))
    write(folder, "tenant-a", {"owner": "tenant-a", "clusters": {"web": cluster(2)}})
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "a zone")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture(name="check")
def _check(zone: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(("check", str(zone), *arguments))
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def test_sarif_of_the_faulty_zone_is_golden(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document of the faulty reference zone, which was valid by the schema of OASIS, stays as it is."""
    monkeypatch.chdir(REPOSITORY)
    assert main(("check", "stacks/zones/reference-faulty", "--format", "sarif")) == 1
    document = json.loads(capsys.readouterr().out)
    document["runs"][0]["tool"]["driver"].pop("rules")
    document["runs"][0]["tool"]["driver"]["semanticVersion"] = "0.0.0"
    compare_golden("check/reference-faulty.sarif", json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def test_each_result_of_sarif_names_a_rule_of_its_tool() -> None:
    """A result's index leads to its rule; faults have one of their own; waived ones are suppressed."""
    run = json.loads(sarif_text(Found(problems=(PROBLEM,), findings=(FINDING, WAIVED, ADVICE), line="", folder="z")))
    run = run["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["declaration", *(rule.id for rule in RULES)]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [
        "declaration",
        "feed-failover",
        "srlg-disjoint",
        "pue-gate",
    ]
    assert [result["level"] for result in run["results"]] == ["error", "error", "note", "note"]
    assert [bool(result.get("suppressions")) for result in run["results"]] == [False, False, True, False]
    spots = [result["locations"][0].get("physicalLocation") for result in run["results"]]
    assert spots[0] == {"artifactLocation": {"uri": "z/tenant%20a.yaml"}, "region": {"startLine": 7}}
    assert spots[2] == {"artifactLocation": {"uri": "z/zone.yaml"}, "region": {"startLine": 1}}


def test_a_fingerprint_outlives_lines_and_figures() -> None:
    """A code host knows a result again after lines moved and watts changed, and tells two racks apart."""

    def prints(*findings: Finding) -> list[str]:
        text = sarif_text(Found(problems=(), findings=findings, line="", folder=""))
        return [item["partialFingerprints"]["zonewright/v1"] for item in json.loads(text)["runs"][0]["results"]]

    moved = replace(FINDING, where="tenant a.yaml:99", message="feed A carries 7 W too much", value=6007, excess=7)
    first, second, other = prints(FINDING, moved, replace(FINDING, subject="dc1/a/01/02"))
    assert first == second
    assert first != other


def test_junit_counts_what_it_holds() -> None:
    """Failures are what refuses, skipped what is waived, and each rule that holds is a test that passes."""
    found = Found(problems=(), findings=(FINDING, WAIVED, ADVICE), line="", folder="zones/small")
    suite = ET.fromstring(junit_text(found).encode())[0]
    assert (suite.get("failures"), suite.get("skipped")) == ("1", "1")
    assert int(suite.get("tests", "")) == len(suite) == 1 + len(RULES)
    failed = [case for case in suite if case.find("failure") is not None]
    assert [(case.get("classname"), case.get("name")) for case in failed] == [
        ("zonewright.feed-failover", "dc1/a/01/01 zones/small/tenant a.yaml:12")
    ]
    assert "zones/small/tenant a.yaml:12" in str(failed[0].findtext("failure"))


def test_junit_of_a_faulty_declaration_says_that_no_rule_ran() -> None:
    """A rule that did not run is no test that passes."""
    suite = ET.fromstring(junit_text(Found(problems=(PROBLEM,), findings=(), line="")).encode())[0]
    assert (suite.get("failures"), suite.get("skipped")) == ("1", str(len(RULES)))
    assert len(suite) == 1 + len(RULES)


def test_what_is_new_since_a_revision_refuses_alone(zone: Path, check: Check) -> None:
    """An old breach is counted and no more; one that is added refuses, and is the one that is shown."""
    write(zone, "tenant-a", {"owner": "tenant-a", "clusters": {"web": cluster(2, places=PLACES)}})
    assert check()[0] == 1
    git(zone, "commit", "-qam", "a breach")
    code, out, _ = check("--since", "HEAD")
    assert code == 0
    assert "since HEAD: 0 new, 0 worse, 1 same" in out
    assert out.endswith("nothing new refuses, 1 finding of before still would\n")
    both = {
        "web": cluster(2, places=PLACES),
        "db": cluster(2, places={key: {**place, "rack": "dc1/a/01/02"} for key, place in PLACES.items()}),
    }
    write(zone, "tenant-a", {"owner": "tenant-a", "clusters": both})
    code, out, _ = check("--since", "HEAD")
    assert code == 1
    assert "1 new, 0 worse, 1 same" in out
    assert "dc1/a/01/02" in out
    assert "dc1/a/01/01" not in out
    document = json.loads(check("--since", "HEAD", "--format", "sarif")[1])
    states = sorted(result["baselineState"] for result in document["runs"][0]["results"])
    assert states == ["new", "unchanged"]


def test_what_was_fixed_is_told(zone: Path, check: Check) -> None:
    """A breach that is gone stands in the text and in JSON, and is no result of SARIF."""
    write(zone, "tenant-a", {"owner": "tenant-a", "clusters": {"web": cluster(2, places=PLACES)}})
    git(zone, "commit", "-qam", "a breach")
    write(zone, "tenant-a", {"owner": "tenant-a", "clusters": {"web": cluster(2)}})
    code, out, _ = check("--since", "main")
    assert code == 0
    assert "since main: 0 new, 0 worse, 0 same, 0 better, 1 fixed (dc1/a/01/01)" in out
    assert len(json.loads(check("--since", "main", "--format", "json")[1])["fixed"]) == 1
    results = json.loads(check("--since", "main", "--format", "sarif")[1])["runs"][0]["results"]
    assert results == []


@pytest.mark.parametrize("revision", ["nowhere", "--output=x", "HEAD:zones", ""])
def test_a_revision_that_cannot_be_is_misuse(zone: Path, check: Check, revision: str) -> None:
    """Git is asked about a commit and nothing else; the sentence says what to do, and nothing is written."""
    before = sorted(zone.rglob("*"))
    code, out, err = check(f"--since={revision}")
    assert (code, out) == (2, "")
    assert err.startswith("error: Git knows no revision")
    assert sorted(zone.rglob("*")) == before


def test_before_a_revision_with_the_zone_everything_is_new(zone: Path, check: Check) -> None:
    """The change that brings a zone in is judged whole, as a pipeline does at first: good is good, a breach refuses."""
    git(zone, "checkout", "-q", "--orphan", "empty")
    git(zone, "commit", "-q", "--allow-empty", "-m", "nothing", "--only")
    git(zone, "add", "-A")
    code, out, err = check("--since", "empty")
    assert (code, err) == (0, f"note: empty has no zone.yaml in {zone}, so everything is new\n")
    assert out.startswith("good: ")
    write(zone, "tenant-a", {"owner": "tenant-a", "clusters": {"web": cluster(2, places=PLACES)}})
    code, out, _ = check("--since", "empty")
    assert code == 1
    assert "unit-overlap" in out


def test_a_folder_without_git_has_no_revisions(zone: Path, check: Check) -> None:
    """The sentence says what to do, and not what Git says of parent directories."""
    (zone.parent.parent / ".git").rename(zone.parent.parent / "gone")
    code, _, err = check("--since", "HEAD")
    assert (code, "leave out --since, or run git init" in err) == (2, True)


def test_another_breach_of_the_same_rack_is_new(zone: Path, check: Check) -> None:
    """An overlap that was mended beside another one that was made: the sums are equal, and the new one refuses."""
    clusters = {name: cluster(2, places=PLACES) for name in ("web", "db")}
    apart = {"db": cluster(2, places={key: {**place, "position": 9 + int(key)} for key, place in PLACES.items()})}
    write(zone, "tenant-a", {"owner": "tenant-a", "clusters": {"web": clusters["web"], **apart}})
    git(zone, "commit", "-qam", "web overlaps")
    second = {key: {**place, "position": 20} for key, place in PLACES.items()}
    first = {key: {**place, "position": 1 + int(key)} for key, place in PLACES.items()}
    write(
        zone,
        "tenant-a",
        {"owner": "tenant-a", "clusters": {"web": cluster(2, places=first), "db": cluster(2, places=second)}},
    )
    code, out, _ = check("--since", "HEAD")
    assert code == 1
    assert "1 new, 0 worse, 0 same, 0 better, 1 fixed" in out


def test_a_faulty_declaration_fixes_nothing(zone: Path, check: Check) -> None:
    """Where no rule runs, no old finding is told as fixed."""
    write(zone, "tenant-a", {"owner": "tenant-a", "clusters": {"web": cluster(2, places=PLACES)}})
    git(zone, "commit", "-qam", "a breach")
    write(zone, "tenant-a", {"owner": "tenant-a", "clusters": {"web": cluster(-1)}})
    code, out, _ = check("--since", "HEAD", "--format", "json")
    assert code == 1
    assert "fixed" not in json.loads(out)


def test_a_link_out_of_the_folder_is_a_sentence(zone: Path, check: Check) -> None:
    """An older revision whose files lie elsewhere cannot be read from Git alone."""
    (zone.parent / "common.yaml").write_text((zone / "zone.yaml").read_text())
    (zone / "zone.yaml").unlink()
    (zone / "zone.yaml").symlink_to("../common.yaml")
    git(zone.parent, "add", "-A")
    git(zone.parent, "commit", "-qm", "a link")
    code, _, err = check("--since", "HEAD")
    assert code == 2
    assert "a link must stay within the folder" in err


def test_a_revision_with_faults_is_nothing_to_compare_with(zone: Path, check: Check) -> None:
    """Where the earlier declaration cannot be judged all that refuses now refuses."""
    write(zone, "tenant-a", {"owner": "tenant-a", "clusters": {"web": cluster(-1)}})
    git(zone, "commit", "-qam", "a fault")
    write(zone, "tenant-a", {"owner": "tenant-a", "clusters": {"web": cluster(2, places=PLACES)}})
    code, out, err = check("--since", "HEAD")
    assert code == 1
    assert "HEAD has 1 fault, so nothing can be compared with it" in err
    assert "unit-overlap" in out


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 3), st.booleans()), max_size=8),
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 3), st.booleans()), max_size=8),
)
def test_each_finding_is_in_one_state(
    before: list[tuple[str, str, int, bool]], now: list[tuple[str, str, int, bool]]
) -> None:
    """Present ones have one state each; earlier ones are paired with one of them, or fixed; equal sets are the same."""

    def findings(items: list[tuple[str, str, int, bool]]) -> list[Finding]:
        return [
            replace(FINDING, rule=rule, subject=subject, excess=excess, waiver="w" if waived else None)
            for rule, subject, excess, waived in items
        ]

    compared = compare(findings(before), findings(now), revision="main")
    counts = compared.counts()
    assert list(counts) == list(STATES)
    assert sum(counts.values()) == len(now)
    assert len(before) - len(compared.fixed) == len(now) - counts["new"]
    same = compare(findings(now), reversed(findings(now)), revision="main")
    assert (set(same.states), same.fixed) == ({"same"} if now else set(), ())


@pytest.mark.parametrize(
    ("old", "new", "state"),
    [
        (FINDING, replace(FINDING, excess=121), "worse"),
        (FINDING, replace(FINDING, excess=119), "better"),
        (FINDING, replace(FINDING, waiver="w"), "better"),
        (replace(FINDING, waiver="w"), FINDING, "worse"),
        (replace(FINDING, waiver="w"), replace(FINDING, waiver="w", excess=1), "better"),
        (FINDING, replace(FINDING, message="another sentence"), "same"),
    ],
)
def test_worse_is_more_beyond_the_limit_or_a_waiver_lost(old: Finding, new: Finding, state: State) -> None:
    """Figures and waivers decide, and sentences do not."""
    assert compare([old], [new], revision="main").states == (state,)


@pytest.mark.parametrize(
    "members",
    [
        [("a", "OUT"), ("a/stolen", None)],
        [("a/stolen", None), ("a", "OUT")],
        [("../stolen", None)],
        [("a", "OUT"), ("a/b", "stolen")],
        [("a", ".."), ("b", "a/OUT")],
    ],
)
def test_a_crafted_revision_writes_nothing_outside_of_its_folder(
    tmp_path: Path, members: list[tuple[str, str | None]]
) -> None:
    """A tree that somebody made by hand may name a link twice, or a parent: it is refused, and nothing is written."""
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    made = BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, target in members:
            member = tarfile.TarInfo(name)
            if target is None:
                member.size = 1
                archive.addfile(member, BytesIO(b"x"))
            else:
                member.type, member.linkname = tarfile.SYMTYPE, target.replace("OUT", str(outside))
                archive.addfile(member)
    made.seek(0)
    with tarfile.open(fileobj=made) as archive, pytest.raises((tarfile.TarError, OSError)):
        revision.unpack(archive, inside)
    assert (sorted(outside.iterdir()), (tmp_path / "stolen").exists()) == ([], False)
