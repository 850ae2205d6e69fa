"""The verb ``capacity``: what is free in each site, without showing anybody's claim."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from sqlalchemy import Connection, select

from zonewright.ledger.deciding.facts import world_of
from zonewright.ledger.deciding.readable import SumsFor, sums_for
from zonewright.ledger.protocol.capacity_messages import (
    CapacityAnswer,
    CapacityRequest,
    RoomCapacity,
    RowCapacity,
    SiteCapacity,
)
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.documents import parse_asset
from zonewright.ledger.store.tables import asset
from zonewright.model.asset import DUCTS, LINKS, RowAsset, SiteAsset
from zonewright.model.asset_properties import asset_properties
from zonewright.model.power import other
from zonewright.model.rack import Rack
from zonewright.model.world import Occupant, World
from zonewright.rules.loads import Key
from zonewright.rules.offered import Remaining, units_for

_ABOUT = ("title", "kind", "district", "location", "timeZone", "nameServers", "timeServers", "addressPools")
"""What everybody who places in a site is told of it; its power and meters are its operator's."""


def capacity(context: Context, request: CapacityRequest) -> CapacityAnswer:
    """Give free rack units and kilowatts by site, over the racks that any party may use."""
    with context.database.reading() as connection:
        known = set(connection.execute(select(asset.c.site).distinct()).scalars())
        known -= {DUCTS, LINKS}
        sites = known & set(request.sites) if request.sites else known
        world = world_of(connection, sites, context.shown_at(connection))
        known_to = sums_for(connection, context.caller)
        about = _about(connection, sites) if request.about else {}
        states = _states(connection, sites) if request.rows else {}
    found = capacity_of(world, sites, known_to, party=context.caller.for_offers)
    if request.rows:
        rows = _rows(world, states, known_to, party=context.caller.for_offers)
        found = {site: one.model_copy(update={"rows": rows.get(site, {})}) for site, one in found.items()}
    return CapacityAnswer(sites=found, about=about)


def _states(connection: Connection, sites: Iterable[str]) -> dict[str, str]:
    """The state of each row of racks, as people call it."""
    found: dict[str, str] = {}
    query = select(asset.c.name, asset.c.data, asset.c.state).where(
        asset.c.kind == "row", asset.c.site.in_(sorted(sites))
    )
    for row in connection.execute(query.order_by(asset.c.name, asset.c.state.desc())):
        item = parse_asset(row.data)
        if isinstance(item, RowAsset):
            status = item.row.status if item.row.status != "active" else item.room.status
            found[row.name] = "leaving" if row.state == "releasing" else status
    return found


def _rows(
    world: World, states: Mapping[str, str], known_to: SumsFor, *, party: str
) -> dict[str, dict[str, RowCapacity]]:
    """Each row of racks by site and ``room/row``; sums are of whole watts, so that they close."""
    in_rack: dict[str, list[Occupant]] = defaultdict(list)
    for item in world.everybody:
        in_rack[item.rack].append(item)
    sums: dict[str, list[int]] = {name: [0, 0, 0, 0] for name in sorted(states)}
    for rack in world.racks.values():
        if rack.row not in sums:
            continue
        inside = in_rack.get(rack.id, ())
        used = sum(_known(rack, inside, known_to).values())
        is_open = rack.accepts and (not party or rack.is_offered_to(party))
        free = free_after_loss_w(rack, inside) if is_open else 0
        sums[rack.row] = [old + new for old, new in zip(sums[rack.row], (1, rack.design_w, used, free), strict=True)]
    found: dict[str, dict[str, RowCapacity]] = defaultdict(dict)
    for name, (racks, design, used, free) in sums.items():
        site, _, row = name.partition("/")
        found[site][row] = RowCapacity(
            status=states[name],
            racks=racks,
            design_kw=design / 1000,
            used_kw=used / 1000,
            free_kw=free / 1000,
            rest_kw=(design - used - free) / 1000,
        )
    return found


