"""Site, Row, Duct and Link: what operators bring in. Racks and feeds are data of the row, not resources."""

from collections.abc import Mapping

from zonewright.ledger.protocol.holding_messages import HoldingKind
from zonewright.provider.resource import STACK_ID, Input
from zonewright.provider.resources.holding import HELD, HoldingResource


class AssetResource(HoldingResource):
    """What all assets have in common; from the confirm on others may place on it."""

    token: str
    description: str
    named, drifts, expected = "asset", "digest", ("digest",)
    fields: Mapping[str, str] = {"digest": "digest", "summary": "summary"}
    inputs: Mapping[str, Input] = {
        "stackId": STACK_ID,
        "asset": Input("string", "path of the asset, such as qp-dc1/a/01 or links/l03", replaces=True),
        "digest": Input("string", "digest of its declaration"),
        "summary": Input("string", "what it is, in one line"),
    }
    outputs: Mapping[str, Input] = {**inputs, **HELD}


class SiteResource(AssetResource):
    """A data centre or an edge site."""

    token = "zonewright:index:Site"  # noqa: S105 - a Pulumi type token
    description = "A data centre or edge site that its operator brings into the zone."
    kind: HoldingKind = "site"


class DuctResource(AssetResource):
    """A duct with its bores."""

    token = "zonewright:index:Duct"  # noqa: S105 - a Pulumi type token
    description = "A duct segment that a network operator brings into the zone."
    kind: HoldingKind = "duct"


class LinkResource(AssetResource):
    """A fibre link between two sites."""

    token = "zonewright:index:Link"  # noqa: S105 - a Pulumi type token
    description = "A fibre link between two sites, through one bore of each of its ducts."
    kind: HoldingKind = "link"


class RowResource(AssetResource):
    """A row of racks with their feeds."""

    token = "zonewright:index:Row"  # noqa: S105 - a Pulumi type token
    description = "A row of racks. The racks and their feeds are data of the row."
    kind: HoldingKind = "row"
