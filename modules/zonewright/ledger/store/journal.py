"""The append-only record of decisions: each entry's hash covers the entry before it.

``verify`` needs only entries and a checkpoint that was exported earlier, no database and no network.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection, bindparam, select, update

from zonewright.ledger.protocol.journal_messages import WITHHELD, Checkpoint, JournalEntry
from zonewright.ledger.store.asking import Question, first
from zonewright.ledger.store.engines.dialect import words_of
from zonewright.ledger.store.engines.holder import BESIDE
from zonewright.ledger.store.scopes import HEAD
from zonewright.ledger.store.tables import journal
from zonewright.model.canonical import canonical_json, digest_of

GENESIS = "sha256:" + "0" * 64
APPENDED = "zonewright.appended"
"""What a connection knows: the entry that its transaction appended last, which others cannot follow before its end."""
BY = "zonewright.by"
"""What a connection knows: the principal that asked for its transaction, or nothing."""
PREPARE = "zonewright.prepare"
"""What a connection knows: what is done once before its transaction holds the head, since others wait for that."""
_CLOCKS = timedelta(minutes=5)
_NEWEST = journal.c.sequence.desc()
_LAST = select(journal.c.sequence, journal.c.at, journal.c.hash).order_by(_NEWEST).limit(1)
LAST_ENTRY = Question(_LAST)
_INSERT = journal.insert()
_WRITE = (
    update(journal)
    .where(journal.c.sequence == bindparam("number"))
    .values(payload=bindparam("text"), hash=bindparam("digest"))
)


def append(
    connection: Connection, *, at: str, kind: str, stack_id: str, party: str, payload: Mapping[str, Any]
) -> JournalEntry:
    """Add one entry inside the transaction that carries out the decision; it names the principal that asked for it.

    Raises:
        ValueError: when it would be of an earlier moment than the entry before it.
    """
    said = {**payload, **({"by": by} if (by := connection.info.get(BY)) else {})}
    return append_unasked(connection, at=at, kind=kind, stack_id=stack_id, party=party, payload=said)


def append_unasked(
    connection: Connection, *, at: str, kind: str, stack_id: str, party: str, payload: Mapping[str, Any]
) -> JournalEntry:
    """Add an entry of what nobody asked for, such as what ends by the clock; whose transaction noticed it is not told.

    Beside other transactions that write, this waits until none of them can add an entry before this one ends. Others
    may have been added since its moment was asked for: then it is of theirs.

    Raises:
        ValueError: when it would be of an earlier moment than the entry before it, and its writer is alone.
    """
    is_beside = BESIDE in connection.info
    if is_beside:
        if PREPARE in connection.info:
            connection.info[PREPARE](connection)
        if words_of(connection).hold(connection, [HEAD.name]) != {HEAD.name}:
            raise RuntimeError(f"the ledger has no row '{HEAD.name}' in its table scope: nothing was kept")
    last = connection.execute(_LAST).first()
    if last is not None and is_beside:
        at = max(at, last.at)
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
    connection.execute(_INSERT, {**entry.model_dump(), "payload": canonical_json(entry.payload)})
    connection.info[APPENDED] = entry
    return entry


def entry_of(row: Mapping[str, Any]) -> JournalEntry:
    """An entry from its row."""
    return JournalEntry.model_validate({**row, "payload": json.loads(row["payload"])})


def head_of(connection: Connection) -> tuple[int, str]:
    """Number and hash of the last entry; 0 and the hash that the first one follows where there is none."""
    row = connection.execute(_LAST).first()
    return (0, GENESIS) if row is None else (row.sequence, row.hash)


def add_to_last(connection: Connection, more: Mapping[str, Any]) -> JournalEntry:
    """Add to the payload of the last entry, in the transaction that appended it; gives the entry as it is then."""
    entry: JournalEntry = connection.info[APPENDED]
    fields = {**entry.model_dump(exclude={"hash"}), "payload": {**entry.payload, **more}}
    made = JournalEntry(**fields, hash=entry_hash(fields))
    written = {"text": canonical_json(made.payload), "digest": made.hash}
    connection.execute(_WRITE, {"number": made.sequence, **written})
    connection.info[APPENDED] = made
    return made


def last_moment(connection: Connection) -> datetime | None:
    """The moment of the last entry, or None where there is none."""
    last = first(connection, LAST_ENTRY)
    return None if last is None else datetime.fromisoformat(last.at)


def entry_hash(fields: Mapping[str, Any]) -> str:
    """The hash of an entry: of all its fields but the hash itself."""
    return digest_of(canonical_json({key: value for key, value in fields.items() if key != "hash"}))


def verify(
    entries: Iterable[JournalEntry], checkpoint: Checkpoint | None = None, *, may_withhold: bool = False
) -> str | None:
    """The first thing that is wrong with a journal, as a sentence, or None.

    Args:
        entries: all entries, in the order in which they are stored.
        checkpoint: a checkpoint exported earlier; its signature must have been checked by ``verify_checkpoint``.
        may_withhold: whether some may be withheld from their reader. Of these only the hashes are followed, so whoever
            asks says how many they were.
    """
    previous, expected = GENESIS, 1
    seen_checkpoint = checkpoint is None or checkpoint.sequence == 0
    for entry in entries:
        if entry.sequence != expected:
            return f"entry {expected} is missing or out of order: the next stored entry is {entry.sequence}"
        is_withheld = may_withhold and entry.kind == WITHHELD and not (entry.at or entry.party or entry.payload)
        if not is_withheld and entry.hash != entry_hash(vars(entry)):
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


def sign_checkpoint(
    connection: Connection, *, zone: str, ledger: str, state: str, at: str, key: Ed25519PrivateKey
) -> Checkpoint:
    """The head of the journal, signed.

    Args:
        connection: a transaction that sees one moment.
        zone: id of the zone.
        ledger: id of the ledger.
        state: digest of the rows that the journal accounts for.
        at: the moment.
        key: the ledger's.
    """
    sequence, head = head_of(connection)
    public_key = base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    fields = {"zone": zone, "ledger": ledger, "sequence": sequence, "hash": head, "state": state, "at": at}
    unsigned = Checkpoint(**fields, public_key=public_key, signature="")
    return unsigned.model_copy(update={"signature": base64.b64encode(key.sign(_signed(unsigned))).decode()})


def _signed(checkpoint: Checkpoint) -> bytes:
    """What a signature covers: one of an older version has no ledger and no state."""
    fields = checkpoint.model_dump(exclude={"signature"})
    return canonical_json(
        {name: value for name, value in fields.items() if name not in ("ledger", "state") or value}
    ).encode()


def is_late(head: Checkpoint, last: Checkpoint) -> bool:
    """Whether a head with fewer entries than another one was signed before it, or about then: it was on its way longer.

    Services of one ledger sign each for itself, by clocks that differ a little. So it is no sign of a journal that was
    cut; the next head of such a journal is one.
    """
    if head.sequence >= last.sequence:
        return False
    try:
        return datetime.fromisoformat(head.at) - datetime.fromisoformat(last.at) <= _CLOCKS
    except (TypeError, ValueError):  # no time, or one without a zone: whoever sent it may write what it likes
        return False


def verify_checkpoint(checkpoint: Checkpoint, *, public_key: str | None = None) -> str | None:
    """What is wrong with a checkpoint's signature, as a sentence, or None.

    Args:
        checkpoint: the checkpoint.
        public_key: the ledger's key as known from elsewhere (base64); None trusts the one in the checkpoint.
    """
    if public_key is not None and public_key != checkpoint.public_key:
        return f"the checkpoint of {checkpoint.at} was signed by another key than the one expected"
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(checkpoint.public_key))
        key.verify(base64.b64decode(checkpoint.signature), _signed(checkpoint))
    except (InvalidSignature, ValueError):
        return f"the signature of the checkpoint of {checkpoint.at} does not match its content"
    return None
