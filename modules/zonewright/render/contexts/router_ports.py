"""The router's interfaces in networks of its own site, and what may pass through those of tenants."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from zonewright.model import Site
from zonewright.model.site_network import USUAL_MTU, SiteVlan, port_name
from zonewright.model.surroundings import Surroundings
from zonewright.render.contexts.routing import of_version

NODES = "nodes"
"""What an interface is for that address pools are at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterPort:
    """An interface of the router in networks of its own site.

    Attributes:
        name: its name.
        parent: the interface that its VLAN is on, or empty.
        vid: number of its VLAN, 0 without one.
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
class RouterTrunk:
    """An interface of the router that carries VLANs, or packets of another size than the system's own.

    Attributes:
        name: its name.
        mtu: largest packet in bytes, 0 for the system's own.
        is_bare: whether nothing but VLANs is on it, so that nothing untagged may come from there.
    """

    name: str
    mtu: int
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
        if any(port.vid or port.mtu for port in on_it):
            mtu = max(port.mtu or USUAL_MTU for port in on_it) if any(port.mtu for port in on_it) else 0
            is_bare = name not in links and all(port.vid for port in on_it)
            found.append(RouterTrunk(name=name, mtu=mtu, is_bare=is_bare))
    found += [RouterTrunk(name=interconnect, mtu=0, is_bare=False)] if interconnect else []
    return tuple(sorted(found, key=lambda one: one.name))


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
    for interface, role, vlan_id, gateway, prefix, mtu in _networks(site):
        vlan = site.vlans[vlan_id] if vlan_id is not None else None
        port = port_name(interface, vlan)
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
            sizes[port],
            leased,
            _reached(site, parents.get(port), servers, around),
        )
        for (port, role), networks in sorted(held.items())
    )


def _networks(site: Site) -> Iterator[tuple[str, str, str | None, str, str, int]]:
    """Interface, role, VLAN, the router's address, prefix and largest packet of each network at the router."""
    for _, pool in sorted(site.address_pools.items()):
        if pool.interface is not None:
            gateway = f"{pool.gateway}/{pool.prefix.prefixlen}"
            yield pool.interface, NODES, pool.vlan, gateway, str(pool.prefix), pool.mtu or 0
    for _, network in sorted(site.networks.items()):
        gateway = f"{network.gateway}/{network.prefix.prefixlen}"
        yield network.interface, network.role, network.vlan, gateway, str(network.prefix), 0


def _port(  # noqa: PLR0917 - the parts of one port
    name: str,
    role: str,
    networks: list[tuple[str, str]],
    parent: tuple[str, SiteVlan] | None,
    mtu: int,
    leased_v6: Collection[str],
    reached: list[str],
) -> RouterPort:
    prefixes = [prefix for _, prefix in networks]
    return RouterPort(
        name=name,
        parent=parent[0] if parent is not None else "",
        vid=parent[1].vid if parent is not None else 0,
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
