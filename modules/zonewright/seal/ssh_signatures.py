"""Signatures of ``ssh-keygen -Y sign`` (SSHSIG, version 1) by Ed25519 keys, checked without OpenSSH."""

import base64
import hashlib
import struct

from cryptography.exceptions import InvalidSignature

from zonewright.errors import Exit, ZonewrightError
from zonewright.seal.errors import SealError
from zonewright.seal.keys import ed25519_key, key_blob

_MAGIC = b"SSHSIG"
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_HASHES = {b"sha512": hashlib.sha512, b"sha256": hashlib.sha256}
_KIND = b"ssh-ed25519"


class SignatureError(ZonewrightError, ValueError):
    """A signature does not count; ``str()`` is a sentence."""

    exit_code = Exit.REFUSED


def verify_signature(message: bytes, armored: str, *, public_key: str, namespace: str) -> None:
    """Let a message pass when this key signed it for this purpose.

    Args:
        message: the exact bytes that were signed.
        armored: the signature, as ssh-keygen prints it.
        public_key: the key, as ``ssh-ed25519 AAAA...``.
        namespace: the purpose.

    Raises:
        SignatureError: when it did not, or the signature cannot be read.
    """
    enrolled = " ".join(public_key.split()[:2])
    try:
        key = ed25519_key(enrolled)
    except SealError:
        raise SignatureError("the enrolled key is not an Ed25519 key") from None
    try:
        blob, own_namespace, reserved, algorithm, signature = _parts(armored)
        hashed = _HASHES[algorithm](message).digest()
    except (struct.error, KeyError, ValueError):
        raise SignatureError("the signature cannot be read") from None
    if own_namespace != namespace.encode():
        raise SignatureError("the signature is for another purpose")
    if blob != key_blob(enrolled):
        raise SignatureError("the signature is by another key than the one that was enrolled")
    signed = _MAGIC + b"".join(_string(part) for part in (own_namespace, reserved, algorithm, hashed))
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        raise SignatureError("the signature does not match the content") from None


def _parts(armored: str) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """Key, purpose, reserved, hash and signature of a signature."""
    lines = armored.strip().splitlines()
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:  # noqa: PLR2004 - head, content, foot
        raise KeyError
    blob = base64.b64decode("".join(lines[1:-1]), validate=True)
    if blob[: len(_MAGIC)] != _MAGIC or struct.unpack_from(">I", blob, len(_MAGIC)) != (1,):
        raise KeyError
    fields, rest = _split(blob[len(_MAGIC) + 4 :], 5)
    (kind, signature), tail = _split(fields[4], 2)
    if rest or tail or kind != _KIND:
        raise KeyError
    return fields[0], fields[1], fields[2], fields[3], signature


def _split(blob: bytes, count: int) -> tuple[list[bytes], bytes]:
    """So many strings as SSH writes them, and what is left."""
    found = []
    for _ in range(count):
        (size,) = struct.unpack_from(">I", blob)
        if len(blob) < 4 + size:
            raise struct.error
        found.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    return found, blob


def _string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content
