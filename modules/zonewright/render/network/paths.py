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
from zonewright.render.contexts.router_ports import RouterPort, StretchedPeer
from zonewright.render.contexts.site_context import SiteContext
from zonewright.render.errors import RenderError
from zonewright.render.formats.format import AnyContext, root_of, sites_in
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
    """One of the ways on from a router: the interface, and the router at its other end; none where it is delivered."""

    interface: str
    router: str = ""
    is_drained: bool = False


PathDistance = tuple[bool, int]
"""Whether a drained link is on the way, and how many sites: what is smaller is taken."""


@dataclass(frozen=True)
class Paths:
    """What reaches what in a zone.

    Attributes:
        sites: sites by id, as their first routers see them.
        routers: all routers, the first one of a site by its id, the second one by ``site/name``.
        nodes: nodes by each of their addresses.
        firewalls: firewalls of nodes by address, and of routers by site.
        down: ids of links that carry nothing.
        lost: routers that are switched off; the other one of their site is its gateway.
    """

    sites: Mapping[str, SiteContext]
    routers: Mapping[str, SiteContext]
    nodes: Mapping[str, NodeContext]
    firewalls: Mapping[str, Firewall]
    down: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    _known: dict[tuple[str, int], Mapping[_Network, tuple[WayOn, ...]]] = field(default_factory=dict)

    def without(self, links: Iterable[str]) -> "Paths":
        """The same zone with some links down."""
        return replace(self, down=self.down | frozenset(links), _known={})

    def without_routers(self, routers: Iterable[str]) -> "Paths":
        """The same zone with some routers switched off."""
        return replace(self, lost=self.lost | frozenset(routers), _known={})

    def of_site(self, site: str) -> tuple[str, ...]:
        """The routers of a site that are on, its gateway first."""
        return tuple(key for key, one in self.routers.items() if one.name == site and key not in self.lost)

    def without_hosts_rules(self) -> "Paths":
        """The same zone where no host has rules of its own, only routers."""
        return replace(self, firewalls={name: one for name, one in self.firewalls.items() if name in self.routers})

    def is_apart(self, address: str) -> bool:
        """Whether a host is in a tenant's VLAN."""
        place = self._place(ip_address(address))
        return place is not None and any(one.name == place[1] for one in self.routers[place[0]].apart)

    def routes(self, router: str, version: int) -> Mapping[_Network, tuple[WayOn, ...]]:
        """The table of a router for one IP version: the ways on by network."""
        if (router, version) not in self._known:
            self._known[router, version] = self._computed(router, version)
        return self._known[router, version]

    def _computed(self, router: str, version: int) -> Mapping[_Network, tuple[WayOn, ...]]:
        table: dict[_Network, tuple[WayOn, ...]] = {}
        distances = self._distances(version)
        own = self.routers[router]
        for origin in self.sites:
            best = tuple(self._towards(router, origin, version, distances))
            on = self.of_site(origin) if best else ()
            for text in {text for one in on for text in _announced(self.routers[one], version)}:
                table[ip_network(text)] = tuple(dict.fromkeys((*table.get(ip_network(text), ()), *best)))
        table |= _at_gateway(own, version) if self._is_gateway(router) else {}
        for item in own.interfaces:
            text = item.v4 if version == 4 else item.v6  # noqa: PLR2004
            if text:
                table[ip_interface(text).network] = (WayOn(item.name, self._far_end(item.peer, item.link)),)
        for text in own.loopbacks_v4 if version == 4 else own.loopbacks_v6:  # noqa: PLR2004
            table[ip_network(text)] = (WayOn("lo"),)
        for text in own.kept_v4 if version == 4 else own.kept_v6:  # noqa: PLR2004
            table.setdefault(ip_network(text), ())  # without a port it is a black hole
        return table

    def _is_gateway(self, router: str) -> bool:
        return router in self.of_site(self.routers[router].name)[:1]

    def _far_end(self, site: str, link: str) -> str:
        """The router of a site that a link ends at; empty where it is off, or not at hand."""
        ends = (key for key in self.of_site(site) if any(one.link == link for one in self.routers[key].interfaces))
        return next(ends, "")

    def _neighbours(self, router: str, version: int) -> Iterator[WayOn]:
        own = self.routers[router]
        for one in own.sessions_v4 if version == 4 else own.sessions_v6:  # noqa: PLR2004
            there = self._far_end(one.peer, one.link)
            if one.status == "active" and one.link not in self.down and there:
                yield WayOn(one.interface, there, one.drained)

    def _distances(self, version: int) -> Mapping[tuple[str, str], PathDistance]:
        """How far each site is from each that announces something, for all that reach each other.

        A site passes on only the way that it takes itself, so the nearest sites are settled first.
        """
        neighbours = {
            site: tuple(hop for router in self.of_site(site) for hop in self._neighbours(router, version))
            for site in self.sites
        }
        found: dict[tuple[str, str], PathDistance] = {}
        for origin in self.sites:
            settled: dict[str, PathDistance] = {}
            waiting = [((False, 0), origin)]
            while waiting:
                distance, site = heappop(waiting)
                if site not in settled:
                    settled[site] = distance
                    for hop in neighbours[site]:
                        heappush(waiting, (_further(distance, hop), self.routers[hop.router].name))
            found |= {(site, origin): distance for site, distance in settled.items()}
        return found

    def _towards(
        self, router: str, origin: str, version: int, distances: Mapping[tuple[str, str], PathDistance]
    ) -> Iterator[WayOn]:
        """The ways on to a site, each one site nearer, or over the other router of the site if that has one."""
        site = self.routers[router].name
        nearer = []
        if site != origin and (site, origin) in distances:
            for hop in self._neighbours(router, version):
                known = distances.get((self.routers[hop.router].name, origin))
                if known is not None and _further(known, hop) == distances[site, origin]:
                    nearer.append(hop)
        others = [one for one in self.of_site(site) if one != router]
        if not nearer and others and (site, origin) in distances:
            nearer.append(WayOn(self.routers[router].interconnect, others[0]))
        yield from nearer

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
        over = self._over_layer_2(packet)
        if over is not None:
            return over and (taker is None or taker.lets("input", packet))
        if self._carried(packet) and (taker is None or taker.lets("input", packet)):
            return self._has_way(packet.target, packet.source)
        return False

    def _over_layer_2(self, packet: Packet) -> bool | None:
        """Whether frames get there through a network of layer 2 over several sites; None where no such one has both."""
        ends = []
        for place in (self._place(packet.source), self._place(packet.target)):
            own = self.routers[place[0]] if place is not None else None
            port = next((one for one in (own.stretched.ports if own is not None else ()) if one.name == place[1]), None)  # type: ignore[index]
            if own is None or port is None:
                return None
            ends.append((own, port.vni, {end for peer in own.stretched.peers for end in _known_there(peer)}))
        (here, vni, there_of_here), (there, other, here_of_there) = ends
        if here.name == there.name or vni != other:
            return None
        if (there.name, vni) not in there_of_here or (here.name, vni) not in here_of_there:
            return None  # one of the two does not believe the other
        local, remote = ip_address(here.stretched.local), ip_address(there.stretched.local)
        return self._has_way(local, remote) and self._has_way(remote, local)

    def _carried(self, packet: Packet) -> bool:
        """Whether all routers on each way pass the packet on; equal ways are taken by turns, so each must."""
        start = self._place(packet.source)
        goal = self._place(packet.target)
        if start is None:
            return False
        if start == goal and start[1]:
            return True  # in one network, no router is asked
        ends = list(self._walk(packet, *start, 0))
        return bool(ends) and all(ends)

    def _walk(self, packet: Packet, router: str, arrives: str, passed: int) -> Iterator[bool]:
        firewall, own = self.firewalls.get(router), self.routers[router]
        at = replace(packet, arrives=arrives, vrf=self._vrf_of(router, arrives))
        if str(packet.target) in self._addresses(router, at.vrf):
            yield firewall is None or firewall.lets("input", at)
            return
        if str(packet.target) in self._addresses(router):
            yield False  # in another VRF than it comes from, where nobody else answers for it
            return
        hops = self._lookup(router, packet.target, at.vrf)
        if not hops or passed > len(self.routers):
            yield False
        ends = {one.name: one.link for one in own.interfaces}
        for hop in hops:
            if firewall is not None and arrives and not firewall.lets("forward", replace(at, leaves=hop.interface)):
                yield False
            elif not hop.router:
                yield hop.interface not in ends  # else the router at the other end is off
            elif ends.get(hop.interface) in self.down:
                yield False
            else:
                yield from self._walk(packet, hop.router, hop.interface, passed + 1)  # both ends have one name

    def _vrf_of(self, router: str, interface: str) -> str:
        return next((port.vrf for port in self.routers[router].ports if port.name == interface), "")

    def _is_closed(self, router: str, target: FirewallAddress, vrf: str) -> bool:
        """Whether the table of a VRF has no way there, and the main one is not asked."""
        own = next((one for one in self.routers[router].vrfs if one.name == vrf), None)
        if own is None:
            return False
        lines = {**dict.fromkeys(own.closed, True), **dict.fromkeys(own.opened, False)}
        fitting = [text for text in lines if target in ip_network(text)]
        return bool(fitting) and lines[max(fitting, key=lambda text: ip_network(text).prefixlen)]

    def _lookup(self, router: str, target: FirewallAddress, vrf: str = "") -> tuple[WayOn, ...]:
        if self._is_closed(router, target, vrf):
            return ()
        table = self.routes(router, target.version)
        fitting = [network for network in table if target in network]
        return table[max(fitting, key=lambda network: network.prefixlen)] if fitting else ()

    def _has_way(self, source: FirewallAddress, target: FirewallAddress) -> bool:
        start, goal = self._place(source), self._place(target)
        if start is None or goal is None:
            return False
        router, passed = start[0], 0
        if self._is_closed(router, target, self._vrf_of(*start)):
            return False
        while router != goal[0] and passed <= len(self.routers):
            hops = [hop for hop in self._lookup(router, target) if hop.router]
            if not hops:
                return False
            router, passed = hops[0].router, passed + 1
        return router == goal[0]

    def _place(self, address: FirewallAddress) -> tuple[str, str] | None:
        """Router and interface that a host is at, or where it comes in from outside; a router is at no interface."""
        outside = None
        for router in (key for site in self.sites for key in self.of_site(site)):
            if str(address) in self._addresses(router):
                return router, ""
            for port in self.routers[router].ports if self._is_gateway(router) else ():
                if any(address in network for network in _inside(port, address.version)):
                    return router, port.name
                if port.role == _UPSTREAM and _defaults(self.routers[router], address.version):
                    outside = outside or (router, port.name)
        return outside

    def _addresses(self, router: str, vrf: str | None = None) -> frozenset[str]:
        """A router's own addresses; those in networks of the site only where it is the gateway.

        Args:
            router: the router.
            vrf: the VRF that they are asked from, empty for the main table: those in another one are not there; None
                for all of them.
        """
        own = self.routers[router]
        held: list[str] = []
        for port in own.ports if self._is_gateway(router) else ():
            held += (*port.v4, *port.v6) if vrf in {None, port.vrf} or not port.vrf else ()
        held += [text for item in own.interfaces for text in (item.v4, item.v6) if text]
        return frozenset(text.partition("/")[0] for text in (*held, *own.loopbacks_v4, *own.loopbacks_v6))


