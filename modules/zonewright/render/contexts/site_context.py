"""What templates see of a site: its router, its meters and its feeds, as plain frozen data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from zonewright.model import Row, Site
from zonewright.model.ip import Address
from zonewright.model.surroundings import Surroundings
from zonewright.render.contexts.dhcp import DhcpLease, DhcpServers, dhcp_servers, leased_at, leases_of
from zonewright.render.contexts.labels import LabelRow, OutletRow, label_rows, outlet_rows
from zonewright.render.contexts.naming import HostRecord, ReverseZone, content_of
from zonewright.render.contexts.node_view import PORTS, times_of
from zonewright.render.contexts.router_ports import (
    RouterPort,
    RouterTrunk,
    RouterVrf,
    Stretched,
    ports_of,
    stretched_of,
    trunks_of,
    vrfs_of,
)
from zonewright.render.contexts.routing import (
    BgpSession,
    Interface,
    Peer,
    ends_of,
    members_of,
    of_version,
    prefix_order,
    router_id,
    second_router_id,
    sessions_over,
)
from zonewright.render.contexts.signing import (
    SignedZone,
    TrustAnchor,
    ZoneKey,
    signed_zones,
    trust_anchors,
    unsigned_domains,
    zone_keys,
)
from zonewright.render.contexts.site_limits import (
    AlertTarget,
    FeedLimit,
    MeterPoint,
    alert_targets,
    failover_limits,
    feed_limits,
    meter_points,
    ratio_limit_of,
)
from zonewright.render.contexts.site_names import (
    Alias,
    Forward,
    ServiceZone,
    empty_zones,
    forwards,
    site_names,
    ways_back,
)
from zonewright.render.contexts.switch_sides import SwitchSide, sides_of_site
from zonewright.rules.surroundings import routing_of

_DAY_S = 86_400
_MIN_PREFIXES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteContext:
    """One site as its templates see it.

    Attributes:
        name: id of the site.
        district: id of its district.
        as_number: number of its autonomous system, 0 without one.
        router: name of the router's host: the site's id, or the name of its second router.
        is_second: whether it is that one.
        server: name of the host of second servers that files are for, empty for the site's own.
        interconnect: the router's interface to the other one of the site, or empty.
        tracked: the interfaces without which it is no gateway, where there are two routers.
        router_id: identifier of its router, as an IPv4 address.
        networks_v4: what it announces.
        networks_v6: the same for IPv6.
        originated_v4: what of it this router announces: all but what the other one alone has.
        originated_v6: the same for IPv6.
        kept_v4: what it announces whether or not its own ports are up; with two routers the gateway alone has the rest.
        kept_v6: the same for IPv6.
        peers: the other sites that announce something.
        members: all sites that do, itself among them.
        zone_v4: every IPv4 prefix of the zone.
        zone_v6: every IPv6 prefix of the zone.
        loopbacks_v4: addresses of the router itself, as networks of one address.
        loopbacks_v6: the same for IPv6.
        ports: the router's interfaces in networks of the site.
        vlans: those of them that are in a VLAN.
        trunks: the interfaces that these VLANs are on, those in VRFs, and those for packets of another size.
        vrfs: the VRFs of the router.
        stretched: its part in networks of layer 2 that other sites have too.
        management_vrf: the one that networks of administrators are in, or empty.
        apart: the interfaces that are a tenant's, which is kept apart from others.
        defaults_v4: next hops out of the zone.
        defaults_v6: the same for IPv6.
        management_v4: networks of administrators.
        management_v6: the same for IPv6.
        service_v4: addresses of the zone's service.
        service_v6: the same for IPv6.
        service_port: its port.
        interfaces: its ends of links.
        sessions: its BGP sessions.
        sessions_v4: those of them that carry IPv4.
        sessions_v6: those of them that carry IPv6.
        drained: ids of its links that traffic keeps off while another way is left.
        max_prefixes: how many prefixes a neighbour may send.
        service_scheme: http or https.
        service_target: host and port of the zone's service.
        ratio_numerator: limit of the energy ratio times ``ratio_denominator``, 0 where none holds for the site.
        ratio_denominator: 1 or more.
        figure_age_s: how old a reading may be, in seconds.
        meters: the meters of its boundary.
        feeds: limits of its feeds at racks.
        feed_names: the feeds that its racks have: A, B or both.
        failovers: what its racks may draw in all with one feed lost; ``feed`` names the feed that carries least.
        alertmanagers: who is told of its alerts.
        title: name for people.
        kind: data-centre or edge.
        time_zone: name in the IANA time zone database.
        domain: domain of the site's own names.
        content: a number that comes from its names.
        serial: serial number of the zone of its names.
        name_servers: addresses of its name servers.
        time_servers: addresses of its time servers.
        end_names: those of its names that are of ends of links.
        names: its own names: name servers, time servers, gateways, ends of links.
        aliases: other names for them.
        service_zones: the name of the zone's service with its addresses, where it has a name and they are known.
        reverse_zones: the ways back from the addresses of its own names.
        clients: networks whose hosts may ask the name servers for anything.
        forwards: the names that other sites answer for.
        forwards_back: the ways back that they answer for.
        fellow_servers: name servers of the other sites, which may ask for what this site answers for.
        unsigned_domains: names below .internal that nobody signs.
        unsigned_zones: ways back that nobody signs.
        signed_zones: zones that its name servers sign.
        zone_keys: their keys.
        trust_anchors: keys by which answers of other sites are checked.
        empty_zones: zones of private use that must not be taken for empty.
        dhcp: the servers of its DHCP.
        leases: networks in which DHCP leases IPv4 addresses.
        uefi_leases: of these, the ones where machines with UEFI start from the network.
        leased_at: interfaces on which it answers; none says all.
        leases_v6: the same for IPv6.
        uefi_leases_v6: of these, the ones where machines with UEFI start from the network.
        leased_at_v6: interfaces on which it answers.
        name_servers_v4: name servers that DHCP can tell.
        name_servers_v6: those that DHCPv6 can tell.
        time_servers_v4: time servers that it can tell.
        time_servers_v6: those that DHCPv6 can tell.
        label_rows: its rows with the labels of their racks.
        outlet_rows: its rows with the labels of their outlets, where these are declared.
        eos_switches: its switches that are configured as EOS is, without the interfaces to nodes.
        sonic_switches: those that are configured as SONiC is.
    """

    name: str
    district: str
    as_number: int
    router: str
    is_second: bool
    server: str
    interconnect: str
    tracked: tuple[str, ...]
    router_id: str
    networks_v4: tuple[str, ...]
    networks_v6: tuple[str, ...]
    originated_v4: tuple[str, ...]
    originated_v6: tuple[str, ...]
    kept_v4: tuple[str, ...]
    kept_v6: tuple[str, ...]
    peers: tuple[Peer, ...]
    members: tuple[Peer, ...]
    zone_v4: tuple[str, ...]
    zone_v6: tuple[str, ...]
    loopbacks_v4: tuple[str, ...]
    loopbacks_v6: tuple[str, ...]
    ports: tuple[RouterPort, ...]
    vlans: tuple[RouterPort, ...]
    trunks: tuple[RouterTrunk, ...]
    vrfs: tuple[RouterVrf, ...]
    stretched: Stretched
    management_vrf: str
    apart: tuple[RouterPort, ...]
    defaults_v4: tuple[str, ...]
    defaults_v6: tuple[str, ...]
    management_v4: tuple[str, ...]
    management_v6: tuple[str, ...]
    service_v4: tuple[str, ...]
    service_v6: tuple[str, ...]
    service_port: int
    interfaces: tuple[Interface, ...]
    sessions: tuple[BgpSession, ...]
    sessions_v4: tuple[BgpSession, ...]
    sessions_v6: tuple[BgpSession, ...]
    drained: tuple[str, ...]
    max_prefixes: int
    service_scheme: str
    service_target: str
    ratio_numerator: int
    ratio_denominator: int
    figure_age_s: int
    meters: tuple[MeterPoint, ...]
    feeds: tuple[FeedLimit, ...]
    feed_names: tuple[str, ...]
    failovers: tuple[FeedLimit, ...]
    alertmanagers: tuple[AlertTarget, ...]
    title: str
    kind: str
    time_zone: str
    domain: str
    content: int
    serial: int
    name_servers: tuple[str, ...]
    time_servers: tuple[str, ...]
    end_names: tuple[str, ...]
    names: tuple[HostRecord, ...]
    aliases: tuple[Alias, ...]
    service_zones: tuple[ServiceZone, ...]
    reverse_zones: tuple[ReverseZone, ...]
    clients: tuple[str, ...]
    forwards: tuple[Forward, ...]
    forwards_back: tuple[Forward, ...]
    fellow_servers: tuple[str, ...]
    unsigned_domains: tuple[str, ...]
    unsigned_zones: tuple[str, ...]
    signed_zones: tuple[SignedZone, ...]
    zone_keys: tuple[ZoneKey, ...]
    trust_anchors: tuple[TrustAnchor, ...]
    empty_zones: tuple[str, ...]
    dhcp: DhcpServers
    leases: tuple[DhcpLease, ...]
    uefi_leases: tuple[DhcpLease, ...]
    leased_at: tuple[str, ...]
    leases_v6: tuple[DhcpLease, ...]
    uefi_leases_v6: tuple[DhcpLease, ...]
    leased_at_v6: tuple[str, ...]
    name_servers_v4: tuple[str, ...]
    name_servers_v6: tuple[str, ...]
    time_servers_v4: tuple[str, ...]
    time_servers_v6: tuple[str, ...]
    label_rows: tuple[LabelRow, ...]
    outlet_rows: tuple[OutletRow, ...]
    eos_switches: tuple[SwitchSide, ...]
    sonic_switches: tuple[SwitchSide, ...]


def site_context(
    *, name: str, site: Site, rows: Mapping[str, Row], around: Surroundings, is_second: bool = False, server: str = ""
) -> SiteContext:
    """Compute what the templates of one site see.

    Args:
        name: id of the site.
        site: its declaration; its rooms' rows are not looked at.
        rows: its rows by ``site/room/row``.
        around: the zone around it.
        is_second: whether its second router is meant, where it has one.
        server: the host of its second servers that is meant, or empty.
    """
    second = site.second_router
    loopbacks = second.loopbacks if second is not None and is_second else site.loopbacks
    others_loopbacks = {_whole(one) for one in site.all_loopbacks.values()} - {_whole(one) for one in loopbacks}
    routing = routing_of(site.as_number or 0, site)
    own = [*routing.networks, *routing.others]
    members = members_of(name, site, around)
    others = (text for item in around.routing.values() for text in (*item.networks, *item.others))
    everyone = sorted({*own, *others}, key=prefix_order)
    management = sorted({str(network) for network in site.management}, key=prefix_order)
    all_ends = ends_of(name, site, around)
    ends = [one for one in all_ends if second is None or (one.interface.link in second.links) is is_second]
    originated = [one for one in own if one not in others_loopbacks]
    kept = originated if second is None else [_whole(one) for one in loopbacks]
    sessions = tuple(session for end in ends for session in sessions_over(end))
    ratio = ratio_limit_of(name, site, rows, around)
    service = urlsplit(around.service)
    ports = ports_of(site, times_of(name, site, around), around)
    own_names = site_names(name, site, tuple(end.interface for end in all_ends), around)
    content = content_of((*own_names.records, *own_names.aliases))
    answered = {zone.zone for zone in own_names.reverse_zones}
    leases, leases_v6 = leases_of(site, 4), leases_of(site, 6)
    back = tuple(one for one in ways_back(around, besides=name) if one.zone not in answered)
    anchors = trust_anchors(around, besides=name)
    fellows = {text for key, one in around.routing.items() if key != name for text in one.name_servers}
    signed = signed_zones(name, site, own_names.reverse_zones, (one.key for one in own_names.service))
    unsigned = sorted({*answered, *(one.zone for one in ways_back(around))} - {one.zone for one in anchors})
    return SiteContext(
        name=name,
        district=site.district,
        as_number=site.as_number or 0,
        router=second.name if second is not None and is_second else name,
        is_second=is_second,
        server=server,
        interconnect=second.interconnect if second is not None else "",
        tracked=tuple(sorted({one.parent or one.name for one in ports})) if second is not None else (),
        router_id=second_router_id(second) if second is not None and is_second else router_id(site),
        networks_v4=of_version(own, 4),
        networks_v6=of_version(own, 6),
        originated_v4=of_version(originated, 4),
        originated_v6=of_version(originated, 6),
        kept_v4=of_version(kept, 4),
        kept_v6=of_version(kept, 6),
        peers=tuple(one for one in members if one.site != name),
        members=members,
        zone_v4=of_version(everyone, 4),
        zone_v6=of_version(everyone, 6),
        loopbacks_v4=tuple(_whole(one) for one in loopbacks if one.version == 4),  # noqa: PLR2004
        loopbacks_v6=tuple(_whole(one) for one in loopbacks if one.version == 6),  # noqa: PLR2004
        ports=ports,
        vlans=tuple(one for one in ports if one.vid),
        trunks=trunks_of(ports, [end.interface.name for end in ends], second.interconnect if second else ""),
        vrfs=vrfs_of(ports, everyone),
        stretched=stretched_of(name, site, ports, sessions, around),
        management_vrf=next((one.vrf for one in ports if one.role == "management"), ""),
        apart=tuple(one for one in ports if one.is_apart),
        defaults_v4=tuple(str(one) for one in site.default_gateways if one.version == 4),  # noqa: PLR2004
        defaults_v6=tuple(str(one) for one in site.default_gateways if one.version == 6),  # noqa: PLR2004
        management_v4=of_version(management, 4),
        management_v6=of_version(management, 6),
        service_v4=of_version(list(around.service_addresses), 4),
        service_v6=of_version(list(around.service_addresses), 6),
        service_port=service.port or PORTS[service.scheme],
        interfaces=tuple(end.interface for end in ends),
        sessions=sessions,
        sessions_v4=tuple(one for one in sessions if one.kind != "v6"),
        sessions_v6=tuple(one for one in sessions if one.kind != "v4"),
        drained=tuple(dict.fromkeys(one.link for one in sessions if one.drained)),
        max_prefixes=max(_MIN_PREFIXES, 2 * len(everyone)),
        service_scheme=service.scheme,
        service_target=service.netloc if service.port else f"{service.netloc}:{PORTS[service.scheme]}",
        ratio_numerator=ratio.numerator,
        ratio_denominator=ratio.denominator,
        figure_age_s=round(around.figure_age_days * _DAY_S),
        meters=meter_points(site),
        feeds=tuple(feed_limits(name, rows)),
        feed_names=tuple(sorted({feed for row in rows.values() for feed in row.feeds})),
        failovers=tuple(failover_limits(name, rows)),
        alertmanagers=alert_targets(site, PORTS),
        title=site.title,
        kind=site.kind,
        time_zone=site.time_zone,
        domain=f"{name}.internal",
        content=content,
        serial=content,
        name_servers=tuple(str(address) for address in site.name_servers),
        time_servers=tuple(str(address) for address in site.time_servers),
        end_names=tuple(one.interface.name for one in all_ends),
        names=own_names.records,
        aliases=own_names.aliases,
        service_zones=own_names.service,
        reverse_zones=own_names.reverse_zones,
        clients=tuple(sorted({*own, *management}, key=prefix_order)),
        forwards=forwards(around, besides=name),
        forwards_back=back,
        fellow_servers=tuple(sorted(fellows, key=prefix_order)),
        unsigned_domains=tuple(unsigned_domains(name, around, anchors)),
        unsigned_zones=tuple(unsigned),
        signed_zones=signed,
        zone_keys=zone_keys(site, signed),
        trust_anchors=anchors,
        empty_zones=empty_zones((*unsigned, *(one.zone for one in anchors))),
        dhcp=dhcp_servers(name, site, server),
        leases=leases,
        uefi_leases=tuple(one for one in leases if one.uefi_file),
        leased_at=leased_at(leases),
        leases_v6=leases_v6,
        uefi_leases_v6=tuple(one for one in leases_v6 if one.uefi_file),
        leased_at_v6=leased_at(leases_v6),
        name_servers_v4=_told(site.name_servers, 4),
        name_servers_v6=_told(site.name_servers, 6),
        time_servers_v4=_told(site.time_servers, 4),
        time_servers_v6=_told(site.time_servers, 6),
        label_rows=tuple(label_rows(name, rows)),
        outlet_rows=tuple(outlet_rows(name, rows)),
        eos_switches=sides_of_site(site, "eos"),
        sonic_switches=sides_of_site(site, "sonic"),
    )


def _told(addresses: Iterable[Address], version: int) -> tuple[str, ...]:
    """The addresses of one IP version, in the order in which they are told."""
    return tuple(str(one) for one in addresses if one.version == version)


def _whole(address: Address) -> str:
    """An address as a network of its own."""
    return f"{address}/{address.max_prefixlen}"
