"""Checks over a whole network, on what templates see and on the firewalls that they make: computed, not assumed.

No native program sees more than one host's files. These look at all of them together.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_interface, ip_network
from urllib.parse import urlsplit

from zonewright.model.site_network import is_part
from zonewright.render.contexts.dhcp import DhcpLease
from zonewright.render.contexts.group_context import GroupContext
from zonewright.render.contexts.naming import ReverseZone
from zonewright.render.contexts.node_context import NodeContext
from zonewright.render.contexts.routing import BgpSession
from zonewright.render.contexts.site_context import SiteContext
from zonewright.render.errors import RenderError
from zonewright.render.formats.format import AnyContext, root_of, sites_in
from zonewright.render.formats.nftables import NFTABLES
from zonewright.render.network.firewall import Firewall, Packet, read_firewall
from zonewright.render.network.whole import finding as _finding
from zonewright.render.network.whole import whole_findings
from zonewright.rules.finding import Finding

_DNS, _NTP = 53, 123
_SITE_DOTS = 3
"""Of a site's own name, such as ``ns1.wj-dc1.internal.``; a node's has its party between."""


def network_findings(contexts: Iterable[AnyContext], files: Mapping[str, str]) -> tuple[Finding, ...]:
    """What does not fit together.

    Args:
        contexts: what the templates see of a stack, or of all stacks.
        files: what was rendered from it.
    """
    all_of = list(contexts)
    sites = sites_in(all_of)
    nodes = [one for one in all_of if isinstance(one, NodeContext)]
    groups = [one for one in all_of if isinstance(one, GroupContext)]
    routers = [one for one in all_of if isinstance(one, SiteContext)]
    found = [*_sessions(routers), *_addresses(sites, nodes), *_names(sites, groups, nodes), *_firewalls(nodes, files)]
    if not found:
        found = list(whole_findings(all_of, files))
    found += [one for site in sites.values() for one in (*_unannounced(site), *_stretched(site), *_vrfs(site))]
    return tuple(sorted(found, key=lambda finding: (finding.subject, finding.message)))


def _sessions(routers: list[SiteContext]) -> Iterator[Finding]:
    """Each session has another end: the same link, each other's numbers, kind and state, addresses in one network."""
    ends: dict[tuple[str, str, str], tuple[SiteContext, BgpSession]] = {
        (router.name, one.link, one.kind): (router, one) for router in routers for one in router.sessions
    }
    at_hand = {router.name for router in routers}
    for (site, link, kind), (own, one) in ends.items():
        if one.peer not in at_hand:
            continue  # the other site is another stack's, which is not at hand
        peer, other = ends.get((one.peer, link, kind), (own, None))
        subject = f"session {link} {kind} of {site}"
        fix = f"compare the declarations of {site}, {one.peer} and link {link}"
        if other is None:
            yield _finding(subject, f"{one.peer} has no session over {link} for {kind}", fix)
            continue
        for what, expected, got in _differences(own, peer, one, other):
            yield _finding(subject, f"{what}: {site} has {got}, but {one.peer} expects {expected}", fix)


def _differences(
    own: SiteContext, peer: SiteContext, one: BgpSession, other: BgpSession
) -> Iterator[tuple[str, str, str]]:
    if other.peer != own.name:
        yield "the other end's site", own.name, other.peer
    if one.as_number != peer.as_number:
        yield "the peer's number", str(peer.as_number), str(one.as_number)
    if one.status != other.status:
        yield "the state", other.status, one.status
    if one.kind == "interface":
        return
    own_text = next((getattr(item, one.kind) for item in own.interfaces if item.link == one.link), "")
    peer_text = next((getattr(item, one.kind) for item in peer.interfaces if item.link == one.link), "")
    if one.neighbor != peer_text.partition("/")[0]:
        yield "the neighbour's address", peer_text or "none", one.neighbor
    if own_text and peer_text and ip_interface(own_text).network != ip_interface(peer_text).network:
        yield "the link's network", peer_text, own_text


