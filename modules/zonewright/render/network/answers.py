"""What the name servers of a zone answer, computed from what their files are rendered from: views, zones, forwarders."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from zonewright.render.contexts.group_context import GroupContext
from zonewright.render.contexts.naming import ReverseZone
from zonewright.render.contexts.site_context import SiteContext
from zonewright.render.contexts.site_names import Forward
from zonewright.render.formats.format import AnyContext

_MOST_FORWARDS = 4
Zones = dict[str, frozenset[tuple[str, str]]]
"""By name of a zone: whole name and what it leads to, an address or a name."""


@dataclass(frozen=True)
class NameServers:
    """The name servers of a zone.

    Attributes:
        sites: sites by id.
        groups: parties' nodes by site.
    """

    sites: Mapping[str, SiteContext]
    groups: Mapping[str, tuple[GroupContext, ...]]

    def answer(self, site: str, client: str, name: str, *, passed: int = 0) -> frozenset[str]:
        """What a client is told of a name: addresses, or names for the way back from an address.

        Args:
            site: whose name server is asked.
            client: address of who asks.
            name: a whole name with its last dot.
            passed: how many name servers have passed the question on.
        """
        zones, forwards = self._view(site, client)
        known = [zone for zone in (*zones, *forwards) if name == f"{zone}." or name.endswith(f".{zone}.")]
        if not known or passed > _MOST_FORWARDS:
            return frozenset()  # what is nobody's name in the zone is not computed
        nearest = max(known, key=len)
        if nearest in zones:
            return frozenset(where for what, where in zones[nearest] if what == name)
        own = self.sites[site].name_servers
        for server in forwards[nearest].servers:
            asked = next((one for one, held in self.sites.items() if server in held.name_servers), None)
            same = [one for one in own if ip_address(one).version == ip_address(server).version]
            if asked is not None and same:
                return self.answer(asked, same[0], name, passed=passed + 1)
        return frozenset()

    def _view(self, site: str, client: str) -> tuple[Zones, dict[str, Forward]]:
        """Zones and forwarders of the view that a client sees."""
        held = self.sites[site]
        zones = dict(_site_zones(held))
        forwards = {one.zone: one for one in held.forwards}
        group = next((one for one in self.groups.get(site, ()) if _among(client, one.clients)), None)
        if group is not None:
            zones |= {**dict(_node_zones(group)), **dict(_reverse(group.reverse_zones))}
            return zones, forwards | {one.zone: one for one in group.forwards}
        zones |= dict(_reverse(held.reverse_zones))
        if _among(client, (*held.management_v4, *held.management_v6)):
            for one in self.groups.get(site, ()):
                zones |= dict(_node_zones(one))
        return zones, forwards | {one.zone: one for one in held.forwards_back}


def _among(client: str, networks: Iterable[str]) -> bool:
    address = ip_address(client)
    return any(address in ip_network(text) for text in networks)


def _site_zones(site: SiteContext) -> Iterator[tuple[str, frozenset[tuple[str, str]]]]:
    addresses = {one.name: one.address for one in site.names}
    records = [*((one.name, one.address) for one in site.names)]
    records += [(one.name, addresses[one.target]) for one in site.aliases]
    yield site.domain, frozenset((f"{name}.{site.domain}.", address) for name, address in records)
    for zone in site.service_zones:
        yield zone.key, frozenset((f"{zone.key}.", one.address) for one in zone.records)


def _node_zones(group: GroupContext) -> Iterator[tuple[str, frozenset[tuple[str, str]]]]:
    for domain, records in ((group.domain, group.records), *((one.domain, one.records) for one in group.elsewhere)):
        yield domain, frozenset((f"{one.name}.{domain}.", one.address) for one in records)


def _reverse(zones: Iterable[ReverseZone]) -> Iterator[tuple[str, frozenset[tuple[str, str]]]]:
    for zone in zones:
        yield (
            zone.zone,
            frozenset(
                (f"{zone.zone}." if one.label == "@" else f"{one.label}.{zone.zone}.", one.target)
                for one in zone.pointers
            ),
        )


def name_servers_of(contexts: Iterable[AnyContext]) -> NameServers:
    """The name servers of all sites at hand."""
    all_of = list(contexts)
    groups: dict[str, tuple[GroupContext, ...]] = {}
    for one in all_of:
        if isinstance(one, GroupContext):
            groups[one.site] = (*groups.get(one.site, ()), one)
    return NameServers({one.name: one for one in all_of if isinstance(one, SiteContext)}, groups)
