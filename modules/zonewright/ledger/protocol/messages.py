"""Requests and answers of the ledger's verbs: the one contract between its clients and every implementation.

Each verb takes one request and gives one answer, both as JSON. Nothing here knows how they travel.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from zonewright.model import Zone
from zonewright.model.base import STACK_ID_PATTERN
from zonewright.model.demand import Demand
from zonewright.model.limits import ADDRESS, CONFIRMS, INTEGER, LABEL, NAME, TEXT
from zonewright.model.rack_position import RackPosition
from zonewright.model.surroundings import Surroundings
from zonewright.place.explaining import Explanation
from zonewright.place.fit import RoomFit
from zonewright.place.precondition import Precondition
from zonewright.rules.finding import Finding

HoldingKind = Literal["node", "site", "row", "duct", "link"]
ClaimState = Literal["admitted", "active", "releasing", "freed"]
StackId = Annotated[str, Field(pattern=STACK_ID_PATTERN)]
JsonObject = dict[str, JsonValue]
"""What only its sender and its reader know the form of: kept, digested and shown as it came."""
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Name = Annotated[str, Field(max_length=NAME.most)]
Label = Annotated[str, Field(max_length=LABEL.most)]
Text = Annotated[str, Field(max_length=TEXT.most)]
Generation = Annotated[int, Field(ge=0, le=INTEGER.most)]
LedgerId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Holder = Annotated[str, Field(pattern=r"^([0-9a-f]{16})?$")]
"""Token of the resource that holds a claim or asset; empty where a version made it that had none."""


LOADED = "loaded"
"""Lineage of what ``ledger load`` brought in, which has no state anywhere: the first state that comes takes it over."""


class Message(BaseModel):
    """Base of requests and answers: frozen, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Done(Message):
    """The verb was carried out and has nothing to tell."""


PoolAddresses = dict[Name, Annotated[str, Field(max_length=ADDRESS.most)]]
"""Address with prefix length by pool id, such as ``{"ipv4": "10.80.16.5/20"}``."""


class JournalHead(Message):
    """An entry of one ledger's journal: what a stack saw last, by which it knows its ledger again.

    Attributes:
        ledger: id of the ledger.
        sequence: number of the entry, 0 where the journal has none yet.
        hash: its hash.
    """

    ledger: LedgerId
    sequence: Generation
    hash: Digest

    def text(self) -> str:
        """As a state holds it: ``ID SEQUENCE HASH``."""
        return f"{self.ledger} {self.sequence} {self.hash}"

    @classmethod
    def parse(cls, text: str) -> "JournalHead | None":
        """From its text; None from what is none, as in a state of an older version."""
        try:
            return cls.model_validate(dict(zip(cls.model_fields, text.split(" "), strict=True)))
        except ValueError:
            return None


class InitRequest(Message):
    """Register the administrator's file; its digest is the one that admissions must name."""

    zone: Zone


class InitAnswer(Message):
    """What is registered now."""

    zone: str
    zone_digest: Digest
    changed: bool


class StackRequest(Message):
    """Names a stack."""

    stack_id: StackId


class EnrolRequest(StackRequest):
    """Bind a stack id to a party and a lineage."""

    party: Name
    lineage: Name
    label: Label = ""
    """The stack's URN: a label for people, not an identity."""
    ledger: LedgerId | Literal[""] = ""
    """Id of the ledger that the state was enrolled in; empty where it knows none."""
    dry_run: bool = False
    """Only say whether it would be refused."""


class Enrolled(Message):
    """Whether the three are bound; after a dry run they may not be yet."""

    bound: bool
    ledger: str
    """Id of the ledger."""


class LeaveRequest(StackRequest):
    """Unbind a stack: the last step of a destroy."""

    lineage: Name
    ledger: LedgerId | Literal[""] = ""
    """Id of the ledger that the state was enrolled in; empty where it knows none."""


class AcceptRequest(StackRequest):
    """Go on with a ledger that was restored from a backup or made again, whatever the state saw before."""

    party: Name
    """Whose state it is."""
    seen: list[JournalHead] = Field(max_length=16)
    """What the state names: they are taken as seen from now on."""


class LedgerAccepted(Message):
    """How many of them the ledger's journal did not have."""

    lost: int


class SeenRequest(StackRequest):
    """Names a stack, and what its state saw of the ledger last."""

    seen: JournalHead | None = None
    """A ledger whose journal lacks this entry is refused: it is a copy, was restored, or is another one."""


class RecoverRequest(StackRequest):
    """Let the next enrolment of this stack id by the same party bind a new lineage."""

    party: Name
    state_is_empty: bool
    """The stack's state holds no resource: what the ledger has as active is only admitted, the rest is freed."""
    holders: list[Holder] = Field(default_factory=list)
    """Tokens in the state; what another one holds is treated as if the state were empty."""


