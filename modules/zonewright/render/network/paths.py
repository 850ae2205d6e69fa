"""Which packets get where in a rendered zone, computed: routes of all routers and every firewall on the way.

The routes are what BGP makes of the sessions and filters that the sites' files have: each site announces its networks,
every site takes them from whoever is fewest sites away, over drained links only where there is no other way, and a link
that is down carries none. The firewalls are read from the files themselves.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface, ip_network

from zonewright.render.contexts.node_context import NodeContext
from zonewright.render.contexts.router_ports import RouterPort
from zonewright.render.contexts.site_context import SiteContext
from zonewright.render.errors import RenderError
from zonewright.render.formats.format import AnyContext, root_of
from zonewright.render.formats.nftables import NFTABLES
from zonewright.render.formats.router_nftables import ROUTER_NFTABLES
from zonewright.render.network.firewall import (
    HOST_CHAINS,
    ROUTER_CHAINS,
    Firewall,
    FirewallAddress,
    Packet,
    Protocol,
    read_firewall,
)

_UPSTREAM = "upstream"
_Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class WayOn:
    """One of the ways on from a site: the interface, and the site at its other end; no site where it is delivered."""

    interface: str
    site: str = ""
    is_drained: bool = False


Distance = tuple[bool, int]
"""Whether a drained link is on the way, and how many sites: what is smaller is taken."""


@dataclass(frozen=True)
class Paths:
    """What reaches what in a zone.

    Attributes:
        sites: sites by id.
        nodes: nodes by each of their addresses.
        firewalls: firewalls of nodes by address, and of routers by site.
        down: ids of links that carry nothing.
    """

    sites: Mapping[str, SiteContext]
    nodes: Mapping[str, NodeContext]
    firewalls: Mapping[str, Firewall]
    down: frozenset[str] = frozenset()
    _known: dict[tuple[str, int], Mapping[_Network, tuple[WayOn, ...]]] = field(default_factory=dict)

    def without(self, links: Iterable[str]) -> "Paths":
        """The same zone with some links down."""
        return replace(self, down=self.down | frozenset(links), _known={})

    def without_hosts_rules(self) -> "Paths":
        """The same zone where no host has rules of its own, only routers."""
        return replace(self, firewalls={name: one for name, one in self.firewalls.items() if name in self.sites})

    def is_apart(self, address: str) -> bool:
        """Whether a host is in a tenant's VLAN."""
        place = self._place(ip_address(address))
        return place is not None and any(one.name == place[1] for one in self.sites[place[0]].apart)

    def routes(self, site: str, version: int) -> Mapping[_Network, tuple[WayOn, ...]]:
        """The table of a router for one IP version: the ways on by network."""
        if (site, version) not in self._known:
            self._known[site, version] = self._computed(site, version)
        return self._known[site, version]

    def _computed(self, site: str, version: int) -> Mapping[_Network, tuple[WayOn, ...]]:
        table: dict[_Network, tuple[WayOn, ...]] = {}
        distances = self._distances(version)
        for origin, held in self.sites.items():
            for text in _announced(held, version):
                best = self._towards(site, origin, version, distances)
                table[ip_network(text)] = tuple(dict.fromkeys((*table.get(ip_network(text), ()), *best)))
        own = self.sites[site]
        if _defaults(own, version):
            table[ip_network("0.0.0.0/0" if version == 4 else "::/0")] = _upstream(own)  # noqa: PLR2004
        for port in own.ports:
            for text in port.inside_v4 if version == 4 else port.inside_v6:  # noqa: PLR2004
                table[ip_network(text)] = (WayOn(port.name),)
        for item in own.interfaces:
            text = item.v4 if version == 4 else item.v6  # noqa: PLR2004
            if text:
                table[ip_interface(text).network] = (WayOn(item.name, item.peer),)
        for text in own.loopbacks_v4 if version == 4 else own.loopbacks_v6:  # noqa: PLR2004
            table[ip_network(text)] = (WayOn("lo"),)
        kept = {ip_network(text) for text in _announced(own, version)}  # without a port they are black holes
        return {network: hops for network, hops in table.items() if hops or network in kept}

    def _neighbours(self, site: str, version: int) -> Iterator[WayOn]:
        sessions = self.sites[site].sessions_v4 if version == 4 else self.sites[site].sessions_v6  # noqa: PLR2004
        for one in sessions:
            if one.status == "active" and one.link not in self.down and one.peer in self.sites:
                yield WayOn(one.interface, one.peer, one.drained)

    def _distances(self, version: int) -> Mapping[tuple[str, str], Distance]:
        """How far each site is from each that announces something, for all that reach each other.

        A site passes on only the way that it takes itself, so the nearest sites are settled first.
        """
        neighbours = {site: tuple(self._neighbours(site, version)) for site in self.sites}
        found: dict[tuple[str, str], Distance] = {}
        for origin in self.sites:
            settled: dict[str, Distance] = {}
            waiting = [((False, 0), origin)]
            while waiting:
                distance, site = heappop(waiting)
                if site not in settled:
                    settled[site] = distance
                    for hop in neighbours[site]:
                        heappush(waiting, (_further(distance, hop), hop.site))
            found |= {(site, origin): distance for site, distance in settled.items()}
        return found

    def _towards(
        self, site: str, origin: str, version: int, distances: Mapping[tuple[str, str], Distance]
    ) -> Iterator[WayOn]:
        """The ways on to a site, each one site nearer."""
        if site != origin and (site, origin) in distances:
            for hop in self._neighbours(site, version):
                known = distances.get((hop.site, origin))
                if known is not None and _further(known, hop) == distances[site, origin]:
                    yield hop

    def reaches(self, source: str, target: str, protocol: Protocol, port: int = 0) -> bool:
        """Whether a connection comes about, or an echo request is answered.

        An answer is let through where the first packet was, but it needs a way back.

        Args:
            source: address of the host that asks; it is a node, a router, or anything else in a network of a site.
            target: address of the host that is asked.
            protocol: tcp, udp, or icmp for an echo request.
            port: the port that is asked.
        """
        packet = Packet(source=ip_address(source), target=ip_address(target), protocol=protocol, port=port)
        if packet.source.version != packet.target.version:
            return False
        sender, taker = self.firewalls.get(source), self.firewalls.get(target)
        if sender is not None and not sender.lets("output", packet):
            return False
        if self._carried(packet) and (taker is None or taker.lets("input", packet)):
            return self._has_way(packet.target, packet.source)
        return False

    def _carried(self, packet: Packet) -> bool:
        """Whether all routers on each way pass the packet on; equal ways are taken by turns, so each must."""
        start = self._place(packet.source)
        goal = self._place(packet.target)
        if start is None:
            return False
        if start == goal and start[1]:
            return True  # in one network, no router is asked
        ends = list(self._walk(packet, start[0], start[1], 0))
        return bool(ends) and all(ends)

    def _walk(self, packet: Packet, site: str, arrives: str, passed: int) -> Iterator[bool]:
        router = self.firewalls.get(site)
        at = replace(packet, arrives=arrives)
        if str(packet.target) in _router_addresses(self.sites[site]):
            yield router is None or router.lets("input", at)
            return
        hops = self._lookup(site, packet.target)
        if not hops or passed > len(self.sites):
            yield False
        for hop in hops:
            if router is not None and arrives and not router.lets("forward", replace(at, leaves=hop.interface)):
                yield False
            elif not hop.site:
                yield True
            elif hop.interface in {one.name for one in self.sites[site].interfaces if one.link in self.down}:
                yield False
            else:
                yield from self._walk(packet, hop.site, _arrival(self.sites[hop.site], site, hop.interface), passed + 1)

    def _lookup(self, site: str, target: FirewallAddress) -> tuple[WayOn, ...]:
        table = self.routes(site, target.version)
        fitting = [network for network in table if target in network]
        return table[max(fitting, key=lambda network: network.prefixlen)] if fitting else ()

    def _has_way(self, source: FirewallAddress, target: FirewallAddress) -> bool:
        start, goal = self._place(source), self._place(target)
        if start is None or goal is None:
            return False
        site, passed = start[0], 0
        while site != goal[0] and passed <= len(self.sites):
            hops = [hop for hop in self._lookup(site, target) if hop.site]
            if not hops:
                return False
            site, passed = hops[0].site, passed + 1
        return site == goal[0]

    def _place(self, address: FirewallAddress) -> tuple[str, str] | None:
        """Site and interface that a host is at, or where it comes in from outside; a router is at no interface."""
        outside = None
        for name, site in self.sites.items():
            if str(address) in _router_addresses(site):
                return name, ""
            for port in site.ports:
                if any(address in network for network in _inside(port, address.version)):
                    return name, port.name
                if port.role == _UPSTREAM and _defaults(site, address.version):
                    outside = outside or (name, port.name)
        return outside


