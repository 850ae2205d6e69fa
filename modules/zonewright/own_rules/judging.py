"""The rules that a zone writes itself, as rules like all others: what they find has our sentences and their figures.

The code gives figures and names of what it was shown, and no text: a finding is read by parties that may not know what
others have in a rack, so a sentence of the code could tell them. So could the text of an error: it is left out too.
"""

import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING

from zonewright.model.own_rule import OWN, OwnRule
from zonewright.model.world import Occupant, World
from zonewright.model.zone import Zone
from zonewright.own_rules.facts import facts_of
from zonewright.own_rules.trusted import SETTINGS, distrusted, only_trusted
from zonewright.rules import Finding, Rule, evaluate
from zonewright.rules.finding import MUST_HOLD, Participant
from zonewright.rules.rule import Reach
from zonewright.rules.view import Breach, View, movable, participants_of, row_path
from zonewright.rules.words import amount

if TYPE_CHECKING:
    from zonewright.own_rules.confined import Breached

TOTAL_S = 30.0
"""Seconds that the rules of a zone's own may take together while others wait for a transaction to end."""
_LEFT: ContextVar[list[float] | None] = ContextVar("seconds left for the zone's own rules", default=None)
_DESCRIPTION = "A rule of the zone's own. Its code runs confined, on facts as plain data, in the time that it is given."


def evaluate_all(
    world: World, *, racks: Collection[str] | None = None, reach: Reach | None = None
) -> tuple[Finding, ...]:
    """All findings of a world by the rules of zonewright and by those of its zone, worst first.

    Args:
        world: the facts.
        racks: ids of the racks to be judged; None judges all.
        reach: only the rules of this reach; None for all.
    """
    further = rules_of(world.zone.zone) if world.zone is not None else ()
    return evaluate(world, racks=racks, reach=reach, further=further)


def evaluate_trusted(
    world: World, *, racks: Collection[str] | None = None, reach: Reach | None = None
) -> tuple[Finding, ...]:
    """As :func:`evaluate_all`, for a folder that may be anybody's: only rules that the user trusts are run.

    Args:
        world: the facts.
        racks: ids of the racks to be judged; None judges all.
        reach: only the rules of this reach; None for all.
    """
    with only_trusted(os.environ):
        return evaluate_all(world, racks=racks, reach=reach)


@contextmanager
def in_time(seconds: float = TOTAL_S) -> Iterator[None]:
    """Let the zone's own rules take so many seconds together within the block; what comes after that is not decided.

    Answers that are known already take none, so what was judged before the lock costs nothing within it.

    Args:
        seconds: how many.
    """
    token = _LEFT.set([seconds])
    try:
        yield
    finally:
        _LEFT.reset(token)


def rules_of(zone: Zone) -> tuple[Rule, ...]:
    """The rules of a zone's own that are in force.

    Args:
        zone: the administrator's file, with their code.
    """
    return tuple(_rule(name, rule) for name, rule in sorted(zone.own_rules.items()))


def _rule(name: str, rule: OwnRule) -> Rule:
    return Rule(
        id=f"{OWN}{name}",
        title=rule.title,
        level=rule.level,
        description=_DESCRIPTION,
        unit=rule.unit,
        reference=rule.source,
        function=partial(_breaches, name, rule),
        reach="zone" if rule.of == "zone" else "rack",
    )


def _breaches(name: str, rule: OwnRule, view: View) -> Iterator[Breach]:
    facts, numbered = facts_of(view, rule.of)
    if not any(facts.values()):
        return
    if digest := distrusted(rule.text):
        failure = f"its code was not run, because you have not said that you trust {rule.file}"
        fix = f"read {rule.file}; if you trust it, write {digest} on a line of ~/.config/{SETTINGS}"
        yield _undecided(name, rule, view, failure, fix)
        return
    from zonewright.own_rules.confined import run_rule  # noqa: PLC0415 - few zones have rules of their own

    left, began = _LEFT.get(), time.monotonic()
    answer = run_rule(rule.text, facts, rule.limit, is_late=left is not None and left[0] <= 0)
    if left is not None:
        left[0] -= time.monotonic() - began
    wheres = _wheres(view, rule)
    failure = answer.failure
    if not all(_is_known(one, rule, wheres, numbered) for one in answer.found):
        failure = f"it names no {rule.of if rule.of != 'zone' else 'site, duct or link'} of its facts, or no node of it"
    if failure:
        yield _undecided(name, rule, view, failure)
        return
    for one in answer.found:
        yield _breach(rule, view, one, numbered, *wheres[one.subject])


