"""The rule about what is free and nobody can use: units without power, and power without units."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from zonewright.model.cooling import cools
from zonewright.model.expand import node_draw
from zonewright.model.power import FEEDS
from zonewright.model.rack import Rack
from zonewright.model.supply import FeedName
from zonewright.model.world import Occupant
from zonewright.model.zone import NodeType
from zonewright.rules.finding import Participant
from zonewright.rules.free_space import FreeSpace
from zonewright.rules.geometry import lowest_free, occupied
from zonewright.rules.loads import GRAMS, grams, limits, sums_of
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View, participants_of
from zonewright.rules.words import amount, count_of

_WHOLE = 100
"""Percent."""


def stranded(view: View) -> Iterator[Breach]:
    """Of the power and the units of a room little is free where no node type of the zone fits."""
    limit = view.zone.zone.limit("stranded-percent") if view.zone is not None else None
    types = list(view.zone.zone.node_types.values()) if view.zone is not None else []
    if limit is None or not types:
        return
    rooms = {rack.rsplit("/", 2)[0] for rack in view.in_rack}
    inside: dict[str, list[Occupant]] = defaultdict(list)
    for item in view.world.everybody:
        if item.rack.rsplit("/", 2)[0] in rooms:
            inside[item.rack].append(item)
    racks: dict[str, list[Rack]] = defaultdict(list)
    for rack in view.racks.values():
        if rack.room in rooms and rack.accepts and not rack.has_failed:
            racks[rack.room].append(rack)
    for room, of_room in sorted(racks.items()):
        full = {rack.id: why for rack in of_room if (why := _what_lacks(rack, inside[rack.id], types))}
        left = [rack for rack in of_room if rack.id in full]
        free_w = {rack.id: _free_w(rack, inside[rack.id]) for rack in left}
        free_u = {rack.id: _free_u(rack, inside[rack.id]) for rack in left}
        whole = sum(rack.design_w for rack in of_room), sum(rack.u_height for rack in of_room)
        for unit, free, most in (("W", free_w, whole[0]), ("U", free_u, whole[1])):
            value, allowed = sum(free.values()), int(Fraction(str(limit.value)) * most / _WHOLE)
            if value > allowed:
                of = {name: why for name, why in full.items() if free[name]}
                yield _breach(room, of_room[0].owner, of, inside, value=value, limit=allowed, whole=most, unit=unit)


STRANDED = Rule(
    id="stranded",
    title="Little of a room is free where nobody can use it.",
    level="advisory",
    description=(
        "A rack is full when no node type of zone.yaml fits in it any more, by units, weight, power or cooling. What "
        "is free in it all the same is stranded: rack units, and watts with any one feed lost. The pack's "
        "`stranded-percent` says how much of all units, and of all watts, of a room may be. Racks that take no new "
        "nodes or have failed are left out. Network ports of racks are not declared, so they are not counted."
    ),
    unit="W or U",
    reference="stranded capacity of space, power and cooling: data centre capacity management of Schneider Electric",
    function=stranded,
    is_sum=True,
)


def _what_lacks(rack: Rack, inside: Sequence[Occupant], types: Sequence[NodeType]) -> str:
    """What a rack lacks for every node type; empty where one fits."""
    able = [one for one in types if cools(rack.cooling, one.cooling)]
    for one in able:
        for feed in FEEDS[: 2 if one.power_supplies == 1 else 1]:
            if FreeSpace(rack, inside, None, may_mix=True).put(_probe(one, feed)) is not None:
                return ""
    taken, least = occupied(inside), min((one.u_height for one in able), default=0)
    mask = taken["front"] | taken["rear"]
    if lowest_free(mask, rack_u=rack.u_height, needed_u=least or 1, no_start=0) is None:
        return "units"
    sums, most = sums_of(inside, rack.wiring), limits(rack)
    if able and sums[GRAMS] + min(grams(one.weight_kg) for one in able) > most[GRAMS]:
        return "weight"
    return "power or cooling"


def _probe(node_type: NodeType, feed: FeedName) -> Occupant:
    return Occupant(
        party="",
        name="",
        rack="",
        position=1,
        u_height=node_type.u_height,
        is_full_depth=node_type.is_full_depth,
        draw=node_draw(node_type, feed),
        weight_kg=node_type.weight_kg,
        cooling=node_type.cooling,
        standing="wanted",
    )


def _free_w(rack: Rack, inside: Sequence[Occupant]) -> int:
    drawn: dict[tuple[str, str, str], int] = {}
    for item in inside:
        drawn[item.key] = max(item.draw.allocated_w, drawn.get(item.key, 0))
    return max(0, rack.design_w - sum(drawn.values()))


def _free_u(rack: Rack, inside: Sequence[Occupant]) -> int:
    taken = occupied(inside)
    return rack.u_height - (taken["front"] | taken["rear"]).bit_count()


def _breach(
    room: str,
    owner: str,
    full: Mapping[str, str],
    inside: Mapping[str, Sequence[Occupant]],
    *,
    value: int,
    limit: int,
    whole: int,
    unit: str,
) -> Breach:
    lacks = ", ".join(f"{what} in {count_of(count, 'rack')}" for what, count in sorted(Counter(full.values()).items()))
    arriving = [item for rack in full for item in inside[rack] if item.standing == "wanted"]
    acting = next((item for item in arriving if item.path), None)
    site_id, _, room_id = room.partition("/")
    return Breach(
        subject=room,
        where=acting.path if acting is not None else f"sites.{site_id}.rooms.{room_id}",
        message=(
            f"room {room} has {amount(value, unit)} that nobody can use, {value * _WHOLE / whole:.1f} % of its "
            f"{amount(whole, unit)}; {amount(limit, unit)} are allowed. What lacks is {lacks}"
        ),
        value=value,
        limit=limit,
        unit=unit,
        excess=value - limit,
        participants=(Participant(party=owner, name=room), *participants_of(arriving)),
        fix="place heavy nodes beside light ones, so that units and power run out together",
    )
