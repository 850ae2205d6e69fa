"""Networks that a change gives to one tenant, or takes away, while nodes have addresses in them."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from sqlalchemy import Connection, Row

from zonewright.ledger.deciding.site_claims import addresses_of, site_claims
from zonewright.ledger.store.documents import parse_asset
from zonewright.model import Site
from zonewright.model.addresses import address_of
from zonewright.model.asset import SiteAsset
from zonewright.model.demand import Demand
from zonewright.rules.finding import Finding, Participant
from zonewright.rules.words import count_of, listed

_Network = IPv4Network | IPv6Network
NodesThere = Collection[tuple[str, Collection[str]]]


def touches_nodes(before: Site | None, after: Site) -> bool:
    """Whether a change of a site may take a network from nodes that have addresses in it."""
    is_given = bool(networks_of_tenants(after).keys() - networks_of_tenants(before).keys())
    return is_given or bool(networks_taken_away(before, after))


def findings_of_networks(connection: Connection, own: Iterable[Row[Any]], demand: Demand) -> tuple[Finding, ...]:
    """What is wrong with a change of sites' networks; where none of it can take one from a node, nothing is read.

    Args:
        connection: a transaction.
        own: the stack's sites without the change.
        demand: what it wants.
    """
    found = {row.name: parse_asset(row.data) for row in own}
    before = {name: item.site for name, item in found.items() if isinstance(item, SiteAsset)}
    after = {name: item.site for name, item in demand.assets.items() if isinstance(item, SiteAsset)}
    called = {name: next((one for one in (name, *site.was) if one in before), name) for name, site in after.items()}
    touched = {called[name]: name for name, site in after.items() if touches_nodes(before.get(called[name]), site)}
    claims = site_claims(connection, touched) if touched else {}
    return tuple(
        finding
        for known_as, held in claims.items()
        for nodes in ([(row.party, addresses_of(row)) for row in held.rows],)
        for check in (handed_over, taken_away)
        for finding in check(touched[known_as], before.get(known_as), after[touched[known_as]], nodes, demand.party)
    )


def networks_of_tenants(site: Site | None) -> dict[tuple[_Network, str], str]:
    """Pools by network and the tenant that has it for itself.

    Args:
        site: the site; None has none.
    """
    pools = site.address_pools.items() if site is not None else ()
    vlans = site.vlans if site is not None else {}
    kept = ((key, pool, vlans[pool.vlan].tenant) for key, pool in pools if pool.vlan is not None)
    return {(pool.prefix, tenant): key for key, pool, tenant in kept if tenant is not None}


def handed_over(name: str, before: Site | None, after: Site, nodes: NodesThere, party: str) -> Iterator[Finding]:
    """A finding for each pool that becomes a tenant's while nodes of others stay in it, with those in one VLAN.

    Args:
        name: id of the site.
        before: the site without the change.
        after: the site with it.
        nodes: what stands there: the party and the addresses of each node.
        party: whose change it is.
    """
    known = networks_of_tenants(before)
    given = {key: pool for key, pool in networks_of_tenants(after).items() if key not in known}
    for (network, tenant), pool in sorted(given.items(), key=lambda item: item[1]):
        others = _others(nodes, network, tenant)
        if not others:
            continue
        what = f"pool {pool} ({network}) of site {name} would be {tenant}'s alone"
        fix = f"give {tenant} a pool of its own, or wait until the others have left this one"
        yield _in_use(f"{name}/{pool}", f"sites.{name}.address_pools.{pool}", what, others, party=party, fix=fix)


def networks_taken_away(before: Site | None, after: Site) -> dict[str, _Network]:
    """Pools of which a part is in no pool any more, by id before."""
    left = [pool.prefix for pool in after.address_pools.values()]
    pools = before.address_pools.items() if before is not None else ()
    return {key: pool.prefix for key, pool in pools if not any(_lies_in(pool.prefix, one) for one in left)}


def taken_away(name: str, before: Site | None, after: Site, nodes: NodesThere, party: str) -> Iterator[Finding]:
    """A finding for each pool that goes, or becomes smaller, while nodes have addresses that no pool has then.

    Args:
        name: id of the site.
        before: the site without the change.
        after: the site with it.
        nodes: what stands there: the party and the addresses of each node.
        party: whose change it is.
    """
    left = [pool.prefix for pool in after.address_pools.values()]
    for pool, network in sorted(networks_taken_away(before, after).items()):
        holders = _holders(nodes, network, left)
        if holders:
            what = f"site {name} would have no pool any more for addresses of its pool {pool} ({network})"
            fix = "leave the pool as it is until these nodes have left it"
            yield _in_use(f"{name}/{pool}", f"sites.{name}.address_pools", what, holders, party=party, fix=fix)


def _in_use(subject: str, where: str, what: str, holders: Counter[str], *, party: str, fix: str) -> Finding:
    count, whose = holders.total(), listed(sorted(holders))
    has = "has an address in it" if count == 1 else "have addresses in it"
    return Finding(
        rule="pool-in-use",
        level="mandatory",
        subject=subject,
        where=where,
        message=f"{what}, and {count_of(count, 'node')} of {whose} {has}",
        value=count,
        limit=0,
        unit="nodes",
        excess=count,
        participants=(
            Participant(party=party, name=subject.partition("/")[0]),
            *(Participant(party=one, name="") for one in sorted(holders)),
        ),
        fix=fix,
        reference="zonewright, how-to: bring in a facility",
    )


def _others(nodes: NodesThere, network: _Network, tenant: str) -> Counter[str]:
    """How many nodes of each other party have an address in a network; those that leave are still there."""
    return _holders([(party, addresses) for party, addresses in nodes if party != tenant], network, ())


def _holders(nodes: NodesThere, network: _Network, besides: Collection[_Network]) -> Counter[str]:
    """How many nodes of each party have an address in a network, and in none of some others."""
    return Counter(
        party
        for party, addresses in nodes
        if any(one in network and not any(one in other for other in besides) for one in map(address_of, addresses))
    )


def _lies_in(network: _Network, other: _Network) -> bool:
    return (
        network.version == other.version and other.prefixlen <= network.prefixlen and network.network_address in other
    )
