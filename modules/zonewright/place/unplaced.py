"""Nodes without a place or without an address, as findings like any other."""

from collections.abc import Collection, Iterator, Mapping

from zonewright.model.demand import Demand
from zonewright.model.expand import Node, nodes_of
from zonewright.rules.finding import Finding, Participant
from zonewright.rules.words import count_of

GONE = "its proposal has expired; run pulumi up again"

_NO_PLACE_FIX = "ask for fewer or smaller nodes, allow more rooms, or choose another site"
_NO_SPREAD_FIX = "ask for fewer nodes or for less spread, or choose another site"
_SPREAD = "can take it: short of spread in "
"""How a reason begins when what most racks lack is spread: there smaller nodes would not help."""
NOT_BROUGHT_IN = "is not in the ledger yet"
"""How a reason says that nobody has brought the site in: no smaller wish would help."""
_NOT_BROUGHT_IN_FIX = "have the site's operator run up first, or correct the name of the site"
_NO_ADDRESS_FIX = "ask for fewer nodes, choose another site, or ask the site's operator for a larger pool"


def unplaced_findings(demand: Demand, seats: Collection[str], unplaced: Mapping[str, str]) -> Iterator[Finding]:
    """One finding for the nodes of a cluster that have no place for the same reason.

    Args:
        demand: what the stack wants.
        seats: names of the nodes that have one.
        unplaced: the reason by node name.
    """
    names = (node.name for id_, wanted in demand.clusters.items() for node in nodes_of(id_, wanted.cluster))
    reasons = {name: unplaced.get(name, GONE) for name in names if name not in seats or name in unplaced}
    yield from _lacking(demand, reasons, what="place", fix=_NO_PLACE_FIX)


def short_findings(demand: Demand, short: Mapping[str, str]) -> Iterator[Finding]:
    """One finding for the nodes of a cluster that a pool of their site has no address for.

    Args:
        demand: what the stack wants.
        short: the reason by node name.
    """
    yield from _lacking(demand, short, what="address", fix=_NO_ADDRESS_FIX)


def _lacking(demand: Demand, reasons: Mapping[str, str], *, what: str, fix: str) -> Iterator[Finding]:
    for cluster_id, wanted in demand.clusters.items():
        alike: dict[tuple[str, str], list[Node]] = {}
        for node in nodes_of(cluster_id, wanted.cluster):
            if node.name in reasons:
                alike.setdefault((node.path, reasons[node.name]), []).append(node)
        for (path, reason), nodes in alike.items():
            first = nodes[0].name
            who = f"{first} has" if len(nodes) == 1 else f"{first} and {count_of(len(nodes) - 1, 'other node')} have"
            yield Finding(
                rule="placement",
                level="mandatory",
                subject=first if len(nodes) == 1 else cluster_id,
                where=path,
                message=f"{who} no {what}: {reason}",
                value=len(nodes),
                limit=0,
                unit="nodes",
                excess=len(nodes),
                participants=tuple(Participant(party=demand.party, name=node.name) for node in nodes),
                fix=_fix(reason, fix),
                reference="zonewright, how-to: read a finding",
            )


def _fix(reason: str, usual: str) -> str:
    """What helps against a reason."""
    if NOT_BROUGHT_IN in reason:
        return _NOT_BROUGHT_IN_FIX
    return _NO_SPREAD_FIX if _SPREAD in reason else usual
