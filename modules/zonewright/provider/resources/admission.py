"""Admission: one immutable decision over the whole change; the next change replaces it."""

from collections.abc import Mapping, Sequence
from typing import Any

from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.deciding.authority import RULE as APPROVAL_RULE
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import AdmitRequest, EvaluateRequest, SettleRequest, StandingRequest
from zonewright.ledger.protocol.change import change_digest, parse_place
from zonewright.ledger.protocol.holding_messages import PoolAddresses
from zonewright.ledger.protocol.journal_messages import JournalHead
from zonewright.model.rack_position import RackPosition
from zonewright.provider.refusal import notes_text, refusal_text
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
from zonewright.provider.values import unknown

SHOWN_NAMES = 5


CHANGED = frozenset({"changed-beneath", "feed-failed"})
"""Rules whose advice is told also when the stack changes nothing: others did something under it."""


class AdmissionResource(CheckedResource):
    """Check asks what the ledger would say; create turns the proposal into claims; delete settles.

    A check does not know whether it belongs to a preview, so it refuses nothing: create does, which in an ``up`` asks
    the ledger to admit, so that the refusal is an entry of its journal.
    """

    token = "zonewright:index:Admission"  # noqa: S105 - a Pulumi type token
    description = "One decision of the ledger on the whole change, which it admits or refuses."
    inputs: Mapping[str, Input] = {
        "stackId": STACK_ID,
        "party": Input("string", "owner of the declaration", replaces=True),
        "lineage": Input("string", "from the Enrolment", replaces=True),
        "demandDigest": Input("string", "digest of what the declaration wants", replaces=True),
        "places": Input("object", "place and addresses of each node, one line each", replaces=True),
        "renderedDigest": Input("string", "digest of the rendered configurations", replaces=True),
    }
    plain = tuple(inputs.keys() - {"lineage"})
    outputs: Mapping[str, Input] = {
        "summary": Input("string", "summary of the change, in one line"),
        "changeDigest": Input("string", "names the change"),
        "journal": Input("string", "ledger, number and hash of the decision's entry", required=False),
    }

    def check(
        self, session: ProviderSession, urn: str, old: Data | None, new: dict[str, Any], seed: bytes
    ) -> dict[str, Any]:
        """Ask the ledger for the findings."""
        super().check(session, urn, old, new, seed)
        lineage = "" if new["lineage"] is unknown else new["lineage"]
        seats, addresses = _places(new)
        request = EvaluateRequest(
            stack_id=new["stackId"],
            party=new["party"],
            lineage=lineage,
            demand_digest=new["demandDigest"],
            seats=seats,
            addresses=addresses,
            rendered_digest=new["renderedDigest"],
        )
        try:
            evaluation = session.ledger.call(verbs.EVALUATE, request)
        except LedgerRefusedError as error:
            raise CheckFailedError(error.sentence) from error
        findings = tuple(evaluation.findings)
        # What only lacks an approval is no refusal of a preview, which shows what is to be approved.
        is_refused = any(finding.refuses and finding.rule != APPROVAL_RULE for finding in findings)
        session.memory.refusal = refusal_text(findings, stack=_stack_of(urn)) if is_refused else ""
        session.memory.summary = evaluation.summary
        session.memory.renamed = evaluation.renamed
        session.memory.notes = notes_text(findings, stack=_stack_of(urn))
        told = [finding for finding in findings if finding.rule in CHANGED]
        session.memory.changed = notes_text(told, stack=_stack_of(urn))
        lacking = [finding.message for finding in findings if finding.refuses and finding.rule == APPROVAL_RULE]
        session.memory.lacking = "; ".join(lacking)
        if evaluation.stands_as is not None and (old or {}).get("demandDigest") == evaluation.stands_as:
            return _as_admitted(session, new, seats, addresses, evaluation.stands_as)
        return new

    def diff(self, session: ProviderSession, urn: str, id_: str, old: Data, new: Data) -> Difference:
        """Any change replaces it; so does drift in the ledger, which only the ledger can tell."""
        difference = compare(self.inputs, old, new)
        request = StandingRequest(stack_id=old["stackId"], admission_id=id_, seen=_seen(old))
        standing = session.ledger.call(verbs.STANDING, request)
        session.memory.standing = standing
        session.memory.drifted = frozenset(standing.drifted)
        session.memory.readmitted = bool(difference.changes) or not standing.current
        if standing.drifted:
            session.warn(urn, f"{standing.reason}: {_some(standing.drifted)}; this change corrects them")
        if difference.changes or (standing.current and not session.memory.refusal):
            if session.memory.changed and not difference.changes:  # else its create tells it, with all the rest
                session.warn(urn, f"what this stack stands on has changed:{session.memory.changed}")
            return difference
        paths = [f'places["{name}"]' for name in standing.drifted if name in new["places"]] or ["demandDigest"]
        return Difference(dict.fromkeys(paths, "update"), frozenset(paths))

    def create(self, session: ProviderSession, urn: str, new: Data, *, preview: bool) -> tuple[str, Data]:
        """One transaction in the ledger: all of the change's claims, or none."""
        session.memory.readmitted = True
        if preview and session.memory.refusal:
            raise CheckFailedError(session.memory.refusal)
        if preview and session.memory.lacking:
            session.warn(urn, session.memory.lacking)
            return "", {}
        if preview:
            session.log(urn, f"would be admitted: {session.memory.summary}{session.memory.notes}")
            return "", {}
        seats, addresses = _places(new)
        request = AdmitRequest(
            stack_id=new["stackId"],
            party=new["party"],
            lineage=new["lineage"],
            demand_digest=new["demandDigest"],
            seats=seats,
            addresses=addresses,
            rendered_digest=new["renderedDigest"],
        )
        try:
            admission = session.ledger.call(verbs.ADMIT, request)
        except LedgerRefusedError as error:
            if not error.findings:
                raise
            raise CheckFailedError(refusal_text(error.findings, stack=_stack_of(urn))) from error
        session.memory.steps[new["stackId"]] = admission.step
        session.log(urn, f"admitted: {admission.summary}{session.memory.notes}")
        return admission.admission_id, {
            "summary": admission.summary,
            "changeDigest": admission.change_digest,
            "journal": admission.head.text(),
        }

    def read(self, session: ProviderSession, id_: str, last: ReadResource | None) -> ReadResource | None:
        """It is immutable, so a refresh of its own ledger leaves it as it is; a decision cannot be imported."""
        if last is not None and (seen := _seen(last.outputs)) is not None:
            stack_id = str(last.outputs.get("stackId", last.inputs.get("stackId")))
            session.ledger.call(verbs.STANDING, StandingRequest(stack_id=stack_id, admission_id=id_, seen=seen))
        return last

    def update(self, _session: ProviderSession, _urn: str, _id: str, state: Data, _new: Data, *, preview: bool) -> Data:  # noqa: ARG002
        """Never called: every difference replaces."""
        return state

    def delete(self, session: ProviderSession, id_: str, state: Data) -> None:
        """Runs after all node deletes: what is still releasing under it has no resource any more."""
        request = SettleRequest(stack_id=state["stackId"], admission_id=id_, seen=_seen(state))
        left = session.ledger.call(verbs.SETTLE, request).left
        if left:
            session.warn(
                "",
                f"{_some(left)}: what left the declaration keeps its place until its resource is deleted, with pulumi "
                "up; where the state has lost the resource, zonewright recover says so to the ledger",
            )


