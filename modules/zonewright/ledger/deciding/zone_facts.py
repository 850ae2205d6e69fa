"""The zone as a whole, from the ledger's tables: everybody else's part, and a stack's own part before and after.

Sums of claims come from the database, so that a change at one site never reads the claims of the others.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from pydantic import TypeAdapter
from sqlalchemy import Connection, func, select

from zonewright.ledger.deciding.site_claims import claimed_sums
from zonewright.ledger.deciding.zone_parts import (
    RESERVED,
    WANTED,
    Owned,
    Part,
    PartyAtSite,
    brought_in,
    frame_of,
    wanted_part,
)
from zonewright.ledger.store.asking import Question, answers, first
from zonewright.ledger.store.documents import parse_former, parse_zone
from zonewright.ledger.store.engines.dialect import words_of
from zonewright.ledger.store.held import HeldPlaces, all_held
from zonewright.ledger.store.prepared import ZONE_ROW
from zonewright.ledger.store.tables import admission, claim
from zonewright.model import Connection as Needed
from zonewright.model import Zone
from zonewright.model.asset import LinkAsset
from zonewright.model.canonical import canonical_json
from zonewright.model.demand import Demand
from zonewright.model.expand import nodes_of
from zonewright.model.former_names import FormerNames
from zonewright.model.names import names_in
from zonewright.model.network import Link
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import (
    ClusterFacts,
    LinkFacts,
    NameFacts,
    NameKind,
    RoomTotals,
    Usage,
    ZoneFacts,
)

_CONNECTIONS: TypeAdapter[dict[str, Needed]] = TypeAdapter(dict[str, Needed])
CONNECTED = Question(
    select(admission.c.stack_id, admission.c.party, admission.c.connections)
    .where(admission.c.state == "current", admission.c.connections != "{}")
    .order_by(admission.c.stack_id)
)


@dataclass(frozen=True, kw_only=True)
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
        return self._before

    @cached_property
    def _before(self) -> ZoneFacts:
        facts = _facts(self.zone, self.others, self.own, reserved=self.reserved, on=self.on)
        return replace(facts, connected=self.others.connected, stood=self.own.connected if self.stack_id else None)

    def after(self, demand: Demand, seats: Mapping[str, RackPosition]) -> ZoneFacts:
        """The zone with a demand at these places instead of what the stack has now."""
        wanted = wanted_part(demand, self.stack_id)
        had = {(one.kind, one.name): one.since for one in sorted(self.own.names, key=lambda one: -one.since)}
        wanted.names = [replace(one, since=had.get((one.kind, one.name), WANTED)) for one in wanted.names]
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


def names_of(demand: Demand) -> list[tuple[NameKind, str]]:
    """The names that a demand wants, in order, as a reservation keeps them."""
    names = {(kind, held) for name, item in demand.assets.items() for kind, held, _ in names_in(name, item)}
    return sorted(names)


def links_of(demand: Demand) -> dict[str, Link]:
    """What the links of a demand take of ducts and of other links, by id, as a reservation keeps it."""
    wanted = (
        (name.rpartition("/")[2], item.link) for name, item in demand.assets.items() if isinstance(item, LinkAsset)
    )
    return {
        id_: Link(a=one.a, b=one.b, ducts=one.ducts, cores_of=one.cores_of, cores=one.cores, route=one.route)
        for id_, one in sorted(wanted)
    }


def _taken_by(held: HeldPlaces, links: Mapping[Owned, LinkFacts]) -> Iterable[tuple[str, LinkFacts]]:
    """Links that a reservation keeps bores or cores for, as far as its stack does not have these already.

    Args:
        held: the reservation.
        links: all that are there, by stack and id.
    """
    for id_, link in held.links.items():
        had = links.get((held.stack_id, id_))
        known = had.link if had is not None else link.model_copy(update={"ducts": (), "cores_of": (), "cores": 0})
        bores = () if known.cores_of else known.ducts  # who runs in the cores of another has no bore of its ducts
        ducts = () if link.cores_of else tuple(one for one in link.ducts if one not in bores)
        new = tuple(one for one in link.cores_of if one not in known.cores_of)
        old = tuple(one for one in link.cores_of if one not in new)
        for takes, cores_of, cores in (
            (ducts, (), link.cores),
            ((), new, link.cores),
            ((), old, max(0, link.cores - known.cores)),
        ):
            if takes or (cores_of and cores):
                taken = link.model_copy(update={"ducts": takes, "cores_of": cores_of, "cores": cores})
                yield id_, LinkFacts(owner=held.party, link=taken)


def _facts(zone_file: Zone, *parts: Part, reserved: Iterable[HeldPlaces] = (), on: str) -> ZoneFacts:
    frame = frame_of(zone_file, parts)
    contracted: Counter[str] = Counter()
    for part in parts:
        contracted.update(part.claimed_w)
    for row in frame.rows.values():
        contracted[row.room] += row.baseline_w
    usage: Counter[PartyAtSite] = Counter()
    units: Counter[PartyAtSite] = Counter()
    counts = zone_file.counts_usage
    for part in parts if counts else ():
        usage.update(part.usage)
        units.update(part.units)
    reserved_w: Counter[str] = Counter()
    reserved = tuple(reserved)
    for held in reserved:
        for data in held.claims.values():
            place = held.party, data["rack"].partition("/")[0]
            reserved_w[data["rack"].rsplit("/", 2)[0]] += data["node_type"]["allocated_draw"]
            usage[place] += data["node_type"]["allocated_draw"]
            units[place] += data["node_type"]["u_height"]
    design: Counter[str] = Counter()
    for row in frame.rows.values():
        design[row.room] += row.design_w if not row.is_planned or contracted[row.room] else 0
    taken = tuple(one for held in reserved for one in _taken_by(held, frame.all_links))
    return ZoneFacts(
        zone=zone_file,
        sites=frame.sites,
        rooms={room: RoomTotals(watts, contracted[room], reserved_w[room]) for room, watts in design.items()},
        ducts=frame.ducts,
        links=frame.links,
        contested=frame.contested + taken,
        names=frame.names,
        connected=tuple(one for part in parts for one in part.connected),
        usage={place: Usage(watts, units[place]) for place, watts in usage.items()} if counts else {},
        on=on,
    )


def zone_base(
    connection: Connection,
    stack_id: str,
    *,
    now: str = "",
    replaced: str = "",
    held: Sequence[HeldPlaces] | None = None,
) -> ZoneBase | None:
    """The zone as one stack's change finds it; None where no zone is registered.

    Args:
        connection: a transaction.
        stack_id: whose change it is.
        now: ISO 8601 time; names that others have reserved beyond it are held. Empty where no change is judged.
        replaced: a stack whose reservation for days is left out, because this takes its place.
        held: reservations, where they were read already.
    """
    registered = first(connection, ZONE_ROW)
    if registered is None:
        return None
    parts = brought_in(connection).parts(stack_id)
    if held is None:
        held = all_held(connection, but=stack_id, sites=()) if now else ()
    held = [one for one in held if one.expires_at > now]
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
            yield NameFacts(kind=kind, name=name, party=one.party, stack=one.stack_id, since=RESERVED)


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
    for row in answers(connection, CONNECTED):
        yield from _clusters_connected(row.stack_id, row.party, row.connections)


@lru_cache(maxsize=1024)
def _clusters_connected(stack_id: str, party: str, text: str) -> tuple[ClusterFacts, ...]:
    """Clusters of a stack that need connections, by what its admission keeps of them."""
    return tuple(
        ClusterFacts(
            party=party,
            stack=stack_id,
            name=cluster_id,
            site=data["site"],
            connections=_CONNECTIONS.validate_json(json.dumps(data["connections"])),
        )
        for cluster_id, data in json.loads(text).items()
    )
