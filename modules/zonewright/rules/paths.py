"""The network as a graph: delays of links, the risks that they hang on, and paths through them."""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from zonewright.model.base import RiskKind
from zonewright.model.network import Link
from zonewright.model.world import ZoneFacts

RouteRisk = tuple[RiskKind, str]
MAX_STEPS = 20_000
"""Partial paths that are looked at before a search is given up; a zone of 20 sites needs some hundreds."""


def link_delay_ns(link: Link, facts: ZoneFacts) -> int:
    """Delay of a link in one direction in nanoseconds: its ducts' length times the delay of fibre, rounded up."""
    limit = facts.zone.limit("fibre-delay-us-per-km")
    picoseconds_per_m = round((limit.value if limit else 0.0) * 1000)
    length_m = sum(facts.ducts[duct].duct.length_m for duct in link.ducts if duct in facts.ducts)
    return -(-length_m * picoseconds_per_m // 1000)


def risks_of(link: Link, facts: ZoneFacts) -> frozenset[RouteRisk]:
    """What takes a link down when it fails: its shared risk link groups (RFC 4202)."""
    risks: set[RouteRisk] = {("site", link.a), ("site", link.b)}
    for duct_id in link.ducts:
        risks.add(("duct", duct_id))
        held = facts.ducts.get(duct_id)
        if held is not None and held.duct.bridge is not None:
            risks.add(("bridge", held.duct.bridge))
    for name in link.power_panels:
        risks.add(("power-panel", name))
        site_id, panel_id = name.split("/")
        site = facts.sites.get(site_id)
        if site is not None and panel_id in site.site.power_panels:
            # Panels of one substation fall together.
            risks.add(("power-panel", f"substation {site.site.power_panels[panel_id].substation}"))
    return frozenset(risks)


@dataclass(frozen=True, slots=True)
class LinkPath:
    """A path without loops: its links in order, and its delay in one direction."""

    links: tuple[str, ...]
    delay_ns: int

    @property
    def delay_us(self) -> int:
        """Whole microseconds, rounded up."""
        return -(-self.delay_ns // 1000)

    def text(self) -> str:
        """Links and delay for people."""
        return f"{', '.join(self.links)}: {self.delay_ns / 1000:,.1f} us"


def paths(facts: ZoneFacts, start: str, end: str) -> Iterator[LinkPath]:
    """Paths over active links between two sites, fastest first; a search that grows too large ends."""
    edges: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for link_id, held in sorted(facts.links.items()):
        link = held.link
        if link.status == "active":
            delay = link_delay_ns(link, facts)
            edges[link.a].append((link.b, link_id, delay))
            edges[link.b].append((link.a, link_id, delay))
    queue: list[tuple[int, tuple[str, ...], tuple[str, ...]]] = [(0, (), (start,))]
    for _ in range(MAX_STEPS):
        if not queue:
            return
        delay, links, sites = heapq.heappop(queue)
        if sites[-1] == end:
            yield LinkPath(links, delay)
            continue
        for site, link_id, more in edges[sites[-1]]:
            if site not in sites:
                heapq.heappush(queue, (delay + more, (*links, link_id), (*sites, site)))


def risks_of_path(
    path: LinkPath, facts: ZoneFacts, kinds: Collection[RiskKind], *, ends: Collection[str]
) -> frozenset[RouteRisk]:
    """Risks of some kinds that a path hangs on; its ends are left out, since all paths between them share those."""
    cached: Mapping[str, frozenset[RouteRisk]] = {link: risks_of(facts.links[link].link, facts) for link in path.links}
    own_panels = tuple(f"{site}/" for site in ends)
    return frozenset(
        (kind, name)
        for risks in cached.values()
        for kind, name in risks
        if kind in kinds and name not in ends and not name.startswith(own_panels)
    )


def disjoint_pair(
    found: Collection[LinkPath], facts: ZoneFacts, kinds: Collection[RiskKind], *, ends: Collection[str]
) -> tuple[LinkPath, LinkPath] | None:
    """The two paths that share no risk of these kinds and whose slower one is fastest, or None."""
    risks = [risks_of_path(path, facts, kinds, ends=ends) for path in found]
    ordered = list(found)
    for slower in range(1, len(ordered)):
        for faster in range(slower):
            if not risks[slower] & risks[faster] and not set(ordered[slower].links) & set(ordered[faster].links):
                return ordered[faster], ordered[slower]
    return None
