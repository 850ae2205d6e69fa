"""What `check` found as SARIF 2.1.0 (OASIS), which code hosts show beside the lines of a change."""

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from zonewright import __version__
from zonewright.cli.checking.found import Compared, Found, State
from zonewright.cli.checking.located import Spot, in_folder, spot_of
from zonewright.declare.problem import Problem
from zonewright.rules.alike import is_consequence
from zonewright.rules.finding import Finding
from zonewright.rules.registry import RULES
from zonewright.rules.rule import Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FAULT = "declaration"
"""The rule under which faults of a declaration stand."""

_BASELINE: Mapping[State, str] = {"new": "new", "worse": "updated", "same": "unchanged", "better": "updated"}


def sarif_text(found: Found, compared: Compared | None = None) -> str:
    """The whole document, ending with a line feed; the same bytes for the same findings.

    Args:
        found: what was found.
        compared: how it compares with an earlier revision, which gives each result its ``baselineState``. What was
            fixed is left out, since code hosts would show it as present.
    """
    rules = [_fault_rule(), *map(_rule, RULES)]
    numbers = {rule["id"]: number for number, rule in enumerate(rules)}
    results = [*_faults(found, numbers), *_results(found, compared, numbers)]
    run = {
        "tool": {"driver": {"name": "zonewright", "semanticVersion": __version__, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": results,
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _fault_rule() -> dict[str, Any]:
    text = "The declaration's files can be read, and what they name exists."
    return {"id": FAULT, "shortDescription": {"text": text}, "defaultConfiguration": {"level": "error"}}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.description},
        "help": {"text": f"{rule.title} {rule.description} Reference: {rule.reference}"},
        "defaultConfiguration": {"level": "note" if rule.level == "advisory" else "error"},
        "properties": {"level": rule.level, "unit": rule.unit},
    }


def _faults(found: Found, numbers: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    for problem in found.problems:
        path = f"{problem.path}: " if problem.path else ""
        text = f"{path}{problem.what}: expected {problem.expected}, got {problem.got}; {problem.fix}"
        yield {
            "ruleId": FAULT,
            "ruleIndex": numbers[FAULT],
            "level": "error",
            "message": {"text": text},
            "locations": [_location(Spot(in_folder(found.folder, problem.file), problem.line))],
            "partialFingerprints": {"zonewright/v1": _fault_print(problem)},
        }


def _results(found: Found, compared: Compared | None, numbers: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    states: tuple[State | None, ...] = compared.states if compared else (None,) * len(found.findings)
    for finding, state in zip(found.findings, states, strict=True):
        baseline = {"baselineState": _BASELINE[state]} if state else {}
        follows = is_consequence(finding, found.findings)
        yield _result(finding, found.folder, numbers, follows=follows) | baseline


def _result(finding: Finding, folder: str, numbers: Mapping[str, int], *, follows: bool) -> dict[str, Any]:
    spot = spot_of(finding, folder)
    logical = {"fullyQualifiedName": finding.subject or finding.where, "kind": "object"}
    location = _location(spot or Spot(in_folder(folder, "zone.yaml"), 1))  # code hosts take no file without a place
    fix = f"\nFix: {finding.fix}" if finding.fix else ""
    properties = {
        "level": finding.level,
        "value": finding.value,
        "limit": finding.limit,
        "unit": finding.unit,
        "excess": finding.excess,
        "consequence": follows or None,
    }
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": "error" if finding.refuses else "note",
        "message": {"text": f"{finding.subject}: {finding.message}{fix}"},
        "locations": [location | {"logicalLocations": [logical]}],
        "partialFingerprints": {"zonewright/v1": _digest(finding.rule, finding.subject, finding.unit)},
        "properties": {name: value for name, value in properties.items() if value is not None},
    }
    if finding.rule in numbers:
        result["ruleIndex"] = numbers[finding.rule]
    if finding.waiver is not None:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": f"waiver {finding.waiver}"}
        ]
    return result


def _location(spot: Spot) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(spot.file)}}
    if spot.line:
        place["region"] = {"startLine": spot.line}
    return {"physicalLocation": place}


def _fault_print(problem: Problem) -> str:
    return _digest(FAULT, problem.file, problem.path, problem.what)


def _digest(*parts: str) -> str:
    """What stays the same of a result while lines and figures change."""
    return sha256("\0".join(parts).encode()).hexdigest()
