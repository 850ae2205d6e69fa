"""What a stack holds in the ledger, as a resource: made by a confirm, gone with the release of its holder.

Each resource has a token. The ledger knows the token of the one that holds a claim: only that one's delete frees it.
"""

import secrets
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import HeldBy
from zonewright.ledger.protocol.holding_messages import ConfirmRequest, HoldingKind, HoldingRequest, ReleaseRequest
from zonewright.ledger.protocol.stack_messages import ReportRequest
from zonewright.provider.resource import (
    CheckedResource,
    CheckFailedError,
    Data,
    Difference,
    Input,
    ProviderSession,
    ReadResource,
    compare,
    shortened,
    split_id,
    standing_of,
    step_of_run,
)

HELD: Mapping[str, Input] = {
    "generation": Input("integer", "number that the ledger raises with each confirm"),
    "holder": Input("string", "token of this resource; only the claim's or asset's holder frees it", required=False),
}


class HoldingResource(CheckedResource):
    """The life that claims and assets have in common.

    Attributes:
        kind: what it is in the ledger.
        named: the input that is its name there.
        drifts: the input that a preview shows as changed when the ledger has it otherwise.
    """

    kind: HoldingKind
    named: str
    drifts: str

    @abstractmethod
    def known(self, data: Data) -> dict[str, Any]:
        """The inputs, apart from its name, that a holding of the ledger stands for."""

    @abstractmethod
    def expect(self, new: Data) -> dict[str, Any]:
        """What must be so in the ledger when it is confirmed."""

    def diff(self, session: ProviderSession, urn: str, _id: str, old: Data, new: Data) -> Difference:
        """What the declaration changed, what the Admission found drifted, or that the ledger knows more than the state.

        It does when another resource holds it, and when it was confirmed again and the state did not learn of it.
        """
        difference = compare(self.inputs, old, new)
        if self.named in difference.replaces and self._is_renamed(session, old, new):
            difference = Difference(difference.changes, difference.replaces - {self.named})
        if difference.changes:
            return difference
        if new[self.named] in session.memory.drifted:
            return Difference({self.drifts: "update"})
        mine = old.get("holder", "")
        # An import compares what it has just read, and fails on a difference: the next run adopts it.
        if mine in session.memory.imported:
            return difference
        held = self._held(session, new)
        if held is not None and held.holder != mine:
            session.log(urn, f"another resource holds {new[self.named]} in the ledger; this update takes it over")
        elif held is not None and held.generation > old["generation"]:
            text = "the ledger has a later change of it, of which this state did not learn; this update confirms it"
            session.log(urn, f"{new[self.named]}: {text}")
        elif held is not None:
            return difference
        return Difference({self.drifts: "update"})

    def _is_renamed(self, session: ProviderSession, old: Data, new: Data) -> bool:
        """Whether the ledger only calls it by another name, or will, so that it stays what it is.

        An ``up`` that was killed may have learnt of it too late: then this resource holds what has the new name.
        """
        if session.memory.renamed.get(new[self.named]) == old[self.named]:
            return True
        held, mine = self._held(session, new), old.get("holder", "")
        return held is not None and bool(mine) and held.holder == mine

    def _held(self, session: ProviderSession, new: Data) -> HeldBy | None:
        """By whom it is held; None where it is not active."""
        return standing_of(session, new["stackId"]).holders.get(self.kind, {}).get(new[self.named])

    def create(self, session: ProviderSession, _urn: str, new: Data, *, preview: bool) -> tuple[str, Data]:
        """Confirm it: from now on it exists; doing it again adopts what is there."""
        id_ = f"{new['stackId']}/{new[self.named]}"
        return id_, new if preview else self._confirmed(session, new, generation=0, holder=_minted())

    def _confirmed(self, session: ProviderSession, new: Data, *, generation: int, holder: str) -> Data:
        request = ConfirmRequest(
            stack_id=new["stackId"],
            step=step_of_run(session, new["stackId"]),
            kind=self.kind,
            name=new[self.named],
            generation=generation,
            holder=holder,
            expect=self.expect(new),
        )
        raised = session.memory.confirms.confirm(session.ledger, request)
        session.memory.confirmed.add((self.kind, new[self.named]))
        return {**new, "generation": raised, "holder": holder}

    def read(self, session: ProviderSession, id_: str, last: ReadResource | None) -> ReadResource | None:
        """It as the ledger has it. A refresh keeps the token; an import gets one that holds nothing until an update."""
        if (parts := split_id(id_)) is None:
            if last is None:
                raise CheckFailedError(
                    f"'{shortened(id_)}' is no id of a {self.kind}: expected STACK_ID/NAME, such as "
                    "fin-3f2a9c017b44/core-001, with the zone:stackId of the stack's configuration"
                )
            return None
        stack_id, name = parts
        if last is not None:
            name = last.outputs.get(self.named, name)  # the id of one that was renamed says what it was made as
        holding = session.ledger.call(verbs.READ, HoldingRequest(stack_id=stack_id, kind=self.kind, name=name)).holding
        if holding is None or holding.state != "active":
            if last is not None:
                _require_known(session, stack_id)
            return None
        inputs = {"stackId": stack_id, self.named: name, **self.known(holding.data)}
        if last is None:
            holder = _minted()
            session.memory.imported.add(holder)
        else:
            holder = last.outputs.get("holder", "")
        return ReadResource(id_, inputs, {**inputs, "generation": holding.generation, "holder": holder or None})

    def update(self, session: ProviderSession, _urn: str, _id: str, state: Data, new: Data, *, preview: bool) -> Data:
        """Confirm what changed; a place that is left is freed in the same transaction."""
        if preview:
            return {**state, **new}
        holder = state.get("holder") or _minted()
        return self._confirmed(session, new, generation=state["generation"], holder=holder)

    def delete(self, session: ProviderSession, _id: str, state: Data) -> None:
        """Free it, if this resource holds it: not when it was replaced, nor when it is a second one of one claim.

        The ledger refuses while another party's claim stands on it.
        """
        name = state[self.named]
        request = ReleaseRequest(
            stack_id=state["stackId"],
            kind=self.kind,
            name=name,
            generation=state["generation"],
            holder=state.get("holder", ""),
        )
        answer = session.ledger.call(verbs.RELEASE, request)
        if answer.stays and (self.kind, name) not in session.memory.confirmed:
            session.warn("", f"{name} stays in the ledger: another resource holds it, so this delete freed nothing")


def _minted() -> str:
    return secrets.token_hex(8)


def _require_known(session: ProviderSession, stack_id: str) -> None:
    """Let nothing go from a state because a ledger does not know the stack at all: it is another one, or a new one."""
    if session.ledger.call(verbs.REPORT, ReportRequest(stack_id=stack_id, holdings=False)).party is None:
        raise CheckFailedError(
            f"this ledger does not know stack {stack_id}, which has resources in this state; nothing was changed; "
            "correct zone:ledger in Pulumi.NAME.yaml; if the ledger itself was made again, run: zonewright recover "
            "--stack NAME --ledger-restored"
        )
