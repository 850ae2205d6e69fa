"""A zone in figures: its sites, its links and the risks that links share."""

from collections import defaultdict
from dataclasses import dataclass

from zonewright.model.world import LinkFacts, World, ZoneFacts
from zonewright.rules.paths import link_delay_ns, risks_of
from zonewright.rules.site_power import contracted_power, design_power, rooms_of

_KILO = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRow:
    """One site: racks that are built, IT power by design and in use in kilowatts, and the design PUE if it is known."""

    id: str
    title: str
    kind: str
    district: str
    owner: str
    racks: int
    used_racks: int
    design_kw: float
    used_kw: float
    design_pue: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """One link: its ends, ducts, length in kilometres and delay in one direction in microseconds; None: not known."""

    id: str
    owner: str
    a: str
    b: str
    ducts: tuple[str, ...]
    km: float | None
    one_way_us: float | None
    status: str

    def way(self) -> str:
        """Its ducts for people."""
        return ", ".join(self.ducts if self.km is not None else (*self.ducts, "route unknown"))


def one_decimal(figure: float | None) -> str:
    """A figure for people, or a dash where it is not known."""
    return f"{figure:,.1f}" if figure is not None else "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRisk:
    """A duct, bridge or power panel whose failure takes several links."""

    kind: str
    id: str
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneTable:
    """All of it; the sums are over data centres, that by racks is None where not all of their racks are known."""

    title: str
    sites: tuple[SiteRow, ...]
    links: tuple[LinkRow, ...]
    shared_risks: tuple[SharedRisk, ...]
    design_kw: float
    used_kw: float
    fill_percent: float
    fill_by_racks_percent: float | None


def zone_table(world: World) -> ZoneTable:
    """The figures of a world that has the zone as a whole.

    Raises:
        ValueError: when it has not.
    """
    facts = world.zone
    if facts is None:
        message = "a world without its zone has no table"
        raise ValueError(message)
    racks: dict[str, int] = defaultdict(int)
    for rack in world.racks.values():
        racks[rack.site] += not rack.is_planned
    used: dict[str, set[str]] = defaultdict(set)
    for item in world.everybody:
        used[item.rack.split("/", 1)[0]].add(item.rack)
    sites = []
    rooms = rooms_of(facts)
    for site_id, site in sorted(facts.sites.items(), key=lambda pair: (pair[1].site.kind, pair[0])):
        sums = rooms.get(site_id, {})
        design, contracted = design_power(site, sums), contracted_power(site, sums)
        has_ratio = design.total_w is not None and design.it_w > 0
        sites.append(
            SiteRow(
                id=site_id,
                title=site.site.title,
                kind=site.site.kind,
                district=site.site.district,
                owner=site.owner,
                racks=racks[site_id],
                used_racks=len(used[site_id]),
                design_kw=design.it_w / _KILO,
                used_kw=contracted.it_w / _KILO,
                design_pue=(design.total_w or 0) / design.it_w if has_ratio else None,
            )
        )
    centres = [site for site in sites if site.kind == "data-centre"]
    design_kw, used_kw = sum(site.design_kw for site in centres), sum(site.used_kw for site in centres)
    built, taken = sum(site.racks for site in centres), sum(site.used_racks for site in centres)
    return ZoneTable(
        title=facts.zone.title,
        sites=tuple(sites),
        links=_links(world),
        shared_risks=_shared(world),
        design_kw=design_kw,
        used_kw=used_kw,
        fill_percent=100 * used_kw / design_kw if design_kw else 0.0,
        fill_by_racks_percent=100 * taken / built if all(site.racks for site in centres) and built else None,
    )


def _links(world: World) -> tuple[LinkRow, ...]:
    facts = world.zone
    return tuple(_link(link_id, held, facts) for link_id, held in sorted(facts.links.items())) if facts else ()


def _link(link_id: str, held: LinkFacts, facts: ZoneFacts) -> LinkRow:
    link, delay_ns = held.link, link_delay_ns(held.link, facts)
    length_m = sum(facts.ducts[duct].duct.length_m for duct in link.ducts if duct in facts.ducts)
    return LinkRow(
        id=link_id,
        owner=held.owner,
        a=link.a,
        b=link.b,
        ducts=link.ducts,
        km=length_m / _KILO if link.route == "known" else None,
        one_way_us=delay_ns / _KILO if delay_ns is not None else None,
        status=link.status,
    )


def _shared(world: World) -> tuple[SharedRisk, ...]:
    by_risk: dict[tuple[str, str], list[str]] = defaultdict(list)
    if world.zone is not None:
        for link_id, held in sorted(world.zone.links.items()):
            for kind, name in risks_of(held.link, world.zone):
                by_risk[kind, name].append(link_id)
    return tuple(
        SharedRisk(kind=kind, id=name, links=tuple(links))
        for (kind, name), links in sorted(by_risk.items())
        if len(links) > 1 and kind != "site"
    )
