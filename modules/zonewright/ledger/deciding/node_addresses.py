"""Addresses that a client asks for: what is wrong with those that the pools do not give."""

from collections.abc import Collection, Iterator

from zonewright.ledger.deciding.facts import Facts
from zonewright.model.addresses import address_of
from zonewright.model.demand import Demand
from zonewright.model.expand import nodes_of
from zonewright.place.node_addresses import ByNode
from zonewright.rules.finding import Finding, Participant


def readable(addresses: ByNode) -> ByNode:
    """Those of what a client asks for that are addresses."""
    return {name: {pool: text for pool, text in of.items() if _is_address(text)} for name, of in addresses.items()}


def address_findings(
    facts: Facts, demand: Demand, placed: Collection[str], addresses: ByNode, given: ByNode
) -> Iterator[Finding]:
    """What a client asks for that the pools do not give: the ledger decides, whatever was proposed.

    Args:
        facts: what was gathered.
        demand: what the stack wants.
        placed: names of the nodes that have a place, and for which the pools have an address.
        addresses: what is asked for.
        given: what the pools give.
    """
    for cluster_id, wanted in demand.clusters.items():
        site = facts.sites.get(wanted.cluster.site)
        for node in nodes_of(cluster_id, wanted.cluster):
            asked = addresses.get(node.name, {})
            if site is None or node.name not in placed or asked == given[node.name]:
                continue
            pools = site.pools_for(demand.party)
            for pool in sorted({*pools, *asked}):
                text = asked.get(pool)
                if text is None or text != given[node.name].get(pool):
                    held = pool in pools and text in facts.taken.get((wanted.cluster.site, pool), ())
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