def _further(distance: Distance, hop: WayOn) -> Distance:
    """How far it is by one more link."""
    return distance[0] or hop.is_drained, distance[1] + 1


def _arrival(site: SiteContext, peer: str, interface: str) -> str:
    """The interface that a packet of a neighbour comes in by: a link's ends have one name."""
    return next((one.name for one in site.interfaces if one.peer == peer and one.name == interface), interface)


def _inside(port: RouterPort, version: int) -> list[_Network]:
    return [ip_network(text) for text in (port.inside_v4 if version == 4 else port.inside_v6)]  # noqa: PLR2004


def _announced(site: SiteContext, version: int) -> Iterator[str]:
    yield from site.networks_v4 if version == 4 else site.networks_v6  # noqa: PLR2004
    if _defaults(site, version):
        yield "0.0.0.0/0" if version == 4 else "::/0"  # noqa: PLR2004


def _defaults(site: SiteContext, version: int) -> tuple[str, ...]:
    return site.defaults_v4 if version == 4 else site.defaults_v6  # noqa: PLR2004


def _upstream(site: SiteContext) -> tuple[WayOn, ...]:
    return tuple(WayOn(port.name) for port in site.ports if port.role == _UPSTREAM)


def _router_addresses(site: SiteContext) -> frozenset[str]:
    held = [text for port in site.ports for text in (*port.v4, *port.v6)]
    held += [text for item in site.interfaces for text in (item.v4, item.v6) if text]
    return frozenset(text.partition("/")[0] for text in (*held, *site.loopbacks_v4, *site.loopbacks_v6))


