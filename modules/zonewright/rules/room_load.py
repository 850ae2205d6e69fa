"""Rules about heat, and about the load on a floor: what a room, a row or a rack gives off, and what is taken away."""

from collections import defaultdict
from collections.abc import Iterator

from zonewright.model.site import Room
from zonewright.model.world import Occupant, RoomTotals, SiteFacts
from zonewright.rules.feeds import over_limit, racks_over_a_limit
from zonewright.rules.finding import Participant
from zonewright.rules.loads import HEAT, Key
from zonewright.rules.rule import Rule
from zonewright.rules.site_power import KILO
from zonewright.rules.view import Breach, View, movable, participants_of, row_path
from zonewright.rules.words import amount


def rack_cooling(view: View) -> Iterator[Breach]:
    """What stands in a rack, and in a row, gives off no more heat than its cooling takes away."""
    for load in racks_over_a_limit(view):
        value, limit = load.sums[HEAT], load.limits[HEAT]
        if value > limit:
            message = (
                f"rack {load.rack.id} gives off {amount(value, 'W')} of heat, and its cooling takes away "
                f"{amount(limit, 'W')}: {amount(value - limit, 'W')} too much"
            )
            yield over_limit(load, HEAT, message, what="the cooling", unit="W")
    yield from _rows_too_hot(view)


RACK_COOLING = Rule(
    id="rack-cooling",
    title="What stands in a rack or a row gives off no more heat than its cooling takes away.",
    level="no-worse",
    description=(
        "Rows say `rack_cooling_kw` for each rack, and `cooling_kw` for the whole row with its largest unit lost. The "
        "heat is the budgeted draw of all that stands there. Placement heeds the limit of a rack; of a row it is only "
        "judged. A row that says neither is not judged."
    ),
    unit="W",
    reference="ASHRAE TC 9.9: cooling at rack and row; GB 50174-2017, redundancy of cooling units",
    function=rack_cooling,
    is_sum=True,
)


def _rows_too_hot(view: View) -> Iterator[Breach]:
    rows = {rack.row: rack for rack in view.racks.values() if rack.row_cooling_w is not None}
    inside: dict[str, list[Occupant]] = defaultdict(list)
    for item in view.world.everybody if rows else ():
        if (row := item.rack.rpartition("/")[0]) in rows:
            inside[row].append(item)
    for row, items in sorted(inside.items()):
        heat: dict[Key, int] = {}
        for item in items:  # who moves within the row counts once
            heat[item.key] = max(heat.get(item.key, 0), item.draw.allocated_w)
        value, limit = sum(heat.values()), rows[row].row_cooling_w or 0
        if value > limit:
            acting = next((item for item in movable(items) if item.path), None)
            yield Breach(
                subject=row,
                where=row_path(row) if acting is None else acting.path,
                message=(
                    f"row {row} gives off {amount(value, 'W')} of heat, and its cooling takes away "
                    f"{amount(limit, 'W')}: {amount(value - limit, 'W')} too much"
                ),
                value=value,
                limit=limit,
                unit="W",
                excess=value - limit,
                participants=participants_of(items),
                fix=f"use another row for {amount(value - limit, 'W')}, or ask its operator for more cooling",
            )


def cooling_capacity(view: View) -> Iterator[Breach]:
    """What draws power in a room gives off no more heat than its cooling takes away."""
    for name, held, room, sums in _rooms(view):
        if room.cooling_kw is not None:
            limit = round(room.cooling_kw * KILO)
            what = f"its {room.cooling} cooling takes away {limit:,} W"
            yield from _over(view, name, held, sums, limit, what)


COOLING_CAPACITY = Rule(
    id="cooling-capacity",
    title="What stands in a room gives off no more heat than its cooling takes away.",
    level="no-worse",
    description=(
        "The heat is what is claimed, reserved for days and baseline in the room, by budgeted draw. The room says "
        "`cooling_kw`, with its largest unit lost, for the cooling that it has. A room without it is not judged."
    ),
    unit="W",
    reference="ASHRAE TC 9.9 thermal guidelines; GB 50174-2017, redundancy of cooling units",
    function=cooling_capacity,
    reach="zone",
)


def room_density(view: View) -> Iterator[Breach]:
    """The load on the floor of a room is within what the pack allows for each square metre."""
    limit = view.zone.zone.limit("room-density-w-per-m2") if view.zone is not None else None
    if limit is None:
        return
    for name, held, room, sums in _rooms(view):
        if room.floor_m2 is None:
            if load_w := sums.contracted_w + sums.reserved_w:
                yield _unknown(name, held, load_w)
            continue
        most = int(round(limit.value * room.floor_m2, 3))
        what = f"{limit.value:g} W on each of its {room.floor_m2:g} m2 is {most:,} W"
        yield from _over(view, name, held, sums, most, what)


ROOM_DENSITY = Rule(
    id="room-density",
    title="The load of a room is within what the pack allows for each square metre.",
    level="no-worse",
    description=(
        "The load is what is claimed, reserved for days and baseline in the room, by budgeted draw. The limit is the "
        "pack's `room-density-w-per-m2` times the room's `floor_m2`. A room with a load and without a floor cannot be "
        "judged: all of its load is too much, so it takes no more, and nobody is helped by a floor that is left out."
    ),
    unit="W",
    reference="TIA-942 and GB 50174-2017: power density of computer rooms",
    function=room_density,
    reach="zone",
)


def _rooms(view: View) -> Iterator[tuple[str, SiteFacts, Room, RoomTotals]]:
    if view.zone is None:
        return
    for name, sums in sorted(view.zone.rooms.items()):
        site_id, _, room_id = name.partition("/")
        held = view.zone.sites.get(site_id)
        if held is not None and room_id in held.site.rooms:
            yield name, held, held.site.rooms[room_id], sums


def _over(  # noqa: PLR0917 - what is known of one room
    view: View, name: str, held: SiteFacts, sums: RoomTotals, limit: int, what: str
) -> Iterator[Breach]:
    value = sums.contracted_w + sums.reserved_w
    if value > limit:
        over = value - limit
        yield Breach(
            subject=name,
            where=_path(name),
            message=f"room {name} has a load of {value:,} W, and {what}: {over:,} W too much",
            value=value,
            limit=limit,
            unit="W",
            excess=over,
            participants=(Participant(party=held.owner, name=name),),
            fix=(
                f"take {over:,} W out of it, or enlarge it by as much"
                if view.acts(held.owner)
                else f"use another room for {over:,} W, or ask its operator to enlarge it"
            ),
        )


def _unknown(name: str, held: SiteFacts, load_w: int) -> Breach:
    return Breach(
        subject=name,
        where=_path(name),
        message=f"room {name} declares no floor, so its density cannot be judged; what is unknown is not good",
        value=load_w,
        limit=0,
        unit="W",
        excess=load_w,
        participants=(Participant(party=held.owner, name=name),),
        fix="declare 'floor_m2' of the room",
    )


def _path(name: str) -> str:
    site_id, _, room_id = name.partition("/")
    return f"sites.{site_id}.rooms.{room_id}"
