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
        fault = moment_fault(one.head, stamped_at(stamp, stamped_bytes(one.head), roots))
    except (SealError, ValueError) as error:
        fault = str(error)
    return f"entry {one.head.sequence}: {fault}" if fault else None


def moment_fault(head: Checkpoint, moment: datetime) -> str | None:
    """What is wrong with the moment at which a head was stamped, as a sentence, or None.

    Args:
        head: the head.
        moment: what the authority says.
    """
    try:
        apart = abs(moment - datetime.fromisoformat(head.at))
    except (ValueError, TypeError):
        return "its head says no time in UTC"
    if apart > APART:
        return f"its head says {head.at[:19]}Z, and the authority stamped it at {moment:%Y-%m-%dT%H:%M:%S}Z"
    return None
