"""What templates see: plain frozen data, with everything computed beforehand."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from zonewright.model import AddressPool, NodeType, Site
from zonewright.model.addresses import address_of, interface_of
from zonewright.model.site_network import length_of
from zonewright.render.contexts.node_links import BondInUse, PortInUse, TaggedVlan, node_links
from zonewright.render.contexts.node_view import SiteView
from zonewright.render.contexts.related import (
    HomeSite,
    Neighbour,
    NodeModel,
    NodePlace,
    node_model,
    node_place,
)
from zonewright.render.errors import RenderError
from zonewright.render.quoting import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolAddress:
    """An address of a node.

    Attributes:
        pool: id of the pool.
        address: with prefix length, such as ``10.80.16.5/20``.
        gateway: gateway of the pool.
        version: 4 or 6.
    """

    pool: str
    address: str
    gateway: str
    version: int


OF_ONE_NODE = frozenset({"name", "rack", "position", "addresses", "routes", "bonds", "vlans", "place", "neighbours"})
"""Fields of a node's context that hardly two nodes have alike; of the others most nodes of a stack have the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeContext:
    """One node as its templates see it.

    Attributes:
        name: host name.
        party: id of its party.
        site: id of the site.
        rack: ``site/room/row/rack``.
        position: lowest rack unit.
        addresses: one for each pool, in order of pool.
        routes: of these, the one of each IP version that carries the default route; none is of storage or management.
        gateways_v4: the gateways of its pools.
        gateways_v6: the same for IPv6.
        uplinks: ports of its bond for data; none where its type does not name its ports.
        ports: the ports that it uses, of all bonds.
        bonds: its bonds, the one for data first.
        vlans: VLANs that it sends tagged on its bond for data.
        name_servers: resolvers of the site, in the order declared.
        search_domain: domain that short names are looked up in.
        time_servers: where it takes the time from.
        fellows_v4: ranges of the addresses of all nodes of its stack.
        fellows_v6: the same for IPv6.
        zone_v4: every prefix of the zone that nodes have addresses of.
        zone_v6: the same for IPv6.
        management_v4: networks of administrators.
        management_v6: the same for IPv6.
        servers_v4: addresses of its name servers and time servers.
        servers_v6: the same for IPv6.
        service_v4: addresses of the zone's service.
        service_v6: the same for IPv6.
        service_url: where its agent reports.
        service_port: port of the service.
        power_max_w: the most that it can draw, in watts.
        cluster: id of its cluster, empty where it is not known.
        home: its site.
        place: where it stands.
        type: its type.
        neighbours: the other nodes of its stack in the same rack, from the bottom up.
    """

    name: str
    party: str
    site: str
    rack: str
    position: int
    addresses: tuple[PoolAddress, ...]
    routes: tuple[PoolAddress, ...]
    gateways_v4: tuple[str, ...]
    gateways_v6: tuple[str, ...]
    uplinks: tuple[str, ...]
    ports: tuple[PortInUse, ...]
    bonds: tuple[BondInUse, ...]
    vlans: tuple[TaggedVlan, ...]
    name_servers: tuple[str, ...]
    search_domain: str
    time_servers: tuple[str, ...]
    fellows_v4: tuple[str, ...]
    fellows_v6: tuple[str, ...]
    zone_v4: tuple[str, ...]
    zone_v6: tuple[str, ...]
    management_v4: tuple[str, ...]
    management_v6: tuple[str, ...]
    servers_v4: tuple[str, ...]
    servers_v6: tuple[str, ...]
    service_v4: tuple[str, ...]
    service_v6: tuple[str, ...]
    service_url: str
    service_port: int
    power_max_w: int
    cluster: str
    home: HomeSite
    place: NodePlace
    type: NodeModel
    neighbours: tuple[Neighbour, ...]


