"""Nodes without a place, as findings like any other."""

from collections.abc import Collection, Iterator, Mapping

from zonewright.model.demand import Demand
from zonewright.model.expand import Node, nodes_of
from zonewright.rules.finding import Finding, Participant
from zonewright.rules.words import count_of

GONE = "its proposal has expired; run pulumi up again"


def unplaced_findings(demand: Demand, seats: Collection[str], unplaced: Mapping[str, str]) -> Iterator[Finding]:
    """One finding for the nodes of a cluster that have no place or no address for the same reason.

    Args:
        demand: what the stack wants.
        seats: names of the nodes that have one.
        unplaced: the reason by node name.
    """
    for cluster_id, wanted in demand.clusters.items():
        alike: dict[tuple[str, str], list[Node]] = {}
        for node in nodes_of(cluster_id, wanted.cluster):
            if node.name not in seats or node.name in unplaced:
                alike.setdefault((node.path, unplaced.get(node.name, GONE)), []).append(node)
        for (path, reason), nodes in alike.items():
            first = nodes[0].name
            who = f"{first} has" if len(nodes) == 1 else f"{first} and {count_of(len(nodes) - 1, 'other node')} have"
            yield Finding(
                rule="placement",
                level="mandatory",
                subject=first if len(nodes) == 1 else cluster_id,
                where=path,
                message=f"{who} no place: {reason}",
                value=len(nodes),
                limit=0,
                unit="nodes",
                excess=len(nodes),
                participants=tuple(Participant(party=demand.party, name=node.name) for node in nodes),
                fix="ask for fewer or smaller nodes, allow more rooms, or choose another site",
                reference="zonewright, how-to: read a finding",
            )
