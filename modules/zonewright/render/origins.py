"""From a value that a template sees to what is declared: paths in owners' files and in zone.yaml.

A path is written as findings write it (``clusters.core.places.003``); what stands in zone.yaml begins with ``zone:``.
``prefix:NETWORK`` asks for the address pool that has this network, wherever it is declared. ``node:NAME`` asks for the
node that has this name, and ``node:NAME:FIELD`` for a field of its cluster.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping

from zonewright.render.contexts.dhcp import DhcpLease
from zonewright.render.contexts.group_context import GroupContext
from zonewright.render.contexts.naming import HostRecord
from zonewright.render.contexts.node_context import NodeContext
from zonewright.render.contexts.node_links import BondInUse, TaggedVlan
from zonewright.render.contexts.router_ports import NODES, RouterPort
from zonewright.render.contexts.routing import Peer
from zonewright.render.contexts.site_context import SiteContext
from zonewright.render.contexts.site_names import Alias
from zonewright.render.formats.format import AnyContext, Subject, subject_of

DeclaredPaths = tuple[str, ...]
"""Paths that may be declared, the closest one first."""
_INDEX = re.compile(r"\[(\d+)\]")


def origins(context: AnyContext, path: str) -> DeclaredPaths:
    """Where a value of a context is declared.

    Args:
        context: the context.
        path: path of the value, such as ``node.addresses[1].gateway``.
    """
    subject = subject_of(context)
    _, _, below = path.partition(".")
    field, *rest = below.split(".")
    indices = [int(one) for one in _INDEX.findall(below)]
    name = _INDEX.sub("", field)
    whole = getattr(context, name)
    if isinstance(whole, tuple) and not indices:  # a condition or a loop looks at the list as a whole
        site = context.name if isinstance(context, SiteContext) else context.site
        return _TABLES[subject][name](context, [0, 0], "") if whole and _is_flat(whole) else (f"sites.{site}",)
    return _TABLES[subject][name](context, indices, rest[-1] if rest else "")


def _is_flat(items: tuple[object, ...]) -> bool:
    """Whether the first item alone tells where the list is declared."""
    return isinstance(items[0], str) or not any(isinstance(getattr(items[0], name), tuple) for name in _fields(items))


def _fields(items: tuple[object, ...]) -> list[str]:
    return [field.name for field in dataclasses.fields(items[0])] if dataclasses.is_dataclass(items[0]) else []


def _pool(site: str, pool: str, last: str) -> DeclaredPaths:
    return (f"sites.{site}.address_pools.{pool}.{'gateway' if last == 'gateway' else 'prefix'}",)


def _cluster(name: str) -> DeclaredPaths:
    return (f"node:{name}",)


_Finder = Callable[[AnyContext, list[int], str], DeclaredPaths]


def _node(find: Callable[[NodeContext, list[int], str], DeclaredPaths]) -> _Finder:
    def finder(context: AnyContext, indices: list[int], last: str) -> DeclaredPaths:
        return find(context, indices, last) if isinstance(context, NodeContext) else ()

    return finder


def _site(find: Callable[[SiteContext, list[int], str], DeclaredPaths]) -> _Finder:
    def finder(context: AnyContext, indices: list[int], last: str) -> DeclaredPaths:
        return find(context, indices, last) if isinstance(context, SiteContext) else ()

    return finder


def _group(find: Callable[[GroupContext, list[int], str], DeclaredPaths]) -> _Finder:
    def finder(context: AnyContext, indices: list[int], last: str) -> DeclaredPaths:
        return find(context, indices, last) if isinstance(context, GroupContext) else ()

    return finder


def _gateway(context: NodeContext, address: str) -> DeclaredPaths:
    pool = next(one.pool for one in context.addresses if one.gateway == address)
    return _pool(context.site, pool, "gateway")


def _link(context: NodeContext, held: tuple[BondInUse | TaggedVlan, ...], at: list[int], last: str) -> DeclaredPaths:
    """A port or bond is its type's; what is in it is of the site, and an address or a gateway of one of its pools."""
    if len(at) > 1 and last.startswith("routes") and isinstance(item := held[at[0]], BondInUse):
        return _gateway(context, item.routes[at[1]])
    if len(at) > 1 and last.startswith("addresses"):
        text = held[at[0]].addresses[at[1]]
        return _pool(context.site, next(one.pool for one in context.addresses if one.address == text), "")
    if len(at) > 1 and last in {"network", "gateway", "table"}:
        return _gateway(context, held[at[0]].own_ways[at[1]].gateway)
    if last.startswith(("mtu", "addresses", "routes", "vid")):
        return (f"sites.{context.site}.address_pools", f"sites.{context.site}")
    return (f"node:{context.name}:node_type",)


