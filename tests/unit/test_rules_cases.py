"""Each rule's case files (their form: ``support/rule_cases.py``) give exactly the findings that they state."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.golden import compare_golden
from support.rule_cases import FILES, documents, world
from zonewright.rules import RULES, Finding, evaluate
from zonewright.rules.rule import Rule


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path) -> None:
    """A case file's worlds give exactly its findings, worst first."""
    for data in documents(path):
        found = evaluate(world(data))
        assert [finding.rule for finding in found] == [item["rule"] for item in data["findings"]]
        for finding, expected in zip(found, data["findings"], strict=True):
            compare(finding, expected)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_findings_are_whole(rule: Rule) -> None:
    """What the rule says in each of its cases is as it was reviewed: each word, figure, unit and participant."""
    said = {
        path.stem: [
            [finding.to_data() for finding in evaluate(world(data)) if finding.rule == rule.id]
            for data in documents(path)
        ]
        for path in FILES
        if path.parent.name == rule.id
    }
    text = json.dumps({"reach": rule.reach, "says": said}, indent=1, ensure_ascii=False)
    compare_golden(f"rules/{rule.id}.json", text + "\n")


def compare(finding: Finding, expected: dict[str, Any]) -> None:
    """Compare what a case states; texts are compared by part."""
    says = expected.get("says", [])
    for part in [says] if isinstance(says, str) else says:
        assert part in f"{finding.message}; {finding.fix}"
    for part in expected.get("says_not", []):
        assert part not in f"{finding.message}; {finding.fix}"
    for key, value in expected.items():
        if key == "participants":
            assert [item.name for item in finding.participants] == value
        elif key == "parties":
            assert [item.party for item in finding.participants] == value
        elif key not in {"says", "says_not"}:
            assert getattr(finding, key) == value, f"{key}: {finding.message}"


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_each_rule_has_its_cases(rule: str) -> None:
    """Each rule has a passing, a failing and a boundary case; the boundary has a side of each kind."""
    by_kind = {
        kind: [documents(path) for path in FILES if path.parent.name == rule and path.stem.startswith(kind)]
        for kind in ("passing", "failing", "boundary")
    }
    assert all(by_kind.values())
    assert all(not data["findings"] for file in by_kind["passing"] for data in file)
    assert all(rule in {item["rule"] for item in data["findings"]} for file in by_kind["failing"] for data in file)
    for file in by_kind["boundary"]:
        assert {rule in {item["rule"] for item in data["findings"]} for data in file} == {True, False}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_other_parties_are_not_named(path: Path) -> None:
    """No message and no fix contains the name of another party's node."""
    for data in documents(path):
        foreign = [item["name"] for item in data.get("occupants", ()) if item.get("party", "t1") != "t1"]
        for finding in evaluate(world(data)):
            assert not any(name in f"{finding.message} {finding.fix}" for name in foreign)