class ReconcileRequest(StackRequest):
    """Tell the ledger which resources are in the state; what another one holds has no resource."""

    lineage: Name
    holders: list[Holder]


class Reconciled(Message):
    """How many claims and assets are only admitted from now on, and how many are freed."""

    admitted: int
    freed: int


class ProposeRequest(StackRequest):
    """Ask for places and addresses."""

    party: Name
    demand: Demand
    sources: dict[Label, Label] = Field(default_factory=dict)
    """File and line by path of the declaration, for findings."""
    reserve: bool = False
    """Hold the proposal for a few minutes (in ``up``); otherwise nothing is held (in ``preview``)."""


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
    """Findings of a change, worst first, and one line that sums it up."""

    findings: list[Finding]
    summary: str
    revision: int


class AdmitRequest(EvaluateRequest):
    """Turn a proposal into claims, in one transaction, or refuse it whole."""

    rendered_digest: Digest
    """Digest of the manifest (path to digest of every rendered file), which was stored before."""


class AdmissionAnswer(Message):
    """One immutable decision."""

    admission_id: str
    change_digest: Digest
    summary: str
    head: JournalHead
    """The entry of the decision."""


class StandingRequest(SeenRequest):
    """Is this admission still what the ledger holds for the stack?"""

    admission_id: Name
    """Empty asks only who holds what."""


class AdmissionStanding(Message):
    """Whether the ledger still holds what an admission decided.

    Attributes:
        current: False after another admission, a recovery, or a change behind our back.
        completed: whether the change was closed.
        drifted: claims and assets that are not what the admission made them.
        reason: one sentence where ``current`` is False.
        holders: token of the resource that holds what is active, by kind and name.
    """

    current: bool
    completed: bool = False
    drifted: list[str] = Field(default_factory=list)
    reason: str = ""
    holders: dict[HoldingKind, dict[str, Holder]]


class Confirmation(Message):
    """The resource of a claim or asset exists now."""

    kind: HoldingKind
    name: Name
    generation: Generation
    """The generation that the resource's state holds, 0 for a new one; what it held before is freed."""
    holder: Holder = ""
    """The resource's token: from now on it holds the claim, and whoever did so before does no more."""
    expect: JsonObject = Field(default_factory=dict)
    """What the resource was made from; the admitted claim must hold the same values."""


class ConfirmRequest(Confirmation, StackRequest):
    """The resource of one claim or asset exists now."""


class ConfirmAnswer(Message):
    """The raised generation."""

    generation: int


class ConfirmManyRequest(StackRequest):
    """Resources of a stack exist now: all are confirmed, or none; each claim or asset stands once."""

    confirms: list[Confirmation] = Field(min_length=1, max_length=CONFIRMS.most)


class ConfirmManyAnswer(Message):
    """The raised generations, in the order of the request."""

    generations: list[int]


class ReleaseRequest(StackRequest):
    """The resource of a claim or asset is gone; frees what it holds, else does nothing."""

    kind: HoldingKind
    name: Name
    generation: Generation
    """Says who holds a claim that was confirmed without a token."""
    holder: Holder = ""
    """The resource's token; another than the holder frees nothing."""


class ReleaseAnswer(Message):
    """Whether something was freed."""

    freed: bool
    stays: bool = False
    """Nothing was freed, and another resource holds it."""


class CompleteRequest(StackRequest):
    """All resources of the change exist."""

    change_digest: Digest


class SettleRequest(SeenRequest):
    """The resource of an admission is deleted: free what is still releasing under it."""

    admission_id: Name


class Settled(Message):
    """Names of claims and assets that stay, because their resources were not deleted."""

    left: list[str] = Field(default_factory=list)


class HoldingRequest(StackRequest):
    """Read one claim or asset of a stack."""

    kind: HoldingKind
    name: Name


class Holding(Message):
    """A claim (node) or an asset (site, row) as the ledger has it.

    Attributes:
        stack_id: whose.
        kind: node, site or row.
        name: name within the stack.
        state: where in its life it is.
        generation: raised by each confirm.
        data: a node's place, addresses and type; an asset's declaration.
    """

    stack_id: str
    kind: HoldingKind
    name: str
    state: ClaimState
    generation: int
    data: JsonObject


class HoldingAnswer(Message):
    """The holding, or None where there is none."""

    holding: Holding | None


class ReportRequest(SeenRequest):
    """Ask for what the ledger holds for a stack."""

    holdings: bool = True
    """Also list every claim and asset."""
    data: bool = True
    """Also say what each of them holds, not only its name and where in its life it is."""


