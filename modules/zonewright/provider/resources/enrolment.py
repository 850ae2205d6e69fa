"""Enrolment: a stack's standing in the ledger; first to be made, last to go, never replaced."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.journal_messages import JournalHead
from zonewright.ledger.protocol.stack_messages import EnrolRequest, LeaveRequest, ReportRequest
from zonewright.ledger.store.journal import GENESIS
from zonewright.provider.resource import (
    STACK_ID,
    CheckedResource,
    CheckFailedError,
    Data,
    Difference,
    Input,
    ProviderSession,
    ReadResource,
    compare,
)


class EnrolmentResource(CheckedResource):
    """Binds stack id, party and lineage."""

    token = "zonewright:index:Enrolment"  # noqa: S105 - a Pulumi type token
    description = "A stack's standing in the ledger: its id, its party, and the lineage of its state."
    inputs: Mapping[str, Input] = {
        "stackId": replace(STACK_ID, replaces=False),
        "party": Input("string", "owner of the declaration"),
        "lineage": Input("string", "minted once, then carried over", required=False),
        "ledger": Input("string", "id of the ledger, carried over", required=False),
    }
    plain = tuple(inputs)
    outputs: Mapping[str, Input] = inputs
    kept = ("stackId", "lineage")

    def check(
        self, session: ProviderSession, urn: str, old: Data | None, new: dict[str, Any], seed: bytes
    ) -> dict[str, Any]:
        """The lineage is carried over from the old inputs, or minted from the random seed; never the program's."""
        old = old or {}
        lineage = old.get("lineage") or hashlib.sha256(b"zonewright lineage" + seed).hexdigest()[:32]
        known = {"lineage": lineage, "ledger": old.get("ledger", "")}
        inputs = super().check(session, urn, old, {**new, **known}, seed)
        if old.get("stackId", inputs["stackId"]) != inputs["stackId"]:
            raise CheckFailedError(
                f"this state belongs to stack id {old['stackId']}, but the configuration says "
                f"{inputs['stackId']}; set zone:stackId to {old['stackId']} again, or destroy the stack before "
                "you change the id"
            )
        try:
            answer = session.ledger.call(verbs.ENROL, self._request(urn, inputs, dry_run=True))
        except LedgerRefusedError as error:
            raise CheckFailedError(error.sentence) from error
        session.memory.bound = answer.bound
        session.memory.steps[inputs["stackId"]] = answer.step
        return {**inputs, "ledger": answer.ledger}

    def _request(self, urn: str, inputs: Data, *, dry_run: bool = False) -> EnrolRequest:
        if not (lineage := inputs.get("lineage")):
            raise CheckFailedError("input 'lineage' is missing: a check of this resource gives it")
        return EnrolRequest(
            stack_id=inputs["stackId"],
            party=inputs["party"],
            lineage=lineage,
            ledger=inputs.get("ledger", ""),
            label=urn,
            dry_run=dry_run,
        )

    def diff(self, session: ProviderSession, _urn: str, _id: str, old: Data, new: Data) -> Difference:
        """Changes are updates: an enrolment is never replaced. One that the ledger lost is bound again.

        It lost it in a destroy that this state does not know of, as an older state file, or in a take-over.
        """
        difference = compare(self.inputs, {**old, "ledger": new.get("ledger")}, new)
        return difference if difference.changes or session.memory.bound else Difference({"lineage": "update"})

    def create(self, session: ProviderSession, urn: str, new: Data, *, preview: bool) -> tuple[str, Data]:
        """Bind the three in the ledger."""
        if not preview:
            self._enrol(session, urn, new)
        return f"enrolment/{new['stackId']}", new

    def _enrol(self, session: ProviderSession, urn: str, new: Data) -> None:
        """Bind it; what a load brought in is taken over by that, which is a step."""
        session.memory.steps[new["stackId"]] = session.ledger.call(verbs.ENROL, self._request(urn, new)).step

    def read(self, session: ProviderSession, id_: str, last: ReadResource | None) -> ReadResource | None:
        """The binding as the ledger has it.

        It cannot be imported: a second checkout would get the lineage of the first, and with it all that it holds.
        """
        if last is None:
            return None
        known = str(last.outputs.get("ledger", ""))
        seen = JournalHead(ledger=known, sequence=0, hash=GENESIS) if known else None
        request = ReportRequest(holdings=False, stack_id=id_.removeprefix("enrolment/"), seen=seen)
        report = session.ledger.call(verbs.REPORT, request)
        if report.party is None or report.lineage is None:
            return None
        data = {"stackId": report.stack_id, "party": report.party, "lineage": report.lineage}
        data |= {"ledger": known} if known else {}
        return ReadResource(id_, data, data)

    def update(self, session: ProviderSession, urn: str, _id: str, state: Data, new: Data, *, preview: bool) -> Data:
        """The party of a stack id cannot change; the ledger says so."""
        if not preview:
            self._enrol(session, urn, new)
        return {**state, **new}

    def delete(self, session: ProviderSession, _id: str, state: Data) -> None:
        """Unbind: the last step of a destroy."""
        request = LeaveRequest(stack_id=state["stackId"], lineage=state["lineage"], ledger=str(state.get("ledger", "")))
        session.ledger.call(verbs.LEAVE, request)
