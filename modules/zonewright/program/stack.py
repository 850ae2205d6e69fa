"""``Stack``: the component that proposes and admits all that a program declares, in one change."""

from collections.abc import Mapping
from pathlib import Path

import pulumi

from zonewright.declare.load import load_zone
from zonewright.model import Cluster, Declaration, Duct, Link, OwnerFile, Site, Zone
from zonewright.program.call_lines import sources_of_call
from zonewright.program.components import TenantCluster
from zonewright.program.debug_messages import leave_out_debug_messages
from zonewright.program.deployment import deployed
from zonewright.program.ending import ending_the_run
from zonewright.program.left_out import refuse_parts_of_what_is_left_out
from zonewright.program.offering import offered, require
from zonewright.program.run import deploy_once
from zonewright.program.settings import Settings, settings
from zonewright.program.source import calling_frame, stack_traces, user_frame
from zonewright.program.values import Deployment, PlacedNode, PlacedSite


class Stack(pulumi.ComponentResource):
    """All clusters, sites, ducts and links of one party, admitted together or refused together.

    Its parts are plain arguments, never outputs of other resources, because the whole change must be known before it
    can be admitted. A ``Cluster`` is a part of it and has no admission of its own. A program has one stack.

    A program that called ``deploy()`` before may go over to a ``Stack``, but not back: its resources keep their places.

    Args:
        name: name of the component.
        party: id of the party whose stack it is.
        clusters: a tenant's clusters by id.
        sites: a facility operator's sites by id.
        ducts: a network operator's ducts by id.
        links: a network operator's links by id.
        zone: the administrator's file; None reads ``zone.yaml`` beside the file that ``zone:declaration`` names.

    Attributes:
        deployment: all that was registered.

    Raises:
        pulumi.RunError: with all that is wrong; then nothing was registered.

    Example:
        Two servers, and their addresses as an output of the stack::

            stack = zonewright.Stack(
                "shop",
                party="tenant-one",
                clusters={"web": zonewright.Cluster(site="dc1", node_type="one-u", count=2)},
            )
            nodes = stack.clusters["web"].nodes.values()
            pulumi.export("addresses", {node.name: node.ipv4 for node in nodes})
    """

    deployment: Deployment

    def __init__(
        self,
        name: str,
        *,
        party: str,
        clusters: Mapping[str, Cluster] | None = None,
        sites: Mapping[str, Site] | None = None,
        ducts: Mapping[str, Duct] | None = None,
        links: Mapping[str, Link] | None = None,
        zone: Zone | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        frame = calling_frame()
        called_from = user_frame(frame)
        with ending_the_run():
            deploy_once(f"zonewright.Stack('{name}')")
            leave_out_debug_messages()
            refuse_parts_of_what_is_left_out()
            options = settings()
            owner = OwnerFile(
                owner=party,
                sites=dict(sites or {}),
                ducts=dict(ducts or {}),
                links=dict(links or {}),
                clusters=dict(clusters or {}),
            )
            sources = sources_of_call(frame, owner, options.root)
            declaration = Declaration(zone=zone or _zone(options), owners={party: owner}, sources=sources)
            offer = offered(options, declaration)
            with stack_traces(called_from):
                super().__init__("zonewright:index:Stack", name, {}, opts)
            self.deployment = deployed(options, offer, called_from, parent=self)
            self.register_outputs({})

    @property
    def clusters(self) -> Mapping[str, TenantCluster]:
        """The placed clusters by id."""
        return self.deployment.clusters

    @property
    def nodes(self) -> Mapping[str, PlacedNode]:
        """The nodes of all clusters by name."""
        return self.deployment.nodes

    @property
    def sites(self) -> Mapping[str, PlacedSite]:
        """Sites at which the stack has clusters or brings in racks, by id."""
        return self.deployment.sites

    @property
    def admission(self) -> pulumi.CustomResource:
        """The decision on the whole change; what depends on it is made only where the change is admitted."""
        return self.deployment.admission


def _zone(options: Settings) -> Zone:
    """The administrator's file of the zone that the settings name."""
    folder = Path((options.root / options.declaration).parent)
    loaded = load_zone(folder, owners=())
    require(loaded.problems)
    if loaded.declaration is None:
        raise pulumi.RunError(f"{folder} holds no zone.yaml; zone:declaration names a file beside it")
    return loaded.declaration.zone
