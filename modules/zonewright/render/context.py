"""What templates see: plain frozen data, with everything computed beforehand."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_interface

from zonewright.model import AddressPool, Site
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


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeContext:
    """One node as its templates see it.

    Attributes:
        name: host name.
        site: id of the site.
        rack: ``site/room/row/rack``.
        position: lowest rack unit.
        addresses: one for each pool, in order of pool.
        routes: of these, the one of each IP version that carries the default route.
        name_servers: resolvers of the site, in the order declared.
        search_domain: domain that short names are looked up in.
    """

    name: str
    site: str
    rack: str
    position: int
    addresses: tuple[PoolAddress, ...]
    routes: tuple[PoolAddress, ...]
    name_servers: tuple[str, ...]
    search_domain: str


def node_context(
    *, name: str, site_id: str, site: Site, rack: str, position: int, addresses: Mapping[str, str]
) -> NodeContext:
    """Compute what the templates of one node see.

    Args:
        name: host name.
        site_id: id of the site.
        site: its declaration; rooms are not looked at.
        rack: the rack's id, ``site/room/row/rack``.
        position: lowest rack unit, from 1.
        addresses: address with prefix length, by pool id.

    Raises:
        RenderError: when an address is of no pool of the site, or is none that a node may have.
    """
    try:
        own = tuple(_pool_address(pool, text, site.address_pools) for pool, text in sorted(addresses.items()))
    except RenderError as error:
        raise RenderError(error.what, data_path=error.data_path, subject=f"node {name} in {rack}") from None
    first = {item.version: item for item in reversed(own)}
    return NodeContext(
        name=name,
        site=site_id,
        rack=rack,
        position=position,
        addresses=own,
        routes=tuple(first[version] for version in sorted(first)),
        name_servers=tuple(str(address) for address in site.name_servers),
        # A site has no domain of its own; .internal is reserved for private use.
        search_domain=f"{site_id}.internal",
    )


def _pool_address(pool_id: str, text: str, pools: Mapping[str, AddressPool]) -> PoolAddress:
    def refuse(what: str) -> RenderError:
        return RenderError(what, data_path=f"addresses.{pool_id}")

    pool = pools.get(pool_id)
    if pool is None:
        raise refuse(f"the site has no address pool {shown(pool_id)}")
    try:
        interface = ip_interface(text)
    except ValueError:
        raise refuse(
            f"expected an address such as {pool.prefix[-2]}/{pool.prefix.prefixlen}, got {shown(text)}"
        ) from None
    if interface.network != pool.prefix or "%" in text:
        raise refuse(f"{shown(text)} is no address of {pool.prefix}")
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
