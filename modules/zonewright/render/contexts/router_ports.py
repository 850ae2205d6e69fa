"""The router's interfaces in networks of its own site, and what may pass through those of tenants."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from zonewright.model import Site
from zonewright.model.site_network import USUAL_MTU, SiteVlan, is_part, length_of, port_name, vrf_tables
from zonewright.model.surroundings import Surroundings
from zonewright.render.contexts.routing import BgpSession, members_of, of_version, prefix_order

NODES = "nodes"
"""What an interface is for that address pools are at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterPort:
    """An interface of the router in networks of its own site.

    Attributes:
        name: its name.
        parent: the interface that its VLAN is on, or empty.
        vid: number of its VLAN, 0 without one.
        vrf: name of the VRF that it is in, or empty.
        vni: number by which its VLAN is one with those of other sites, 0 for none; it is a bridge then.
        vlan: name of the interface for its VLAN alone, which is beneath a bridge, or itself.
        mtu: largest packet in bytes, 0 for the system's own.
        role: what its networks are for: nodes, management, service or upstream.
        leases_v6: whether IPv6 addresses are leased there, so that the router announces itself.
        is_apart: whether only what it ``reaches`` may exchange packets with it within the zone.
        v4: its IPv4 addresses with prefix length.
        v6: its IPv6 addresses with prefix length.
        inside_v4: its IPv4 networks; no packet with another source comes from there.
        inside_v6: the same for IPv6.
        reaches_v4: networks with which a tenant's VLAN may exchange IPv4 packets; none for others.
        reaches_v6: the same for IPv6.
    """

    name: str
    parent: str
    vid: int
    vrf: str
    vni: int
    vlan: str
    mtu: int
    role: str
    leases_v6: bool
    is_apart: bool
    v4: tuple[str, ...]
    v6: tuple[str, ...]
    inside_v4: tuple[str, ...]
    inside_v6: tuple[str, ...]
    reaches_v4: tuple[str, ...]
    reaches_v6: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterVrf:
    """A VRF of the router: a table for what comes from its interfaces. What is in no line of it goes by the main table.

    Attributes:
        name: its name.
        table: number of its table.
        ports: names of its interfaces.
        closed: networks of the zone that there is no way to from it.
        opened: networks within these that there is one to.
    """

    name: str
    table: int
    ports: tuple[str, ...]
    closed: tuple[str, ...]
    opened: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StretchedPeer:
    """Another site that has some of the same networks of layer 2, and not the others that are here.

    ``sequence`` is its entry in route maps.
    """

    site: str
    sequence: int
    vnis: tuple[int, ...]
    others: tuple[int, ...]
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretched:
    """The part of a router in networks of layer 2 that several sites have.

    Attributes:
        is_on: whether any site of the zone has such a network, so that routers tell each other of it.
        local: its own address, where frames for the site end.
        ports: its bridges in such networks.
        peers: the other sites that have them too.
        sessions: those that carry what routers tell of them, one over each link.
    """

    is_on: bool
    local: str
    ports: tuple[RouterPort, ...]
    peers: tuple[StretchedPeer, ...]
    sessions: tuple[BgpSession, ...]


