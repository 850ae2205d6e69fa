"""Addresses for the nodes of a demand: what the pools of their sites give, and which nodes they have none left for."""

from collections.abc import Collection, Mapping

from zonewright.model import AddressPool, Site
from zonewright.model.addresses import address_of
from zonewright.model.demand import Demand
from zonewright.model.expand import nodes_of
from zonewright.place.addresses import assign_addresses
from zonewright.rules.words import listed

ByNode = Mapping[str, Mapping[str, str]]
"""Address with prefix length by node name and pool id."""


def given_addresses(
    sites: Mapping[str, Site],
    taken: Mapping[tuple[str, str], Collection[str]],
    demand: Demand,
    seats: Collection[str],
    present: ByNode,
) -> tuple[dict[str, Mapping[str, str]], dict[str, str]]:
    """Addresses by node, and a sentence for each node whose pool is used up.

    Args:
        sites: what is known of the sites, by id.
        taken: addresses of everybody else, by (site, pool).
        demand: what the stack wants.
        seats: names of the nodes that have a place; others get no address.
        present: addresses that are kept, as long as the pool still gives them.
    """
    names_by_site: dict[str, list[str]] = {}
    chosen: dict[str, tuple[str, ...]] = {}
    kept = dict(present)
    for cluster_id, wanted in demand.clusters.items():
        nodes = [node for node in nodes_of(cluster_id, wanted.cluster) if node.name in seats]
        names_by_site.setdefault(wanted.cluster.site, []).extend(node.name for node in nodes)
        site = sites.get(wanted.cluster.site)
        pools = site.pools_for(demand.party) if site is not None else {}
        for node in nodes if wanted.cluster.places else ():
            if node.chosen is not None and node.chosen.addresses:
                chosen[node.name] = tuple(map(str, node.chosen.addresses))
                own = {
                    key: str(one) for one in node.chosen.addresses for key, pool in pools.items() if one in pool.prefix
                }
                kept[node.name] = {**present.get(node.name, {}), **own}
    assigned: dict[str, Mapping[str, str]] = {}
    short: dict[str, str] = {}
    for site_id, names in names_by_site.items():
        site = sites.get(site_id)
        if site is None:
            continue
        pools = site.pools_for(demand.party)
        if _has_data(site.address_pools) and not _has_data(pools):
            short |= dict.fromkeys(names, f"site {site_id} has no address pool for {demand.party}")
        others = {pool: _in_use(site_id, site, taken, one.prefix.version) for pool, one in pools.items()}
        sticky = {name: _kept(site, pools, kept[name]) for name in names if name in kept}
        result = assign_addresses(pools, names, sticky=sticky, taken=others, fixed=site.fixed_addresses)
        assigned |= result.assigned
        short |= {name: _used_up(site_id, site, lacking) for name, lacking in result.short.items()}
    for name, wishes in chosen.items():
        has = {text.partition("/")[0] for text in assigned.get(name, {}).values()}
        lost = [text for text in wishes if text not in has]
        if lost and name in assigned and name not in short:
            short[name] = f"no pool can give it {listed(lost)}, which its declaration chose: it is taken, or in no pool"
    return assigned, short


def _has_data(pools: Mapping[str, AddressPool]) -> bool:
    """Whether nodes get an address to be reached at: one for storage alone has no way to a gateway."""
    return any(pool.role == "data" for pool in pools.values())


def _in_use(site_id: str, site: Site, taken: Mapping[tuple[str, str], Collection[str]], version: int) -> frozenset[str]:
    """Addresses of everybody else at a site, of whatever pool: a pool is renamed or divided, and nodes stay."""
    known = site.address_pools
    keys = (key for key in taken if key[0] == site_id)
    fitting = [key for key in keys if key[1] not in known or known[key[1]].prefix.version == version]
    if len(fitting) == 1:
        return frozenset(taken[fitting[0]])  # the same object, where it is one
    return frozenset(text for key in fitting for text in taken[key])


def _kept(site: Site, pools: Mapping[str, AddressPool], present: Mapping[str, str]) -> Mapping[str, str]:
    """Present addresses, each by the pool that has its network now."""
    lengths = {pool: str(one.prefix.prefixlen) for pool, one in site.address_pools.items()}
    stays = {pool: text for pool, text in present.items() if text.rpartition("/")[2] == lengths.get(pool)}
    if len(stays) == len(present):
        return present
    moved = {
        key: text
        for pool, text in present.items()
        if pool not in stays
        for key, one in pools.items()
        if address_of(text.partition("/")[0]) in one.prefix
    }
    return {**moved, **stays}


def _used_up(site_id: str, site: Site, pools: Collection[str]) -> str:
    named = listed([f"{pool} ({site.address_pools[pool].prefix})" for pool in pools])
    return f"address pool {named} of site {site_id} has no free address left"
