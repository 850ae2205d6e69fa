"""Heads of a journal with time-stamps of an authority: what they say, and whether it counts."""

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from zonewright.ledger.protocol.journal_messages import Checkpoint
from zonewright.ledger.protocol.messages import Message
from zonewright.model.canonical import canonical_json
from zonewright.seal.errors import SealError

if TYPE_CHECKING:
    from cryptography import x509

APART = timedelta(hours=1)
"""A head is stamped when it is signed: further apart, one of the two moments is not true."""


class StampedHead(Message):
    """A signed head of a journal, and what an authority answered about it.

    Attributes:
        head: the head.
        stamp: the answer (RFC 3161, DER), base64.
    """

    head: Checkpoint
    stamp: Annotated[str, Field(max_length=100_000)]


def stamped_bytes(head: Checkpoint) -> bytes:
    """What the authority stamps: all of the head, with its signature, as canonical JSON."""
    return canonical_json(head.model_dump(mode="json")).encode()


def stamp_fault(one: StampedHead, roots: "Sequence[x509.Certificate]") -> str | None:
    """What is wrong with a time-stamp, as a sentence, or None.

    Args:
        one: a head with its time-stamp.
        roots: certificates of the authorities that are trusted.
    """
    from zonewright.seal.timestamps import stamped_at  # noqa: PLC0415 - a library that few need

    try:
        stamp = base64.b64decode(one.stamp, validate=True)
        moment = stamped_at(stamp, stamped_bytes(one.head), roots)
        said = datetime.fromisoformat(one.head.at)
        apart = abs(moment - said)
    except (SealError, ValueError, TypeError) as error:
        return f"entry {one.head.sequence}: {error}"
    if apart > APART:
        return (
            f"entry {one.head.sequence}: its head says {one.head.at[:19]}Z, and the authority stamped it at "
            f"{moment:%Y-%m-%dT%H:%M:%S}Z"
        )
    return None
