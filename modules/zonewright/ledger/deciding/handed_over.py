"""Networks that a change gives to one tenant while nodes of others have addresses in them."""

from collections import Counter
from collections.abc import Collection, Iterator
from ipaddress import IPv4Network, IPv6Network

from zonewright.model import Site
from zonewright.model.addresses import address_of
from zonewright.rules.finding import Finding, Participant
from zonewright.rules.words import count_of, listed

_Network = IPv4Network | IPv6Network
NodesThere = Collection[tuple[str, Collection[str]]]


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
        count, whose = others.total(), listed(sorted(others))
        yield Finding(
            rule="pool-in-use",
            level="mandatory",
            subject=f"{name}/{pool}",
            where=f"sites.{name}.address_pools.{pool}",
            message=(
                f"pool {pool} ({network}) of site {name} would be {tenant}'s alone, and {count_of(count, 'node')} of "
                f"{whose} {'has' if count == 1 else 'have'} an address in it"
            ),
            value=count,
            limit=0,
            unit="nodes",
            excess=count,
            participants=(
                Participant(party=party, name=name),
                *(Participant(party=one, name="") for one in sorted(others)),
            ),
            fix=f"give {tenant} a pool of its own, or wait until the others have left this one",
            reference="zonewright, how-to: bring in a facility",
        )


def _others(nodes: NodesThere, network: _Network, tenant: str) -> Counter[str]:
    """How many nodes of each other party have an address in a network; those that leave are still there."""
    return Counter(
        party
        for party, addresses in nodes
        if party != tenant and any(address_of(text) in network for text in addresses)
    )
