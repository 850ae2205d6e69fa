"""Links of the network: their delay, what takes them down, and a path over them."""

from dataclasses import dataclass

from zonewright.model.base import RiskKind
from zonewright.model.network import Link
from zonewright.model.world import ZoneFacts

RouteRisk = tuple[RiskKind, str]
"""A kind and a name: a duct and a site may have the same name, and are not the same risk."""


BLIND_KINDS: frozenset[RiskKind] = frozenset({"duct", "bridge"})
"""Kinds of risk that nobody knows of a link whose route is unknown."""


def link_delay_ns(link: Link, facts: ZoneFacts) -> int | None:
    """Delay of a link in one direction in nanoseconds: its ducts' length times the delay of fibre, rounded up.

    With an unknown route it is what the lessor states, or None.
    """
    if link.route == "unknown":
        return link.delay_us * 1000 if link.delay_us is not None else None
    limit = facts.zone.limit("fibre-delay-us-per-km")
    picoseconds_per_m = round((limit.value if limit else 0.0) * 1000)
    length_m = sum(facts.ducts[duct].duct.length_m for duct in link.ducts if duct in facts.ducts)
    return -(-length_m * picoseconds_per_m // 1000)


def risks_of(link: Link, facts: ZoneFacts) -> frozenset[RouteRisk]:
    """What takes a link down when it fails: its shared risk link groups (RFC 4202), as far as its route is known."""
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
