"""What the name servers of a zone answer, computed from what their files are rendered from."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from zonewright.render.contexts.group_context import GroupContext
from zonewright.render.contexts.naming import ReverseZone
from zonewright.render.contexts.site_context import SiteContext
from zonewright.render.contexts.site_names import Forward
from zonewright.render.formats.format import AnyContext, sites_in

_MOST_FORWARDS = 4
Records = dict[str, frozenset[str]]
"""By whole name what it leads to: addresses, or names."""
_Pairs = Iterator[tuple[str, list[tuple[str, str]]]]


@dataclass(frozen=True)
class _View:
    zones: Mapping[str, Records]
    forwards: Mapping[str, Forward]


@dataclass(frozen=True)
class NameServers:
    """The name servers of a zone.

    Attributes:
        sites: sites by id.
        groups: parties' nodes by site.
    """

    sites: Mapping[str, SiteContext]
    groups: Mapping[str, tuple[GroupContext, ...]]
    _views: dict[tuple[str, str], _View] = field(default_factory=dict)

    def answer(self, site: str, client: str, name: str, *, passed: int = 0) -> frozenset[str]:
        """What a client is told of a name: addresses, or names for the way back from an address.

        Args:
            site: whose name server is asked.
            client: address of who asks.
            name: a whole name with its last dot.
            passed: how many name servers have passed the question on.
        """
        view = self._view(site, client)
        labels = name.removesuffix(".").split(".")
        above = (".".join(labels[start:]) for start in range(len(labels)))
        nearest = next((one for one in above if one in view.zones or one in view.forwards), None)
        if nearest is None or passed > _MOST_FORWARDS:
            return frozenset()  # what is nobody's name in the zone is not computed
        if nearest in view.zones:
            return view.zones[nearest].get(name, frozenset())
        own = self.sites[site].name_servers
        for server in view.forwards[nearest].servers:
            asked = next((one for one, held in self.sites.items() if server in held.name_servers), None)
            same = [one for one in own if ip_address(one).version == ip_address(server).version]
            if asked is not None and same:
                return self.answer(asked, same[0], name, passed=passed + 1)
        return frozenset()

    def proves(self, site: str, client: str, name: str) -> bool:
        """Whether what a client is told of a name was checked by signatures of the site that answers for it.

        Args:
            site: whose name server is asked.
            client: address of who asks.
            name: a whole name with its last dot.
        """
        view = self._view(site, client)
        labels = name.removesuffix(".").split(".")
        above = (".".join(labels[start:]) for start in range(len(labels)))
        nearest = next((one for one in above if one in view.zones or one in view.forwards), "")
        known = {one.public_key for one in self.sites[site].trust_anchors if one.zone == nearest}
        return nearest in view.forwards and bool(known & self._signing(nearest))

    def _signing(self, zone: str) -> set[str]:
        return {one.public_key for site in self.sites.values() for one in site.zone_keys if one.zone == zone}

    def distrusted(self) -> Iterator[tuple[str, str]]:
        """Sites that check answers by a key that is not that of who signs, each with the zone of the DNS."""
        for name, site in self.sites.items():
            for zone in dict.fromkeys(one.zone for one in site.trust_anchors):
                if not self._signing(zone) & {one.public_key for one in site.trust_anchors if one.zone == zone}:
                    yield name, zone

    def _view(self, site: str, client: str) -> _View:
        """The view that a client sees: of its party, of administrators, or the site's own."""
        held = self.sites[site]
        group = next((one for one in self.groups.get(site, ()) if _among(client, one.clients)), None)
        is_server = _among(client, held.fellow_servers)
        manages = group is None and not is_server and _among(client, (*held.management_v4, *held.management_v6))
        key = group.name if group is not None else "management." if manages else "site."
        if (site, key) not in self._views:
            seen = (group,) if group is not None else self.groups.get(site, ()) if manages else ()
            self._views[site, key] = _made(held, group, seen)
        return self._views[site, key]


def _made(site: SiteContext, group: GroupContext | None, seen: Iterable[GroupContext]) -> _View:
    """A view with the nodes of some groups; the ways back are the group's own, or the site's."""
    nodes = (pair for one in seen for pair in _node_zones(one))
    back, passed_on = (
        (site.reverse_zones, site.forwards_back) if group is None else (group.reverse_zones, group.forwards)
    )
    return _View(
        zones={zone: _records(pairs) for zone, pairs in (*_site_zones(site), *nodes, *_reverse(back))},
        forwards={one.zone: one for one in (*site.forwards, *passed_on)},
    )


def _records(pairs: Iterable[tuple[str, str]]) -> Records:
    found: Records = {}
    for name, where in pairs:
        found[name] = found.get(name, frozenset()) | {where}
    return found


@lru_cache(maxsize=16_384)
def _network(text: str) -> IPv4Network | IPv6Network:
    """A network, parsed once: every question asks who is in which."""
    return ip_network(text)


def _among(client: str, networks: Iterable[str]) -> bool:
    address = ip_address(client)
    return any(address in _network(text) for text in networks)


def _site_zones(site: SiteContext) -> _Pairs:
    addresses = {one.name: one.address for one in site.names}
    records = [(one.name, one.address) for one in site.names]
    records += [(one.name, addresses[one.target]) for one in site.aliases]
    yield site.domain, [(f"{name}.{site.domain}.", address) for name, address in records]
    for zone in site.service_zones:
        yield zone.key, [(f"{zone.key}.", one.address) for one in zone.records]


def _node_zones(group: GroupContext) -> _Pairs:
    for domain, records in ((group.domain, group.records), *((one.domain, one.records) for one in group.elsewhere)):
        yield domain, [(f"{one.name}.{domain}.", one.address) for one in records]


def _reverse(zones: Iterable[ReverseZone]) -> _Pairs:
    for zone in zones:
        yield (
            zone.zone,
            [
                (f"{zone.zone}." if one.label == "@" else f"{one.label}.{zone.zone}.", one.target)
                for one in zone.pointers
            ],
        )


def name_servers_of(contexts: Iterable[AnyContext]) -> NameServers:
    """The name servers of all sites at hand."""
    all_of = list(contexts)
    groups: dict[str, tuple[GroupContext, ...]] = {}
    for one in all_of:
        if isinstance(one, GroupContext):
            groups[one.site] = (*groups.get(one.site, ()), one)
    return NameServers(sites_in(all_of), groups)
