"""Addresses for the nodes of a demand: what the pools of their sites give, and which nodes they have none left for."""

from collections.abc import Collection, Mapping

from zonewright.model import Site
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
    for cluster_id, wanted in demand.clusters.items():
        names = [node.name for node in nodes_of(cluster_id, wanted.cluster) if node.name in seats]
        names_by_site.setdefault(wanted.cluster.site, []).extend(names)
    assigned: dict[str, Mapping[str, str]] = {}
    short: dict[str, str] = {}
    for site_id, names in names_by_site.items():
        site = sites.get(site_id)
        if site is None:
            continue
        others = {pool: taken.get((site_id, pool), frozenset()) for pool in site.address_pools}
        result = assign_addresses(site.address_pools, names, sticky=present, taken=others, fixed=site.fixed_addresses)
        assigned |= result.assigned
        short |= {name: _used_up(site_id, site, pools) for name, pools in result.short.items()}
    return assigned, short


def _used_up(site_id: str, site: Site, pools: Collection[str]) -> str:
    named = listed([f"{pool} ({site.address_pools[pool].prefix})" for pool in pools])
    return f"address pool {named} of site {site_id} has no free address left"
