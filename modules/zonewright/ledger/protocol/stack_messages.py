"""Requests and answers about stacks and the zone they stand in: enrolled, recovered, reconciled and reported."""

from typing import Literal

from pydantic import Field

from zonewright.ledger.protocol.holding_messages import Holding
from zonewright.ledger.protocol.journal_messages import JournalHead, SeenRequest
from zonewright.ledger.protocol.messages import Digest, Holder, Label, LedgerId, Message, Name, StackRequest, Step
from zonewright.model import Zone

LOADED = "loaded"
"""Lineage of what ``ledger load`` brought in, which has no state anywhere: the first state that comes takes it over."""


def stack_id_of(owner: str) -> str:
    """Id of the stack under which an owner is loaded; an engine's stack of the same owner has another."""
    return f"loaded-{owner}"


class InitRequest(Message):
    """Register the administrator's file; its digest is the one that admissions must name."""

    zone: Zone


class InitAnswer(Message):
    """What is registered now."""

    zone: str
    zone_digest: Digest
    changed: bool


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
    step: Step
    """The stack's last one: a later one is not of the run that asks."""


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
    """None where the stack is bound to none; empty where it is bound, and the reader is of another party."""
    admission_id: str | None
    change_digest: str | None
    completed: bool
    is_open: bool = False
    """Something is admitted of which no resource was made or changed yet."""
    holdings: list[Holding]
    reservation_expires_at: str | None
