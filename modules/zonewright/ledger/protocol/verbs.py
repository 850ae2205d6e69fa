"""The verbs of the ledger: name, request and answer. What clients and services agree on."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from zonewright.ledger.protocol import (
    access_messages,
    admission_messages,
    capacity_messages,
    change_messages,
    content_messages,
    evidence_messages,
    exhaustion_messages,
    found_messages,
    holding_messages,
    journal_messages,
    messages,
    offer_messages,
    outage_messages,
    pack_messages,
    reservation_messages,
    rollout_messages,
    stack_messages,
    who_messages,
)
from zonewright.ledger.protocol.messages import Message

Request = TypeVar("Request", bound=Message)
Answer = TypeVar("Answer", bound=Message)


@dataclass(frozen=True, slots=True)
class Verb(Generic[Request, Answer]):
    """One verb; ``POST /v1/<name>``."""

    name: str
    request: type[Request]
    answer: type[Answer]


INIT = Verb("init", stack_messages.InitRequest, stack_messages.InitAnswer)
ENROL = Verb("enrol", stack_messages.EnrolRequest, stack_messages.Enrolled)
LEAVE = Verb("leave", stack_messages.LeaveRequest, messages.Done)
RECOVER = Verb("recover", stack_messages.RecoverRequest, messages.Done)
ACCEPT = Verb("accept", stack_messages.AcceptRequest, stack_messages.LedgerAccepted)
RECONCILE = Verb("reconcile", stack_messages.ReconcileRequest, stack_messages.Reconciled)
PROPOSE = Verb("propose", admission_messages.ProposeRequest, admission_messages.Proposal)
EVALUATE = Verb("evaluate", admission_messages.EvaluateRequest, admission_messages.Evaluation)
ADMIT = Verb("admit", admission_messages.AdmitRequest, admission_messages.AdmissionAnswer)
RESERVE = Verb("reserve", reservation_messages.ReserveRequest, reservation_messages.ReservedPlaces)
RENEW = Verb("renew", reservation_messages.RenewRequest, reservation_messages.Renewed)
FREE = Verb("free", reservation_messages.FreeRequest, messages.Done)
RESERVATIONS = Verb("reservations", reservation_messages.ReservationsRequest, reservation_messages.ReservationsAnswer)
STANDING = Verb("standing", admission_messages.StandingRequest, admission_messages.AdmissionStanding)
CONFIRM = Verb("confirm", holding_messages.ConfirmRequest, holding_messages.ConfirmAnswer)
CONFIRM_MANY = Verb("confirm-many", holding_messages.ConfirmManyRequest, holding_messages.ConfirmManyAnswer)
RELEASE = Verb("release", holding_messages.ReleaseRequest, holding_messages.ReleaseAnswer)
COMPLETE = Verb("complete", admission_messages.CompleteRequest, admission_messages.Completed)
SETTLE = Verb("settle", admission_messages.SettleRequest, admission_messages.Settled)
GUARD_DESTROY = Verb("guard-destroy", journal_messages.SeenRequest, messages.Done)
READ = Verb("read", holding_messages.HoldingRequest, holding_messages.HoldingAnswer)
REPORT = Verb("report", stack_messages.ReportRequest, stack_messages.StackReport)
STORE = Verb("store", content_messages.ContentRequest, messages.Done)
FETCH = Verb("fetch", content_messages.ContentQuery, content_messages.ContentAnswer)
DEPLOY = Verb("deploy", content_messages.DeployRequest, content_messages.DeployAnswer)
WITHDRAW = Verb("withdraw", content_messages.SiteFilesRequest, messages.Done)
DEPLOYED = Verb("deployed", messages.StackRequest, content_messages.DeployedAnswer)
CAPACITY = Verb("capacity", capacity_messages.CapacityRequest, capacity_messages.CapacityAnswer)
FIT = Verb("fit", capacity_messages.FitRequest, capacity_messages.FitAnswer)
EXPLAIN = Verb("explain", capacity_messages.ExplainRequest, capacity_messages.ExplainAnswer)
OUTAGE = Verb("outage", outage_messages.OutageRequest, outage_messages.OutageAnswer)
DRAIN = Verb("drain", outage_messages.DrainRequest, outage_messages.DrainAnswer)
PACK_IMPACT = Verb("pack-impact", pack_messages.PackImpactRequest, pack_messages.PackImpactAnswer)
ENERGY = Verb("energy", capacity_messages.EnergyRequest, capacity_messages.EnergyAnswer)
LEASE = Verb("lease", rollout_messages.FleetLockRequest, rollout_messages.FleetLock)
HOURS = Verb("hours", rollout_messages.HoursRequest, rollout_messages.Hours)
CONFIGURATIONS = Verb("configurations", rollout_messages.ConfigurationsRequest, rollout_messages.ConfigurationsAnswer)
RECORD = Verb("record", rollout_messages.RecordRequest, messages.Done)
AGENT_KEYS = Verb("agent-keys", rollout_messages.AgentKeysRequest, rollout_messages.AgentKeys)
HISTORY = Verb("history", journal_messages.HistoryRequest, journal_messages.HistoryAnswer)
CHECKPOINT = Verb("checkpoint", journal_messages.CheckpointRequest, journal_messages.Checkpoint)
SNAPSHOT = Verb("snapshot", evidence_messages.SnapshotRequest, evidence_messages.SnapshotAnswer)
PLAN = Verb("plan", change_messages.PlanRequest, change_messages.PlanAnswer)
VERDICT = Verb("verdict", change_messages.VerdictRequest, change_messages.PlanAnswer)
PLAN_OF = Verb("plan-of", change_messages.PlanQuery, change_messages.PlanRecord)
EVIDENCE = Verb("evidence", change_messages.PlanQuery, evidence_messages.EvidenceAnswer)
CHANGES = Verb("changes", change_messages.ChangesRequest, change_messages.ChangesAnswer)
GRANT = Verb("grant", access_messages.GrantRequest, access_messages.TokenAnswer)
ACCESS = Verb("access", access_messages.AccessRequest, access_messages.AccessAnswer)
ROTATE = Verb("rotate", access_messages.RotateRequest, access_messages.TokenAnswer)
REVOKE = Verb("revoke", access_messages.RevokeRequest, messages.Done)
FIND = Verb("find", found_messages.FindRequest, found_messages.FindAnswer)
FOUND = Verb("found", found_messages.FoundRequest, found_messages.FoundRecord)
OFFERS = Verb("offers", offer_messages.OffersRequest, offer_messages.OffersAnswer)
EXHAUSTION = Verb("exhaustion", exhaustion_messages.ExhaustionRequest, exhaustion_messages.ExhaustionAnswer)
WHO = Verb("who", who_messages.WhoRequest, who_messages.WhoAnswer)
