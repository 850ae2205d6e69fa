"""What is the case now where a premise of a plan does not hold any more."""

from zonewright.model.world import Occupant, World
from zonewright.place.energy_preconditions import figure_of
from zonewright.place.precondition import ENERGY, Precondition
from zonewright.rules.geometry import bits, occupied
from zonewright.rules.loads import ALONE, GRAMS, WORST, limits, sums_of
from zonewright.rules.words import amount, kilograms, listed


def broken_sentence(premise: Precondition, world: World, *, stack: str) -> str:
    """The premise, and what is the case instead.

    Args:
        premise: an inequality that does not hold.
        world: the world now, as ``failed`` takes it.
        stack: id of the stack.
    """
    now = _now(premise, world, stack)
    return (
        f"the plan needs this: {premise.sentence()}; now {now}"
        if now
        else f"this is no longer true: {premise.sentence()}"
    )


def _now(premise: Precondition, world: World, stack: str) -> str:
    if premise.kind in ENERGY:
        return _figure(premise, world)
    rack = world.racks.get(premise.subject)
    if rack is None:
        return "there is no such rack"
    others = [item for item in world.in_rack(premise.subject) if item.stack != stack]
    if premise.kind == "rack-open":
        return "it takes no new nodes"
    if premise.kind == "units-free":
        return _taken(premise, others)
    names = {("weight", ""): GRAMS} | {("feed-live", feed): index for feed, index in WORST.items()}
    names |= {("feed-failover", feed): index for feed, index in ALONE.items()}
    index = names.get((premise.kind, premise.of))
    if index is None:
        return ""
    used = sums_of(others, rack.wiring)
    left = limits(rack)[index] - used[index]
    return kilograms(left) if index == GRAMS else amount(left, "W")


def _figure(premise: Precondition, world: World) -> str:
    value = figure_of(premise, world.zone) if world.zone is not None else None
    if value is None:
        return "it is not known"
    if premise.kind == "figure-age":
        return f"they are {float(value) / 24:.1f} days old"
    return f"it is {-(-value // 1) / 10**6:.6f}"


def _taken(premise: Precondition, others: list[Occupant]) -> str:
    held = occupied(others)
    mask = held["front"] | held["rear"] if premise.of == "both" else held["rear" if premise.of == "rear" else "front"]
    units = [
        f"U{unit}" for unit in range(premise.position, premise.position + premise.at_least) if mask & bits(unit, 1)
    ]
    return f"{listed(units)} taken" if units else "the rack has no such units"
