"""Requests and answers about the facts behind a change, as its own party may read them.

The ledger keeps every fact that a decision looked at. A party gets the facts that are its own or everybody's, and
salted digests in place of the others: they bind these facts to its plan, and let nobody guess what is in them.
"""

from typing import Any

from pydantic import Field

from zonewright.ledger.protocol.holding_messages import PoolAddresses
from zonewright.ledger.protocol.messages import Digest, Generation, Message, Name, StackRequest
from zonewright.model.approval import Risk
from zonewright.model.rack_position import RackPosition
from zonewright.rules.finding import Finding


class SnapshotRequest(StackRequest):
    """What a decision on this change would rest on now; kept where ``keep`` is set, for a plan that names it."""

    party: Name
    demand_digest: Digest
    seats: dict[Name, RackPosition]
    addresses: dict[Name, PoolAddresses]
    keep: bool = True


class Opened(Message):
    """A fact that is shown: the digest of its text, and the salt of its salted digest."""

    digest: Digest
    salt: str


class OwnEntry(Message):
    """An entry of the journal on the party's plan, without the hashes that bind it to entries of others."""

    sequence: int
    at: str
    kind: str
    payload: dict[str, Any]


class PartyFacts(Message):
    """The facts of a snapshot as a party may read them.

    Attributes:
        at: moment of the snapshot.
        opened: the facts that are shown, by name.
        texts: of the facts that are shown, by digest.
        items: salted digests of what is left out and is no fact of the snapshot: the snapshot's own index.
        before: where the stack's nodes stand, by name.
    """

    at: str
    opened: dict[str, Opened]
    texts: dict[Digest, str]
    items: list[Digest]
    before: dict[str, str]


class SnapshotAnswer(Message):
    """The snapshot for its party, and what the plan must say about it.

    Attributes:
        digest: names the snapshot.
        facts: text of ``facts.json``: the salted digests of all its facts.
        shown: what the party may read of it.
        findings: of the change at that moment, before approvals.
        risk: class of risk of the change.
        replaces: id of the stack's present admission, or empty.
        step: the step that the stack is at.
    """

    digest: Digest
    facts: str
    shown: PartyFacts
    findings: list[Finding]
    risk: Risk
    replaces: str
    step: Generation


class EvidenceAnswer(Message):
    """What a party may read of the evidence on one of its plans; None where it has no such plan.

    Attributes:
        shown: of the snapshot that it was planned on; salted digests also of what later decisions looked at.
        entries: the journal's entries on the plan, and the completion of what it was admitted as.
        until: the moment of the answer.
    """

    shown: PartyFacts | None = None
    entries: list[OwnEntry] = Field(default_factory=list)
    until: str = ""
