"""Equal findings of one cause, told once, and which of the others only follow from them.

Two hundred nodes in a rack that does not exist are one mistake.

For those who read. What is decided, recorded and verified is each finding by itself.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from zonewright.rules.finding import NOTHING_MORE, THERE, Finding
from zonewright.rules.words import listed

_BETWEEN = re.compile(r"([\s,;:()']+)")
_OWN = "\0"
_NEEDS_ALL_NODES = frozenset({"n-minus", "spread"})
"""Rules that count the nodes of a cluster which have a place."""


def alike(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Put findings together that differ in nothing but whose they are; each group takes the place of its first.

    They have one rule, the same figures and the same sentences but for names, and for where a fix finds room. The one
    that is told stands where the first of them does, has the participants of all, and says how many more there are and
    the first of their names.

    Args:
        findings: in the order in which they are to be read.
    """
    groups: dict[object, list[Finding]] = {}
    for finding in findings:
        names = _names(finding)
        key = (
            *(finding.rule, finding.level, finding.waiver),
            *(finding.value, finding.limit, finding.unit, finding.excess),
            *(_nameless(finding.message, names), _nameless(finding.fix.partition(THERE)[0], names)),
        )
        groups.setdefault(key, []).append(finding)
    return tuple(group[0] if len(group) == 1 else _told_once(group) for group in groups.values())


def is_consequence(finding: Finding, findings: Sequence[Finding]) -> bool:
    """Whether a finding goes away with another one.

    That is so where the nodes that it would move may stay once another fix has moved others, and where a cluster stands
    too close together while nodes of it have no place at all.

    Args:
        finding: one of them.
        findings: all that was found.
    """
    if finding.fix.startswith(NOTHING_MORE):
        return True
    if finding.rule not in _NEEDS_ALL_NODES:
        return False
    parties = {item.party for item in finding.participants}
    return any(
        finding.subject in (one.subject, one.subject.rpartition("-")[0])
        for one in findings
        if one.rule == "placement" and parties <= {item.party for item in one.participants}
    )


def _names(finding: Finding) -> frozenset[str]:
    """What a finding is of: names of its subject and of those who take part, as far as the reader knows them."""
    return frozenset({*finding.subject.split(", "), *(item.name for item in finding.participants if item.name)})


def _nameless(text: str, names: frozenset[str]) -> str:
    return "".join(_OWN if word in names else word for word in _BETWEEN.split(text))


def _told_once(group: list[Finding]) -> Finding:
    first, others = group[0], group[1:]
    named = [_new_in(one, _names(one) - _names(first)) for one in others]
    count = f"{len(others):,} other{'s' if len(others) > 1 else ''}"
    more = f"{count}: {listed(named)}" if all(named) else count
    participants = dict.fromkeys(item for one in group for item in one.participants)
    return replace(first, message=f"{first.message}; the same for {more}", participants=tuple(participants))


def _new_in(finding: Finding, names: frozenset[str]) -> str:
    """The first of these names that a finding's message has; empty where it has none."""
    return next((word for word in _BETWEEN.split(finding.message) if word in names), "")
