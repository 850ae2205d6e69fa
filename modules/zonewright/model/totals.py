"""Sums over rooms, for the rules that look at the zone as a whole."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from operator import attrgetter

from zonewright.model.rack import Rack
from zonewright.model.world import Occupant, RoomTotals, Standing, Usage

_ORDER: tuple[Standing, ...] = ("releasing", "reserved", "baseline", "active", "admitted", "wanted")
"""Of a thing that stands in two places the later one counts."""
_KEY = attrgetter("party", "stack", "name")


def room_totals(racks: Mapping[str, Rack], occupants: Iterable[Occupant]) -> dict[str, RoomTotals]:
    """Sums by room (``site/room``).

    Args:
        racks: the racks of the rooms.
        occupants: what stands in them; a node that moves counts once, in its new place, one that leaves until it
            has left.
    """
    drawn: dict[str, int] = defaultdict(int)
    for item in _each_once(tuple(occupants)):
        drawn[item.rack] += item.draw.allocated_w
    contracted: Counter[str] = Counter()
    for rack, watts in drawn.items():
        contracted[rack.rsplit("/", 2)[0]] += watts
    return {
        room: RoomTotals(design_w=design, contracted_w=contracted[room])
        for room, design in design_watts(racks.values(), in_use=contracted).items()
    }


def _each_once(occupants: Collection[Occupant]) -> Collection[Occupant]:
    """Occupants, of one that stands in two places the later."""
    if len(set(map(_KEY, occupants))) == len(occupants):
        return occupants
    place: dict[tuple[str, str, str], Occupant] = {}
    for item in occupants:
        known = place.get(item.key)
        if known is None or _ORDER.index(item.standing) > _ORDER.index(known.standing):
            place[item.key] = item
    return place.values()


def usage_of(occupants: Iterable[Occupant]) -> dict[tuple[str, str], Usage]:
    """What each party has at each site, by (party, site), each node once; baseline is nobody's.

    Args:
        occupants: what stands in racks.
    """
    nodes = {(item.key, item.rack.partition("/")[0]): item for item in occupants if item.standing != "baseline"}
    watts: Counter[tuple[str, str]] = Counter()
    units: Counter[tuple[str, str]] = Counter()
    for (_, site), item in nodes.items():
        watts[item.party, site] += item.draw.allocated_w
        units[item.party, site] += item.u_height
    return {place: Usage(watts[place], units[place]) for place in units}


def design_watts(racks: Iterable[Rack], *, in_use: Mapping[str, int]) -> Counter[str]:
    """Design watts by room; planned racks count as soon as something draws power in their room.

    Args:
        racks: the racks.
        in_use: watts drawn by room.
    """
    design: Counter[str] = Counter(dict.fromkeys(in_use, 0))
    for rack in racks:
        room = rack.room
        design[room] += 0 if rack.is_planned and not in_use.get(room) else rack.design_w
    return design
