"""The verbs of the ledger: name, request and answer. What clients and services agree on."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from zonewright.ledger.protocol import access_messages, change_messages, messages, rollout_messages
from zonewright.ledger.protocol.messages import Message

Request = TypeVar("Request", bound=Message)
Answer = TypeVar("Answer", bound=Message)


@dataclass(frozen=True, slots=True)
class Verb(Generic[Request, Answer]):
    """One verb; ``POST /v1/<name>``."""

    name: str
    request: type[Request]
    answer: type[Answer]


INIT = Verb("init", messages.InitRequest, messages.InitAnswer)
ENROL = Verb("enrol", messages.EnrolRequest, messages.Enrolled)
LEAVE = Verb("leave", messages.LeaveRequest, messages.Done)
RECOVER = Verb("recover", messages.RecoverRequest, messages.Done)
ACCEPT = Verb("accept", messages.AcceptRequest, messages.LedgerAccepted)
RECONCILE = Verb("reconcile", messages.ReconcileRequest, messages.Reconciled)
PROPOSE = Verb("propose", messages.ProposeRequest, messages.Proposal)
EVALUATE = Verb("evaluate", messages.EvaluateRequest, messages.Evaluation)
ADMIT = Verb("admit", messages.AdmitRequest, messages.AdmissionAnswer)
STANDING = Verb("standing", messages.StandingRequest, messages.AdmissionStanding)
CONFIRM = Verb("confirm", messages.ConfirmRequest, messages.ConfirmAnswer)
CONFIRM_MANY = Verb("confirm-many", messages.ConfirmManyRequest, messages.ConfirmManyAnswer)
RELEASE = Verb("release", messages.ReleaseRequest, messages.ReleaseAnswer)
COMPLETE = Verb("complete", messages.CompleteRequest, messages.Completed)
SETTLE = Verb("settle", messages.SettleRequest, messages.Settled)
GUARD_DESTROY = Verb("guard-destroy", messages.SeenRequest, messages.Done)
READ = Verb("read", messages.HoldingRequest, messages.HoldingAnswer)
REPORT = Verb("report", messages.ReportRequest, messages.StackReport)
STORE = Verb("store", messages.ContentRequest, messages.Done)
FETCH = Verb("fetch", messages.ContentQuery, messages.ContentAnswer)
DEPLOY = Verb("deploy", messages.DeployRequest, messages.Done)
WITHDRAW = Verb("withdraw", messages.SiteFilesRequest, messages.Done)
DEPLOYED = Verb("deployed", messages.StackRequest, messages.DeployedAnswer)
CAPACITY = Verb("capacity", messages.CapacityRequest, messages.CapacityAnswer)
FIT = Verb("fit", messages.FitRequest, messages.FitAnswer)
EXPLAIN = Verb("explain", messages.ExplainRequest, messages.ExplainAnswer)
ENERGY = Verb("energy", messages.EnergyRequest, messages.EnergyAnswer)
LEASE = Verb("lease", rollout_messages.LeaseRequest, rollout_messages.Lease)
HOURS = Verb("hours", rollout_messages.HoursRequest, rollout_messages.Hours)
CONFIGURATIONS = Verb("configurations", rollout_messages.ConfigurationsRequest, rollout_messages.ConfigurationsAnswer)
RECORD = Verb("record", rollout_messages.RecordRequest, messages.Done)
AGENT_KEYS = Verb("agent-keys", rollout_messages.AgentKeysRequest, rollout_messages.AgentKeys)
HISTORY = Verb("history", messages.HistoryRequest, messages.HistoryAnswer)
CHECKPOINT = Verb("checkpoint", messages.CheckpointRequest, messages.Checkpoint)
SNAPSHOT = Verb("snapshot", change_messages.SnapshotRequest, change_messages.SnapshotAnswer)
PLAN = Verb("plan", change_messages.PlanRequest, change_messages.PlanAnswer)
VERDICT = Verb("verdict", change_messages.VerdictRequest, change_messages.PlanAnswer)
PLAN_OF = Verb("plan-of", change_messages.PlanQuery, change_messages.PlanRecord)
CHANGES = Verb("changes", change_messages.ChangesRequest, change_messages.ChangesAnswer)
GRANT = Verb("grant", access_messages.GrantRequest, access_messages.TokenAnswer)
ACCESS = Verb("access", access_messages.AccessRequest, access_messages.AccessAnswer)
ROTATE = Verb("rotate", access_messages.RotateRequest, access_messages.TokenAnswer)
REVOKE = Verb("revoke", access_messages.RevokeRequest, messages.Done)
