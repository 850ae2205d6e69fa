"""Nodes without a place, as findings like any other."""

from collections.abc import Collection, Iterator, Mapping

from zonewright.model.demand import Demand
from zonewright.model.expand import nodes_of
from zonewright.rules.finding import Finding, Participant

GONE = "the proposal it was made from is gone; run pulumi up again"


def unplaced_findings(demand: Demand, seats: Collection[str], unplaced: Mapping[str, str]) -> Iterator[Finding]:
    """One finding for each node of a demand that has no seat or no address.

    Args:
        demand: what the stack wants.
        seats: names of the nodes that have one.
        unplaced: the reason by node name.
    """
    for cluster_id, wanted in demand.clusters.items():
        for node in nodes_of(cluster_id, wanted.cluster):
            if node.name in seats and node.name not in unplaced:
                continue
            yield Finding(
                rule="placement",
                level="mandatory",
                subject=node.name,
                where=node.path,
                message=f"{node.name} has no place: {unplaced.get(node.name, GONE)}",
                value=1,
                limit=0,
                unit="nodes",
                excess=1,
                participants=(Participant(party=demand.party, name=node.name),),
                fix="ask for fewer or smaller nodes, allow more rooms, or choose another site",
                reference="zonewright, how-to: read a finding",
            )
