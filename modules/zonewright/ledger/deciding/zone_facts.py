"""The zone as a whole, from the ledger's tables: everybody else's part, and a stack's own part before and after.

Sums of claims come from the database, so that a change at one site never reads the claims of the others.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TypeVar

from pydantic import TypeAdapter
from sqlalchemy import Connection, func, select

from zonewright.ledger.deciding.site_claims import claimed_sums
from zonewright.ledger.store.documents import parse_asset, parse_former, parse_zone
from zonewright.ledger.store.engines.dialect import words_of
from zonewright.ledger.store.held import HeldPlaces, all_held
from zonewright.ledger.store.tables import admission, asset, claim, zone
from zonewright.model import Connection as Needed
from zonewright.model import Zone
from zonewright.model.asset import DuctAsset, LinkAsset, RowAsset, SiteAsset, asset_text
from zonewright.model.canonical import canonical_json
from zonewright.model.demand import Demand
from zonewright.model.expand import expand_ids, nodes_of
from zonewright.model.former_names import FormerNames
from zonewright.model.names import holders, names_in
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import (
    ClusterFacts,
    DuctFacts,
    LinkFacts,
    NameFacts,
    NameKind,
    RoomTotals,
    SiteFacts,
    Usage,
    ZoneFacts,
)

_CONNECTIONS: TypeAdapter[dict[str, Needed]] = TypeAdapter(dict[str, Needed])
_WANTED, _RESERVED = sys.maxsize, sys.maxsize - 1
"""Since when a stack has a name: by the number of its row, after all of those what is reserved, then what is wanted."""
_FILE = select(zone.c.document, zone.c.former)
_ASSETS = select(asset.c.id, asset.c.stack_id, asset.c.party, asset.c.name, asset.c.state, asset.c.data).order_by(
    asset.c.name, asset.c.state.desc(), asset.c.generation
)
_CONNECTED = (
    select(admission.c.stack_id, admission.c.party, admission.c.connections)
    .where(admission.c.state == "current", admission.c.connections != "{}")
    .order_by(admission.c.stack_id)
)
PartyAtSite = tuple[str, str]
"""Party and site."""
Owned = tuple[str, str]
"""Stack and id, so that what two stacks call by one id are two things."""
_Facts = TypeVar("_Facts")


@dataclass(frozen=True, slots=True)
class RowSums:
    """What a row adds to its room, in watts and rack units; a planned one adds its design only once it is in use."""

    room: str
    design_w: int
    baseline_w: int
    is_planned: bool
    units: int
    baseline_units: int


@lru_cache(maxsize=16_384)
def _row_sums(name: str, text: str) -> RowSums:
    item = parse_asset(text)
    if not isinstance(item, RowAsset):
        raise TypeError(name)
    row = item.row
    per_rack = min((feed.design_w for feed in row.feeds.values()), default=0)
    return RowSums(
        room=name.rsplit("/", 1)[0],
        design_w=row.racks * per_rack,
        baseline_w=sum(len(expand_ids(one.racks)) * one.allocated_draw for one in row.baseline.values()),
        is_planned="planned" in (row.status, item.room.status),
        units=row.racks * row.u_height,
        baseline_units=sum(len(expand_ids(one.racks)) * one.u_height for one in row.baseline.values()),
    )


@lru_cache(maxsize=16_384)
def _names_in(name: str, text: str) -> tuple[tuple[NameKind, str, str], ...]:
    return names_in(name, parse_asset(text))


@dataclass(slots=True)
class Part:
    """What some stacks bring into the zone.

    Attributes:
        sites: sites by stack and id.
        rows: sums of rows by stack and name.
        ducts: ducts by stack and id.
        links: links by stack and id.
        names: the names of all of them.
        claimed_w: watts claimed by room.
        connected: clusters that need connections.
        usage: watts claimed by party and site, where a rule of the zone asks.
        units: rack units claimed by party and site, in the same way.
        standing: the stack's own claims that have a resource, by site and node name, in the same way.
        assets: names of sites, rows, ducts and links, each with whether it is leaving.
    """

    sites: dict[Owned, SiteFacts] = field(default_factory=dict)
    rows: dict[Owned, RowSums] = field(default_factory=dict)
    ducts: dict[Owned, DuctFacts] = field(default_factory=dict)
    links: dict[Owned, LinkFacts] = field(default_factory=dict)
    names: list[NameFacts] = field(default_factory=list)
    claimed_w: Counter[str] = field(default_factory=Counter)
    connected: tuple[ClusterFacts, ...] = ()
    usage: Counter[PartyAtSite] = field(default_factory=Counter)
    units: Counter[PartyAtSite] = field(default_factory=Counter)
    standing: dict[tuple[str, str], Usage] = field(default_factory=dict)
    assets: dict[str, bool] = field(default_factory=dict)

    def add(self, name: str, text: str, owner: str, *, stack: str, since: int, is_leaving: bool = False) -> None:
        """Add an asset from its canonical JSON; one that is leaving takes no link any more, and keeps its names."""
        item = parse_asset(text)
        self.assets[name] = self.assets.get(name, True) and is_leaving
        id_ = name.rsplit("/", 1)[-1]
        if isinstance(item, SiteAsset):
            self.sites[stack, name] = SiteFacts(owner=owner, site=item.site, is_leaving=is_leaving)
        elif isinstance(item, DuctAsset):
            self.ducts[stack, id_] = DuctFacts(owner=owner, duct=item.duct, is_leaving=is_leaving, offers=item.offers)
        elif isinstance(item, LinkAsset):
            self.links[stack, id_] = LinkFacts(owner=owner, link=item.link, is_leaving=is_leaving, offers=item.offers)
        else:
            self.rows[stack, name] = _row_sums(name, text)
        self.names += [
            NameFacts(kind=kind, name=held, party=owner, stack=stack, since=since, path=path)
            for kind, held, path in _names_in(name, text)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneBase:
    """The zone's file, everybody else's part, and the stack's own part as the ledger has it now.

    Attributes:
        zone: the administrator's file.
        stack_id: whose change it is for.
        others: everybody else's part.
        own: the stack's own.
        reserved: reservations for days.
        renamed: new name by old name, of the stack's nodes that only get another one.
        former: names of assets that are other names now.
    """

    zone: Zone
    stack_id: str
    others: Part
    own: Part
    reserved: tuple[HeldPlaces, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    former: FormerNames = field(default_factory=FormerNames)
    on: str = ""

    def before(self) -> ZoneFacts:
        """The zone without the change; of no stack, where nobody changes anything."""
        facts = _facts(self.zone, self.others, self.own, reserved=self.reserved, on=self.on)
        return replace(facts, connected=self.others.connected, stood=self.own.connected if self.stack_id else None)

    def after(self, demand: Demand, seats: Mapping[str, RackPosition]) -> ZoneFacts:
        """The zone with a demand at these places instead of what the stack has now."""
        wanted = wanted_part(demand, self.stack_id)
        had = {(one.kind, one.name): one.since for one in sorted(self.own.names, key=lambda one: -one.since)}
        wanted.names = [replace(one, since=had.get((one.kind, one.name), _WANTED)) for one in wanted.names]
        # What leaves counts until it is gone, as it does for the feeds.
        counted = {(site, self.renamed.get(name, name)): used for (site, name), used in self.own.standing.items()}
        counts_usage = self.zone.counts_usage
        for cluster_id, part in demand.clusters.items():
            needed = Usage(part.node_type.allocated_draw, part.node_type.u_height)
            for node in nodes_of(cluster_id, part.cluster):
                if node.name in seats:
                    wanted.claimed_w[seats[node.name].rack.rsplit("/", 2)[0]] += needed.watts
                    if counts_usage:  # else nobody asks
                        place = part.cluster.site, node.name
                        counted[place] = _larger(needed, counted.get(place, needed))
        for (site, _), used in counted.items():
            wanted.usage[demand.party, site] += used.watts
            wanted.units[demand.party, site] += used.units
        left = (one.left_by(self.stack_id, demand, seats) for one in self.reserved)
        return _facts(self.zone, self.others, wanted, reserved=left, on=self.on)


def _larger(one: Usage, two: Usage) -> Usage:
    return Usage(max(one.watts, two.watts), max(one.units, two.units))


def wanted_part(demand: Demand, stack_id: str) -> Part:
    """The assets of a demand of a stack."""
    wanted = Part()
    for name, item in demand.assets.items():
        wanted.add(name, asset_text(item), demand.party, stack=stack_id, since=_WANTED)
    return wanted


def names_of(demand: Demand) -> list[tuple[NameKind, str]]:
    """The names that a demand wants, in order, as a reservation keeps them."""
    names = {(kind, held) for name, item in demand.assets.items() for kind, held, _ in names_in(name, item)}
    return sorted(names)


def _facts(zone_file: Zone, *parts: Part, reserved: Iterable[HeldPlaces] = (), on: str) -> ZoneFacts:
    names = tuple(one for part in parts for one in part.names)
    stacks = holders(zone_file, names)

    def owned(kind: NameKind, found: Iterable[tuple[Owned, _Facts]]) -> dict[str, _Facts]:
        return {id_: facts for (stack, id_), facts in found if stacks[kind, id_] == stack}

    rows = owned("row", ((key, sums) for part in parts for key, sums in part.rows.items()))
    contracted: Counter[str] = Counter()
    for part in parts:
        contracted.update(part.claimed_w)
    for row in rows.values():
        contracted[row.room] += row.baseline_w
    usage: Counter[PartyAtSite] = Counter()
    units: Counter[PartyAtSite] = Counter()
    counts = zone_file.counts_usage
    for part in parts if counts else ():
        usage.update(part.usage)
        units.update(part.units)
    reserved_w: Counter[str] = Counter()
    for held in reserved:
        for data in held.claims.values():
            place = held.party, data["rack"].partition("/")[0]
            reserved_w[data["rack"].rsplit("/", 2)[0]] += data["node_type"]["allocated_draw"]
            usage[place] += data["node_type"]["allocated_draw"]
            units[place] += data["node_type"]["u_height"]
    design: Counter[str] = Counter()
    for row in rows.values():
        design[row.room] += row.design_w if not row.is_planned or contracted[row.room] else 0
    links = [(key, facts) for part in parts for key, facts in part.links.items()]
    return ZoneFacts(
        zone=zone_file,
        sites=owned("site", ((key, facts) for part in parts for key, facts in part.sites.items())),
        rooms={room: RoomTotals(watts, contracted[room], reserved_w[room]) for room, watts in design.items()},
        ducts=owned("duct", ((key, facts) for part in parts for key, facts in part.ducts.items())),
        links=owned("link", links),
        contested=tuple((id_, facts) for (stack, id_), facts in links if stacks["link", id_] != stack),
        names=names,
        connected=tuple(one for part in parts for one in part.connected),
        usage={place: Usage(watts, units[place]) for place, watts in usage.items()} if counts else {},
        on=on,
    )


def zone_base(connection: Connection, stack_id: str, *, now: str = "", replaced: str = "") -> ZoneBase | None:
    """The zone as one stack's change finds it; None where no zone is registered.

    Args:
        connection: a transaction.
        stack_id: whose change it is.
        now: ISO 8601 time; names that others have reserved beyond it are held. Empty where no change is judged.
        replaced: a stack whose reservation for days is left out, because this takes its place.
    """
    registered = connection.execute(_FILE).first()
    if registered is None:
        return None
    parts = {True: Part(), False: Part()}
    for row in connection.execute(_ASSETS):
        part, is_leaving = parts[row.stack_id == stack_id], row.state == "releasing"
        part.add(row.name, row.data, row.party, stack=row.stack_id, since=row.id, is_leaving=is_leaving)
    held = [one for one in all_held(connection, but=stack_id, sites=()) if one.expires_at > now] if now else []
    parts[False].names += _reserved(held, stack_id)
    former = parse_former(registered.former)
    known = parse_zone(registered.document)
    known = former.zone(known) if registered.former else known
    if known.counts_usage:
        _count_usage(connection, stack_id, others=parts[False], own=parts[True])
    for one in claimed_sums(connection):
        parts[one.stack_id == stack_id].claimed_w[one.room] += one.draw_w
    connected = tuple(_connected(connection))
    for is_own, part in parts.items():
        part.connected = tuple(one for one in connected if (one.stack == stack_id) == is_own)
    lasting = tuple(one for one in held if one.wants is not None and one.stack_id != replaced)
    return ZoneBase(
        zone=known,
        stack_id=stack_id,
        others=parts[False],
        own=parts[True],
        reserved=lasting,
        former=former,
        on=now[:10],
    )


def _count_usage(connection: Connection, stack_id: str, *, others: Part, own: Part) -> None:
    """Add watts and rack units claimed by party and site: each node once, also what leaves until it is gone."""
    height = words_of(connection).number_in(claim.c.data, "node_type", "u_height")
    key = (claim.c.stack_id, claim.c.party, claim.c.site, claim.c.name)
    each = (
        select(*key, func.max(claim.c.draw_w).label("watts"), func.max(height).label("units"))
        .where(claim.c.stack_id != stack_id)
        .group_by(*key)
        .subquery()
    )
    sums = select(
        each.c.party, each.c.site, func.sum(each.c.watts).label("watts"), func.sum(each.c.units).label("units")
    )
    for row in connection.execute(sums.group_by(each.c.party, each.c.site)):
        others.usage[row.party, row.site] += int(row.watts)
        others.units[row.party, row.site] += int(row.units or 0)
    columns = (claim.c.party, claim.c.site, claim.c.name, claim.c.state, claim.c.draw_w, height.label("units"))
    found: dict[tuple[str, str, str], Usage] = {}
    for row in connection.execute(select(*columns).where(claim.c.stack_id == stack_id)):
        used = Usage(int(row.draw_w), int(row.units or 0))
        place = row.party, row.site, row.name
        found[place] = _larger(used, found.get(place, used))
        if row.state != "admitted":
            own.standing[row.site, row.name] = _larger(used, own.standing.get((row.site, row.name), used))
    for (party, site, _), used in found.items():
        own.usage[party, site] += used.watts
        own.units[party, site] += used.units


def _reserved(held: Iterable[HeldPlaces], stack_id: str) -> Iterable[NameFacts]:
    """Names that other stacks' reservations hold; what such a stack has already is among its assets as well."""
    for one in held:
        for kind, name in one.names if one.stack_id != stack_id else ():
            yield NameFacts(kind=kind, name=name, party=one.party, stack=one.stack_id, since=_RESERVED)


def connections_text(demand: Demand) -> str:
    """Canonical JSON of the clusters of a demand that need connections, as an admission keeps them."""
    return canonical_json(
        {
            cluster_id: {
                "site": part.cluster.site,
                "connections": {
                    name: needed.model_dump(mode="json", exclude_defaults=True)
                    for name, needed in part.cluster.connections.items()
                },
            }
            for cluster_id, part in demand.clusters.items()
            if part.cluster.connections
        }
    )


def _connected(connection: Connection) -> Iterable[ClusterFacts]:
    for row in connection.execute(_CONNECTED):
        for cluster_id, data in json.loads(row.connections).items():
            yield ClusterFacts(
                party=row.party,
                stack=row.stack_id,
                name=cluster_id,
                site=data["site"],
                connections=_CONNECTIONS.validate_json(json.dumps(data["connections"])),
            )
