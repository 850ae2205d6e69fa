"""The reference page of the rules, from the registry and from what the rules say of their case files."""

from collections.abc import Iterator, Mapping

from zonewright.rules.finding import Finding
from zonewright.rules.registry import RULES
from zonewright.rules.rule import Rule

_HEAD = """\
# Rules

This page is generated from the registry of rules: `python tools/generate_reference.py --write`.

A finding names the rule, the file and line of the declaration, the value and the limit in one unit, who is involved,
and the smallest fix. A finding of level `mandatory` refuses a change. Names of another party's nodes are never shown.

| Rule | What must hold | Level | Unit |
|---|---|---|---|
"""


def reference_markdown(examples: Mapping[str, Finding]) -> str:
    """The whole page, ending with a line feed.

    Args:
        examples: a finding of each rule, by its id.
    """
    rows = (f"| [`{rule.id}`](#{rule.id}) | {rule.title} | {rule.level} | {rule.unit} |" for rule in RULES)
    sections = ("\n".join(_section(rule, examples[rule.id])) for rule in RULES)
    return _HEAD + "\n".join(rows) + "\n\n" + "\n\n".join(sections) + "\n"


def _section(rule: Rule, example: Finding) -> Iterator[str]:
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
