"""The reference page of the rules is complete and is what the registry says."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import get_args

from support.rule_cases import examples
from zonewright import rules
from zonewright.model.rule_pack import PolicyRule
from zonewright.rules import RULES, Rule
from zonewright.rules.document import reference_markdown

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "rules.md"


def test_page_is_up_to_date() -> None:
    """The committed page equals the generated one."""
    written = PAGE.read_text(encoding="utf-8")
    assert written == reference_markdown(examples()), "write it again: python tools/generate_reference.py --write"


def test_each_rule_is_documented() -> None:
    """Each rule has all texts, a section of its own and an example that breaks it with figures and a remedy."""
    page, found = PAGE.read_text(encoding="utf-8"), examples()
    for rule in RULES:
        assert all((rule.title, rule.description, rule.unit, rule.reference, rule.level)), rule.id
        assert f"\n## {rule.id}\n" in page
        example = found[rule.id]
        assert example.fix, rule.id
        assert example.where, rule.id
        assert example.excess > 0, rule.id


def test_ids_are_unique_and_all_have_examples() -> None:
    """No two rules share an id, there is no example without a rule, and what a pack may name is a rule."""
    ids = [rule.id for rule in RULES]
    assert len(set(ids)) == len(ids)
    assert set(ids) == set(examples())
    assert set(get_args(PolicyRule)) <= set(ids)


def test_no_rule_is_forgotten() -> None:
    """Each rule that a module of the room defines is in the registry: one that is not is never applied."""
    modules = [import_module(f"{rules.__name__}.{found.name}") for found in iter_modules(rules.__path__)]
    defined = {value.id for module in modules for value in vars(module).values() if isinstance(value, Rule)}
    assert defined == {rule.id for rule in RULES}
