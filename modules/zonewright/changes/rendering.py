"""From a proposal to the text of every configuration; no Pulumi here, so that ``zonewright diff`` needs none."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from zonewright.ledger.protocol.admission_messages import Proposal
from zonewright.model import Site
from zonewright.model.asset import RowAsset, SiteAsset
from zonewright.model.demand import Demand
from zonewright.model.expand import nodes_of
from zonewright.model.former_names import FormerNames
from zonewright.model.surroundings import Surroundings
from zonewright.render import NodeContext, SiteContext, node_context, render_all, site_context
from zonewright.render.contexts.group_context import GroupContext, group_contexts
from zonewright.render.contexts.node_view import fellows_of, site_view
from zonewright.render.contexts.related import BmcOfNode, bmc_of_node, by_rack
from zonewright.render.contexts.serials import numbered_group, numbered_site
from zonewright.render.contexts.switch_sides import CabledNode
from zonewright.render.formats.format import AnyContext
from zonewright.render.formats.format_set import BUILT_IN, FormatSet


def rendered_files(demand: Demand, proposal: Proposal, formats: FormatSet = BUILT_IN) -> Mapping[str, str]:
    """Text by path of every configuration of a proposal, in order of path.

    Args:
        demand: what the stack wants.
        proposal: what the ledger offers for it.
        formats: the zone's formats.
    """
    return render_all(contexts_of(demand, proposal), formats)


def contexts_of(demand: Demand, proposal: Proposal) -> list[AnyContext]:
    """What the templates see of everything that a stack has, with what others renamed called as it is now."""
    demand = FormerNames(proposal.former).demand(demand)
    around = proposal.surroundings
    sites = site_contexts(demand, around) if around is not None else ()
    held = {site_id: Site.part(data) for site_id, data in proposal.sites.items()}
    nodes = list(_nodes(demand, proposal, held))
    groups = (numbered_group(one, proposal.serials) for one in _groups(demand, proposal, held, nodes))
    return [*nodes, *groups, *(numbered_site(one, proposal.serials) for one in sites)]


def _nodes(demand: Demand, proposal: Proposal, sites: Mapping[str, Site]) -> Iterator[NodeContext]:
    fellows = fellows_of(proposal.addresses.values())
    views = {
        site_id: site_view(
            site_id=site_id, site=site, party=demand.party, fellows=fellows, around=proposal.surroundings
        )
        for site_id, site in sites.items()
    }
    racks = by_rack((name, seat.rack, seat.position) for name, seat in proposal.seats.items())
    for cluster_id, wanted in demand.clusters.items():
        for node in nodes_of(cluster_id, wanted.cluster):
            seat = proposal.seats.get(node.name)
            if seat is not None and wanted.cluster.site in views:
                yield node_context(
                    name=node.name,
                    view=views[wanted.cluster.site],
                    rack=seat.rack,
                    position=seat.position,
                    addresses=proposal.addresses.get(node.name, {}),
                    power_max_w=wanted.node_type.maximum_draw,
                    node_type=wanted.node_type,
                    mac_addresses=node.chosen.mac_addresses if node.chosen is not None else None,
                    cluster=cluster_id,
                    in_rack=racks[seat.rack],
                )


def _groups(
    demand: Demand, proposal: Proposal, sites: Mapping[str, Site], nodes: Iterable[NodeContext]
) -> Iterator[GroupContext]:
    addresses = {
        site_id: {
            node.name: proposal.addresses.get(node.name, {})
            for cluster_id, wanted in demand.clusters.items()
            if wanted.cluster.site == site_id
            for node in nodes_of(cluster_id, wanted.cluster)
            if node.name in proposal.seats
        }
        for site_id in sites
    }
    cabled: dict[str, list[CabledNode]] = defaultdict(list)
    bmcs: dict[str, list[BmcOfNode]] = defaultdict(list)
    types = {
        node.name: wanted.node_type
        for cluster_id, wanted in demand.clusters.items()
        if wanted.node_type.bmc is not None
        for node in nodes_of(cluster_id, wanted.cluster)
    }
    for node in nodes:
        held = types.get(node.name)
        if held is not None and held.bmc is not None:
            bmcs[node.site].append(
                bmc_of_node(
                    held.bmc,
                    name=node.name,
                    party=node.party,
                    rack=node.rack,
                    position=node.position,
                    allocated_w=held.allocated_draw,
                    time_servers=node.time_servers,
                )
            )
        rack = node.rack.partition("/")[2]
        cabled[node.site].append(
            CabledNode(name=node.name, rack=rack, position=node.position, bonds=node.bonds, vlans=node.vlans)
        )
    yield from group_contexts(
        party=demand.party, sites=sites, addresses=addresses, around=proposal.surroundings, cabled=cabled, bmcs=bmcs
    )


def site_contexts(demand: Demand, around: Surroundings) -> Iterator[SiteContext]:
    """What the templates of each site of a facility's demand see, and those of second routers and servers.

    Args:
        demand: what the facility's stack wants.
        around: the zone around its sites.
    """
    rows = {name: item.row for name, item in demand.assets.items() if isinstance(item, RowAsset)}
    for site_id, item in sorted(demand.assets.items()):
        if isinstance(item, SiteAsset):
            own = {name: row for name, row in rows.items() if name.startswith(f"{site_id}/")}
            yield site_context(name=site_id, site=item.site, rows=own, around=around)
            if item.site.second_router is not None:
                yield site_context(name=site_id, site=item.site, rows={}, around=around, is_second=True)
            if item.site.second_dhcp_server is not None:
                server = item.site.second_dhcp_server.name
                yield site_context(name=site_id, site=item.site, rows={}, around=around, server=server)


_FOLDERS = frozenset({"nodes", "sites", "groups", "routers", "servers"})
"""In which the files of sites are, each in a folder of its own."""


def files_by_site(demand: Demand, manifest: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    """The part of a manifest (digest by path) that each site of a demand gets."""
    sites = {wanted.cluster.site for wanted in demand.clusters.values()}
    sites |= {name for name, item in demand.assets.items() if item.kind == "site"}
    found: dict[str, dict[str, str]] = {site: {} for site in sorted(sites)}
    folders = {f"{folder}/{site}/": files for site, files in found.items() for folder in _FOLDERS}
    for path, digest in manifest.items():
        end = path.find("/", path.find("/") + 1) + 1
        if end < len(path) and (files := folders.get(path[:end])) is not None:
            files[path] = digest
    return found
