"""The ledger's signature under entries of its journal, for whoever gets them without those that follow.

The hash of an entry covers the one before it, but of an entry that is a hash alone nobody sees which that is. So what
stands before such a one is proved by this signature, not by the chain.
"""

import base64
from collections.abc import Collection

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection, select

from zonewright.ledger.protocol.journal_messages import VouchedEntries
from zonewright.ledger.store.tables import journal
from zonewright.model.canonical import canonical_json

_WHAT = "zonewright-journal-entries"
"""Part of what is signed, so that it is never taken for a checkpoint."""


def sign_entries(
    connection: Connection, numbers: Collection[int], *, ledger: str, key: Ed25519PrivateKey
) -> VouchedEntries:
    """Sign which hashes some entries of the journal have.

    Args:
        connection: a transaction that sees one moment.
        numbers: of the entries; those that are not there are left out.
        ledger: id of the ledger.
        key: the ledger's.
    """
    wanted = set(numbers)
    query = select(journal.c.sequence, journal.c.hash).where(journal.c.sequence >= min(wanted, default=0))
    rows = connection.execute(query.order_by(journal.c.sequence))
    entries = [(row.sequence, row.hash) for row in rows if row.sequence in wanted]
    public_key = base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    unsigned = VouchedEntries(ledger=ledger, entries=entries, public_key=public_key, signature="")
    return unsigned.model_copy(update={"signature": base64.b64encode(key.sign(_signed(unsigned))).decode()})


def fault_of_vouched(vouched: VouchedEntries, *, ledger: str, public_key: str | None) -> str:
    """What is wrong with such a signature, as a sentence; empty where it is good.

    Args:
        vouched: the entries.
        ledger: id of the ledger that must have signed.
        public_key: its key as known from elsewhere, base64; None trusts the one that is named.
    """
    if vouched.ledger != ledger:
        return "the signature under entries is of another ledger"
    if public_key not in (None, vouched.public_key):
        return "the signature under entries is by another key than the ledger's"
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(vouched.public_key))
        key.verify(base64.b64decode(vouched.signature), _signed(vouched))
    except (InvalidSignature, ValueError):
        return "the signature under entries does not match them"
    return ""


def _signed(vouched: VouchedEntries) -> bytes:
    return canonical_json({"what": _WHAT, **vouched.model_dump(mode="json", exclude={"signature"})}).encode()
