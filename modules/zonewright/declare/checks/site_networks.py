"""Cross checks of a site's networks: address pools, VLANs, what is at its router."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from zonewright.declare.checks.dhcp import dhcp_faults
from zonewright.declare.checks.known import Known
from zonewright.declare.problem import Fault, Path, unknown
from zonewright.model import AddressPool, Site
from zonewright.model.site_network import RouterNetwork, port_name

_POINT_TO_POINT = 31


def network_faults(known: Known, owner: str, path: Path, site: Site) -> Iterator[Fault]:
    """Faults of the networks of one site.

    Args:
        known: all files.
        owner: whose file it is.
        path: the site's.
        site: the site.
    """
    for pool_id, pool in site.address_pools.items():
        yield from _pool(owner, (*path, "address_pools", pool_id), pool)
    yield from _router(owner, path, site)
    yield from _links(known, owner, path, site)
    for field, second in (("second_router", site.second_router), ("second_dhcp_server", site.second_dhcp_server)):
        if second is not None and second.name == path[-1]:
            yield Fault(
                owner=owner,
                path=(*path, field, "name"),
                what="two hosts of one name",
                expected="another name than that of the first one, which is the site's id",
                got=f"'{second.name}'",
                fix="write the name of the second host",
            )
    for key, vlan in site.vlans.items() if known.zone is not None else ():
        parties = known.zone.parties if known.zone is not None else {}
        if vlan.tenant is not None and vlan.tenant not in parties and not known.unsure("", ("parties", vlan.tenant)):
            where = (*path, "vlans", key, "tenant")
            yield unknown(
                "party", vlan.tenant, parties, owner=owner, path=where, otherwise="add the party to zone.yaml"
            )


def _pool(owner: str, path: Path, pool: AddressPool) -> Iterator[Fault]:
    prefix = pool.prefix
    if prefix.num_addresses == 1:
        yield Fault(
            owner=owner,
            path=(*path, "prefix"),
            what="a pool without an address to hand out",
            expected="a network that has room for a gateway and nodes",
            got=str(prefix),
            fix="write the prefix length, such as /24 or /64",
        )
    else:
        yield from _gateway(owner, path, pool)
        yield from dhcp_faults(owner, path, pool)


def _gateway(owner: str, path: Path, network: AddressPool | RouterNetwork) -> Iterator[Fault]:
    prefix = network.prefix
    if isinstance(prefix, IPv4Network) and network.gateway in _no_hosts(prefix):
        yield Fault(
            owner=owner,
            path=(*path, "gateway"),
            what="a gateway that is not a host address",
            expected=f"an address from {prefix[1]} to {prefix[-2]}",
            got=str(network.gateway),
            fix=f"write {prefix[1]} if the gateway has the first address",
        )


def _router(owner: str, path: Path, site: Site) -> Iterator[Fault]:
    """The router's networks, and its interfaces: what may pass one of them depends on the one thing that it is for."""
    ports = [
        ((*path, "address_pools", key, "interface"), _port(site, pool.interface, pool.vlan), "nodes")
        for key, pool in site.address_pools.items()
        if pool.interface is not None
    ]
    ports += [
        ((*path, "networks", key, "interface"), _port(site, one.interface, one.vlan), one.role)
        for key, one in site.networks.items()
    ]
    for key, one in site.networks.items():
        yield from _gateway(owner, (*path, "networks", key), one)
    roles: dict[str, str] = {"lo": "loopbacks"}
    for where, name, role in ports:
        if roles.setdefault(name, role) != role:
            yield Fault(
                owner=owner,
                path=where,
                what="an interface for two things",
                expected="an interface for each of nodes, management, service and upstream",
                got=f"'{name}' for {role}, which is for {roles[name]} already",
                fix="name another interface, or another 'vlan', which has one of its own",
            )


def _links(known: Known, owner: str, path: Path, site: Site) -> Iterator[Fault]:
    """Links at a second router end at the site; their interfaces and the one between the routers have other names."""
    second = site.second_router
    links = {link_id: link for file in known.owners.values() for link_id, link in file.links.items()}
    faulty = any(known.unsure(one, ("links",)) for one in known.left_out if one)
    for index, link_id in enumerate(second.links if second is not None else ()):
        where = (*path, "second_router", "links", str(index))
        link = links.get(link_id)
        if link is None and known.whole and not faulty:
            yield unknown("link", link_id, links, owner=owner, path=where)
        elif link is not None and path[-1] not in {link.a, link.b}:
            yield Fault(
                owner=owner,
                path=where,
                what="a link that does not end here",
                expected=f"a link with {path[-1]} at one end",
                got=f"'{link_id}', from {link.a} to {link.b}",
                fix="correct the id, or leave it out",
            )


def _port(site: Site, interface: str, vlan: str | None) -> str:
    return port_name(interface, site.vlans[vlan] if vlan is not None else None)


def _no_hosts(prefix: IPv4Network) -> tuple[IPv4Address, ...]:
    """The addresses that name the network and all of its hosts; a /31 has none (RFC 3021)."""
    return () if prefix.prefixlen >= _POINT_TO_POINT else (prefix.network_address, prefix.broadcast_address)