def _home(site: str, last: str) -> DeclaredPaths:
    return (*((f"sites.{site}.{last}",) if last not in {"", "name"} else ()), f"sites.{site}")


def _server(context: NodeContext, address: str) -> DeclaredPaths:
    kind = "name_servers" if address in context.name_servers else "time_servers"
    return (f"sites.{context.site}.{kind}",)


_NODE: Mapping[str, _Finder] = {
    **dict.fromkeys(("name", "rack", "position"), _node(lambda c, _i, _l: _cluster(c.name))),
    "party": _node(lambda _c, _i, _l: ("owner",)),
    **dict.fromkeys(("site", "search_domain"), _node(lambda c, _i, _l: (f"node:{c.name}:site",))),
    "addresses": _node(lambda c, i, last: _pool(c.site, c.addresses[i[0]].pool, last)),
    "routes": _node(lambda c, i, last: _pool(c.site, c.routes[i[0]].pool, last)),
    "gateways_v4": _node(lambda c, i, _l: _gateway(c, c.gateways_v4[i[0]])),
    "gateways_v6": _node(lambda c, i, _l: _gateway(c, c.gateways_v6[i[0]])),
    **dict.fromkeys(("uplinks", "ports"), _node(lambda c, i, last: _link(c, (), i, last))),
    "bonds": _node(lambda c, i, last: _link(c, c.bonds, i, last)),
    "vlans": _node(lambda c, i, last: _link(c, c.vlans, i, last)),
    "name_servers": _node(lambda c, i, _l: (f"sites.{c.site}.name_servers.{i[0]}",)),
    "time_servers": _node(lambda c, i, _l: (f"sites.{c.site}.time_servers.{i[0]}", f"sites.{c.site}.time_servers")),
    **dict.fromkeys(("fellows_v4", "fellows_v6"), _node(lambda _c, _i, _l: ("clusters",))),
    "zone_v4": _node(lambda c, i, _l: (f"prefix:{c.zone_v4[i[0]]}",)),
    "zone_v6": _node(lambda c, i, _l: (f"prefix:{c.zone_v6[i[0]]}",)),
    **dict.fromkeys(("management_v4", "management_v6"), _node(lambda c, _i, _l: (f"sites.{c.site}.management",))),
    "servers_v4": _node(lambda c, i, _l: _server(c, c.servers_v4[i[0]])),
    "servers_v6": _node(lambda c, i, _l: _server(c, c.servers_v6[i[0]])),
    **dict.fromkeys(("service_v4", "service_v6"), _node(lambda _c, _i, _l: ("zone:service_addresses",))),
    **dict.fromkeys(("service_url", "service_port"), _node(lambda _c, _i, _l: ("zone:service",))),
    **dict.fromkeys(("power_max_w", "type"), _node(lambda c, _i, _l: (f"node:{c.name}:node_type",))),
    **dict.fromkeys(("cluster", "place"), _node(lambda c, _i, _l: _cluster(c.name))),
    "neighbours": _node(lambda c, i, _l: _cluster(c.neighbours[i[0]].name)),
    "home": _node(lambda c, _i, last: _home(c.site, last)),
}


