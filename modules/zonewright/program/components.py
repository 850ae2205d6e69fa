"""The components: a facility's site with its rows, a tenant's cluster with its nodes."""

from collections.abc import Callable, Mapping

import pulumi

from zonewright.ledger.protocol.holding_messages import PoolAddresses
from zonewright.model.asset import AnyAsset, SiteAsset, all_former_names
from zonewright.model.asset_properties import cluster_properties
from zonewright.model.demand import ClusterDemand
from zonewright.model.power import FEEDS
from zonewright.model.rack_position import RackPosition
from zonewright.program.resources import Asset, Node, after
from zonewright.program.values import PlacedNode


class FacilitySite(pulumi.ComponentResource):
    """One site and its rows.

    Attributes:
        resources: all that was registered, by path, for what must wait for them.
    """

    def __init__(
        self,
        name: str,
        *,
        stack_id: str,
        assets: Mapping[str, AnyAsset],
        admission: pulumi.Resource,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("zonewright:index:FacilitySite", name, {}, opts)
        self.resources: dict[str, pulumi.Resource] = {}
        site: pulumi.Resource | None = None
        former = all_former_names(assets)
        for path, asset in sorted(assets.items()):
            waits = [admission] if site is None else [admission, site]
            kind = "Site" if isinstance(asset, SiteAsset) else "Row"
            options = after(self, *waits, was=former.get(path, ()))
            resource = Asset(kind, path, stack_id=stack_id, asset=asset, opts=options)
            site = site or resource
            self.resources[path] = resource
        self.register_outputs({})


def network(
    *,
    stack_id: str,
    assets: Mapping[str, AnyAsset],
    admission: pulumi.Resource,
    options: Callable[..., pulumi.ResourceOptions],
) -> dict[str, pulumi.Resource]:
    """Ducts first, then the links that run through them; all by path.

    Args:
        stack_id: the stack's id.
        assets: all assets of the stack.
        admission: what all of them wait for.
        options: gives the options of a resource that waits for others.
    """
    made: dict[str, dict[str, pulumi.Resource]] = {"duct": {}, "link": {}}
    former = all_former_names(assets)
    for path, asset in sorted(assets.items()):
        if asset.kind in made:
            waits = [admission] if asset.kind == "duct" else [admission, *made["duct"].values()]
            kind = "Duct" if asset.kind == "duct" else "Link"
            opts = options(*waits, was=former.get(path, ()))
            made[asset.kind][path] = Asset(kind, path, stack_id=stack_id, asset=asset, opts=opts)
    return made["duct"] | made["link"]


class TenantCluster(pulumi.ComponentResource):
    """One cluster and its nodes.

    Attributes:
        nodes: its nodes by name, in order.
    """

    nodes: Mapping[str, PlacedNode]

    def __init__(
        self,
        name: str,
        *,
        stack_id: str,
        wanted: ClusterDemand,
        seats: Mapping[str, RackPosition],
        addresses: Mapping[str, PoolAddresses],
        former: Mapping[str, tuple[str, ...]],
        after_resources: tuple[pulumi.Resource, ...],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("zonewright:index:TenantCluster", name, cluster_properties(wanted), opts)
        cluster = wanted.cluster
        feeds = FEEDS if wanted.node_type.power_supplies > 1 else (cluster.feed,)[: wanted.node_type.power_supplies]
        self.nodes = {
            node: PlacedNode(
                name=node,
                cluster=name,
                site=cluster.site,
                node_type=cluster.node_type,
                feeds=feeds,
                pools=tuple(sorted(addresses.get(node, {}))),
                resource=Node(
                    node,
                    stack_id=stack_id,
                    node_type=cluster.node_type,
                    rack=seat.rack,
                    position=seat.position,
                    face=seat.face,
                    addresses=addresses.get(node, {}),
                    opts=after(self, *after_resources, was=former.get(node, ())),
                ),
            )
            for node, seat in sorted(seats.items())
        }
        self.register_outputs({})
