"""Node: a server in its place. Moves are updates; only another node type replaces it."""

from collections.abc import Mapping
from typing import Any

from zonewright.ledger.protocol.holding_messages import HoldingKind
from zonewright.provider.resource import STACK_ID, Data, Input
from zonewright.provider.resources.holding import HELD, HoldingResource

_FIELDS: Mapping[str, str] = {
    "nodeType": "node_type_id",
    "rack": "rack",
    "position": "position",
    "face": "face",
    "addresses": "addresses",
}
"""What the ledger calls the inputs that it has."""


class NodeResource(HoldingResource):
    """Exists while its claim is active; acts only under an admitted claim."""

    token = "zonewright:index:Node"  # noqa: S105 - a Pulumi type token
    description = "A server in a rack, under a claim that the stack's Admission made."
    kind: HoldingKind = "node"
    named, drifts = "claim", "rack"
    kept = ("stackId", "claim", "generation")
    inputs: Mapping[str, Input] = {
        "stackId": STACK_ID,
        "claim": Input("string", "name of the claim, which is the host name", replaces=True),
        "nodeType": Input("string", "id of the node type", replaces=True),
        "rack": Input("string", "rack as site/room/row/rack", pattern=r"[^/\s]+(/[^/\s]+){3}"),
        "position": Input("integer", "lowest rack unit, counted from 1 at the bottom", pattern=r"[1-9]\d*"),
        "face": Input("string", "front or rear", pattern="front|rear"),
        "addresses": Input("object", "address with prefix length by pool"),
    }
    outputs: Mapping[str, Input] = {**inputs, **HELD}

    def known(self, data: Data) -> dict[str, Any]:
        """Its type and place."""
        return {here: data[there] for here, there in _FIELDS.items()}

    def expect(self, new: Data) -> dict[str, Any]:
        """It must stand where the claim is."""
        return {there: new[here] for here, there in _FIELDS.items()}