def _addresses(sites: Mapping[str, SiteContext], nodes: Iterable[NodeContext]) -> Iterator[Finding]:
    """No address stands at two things, and none that DHCP leases at any."""
    holders: dict[str, list[str]] = defaultdict(list)
    for site, context in sites.items():
        for record in context.names:
            holders[record.address].append(f"{record.name} of {site}")
    for node in nodes:
        for one in node.addresses:
            holders[one.address.partition("/")[0]].append(f"node {node.name} of {node.party} at {node.site}")
    for address, names in sorted(holders.items()):
        if len(set(names)) > 1:
            yield _finding(
                address,
                f"{' and '.join(sorted(set(names)))} have the same address {address}",
                "give one of them another address",
            )
    for site, context in sites.items():
        for lease in (*context.leases, *context.leases_v6):
            yield from _leased(site, lease, holders)


def _unannounced(site: SiteContext) -> Iterator[Finding]:
    """IPv6 addresses that are leased where no router of ours says that it is there; DHCPv6 tells no default route."""
    announced = {text for port in site.ports if site.as_number for text in port.inside_v6}
    for lease in site.leases_v6:
        if lease.prefix not in announced:
            lacking = "as_number of the site" if not site.as_number else f"interface of pool {lease.pool}"
            message = f"machines in {lease.prefix} are leased addresses, and no rendered router announces itself there"
            fix = f"declare {lacking}, or let a router of your own announce itself there with the managed flag"
            yield _finding(f"pool {lease.pool} at {site.name}", message, fix, level="advisory")


def _stretched(site: SiteContext) -> Iterator[Finding]:
    """Networks of layer 2 that end here, and others' networks that nodes of one would ask for by frames."""
    zone = [ip_network(text) for text in (*site.zone_v4, *site.zone_v6)]
    for port in site.stretched.ports:
        subject = f"VLAN {port.vid} at {site.name}"
        if all(port.vni not in peer.vnis for peer in site.stretched.peers):
            message = f"no other site names this one and says the same of vni {port.vni}, so its frames stay here"
            fix = "compare 'sites', 'vni', 'tenant' and 'prefixes' of the VLAN with what the other site declares"
            yield _finding(subject, message, fix, level="advisory")
        reached = [ip_network(text) for text in (*port.reaches_v4, *port.reaches_v6)]
        for whole in (ip_interface(text).network for text in (*port.v4, *port.v6)):
            for one in zone:
                if is_part(one, whole) and not any(is_part(one, other) for other in reached):
                    message = f"{one} is another's, and nodes would take it for a part of {whole}, their own network"
                    yield _finding(subject, message, "name smaller 'prefixes' at all sites of the network")


def _vrfs(site: SiteContext) -> Iterator[Finding]:
    """A VRF and a link whose devices would have one name; of links the site's declaration says nothing."""
    links = {item.name: item.link for item in site.interfaces}
    for vrf in site.vrfs:
        if vrf.name in links:
            message = f"VRF {vrf.name} has the name of the interface of link {links[vrf.name]}"
            yield _finding(f"router of {site.name}", message, "give the VRF another name")


def _leased(site: str, lease: DhcpLease, holders: Mapping[str, list[str]]) -> Iterator[Finding]:
    first, last = ip_address(lease.first), ip_address(lease.last)
    for text, names in holders.items():
        address = ip_address(text)
        if address.version == first.version and int(first) <= int(address) <= int(last):
            message = f"{text} of {names[0]} is an address that DHCP leases at {site}"
            yield _finding(text, message, "make 'dynamic' of the pool smaller")


def _names(
    sites: Mapping[str, SiteContext], groups: Iterable[GroupContext], nodes: Iterable[NodeContext]
) -> Iterator[Finding]:
    """Each name leads to an address and back to itself, and each node that asks name servers has a name."""
    for site, context in sites.items():
        forward = {(f"{one.name}.{context.domain}.", one.address) for one in context.names}
        ends = [text for item in context.interfaces for text in (item.v4, item.v6) if text]
        own = [*context.networks_v4, *context.networks_v6, *ends]
        yield from _both_ways(f"names of {site}", forward, context.reverse_zones, inside=own)
    named: set[tuple[str, str, str]] = set()
    for group in groups:
        forward = {(f"{one.name}.{group.domain}.", one.address) for one in group.records}
        forward |= {(f"{one.name}.{held.domain}.", one.address) for held in group.elsewhere for one in held.records}
        # Zones of the ways back are the site's too: what it has itself is known where the site is at hand.
        of_sites = {
            (pointer.target, _address(pointer.label, zone.zone))
            for zone in group.reverse_zones
            for pointer in zone.pointers
            if pointer.target.count(".") == _SITE_DOTS
        }
        forward |= {one for one in of_sites if _is_named(sites, *one)}
        named |= {(group.site, group.name, one.name) for one in group.records}
        yield from _both_ways(f"names of {group.name} at {group.site}", forward, group.reverse_zones, inside=None)
    for node in nodes:
        if node.name_servers and node.addresses and (node.site, node.party, node.name) not in named:
            message = f"node {node.name} of {node.party} at {node.site} has no name in the DNS"
            yield _finding(node.name, message, "render the nodes of its stack together")


