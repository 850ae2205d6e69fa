"""Who wants a rack, row or room for its party alone, for rules and placement that must not count on such a place."""

from collections import defaultdict
from collections.abc import Mapping
from typing import get_args

from zonewright.model.cluster import Scope
from zonewright.model.world import World
from zonewright.rules.spread import domain_of

Alone = Mapping[str, frozenset[str]]
"""Parties by the id of the rack, row or room that each wants for itself."""
_SCOPES: tuple[Scope, ...] = get_args(Scope)


def alone_in(world: World) -> Alone:
    """Which parties want which domain for themselves; a place that the same change leaves does not count."""
    found: dict[str, set[str]] = defaultdict(set)
    for item in (*world.bystanders.exclusive, *world.occupants):
        if item.exclusive is not None and item.blocks_units:
            found[domain_of(item.rack, item.exclusive)].add(item.party)
    return {domain: frozenset(parties) for domain, parties in found.items()}


def is_of_another(rack_id: str, party: str, alone: Alone) -> bool:
    """Whether a rack is in a domain that somebody else wants for itself."""
    return bool(alone) and any(alone.get(domain_of(rack_id, scope), frozenset()) - {party} for scope in _SCOPES)