def stretched_of(
    name: str, site: Site, ports: Iterable[RouterPort], sessions: Iterable[BgpSession], around: Surroundings
) -> Stretched:
    """The part of a site's router in networks of layer 2.

    Args:
        name: id of the site.
        site: its declaration.
        ports: its interfaces in networks of the site.
        sessions: its BGP sessions.
        around: the zone around it.
    """
    own = tuple(port for port in ports if port.vni)
    over: dict[str, BgpSession] = {}
    for one in sessions:
        over.setdefault(one.link, one)
    numbers = {one.site: one.sequence for one in members_of(name, site, around)}
    held: dict[tuple[str, str], list[int]] = defaultdict(list)
    for end in around.stretched.get(name, ()):
        held[end.site, end.address].append(end.vni)
    is_on = bool(own) or any(one.is_stretched for one in around.routing.values())
    return Stretched(
        is_on=is_on,
        local=next((str(one) for one in site.loopbacks if own and one.version == 4), ""),  # noqa: PLR2004
        ports=own,
        peers=tuple(
            StretchedPeer(
                site=key,
                sequence=numbers[key],
                vnis=tuple(sorted(vnis)),
                others=tuple(sorted({port.vni for port in own} - set(vnis))),
                address=address,
            )
            for (key, address), vnis in sorted(held.items())
            if key in numbers
        ),
        sessions=tuple(over.values()) if is_on else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterTrunk:
    """An interface of the router that carries VLANs, is in a VRF, or has packets of another size than the system's own.

    Attributes:
        name: its name.
        mtu: largest packet in bytes, 0 for the system's own.
        vrf: name of the VRF that it is in itself, or empty.
        is_bare: whether nothing but VLANs is on it, so that nothing untagged may come from there.
    """

    name: str
    mtu: int
    vrf: str
    is_bare: bool


def trunks_of(ports: Iterable[RouterPort], links: Collection[str], interconnect: str) -> tuple[RouterTrunk, ...]:
    """The interfaces that netplan must know, in order of name.

    Args:
        ports: the router's interfaces in networks of its site.
        links: its ends of links.
        interconnect: the interface to the other router of the site, or empty.
    """
    held: dict[str, list[RouterPort]] = defaultdict(list)
    for port in ports:
        held[port.parent or port.name].append(port)
    found: list[RouterTrunk] = []
    for name, on_it in sorted(held.items()):
        if any(port.vid or port.vrf or port.mtu for port in on_it):
            mtu = max(port.mtu or USUAL_MTU for port in on_it) if any(port.mtu for port in on_it) else 0
            is_bare = name not in links and all(port.vid for port in on_it)
            vrf = next((port.vrf for port in on_it if port.name == name), "")
            found.append(RouterTrunk(name=name, mtu=mtu, vrf=vrf, is_bare=is_bare))
    found += [RouterTrunk(name=interconnect, mtu=0, vrf="", is_bare=False)] if interconnect else []
    return tuple(sorted(found, key=lambda one: one.name))


def vrfs_of(ports: Iterable[RouterPort], zone: Iterable[str]) -> tuple[RouterVrf, ...]:
    """The VRFs of a router, in order of name.

    Args:
        ports: its interfaces in networks of its site.
        zone: every network of the zone.
    """
    held: dict[str, list[RouterPort]] = defaultdict(list)
    for port in ports:
        if port.vrf:
            held[port.vrf].append(port)
    tables = vrf_tables(held)
    return tuple(_vrf(name, tables[name], on_it, list(zone)) for name, on_it in sorted(held.items()))


def _vrf(name: str, table: int, ports: list[RouterPort], zone: list[str]) -> RouterVrf:
    reached = {ip_network(text) for port in ports for text in (*port.reaches_v4, *port.reaches_v6)}
    closed = [one for one in map(ip_network, zone) if reached and not any(is_part(one, other) for other in reached)]
    opened = [one for one in reached if any(is_part(one, other) for other in closed)]
    return RouterVrf(
        name=name,
        table=table,
        ports=tuple(port.name for port in ports),
        closed=tuple(sorted(map(str, closed), key=prefix_order)),
        opened=tuple(sorted(map(str, opened), key=prefix_order)),
    )


def ports_of(site: Site, times: Iterable[str], around: Surroundings) -> tuple[RouterPort, ...]:
    """The router's interfaces in networks of its own site, in order of name.

    Args:
        site: its declaration.
        times: time servers that its nodes use.
        around: the zone around it.
    """
    servers = [*map(str, site.name_servers), *times, *around.service_addresses]
    held: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    parents: dict[str, tuple[str, SiteVlan]] = {}
    sizes: dict[str, int] = defaultdict(int)
    largest: dict[str, int] = defaultdict(int)
    vrfs: dict[str, str] = {}
    for interface, role, vlan_id, vrf, gateway, prefix, mtu in _networks(site):
        vlan = site.vlans[vlan_id] if vlan_id is not None else None
        port = port_name(interface, vlan)
        vrfs[port] = vrf or (vlan.vrf if vlan is not None else None) or ""
        held[port, role].append((gateway, prefix))
        if vlan is not None:
            parents[port] = interface, vlan
        sizes[port] = max(sizes[port], mtu)
        largest[interface] = max(largest[interface], mtu)
    for port, (interface, _) in parents.items():
        if largest[interface] > USUAL_MTU:
            sizes[port] = sizes[port] or USUAL_MTU  # else Linux would give it the size of the interface beneath
    leased = {
        str(pool.prefix)
        for pool in site.address_pools.values()
        if pool.dynamic is not None and pool.prefix.version == 6  # noqa: PLR2004
    }
    return tuple(
        _port(
            port,
            role,
            networks,
            parents.get(port),
            vrfs[port],
            sizes[port],
            leased,
            _reached(site, parents.get(port), servers, around),
        )
        for (port, role), networks in sorted(held.items())
    )


def _networks(site: Site) -> Iterator[tuple[str, str, str | None, str | None, str, str, int]]:
    """Interface, role, VLAN, VRF, the router's address, prefix and largest packet of each network at the router."""
    for _, pool in sorted(site.address_pools.items()):
        if pool.interface is not None:
            gateway = f"{pool.gateway}/{length_of(pool, site.vlans.get(pool.vlan or ''))}"
            yield pool.interface, NODES, pool.vlan, None, gateway, str(pool.prefix), pool.mtu or 0
    for _, network in sorted(site.networks.items()):
        gateway = f"{network.gateway}/{network.prefix.prefixlen}"
        yield network.interface, network.role, network.vlan, network.vrf, gateway, str(network.prefix), 0


def _port(  # noqa: PLR0917 - the parts of one port
    name: str,
    role: str,
    networks: list[tuple[str, str]],
    parent: tuple[str, SiteVlan] | None,
    vrf: str,
    mtu: int,
    leased_v6: Collection[str],
    reached: list[str],
) -> RouterPort:
    prefixes = [prefix for _, prefix in networks]
    return RouterPort(
        name=name,
        parent=parent[0] if parent is not None else "",
        vid=parent[1].vid if parent is not None else 0,
        vrf=vrf,
        vni=(parent[1].vni or 0) if parent is not None else 0,
        vlan=f"{parent[0]}.{parent[1].vid}" if parent is not None else name,
        mtu=mtu,
        role=role,
        leases_v6=any(one in leased_v6 for one in prefixes),
        is_apart=parent is not None and parent[1].tenant is not None,
        v4=tuple(text for text, _ in networks if ":" not in text),
        v6=tuple(text for text, _ in networks if ":" in text),
        inside_v4=of_version(prefixes, 4),
        inside_v6=of_version(prefixes, 6),
        reaches_v4=of_version(reached, 4),
        reaches_v6=of_version(reached, 6),
    )


def _reached(site: Site, parent: tuple[str, SiteVlan] | None, servers: list[str], around: Surroundings) -> list[str]:
    """What a tenant's VLAN may exchange packets with in the zone: its tenant's networks, servers, administrators."""
    tenant = parent[1].tenant if parent is not None else None
    if parent is None or tenant is None:
        return []
    own = [
        str(pool.prefix) for pool in site.address_pools.values() if pool.vlan and site.vlans[pool.vlan].tenant == tenant
    ]
    here = (pool.dynamic for pool in site.address_pools.values() if pool.vlan and site.vlans[pool.vlan] is parent[1])
    found: Iterable[str] = (
        *own,
        *(str(one.boot.next_server) for one in here if one is not None and one.boot is not None),
        *around.tenants.get(tenant, ()),
        *servers,
        *map(str, site.management),
        *map(str, parent[1].also_reaches),
    )
    return sorted(set(found))
