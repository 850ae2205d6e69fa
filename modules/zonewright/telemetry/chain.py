"""The chain of an agent's batches: each names the one before it, and a signed head names the last of them. Pure.

A head that counts vouches for all batches that its chain leads back to. So whoever has the batches, the heads and the
host's public key needs nobody's word for it that this host sent them, in this order, and none was left out.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from zonewright.errors import Exit, ZonewrightError
from zonewright.model.limits import TELEMETRY_PLAIN
from zonewright.seal.ssh_signatures import SignatureError, verify_signature

NAMESPACE = "zonewright-telemetry"
PREVIOUS, HEAD, SIGNATURE = "zonewright.previous", "zonewright.head", "zonewright.signature"
DIGEST_CHARS, HEAD_CHARS, SIGNATURE_CHARS = 64, 600, 2_000
_HEXADECIMAL = frozenset("0123456789abcdef")
_MAX_NS = 2**62


class ChainError(ZonewrightError, ValueError):
    """A batch or a head is none; ``str()`` is a sentence."""

    exit_code = Exit.REFUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHead:
    """What a batch says of the end of its chain.

    Attributes:
        text: the text that was signed.
        signature: over it, as ssh-keygen prints it.
        key: the key that it counts by, as ``ssh-ed25519 AAAA...``; empty where it does not count.
        fault: why it does not count, as a sentence without its subject.
    """

    text: str
    signature: str
    key: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """The place of a batch in its chain.

    Attributes:
        previous: digest of the batch before it, empty where a chain begins.
        digest: of the batch itself.
        body: the batch as it came.
        head: a signed head that came with it.
    """

    previous: str
    digest: str
    body: bytes
    head: SignedHead | None = None


class ChainHead(NamedTuple):
    """What a head says: this agent's chain for this ledger had this batch at its end at this time."""

    agent: str
    ledger: str
    sequence: int
    digest: str
    time_ns: int


class Linked(NamedTuple):
    """A batch as it is judged: its number, the digest that it names, and its own."""

    sequence: int
    previous: str
    digest: str


def link_of(attributes: dict[str, str], body: bytes) -> ChainLink | None:
    """The place of a batch in its chain, as its resource says; None of a batch without any.

    Raises:
        ChainError: when what it says is none.
    """
    previous = attributes.get(PREVIOUS)
    if previous is None:
        return None
    if previous and not is_digest(previous):
        raise ChainError(f"{PREVIOUS}: expected a SHA-256 of 64 digits, or nothing, got {previous[:70]!r}")
    text, signature = attributes.get(HEAD, ""), attributes.get(SIGNATURE, "")
    if len(text) > HEAD_CHARS or len(signature) > SIGNATURE_CHARS:
        raise ChainError(f"{HEAD}: expected at most {HEAD_CHARS} characters, and {SIGNATURE_CHARS} of the signature")
    if not (text.isascii() and text.isprintable()):
        raise ChainError(f"{HEAD}: expected plain ASCII")
    head = SignedHead(text=text, signature=signature) if text else None
    return ChainLink(previous=previous, digest=sha256(body).hexdigest(), body=body, head=head)


def is_digest(text: str) -> bool:
    """Whether a text is a digest as chains have it."""
    return len(text) == DIGEST_CHARS and _HEXADECIMAL.issuperset(text)


def head_of(text: str) -> ChainHead:
    """What a head says.

    Raises:
        ChainError: when it is none.
    """
    try:
        said = json.loads(text)
        head = ChainHead(
            str(said["agent"]), str(said["ledger"]), int(said["sequence"]), str(said["digest"]), int(said["time_ns"])
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise ChainError("the head cannot be read") from None
    if not 0 < head.sequence < _MAX_NS or not 0 <= head.time_ns < _MAX_NS or not is_digest(head.digest):
        raise ChainError("the head names no batch")
    return head


def fault_of_head(text: str, signature: str, *, agent: str, ledger: str, public_key: str) -> str:
    """Why a head does not count, as a sentence; empty where it does.

    Args:
        text: what was signed.
        signature: over it.
        agent: whose chain it must be.
        ledger: which ledger it must be for.
        public_key: the key that is enrolled for the agent, or empty.
    """
    if not public_key:
        return f"no key is enrolled for agent {agent}"
    try:
        verify_signature(text.encode(), signature, public_key=public_key, namespace=NAMESPACE)
        head = head_of(text)
    except (SignatureError, ChainError) as error:
        return str(error)
    if head.agent != agent:
        return f"the head is of agent {head.agent[:63]!r}"
    if not ledger:
        return "the service has no ledger that it could be for"
    if head.ledger != ledger:
        return f"the head is for {f'ledger {head.ledger[:40]!r}' if head.ledger else 'no ledger'}, not for this one"
    return ""


def led_back(links: Iterable[Linked], digest: str) -> Iterator[Linked]:
    """The batches that a head vouches for: from the one that it names, back as far as each names the one before it.

    Args:
        links: from the batch that the head names, the latest first.
        digest: that the head names.
    """
    for link in links:
        if link.digest != digest:
            return
        yield link
        digest = link.previous


def gap_told(link: Linked, before: Linked | None) -> tuple[str, str] | None:
    """What is out of the ordinary between a batch and the one before it: a kind and a sentence, or None.

    Args:
        link: a batch.
        before: the one before it, None where there is none.
    """
    if before is None:
        if link.previous:
            return "gap", f"the chain was begun before batch {link.sequence}, and what was before did not come"
        return "begun", f"the chain begins with batch {link.sequence}"
    if link.previous == before.digest:
        return None
    if not link.previous:
        return "begun", f"the chain begins again with batch {link.sequence}, after batch {before.sequence}"
    missing = link.sequence - before.sequence - 1
    if missing:
        return "gap", f"batches {before.sequence + 1} to {link.sequence - 1} did not come as they were sent"
    return "gap", f"batch {link.sequence} does not follow from batch {before.sequence} as that came"


def packed(body: bytes) -> str:
    """A batch as it is kept."""
    return base64.b64encode(zlib.compress(body, 6)).decode("ascii")


def unpacked(text: str) -> bytes:
    """A kept batch.

    Raises:
        ChainError: when it is none.
    """
    reader = zlib.decompressobj()
    try:
        found = reader.decompress(base64.b64decode(text, validate=True), TELEMETRY_PLAIN.most)
    except (zlib.error, ValueError):
        raise ChainError("a kept batch cannot be read") from None
    if not reader.eof or reader.unused_data:
        raise ChainError("a kept batch cannot be read")
    return found
