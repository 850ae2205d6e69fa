"""Resources of a stack as the program registers them, and as a policy pack gets them."""

import json
from collections.abc import Iterator
from typing import Any

from zonewright.ledger.protocol.admission_messages import Proposal
from zonewright.ledger.protocol.change import place_text
from zonewright.model.asset import asset_text
from zonewright.model.asset_properties import asset_properties, cluster_properties
from zonewright.model.canonical import digest_of
from zonewright.model.demand import Demand
from zonewright.model.expand import nodes_of
from zonewright.policy.stack_resources import StackResource

RENDERED = digest_of("{}")


def registered(demand: Demand, proposal: Proposal, *, stack_id: str, ledger: str) -> list[StackResource]:
    """What a program registers for a proposal: its Admission, assets, clusters and nodes."""
    return [
        StackResource(
            type=f"zonewright:index:{kind}",
            name=name,
            urn=f"urn:pulumi:t::p::zonewright:index:{kind}::{name}",
            properties=json.loads(json.dumps({"stackId": stack_id, **properties})),
            ledger=ledger,
        )
        for kind, name, properties in _registered(demand, proposal)
    ]


def _registered(demand: Demand, proposal: Proposal) -> Iterator[tuple[str, str, dict[str, Any]]]:
    places = {name: place_text(seat, proposal.addresses.get(name, {})) for name, seat in proposal.seats.items()}
    digests = {"demandDigest": proposal.demand_digest, "renderedDigest": RENDERED}
    yield "Admission", "admission", {"party": demand.party, "lineage": "", "places": places, **digests}
    for path, asset in demand.assets.items():
        shown = {"asset": path, "digest": digest_of(asset_text(asset)), **asset_properties(asset)}
        yield asset.kind.capitalize(), path, shown
    for cluster_id, wanted in demand.clusters.items():
        yield "TenantCluster", cluster_id, cluster_properties(wanted)
        for node in nodes_of(cluster_id, wanted.cluster):
            seat = proposal.seats.get(node.name)
            if seat is not None:
                place = {"rack": seat.rack, "position": seat.position, "face": seat.face}
                addresses = dict(proposal.addresses.get(node.name, {}))
                node_type = wanted.cluster.node_type
                yield "Node", node.name, {"claim": node.name, "nodeType": node_type, **place, "addresses": addresses}
