"""A folder as the whole world: every owner's demand placed in turn, then every rule over all of it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from zonewright.model import Declaration, OwnerFile
from zonewright.model.demand import Demand, demand_of
from zonewright.model.expand import baseline_of_row, nodes_of, racks_of_row, rows_of, with_supply
from zonewright.model.names import names_in
from zonewright.model.offered import with_offers
from zonewright.model.rack import Rack
from zonewright.model.totals import room_totals, usage_of
from zonewright.model.world import DuctFacts, LinkFacts, NameFacts, Occupant, SiteFacts, World, ZoneFacts
from zonewright.place.filling import FillingZone
from zonewright.place.node_addresses import ByNode, given_addresses
from zonewright.place.placing import place
from zonewright.place.unplaced import short_findings, unplaced_findings
from zonewright.rules import WorldJudge, evaluate
from zonewright.rules.finding import Finding, worst_first
from zonewright.rules.waivers import idle_waivers, with_waivers
from zonewright.rules.words import count_of


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedZone:
    """A declaration with every node in its place.

    Attributes:
        findings: all findings, worst first.
        world: the facts that they were found in.
        line: one line that sums it up.
    """

    findings: tuple[Finding, ...]
    world: World
    line: str


def judge_declaration(declaration: Declaration, *, on: str, judge: WorldJudge = evaluate) -> JudgedZone:
    """Place and judge a checked declaration.

    Owners are placed in their order (:func:`placing_order`); a chosen place counts before any automatic one, whoever
    asks for it.

    Args:
        declaration: the declaration, of all owners.
        on: the day on which waivers and leases are looked at, as ``2026-07-01``.
        judge: what judges; the zone's own rules have effects, so who wants them says so.
    """
    demands = [demand_of(declaration, owner) for owner in placing_order(declaration.owners)]
    zone = FillingZone(empty_world(declaration, demands, on), demands)
    sites = {key: site for file in declaration.owners.values() for key, site in file.sites.items()}
    taken: dict[tuple[str, str], set[str]] = defaultdict(set)
    findings: list[Finding] = []
    last_at = {wanted.cluster.site: number for number, one in enumerate(demands) for wanted in one.clusters.values()}
    for number, demand in enumerate(demands):
        placement = place(zone.around(number), demand, stack="", sticky={})
        findings += unplaced_findings(demand, placement.seats, placement.unplaced)
        addresses, short = given_addresses(sites, taken, demand, placement.seats, {})
        findings += short_findings(demand, short)
        _take(taken, demand, addresses, {site for site, last in last_at.items() if last > number})
        zone.put(demand, placement.seats)
    world = zone.whole()
    world = replace(world, zone=_zone_facts(declaration, demands, world, on))
    findings = list(with_waivers([*findings, *judge(world)], declaration.zone, on))
    findings += idle_waivers(findings, declaration.zone, on)
    nodes = sum(1 for item in world.occupants if item.standing == "wanted")
    links = len(world.zone.links) if world.zone else 0
    line = (
        f"{count_of(len(world.racks), 'rack')}, {count_of(nodes, 'node')}, {count_of(links, 'link')}, "
        f"{count_of(len(demands), 'owner')}"
    )
    return JudgedZone(
        findings=worst_first(_with_source(finding, declaration) for finding in findings), world=world, line=line
    )


def placing_order(owners: Mapping[str, OwnerFile]) -> list[str]:
    """Owners in the order in which they are placed: who wants something alone before all others, then by id.

    Args:
        owners: their files by id.
    """

    def is_after(owner: str) -> bool:
        return all(cluster.exclusive is None for cluster in owners[owner].clusters.values())

    return sorted(owners, key=lambda owner: (is_after(owner), owner))


def _take(taken: Mapping[tuple[str, str], set[str]], demand: Demand, addresses: ByNode, sites: Collection[str]) -> None:
    """Keep the addresses of a demand from those that come after it, at the sites where some do."""
    for cluster_id, wanted in demand.clusters.items():
        for node in nodes_of(cluster_id, wanted.cluster) if wanted.cluster.site in sites else ():
            for pool, text in addresses.get(node.name, {}).items():
                taken[wanted.cluster.site, pool].add(text)


def _zone_facts(declaration: Declaration, demands: Sequence[Demand], world: World, on: str) -> ZoneFacts:
    owners = sorted(declaration.owners.items())
    return ZoneFacts(
        zone=declaration.zone,
        sites={key: SiteFacts(owner=owner, site=site) for owner, file in owners for key, site in file.sites.items()},
        rooms=room_totals(world.racks, world.occupants),
        ducts={
            key: DuctFacts(
                owner=owner,
                duct=duct,
                offers={name: offer for name, offer in file.offers.items() if key in offer.ducts},
            )
            for owner, file in owners
            for key, duct in file.ducts.items()
        },
        links={
            key: LinkFacts(
                owner=owner,
                link=link,
                offers={name: offer for name, offer in file.offers.items() if key in offer.links},
            )
            for owner, file in owners
            for key, link in file.links.items()
        },
        names=tuple(
            NameFacts(kind=kind, name=held, party=demand.party, stack=demand.party, since=0, path=path)
            for demand in demands
            for name, item in demand.assets.items()
            for kind, held, path in names_in(name, item)
        ),
        usage=usage_of(world.occupants) if declaration.zone.counts_usage else {},
        on=on,
    )


def empty_world(declaration: Declaration, demands: Sequence[Demand], on: str) -> World:
    """The racks of a declaration with their baseline, before any node is placed.

    Args:
        declaration: the declaration.
        demands: of all its owners.
        on: the day of leases.
    """
    racks: dict[str, Rack] = {}
    baseline: list[Occupant] = []
    for owner, file in declaration.owners.items():
        for site_id, site in file.sites.items():
            for room_id, row_id, row in rows_of(site):
                name = f"{site_id}/{room_id}/{row_id}"
                room = site.rooms[room_id]
                racks |= {rack.id: rack for rack in racks_of_row(name, row, owner=owner, room=room, accepts=True)}
                path = f"sites.{site_id}.rooms.{room_id}.rows.{row_id}"
                baseline += baseline_of_row(name, row, owner=owner, path=path)
    racks = with_supply(
        racks, {name: site for file in declaration.owners.values() for name, site in file.sites.items()}
    )
    racks, offered = with_offers(
        racks,
        {
            site: {name: offer for name, offer in file.offers.items() if offer.site == site}
            for file in declaration.owners.values()
            for site in file.sites
        },
        on=on,
    )
    world = World(racks=racks, occupants=tuple(baseline), offered=offered)
    return replace(world, zone=_zone_facts(declaration, demands, world, on))


def _with_source(finding: Finding, declaration: Declaration) -> Finding:
    """The finding with file and line; its first participant is the one whose declaration must change."""
    for participant in finding.participants:
        source = declaration.sources.get(f"{participant.party}/{finding.where}")
        if source is not None:
            return replace(finding, where=str(source))
    return finding
