"""The read set of a proposal: the inequalities that it rests on, so that it is void only if one of them fails.

Each says how much others must leave to the stack, whatever the stack itself has there now: "feed B of
``qp-dc1/c/01/07`` has at least 2,900 W for this stack after the loss of feed A".
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from zonewright.model.rack import Rack
from zonewright.model.supply import FeedName
from zonewright.model.world import Occupant, World
from zonewright.place.energy_preconditions import energy_premises, figure_of
from zonewright.place.precondition import ENERGY, Precondition, PreconditionKind
from zonewright.rules.geometry import bits, occupied
from zonewright.rules.loads import ALONE, GRAMS, WORST, Figures, limits, sums_of

_FEEDS: tuple[FeedName, ...] = ("A", "B")


def read_set(world_after: World, *, stack: str) -> tuple[Precondition, ...]:
    """What the wanted places of a stack rest on, by rack.

    Args:
        world_after: the world as ``change_world`` makes it; with the zone with and without the change, the energy
            ratios of its sites are in the read set too.
        stack: id of the stack.
    """
    own: dict[str, list[Occupant]] = defaultdict(list)
    for item in world_after.occupants:
        if item.stack == stack:
            own[item.rack].append(item)
    premises: list[Precondition] = []
    for rack_id in sorted(own):
        wanted = [item for item in own[rack_id] if item.standing == "wanted"]
        if wanted:
            premises += _of_rack(rack_id, world_after.racks.get(rack_id), wanted, own[rack_id])
    if world_after.zone is not None and world_after.before is not None:
        premises += energy_premises(world_after.zone, world_after.before)
    return tuple(premises)


def _of_rack(
    rack_id: str, rack: Rack | None, wanted: Sequence[Occupant], own: Sequence[Occupant]
) -> Iterator[Precondition]:
    known = {item.key for item in own if item.standing != "wanted"}
    for party in sorted({item.party for item in wanted if item.key not in known}):
        yield Precondition(kind="rack-open", subject=rack_id, of=party)
    for face, position, units in _pieces(wanted):
        yield Precondition(kind="units-free", subject=rack_id, of=face, position=position, at_least=units)
    if rack is not None:
        needed = sums_of(own, rack.wiring)
        for kind, of, index in _FIGURES:
            if needed[index]:
                yield Precondition(kind=kind, subject=rack_id, of=of, at_least=needed[index])


_FIGURES: tuple[tuple[PreconditionKind, str, int], ...] = (
    *(("feed-live", feed, WORST[feed]) for feed in _FEEDS),
    *(("feed-failover", feed, ALONE[feed]) for feed in _FEEDS),
    ("weight", "", GRAMS),
)


def _pieces(wanted: Iterable[Occupant]) -> Iterator[tuple[str, int, int]]:
    """Units that are wanted, joined where they touch: face or ``both``, lowest unit, number of units."""
    seats = sorted(("both" if item.is_full_depth else item.face, item.position, item.units.stop) for item in wanted)
    while seats:
        face, first, stop = seats.pop(0)
        while seats and seats[0][0] == face and seats[0][1] <= stop:
            stop = max(stop, seats.pop(0)[2])
        yield face, first, stop - first


def failed(premises: Iterable[Precondition], world_without_change: World, *, stack: str) -> tuple[Precondition, ...]:
    """The premises that no longer hold.

    Args:
        premises: a read set.
        world_without_change: the world now; what the stack itself has in its racks does not count. Premises on
            energy look at its ``zone``, which is the zone as it is now.
        stack: id of the stack.
    """
    asked = tuple(premises)
    subjects = {premise.subject for premise in asked if premise.kind not in ENERGY}
    others: dict[str, list[Occupant]] = defaultdict(list)
    around = world_without_change.bystanders.by_rack
    for item in (*world_without_change.occupants, *(one for rack_id in subjects for one in around.get(rack_id, ()))):
        if item.rack in subjects and item.stack != stack:
            others[item.rack].append(item)
    free = {
        rack_id: _Free(rack, others[rack_id])
        for rack_id in subjects
        if (rack := world_without_change.racks.get(rack_id)) is not None
    }
    return tuple(premise for premise in asked if not _holds(premise, world_without_change, free))


def _holds(premise: Precondition, world: World, free: Mapping[str, "_Free"]) -> bool:
    if premise.kind in ENERGY:
        value = figure_of(premise, world.zone) if world.zone is not None else None
        return value is not None and value <= premise.at_most
    return premise.subject in free and free[premise.subject].has(premise)


class _Free:
    """What others leave in one rack."""

    def __init__(self, rack: Rack, others: Sequence[Occupant]) -> None:
        self._rack = rack
        self._taken = occupied(others)
        used = sums_of(others, rack.wiring)
        self._left: Figures = tuple(limit - load for limit, load in zip(limits(rack), used, strict=True))

    def has(self, premise: Precondition) -> bool:
        """Whether a premise holds."""
        if premise.kind == "rack-open":
            return self._rack.takes_nodes_of(premise.of)
        if premise.kind == "units-free":
            taken = self._taken["front"] | self._taken["rear"] if premise.of == "both" else self._taken[_face(premise)]
            inside = premise.position >= 1 and premise.position + premise.at_least - 1 <= self._rack.u_height
            return inside and not taken & bits(premise.position, premise.at_least)
        index = next(index for kind, of, index in _FIGURES if (kind, of) == (premise.kind, premise.of))
        return self._left[index] >= premise.at_least


def _face(premise: Precondition) -> Literal["front", "rear"]:
    return "rear" if premise.of == "rear" else "front"
