"""What a zone of which all sites are at hand must do as a network, asked of what is computed: ways, names, separation.

Of each party's nodes at a site one is asked; the others have the same rules. Where a site's declaration does not say
what its router needs, that is told and nothing is asked.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_network
from itertools import product

from zonewright.render.contexts.node_context import NodeContext
from zonewright.render.contexts.site_context import SiteContext
from zonewright.render.errors import RenderError
from zonewright.render.formats.format import AnyContext, sites_in
from zonewright.render.network.answers import NameServers, name_servers_of
from zonewright.render.network.firewall import Protocol
from zonewright.render.network.leasing import lease_faults
from zonewright.render.network.paths import Paths, paths_of
from zonewright.rules.finding import Finding, Level

RULE = "whole-network"
_SSH, _DNS, _NTP = 22, 53, 123
_OWN_FIX = (
    "give the tenant a VLAN at each site where it has nodes, or name the other network in 'also_reaches' of the VLAN; "
    "else compare links, networks and interfaces of the sites on the way"
)
_APART_FIX = "take networks of other tenants out of 'also_reaches' of the VLANs, or restore the router's template"


def finding(subject: str, message: str, fix: str, *, level: Level = "mandatory") -> Finding:
    """A finding of this check."""
    return Finding(rule=RULE, level=level, subject=subject, where="", message=message, fix=fix)


def whole_findings(contexts: Iterable[AnyContext], files: Mapping[str, str]) -> Iterator[Finding]:
    """What routers lack, and what does not get where it must or gets where it must not.

    Args:
        contexts: what the templates see of a stack, or of all stacks.
        files: what was rendered from it.
    """
    all_of = list(contexts)
    sites = {name: one for name, one in sites_in(all_of).items() if one.as_number}
    lacking = [one for site in sites.values() for one in incomplete(site)]
    yield from lacking
    everybody = {peer.site for site in sites.values() for peer in site.members}
    if lacking or not sites or everybody - set(sites):
        return  # the other sites are other stacks', which are not at hand
    try:
        paths = paths_of(all_of, files)
    except RenderError as error:
        yield finding("the zone's network", str(error), "check it by hand, or restore the template")
        return
    nodes = list(_some(one for one in all_of if isinstance(one, NodeContext)))
    failed = list(_ways(paths, nodes))
    yield from failed or _with_a_router_lost(paths, nodes)
    yield from _strangers(paths, nodes)
    yield from _administrators(paths, nodes)
    yield from _names(name_servers_of(all_of), nodes)
    yield from (finding(*one) for one in lease_faults(paths))


def incomplete(site: SiteContext) -> Iterator[Finding]:
    """What the file of a router lacks because it is not declared; a zone without it renders all the same."""
    subject = f"router of {site.name}"
    inside = {text for port in site.ports for text in (*port.inside_v4, *port.inside_v6)}
    alone = {*site.networks_v4, *site.networks_v6} - {*site.originated_v4, *site.originated_v6}  # the other router's
    own = {*site.networks_v4, *site.networks_v6} - {*site.loopbacks_v4, *site.loopbacks_v6} - alone
    for text in sorted(own - inside):
        yield finding(
            subject,
            f"it has no interface in {text}, so what is in that network has no gateway",
            f"name the interface: 'interface' of the pool with the prefix {text} in site {site.name}",
            level="advisory",
        )
    zone = [ip_network(text) for text in (*site.zone_v4, *site.zone_v6)]
    ways_out = {4} if site.defaults_v4 else set()
    ways_out |= {6} if site.defaults_v6 else set()
    ways_out |= {
        ip_network(text).version for peer in site.peers for text in (*peer.v4, *peer.v6) if text.endswith("/0")
    }
    for text in (*site.service_v4, *site.service_v6):
        if ip_address(text).version not in ways_out and not any(ip_address(text) in network for network in zone):
            yield finding(
                subject,
                f"no site announces a network with {text}, an address of the zone's service, so it has no route there",
                "declare that network under 'networks' of the site where the service is",
                level="advisory",
            )
    for text in (*site.management_v4, *site.management_v6):
        network = ip_network(text)
        if network.version not in ways_out and not any(
            network.version == one.version and network.overlaps(one) for one in zone
        ):
            yield finding(
                subject,
                f"no site announces {text}, the network of administrators, so it has no route there",
                "declare that network under 'networks' of the site where it is, with the role management",
                level="advisory",
            )


def _some(nodes: Iterable[NodeContext]) -> Iterator[NodeContext]:
    """One node of each party at each site."""
    seen: set[tuple[str, str]] = set()
    for one in nodes:
        if one.addresses and (one.party, one.site) not in seen:
            seen.add((one.party, one.site))
            yield one


def _ways(paths: Paths, nodes: list[NodeContext]) -> Iterator[Finding]:
    fix = "compare links, networks and interfaces of the sites on the way"
    for node in nodes:
        subject = f"node {node.name} at {node.site}"
        for own in _addresses(node):
            wanted: list[tuple[str, str, Protocol, int]]
            wanted = [("its gateway", one, "icmp", 0) for one in (*node.gateways_v4, *node.gateways_v6)]
            inside = [ip_network(text) for text in (*node.zone_v4, *node.zone_v6)]
            for what, servers, port in (
                ("its name server", node.name_servers, _DNS),
                ("its time server", node.time_servers, _NTP),
            ):
                wanted += [
                    (what, one, "udp", port) for one in servers if any(ip_address(one) in network for network in inside)
                ]
            wanted += [
                ("the zone's service", one, "tcp", node.service_port) for one in (*node.service_v4, *node.service_v6)
            ]
            wanted += [
                (f"{other.name} at {other.site}", one, "tcp", _SSH)
                for other in nodes
                if other.party == node.party and other is not node
                for one in _addresses(other)
            ]
            for what, there, protocol, port in wanted:
                if _same_version(own, there) and not paths.reaches(own, there, protocol, port):
                    is_apart = paths.is_apart(own) or paths.is_apart(there)
                    yield finding(subject, f"{own} does not reach {what}, {there}", _OWN_FIX if is_apart else fix)


def _with_a_router_lost(paths: Paths, nodes: list[NodeContext]) -> Iterator[Finding]:
    """With one of two routers lost, the other one does all that both do."""
    for router, own in paths.routers.items():
        if own.interconnect:
            failed = list(_ways(paths.without_routers([router]), nodes))
            if failed:
                more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
                message = f"if it is lost, {failed[0].subject} is cut off: {failed[0].message}{more}"
                fix = f"let a link of another way end at the other router: 'links' of second_router of site {own.name}"
                yield finding(f"router {own.router} of {own.name}", message, fix, level="advisory")


def _strangers(paths: Paths, nodes: list[NodeContext]) -> Iterator[Finding]:
    """Tenants do not reach each other; where one has a VLAN not even if their hosts have no rules of their own."""
    apart = {own for node in nodes for own in _addresses(node) if paths.is_apart(own)}
    unlocked = paths.without_hosts_rules()
    pairs = ((node, other) for node in nodes for other in nodes if other.party != node.party)
    for node, other in pairs:
        for own, there in product(_addresses(node), _addresses(other)):
            subject = f"node {node.name} at {node.site}"
            if paths.reaches(own, there, "tcp", _SSH):
                message = f"{own} reaches {other.name} of another party, {there} tcp port {_SSH}"
                yield finding(subject, message, "report this as a fault")
            elif {own, there} & apart and unlocked.reaches(own, there, "tcp", _SSH):
                message = f"only hosts' own rules keep {own} from {other.name} of another party, {there}"
                yield finding(subject, message, _APART_FIX)


def _administrators(paths: Paths, nodes: list[NodeContext]) -> Iterator[Finding]:
    """Nodes do not reach administrators."""
    ports = [port for site in paths.sites.values() for port in site.ports if port.role == "management"]
    networks = [ip_network(text) for port in ports for text in (*port.inside_v4, *port.inside_v6)]
    for node in nodes:
        for own, network in product(_addresses(node), networks):
            there = str(network[-2] if network.num_addresses > 1 else network[0])
            if paths.reaches(own, there, "tcp", _SSH):
                message = f"{own} reaches administrators, {there} tcp port {_SSH}"
                yield finding(f"node {node.name} at {node.site}", message, "report this as a fault")


def _names(servers: NameServers, nodes: list[NodeContext]) -> Iterator[Finding]:
    """Each node finds its fellows, and every site's own names, forward and back, at its own site's name servers."""
    for site, zone in servers.distrusted():
        message = f"they believe answers for {zone} by a key that it is not signed by, so they give none"
        yield finding(f"name servers of {site}", message, "render all sites together, and deploy this one after it")
    fix = "render the nodes of its stack and all sites together"
    for node in nodes:
        known = dict(wanted_names(servers, node.party))
        for own in _addresses(node) if node.name_servers else ():
            for name, address in known.items():
                pairs = ((name, address), (f"{ip_address(address).reverse_pointer}.", name))
                for asked, told in pairs:
                    if told not in servers.answer(node.site, own, asked):
                        yield finding(f"node {node.name} at {node.site}", f"{own} is not told {told} for {asked}", fix)


def wanted_names(servers: NameServers, party: str) -> Iterator[tuple[str, str]]:
    """Names that a party's nodes must find, each with its address: of its own nodes, and of what sites have."""
    for groups in servers.groups.values():
        for group in groups:
            if group.name == party:
                yield from ((f"{one.name}.{group.domain}.", one.address) for one in group.records)
    for site in servers.sites.values():
        of_all = (one for one in site.names if one.name not in site.end_names)  # the others lead back at two sites only
        if site.name_servers:
            yield from ((f"{one.name}.{site.domain}.", one.address) for one in of_all)


def _addresses(node: NodeContext) -> list[str]:
    return [one.address.partition("/")[0] for one in node.addresses]


def _same_version(one: str, other: str) -> bool:
    return (":" in one) == (":" in other)
