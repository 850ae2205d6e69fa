"""Public keys in OpenSSH's one-line form, and signatures by algorithm.

Another algorithm, such as SM2, is one more entry of ``VERIFIERS`` and of the pattern of ``PublicKey``.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from zonewright.seal.errors import SealError

ED25519 = "ssh-ed25519"
_SIZE = 32


class SigningKey(Protocol):
    """Something that signs: a key file, an agent, a token."""

    @property
    def public(self) -> str:
        """The public key, as ``ssh-ed25519 AAAA...``."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature of a message."""
        ...


def public_key(raw: bytes, algorithm: str = ED25519) -> str:
    """A public key's one-line form.

    Args:
        raw: the key's bytes.
        algorithm: name of the algorithm, as in OpenSSH.
    """
    name = algorithm.encode()
    blob = len(name).to_bytes(4, "big") + name + len(raw).to_bytes(4, "big") + raw
    return f"{algorithm} {base64.b64encode(blob).decode()}"


def key_id(public: str) -> str:
    """The key's fingerprint, as ``ssh-keygen -l`` prints it."""
    digest = hashlib.sha256(_blob(public)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _blob(public: str) -> bytes:
    try:
        return base64.b64decode(public.split(" ")[1], validate=True)
    except (IndexError, binascii.Error):
        raise SealError(f"expected a public key such as 'ssh-ed25519 AAAA...', got '{public[:40]}'") from None


def raw_key(public: str) -> bytes:
    """The key's bytes.

    Raises:
        SealError: when it is no public key of a known algorithm.
    """
    blob, algorithm = _blob(public), public.split(" ", maxsplit=1)[0]
    name = algorithm.encode()
    head = len(name).to_bytes(4, "big") + name + _SIZE.to_bytes(4, "big")
    if algorithm not in VERIFIERS or not blob.startswith(head) or len(blob) != len(head) + _SIZE:
        raise SealError(f"expected a public key such as 'ssh-ed25519 AAAA...', got '{public[:40]}'")
    return blob[len(head) :]


def verifies(public: str, signature: bytes, message: bytes) -> bool:
    """Whether a signature of a message was made with a key."""
    return VERIFIERS[public.split(" ", maxsplit=1)[0]](raw_key(public), signature, message)


def _ed25519(raw: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


VERIFIERS: Mapping[str, Callable[[bytes, bytes, bytes], bool]] = {ED25519: _ed25519}
"""(key, signature, message) -> whether it fits, by name of the algorithm."""
