"""The append-only record of decisions: each entry's hash covers the entry before it.

``verify`` needs only entries and a checkpoint that was exported earlier, no database and no network.
"""

import base64
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection, func, select

from zonewright.ledger.protocol.messages import Checkpoint, JournalEntry
from zonewright.ledger.store.tables import journal
from zonewright.model.canonical import canonical_json, digest_of

GENESIS = "sha256:" + "0" * 64
_LAST_AT = select(journal.c.at).order_by(journal.c.sequence.desc()).limit(1)


def append(
    connection: Connection, *, at: str, kind: str, stack_id: str, party: str, payload: Mapping[str, Any]
) -> JournalEntry:
    """Add one entry inside the transaction that carries out the decision.

    Raises:
        ValueError: when it would be of an earlier moment than the entry before it.
    """
    last = connection.execute(
        select(journal.c.sequence, journal.c.at, journal.c.hash).order_by(journal.c.sequence.desc()).limit(1)
    ).first()
    if last is not None and at < last.at:
        raise ValueError(f"an entry of {at} cannot follow entry {last.sequence} of {last.at}")
    fields = {
        "sequence": (last.sequence if last else 0) + 1,
        "at": at,
        "kind": kind,
        "stack_id": stack_id,
        "party": party,
        "payload": dict(payload),
        "previous": last.hash if last else GENESIS,
    }
    entry = JournalEntry(**fields, hash=entry_hash(fields))
    connection.execute(journal.insert().values(**{**entry.model_dump(), "payload": canonical_json(entry.payload)}))
    return entry


def last_moment(connection: Connection) -> datetime | None:
    """The moment of the last entry, or None where there is none."""
    at = connection.execute(_LAST_AT).scalar()
    return None if at is None else datetime.fromisoformat(at)


def entry_hash(fields: Mapping[str, Any]) -> str:
    """The hash of an entry: of all its fields but the hash itself."""
    return digest_of(canonical_json({key: value for key, value in fields.items() if key != "hash"}))


def verify(entries: Iterable[JournalEntry], checkpoint: Checkpoint | None = None) -> str | None:
    """The first thing that is wrong with a journal, as a sentence, or None.

    Args:
        entries: all entries, in the order in which they are stored.
        checkpoint: a checkpoint exported earlier; its signature must have been checked by ``verify_checkpoint``.
    """
    previous, expected = GENESIS, 1
    seen_checkpoint = checkpoint is None or checkpoint.sequence == 0
    for entry in entries:
        if entry.sequence != expected:
            return f"entry {expected} is missing or out of order: the next stored entry is {entry.sequence}"
        if entry.hash != entry_hash(vars(entry)):
            return f"entry {entry.sequence} was altered: its content does not have the hash that it carries"
        if entry.previous != previous:
            return f"entry {entry.sequence} does not follow entry {entry.sequence - 1}: the chain was rewritten there"
        if checkpoint is not None and entry.sequence == checkpoint.sequence:
            if entry.hash != checkpoint.hash:
                return f"entry {entry.sequence} is not the one that the checkpoint of {checkpoint.at} names"
            seen_checkpoint = True
        previous, expected = entry.hash, expected + 1
    if not seen_checkpoint and checkpoint is not None:
        return (
            f"the journal is truncated: it ends at entry {expected - 1}, but the checkpoint of {checkpoint.at} "
            f"names entry {checkpoint.sequence}"
        )
    return None


def sign_checkpoint(connection: Connection, *, zone: str, at: str, key: Ed25519PrivateKey) -> Checkpoint:
    """The head of the journal, signed."""
    sequence = connection.execute(select(func.max(journal.c.sequence))).scalar() or 0
    head = connection.execute(select(journal.c.hash).where(journal.c.sequence == sequence)).scalar() or GENESIS
    public_key = base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    fields = {"zone": zone, "sequence": sequence, "hash": head, "at": at, "public_key": public_key}
    signature = base64.b64encode(key.sign(canonical_json(fields).encode())).decode()
    return Checkpoint(**fields, signature=signature)


def verify_checkpoint(checkpoint: Checkpoint, *, public_key: str | None = None) -> str | None:
    """What is wrong with a checkpoint's signature, as a sentence, or None.

    Args:
        checkpoint: the checkpoint.
        public_key: the ledger's key as known from elsewhere (base64); None trusts the one in the checkpoint.
    """
    if public_key is not None and public_key != checkpoint.public_key:
        return f"the checkpoint of {checkpoint.at} was signed by another key than the one expected"
    fields = checkpoint.model_dump(exclude={"signature"})
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(checkpoint.public_key))
        key.verify(base64.b64decode(checkpoint.signature), canonical_json(fields).encode())
    except (InvalidSignature, ValueError):
        return f"the signature of the checkpoint of {checkpoint.at} does not match its content"
    return None