def paths_of(contexts: Iterable[AnyContext], files: Mapping[str, str]) -> Paths:
    """What reaches what.

    Args:
        contexts: what the templates see of a zone.
        files: what was rendered from it.

    Raises:
        RenderError: for a firewall that is not understood.
    """
    all_of = list(contexts)
    sites = {one.name: one for one in all_of if isinstance(one, SiteContext) and one.as_number}
    nodes: dict[str, NodeContext] = {}
    firewalls: dict[str, Firewall] = {}
    read: dict[str, Firewall] = {}
    for one in all_of:
        if isinstance(one, NodeContext):
            held = [address.address.partition("/")[0] for address in one.addresses]
            nodes |= dict.fromkeys(held, one)
            text = files.get(f"{root_of(one)}/{NFTABLES.files[0].path}")
            if text is not None:
                rules = text.partition("\n")[2].partition("\n")[2]
                if rules not in read:
                    read[rules] = read_firewall(rules, HOST_CHAINS)
                firewalls |= dict.fromkeys(held, read[rules])
    for name, site in sites.items():
        text = files.get(f"{root_of(site)}/{ROUTER_NFTABLES.files[0].path}")
        if text is not None:
            firewalls[name] = read_firewall(text, ROUTER_CHAINS)
    if not sites:
        raise RenderError("no site with an autonomous system, so no way was computed")
    return Paths(sites, nodes, firewalls)
