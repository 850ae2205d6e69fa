"""What `check` found as JUnit XML, which CI systems count as tests: one for each rule that holds, and each finding."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from zonewright.cli.checking.found import Compared, Found, State
from zonewright.cli.checking.located import spot_of
from zonewright.rules.finding import Finding
from zonewright.rules.registry import RULES

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_text(found: Found, compared: Compared | None = None) -> str:
    """The whole document, ending with a line feed; the same bytes for the same findings.

    What refuses is a failure. What is waived, or was there in the earlier revision already, is skipped with its reason.

    Args:
        found: what was found.
        compared: how it compares with an earlier revision.
    """
    cases = [*_faults(found), *_rules(found, compared)]
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": "0",
        "skipped": str(sum(case.find("skipped") is not None for case in cases)),
    }
    root = ET.Element("testsuites", {"name": "zonewright check", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": found.folder or "stack", **counts})
    suite.extend(cases)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _faults(found: Found) -> Iterator[ET.Element]:
    if not found.problems:
        yield _case("declaration", "all files")
    for problem in found.problems:
        case = _case("declaration", f"{problem.file}:{problem.line} {problem.path}".rstrip())
        _child(case, "failure", problem.what, str(problem))
        yield case


def _rules(found: Found, compared: Compared | None) -> Iterator[ET.Element]:
    states: tuple[State | None, ...] = compared.states if compared else (None,) * len(found.findings)
    by_rule: dict[str, list[tuple[Finding, State | None]]] = {rule.id: [] for rule in RULES}
    for finding, state in zip(found.findings, states, strict=True):
        by_rule.setdefault(finding.rule, []).append((finding, state))
    for rule, findings in by_rule.items():
        if found.problems:
            case = _case(rule, "not evaluated")
            _child(case, "skipped", "the rules did not run, since the declaration has faults")
            yield case
        elif not findings:
            yield _case(rule, "holds everywhere")
        for finding, state in findings:
            yield _finding(finding, state, found.folder, compared)


def _finding(finding: Finding, state: State | None, folder: str, compared: Compared | None) -> ET.Element:
    spot = spot_of(finding, folder)
    line = f" {spot.file}:{spot.line}" if spot else ""
    case = _case(finding.rule, f"{finding.subject or finding.where}{line}")
    where = f"{spot.file}:{spot.line}" if spot else finding.where
    fix = f"\nfix: {finding.fix}" if finding.fix else ""
    text = f"{where}: {finding.level} {finding.rule}\n{finding.message}{fix}"
    if finding.waiver is not None:
        _child(case, "skipped", f"waived by {finding.waiver}", text)
    elif not finding.refuses:
        _child(case, "system-out", "", text)
    elif compared and state in {"same", "better"}:
        _child(case, "skipped", f"not worse than in {compared.revision}", text)
    else:
        _child(case, "failure", finding.message, text)
    return case


def _case(rule: str, name: str) -> ET.Element:
    return ET.Element("testcase", {"classname": f"zonewright.{rule}", "name": _plain(name)})


def _child(case: ET.Element, tag: str, message: str, text: str = "") -> None:
    child = ET.SubElement(case, tag, {"message": _plain(message)} if message else {})
    child.text = _plain(text) or None


def _plain(text: str) -> str:
    return _NOT_IN_XML.sub("?", text)
