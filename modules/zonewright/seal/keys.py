"""Public keys in OpenSSH's one-line form, and signatures by algorithm.

Another algorithm, such as SM2, is one more entry of ``VERIFIERS`` and of the pattern of ``PublicKey``.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

from zonewright.seal.errors import SealError


class SigningKey(Protocol):
    """Something that signs: a key file, an agent, a token."""

    @property
    def public(self) -> str:
        """The public key, as ``ssh-ed25519 AAAA...``."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature of a message."""
        ...


def key_id(public: str) -> str:
    """The key's fingerprint, as ``ssh-keygen -l`` prints it."""
    return fingerprint(key_blob(public))


def fingerprint(blob: bytes) -> str:
    """The fingerprint of a key as SSH writes it, of whatever kind it is."""
    return f"SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')}"


def key_blob(public: str) -> bytes:
    """The key as SSH writes it, from its one-line form.

    Raises:
        SealError: when it has no such form.
    """
    try:
        return base64.b64decode(public.split(" ")[1], validate=True)
    except (IndexError, binascii.Error):
        raise _no_key(public) from None


def ed25519_key(public: str) -> Ed25519PublicKey:
    """The key of a one-line form, with or without a comment behind it.

    Raises:
        SealError: when it is no Ed25519 key, or not in the one form that OpenSSH gives it.
    """
    try:
        key = load_ssh_public_key(public.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _no_key(public) from None
    if not isinstance(key, Ed25519PublicKey) or one_line(key) != " ".join(public.split(" ")[:2]):
        raise _no_key(public)
    return key


def one_line(key: Ed25519PublicKey) -> str:
    """A public key as ``ssh-ed25519 AAAA...``."""
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _no_key(public: str) -> SealError:
    return SealError(f"expected a public key such as 'ssh-ed25519 AAAA...', got '{public[:40]}'")


def verifies(public: str, signature: bytes, message: bytes) -> bool:
    """Whether a signature of a message was made with a key."""
    return VERIFIERS[public.split(" ", maxsplit=1)[0]](public, signature, message)


def _ed25519(public: str, signature: bytes, message: bytes) -> bool:
    key = ed25519_key(public)
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


VERIFIERS: Mapping[str, Callable[[str, bytes, bytes], bool]] = {"ssh-ed25519": _ed25519}
"""(public key, signature, message) -> whether it fits, by name of the algorithm."""
