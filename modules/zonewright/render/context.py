"""What templates see: plain frozen data, with everything computed beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass

from zonewright.model import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolAddress:
    """An address of a node: pool, address with prefix length, gateway, and 4 or 6."""

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
        name_servers: resolvers of the site.
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
        rack: the rack's id.
        position: lowest rack unit.
        addresses: address with prefix length by pool id; each pool is one of the site's.
    """
    own = tuple(
        PoolAddress(
            pool=pool_id,
            address=address,
            gateway=str(site.address_pools[pool_id].gateway),
            version=site.address_pools[pool_id].prefix.version,
        )
        for pool_id, address in sorted(addresses.items())
    )
    routes: dict[int, PoolAddress] = {}
    for item in own:
        routes.setdefault(item.version, item)
    return NodeContext(
        name=name,
        site=site_id,
        rack=rack,
        position=position,
        addresses=own,
        routes=tuple(routes[version] for version in sorted(routes)),
        name_servers=tuple(str(address) for address in site.name_servers),
        search_domain=f"{site_id}.internal",
    )