class StackReport(Message):
    """Give everything that the ledger holds for one stack."""

    stack_id: str
    party: str | None
    lineage: str | None
    admission_id: str | None
    change_digest: str | None
    completed: bool
    holdings: list[Holding]
    reservation_expires_at: str | None


class DeployRequest(StackRequest):
    """The rendered files of one site are deployed: path to digest."""

    site: Name
    files: dict[Label, Digest]


class SiteFilesRequest(StackRequest):
    """Names the configurations of one stack at one site."""

    site: Name


class DeployedAnswer(Message):
    """Files by site: path to digest."""

    sites: dict[str, dict[str, str]]


class ContentRequest(Message):
    """Texts to keep by digest."""

    texts: list[Text]


class ContentQuery(Message):
    """Digests whose texts are wanted."""

    digests: list[Digest]


class TextRemoval(Message):
    """That a text was removed: by entry ``sequence`` of the journal, at the moment ``at``."""

    sequence: int
    at: str


class ContentAnswer(Message):
    """Text by digest; what the ledger does not have is left out."""

    texts: dict[str, str]
    pruned: dict[str, TextRemoval] = Field(default_factory=dict)
    """What `ledger prune` removed, by digest."""


class CapacityRequest(Message):
    """Which sites to sum up; empty means all."""

    sites: list[Name] = Field(default_factory=list)


class SiteCapacity(Message):
    """What is free in one site: rack units, and kilowatts that a loss of either feed leaves."""

    racks: int
    free_u: int
    free_kw: float
    used_kw: float


class CapacityAnswer(Message):
    """Capacity by site id."""

    sites: dict[str, SiteCapacity]


class FitRequest(Message):
    """What is to fit somewhere: watts, rack units, and what narrows it down."""

    watts: int = Field(ge=1, le=1_000_000_000)
    units: int = Field(ge=0, le=1_000_000)
    site: Name | None = None
    cooling: Literal["air", "liquid"] | None = None
    protection_level: int | None = Field(default=None, ge=1, le=5)


class FitAnswer(Message):
    """What each room has for it; those that fit first."""

    rooms: list[RoomFit]


class ExplainRequest(StackRequest):
    """Why does a node stand where it stands, or would stand where it would?"""

    party: Name
    demand: Demand
    node: Name


class ExplainAnswer(Message):
    """The explanation, or None where the demand has no such node."""

    explanation: Explanation | None


class EnergyRequest(Message):
    """Ask for the energy ratios of the zone's data centres, and what a load would do to one of them."""

    site: Name | None = None
    """The data centre of the forecast; None asks for no forecast."""
    add_w: int = Field(default=0, ge=-1_000_000_000, le=1_000_000_000)
    """IT load that would be added, in watts; negative for one that leaves."""
    room: Name | None = None
    """Its room; None takes the open one with the most design power left."""


class EnergyAnswer(Message):
    """Status by data centre, the forecast where one was asked for, and the same as lines for people."""

    sites: list[JsonObject]
    forecast: JsonObject | None
    lines: list[str]


class Completed(Message):
    """A change is closed; what it leaves free, by id of the sites where the stack holds something."""

    free: dict[str, SiteCapacity]
    head: JournalHead
    """The last entry of the journal."""


class HistoryRequest(Message):
    """A page of the journal; with ``kinds`` of the entries of these kinds only."""

    after: int = Field(default=0, ge=0, le=INTEGER.most)
    limit: int = Field(default=100, ge=1, le=1000)
    kinds: list[Name] = Field(default_factory=list)


class JournalEntry(Message):
    """One entry of the journal: ``hash`` covers all other fields, ``previous`` is the hash before it."""

    sequence: int
    at: str
    kind: str
    stack_id: str
    party: str
    payload: dict[str, Any]
    previous: str
    hash: str


class HistoryAnswer(Message):
    """Entries in order."""

    entries: list[JournalEntry]


class Checkpoint(Message):
    """The journal's head at one moment, signed with the ledger's Ed25519 key.

    Attributes:
        zone: id of the zone.
        ledger: id of the ledger; empty in one of an older version.
        sequence: number of the last entry, 0 where there is none.
        hash: its hash.
        state: digest of all rows that the journal accounts for; empty in one of an older version.
        at: when it was signed.
        public_key: the ledger's, base64.
        signature: over all other fields that are not empty, as canonical JSON; base64.
    """

    zone: str
    ledger: str = ""
    sequence: int
    hash: str
    state: str = ""
    at: str
    public_key: str
    signature: str


class CheckpointRequest(Message):
    """Ask for a signed checkpoint."""