def _of_address(context: SiteContext, address: str) -> DeclaredPaths:
    """What has an address of the site's own."""
    for item in context.interfaces:
        if address in {item.v4.partition("/")[0], item.v6.partition("/")[0]}:
            return (f"links.{item.link}.prefixes", f"links.{item.link}")
    kind = "name_servers" if address in context.name_servers else "time_servers"
    if address in {*context.name_servers, *context.time_servers_v4}:
        return (f"sites.{context.name}.{kind}",)
    if any(address == text.partition("/")[0] for text in (*context.loopbacks_v4, *context.loopbacks_v6)):
        return (f"sites.{context.name}.{'second_router.' if context.is_second else ''}loopbacks",)
    if any(address == text.partition("/")[0] for one in context.ports for text in (*one.v4, *one.v6)):
        return (f"sites.{context.name}.address_pools", f"sites.{context.name}.networks")
    return (f"sites.{context.name}.address_pools", f"sites.{context.name}")


def _of_label(context: SiteContext, label: str) -> DeclaredPaths:
    address = next((one.address for one in context.names if one.name == label), "")
    return _of_address(context, address)


def _alias(context: SiteContext, alias: Alias) -> DeclaredPaths:
    kind = "time_servers" if alias.name.startswith("ntp") else "address_pools"
    return (f"sites.{context.name}.{kind}",)


def _peer(peer: Peer, indices: list[int], last: str) -> DeclaredPaths:
    if last.startswith(("v4", "v6")):
        return (f"prefix:{(peer.v4 if last.startswith('v4') else peer.v6)[indices[1]]}",)
    return (f"sites.{peer.site}.as_number", f"sites.{peer.site}")


def _client(context: SiteContext, network: str) -> DeclaredPaths:
    own = {*context.networks_v4, *context.networks_v6}
    return (f"prefix:{network}",) if network in own else (f"sites.{context.name}.management",)


def _row(context: SiteContext, indices: list[int], last: str) -> DeclaredPaths:
    row = context.label_rows[indices[0]]
    declared = f"sites.{context.name}.rooms.{row.room.partition('/')[2]}.rows.{row.row}"
    field = {"u_height": "u_height", "max_weight_kg": "max_weight_kg", "status": "status"}.get(last, "racks")
    if last in {"name", "available_w", "power_panel"}:
        return (f"{declared}.feeds.{row.feeds[indices[1]].name}", declared)
    return (f"{declared}.{field}", declared)


def _lease(context: SiteContext, lease: DhcpLease, last: str) -> DeclaredPaths:
    field = "prefix" if last in {"prefix", "number", "pool"} else "gateway" if last == "gateway" else "dynamic"
    return (f"sites.{context.name}.address_pools.{lease.pool}.{field}",)


def _reverse(context: SiteContext, indices: list[int], _last: str) -> DeclaredPaths:
    zone = context.reverse_zones[indices[0]]
    target = zone.pointers[indices[1] if len(indices) > 1 else 0].target
    return _of_label(context, target.partition(".")[0])


def _of_link(context: SiteContext, link: str, last: str) -> DeclaredPaths:
    if last == "as_number":
        peer = next((one.peer for one in context.interfaces if one.link == link), "")
        return (f"sites.{peer}.as_number",)
    field = {"v4": "prefixes", "v6": "prefixes", "neighbor": "prefixes", "risks": "ducts", "status": "status"}.get(last)
    return (*((f"links.{link}.{field}",) if field else ()), f"links.{link}")


def _port(context: SiteContext, port: RouterPort, last: str) -> DeclaredPaths:
    if last.startswith(("vid", "vni", "vlan", "reaches", "is_apart")) or (last == "vrf" and port.role == NODES):
        return (f"sites.{context.name}.vlans", f"sites.{context.name}")
    role = port.role
    return (f"sites.{context.name}.{'address_pools' if role == NODES else 'networks'}", f"sites.{context.name}")


def _forward(zone: str) -> DeclaredPaths:
    site = zone.removesuffix(".internal")
    return (f"sites.{site}.name_servers", f"sites.{site}") if site != zone else ("sites",)


