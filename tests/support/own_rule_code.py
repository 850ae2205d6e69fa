"""Code of rules that a zone wrote itself, and rule packs that have them."""

from collections.abc import Mapping

from zonewright.model import RulePack
from zonewright.model.own_rule import OwnRule, OwnRuleLevel, OwnRuleSubject

_COUNT = """
def check(facts, limit):
    for one in facts[{part!r}]:
        if {value} > limit:
            yield {{"subject": one["id"], "value": {value}}}
"""
COUNTS: Mapping[OwnRuleSubject, str] = {
    "rack": _COUNT.format(part="racks", value='len(one["nodes"])'),
    "cluster": _COUNT.format(part="clusters", value='len(one["nodes"])'),
    "zone": _COUNT.format(part="sites", value='one["contracted_w"]'),
}
"""Counts nodes of racks and clusters, and watts of sites."""


def own_rule(
    *, of: OwnRuleSubject = "rack", code: str = COUNTS["rack"], limit: int = 0, level: OwnRuleLevel = "mandatory"
) -> OwnRule:
    """A rule with its code, as the loader makes it."""
    return OwnRule(
        title="There are few of them.",
        file="rules/counted.py",
        of=of,
        level=level,
        limit=limit,
        unit="nodes",
        fix="have fewer",
        source="a letter",
        text=code,
    )


def own_pack(
    *, of: OwnRuleSubject = "rack", code: str = COUNTS["rack"], limit: int = 0, level: OwnRuleLevel = "mandatory"
) -> RulePack:
    """A pack with one such rule, ``own/counted``."""
    rules = {"counted": own_rule(of=of, code=code, limit=limit, level=level)}
    return RulePack(title="Own", valid_from="2026-01-01", valid_until="2035-12-31", rules=rules)
