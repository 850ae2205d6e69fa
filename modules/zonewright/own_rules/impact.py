"""What a rule pack would find in a zone as it stands."""

from dataclasses import replace

from zonewright.model.world import World
from zonewright.own_rules.judging import evaluate_all
from zonewright.rules.finding import Finding
from zonewright.rules.waivers import with_waivers


def findings_with(world: World, pack: str | None, *, on: str) -> tuple[Finding, ...]:
    """All findings of a world with a pack in force, each with the waiver that covers it.

    Args:
        world: the facts.
        pack: id of one of the zone's packs; None for none.
        on: the day on which waivers are looked at, as ``2026-07-01``.
    """
    if world.zone is None:
        return evaluate_all(world)
    zone = world.zone.zone.model_copy(update={"rule_pack": pack})
    return with_waivers(evaluate_all(replace(world, zone=replace(world.zone, zone=zone))), zone, on)