def _known_there(peer: StretchedPeer) -> Iterator[tuple[str, int]]:
    yield from ((peer.site, vni) for vni in peer.vnis)


def _further(distance: PathDistance, hop: WayOn) -> PathDistance:
    """How far it is by one more link."""
    return distance[0] or hop.is_drained, distance[1] + 1


def _at_gateway(site: SiteContext, version: int) -> dict[_Network, tuple[WayOn, ...]]:
    """What a router reaches at the site's own interfaces."""
    found: dict[_Network, tuple[WayOn, ...]] = {
        network: (WayOn(port.name),) for port in site.ports for network in _inside(port, version)
    }
    if _defaults(site, version):
        found[ip_network("0.0.0.0/0" if version == 4 else "::/0")] = _upstream(site)  # noqa: PLR2004
    return found


def _inside(port: RouterPort, version: int) -> list[_Network]:
    return [ip_network(text) for text in (port.inside_v4 if version == 4 else port.inside_v6)]  # noqa: PLR2004


def _announced(site: SiteContext, version: int) -> Iterator[str]:
    yield from site.originated_v4 if version == 4 else site.originated_v6  # noqa: PLR2004
    if _defaults(site, version):
        yield "0.0.0.0/0" if version == 4 else "::/0"  # noqa: PLR2004


