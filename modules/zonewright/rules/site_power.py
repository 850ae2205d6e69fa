"""What a site draws, by design and as claimed, and the class of size that follows from it.

Power of a site = IT + plant + the fixed part of each open room + slope x IT. All sums are integer watts, rounded up
where they count against a limit.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil

from zonewright.model.world import RoomTotals, SiteFacts, ZoneFacts

STANDARD_RACK_W = 2_500
"""A standard rack is 2.5 kW of IT power; classes of size count these, not cabinets (GB 40879-2021)."""
LARGE_RACKS, MEGA_RACKS = 3_000, 10_000
KILO = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePower:
    """IT and total power of a site in watts; ``total_w`` is None where the site declares no overhead."""

    it_w: int
    total_w: int | None


def rooms_of(facts: ZoneFacts) -> dict[str, dict[str, RoomTotals]]:
    """Sums by site and by room id within it."""
    found: dict[str, dict[str, RoomTotals]] = defaultdict(dict)
    for room, sums in facts.rooms.items():
        site_id, room_id = room.split("/")
        found[site_id][room_id] = sums
    return found


def design_power(site: SiteFacts, rooms: Mapping[str, RoomTotals]) -> SitePower:
    """Power when all racks that are built draw what they may."""
    return _power(site, {room: sums.design_w for room, sums in rooms.items()})


def contracted_power(site: SiteFacts, rooms: Mapping[str, RoomTotals]) -> SitePower:
    """Power when all that is claimed draws what it is budgeted."""
    return _power(site, {room: sums.contracted_w for room, sums in rooms.items()})


def committed_power(site: SiteFacts, rooms: Mapping[str, RoomTotals]) -> SitePower:
    """Power when all that is claimed, and all that is reserved for days, draws what it is budgeted."""
    return _power(site, {room: sums.contracted_w + sums.reserved_w for room, sums in rooms.items()})


def _power(facts: SiteFacts, loads: Mapping[str, int]) -> SitePower:
    it_w = sum(loads.values())
    overhead = facts.site.overhead
    if overhead is None:
        return SitePower(it_w=it_w, total_w=None)
    declared = facts.site.rooms
    fixed_kw = sum(declared[room].fixed_kw for room, load in loads.items() if load and room in declared)
    fixed_w = ceil(round((overhead.plant_kw + fixed_kw) * KILO, 3))
    return SitePower(it_w=it_w, total_w=it_w + fixed_w + -(-it_w * round(overhead.slope * KILO) // KILO))


def size_class(design_it_w: int) -> str:
    """Class of size by standard racks (design IT watts / 2,500).

    Example:
        >>> size_class(7_500_000), size_class(7_497_500), size_class(25_000_000)
        ('large', 'medium', 'mega')
    """
    if design_it_w >= MEGA_RACKS * STANDARD_RACK_W:
        return "mega"
    return "large" if design_it_w >= LARGE_RACKS * STANDARD_RACK_W else "medium"


def is_in_scope(site: SiteFacts, design_it_w: int, applies_from: str | None) -> bool:
    """Whether the limit on the energy ratio holds: a newly built large or mega data centre."""
    built = site.site.commissioned
    is_new = built is None or built >= (applies_from or "")
    return site.site.kind == "data-centre" and size_class(design_it_w) != "medium" and is_new


def data_centres(facts: ZoneFacts) -> Iterator[tuple[str, SiteFacts, Mapping[str, RoomTotals]]]:
    """Each data centre as (id, facts, sums of its rooms), in order of id."""
    rooms = rooms_of(facts)
    for site_id, site in sorted(facts.sites.items()):
        if site.site.kind == "data-centre":
            yield site_id, site, rooms.get(site_id, {})
