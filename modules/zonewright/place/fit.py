"""Where would so many kilowatts and rack units fit? An answer without a declaration."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydantic import ConfigDict

from zonewright.model.cooling import Cooling, cools
from zonewright.model.own_rule import OWN
from zonewright.model.rack import Rack
from zonewright.model.world import Occupant, RoomTotals, World
from zonewright.place.rack_state import Ground, RackState
from zonewright.rules import evaluate
from zonewright.rules.alone import alone_in, is_of_another
from zonewright.rules.geometry import bits
from zonewright.rules.loads import GRAMS
from zonewright.rules.offered import Remaining, units_for
from zonewright.rules.words import listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to fit into one room.

    Attributes:
        watts: IT power, after the loss of either feed.
        units: rack units, in any pieces.
        site: only this site; None for all.
        cooling: only rooms with this cooling; None for any.
        protection_level: level of what would run on it; racks on the other side of the limit are left out.
    """

    watts: int
    units: int
    site: str | None = None
    cooling: Cooling | None = None
    protection_level: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomFit:
    """What one room has for a wish.

    Attributes:
        room: ``site/room``.
        racks: racks that the wish would take, the emptiest first; 0 where it does not fit.
        free_w: watts that are free, whichever feed is lost.
        free_units: rack units that are free.
        missing_w: watts that are missing.
        missing_units: rack units that are missing.
        is_open: whether something draws power in the room already.
        notes: what rules beyond the room would say.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    room: str
    racks: int
    free_w: int
    free_units: int
    missing_w: int
    missing_units: int
    is_open: bool
    notes: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether nothing is missing."""
        return self.racks > 0

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Free:
    """What is free in a rack.

    Attributes:
        watts: that it adds to its room: an offer's power is counted once, in the first of its racks.
        units: rack units.
        bears_w: watts that it bears by itself; 0 where it carries no more weight, for there is no node without any.
    """

    watts: int
    units: int
    bears_w: int


def fit(world: World, wish: Wish, *, party: str = "") -> tuple[RoomFit, ...]:
    """What each room has for a wish; those that fit first, open ones before idle ones, then the fewest racks.

    Args:
        world: all racks with all that stands in them, and the zone as a whole.
        wish: what is to fit.
        party: whose offers count; empty for somebody to whom everything counts.
    """
    inside: dict[str, list[Occupant]] = defaultdict(list)
    for item in world.everybody:
        inside[item.rack].append(item)
    rooms: dict[str, list[Rack]] = defaultdict(list)
    for rack in world.racks.values():
        if rack.accepts and wish.site in (None, rack.site) and cools(rack.cooling, wish.cooling):
            rooms[rack.room].append(rack)
    open_rooms = {item.rack.rsplit("/", 2)[0] for item in world.everybody if item.draw.allocated_w}
    found = []
    alone = alone_in(world)
    for room, racks in rooms.items():
        usable = [
            rack for rack in racks if not is_of_another(rack.id, party, alone) and _may_share(rack, inside, wish, world)
        ]
        found.append(_of_room(room, _free_in(world, usable, inside, party), wish, is_open=room in open_rooms))
    ready = [one for one in found if one.fits and one.is_open]
    noted = [replace(one, notes=tuple(_notes(world, one, wish, ready))) if one.fits else one for one in found]
    return tuple(sorted(noted, key=_rank))


def _rank(one: RoomFit) -> tuple[object, ...]:
    if not one.fits:
        return (True, one.missing_w, one.missing_units, one.room)
    return (False, bool(one.notes), not one.is_open, one.racks, one.room)


def _may_share(rack: Rack, inside: dict[str, list[Occupant]], wish: Wish, world: World) -> bool:
    limit = world.zone.zone.limit("separated-protection-level") if world.zone is not None else None
    holders = inside.get(rack.id, ())
    if limit is None or wish.protection_level is None:
        return True
    is_above = wish.protection_level >= limit.value
    return all((item.protection_level >= limit.value) == is_above for item in holders)


def _of_room(room: str, free: Sequence[_Free], wish: Wish, *, is_open: bool) -> RoomFit:
    watts = units = count = 0
    for one in free:
        if watts >= wish.watts and units >= wish.units:
            break
        if one.bears_w > 0 and one.units > 0:
            watts, units, count = watts + one.watts, units + one.units, count + 1
    missing = (max(0, wish.watts - watts), max(0, wish.units - units))
    return RoomFit(
        room=room,
        racks=0 if any(missing) else max(1, count),
        free_w=sum(one.watts for one in free),
        free_units=sum(one.units for one in free),
        missing_w=missing[0],
        missing_units=missing[1],
        is_open=is_open,
    )


def _free_in(world: World, racks: Iterable[Rack], inside: dict[str, list[Occupant]], party: str) -> Sequence[_Free]:
    """What is free in each rack, the emptiest first, as far as what is offered to a party reaches."""
    remaining = Remaining(world, party) if party and world.offered else None
    found = []
    for rack in racks:
        state = RackState(Ground(rack, tuple(inside.get(rack.id, ()))), (), ())
        watts, units = _free(state, party)
        closed = 0 if remaining is None else remaining.closed(rack, 1)
        units = [unit for unit in units if not closed & bits(unit, 1)]
        is_full = state.sums[GRAMS] >= state.limits[GRAMS]
        found.append((watts, len(units), rack.id, units, is_full))
    found.sort(reverse=True)
    return [
        _Free(
            watts=watts if remaining is None else remaining.grant(world.racks[rack_id], units, watts),
            units=count,
            bears_w=0 if is_full else watts,
        )
        for watts, count, rack_id, units, is_full in found
    ]


def _free(state: RackState, party: str) -> tuple[int, list[int]]:
    """Watts, whichever feed is lost, and units on both faces that are free in a rack for a party."""
    watts = state.left_for(None) or 0
    taken = state.taken["front"] | state.taken["rear"]
    return max(0, watts), [unit for unit in units_for(state.rack, party) if not taken & bits(unit, 1)]


def _notes(world: World, one: RoomFit, wish: Wish, ready: list[RoomFit]) -> Iterable[str]:
    if world.zone is None:
        return
    if one.fits and (own := sorted(world.zone.zone.own_rules)):
        yield f"{', '.join(f'{OWN}{name}' for name in own)}: not asked, because they judge nodes and this is none yet"
    kinds = {rack.room: (rack.site, rack.cooling) for rack in world.racks.values()}
    same = [other.room for other in ready if kinds[other.room] == kinds[one.room]]
    if not one.is_open and same:
        verb = "is open and has" if len(same) == 1 else "are open and have"
        yield f"fill-before-open: {listed(same)} {verb} space"
    rooms = dict(world.zone.rooms)
    sums = rooms.get(one.room, RoomTotals())
    rooms[one.room] = RoomTotals(sums.design_w, sums.contracted_w + wish.watts)
    before = {(item.rule, item.subject): item.excess for item in _zone_findings(world)}
    for item in _zone_findings(replace(world, zone=replace(world.zone, rooms=rooms))):
        if item.excess > before.get((item.rule, item.subject), -1):
            yield f"{item.rule}: {item.message}"


def _zone_findings(world: World) -> Iterable[Any]:
    return evaluate(World(racks={}, zone=world.zone), reach="zone")
