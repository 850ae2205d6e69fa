"""From an offer to registered resources, in the order in which the engine is to make them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi

from zonewright.ledger.protocol.admission_messages import Proposal
from zonewright.ledger.protocol.change import change_digest, place_text
from zonewright.model.asset import SiteAsset, former_assets
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.demand import ClusterDemand, Demand
from zonewright.model.expand import Node, default_name, nodes_of
from zonewright.program.components import FacilitySite, TenantCluster, network
from zonewright.program.offering import OfferedChange
from zonewright.program.resources import (
    Admission,
    AgentDeployment,
    Completion,
    ConfigurationDeployment,
    Enrolment,
    Provider,
    SiteConfig,
)
from zonewright.program.settings import Settings

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What was registered.

    Attributes:
        admission: the decision on the change.
        completion: registered last; it depends on all others.
        clusters: by id.
        assets: sites, rows, ducts and links by path.
    """

    admission: Admission
    completion: Completion
    clusters: Mapping[str, TenantCluster]
    assets: Mapping[str, pulumi.Resource]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Where:
    """What all resources of a stack have in common."""

    settings: Settings
    provider: Provider
    parent: pulumi.Resource | None

    def custom(self, *after: pulumi.Resource, was: tuple[str, ...] = ()) -> pulumi.ResourceOptions:
        """Options of a resource that is made after others, and may have had other names before."""
        return pulumi.ResourceOptions(
            provider=self.provider, depends_on=list(after), parent=self.parent, aliases=self._aliases(was)
        )

    def component(self, was: tuple[str, ...] = ()) -> pulumi.ResourceOptions:
        """Options of a component, which may have had other names before."""
        return pulumi.ResourceOptions(providers=[self.provider], parent=self.parent, aliases=self._aliases(was))

    def _aliases(self, was: tuple[str, ...] = ()) -> list[pulumi.Input[str | pulumi.Alias]] | None:
        """What ``deploy()`` had registered keeps its place when it becomes part of a ``Stack``, or is renamed."""
        found: list[pulumi.Input[str | pulumi.Alias]] = [pulumi.Alias(name=name) for name in was]
        if self.parent is not None and pulumi.runtime.get_root_resource() is not None:  # not of another language
            root = pulumi.ROOT_STACK_RESOURCE
            found += [pulumi.Alias(parent=root), *(pulumi.Alias(name=name, parent=root) for name in was)]
        return found or None


def register(options: Settings, offer: OfferedChange, provider: Provider, parent: pulumi.Resource | None) -> Registered:
    """Register all resources of a stack.

    Args:
        options: the stack's settings.
        offer: what is to be registered.
        provider: the provider of all of them.
        parent: the component that they are part of; None for the stack itself.
    """
    where = _Where(settings=options, provider=provider, parent=parent)
    demand, proposal, stack_id = offer.demand, offer.proposal, options.stack_id
    sites = _former_sites(demand, proposal)
    enrolment = Enrolment("enrolment", stack_id=stack_id, party=demand.party, opts=where.custom())
    rendered_digest = digest_of(canonical_json(offer.manifest))
    _say_what_changed(proposal)
    admission = Admission(
        "admission",
        stack_id=stack_id,
        party=demand.party,
        lineage=enrolment.lineage,
        demand_digest=proposal.demand_digest,
        places={name: place_text(seat, proposal.addresses.get(name, {})) for name, seat in proposal.seats.items()},
        rendered_digest=rendered_digest,
        opts=where.custom(enrolment),
    )
    assets = _facilities(where, demand, admission)
    assets |= network(stack_id=stack_id, assets=demand.assets, admission=admission, options=where.custom)
    waits: list[pulumi.Resource] = [admission, *assets.values()]
    clusters = _clusters(where, demand, proposal, tuple(waits))
    waits += [node.resource for cluster in clusters.values() for node in cluster.nodes.values()]
    for site, files in offer.files.items():
        options_of = where.custom(admission, was=sites.get(site, ()))
        config = SiteConfig(site, stack_id=stack_id, files=files.digests, sizes=files.sizes, opts=options_of)
        if files.news:
            pulumi.log.info(f"files of {site}: {files.news}", resource=config)
        waits.append(config)
    waits += _agents(where, offer, tuple(waits), sites)
    waits += _configurations(where, offer, tuple(waits), sites)
    completion = Completion(
        "completion",
        stack_id=stack_id,
        change_digest=change_digest(proposal.demand_digest, proposal.seats, proposal.addresses, rendered_digest),
        opts=where.custom(*waits),
    )
    return Registered(admission=admission, completion=completion, clusters=clusters, assets=assets)


