"""From a proposal to the text of every configuration; no Pulumi here, so that ``zonewright diff`` needs none."""

import json
from collections.abc import Mapping

from zonewright.ledger.messages import Proposal
from zonewright.model import Site
from zonewright.model.demand import Demand
from zonewright.model.expand import nodes_of
from zonewright.render import node_context, render_nodes


def rendered_files(demand: Demand, proposal: Proposal) -> Mapping[str, str]:
    """Text by path of every configuration of a proposal, in order of path."""
    contexts = []
    sites = {site_id: Site.model_validate_json(json.dumps(data)) for site_id, data in proposal.sites.items()}
    for cluster_id, wanted in demand.clusters.items():
        for node in nodes_of(cluster_id, wanted.cluster):
            seat = proposal.seats.get(node.name)
            if seat is not None and wanted.cluster.site in sites:
                contexts.append(
                    node_context(
                        name=node.name,
                        site_id=wanted.cluster.site,
                        site=sites[wanted.cluster.site],
                        rack=seat.rack,
                        position=seat.position,
                        addresses=proposal.addresses.get(node.name, {}),
                    )
                )
    return render_nodes(contexts)


def files_by_site(demand: Demand, manifest: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    """The part of a manifest (digest by path) that each site of a demand gets."""
    sites = sorted({wanted.cluster.site for wanted in demand.clusters.values()})
    return {
        site: {path: digest for path, digest in manifest.items() if path.startswith(f"nodes/{site}/")} for site in sites
    }
