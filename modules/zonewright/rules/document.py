"""The reference page of the rules, from the registry and from messages that the rules say themselves."""

from collections.abc import Iterator

from zonewright.rules.examples import EXAMPLES
from zonewright.rules.finding import Finding
from zonewright.rules.registry import RULES, Rule, evaluate

_HEAD = """\
# Rules

This page is generated from the registry by `zonewright.rules.document`; a test keeps it equal.

A finding names the rule, where the declaration stands, the value found, the limit, both in one unit, who takes part,
and the smallest remedy. A finding of level `mandatory` refuses a change. Names of another party's nodes are never
shown.

| Rule | What must hold | Level | Unit |
|---|---|---|---|
"""


def reference_markdown() -> str:
    """The whole page, ending with a line feed."""
    rows = (f"| [`{rule.id}`](#{rule.id}) | {rule.title} | {rule.level} | {rule.unit} |" for rule in RULES)
    sections = ("\n".join(_section(rule)) for rule in RULES)
    return _HEAD + "\n".join(rows) + "\n\n" + "\n\n".join(sections) + "\n"


def _section(rule: Rule) -> Iterator[str]:
    example = example_of(rule.id)
    yield f"## {rule.id}\n"
    yield f"{rule.title} {rule.description}\n"
    yield f"- Level: `{rule.level}`"
    yield f"- Unit of value, limit and excess: {rule.unit}"
    yield f"- Reference: {rule.reference}"
    yield "- Example:\n"
    yield "  ```text"
    yield f"  {example.where}: {example.message}"
    yield f"  fix: {example.fix}"
    yield "  ```"


def example_of(rule_id: str) -> Finding:
    """What a rule says about its example."""
    return next(finding for finding in evaluate(EXAMPLES[rule_id]) if finding.rule == rule_id)
