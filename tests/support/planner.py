"""Plans and verdicts of the small zone's parties, made through the same functions as the command line's."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

from support.ledger_party import Party
from support.second_opinion import require_second, require_wrong
from support.signing import key_of
from zonewright.audit.evidence import gathering
from zonewright.audit.evidence.bundle import write_folder
from zonewright.audit.evidence.planning import Material
from zonewright.audit.evidence.signing import signed_plan, signed_verdict
from zonewright.changes.gating import passed_of
from zonewright.changes.rendering import rendered_files
from zonewright.changes.validated import Validated
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import AdmissionAnswer, AdmitRequest, CompleteRequest
from zonewright.ledger.protocol.change_messages import Plan, PlanAnswer, PlanQuery, PlanRequest, VerdictRequest
from zonewright.ledger.protocol.content_messages import ContentQuery, ContentRequest, DeployRequest
from zonewright.ledger.protocol.journal_messages import SeenRequest
from zonewright.ledger.protocol.rollout_messages import ChangeRun, HostRun, RecordRequest, RunRecord
from zonewright.ledger.protocol.stack_messages import LeaveRequest, ReportRequest
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.seal.statement import Verdict


@contextmanager
def one_salt() -> Iterator[None]:
    """Snapshots taken meanwhile have the same salt, so that the bytes of two plans can be compared."""
    with mock.patch("zonewright.ledger.deciding.snapshot.new_salt", return_value="5a" * 32):
        yield


class Planner:
    """One stack that plans its changes.

    Args:
        party: the stack.
        author: who signs its plans.
    """

    def __init__(self, party: Party, author: str = "anna") -> None:
        self.party, self.author = party, author
        self.texts: dict[str, str] = {}
        self.manifests: dict[str, dict[str, str]] = {}

    def plan(
        self,
        *,
        at: datetime,
        reason: str = "more load",
        emergency: bool = False,
        validated: Validated | None = None,
        **fields: Any,
    ) -> tuple[Plan, PlanAnswer]:
        """Propose, render, plan, sign and register."""
        made = self.material(validated=validated, **fields)
        gathering.store(self.party.client, made)
        plan = made.plan(reason=reason, emergency=emergency, planned_at=at.isoformat())
        return plan, self.register(plan)

    def material(self, *, validated: Validated | None = None, keep: bool = True, **fields: Any) -> Material:
        """Propose, render, and ask for the facts."""
        demand = self.party.demand(**fields)
        proposal = self.party.propose(demand, reserve=False)
        return gathering.material(
            self.party.client,
            stack_id=self.party.stack_id,
            demand=demand,
            proposal=proposal,
            rendered=rendered_files(demand, proposal),
            inputs={"owner.yaml": canonical_json(fields)},
            validated=validated,
            keep=keep,
        )

    def register(self, plan: Plan) -> PlanAnswer:
        """Sign a plan and register it."""
        envelope = signed_plan(plan, key_of(self.author), signer=self.author)
        request = PlanRequest(stack_id=self.party.stack_id, plan=plan.text(), envelope=envelope)
        return self.party.client.call(verbs.PLAN, request)

    def verdict(self, plan: Plan, signer: str, *, at: datetime, word: Verdict = "approve") -> PlanAnswer:
        """Sign a verdict and register it."""
        envelope = signed_verdict(
            plan, key_of(signer), signer=signer, verdict=word, comment="looked at", at=at.isoformat()
        )
        return self.party.client.call(verbs.VERDICT, VerdictRequest(envelope=envelope))

    def admit(self, **fields: Any) -> AdmissionAnswer:
        """What ``up`` does: propose with a reservation, render, store, admit."""
        ledger, demand = self.party.client, self.party.demand(**fields)
        proposal = self.party.propose(demand)
        files = rendered_files(demand, proposal)
        digests = {path: digest_of(text) for path, text in files.items()}
        manifest = canonical_json(digests)
        passed = [text for text in (passed_of(files, self.party.zone),) if text]
        ledger.call(verbs.STORE, ContentRequest(texts=[manifest, *passed, *files.values()]))
        request = AdmitRequest(
            stack_id=self.party.stack_id,
            party=self.party.party,
            lineage=self.party.lineage,
            demand_digest=proposal.demand_digest,
            seats=proposal.seats,
            addresses=proposal.addresses,
            rendered_digest=digest_of(manifest),
        )
        admission = ledger.call(verbs.ADMIT, request)
        self.manifests[admission.admission_id] = digests
        return admission

    def complete(self, admission: AdmissionAnswer) -> None:
        """Make all that is admitted, and close the change."""
        self.make(admission)
        request = CompleteRequest(stack_id=self.party.stack_id, change_digest=admission.change_digest)
        self.party.client.call(verbs.COMPLETE, request)

    def make(self, admission: AdmissionAnswer) -> None:
        """Confirm all that is admitted, and deploy its files."""
        for name, state in self.party.states():
            if state == "admitted":
                self.party.confirm(name, kind=self.party.kind_of(name))
        files = self.manifests[admission.admission_id]
        for site in sorted({path.split("/")[1] for path in files}):
            part = {path: digest for path, digest in files.items() if path.split("/")[1] == site}
            deploying = DeployRequest(
                stack_id=self.party.stack_id, site=site, files_digest=digest_of(canonical_json(part))
            )
            self.party.client.call(verbs.DEPLOY, deploying)

    def destroy(self, admission: AdmissionAnswer, *, is_guarded: bool = True) -> None:
        """What ``destroy`` does; one whose change was never completed has no guard."""
        party = self.party
        if is_guarded:
            party.client.call(verbs.GUARD_DESTROY, SeenRequest(stack_id=party.stack_id))
        for item in party.client.call(verbs.REPORT, ReportRequest(stack_id=party.stack_id)).holdings:
            if item.state == "active":
                party.release(item.name, item.generation)
        party.settle(admission)
        party.client.call(verbs.LEAVE, LeaveRequest(stack_id=party.stack_id, lineage=party.lineage))

    def deploy(self, **fields: Any) -> None:
        """A whole ``up``: admitted, all nodes there, their files deployed, and the change closed."""
        self.complete(self.admit(**fields))

    def roll_out(self, plan: Plan, *, run: str = "20261125T100000-0a1b2c") -> RunRecord:
        """What ``fleet deploy --configs`` leaves in the ledger: one host got the plan's files, one did not."""
        files = self.party.client.call(verbs.FETCH, ContentQuery(digests=[plan.rendered_digest])).texts
        version = "net-0123456789ab"
        hosts = [
            HostRun(host="web-001", state="changed", reason="", before="", after=version, last_step="switch"),
            HostRun(host="web-002", state="unreachable", reason="it is off", before="", after="", last_step="connect"),
        ]
        record = RunRecord(
            run=run,
            fleet=self.party.party,
            who="ada@desk",
            what="deploy --configs",
            began="2026-11-25T10:00:00.000+00:00",
            ended="2026-11-25T10:01:00.000+00:00",
            hosts=hosts,
            files={version: json.loads(files[plan.rendered_digest])},
        )
        self.party.client.call(
            verbs.RECORD,
            RecordRequest(
                kind="fleet-run",
                party=self.party.party,
                entry={"run": run},
                changes=[ChangeRun(plan=plan.digest(), record=record)],
            ),
        )
        return record

    def bundle(self, folder: Path | None = None, plan: str = "", *, is_wrong: bool = False) -> dict[str, bytes]:
        """The bundle of the last plan as the ledger has it, which the independent verifier has judged too.

        Args:
            folder: where it is written, too.
            plan: digest of another plan.
            is_wrong: it must find it wrong, and the test itself asks the product for the reason.
        """
        files = gathering.whole_bundle(self.party.client, PlanQuery(plan=plan, stack_id=self.party.stack_id))
        if is_wrong:
            require_wrong(files)
        else:
            require_second(files)
        if folder is not None:
            write_folder(folder, files)
        return files