def _facilities(where: _Where, demand: Demand, admission: pulumi.Resource) -> dict[str, pulumi.Resource]:
    registered: dict[str, pulumi.Resource] = {}
    for site_id in sorted(name for name in demand.assets if "/" not in name):
        own = {path: asset for path, asset in demand.assets.items() if path.split("/", 1)[0] == site_id}
        site = FacilitySite(
            site_id,
            stack_id=where.settings.stack_id,
            assets=own,
            admission=admission,
            opts=where.component(was=former_assets(own).get(site_id, ())),
        )
        registered |= site.resources
    return registered


def _clusters(
    where: _Where, demand: Demand, proposal: Proposal, waits: tuple[pulumi.Resource, ...]
) -> dict[str, TenantCluster]:
    registered: dict[str, TenantCluster] = {}
    for cluster_id, wanted in sorted(demand.clusters.items()):
        nodes = nodes_of(cluster_id, wanted.cluster)
        registered[cluster_id] = TenantCluster(
            cluster_id,
            stack_id=where.settings.stack_id,
            wanted=wanted,
            seats={node.name: proposal.seats[node.name] for node in nodes if node.name in proposal.seats},
            addresses=proposal.addresses,
            former={node.name: former_names(cluster_id, wanted, node, proposal) for node in nodes},
            after_resources=waits,
            opts=where.component(wanted.cluster.was),
        )
    return registered


def former_names(cluster_id: str, wanted: ClusterDemand, node: Node, proposal: Proposal) -> tuple[str, ...]:
    """Names that the resource of a node may have in the state: as the ledger says, and as a killed run left it.

    Args:
        cluster_id: id of its cluster.
        wanted: the cluster.
        node: the node.
        proposal: what the ledger offers, with what it calls by another name.
    """
    known = [proposal.renamed[node.name]] if node.name in proposal.renamed else []
    ids = wanted.cluster.was if node.number not in wanted.cluster.names else (cluster_id, *wanted.cluster.was)
    known += wanted.cluster.former_nodes.get(node.number, ())
    found = dict.fromkeys([*known, *(default_name(one, node.number) for one in ids)])
    return tuple(one for one in found if one not in proposal.seats)  # what another node is called is not its


def _former_sites(demand: Demand, proposal: Proposal) -> dict[str, tuple[str, ...]]:
    """Names that resources of a site may have in the state: those that it had, by its own file or by the ledger."""
    found = {name: asset.site.was for name, asset in demand.assets.items() if isinstance(asset, SiteAsset)}
    for old, now in sorted(proposal.former.items()):
        found[now] = (*found.get(now, ()), old)
    return found


def _agents(
    where: _Where, offer: OfferedChange, waits: tuple[pulumi.Resource, ...], former: Mapping[str, tuple[str, ...]]
) -> list[pulumi.Resource]:
    if offer.agents is None:
        return []
    return [
        AgentDeployment(
            site,
            stack_id=where.settings.stack_id,
            fleet=where.settings.fleet,
            release=offer.agents.release,
            hosts=hosts,
            opts=where.custom(*waits, was=former.get(site, ())),
        )
        for site, hosts in offer.agents.hosts.items()
    ]


def _configurations(
    where: _Where, offer: OfferedChange, waits: tuple[pulumi.Resource, ...], former: Mapping[str, tuple[str, ...]]
) -> list[pulumi.Resource]:
    """Files in force on hosts: after they were handed over, and not while agents are rolled out to the same hosts."""
    found, options = offer.configurations, where.settings
    if found is None:
        return []
    return [
        ConfigurationDeployment(
            site,
            stack_id=options.stack_id,
            fleet=options.configurations,
            zone=Path(options.declaration).parent.as_posix(),
            files=offer.files[site].digests,
            settings_digest=found.settings_digest,
            hosts=hosts,
            opts=where.custom(*waits, was=former.get(site, ())),
        )
        for site, hosts in found.hosts.items()
    ]


def _say_what_changed(proposal: Proposal) -> None:
    """Which places are others than in the last preview, before the Admission that a saved plan may not let pass."""
    if proposal.changed:
        lines = [
            f"  {name}: {old or 'no place'} -> {new or 'no place'}"
            for name, (old, new) in list(proposal.changed.items())[:_SHOWN]
        ]
        more = len(proposal.changed) - len(lines)
        count = "1 place differs" if len(proposal.changed) == 1 else f"{len(proposal.changed)} places differ"
        pulumi.log.warn(
            f"{count} from the last preview, because others took places since then; a plan that was saved before no "
            "longer fits: save one again with pulumi preview --save-plan\n"
            + "\n".join([*lines, *([f"  and {more} more"] if more else [])])
        )
