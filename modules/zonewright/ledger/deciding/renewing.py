"""Whether a reservation for days may go on: what its places were granted by may have been taken back since."""

from dataclasses import replace

from sqlalchemy import Connection

from zonewright.ledger.deciding.decide import answer
from zonewright.ledger.deciding.facts import world_of
from zonewright.ledger.deciding.zone_facts import zone_base
from zonewright.ledger.deciding.zone_judge import judge_zone
from zonewright.ledger.store.held import HeldPlaces
from zonewright.ledger.store.scopes import NAMES
from zonewright.model.world import Occupant
from zonewright.rules import evaluate
from zonewright.rules.finding import Finding

_GRANTS = frozenset({"rack-exists", "offered-place", "offered-power", "quota"})
"""The rules by which an operator or the zone grants places; by all others it has been counted since it was made."""


def renewal_findings(connection: Connection, held: HeldPlaces, now: str) -> tuple[Finding, ...]:
    """What the rules about grants say of a reservation, as if it were made now.

    Args:
        connection: a transaction.
        held: the reservation, which has not ended.
        now: ISO 8601 time.
    """
    racks = frozenset(data["rack"] for data in held.claims.values())
    world = world_of(connection, held.sites - {NAMES}, now)
    world = replace(world, occupants=tuple(_as_wanted(item, held) for item in world.occupants))
    found = evaluate(world, racks=racks, reach="rack")
    base = zone_base(connection, held.stack_id, now=now)
    without = zone_base(connection, held.stack_id, now=now, replaced=held.stack_id)
    if base is not None and without is not None:
        after = replace(world, zone=base.before())
        found = (*found, *judge_zone(without.before(), after, party=held.party, racks=racks))
    return answer((finding for finding in found if finding.rule in _GRANTS), base, now[:10])


def _as_wanted(item: Occupant, held: HeldPlaces) -> Occupant:
    """What a reservation holds, as the change that it is for would want it; all else as it is."""
    is_held = item.standing == "reserved" and item.key == (held.party, held.stack_id, item.name)
    if not is_held or item.until != held.expires_at:
        return item
    return replace(item, standing="wanted", path=f"clusters.{item.cluster}")