def _defaults(site: SiteContext, version: int) -> tuple[str, ...]:
    return site.defaults_v4 if version == 4 else site.defaults_v6  # noqa: PLR2004


def _upstream(site: SiteContext) -> tuple[WayOn, ...]:
    return tuple(WayOn(port.name) for port in site.ports if port.role == _UPSTREAM)


def paths_of(contexts: Iterable[AnyContext], files: Mapping[str, str]) -> Paths:
    """What reaches what.

    Args:
        contexts: what the templates see of a zone.
        files: what was rendered from it.

    Raises:
        RenderError: for a firewall that is not understood.
    """
    all_of = list(contexts)
    sites = {name: one for name, one in sites_in(all_of).items() if one.as_number}
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
    seconds = (one for one in all_of if isinstance(one, SiteContext) and one.is_second and one.name in sites)
    routers = {**sites, **{f"{one.name}/{one.router}": one for one in seconds}}
    for name, site in routers.items():
        text = files.get(f"{root_of(site)}/{ROUTER_NFTABLES.files[0].path}")
        if text is not None:
            firewalls[name] = read_firewall(text, ROUTER_CHAINS)
    if not sites:
        raise RenderError("no site with an autonomous system, so no way was computed")
    return Paths(sites, routers, nodes, firewalls)
