"""Cross checks of a zone's own rules: packs that extend others only tighten them, and waivers name those there are."""

from collections.abc import Iterator

from zonewright.declare.problem import Fault, Path, one_of, shown, unknown
from zonewright.model import Zone
from zonewright.model.own_rule import OWN, OwnRule
from zonewright.model.rule_pack import LEVELS, chain_of

_SAME = ("file", "of", "stricter", "unit")
"""What a pack may not say otherwise than the one that it extends: it would be another rule."""


def own_rule_faults(zone: Zone) -> Iterator[Fault]:
    """Faults of the zone's own rules.

    Args:
        zone: the administrator's file.
    """
    for pack_id, pack in zone.rule_packs.items():
        above = chain_of(zone.rule_packs, pack.extends)
        for rule_id, rule in pack.rules.items():
            earlier = next((one.rules[rule_id] for one in above if rule_id in one.rules), None)
            if earlier is not None:
                yield from _looser(("rule_packs", pack_id, "rules", rule_id), rule, earlier)
    ids = {f"{OWN}{rule_id}" for pack in zone.rule_packs.values() for rule_id in pack.rules}
    for waiver_id, waiver in zone.waivers.items():
        if waiver.rule.startswith(OWN) and waiver.rule not in ids:
            path = ("waivers", waiver_id, "rule")
            yield unknown("rule of the zone's own", waiver.rule, ids, owner="", path=path)


def _looser(path: Path, rule: OwnRule, earlier: OwnRule) -> Iterator[Fault]:
    for name in _SAME:
        got, expected = getattr(rule, name), getattr(earlier, name)
        if got != expected:
            what, fix = "another rule than that of the pack it extends", "say the same, or give the rule another id"
            yield _fault((*path, name), what, shown(expected), shown(got), fix)
    is_lower = earlier.stricter == "lower"
    if rule.limit > earlier.limit if is_lower else rule.limit < earlier.limit:
        what = "a limit looser than that of the pack it extends"
        expected = f"{'at most' if is_lower else 'at least'} {earlier.limit:,}"
        yield _fault((*path, "limit"), what, expected, f"{rule.limit:,}", "tighten it")
    if LEVELS.index(rule.level) > LEVELS.index(earlier.level):
        what = "a level looser than that of the pack it extends"
        allowed = one_of(f"'{one}'" for one in LEVELS[: LEVELS.index(earlier.level) + 1])
        yield _fault((*path, "level"), what, allowed, shown(rule.level), "tighten it")


def _fault(path: Path, what: str, expected: str, got: str, fix: str) -> Fault:
    return Fault(owner="", path=path, what=what, expected=expected, got=got, fix=fix)