def _plain(field: str) -> _Finder:
    return _site(lambda c, _i, _l: (f"sites.{c.name}.{field}", f"sites.{c.name}"))


_SITE: Mapping[str, _Finder] = {
    **dict.fromkeys(("name", "domain", "content", "serial"), _site(lambda c, _i, _l: (f"sites.{c.name}",))),
    **{name: _plain(name) for name in ("title", "kind", "time_zone")},
    "alertmanagers": _plain("alertmanagers"),
    "district": _plain("district"),
    "as_number": _plain("as_number"),
    **dict.fromkeys(("router", "is_second", "interconnect"), _plain("second_router")),
    "tracked": _plain("address_pools"),
    "router_id": _plain("address_pools"),
    "networks_v4": _site(lambda c, i, _l: (f"prefix:{c.networks_v4[i[0]]}",)),
    "networks_v6": _site(lambda c, i, _l: (f"prefix:{c.networks_v6[i[0]]}",)),
    "originated_v4": _site(lambda c, i, _l: (f"prefix:{c.originated_v4[i[0]]}",)),
    "originated_v6": _site(lambda c, i, _l: (f"prefix:{c.originated_v6[i[0]]}",)),
    "kept_v4": _site(lambda c, i, _l: (f"prefix:{c.kept_v4[i[0]]}",)),
    "kept_v6": _site(lambda c, i, _l: (f"prefix:{c.kept_v6[i[0]]}",)),
    "peers": _site(lambda c, i, last: _peer(c.peers[i[0]], i, last)),
    "members": _site(lambda c, i, last: _peer(c.members[i[0]], i, last)),
    **dict.fromkeys(("loopbacks_v4", "loopbacks_v6"), _plain("loopbacks")),
    "ports": _site(lambda c, i, last: _port(c, c.ports[i[0]], last)),
    "vlans": _site(lambda c, i, last: _port(c, c.vlans[i[0]], last)),
    "apart": _site(lambda c, i, last: _port(c, c.apart[i[0]], last)),
    "trunks": _plain("address_pools"),
    **dict.fromkeys(("vrfs", "stretched"), _plain("vlans")),
    "management_vrf": _plain("networks"),
    **dict.fromkeys(("defaults_v4", "defaults_v6"), _plain("default_gateways")),
    **dict.fromkeys(("management_v4", "management_v6"), _plain("management")),
    **dict.fromkeys(("service_v4", "service_v6"), _site(lambda _c, _i, _l: ("zone:service_addresses",))),
    "service_port": _site(lambda _c, _i, _l: ("zone:service",)),
    "forwards": _site(lambda c, i, _l: _forward(c.forwards[i[0]].zone)),
    "forwards_back": _site(lambda c, i, _l: _forward(c.forwards_back[i[0]].zone)),
    **dict.fromkeys(
        ("fellow_servers", "unsigned_domains", "unsigned_zones", "trust_anchors", "empty_zones"),
        _site(lambda _c, _i, _l: ("sites",)),
    ),
    **dict.fromkeys(("signed_zones", "zone_keys"), _plain("dnssec")),
    "zone_v4": _site(lambda c, i, _l: (f"prefix:{c.zone_v4[i[0]]}",)),
    "zone_v6": _site(lambda c, i, _l: (f"prefix:{c.zone_v6[i[0]]}",)),
    "interfaces": _site(lambda c, i, last: _of_link(c, c.interfaces[i[0]].link, last)),
    "sessions": _site(lambda c, i, last: _of_link(c, c.sessions[i[0]].link, last)),
    "sessions_v4": _site(lambda c, i, last: _of_link(c, c.sessions_v4[i[0]].link, last)),
    "sessions_v6": _site(lambda c, i, last: _of_link(c, c.sessions_v6[i[0]].link, last)),
    "drained": _site(lambda c, i, _l: (f"links.{c.drained[i[0]]}.drained", f"links.{c.drained[i[0]]}")),
    "max_prefixes": _plain("address_pools"),
    **dict.fromkeys(("service_scheme", "service_target"), _site(lambda _c, _i, _l: ("zone:service",))),
    "service_zones": _site(lambda _c, _i, _l: ("zone:service_addresses",)),
    **dict.fromkeys(
        ("ratio_numerator", "ratio_denominator", "figure_age_s"), _site(lambda _c, _i, _l: ("zone:rule_packs",))
    ),
    "meters": _site(lambda c, i, _l: (f"sites.{c.name}.meters.{c.meters[i[0]].name}",)),
    **dict.fromkeys(("feeds", "feed_names", "failovers"), _plain("rooms")),
    "label_rows": _site(_row),
    "outlet_rows": _plain("rooms"),
    "name_servers": _site(lambda c, i, _l: (f"sites.{c.name}.name_servers.{i[0]}",)),
    "time_servers": _site(lambda c, i, _l: (f"sites.{c.name}.time_servers.{i[0]}",)),
    **dict.fromkeys(("name_servers_v4", "name_servers_v6"), _plain("name_servers")),
    **dict.fromkeys(("time_servers_v4", "time_servers_v6"), _plain("time_servers")),
    "names": _site(lambda c, i, _l: _of_address(c, c.names[i[0]].address)),
    "end_names": _plain("name_servers"),
    "aliases": _site(lambda c, i, _l: _alias(c, c.aliases[i[0]])),
    "reverse_zones": _site(_reverse),
    "clients": _site(lambda c, i, _l: _client(c, c.clients[i[0]])),
    "leases": _site(lambda c, i, last: _lease(c, c.leases[i[0]], last)),
    "leases_v6": _site(lambda c, i, last: _lease(c, c.leases_v6[i[0]], last)),
    **dict.fromkeys(("server", "dhcp"), _plain("second_dhcp_server")),
    **dict.fromkeys(("uefi_leases", "uefi_leases_v6"), _plain("address_pools")),
    **dict.fromkeys(("eos_switches", "sonic_switches"), _plain("switches")),
    **dict.fromkeys(("leased_at", "leased_at_v6"), _plain("address_pools")),
}


