"""What a stack holds in the ledger, as a resource: made by a confirm, gone with a release of the same generation."""

from collections.abc import Mapping

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.messages import ConfirmRequest, HoldingKind, HoldingRequest, ReleaseRequest
from zonewright.provider.resource import (
    CheckedResource,
    Data,
    Difference,
    Input,
    ProviderSession,
    ReadResource,
    compare,
    split_id,
)

GENERATION = Input("integer", "number that the ledger raises with each confirm")


class HoldingResource(CheckedResource):
    """The life that claims and assets have in common.

    Attributes:
        kind: what it is in the ledger.
        named: the input that is its name there.
        fields: each other input that the ledger has, with the name that it has there.
        expected: inputs that must be so in the ledger when it is confirmed.
        drifts: the input that a preview shows as changed when the ledger has it otherwise.
    """

    kind: HoldingKind
    named: str
    fields: Mapping[str, str]
    expected: tuple[str, ...]
    drifts: str

    def diff(self, session: ProviderSession, _urn: str, _id: str, old: Data, new: Data) -> Difference:
        """What the declaration changed, or what the Admission found drifted in the ledger."""
        difference = compare(self.inputs, old, new)
        if not difference.changes and new[self.named] in session.memory.drifted:
            return Difference({self.drifts: "update"})
        return difference

    def create(self, session: ProviderSession, _urn: str, new: Data, *, preview: bool) -> tuple[str, Data]:
        """Confirm it: from now on it exists; doing it again adopts what is there."""
        id_ = f"{new['stackId']}/{new[self.named]}"
        return id_, new if preview else self._confirmed(session, new, generation=0)

    def _confirmed(self, session: ProviderSession, new: Data, *, generation: int) -> Data:
        request = ConfirmRequest(
            stack_id=new["stackId"],
            kind=self.kind,
            name=new[self.named],
            generation=generation,
            expect={self.fields[name]: new[name] for name in self.expected},
        )
        return {**new, "generation": session.ledger.call(verbs.CONFIRM, request).generation}

    def read(self, session: ProviderSession, id_: str, _last: ReadResource | None) -> ReadResource | None:
        """It as the ledger has it, which is also what an import takes."""
        if (parts := split_id(id_)) is None:
            return None
        stack_id, name = parts
        holding = session.ledger.call(verbs.READ, HoldingRequest(stack_id=stack_id, kind=self.kind, name=name)).holding
        if holding is None or holding.state != "active":
            return None
        known = {here: holding.data[there] for here, there in self.fields.items()}
        inputs = {"stackId": stack_id, self.named: name, **known}
        return ReadResource(id_, inputs, {**inputs, "generation": holding.generation})

    def update(self, session: ProviderSession, _urn: str, _id: str, state: Data, new: Data, *, preview: bool) -> Data:
        """Confirm what changed; a place that is left is freed in the same transaction."""
        if preview:
            return {**state, **new}
        return self._confirmed(session, new, generation=state["generation"])

    def delete(self, session: ProviderSession, _id: str, state: Data) -> None:
        """Free it, unless it was confirmed again since: then this is a replaced resource.

        The ledger refuses while another party's claim stands on it.
        """
        request = ReleaseRequest(
            stack_id=state["stackId"], kind=self.kind, name=state[self.named], generation=state["generation"]
        )
        session.ledger.call(verbs.RELEASE, request)
