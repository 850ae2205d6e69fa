"""Addresses of a change's nodes: which ones the pools of their sites give, and what is wrong with others."""

from collections.abc import Iterator, Mapping

from zonewright.ledger.deciding.facts import Facts
from zonewright.model.addresses import address_of
from zonewright.model.demand import Demand
from zonewright.model.expand import nodes_of
from zonewright.model.rack_position import RackPosition
from zonewright.place import assign_addresses
from zonewright.rules.finding import Finding, Participant

ByNode = Mapping[str, Mapping[str, str]]
"""Address with prefix length by node name and pool id."""


def given_addresses(
    facts: Facts, demand: Demand, seats: Mapping[str, RackPosition], present: ByNode
) -> tuple[dict[str, Mapping[str, str]], dict[str, str]]:
    """Addresses by node, and a sentence for each node whose pool is used up.

    Args:
        facts: what was gathered.
        demand: what the stack wants.
        seats: places by node name; nodes without one get no address.
        present: addresses that are kept, as long as the pool still gives them.
    """
    names_by_site: dict[str, list[str]] = {}
    for cluster_id, wanted in demand.clusters.items():
        names = [node.name for node in nodes_of(cluster_id, wanted.cluster) if node.name in seats]
        names_by_site.setdefault(wanted.cluster.site, []).extend(names)
    assigned: dict[str, Mapping[str, str]] = {}
    short: dict[str, str] = {}
    for site_id, names in names_by_site.items():
        site = facts.sites.get(site_id)
        if site is None:
            continue
        taken = {pool: facts.taken.get((site_id, pool), frozenset()) for pool in site.address_pools}
        result = assign_addresses(site.address_pools, names, sticky=present, taken=taken, fixed=site.fixed_addresses)
        assigned |= result.assigned
        short |= dict.fromkeys(result.short, f"an address pool of site {site_id} has no free address left")
    return assigned, short


def address_findings(
    facts: Facts, demand: Demand, seats: Mapping[str, RackPosition], addresses: ByNode, unplaced: Mapping[str, str]
) -> Iterator[Finding]:
    """What a client asks for that the pools do not give: the ledger decides, whatever was proposed.

    Args:
        facts: what was gathered.
        demand: what the stack wants.
        seats: places by node name.
        addresses: what is asked for.
        unplaced: the reason by node name of those that have no address; other findings tell that.
    """
    readable = {name: {pool: text for pool, text in of.items() if _is_address(text)} for name, of in addresses.items()}
    given, short = given_addresses(facts, demand, seats, readable)
    for cluster_id, wanted in demand.clusters.items():
        site = facts.sites.get(wanted.cluster.site)
        for node in nodes_of(cluster_id, wanted.cluster):
            if node.name in short and node.name in seats and node.name not in unplaced:
                yield _wrong(demand.party, node.name, node.path, f"it has no address: {short[node.name]}")
                continue
            asked = addresses.get(node.name, {})
            if site is None or node.name not in seats or node.name in unplaced or asked == given[node.name]:
                continue
            for pool in sorted({*site.address_pools, *asked}):
                text = asked.get(pool)
                if text is None or text != given[node.name].get(pool):
                    held = text in facts.taken.get((wanted.cluster.site, pool), ())
                    yield _wrong(demand.party, node.name, node.path, _why(pool, text, is_held=held))


def _why(pool: str, text: str | None, *, is_held: bool) -> str:
    if text is None:
        return f"it has no address of pool {pool}"
    if is_held:
        return f"address {text} of pool {pool} was given to another node since the proposal was made"
    return (
        f"address {text} is none that pool {pool} gives to a node: expected a free one of its hosts with its prefix "
        "length, each for one node"
    )


def _wrong(party: str, name: str, path: str, message: str) -> Finding:
    return Finding(
        rule="address-unique",
        level="mandatory",
        subject=name,
        where=path,
        message=message,
        participants=(Participant(party=party, name=name),),
        fix="run pulumi up again: it asks for a new proposal",
        reference="RFC 5227",
    )


def _is_address(text: str) -> bool:
    try:
        address_of(text.partition("/")[0])
    except ValueError:
        return False
    return True
