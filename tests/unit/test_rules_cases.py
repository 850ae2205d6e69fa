"""Each rule's case files: a small world in YAML, and the findings that it must give.

A file holds one or more documents. ``racks``: u_height (42), max_weight_kg (1200), A and B (watts, 6000 each; 0 for
none), accepts, may_open. ``occupants``: name, rack, at, u (1), w (0), kg (0), standing (wanted), party (t1), stack
(s1), and the fields of ``Occupant`` and ``Draw``. ``clusters``: name with ``spread``. ``findings``: rule, subject,
value, limit, excess, and any other field that is to be compared; ``says`` is a part of message and fix.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from zonewright.model import Spread
from zonewright.model.power import Draw
from zonewright.model.world import ClusterFacts, Feed, Occupant, Rack, World
from zonewright.rules import RULES, Finding, evaluate

CASES = Path(__file__).parent.parent / "cases" / "rules"
FILES = sorted(CASES.glob("*/*.yaml"))


def rack(rack_id: str, data: dict[str, Any] | None) -> Rack:
    """A rack from its short form."""
    given = {"u_height": 42, "max_weight_kg": 1200, "A": 6000, "B": 6000, **(data or {})}
    feeds = {name: Feed(available_w=given.pop(name), power_panel=f"panel-{name}") for name in ("A", "B")}
    given["feeds"] = {name: feed for name, feed in feeds.items() if feed.available_w}
    given["may_open"] = frozenset(given.get("may_open", ()))
    return Rack(id=rack_id, owner="op", **given)


def occupant(data: dict[str, Any]) -> Occupant:
    """An occupant from its short form."""
    fields = {"supplies", "required", "worst_share_thousandths", "single_feed"}
    rest = {key: value for key, value in data.items() if key not in fields | {"at", "u", "w", "kg"}}
    baseline = data.get("standing") == "baseline"
    stated = {
        "party": "op" if baseline else "t1",
        "stack": "" if baseline else "s1",
        "standing": "wanted",
        "path": f"clusters.{data['name'].rpartition('-')[0]}" if data.get("party", "t1") == "t1" else "",
    }
    return Occupant(
        **{**stated, **rest},
        position=data["at"],
        u_height=data.get("u", 1),
        weight_kg=data.get("kg", 0.0),
        draw=Draw(allocated_w=data.get("w", 0), **{key: data[key] for key in fields & data.keys()}),
    )


def world(data: dict[str, Any]) -> World:
    """A world from its short form."""
    return World(
        racks={rack_id: rack(rack_id, given) for rack_id, given in data.get("racks", {}).items()},
        occupants=tuple(occupant(item) for item in data.get("occupants", ())),
        clusters=tuple(
            ClusterFacts(
                party="t1",
                stack="s1",
                name=item["name"],
                site="dc",
                spread=Spread(**item["spread"]) if "spread" in item else None,
                path=f"clusters.{item['name']}",
            )
            for item in data.get("clusters", ())
        ),
    )


def documents(path: Path) -> list[dict[str, Any]]:
    """The documents of a case file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path) -> None:
    """A case file's worlds give exactly its findings, worst first."""
    for data in documents(path):
        found = evaluate(world(data))
        assert [finding.rule for finding in found] == [item["rule"] for item in data["findings"]]
        for finding, expected in zip(found, data["findings"], strict=True):
            compare(finding, expected)


def compare(finding: Finding, expected: dict[str, Any]) -> None:
    """Compare what a case states; texts are compared by part."""
    says = expected.get("says", [])
    for part in [says] if isinstance(says, str) else says:
        assert part in f"{finding.message}; {finding.fix}"
    for key, value in expected.items():
        if key == "participants":
            assert [item.name for item in finding.participants] == value
        elif key != "says":
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