def _as_admitted(
    session: ProviderSession,
    new: dict[str, Any],
    seats: Mapping[str, RackPosition],
    addresses: Mapping[str, PoolAddresses],
    demand_digest: str,
) -> dict[str, Any]:
    """The inputs that the state has: a new zone file, and nothing else, makes another demand of what stands."""
    asked, admitted = (
        change_digest(digest, seats, addresses, new["renderedDigest"])
        for digest in (new["demandDigest"], demand_digest)
    )
    session.memory.stands_as[asked] = admitted
    return {**new, "demandDigest": demand_digest}


def _seen(state: Data) -> JournalHead | None:
    return JournalHead.parse(state.get("journal", ""))


def _some(names: Sequence[str]) -> str:
    more = len(names) - SHOWN_NAMES
    return ", ".join(names[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


def _stack_of(urn: str) -> str:
    return urn.split(":")[2]


def _places(inputs: Data) -> tuple[dict[str, RackPosition], dict[str, PoolAddresses]]:
    seats: dict[str, RackPosition] = {}
    addresses: dict[str, PoolAddresses] = {}
    for name, text in inputs["places"].items():
        try:
            seats[name], addresses[name] = parse_place(str(text))
        except ValueError as error:
            raise CheckFailedError(f"place of {name}: {error}") from error
    return seats, addresses