def node_context(
    *,
    name: str,
    view: SiteView,
    rack: str,
    position: int,
    addresses: Mapping[str, str],
    power_max_w: int,
    node_type: NodeType | None = None,
    mac_addresses: Mapping[str, str] | None = None,
    cluster: str = "",
    in_rack: tuple[Neighbour, ...] = (),
) -> NodeContext:
    """Compute what the templates of one node see.

    Args:
        name: host name.
        view: its site as all nodes of the stack see it.
        rack: the rack's id, ``site/room/row/rack``.
        position: lowest rack unit, from 1.
        addresses: address with prefix length, by pool id.
        power_max_w: the most that it can draw, in watts.
        node_type: its type, where it is known.
        mac_addresses: MAC addresses by name of the port, where they are declared.
        cluster: id of its cluster.
        in_rack: the nodes of its stack in the same rack, itself among them.

    Raises:
        RenderError: when an address is of no pool of the site, or is none that a node may have.
    """
    pools = view.site.address_pools
    try:
        own = tuple([_pool_address(pool, text, pools) for pool, text in sorted(addresses.items())])
        if any(vlan.vni is not None for vlan in view.site.vlans.values()):
            own = tuple([_of_whole(one, view.site) for one in own])
        first = {item.version: item for item in reversed(own) if pools[item.pool].role == "data"}
        routes = tuple([first[version] for version in sorted(first)])
        links = node_links(
            view.site,
            {item.pool: item.address for item in own},
            tuple([item.gateway for item in routes]),
            node_type,
            mac_addresses or {},
        )
    except RenderError as error:
        raise RenderError(error.what, data_path=error.data_path, subject=f"node {name} in {rack}") from None
    known = _known_type(node_type)
    return NodeContext(
        name=name,
        party=view.party,
        site=view.site_id,
        rack=rack,
        position=position,
        addresses=own,
        routes=routes,
        gateways_v4=tuple([item.gateway for item in own if item.version == 4]),  # noqa: PLR2004
        gateways_v6=tuple([item.gateway for item in own if item.version == 6]),  # noqa: PLR2004
        uplinks=known.uplinks,
        ports=links.ports,
        bonds=links.bonds,
        vlans=links.vlans,
        name_servers=view.name_servers,
        search_domain=view.search_domain,
        time_servers=view.time_servers,
        fellows_v4=view.fellows.v4,
        fellows_v6=view.fellows.v6,
        zone_v4=view.zone.v4,
        zone_v6=view.zone.v6,
        management_v4=view.management.v4,
        management_v6=view.management.v6,
        servers_v4=view.servers.v4,
        servers_v6=view.servers.v6,
        service_v4=view.service.v4,
        service_v6=view.service.v6,
        service_url=view.service_url,
        service_port=view.service_port,
        power_max_w=power_max_w,
        cluster=cluster,
        home=view.home,
        place=node_place(rack, position, node_type),
        type=known.model,
        neighbours=tuple([one for one in in_rack if one.name != name]),
    )


@dataclass(frozen=True, slots=True)
class _KnownType:
    """What all nodes of a type have alike."""

    node_type: NodeType | None
    uplinks: tuple[str, ...]
    model: NodeModel


_last_type: _KnownType | None = None
"""Of the node before, which most often is of the same type."""


def _known_type(node_type: NodeType | None) -> _KnownType:
    global _last_type  # noqa: PLW0603 - put in place at once
    known = _last_type
    if known is None or known.node_type is not node_type:
        uplinks = node_type.uplinks if node_type is not None else ()
        _last_type = known = _KnownType(node_type, uplinks, node_model(node_type))
    return known


@dataclass(frozen=True, slots=True)
class _KnownPool:
    """What every address of a pool is compared with."""

    pool: AddressPool
    length: str
    hosts: range
    version: int
    gateway: str


_pools: dict[int, _KnownPool] = {}
"""Of the pools that were looked at last, by their identity: those of one site, which its nodes ask for in turns."""
_POOLS = 16


def _known_pool(pool: AddressPool) -> _KnownPool:
    known = _pools.get(id(pool))
    if known is None or known.pool is not pool:
        if len(_pools) >= _POOLS:
            _pools.clear()
        net = pool.prefix
        hosts = range(int(net.network_address), int(net.broadcast_address) + 1)
        known = _KnownPool(pool, str(net.prefixlen), hosts, net.version, str(pool.gateway))
        _pools[id(pool)] = known
    return known


def _of_whole(one: PoolAddress, site: Site) -> PoolAddress:
    """An address with the prefix length of the whole network that its pool is a part of."""
    pool = site.address_pools[one.pool]
    length = length_of(pool, site.vlans.get(pool.vlan or ""))
    return dataclasses.replace(one, address=f"{one.address.partition('/')[0]}/{length}")


def _pool_address(pool_id: str, text: str, pools: Mapping[str, AddressPool]) -> PoolAddress:
    def refuse(what: str) -> RenderError:
        return RenderError(what, data_path=f"addresses.{pool_id}")

    pool = pools.get(pool_id)
    if pool is None:
        raise refuse(f"the site has no address pool {shown(pool_id)}")
    host, _, length = text.partition("/")
    known = _known_pool(pool)
    if length == known.length and "%" not in text:  # as ledgers write them; all else is looked at whole
        with suppress(ValueError):
            address = address_of(host)
            if address.version == known.version and int(address) in known.hosts and address != pool.gateway:
                written = text if known.version == 4 else f"{address}/{length}"  # noqa: PLR2004 - of IPv6 in one form
                return PoolAddress(pool=pool_id, address=written, gateway=known.gateway, version=known.version)
    try:
        interface = interface_of(text)
    except ValueError:
        raise refuse(
            f"expected an address such as {pool.prefix[-2]}/{pool.prefix.prefixlen}, got {shown(text)}"
        ) from None
    if interface.network != pool.prefix or "%" in text:
        raise refuse(f"{shown(text)} is not an address of {pool.prefix}")
    if interface.ip == pool.gateway:
        raise refuse(f"{interface.ip} is the gateway's")
    return PoolAddress(
        pool=pool_id,
        address=interface.with_prefixlen,
        gateway=str(pool.gateway),
        version=interface.version,
    )


def leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Each value of a context with its path, such as ``node.addresses[1].gateway``, in order."""
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from leaves(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, value