def _is_named(sites: Mapping[str, SiteContext], name: str, address: str) -> bool:
    """Whether a site has a name of its own for an address; one that is not at hand is believed."""
    label, site, _ = name.split(".", 2)
    return site not in sites or any((one.name, one.address) == (label, address) for one in sites[site].names)


def _both_ways(
    subject: str, forward: set[tuple[str, str]], zones: Iterable[ReverseZone], *, inside: list[str] | None
) -> Iterator[Finding]:
    back = {(one.target, _address(one.label, zone.zone)) for zone in zones for one in zone.pointers}
    known = {address for _, address in back}
    for name, address in sorted(forward - back):
        outside = inside is not None and address not in known and not _lies_in(address, inside)
        if not outside:  # a server of another network has its way back there
            yield _finding(
                subject, f"{name} leads to {address}, but no name leads back from there", "report this as a fault"
            )
    for name, address in sorted(back - forward):
        yield _finding(
            subject,
            f"{address} leads to {name}, but that name does not lead to the address",
            "report this as a fault",
        )


def _address(label: str, zone: str) -> str:
    """The address whose way back a name is."""
    name = zone if label == "@" else f"{label}.{zone}"
    if name.endswith(".in-addr.arpa"):
        return ".".join(reversed(name.removesuffix(".in-addr.arpa").split(".")))
    digits = "".join(reversed(name.removesuffix(".ip6.arpa").split(".")))
    return str(ip_address(":".join(digits[at : at + 4] for at in range(0, len(digits), 4))))


def _lies_in(address: str, networks: Iterable[str]) -> bool:
    one = ip_address(address)
    return any(one in ip_interface(text).network for text in networks)


def _firewalls(nodes: Iterable[NodeContext], files: Mapping[str, str]) -> Iterator[Finding]:
    """Each node reaches its name servers, its time servers, the service and its fellows, and they reach it."""
    read: dict[str, Firewall] = {}
    for node in nodes:
        path = f"{root_of(node)}/{NFTABLES.files[0].path}"
        if path not in files:
            continue
        rules = files[path].partition("\n")[2].partition("\n")[2]  # without the lines that name the node
        try:
            if rules not in read:
                read[rules] = read_firewall(rules)
            yield from _flows(node, read[rules])
        except RenderError as error:
            yield _finding(f"firewall of {node.name}", str(error), "check it by hand, or restore the template")


def _flows(node: NodeContext, firewall: Firewall) -> Iterator[Finding]:
    host = urlsplit(node.service_url).hostname or ""
    targets = [("a name server", one, "udp", _DNS) for one in node.name_servers]
    targets += [("a time server", one, "udp", _NTP) for one in node.time_servers]
    services = [*node.service_v4, *node.service_v6] or ([host] if _is_address(host) else [])
    targets += [("the zone's service", one, "tcp", node.service_port) for one in services]
    for held in node.addresses:
        own = ip_address(held.address.partition("/")[0])
        for what, text, protocol, port in targets:
            target = ip_address(text)
            if target.version != own.version or target.is_loopback:
                continue
            packet = Packet(source=own, target=target, protocol="udp" if protocol == "udp" else "tcp", port=port)
            if not firewall.lets("output", packet):
                message = f"node {node.name} at {node.site} cannot reach {what}, {text} {protocol} port {port}"
                yield _finding(f"firewall of {node.name}", message, "declare its addresses in zone.yaml or the site")
        fellow = Packet(source=own, target=own, protocol="tcp", port=1)
        if not (firewall.lets("input", fellow) and firewall.lets("output", fellow)):
            message = f"node {node.name} at {node.site} does not belong to its own stack"
            yield _finding(f"firewall of {node.name}", message, "report this as a fault")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
