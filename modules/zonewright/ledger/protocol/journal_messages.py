"""Requests and answers about the journal: its entries, its head, and signed checkpoints of it."""

from typing import Any

from pydantic import Field

from zonewright.ledger.protocol.messages import Digest, Generation, LedgerId, Message, Name, StackRequest
from zonewright.model.limits import INTEGER

WITHHELD = "withheld"
"""Kind of an entry of which its reader gets number and hashes only, because it is about another party."""


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


class SeenRequest(StackRequest):
    """Names a stack, and what its state saw of the ledger last."""

    seen: JournalHead | None = None
    """A ledger whose journal lacks this entry is refused: it is a copy, was restored, or is another one."""
    lineage: Name | None = None
    """A stack that is bound to another lineage by now is refused; None does not ask."""


class HistoryRequest(Message):
    """A page of the journal; with ``kinds`` of the entries of these kinds only."""

    after: int = Field(default=0, ge=0, le=INTEGER.most)
    limit: int = Field(default=100, ge=1, le=1000)
    kinds: list[Name] = Field(default_factory=list)


class JournalEntry(Message):
    """One entry of the journal: ``hash`` covers all other fields, ``previous`` is the hash before it.

    Of an entry about another party its reader gets ``sequence``, ``previous`` and ``hash``, and the kind "withheld".
    """

    sequence: int
    at: str
    kind: str
    stack_id: str
    party: str
    payload: dict[str, Any]
    previous: str
    hash: str


class HistoryAnswer(Message):
    """Entries in order; ``is_partial`` where those of others are withheld from this reader."""

    entries: list[JournalEntry]
    is_partial: bool = False


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


class VouchedEntries(Message):
    """Hashes of entries of the journal, signed with the ledger's Ed25519 key.

    Attributes:
        ledger: id of the ledger.
        entries: number and hash of each, in order.
        public_key: the ledger's, base64.
        signature: over all other fields and what they are, as canonical JSON; base64.
    """

    ledger: str
    entries: list[tuple[int, str]]
    public_key: str
    signature: str


class CheckpointRequest(Message):
    """Ask for a signed checkpoint."""
