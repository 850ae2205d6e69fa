"""The cases of a zone's own rules, run as the rules themselves are: which of them come out otherwise or lack."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zonewright.declare.document import read_document
from zonewright.model.own_rule import OWN, OwnRule
from zonewright.model.own_rule_cases import OwnRuleCase, OwnRuleCases
from zonewright.own_rules.confined import run_rule

SUFFIX = ".cases.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What came of one case, or why a rule has none.

    Attributes:
        rule: id of the rule, as findings have it.
        case: what it shows; empty where it is about the file.
        failure: what is wrong; empty where it came out as stated.
    """

    rule: str
    case: str
    failure: str = ""


def run_cases(folder: Path, name: str, rule: OwnRule) -> Iterator[CaseResult]:
    """Run the cases of one rule; a rule without a case on each side of its limit is not shown.

    Args:
        folder: the zone's folder.
        name: id of the rule.
        rule: what the pack says of it, with its code.
    """
    rule_id, file = f"{OWN}{name}", rule.file.removesuffix(".py") + SUFFIX
    if not (folder / file).is_file():
        what = f"no cases: expected a file {file} with facts and findings; see docs/how-to/write-a-rule.md"
        yield CaseResult(rule=rule_id, case="", failure=what)
        return
    document = read_document(folder / file, OwnRuleCases, name=file)
    for problem in document.problems:
        yield CaseResult(rule=rule_id, case="", failure=str(problem))
    if document.problems or not isinstance(document.content, OwnRuleCases):
        return
    cases = document.content.cases
    for kind, are_some in (("a case in which it holds", False), ("a case in which it does not", True)):
        if all(bool(case.findings) != are_some for case in cases.values()):
            yield CaseResult(rule=rule_id, case="", failure=f"{file} lacks {kind}")
    for title, case in cases.items():
        yield CaseResult(rule=rule_id, case=title, failure=_failure(rule, case))


def _failure(rule: OwnRule, case: OwnRuleCase) -> str:
    answer, again = (run_rule(rule.text, case.facts, case.limit, is_new=True) for _ in range(2))
    if answer.failure:
        return f"{answer.failure}: {answer.said}" if answer.said else answer.failure
    if answer != again:
        return "it gave two answers to the same facts; it may use neither chance nor the clock"

    def said(subject: str, value: int, limit: int | None) -> str:
        return f"{subject} {value:,} (limit {case.limit if limit is None else limit:,})"

    expected = Counter(said(one.subject, one.value, one.limit) for one in case.findings)
    got = Counter(said(one.subject, one.value, one.limit) for one in answer.found)
    parts = [f"expected {one}, which is not found" for one in sorted((expected - got).elements())]
    parts += [f"found {one}, which is not expected" for one in sorted((got - expected).elements())]
    return "; ".join(parts)
