"""DSSE envelopes (secure-systems-lab/dsse, version 1) around in-toto Statements.

What is signed is the pre-authentication encoding of payload type and payload, so nothing has to be parsed before it
is verified. An envelope has one byte form: a changed byte is either another envelope or none.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from zonewright.model.canonical import canonical_json
from zonewright.seal.errors import SealError
from zonewright.seal.keys import SigningKey, key_id, verifies
from zonewright.seal.strict import strict_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_CHARACTERS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature: the key's fingerprint and the bytes."""

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A payload with its type and its signatures."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]

    def text(self) -> str:
        """The envelope's one form: canonical JSON."""
        return canonical_json(
            {
                "payload": base64.b64encode(self.payload).decode(),
                "payloadType": self.payload_type,
                "signatures": [
                    {"keyid": one.keyid, "sig": base64.b64encode(one.sig).decode()} for one in self.signatures
                ],
            }
        )


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed.

    Example:
        >>> pae("http://example.com/HelloWorld", b"hello world")
        b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign(payload: str, key: SigningKey) -> Envelope:
    """An envelope around a Statement, with one signature."""
    raw = payload.encode()
    signature = Signature(keyid=key_id(key.public), sig=key.sign(pae(PAYLOAD_TYPE, raw)))
    return Envelope(payload=raw, payload_type=PAYLOAD_TYPE, signatures=(signature,))


def read_envelope(text: str) -> Envelope:
    """An envelope from its text.

    Raises:
        SealError: when it is none, or not in its one form.
    """
    if len(text) > MAX_CHARACTERS:
        raise SealError(f"an envelope has at most {MAX_CHARACTERS:,} characters, this one has {len(text):,}")
    data = strict_json(text)
    try:
        signatures = tuple(Signature(keyid=str(one["keyid"]), sig=_bytes(one["sig"])) for one in data["signatures"])
        envelope = Envelope(
            payload=_bytes(data["payload"]), payload_type=str(data["payloadType"]), signatures=signatures
        )
    except (KeyError, TypeError, binascii.Error, UnicodeEncodeError, ValueError):
        raise SealError("it is not a DSSE envelope (payload, payloadType and signatures, base64)") from None
    if envelope.text() != text.rstrip("\n"):
        raise SealError("the envelope is not in its canonical form, so it was not written by a signer of zonewright")
    return envelope


def _bytes(value: Any) -> bytes:
    return base64.b64decode(str(value), validate=True)


def payload_of(envelope: Envelope, keys: dict[str, str]) -> tuple[str, str]:
    """The payload that a known key has signed, and that key.

    Args:
        envelope: the envelope.
        keys: public keys by fingerprint.

    Raises:
        SealError: when its type is another one, no key is known, or the signature does not fit.
    """
    if envelope.payload_type != PAYLOAD_TYPE:
        raise SealError(f"the payload is of type '{envelope.payload_type[:60]}', expected '{PAYLOAD_TYPE}'")
    if len(envelope.signatures) != 1:
        raise SealError(f"it has {len(envelope.signatures)} signatures, expected one of one person")
    one = envelope.signatures[0]
    if one.keyid not in keys:
        raise SealError(f"it is signed by {one.keyid[:60]}, but no signer of this zone has that key now")
    if not verifies(keys[one.keyid], one.sig, pae(envelope.payload_type, envelope.payload)):
        raise SealError(f"the signature by {one.keyid} does not match the content")
    try:
        return envelope.payload.decode(), keys[one.keyid]
    except UnicodeDecodeError:
        raise SealError("the payload is not UTF-8 text") from None
