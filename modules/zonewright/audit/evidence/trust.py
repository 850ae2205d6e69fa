"""What an auditor knows from elsewhere than a bundle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from zonewright.ledger.protocol.journal_messages import Checkpoint

Witnesses = Mapping[str, Sequence[Checkpoint]]
"""By the witness's name the heads that it has kept, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditTrust:
    """What an auditor knows from elsewhere than the bundle.

    Attributes:
        keys: public keys of signers by id; None takes those of the zone's file in the bundle.
        checkpoint: a checkpoint of the journal that was kept elsewhere.
        ledger_key: the ledger's public key, base64.
        witnesses: heads of the journal that others have kept, by witness.
        witness_faults: what is wrong with the time-stamps of those that have some, by witness; empty where they count.
    """

    keys: Mapping[str, tuple[str, ...]] | None = None
    checkpoint: Checkpoint | None = None
    ledger_key: str | None = None
    witnesses: Witnesses = field(default_factory=dict)
    witness_faults: Mapping[str, str] = field(default_factory=dict)