def _about(connection: Connection, sites: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What sites are: what everybody who places in them is told."""
    query = select(asset.c.name, asset.c.data).where(
        asset.c.kind == "site", asset.c.name.in_(sorted(sites)), asset.c.state == "active"
    )
    found: dict[str, dict[str, Any]] = {}
    for row in connection.execute(query):
        item = parse_asset(row.data)
        if isinstance(item, SiteAsset):
            told = asset_properties(item)
            found[row.name] = {name: told[name] for name in _ABOUT if name in told}
    return found


def capacity_of(world: World, sites: Iterable[str], known_to: SumsFor, *, party: str) -> dict[str, SiteCapacity]:
    """What is free in some sites of a world, by site id.

    Args:
        world: racks and what stands in them.
        sites: ids of the sites.
        known_to: whose claims the reader may know the sum of.
        party: of the reader: only what is offered to it counts; empty for whoever has the file, to whom all counts.
    """
    own: dict[str, list[Occupant]] = defaultdict(list)
    for item in world.occupants:
        own[item.rack].append(item)
    memo: dict[tuple[str, str], tuple[Rack, _InRack]] = {}
    if world.bystanders.occupants:
        memo = cast("dict[tuple[str, str], tuple[Rack, _InRack]]", world.bystanders.memo.setdefault("capacity", memo))
    rooms: dict[str, dict[str, _Sum]] = {site: {} for site in sorted(sites)}
    remaining = Remaining(world, party) if party and world.offered else None
    for rack in world.racks.values():
        site = rack.site
        if site not in rooms:
            continue
        room_id, others = rack.room.partition("/")[2], world.bystanders.by_rack.get(rack.id, ())
        if rack.id in own:
            inside = _InRack(rack, (*others, *own[rack.id]), party)
        else:
            held = memo.get((rack.id, party))
            inside = _InRack(rack, others, party) if held is None or held[0] is not rack else held[1]
            memo[rack.id, party] = rack, inside
        used = inside.used_w
        if known_to.party:
            used = sum(watts for owner, watts in inside.watts if known_to.is_known(site, owner))
        if rack.accepts and (not party or rack.is_offered_to(party)):
            room = rooms[site].setdefault(room_id, _Sum())
            room.add(rack, inside, remaining)
            room.used_w += used
        elif used:  # it takes no new nodes, and what runs in it draws all the same
            rooms[site].setdefault(room_id, _Sum()).used_w += used
    return {site: _site_capacity(sums) for site, sums in rooms.items()}


class _InRack:
    """What stands in a rack, and what it leaves a reader free: worked out when it is asked for.

    Args:
        rack: the rack.
        occupants: all that stand in it.
        party: of the reader; empty for whoever has the file.
    """

    def __init__(self, rack: Rack, occupants: Sequence[Occupant], party: str) -> None:
        self._rack, self._occupants, self._party = rack, occupants, party

    @cached_property
    def watts(self) -> tuple[tuple[str, int], ...]:
        """Owner and draw of each node, once."""
        return tuple({item.key: (item.party, item.draw.allocated_w) for item in self._occupants}.values())

    @cached_property
    def used_w(self) -> int:
        """Draw of all nodes, each once."""
        return sum(watts for _, watts in self.watts)

    @cached_property
    def free_units(self) -> tuple[int, ...]:
        """The units that nobody has."""
        units = {unit for item in self._occupants for unit in item.units}
        return tuple(unit for unit in units_for(self._rack, self._party) if unit not in units)

    @cached_property
    def free_w(self) -> int:
        """As :func:`free_after_loss_w`."""
        return free_after_loss_w(self._rack, self._occupants)

    @cached_property
    def free_g(self) -> int:
        """What the rack may bear beside what stands in it, in grams."""
        weights = {item.key: item.weight_kg for item in self._occupants}
        return max(0, self._rack.max_weight_kg * 1000 - round(sum(weights.values()) * 1000))


@dataclass(slots=True)
class _Sum:
    """Sums over racks, in whole units, watts and grams, so that the order of adding makes no difference."""

    racks: int = 0
    free_u: int = 0
    free_w: int = 0
    free_g: int = 0
    used_w: int = 0

    def add(self, rack: Rack, inside: _InRack, remaining: Remaining | None) -> None:
        """Add what is free in one rack; what remains of offers bounds its watts."""
        free, watts = inside.free_units, inside.free_w
        self.racks += 1
        self.free_u += len(free)
        self.free_w += watts if remaining is None else remaining.grant(rack, free, watts)
        self.free_g += inside.free_g

    def told(self) -> RoomCapacity:
        """The sums in the units of people."""
        return RoomCapacity(
            racks=self.racks,
            free_u=self.free_u,
            free_kw=self.free_w / 1000,
            free_kg=self.free_g / 1000,
            used_kw=self.used_w / 1000,
        )


def _known(rack: Rack, occupants: Iterable[Occupant], known_to: SumsFor) -> dict[Key, int]:
    """Watts of each node in a rack that the reader may know the sum of."""
    return {item.key: item.draw.allocated_w for item in occupants if known_to.is_known(rack.site, item.party)}


def _site_capacity(rooms: Mapping[str, _Sum]) -> SiteCapacity:
    whole = _Sum(*(sum(getattr(room, name) for room in rooms.values()) for name in _Sum.__slots__))
    return SiteCapacity(**whole.told().model_dump(), rooms={name: room.told() for name, room in sorted(rooms.items())})


def free_after_loss_w(rack: Rack, occupants: Iterable[Occupant]) -> int:
    """Watts that a two-corded node may still add to a rack, whichever feed is lost; never below 0."""
    present, live = frozenset(rack.feeds), rack.wiring.live
    by_key = {item.key: item for item in occupants}
    if len(live) == 1:
        feed = next(iter(live))
        drawn = (item.draw.allocated_w for item in by_key.values() if item.draw.is_up(rack.wiring))
        return max(0, rack.feeds[feed].available_w - sum(drawn))
    headroom = [
        rack.feeds[other(lost)].available_w - sum(item.draw.after_loss(lost, present) for item in by_key.values())
        for lost in live
    ]
    return max(0, min(headroom, default=0))