def _of_pointer(context: GroupContext, indices: list[int], _last: str) -> DeclaredPaths:
    zone = context.reverse_zones[indices[0]]
    name, *domain = zone.pointers[indices[1] if len(indices) > 1 else 0].target.removesuffix(".internal.").split(".")
    return _cluster(name) if len(domain) > 1 else (f"sites.{domain[0]}.address_pools", f"sites.{domain[0]}")


def _node_of(record: HostRecord) -> str:
    """The node of a name, which may be that of an address for storage."""
    return record.name.partition(".")[0]


_GROUP: Mapping[str, _Finder] = {
    "name": _group(lambda _c, _i, _l: ("owner",)),
    **dict.fromkeys(("site", "domain", "content", "serial", "clients"), _group(lambda _c, _i, _l: ("clusters",))),
    **dict.fromkeys(("primary", "name_servers"), _group(lambda c, _i, _l: (f"sites.{c.site}.name_servers",))),
    "elsewhere": _group(
        lambda c, i, _l: _cluster(_node_of(c.elsewhere[i[0]].records[i[1]])) if len(i) > 1 else ("clusters",)
    ),
    "forwards": _group(lambda c, i, _l: _forward(c.forwards[i[0]].zone)),
    "records": _group(lambda c, i, _l: _cluster(_node_of(c.records[i[0]]))),
    "nodes": _group(lambda c, i, _l: _cluster(c.nodes[i[0]].name)),
    "home": _group(lambda c, _i, last: _home(c.site, last)),
    "reverse_zones": _group(_of_pointer),
    "bmcs": _group(lambda c, i, _l: (f"node:{c.bmcs[i[0]].key}:node_type",)),
    **dict.fromkeys(
        ("eos_switches", "sonic_switches"), _group(lambda c, _i, _l: (f"sites.{c.site}.switches", f"sites.{c.site}"))
    ),
}
_TABLES: Mapping[Subject, Mapping[str, _Finder]] = {"node": _NODE, "site": _SITE, "group": _GROUP}
