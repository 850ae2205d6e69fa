"""Requests and answers about machines: where one is, and what an operator found where the ledger says otherwise."""

from pydantic import Field

from zonewright.ledger.protocol.messages import Label, Message, Name
from zonewright.ledger.protocol.who_messages import WhoEntry
from zonewright.model.limits import ANSWERED, INTEGER, UNITS


class FindRequest(Message):
    """Where is a host or an address?"""

    subject: Name = ""
    """Name of a node, or an address; empty asks for all that operators have found otherwise."""
    limit: int = Field(default=ANSWERED.most, ge=1, le=ANSWERED.most)


class FoundRequest(Message):
    """An operator found a machine in one of its racks, and the ledger says otherwise. Or: that is settled."""

    party: Name
    """The facility operator."""
    subject: Name = ""
    """Name of the node, its address, or what is written on the machine."""
    rack: Name = ""
    position: int = Field(default=0, ge=0, le=UNITS.most)
    """Its lowest rack unit."""
    why: Label = Field(min_length=1)
    contact: Label = ""
    """Who can say more."""
    settles: int = Field(default=0, ge=0, le=INTEGER.most)
    """Number of the record that is settled; 0 for a new one."""


class FoundRecord(Message):
    """What an operator found.

    Attributes:
        number: of its entry in the journal; the record is named by it.
        at: ISO 8601.
        party: the operator.
        subject: what was found.
        rack: where.
        position: its lowest rack unit.
        why: how it was found, or why it is there.
        contact: who can say more.
        claim: name of the claim that the operator saw for it, empty where there was none in its racks.
        stack_id: of that claim.
        claim_party: whose that claim was.
        settled_at: ISO 8601; empty while it is open.
        settled_why: how it was settled.
    """

    number: int
    at: str
    party: str
    subject: str
    rack: str
    position: int
    why: str
    contact: str
    claim: str = ""
    stack_id: str = ""
    claim_party: str = ""
    settled_at: str = ""
    settled_why: str = ""


class FindAnswer(Message):
    """Where the ledger has it, and where operators found it; as far as the reader may see."""

    stands: list[WhoEntry]
    found: list[FoundRecord]
