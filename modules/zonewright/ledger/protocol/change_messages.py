"""Requests and answers of the verbs on changes: what they rest on, plans, verdicts, and the whole population."""

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from zonewright.ledger.protocol.admission_messages import Impact
from zonewright.ledger.protocol.messages import Digest, Generation, Message, Name, StackRequest, Text
from zonewright.model.approval import Risk
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.place.precondition import Precondition
from zonewright.rules.finding import Finding

RecordedFigure = dict[str, str | int | float | None]
"""What was measured of a site; ratios are exact, as ``numerator/denominator``."""
ChangeState = Literal["planned", "approved", "rejected", "admitted", "applied", "refused", "failed", "expired"]

SNAPSHOT_FORM: Final = 4
"""The form of snapshots that are taken now. Records of earlier ones are judged again as they were judged then."""


class Snapshot(Message):
    """Everything that a decision looked at, at one moment, as texts by digest; what ``audit verify`` judges again.

    Attributes:
        format: version of the form; in 1 each claim was a whole row, up to 2 no load model was fitted to readings, and
            up to 3 meters that show the very same were not doubted.
        at: the moment.
        stack_id: whose change it was taken for.
        files: digest of each text by its name within the snapshot.
        figures: what was measured of each site.
        findings: the findings of the change at that moment, before approvals.
    """

    format: Literal[2, 3, 4] = SNAPSHOT_FORM
    at: str
    stack_id: str
    files: dict[str, Digest]
    figures: dict[str, RecordedFigure]
    findings: list[Finding]

    def text(self) -> str:
        """Canonical JSON; its digest names the snapshot."""
        return canonical_json(self.model_dump(mode="json"))


class Accepted(Message):
    """A finding that an approval accepts, with its numbers; no approval covers a worse one."""

    rule: str
    subject: str
    message: str
    value: int | None = None
    limit: int | None = None
    unit: str = ""
    excess: int = 0


MAX_REASON = 2000
"""Characters of the reason of a plan."""


class Plan(Message):
    """A change as it is signed and approved: what it is, what it rests on, and the digest of every file behind it.

    Attributes:
        format: version of the form; in 1 a plan named no step.
        zone: id of the zone.
        zone_digest: digest of the administrator's file.
        stack_id: whose change it is.
        party: the acting party.
        replaces: id of the admission that it follows, or empty.
        follows: the step of the stack that it follows: an approval is good for the next one only. None in format 1.
        demand_digest: what the declaration wants.
        places: place and addresses of each node, one line each.
        rendered_digest: digest of the manifest of rendered files.
        change_digest: the digest that the ledger admits by.
        snapshot: digest of the facts that it was decided on.
        premises: the read set, as inequalities.
        accepts: findings that need an approval.
        impact: what it does to each site.
        risk: class of risk.
        reason: why, by its author.
        emergency: whether it takes the emergency lane.
        planned_at: when.
        versions: of the programs that made it.
        files: digest of each other file of the plan, by its path in the bundle.
    """

    format: Literal[1, 2] = 2
    zone: str
    zone_digest: Digest
    stack_id: str
    party: str
    replaces: str
    follows: Generation | None = None
    demand_digest: Digest
    places: dict[str, str]
    rendered_digest: Digest
    change_digest: Digest
    snapshot: Digest
    premises: list[Precondition]
    accepts: list[Accepted]
    impact: dict[str, Impact]
    risk: Risk
    reason: str = Field(max_length=MAX_REASON)
    emergency: bool
    planned_at: str
    versions: dict[str, str]
    files: dict[str, Digest]

    @model_validator(mode="after")
    def _names_its_step(self) -> Self:
        if (self.format == 1) != (self.follows is None):
            raise ValueError("a plan names the step that it follows in format 2, and in format 1 it names none")
        return self

    def text(self) -> str:
        """Canonical JSON: the content of ``plan.json``."""
        return canonical_json(self.model_dump(mode="json", exclude={"follows"} if self.follows is None else None))

    def digest(self) -> str:
        """Digest of ``plan.json``."""
        return digest_of(self.text())


class PlanRequest(StackRequest):
    """Register a plan that its author has signed."""

    plan: Text
    """The text of ``plan.json``."""
    envelope: Text
    """The author's DSSE envelope."""


class PlanAnswer(Message):
    """What the plan needs now."""

    plan: Digest
    state: str
    sentences: list[str]


class VerdictRequest(Message):
    """Register a verdict on a plan."""

    envelope: Text


class PlanQuery(Message):
    """Names a plan by the first characters of its digest, or the last plan of a stack."""

    plan: Name = ""
    stack_id: Name = ""


class PlanRecord(Message):
    """A plan with its signatures; None where there is none."""

    plan: str | None = None
    envelope: str = ""
    verdicts: list[str] = Field(default_factory=list)
    admission_id: str = ""
    sequence: int = 0
    """The journal's entry on its registration; 0 where it is not known."""
    is_partial: bool = False
    """The caller may read its own party's facts only, so ``evidence`` is all that it gets of the snapshot."""


class ChangesRequest(Message):
    """The population of changes; empty fields ask for all."""

    stack_id: Name = ""
    state: Name = ""


class ChangeRecord(Message):
    """One plan, or one decision on a change that had no plan.

    Attributes:
        state: where it is.
        change_digest: names the change; empty for a refusal, which has no digest.
        plan: digest of the plan, or empty.
        stack_id: whose it is.
        party: the acting party.
        author: who signed the plan, or empty.
        reason: why.
        risk: class of risk, or empty where it was not planned.
        emergency: whether it took the emergency lane.
        planned_at: when it was planned.
        decided_at: when it was admitted or refused last.
        completed_at: when all its resources existed.
        admission_id: the admission.
        approved_by: who approved.
        refusals: how often it was refused.
        decisions: sequence numbers of the journal's entries that admitted or refused it.
        review_by: until when an emergency must have been reviewed.
        sentences: what it lacks.
    """

    state: ChangeState
    change_digest: str = ""
    plan: str = ""
    stack_id: str
    party: str
    author: str = ""
    reason: str = ""
    risk: str = ""
    emergency: bool = False
    planned_at: str = ""
    decided_at: str = ""
    completed_at: str = ""
    admission_id: str = ""
    approved_by: list[str] = Field(default_factory=list)
    refusals: int = 0
    decisions: list[int] = Field(default_factory=list)
    review_by: str = ""
    sentences: list[str] = Field(default_factory=list)


class ChangesAnswer(Message):
    """All changes, oldest first, and how many decisions they stand for."""

    changes: list[ChangeRecord]
    admissions: int
    refusals: int
