"""The two components: a facility's site with its rows, a tenant's cluster with its nodes."""

from collections.abc import Mapping

import pulumi

from zonewright.ledger.protocol.holding_messages import PoolAddresses
from zonewright.model.canonical import digest_of
from zonewright.model.demand import AnyAsset, SiteAsset, asset_summary, asset_text
from zonewright.model.rack_position import RackPosition
from zonewright.program.resources import Asset, Node, after


class FacilitySite(pulumi.ComponentResource):
    """One site and its rows.

    Attributes:
        resources: all that was registered, for what must wait for them.
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
        self.resources: list[pulumi.Resource] = []
        site: pulumi.Resource | None = None
        for path, asset in sorted(assets.items()):
            waits = [admission] if site is None else [admission, site]
            resource = Asset(
                "Site" if isinstance(asset, SiteAsset) else "Row",
                path,
                stack_id=stack_id,
                digest=digest_of(asset_text(asset)),
                summary=asset_summary(asset),
                opts=after(self, *waits),
            )
            site = site or resource
            self.resources.append(resource)
        self.register_outputs({})


def network(
    *, stack_id: str, assets: Mapping[str, AnyAsset], admission: pulumi.Resource, provider: pulumi.ProviderResource
) -> list[pulumi.Resource]:
    """Ducts first, then the links that run through them."""
    ducts: list[pulumi.Resource] = []
    links: list[pulumi.Resource] = []
    for path, asset in sorted(assets.items()):
        if asset.kind in ("duct", "link"):
            waits = [admission] if asset.kind == "duct" else [admission, *ducts]
            resource = Asset(
                "Duct" if asset.kind == "duct" else "Link",
                path,
                stack_id=stack_id,
                digest=digest_of(asset_text(asset)),
                summary=asset_summary(asset),
                opts=pulumi.ResourceOptions(provider=provider, depends_on=waits),
            )
            (ducts if asset.kind == "duct" else links).append(resource)
    return [*ducts, *links]


class TenantCluster(pulumi.ComponentResource):
    """One cluster and its nodes.

    Attributes:
        resources: the nodes, for what must wait for them.
    """

    def __init__(
        self,
        name: str,
        *,
        stack_id: str,
        node_type: str,
        seats: Mapping[str, RackPosition],
        addresses: Mapping[str, PoolAddresses],
        after_resources: tuple[pulumi.Resource, ...],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("zonewright:index:TenantCluster", name, {}, opts)
        self.resources: list[pulumi.Resource] = [
            Node(
                node,
                stack_id=stack_id,
                node_type=node_type,
                rack=seat.rack,
                position=seat.position,
                face=seat.face,
                addresses=addresses.get(node, {}),
                opts=after(self, *after_resources),
            )
            for node, seat in sorted(seats.items())
        ]
        self.register_outputs({})
