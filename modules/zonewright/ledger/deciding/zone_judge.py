"""What the rules say of one change, measured against the zone, or the racks, without it."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace

from zonewright.model.world import World, ZoneFacts
from zonewright.model.zone import Zone
from zonewright.own_rules import evaluate_all
from zonewright.rules.finding import Finding, worst_first

_Key = tuple[str, str, str, str]
"""What is compared: rule, subject, level and unit."""
_FILLS = "zone-utilization"
_BETWEEN = frozenset({"lease-term"})
"""Advice between two parties: no other one is told, also no other operator."""


def judge_zone(before: ZoneFacts, after: World, *, party: str, racks: frozenset[str] | None) -> tuple[Finding, ...]:
    """Findings of the rules with reach "zone" that this change must answer for.

    Args:
        before: the zone without the change.
        after: the world with the change, and the zone with it.
        party: whose change it is.
        racks: ids of the racks that it touches; None for all.
    """
    found = evaluate_all(replace(after, before=before, acting=party), racks=racks, reach="zone")
    if not found:
        return ()
    known = evaluate_all(World(racks=after.racks, clusters=after.clusters, zone=before), racks=racks, reach="zone")
    grows = after.zone is not None and _design_w(after.zone, before.sites) > _design_w(before, before.sites)
    return tuple(_answered_for(found, known, party, grows=grows))


def judge_racks(
    earlier: Callable[[], World], after: World, *, party: str, racks: frozenset[str] | None, operates: bool
) -> tuple[Finding, ...]:
    """Findings of the rules with reach "rack"; what may not get worse is measured against the world without the change.

    Args:
        earlier: makes the world without the change, with what has failed in it now: to declare a failure is no change.
        after: the world with the change.
        party: whose change it is.
        racks: ids of the racks that it touches; None for all.
        operates: whether it is the operator's, who is told of what breaks for others.
    """

    def concerns(one: Finding) -> bool:
        takes_part = any(item.party == party for item in one.participants)
        return takes_part or one.level != "advisory" or (operates and one.rule not in _BETWEEN)

    found = tuple(filter(concerns, evaluate_all(after, racks=racks, reach="rack")))
    if not any(one.level == "no-worse" for one in found):
        return found
    now, past = _excess(found), _excess(evaluate_all(earlier(), racks=racks, reach="rack"))
    judged: list[Finding] = []
    for one in found:
        is_worse = now[_key(one)] > past[_key(one)]
        if one.level != "no-worse" or is_worse:
            judged.append(one)
        elif operates or any(item.party == party for item in one.participants):
            judged.append(replace(one, level="advisory"))
    return worst_first(judged)


def _design_w(facts: ZoneFacts, sites: Collection[str]) -> int:
    """Design watts of sites that were there before: one that is new to the ledger is inventory, not growth."""
    return sum(room.design_w for name, room in facts.rooms.items() if name.partition("/")[0] in sites)


def _key(finding: Finding) -> _Key:
    return finding.rule, finding.subject, finding.level, finding.unit


def _excess(findings: Iterable[Finding]) -> Counter[_Key]:
    """The sum of the excess by rule, subject, level and unit: minutes of batteries make up for none of generators."""
    sums: Counter[_Key] = Counter()
    for finding in findings:
        sums[_key(finding)] += finding.excess
    return sums


def _answered_for(found: Iterable[Finding], known: Iterable[Finding], party: str, *, grows: bool) -> Iterator[Finding]:
    """A breach that was there before and is no worse is not the change's: its own party is told, others are not.

    All breaches of a rule by one thing count together, level by level, so that a present one hides no other one that is
    as large.
    """
    found = tuple(found)
    now, past = _excess(found), _excess(known)
    for finding in found:
        key = _key(finding)
        is_worse = key not in past or now[key] > past[key]
        if finding.rule == _FILLS and not grows:
            is_worse = False  # whoever takes something out, or adds less than is missing, opens nothing
        takes_part = any(item.party == party for item in finding.participants)
        if is_worse or (takes_part and finding.level == "mandatory"):
            yield finding
        elif takes_part:
            yield replace(finding, level="advisory")


def with_contacts(finding: Finding, zone: Zone, party: str) -> Finding:
    """The finding of an operator's change, with how to reach the others who take part; their names stay hidden.

    Args:
        finding: as the rules found it.
        zone: the administrator's file, which has the contacts.
        party: whose change it is.
    """
    others = sorted({item.party for item in finding.participants} - {party})
    contacts = [zone.parties[one].contact for one in others if one in zone.parties and zone.parties[one].contact]
    if not contacts:
        return finding
    return replace(finding, fix=f"{finding.fix}; those concerned: {', '.join(contacts)}")
