"""Whole racks as a demand: nodes as high as the racks, which fit only where nothing stands yet."""

from collections import Counter
from dataclasses import replace

from zonewright.ledger.deciding.decide import PlacedProposal, offer
from zonewright.ledger.deciding.facts import Facts
from zonewright.ledger.protocol.reservation_messages import RackWish
from zonewright.model import Cluster, NodeType
from zonewright.model.demand import ClusterDemand, Demand

CLUSTER = "reserved"
"""Id of the cluster that stands for the racks."""


def rack_demand(wish: RackWish, *, zone: str, zone_digest: str, party: str, u_height: int) -> Demand:
    """The demand for whole racks of one height.

    Args:
        wish: what is wanted.
        zone: id of the zone.
        zone_digest: of its registered file.
        party: who wants it.
        u_height: of the racks, in rack units.
    """
    each = -(-wish.watts // wish.racks)
    kind = NodeType(
        manufacturer="any",
        model="whole rack",
        u_height=u_height,
        weight_kg=1,
        cooling=wish.cooling,
        maximum_draw=each,
        allocated_draw=each,
    )
    cluster = Cluster(site=wish.site, node_type=CLUSTER, count=wish.racks, rooms=tuple(wish.rooms))
    return Demand(
        zone=zone,
        zone_digest=zone_digest,
        party=party,
        clusters={CLUSTER: ClusterDemand(cluster=cluster, node_type=kind)},
    )


def offer_racks(facts: Facts, demand: Demand, *, stack_id: str, on: str) -> tuple[Demand, PlacedProposal]:
    """Places for whole racks: of the height that most racks of the site have, else of the next.

    Args:
        facts: what was gathered for the demand.
        demand: of any height; what is given back has the height that was found.
        stack_id: for whom.
        on: the day, as ``2026-07-01``.
    """
    wanted = demand.clusters[CLUSTER]
    heights = Counter(rack.u_height for rack in facts.world.racks.values() if rack.site == wanted.cluster.site)
    tried: list[tuple[Demand, PlacedProposal]] = []
    for height, _ in sorted(heights.items(), key=lambda pair: (-pair[1], -pair[0])) or [(wanted.node_type.u_height, 0)]:
        kind = wanted.node_type.model_copy(update={"u_height": height})
        of_height = demand.model_copy(update={"clusters": {CLUSTER: wanted.model_copy(update={"node_type": kind})}})
        racks = {name: rack for name, rack in facts.world.racks.items() if rack.u_height == height}
        found = offer(replace(facts, world=replace(facts.world, racks=racks)), of_height, stack_id=stack_id, on=on)
        tried.append((of_height, found))
        if not any(finding.refuses for finding in found.findings):
            return tried[-1]
    return tried[0]
