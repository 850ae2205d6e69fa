"""A party that uses the ledger directly: what a stack's program and provider do, without an engine."""

from dataclasses import dataclass
from typing import Any

from support.ledger_copy import brought_once
from support.zone_project import ZONE, facility
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import (
    AdmissionAnswer,
    AdmitRequest,
    CompleteRequest,
    Proposal,
    ProposeRequest,
    SettleRequest,
)
from zonewright.ledger.protocol.change import passed_text
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.holding_messages import ConfirmRequest, HoldingKind, ReleaseRequest
from zonewright.ledger.protocol.stack_messages import EnrolRequest, ReportRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration, OwnerFile, Zone
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.demand import Demand, demand_of

ZONE_FILE = Zone.model_validate(ZONE)
EMPTY = canonical_json({})


@dataclass
class Party:
    """One stack of one party, as the program and the provider use the ledger, without an engine."""

    client: LedgerClient
    stack_id: str
    party: str
    lineage: str = "lineage-1"
    zone: Zone = ZONE_FILE

    def demand(self, **fields: Any) -> Demand:
        """The demand of a declaration of this party."""
        file = OwnerFile.model_validate({"owner": self.party, **fields})
        return demand_of(Declaration(zone=self.zone, owners={self.party: file}), self.party)

    def enrol(self, *, dry_run: bool = False) -> None:
        """Bind the stack."""
        self.client.call(
            verbs.ENROL,
            EnrolRequest(stack_id=self.stack_id, party=self.party, lineage=self.lineage, dry_run=dry_run),
        )

    def propose(self, demand: Demand, *, reserve: bool = True, remember: bool = True) -> Proposal:
        """Ask for places."""
        asked = {"demand": demand, "reserve": reserve, "remember": remember}
        return self.client.call(verbs.PROPOSE, ProposeRequest(stack_id=self.stack_id, party=self.party, **asked))

    def admit(self, proposal: Proposal, rendered: str = EMPTY, *, passed: bool = True) -> AdmissionAnswer:
        """Turn a proposal into claims, with the manifest of its rendered files, and what gated formats need."""
        return self.client.call(verbs.ADMIT, self.admit_request(proposal, rendered, passed=passed))

    def admit_request(self, proposal: Proposal, rendered: str = EMPTY, *, passed: bool = True) -> AdmitRequest:
        """What asks for that, once the manifest is stored."""
        gated = self.zone.gated_formats if passed else ()
        texts = [passed_text(digest_of(rendered), gated)] if gated else []
        self.client.call(verbs.STORE, ContentRequest(texts=[rendered, *texts]))
        return AdmitRequest(
            stack_id=self.stack_id,
            party=self.party,
            lineage=self.lineage,
            demand_digest=proposal.demand_digest,
            seats=proposal.seats,
            addresses=proposal.addresses,
            rendered_digest=digest_of(rendered),
        )

    def confirm(
        self, name: str, generation: int = 0, kind: HoldingKind = "node", *, step: int | None = None, **expect: Any
    ) -> int:
        """The resource exists."""
        request = ConfirmRequest(
            stack_id=self.stack_id, step=step, kind=kind, name=name, generation=generation, expect=expect
        )
        return self.client.call(verbs.CONFIRM, request).generation

    def release(self, name: str, generation: int, kind: HoldingKind = "node") -> bool:
        """The resource is gone."""
        request = ReleaseRequest(stack_id=self.stack_id, kind=kind, name=name, generation=generation)
        return self.client.call(verbs.RELEASE, request).freed

    def settle(self, admission: AdmissionAnswer) -> None:
        """The admission's resource is deleted."""
        self.client.call(verbs.SETTLE, SettleRequest(stack_id=self.stack_id, admission_id=admission.admission_id))

    def states(self) -> list[tuple[str, str]]:
        """Name and state of all that is held, in order."""
        report = self.client.call(verbs.REPORT, ReportRequest(stack_id=self.stack_id))
        return sorted((item.name, item.state) for item in report.holdings)

    def bring_up(self, **fields: Any) -> AdmissionAnswer:
        """Enrol, propose, admit, confirm all, complete."""
        self.enrol()
        admission = self.admit(self.propose(self.demand(**fields)))
        # By name "ducts" come before "links", and a site before its rows.
        for name, state in self.states():
            if state == "admitted":
                self.confirm(name, kind=self.kind_of(name))
        self.client.call(verbs.COMPLETE, CompleteRequest(stack_id=self.stack_id, change_digest=admission.change_digest))
        return admission

    def kind_of(self, name: str) -> HoldingKind:
        """What one of its holdings is."""
        report = self.client.call(verbs.REPORT, ReportRequest(stack_id=self.stack_id))
        kind: HoldingKind = next(item.kind for item in report.holdings if item.name == name)
        return kind


def bring_up_racks(client: LedgerClient, racks: int = 2, **shape: Any) -> Party:
    """The operator of the small zone, with one row of so many racks."""
    operator = Party(client, "stack-of-operator", "operator")
    sites = facility(racks, **shape)["sites"]
    brought_once(client, f"racks {sites}", lambda: operator.bring_up(sites=sites))
    return operator


def node_inputs(tenant: Party, name: str = "web-001", **changes: Any) -> dict[str, Any]:
    """Inputs of the Node resource of a claim, as the program would give them."""
    report = tenant.client.call(verbs.REPORT, ReportRequest(stack_id=tenant.stack_id))
    data = next(item.data for item in report.holdings if item.name == name)
    return {
        "stackId": tenant.stack_id,
        "claim": name,
        "nodeType": data["node_type_id"],
        **{key: data[key] for key in ("rack", "position", "face", "addresses")},
        **changes,
    }
