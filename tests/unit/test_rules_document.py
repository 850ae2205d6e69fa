"""The reference page of the rules is complete and is what the registry says."""

from pathlib import Path

import pytest

from zonewright.rules import RULES, Rule
from zonewright.rules.document import example_of, reference_markdown
from zonewright.rules.examples import EXAMPLES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "rules.md"
WRITE = 'python -c "from zonewright.rules.document import reference_markdown as r; print(r(), end=str())"'


def test_page_is_up_to_date() -> None:
    """The committed page equals the generated one."""
    assert PAGE.read_text(encoding="utf-8") == reference_markdown(), f"write it anew: {WRITE} > docs/reference/rules.md"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_rule_is_documented(rule: Rule) -> None:
    """Each rule has all texts, a section of its own and an example that breaks it with figures and a remedy."""
    assert all((rule.title, rule.description, rule.unit, rule.reference, rule.level))
    assert f"\n## {rule.id}\n" in reference_markdown()
    example = example_of(rule.id)
    assert example.fix
    assert example.where
    assert example.excess > 0


def test_ids_are_unique_and_all_have_examples() -> None:
    """No two rules share an id, and there is no example without a rule."""
    ids = [rule.id for rule in RULES]
    assert len(set(ids)) == len(ids)
    assert set(ids) == set(EXAMPLES)
