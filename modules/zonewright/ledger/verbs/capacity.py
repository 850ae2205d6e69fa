"""The verb ``capacity``: what is free in each site, without showing anybody's claim."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from sqlalchemy import select

from zonewright.ledger.deciding.facts import world_of
from zonewright.ledger.deciding.readable import SumsFor, sums_for
from zonewright.ledger.protocol.capacity_messages import CapacityAnswer, CapacityRequest, SiteCapacity
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.tables import asset
from zonewright.model.demand import DUCTS, LINKS
from zonewright.model.power import other
from zonewright.model.world import Occupant, Rack, World


def capacity(context: Context, request: CapacityRequest) -> CapacityAnswer:
    """Give free rack units and kilowatts by site, over the racks that any party may use."""
    with context.database.reading() as connection:
        known = set(connection.execute(select(asset.c.site).distinct()).scalars())
        known -= {DUCTS, LINKS}
        sites = known & set(request.sites) if request.sites else known
        world = world_of(connection, sites, context.shown_at(connection))
        known_to = sums_for(connection, context.caller)
    return CapacityAnswer(sites=capacity_of(world, sites, known_to, party=context.caller.for_offers))


def capacity_of(world: World, sites: Iterable[str], known_to: SumsFor, *, party: str) -> dict[str, SiteCapacity]:
    """What is free in some sites of a world, by site id.

    Args:
        world: racks and what stands in them.
        sites: ids of the sites.
        known_to: whose claims the reader may know the sum of.
        party: of the reader: only what is offered to it counts; empty for whoever has the file, to whom all counts.
    """
    in_rack: dict[str, list[Occupant]] = defaultdict(list)
    for item in world.everybody:
        in_rack[item.rack].append(item)
    racks: dict[str, list[Rack]] = defaultdict(list)
    for rack in world.racks.values():
        if rack.accepts and (not party or rack.is_offered_to(party)):
            racks[rack.site].append(rack)
    return {site: _sum(racks.get(site, ()), in_rack, known_to, party) for site in sorted(sites)}


def _sum(racks: Iterable[Rack], in_rack: Mapping[str, list[Occupant]], known_to: SumsFor, party: str) -> SiteCapacity:
    count = free_u = free_w = used_w = 0
    for rack in racks:
        occupants = in_rack.get(rack.id, [])
        units = {unit for item in occupants for unit in item.units}
        count += 1
        free_u += sum(1 for unit in _units(rack, party) if unit not in units)
        free_w += free_after_loss_w(rack, occupants)
        seen = (item for item in occupants if known_to.is_known(rack.site, item.party))
        used_w += sum({item.key: item.draw.allocated_w for item in seen}.values())
    return SiteCapacity(racks=count, free_u=free_u, free_kw=free_w / 1000, used_kw=used_w / 1000)


def _units(rack: Rack, party: str) -> Iterable[int]:
    """The units of a rack that a party may use."""
    offers = rack.offers_for(party) if party else None
    whole = range(1, rack.u_height + 1)
    return whole if offers is None else [unit for unit in whole if any(one.first <= unit <= one.last for one in offers)]


def free_after_loss_w(rack: Rack, occupants: Iterable[Occupant]) -> int:
    """Watts that a two-corded node may still add to a rack, whichever feed is lost; never below 0."""
    present = frozenset(rack.feeds)
    by_key = {item.key: item for item in occupants}
    if len(present) == 1:
        feed = next(iter(present))
        return max(0, rack.feeds[feed].available_w - sum(item.draw.allocated_w for item in by_key.values()))
    headroom = [
        rack.feeds[other(lost)].available_w - sum(item.draw.after_loss(lost, present) for item in by_key.values())
        for lost in present
    ]
    return max(0, min(headroom, default=0))