def _wheres(view: View, rule: OwnRule) -> Mapping[str, tuple[str, Participant]]:
    """What the code may name: where each is declared, and whose it is."""
    found: dict[str, tuple[str, Participant]] = {}
    if rule.of == "rack":
        for rack_id in view.in_rack:
            if rack_id in view.racks:
                found[rack_id] = row_path(rack_id), Participant(party=view.racks[rack_id].owner, name=rack_id)
    elif rule.of == "cluster":
        for cluster in view.clusters:
            found[f"{cluster.party}/{cluster.name}"] = cluster.path, Participant(party=cluster.party, name=cluster.name)
    elif view.zone is not None:
        parts = (("sites", view.zone.sites), ("ducts", view.zone.ducts), ("links", view.zone.links))
        for section, things in parts:
            found |= {
                key: (f"{section}.{key}", Participant(party=held.owner, name=key)) for key, held in things.items()
            }
    return found


def _is_known(one: "Breached", rule: OwnRule, wheres: Collection[str], numbered: Sequence[Occupant]) -> bool:
    """Whether a subject was in the facts, and each node stands in it: nobody answers for what is elsewhere."""

    def is_of_it(item: Occupant) -> bool:
        return one.subject == (item.rack if rule.of == "rack" else f"{item.party}/{item.cluster}")

    return one.subject in wheres and all(number < len(numbered) and is_of_it(numbered[number]) for number in one.nodes)


def _breach(  # noqa: PLR0917 - what is known of one finding
    rule: OwnRule, view: View, one: "Breached", numbered: Sequence[Occupant], where: str, owner: Participant
) -> Breach:
    limit = rule.limit if one.limit is None else one.limit
    excess = one.excess or max(1, abs(one.value - limit))
    named = [numbered[number] for number in one.nodes]
    concerned = named or list(view.in_rack.get(one.subject, ())) if rule.of == "rack" else named
    acting = next((item for item in movable(concerned) if item.path), None)
    first = owner if acting is None else Participant(party=acting.party, name=acting.name)
    others = [item for item in participants_of(concerned) if item != first]
    told = {item.party for item in (first, *others)}
    if (
        owner.party not in told
        and rule.of == "rack"
        and any(item.party not in told for item in view.in_rack.get(one.subject, ()))
    ):
        others.append(owner)  # who reads it is to know that the figures count what others have
    return Breach(
        subject=owner.name,
        where=where if acting is None else acting.path,
        message=(
            f"{owner.name}: {amount(one.value, rule.unit).strip()} where the zone's own rule has "
            f"{amount(limit, rule.unit).strip()}{MUST_HOLD}{rule.title.rstrip('.')}"
        ),
        value=one.value,
        limit=limit,
        unit=rule.unit,
        excess=excess,
        participants=(first, *others),
        fix=rule.fix,
    )


def _undecided(name: str, rule: OwnRule, view: View, failure: str, fix: str = "") -> Breach:
    """What cannot be told is not good: it refuses, unless the rule only advises."""
    return Breach(
        subject=f"{OWN}{name}",
        where=f"rule_packs.{_pack_of(view, name)}.rules.{name}",
        message=f"the zone's own rule {name} could not be decided: {failure}{MUST_HOLD}{rule.title.rstrip('.')}",
        participants=(
            Participant(party="zone", name=f"{OWN}{name}"),
            *([Participant(party=view.world.acting, name="")] if view.world.acting else []),
        ),
        fix=fix or f"the administrator corrects {rule.file} and registers it again: zonewright ledger init ZONE",
        level="advisory" if rule.level == "advisory" else "mandatory",
        excess=1,
    )


def _pack_of(view: View, name: str) -> str:
    packs = view.zone.zone.rule_packs if view.zone is not None else {}
    return next((pack_id for pack_id, pack in packs.items() if name in pack.rules), "")
