"""From a proposal to the text of every configuration; no Pulumi here, so that ``zonewright diff`` needs none."""

import json
from collections.abc import Iterator, Mapping

from zonewright.ledger.messages import Proposal
from zonewright.model import Site
from zonewright.model.demand import Demand, RowAsset, SiteAsset
from zonewright.model.expand import nodes_of
from zonewright.model.surroundings import Surroundings
from zonewright.render import NodeContext, SiteContext, node_context, render_all, site_context


def rendered_files(demand: Demand, proposal: Proposal) -> Mapping[str, str]:
    """Text by path of every configuration of a proposal, in order of path."""
    around = proposal.surroundings
    sites = site_contexts(demand, around) if around is not None else ()
    return render_all([*_nodes(demand, proposal), *sites])


def _nodes(demand: Demand, proposal: Proposal) -> Iterator[NodeContext]:
    sites = {site_id: Site.model_validate_json(json.dumps(data)) for site_id, data in proposal.sites.items()}
    for cluster_id, wanted in demand.clusters.items():
        for node in nodes_of(cluster_id, wanted.cluster):
            seat = proposal.seats.get(node.name)
            if seat is not None and wanted.cluster.site in sites:
                yield node_context(
                    name=node.name,
                    site_id=wanted.cluster.site,
                    site=sites[wanted.cluster.site],
                    rack=seat.rack,
                    position=seat.position,
                    addresses=proposal.addresses.get(node.name, {}),
                )


def site_contexts(demand: Demand, around: Surroundings) -> Iterator[SiteContext]:
    """What the templates of each site of a facility's demand see.

    Args:
        demand: what the facility's stack wants.
        around: the zone around its sites.
    """
    rows = {name: item.row for name, item in demand.assets.items() if isinstance(item, RowAsset)}
    for site_id, item in sorted(demand.assets.items()):
        if isinstance(item, SiteAsset):
            own = {name: row for name, row in rows.items() if name.startswith(f"{site_id}/")}
            yield site_context(name=site_id, site=item.site, rows=own, around=around)


def files_by_site(demand: Demand, manifest: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    """The part of a manifest (digest by path) that each site of a demand gets."""
    sites = {wanted.cluster.site for wanted in demand.clusters.values()}
    sites |= {name for name, item in demand.assets.items() if item.kind == "site"}
    return {
        site: {
            path: digest for path, digest in manifest.items() if path.startswith((f"nodes/{site}/", f"sites/{site}/"))
        }
        for site in sorted(sites)
    }
