"""Node: a server in its place. Moves are updates; only another node type replaces it."""

from collections.abc import Mapping
from typing import Any

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.messages import ConfirmRequest, HoldingRequest, ReleaseRequest
from zonewright.provider.resource import (
    STACK_ID,
    Data,
    Difference,
    Found,
    Input,
    Session,
    check_inputs,
    compare,
    split_id,
)


class NodeResource:
    """Exists while its claim is active; acts only under an admitted claim."""

    token = "zonewright:index:Node"  # noqa: S105 - a Pulumi type token
    description = "A server in a rack, under a claim that the stack's Admission made."
    inputs: Mapping[str, Input] = {
        "stackId": STACK_ID,
        "claim": Input("string", "name of the claim, which is the host name", replaces=True),
        "nodeType": Input("string", "id of the node type", replaces=True),
        "rack": Input("string", "rack as site/room/row/rack", pattern=r"[^/\s]+(/[^/\s]+){3}"),
        "position": Input("integer", "lowest rack unit, counted from 1 at the bottom", pattern=r"[1-9]\d*"),
        "face": Input("string", "front or rear", pattern="front|rear"),
        "addresses": Input("object", "address with prefix length by pool"),
    }
    outputs: Mapping[str, Input] = {
        **inputs,
        "generation": Input("integer", ("number that the ledger raises with each confirm")),
    }

    def check(
        self, _session: Session, _urn: str, _old: Data | None, new: dict[str, Any], _seed: bytes
    ) -> dict[str, Any]:
        """Plain inputs only; whether the place is right was the Admission's question."""
        return check_inputs(self.inputs, new)

    def diff(self, session: Session, _urn: str, _id: str, old: Data, new: Data) -> Difference:
        """What the declaration changed, or what the Admission found drifted in the ledger."""
        difference = compare(self.inputs, old, new)
        if not difference.changes and new["claim"] in session.memory.drifted:
            return Difference({"rack": "update"})
        return difference

    def create(self, session: Session, _urn: str, new: Data, *, preview: bool) -> tuple[str, Data]:
        """Confirm the claim; doing it again adopts what is there."""
        id_ = f"{new['stackId']}/{new['claim']}"
        return id_, new if preview else {**new, "generation": self._confirm(session, new, generation=0)}

    def _confirm(self, session: Session, new: Data, *, generation: int) -> int:
        request = ConfirmRequest(
            stack_id=new["stackId"],
            kind="node",
            name=new["claim"],
            generation=generation,
            expect={
                "rack": new["rack"],
                "position": new["position"],
                "face": new["face"],
                "node_type_id": new["nodeType"],
                "addresses": new["addresses"],
            },
        )
        return session.ledger.call(verbs.CONFIRM, request).generation

    def read(self, session: Session, id_: str, _last: Found | None) -> Found | None:
        """The claim as the ledger has it, which is also what an import takes."""
        if (parts := split_id(id_)) is None:
            return None
        stack_id, name = parts
        holding = session.ledger.call(verbs.READ, HoldingRequest(stack_id=stack_id, kind="node", name=name)).holding
        if holding is None or holding.state != "active":
            return None
        inputs = {
            "stackId": stack_id,
            "claim": name,
            "nodeType": holding.data["node_type_id"],
            "rack": holding.data["rack"],
            "position": holding.data["position"],
            "face": holding.data["face"],
            "addresses": holding.data["addresses"],
        }
        return Found(id_, inputs, {**inputs, "generation": holding.generation})

    def update(self, session: Session, _urn: str, _id: str, state: Data, new: Data, *, preview: bool) -> Data:
        """Carry the server to its new place; the old place is freed in the same transaction."""
        if preview:
            return {**state, **new}
        return {**new, "generation": self._confirm(session, new, generation=state["generation"])}

    def delete(self, session: Session, _id: str, state: Data) -> None:
        """Free the place, unless the claim has been confirmed again since: then this is a replaced resource."""
        session.ledger.call(
            verbs.RELEASE,
            ReleaseRequest(stack_id=state["stackId"], kind="node", name=state["claim"], generation=state["generation"]),
        )
