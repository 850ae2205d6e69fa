"""Site, Row, Duct and Link: what operators bring in. Racks and feeds are data of the row, not resources."""

from collections.abc import Mapping
from typing import Any

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.messages import ConfirmRequest, HoldingRequest, Kind, ReleaseRequest
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


class AssetResource:
    """The life that all assets have in common."""

    token: str
    description: str
    kind: Kind
    inputs: Mapping[str, Input] = {
        "stackId": STACK_ID,
        "asset": Input("string", "path of the asset, such as qp-dc1/a/01 or links/l03", replaces=True),
        "digest": Input("string", "digest of its declaration"),
        "summary": Input("string", "what it is, in one line"),
    }
    outputs: Mapping[str, Input] = {
        **inputs,
        "generation": Input("integer", ("number that the ledger raises with each confirm")),
    }

    def check(
        self, _session: Session, _urn: str, _old: Data | None, new: dict[str, Any], _seed: bytes
    ) -> dict[str, Any]:
        """Plain inputs only."""
        return check_inputs(self.inputs, new)

    def diff(self, session: Session, _urn: str, _id: str, old: Data, new: Data) -> Difference:
        """What the declaration changed, or what the Admission found drifted in the ledger."""
        difference = compare(self.inputs, old, new)
        if not difference.changes and new["asset"] in session.memory.drifted:
            return Difference({"digest": "update"})
        return difference

    def create(self, session: Session, _urn: str, new: Data, *, preview: bool) -> tuple[str, Data]:
        """Confirm the asset; from now on others may place on it."""
        id_ = f"{new['stackId']}/{new['asset']}"
        return id_, new if preview else {**new, "generation": self._confirm(session, new, generation=0)}

    def _confirm(self, session: Session, new: Data, *, generation: int) -> int:
        request = ConfirmRequest(
            stack_id=new["stackId"],
            kind=self.kind,
            name=new["asset"],
            generation=generation,
            expect={"digest": new["digest"]},
        )
        return session.ledger.call(verbs.CONFIRM, request).generation

    def read(self, session: Session, id_: str, _last: Found | None) -> Found | None:
        """The asset as the ledger has it."""
        if (parts := split_id(id_)) is None:
            return None
        stack_id, name = parts
        holding = session.ledger.call(verbs.READ, HoldingRequest(stack_id=stack_id, kind=self.kind, name=name)).holding
        if holding is None or holding.state != "active":
            return None
        inputs = {
            "stackId": stack_id,
            "asset": name,
            "digest": holding.data["digest"],
            "summary": holding.data["summary"],
        }
        return Found(id_, inputs, {**inputs, "generation": holding.generation})

    def update(self, session: Session, _urn: str, _id: str, state: Data, new: Data, *, preview: bool) -> Data:
        """Bring in the changed declaration."""
        if preview:
            return {**state, **new}
        return {**new, "generation": self._confirm(session, new, generation=state["generation"])}

    def delete(self, session: Session, _id: str, state: Data) -> None:
        """Take it out; the ledger refuses while another party's claim stands on it."""
        session.ledger.call(
            verbs.RELEASE,
            ReleaseRequest(
                stack_id=state["stackId"], kind=self.kind, name=state["asset"], generation=state["generation"]
            ),
        )


class SiteResource(AssetResource):
    """A data centre or an edge site."""

    token = "zonewright:index:Site"  # noqa: S105 - a Pulumi type token
    description = "A data centre or edge site that its operator brings into the zone."
    kind: Kind = "site"


class DuctResource(AssetResource):
    """A duct with its bores."""

    token = "zonewright:index:Duct"  # noqa: S105 - a Pulumi type token
    description = "A duct segment that a network operator brings into the zone."
    kind: Kind = "duct"


class LinkResource(AssetResource):
    """A fibre link between two sites."""

    token = "zonewright:index:Link"  # noqa: S105 - a Pulumi type token
    description = "A fibre link between two sites, through one bore of each of its ducts."
    kind: Kind = "link"


class RowResource(AssetResource):
    """A row of racks with their feeds."""

    token = "zonewright:index:Row"  # noqa: S105 - a Pulumi type token
    description = "A row of racks. The racks and their feeds are data of the row."
    kind: Kind = "row"
