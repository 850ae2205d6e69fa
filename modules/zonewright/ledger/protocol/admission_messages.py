"""Requests and answers of a change on its way: proposed, evaluated, admitted, completed, settled."""

from pydantic import Field

from zonewright.ledger.protocol.capacity_messages import SiteCapacity
from zonewright.ledger.protocol.holding_messages import HoldingKind, PoolAddresses
from zonewright.ledger.protocol.journal_messages import JournalHead, SeenRequest
from zonewright.ledger.protocol.messages import (
    Digest,
    Generation,
    Holder,
    JsonObject,
    Label,
    Message,
    Name,
    StackRequest,
    Step,
)
from zonewright.model.demand import Demand
from zonewright.model.rack_position import RackPosition
from zonewright.model.surroundings import Surroundings, ZoneSerial
from zonewright.place.precondition import Precondition
from zonewright.place.repair import RepairEdit
from zonewright.rules.finding import Finding


class ProposeRequest(StackRequest):
    """Ask for places and addresses."""

    party: Name
    demand: Demand
    sources: dict[Label, Label] = Field(default_factory=dict)
    """File and line by path of the declaration, for findings."""
    reserve: bool = False
    """Hold the proposal for a few minutes (in ``up``); otherwise nothing is held (in ``preview``)."""
    repair: bool = False
    """Look for a joint repair where the change is refused."""
    remember: bool = True
    """Keep the demand for a day, and what was offered, for the steps that follow; what is reserved is kept in any case.
    A proposal that neither reserves nor remembers changes nothing, so it waits for nobody who writes. A service notes
    in its journal what it refuses there, as for any other."""


class Impact(Message):
    """What a change does to one site.

    Attributes:
        kw: IT power that is taken, by claims and baseline, more or less than before.
        units: rack units that are taken.
        capacity_kw: IT power that its racks bear with one feed lost, planned ones included.
        capacity_units: rack units that it has.
        ratio_before: energy ratio of the next twelve months without the change, None where it is not known.
        ratio_after: the same with it.
    """

    kw: float
    units: int
    capacity_kw: float = 0.0
    capacity_units: int = 0
    ratio_before: str | None = None
    ratio_after: str | None = None


class Proposal(Message):
    """Places and addresses that the ledger offers for a demand.

    Attributes:
        demand_digest: names the demand.
        revision: the ledger's revision at which it was made.
        seats: place by node name.
        addresses: addresses by node name.
        unplaced: one sentence for each node that found no place.
        premises: the read set, as inequalities.
        findings: the rules that do not hold for this proposal.
        sites: the site assets of the nodes' sites, for rendering.
        surroundings: the zone around the stack's own sites, for rendering; None where it was not asked for.
        expires_at: end of the reservation (ISO 8601), or None.
        changed: for nodes whose place differs from the last preview of the same demand: (old, new).
        impact: what the change does to each site that it touches, by id.
        serials: zones of the DNS that are in force by path of their file, for rendering.
        renamed: old name by new name, of nodes and assets that only get another one.
        former: what assets of others are called now, by names that the stack used for them, or still does.
        repair: edits that make a refused change admissible; empty where none were asked for, or none were found.
    """

    demand_digest: Digest
    revision: int
    seats: dict[str, RackPosition]
    addresses: dict[str, PoolAddresses]
    unplaced: dict[str, str]
    premises: list[Precondition]
    findings: list[Finding]
    sites: dict[str, JsonObject]
    surroundings: Surroundings | None = None
    expires_at: str | None = None
    changed: dict[str, tuple[RackPosition | None, RackPosition | None]] = Field(default_factory=dict)
    impact: dict[str, Impact] = Field(default_factory=dict)
    serials: dict[str, ZoneSerial] = Field(default_factory=dict)
    renamed: dict[str, str] = Field(default_factory=dict)
    former: dict[str, str] = Field(default_factory=dict)
    repair: list[RepairEdit] = Field(default_factory=list)


class EvaluateRequest(StackRequest):
    """Would this change be admitted?"""

    lineage: Name
    party: Name
    demand_digest: Digest
    seats: dict[Name, RackPosition]
    addresses: dict[Name, PoolAddresses]
    rendered_digest: Digest | None = None
    """Digest of the manifest of rendered files; without it no approval fits."""


class Evaluation(Message):
    """Findings of a change, worst first, and one line that sums it up.

    Attributes:
        findings: those findings.
        summary: that line.
        revision: the ledger's revision.
        renamed: old name by new name, of nodes and assets that only get another one.
        stands_as: digest of the demand that the stack is admitted with, where only the zone's file was registered again
            since and nothing new stands against it; else None. Then there is nothing to decide.
    """

    findings: list[Finding]
    summary: str
    revision: int
    renamed: dict[str, str] = Field(default_factory=dict)
    stands_as: Digest | None = None


class AdmitRequest(EvaluateRequest):
    """Turn a proposal into claims, in one transaction, or refuse it whole."""

    rendered_digest: Digest
    """Digest of the manifest (path to digest of every rendered file), which was stored before."""


class AdmissionAnswer(Message):
    """One immutable decision."""

    admission_id: str
    change_digest: Digest
    summary: str
    step: Step
    """The step that it is, which confirms of its resources name."""
    head: JournalHead
    """The entry of the decision."""


class StandingRequest(SeenRequest):
    """Is this admission still what the ledger holds for the stack?"""

    admission_id: Name
    """Empty asks only who holds what."""


class HeldBy(Message):
    """By whom something that is active is held.

    Attributes:
        holder: token of the resource.
        generation: number of its last confirm. A state that has a lower one did not learn of that confirm.
    """

    holder: Holder
    generation: Generation


class AdmissionStanding(Message):
    """Whether the ledger still holds what an admission decided.

    Attributes:
        current: False after another admission, a recovery, or a change behind our back.
        completed: whether the change was closed.
        drifted: claims and assets that are not what the admission made them.
        reason: one sentence where ``current`` is False.
        holders: who holds what is active, by kind and name.
        deployed: digest of the files that are deployed for the stack, by site.
        step: the stack's last one.
    """

    current: bool
    completed: bool = False
    drifted: list[str] = Field(default_factory=list)
    reason: str = ""
    holders: dict[HoldingKind, dict[str, HeldBy]]
    deployed: dict[str, Digest]
    step: Step


class CompleteRequest(StackRequest):
    """All resources of the change exist."""

    change_digest: Digest
    free: bool = True
    """Also say what the change leaves free."""


class SettleRequest(SeenRequest):
    """The resource of an admission is deleted: free what is still releasing under it."""

    admission_id: Name


class Settled(Message):
    """Names of claims and assets that stay, because their resources were not deleted."""

    left: list[str] = Field(default_factory=list)


class Completed(Message):
    """A change is closed; if it was asked, what that leaves free, by id of the sites where the stack has something."""

    free: dict[str, SiteCapacity]
    head: JournalHead
    """The last entry of the journal."""
