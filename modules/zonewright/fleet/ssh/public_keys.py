"""Public keys of SSH: their one-line form, fingerprints, and the certificates that an authority gives to hosts."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from fnmatch import fnmatchcase

from paramiko import PKey, SSHException
from paramiko.message import Message

_CERTIFICATE = "-cert-v01@openssh.com"
_HOST = 2
_PUBLIC_FIELDS = {"ssh-ed25519": 1, "ssh-rsa": 2}
"""How many fields a key of this type has after its type; ECDSA has two, its curve and its point."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key.

    Attributes:
        kind: its type, such as ``ssh-ed25519``.
        blob: the key as SSH writes it.
    """

    kind: str
    blob: bytes

    @staticmethod
    def parse(text: str) -> "PublicKey":
        """A key from ``ssh-ed25519 AAAA... comment``.

        Raises:
            ValueError: when it is none; the sentence says why.
        """
        parts = text.split()
        try:
            kind, blob = parts[0], base64.b64decode(parts[1], validate=True)
            named = Message(blob).get_text()
        except (IndexError, binascii.Error, UnicodeDecodeError):
            raise ValueError(f"expected a public key such as 'ssh-ed25519 AAAA...', got {text[:60]!r}") from None
        if named != kind:
            raise ValueError(f"the key says {kind!r} and holds a key of another type; copy the whole line")
        return PublicKey(kind, blob)

    @property
    def fingerprint(self) -> str:
        """``SHA256:...``, as ssh-keygen prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    def __str__(self) -> str:
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    @property
    def algorithms(self) -> tuple[str, ...]:
        """What a client asks for to be shown this key; SHA-1 is not among it."""
        return ("rsa-sha2-512", "rsa-sha2-256") if self.kind == "ssh-rsa" else (self.kind,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A host certificate.

    Attributes:
        key: the host's own key.
        authority: the key that signed it.
        key_id: what the authority calls it.
        principals: names it is for, possibly with ``*``; none is for no host.
        valid_after: seconds since 1970.
        valid_before: seconds since 1970.
        fault: why it is no certificate of a host, or empty.
    """

    key: PublicKey
    authority: PublicKey
    key_id: str
    principals: tuple[str, ...]
    valid_after: int
    valid_before: int
    fault: str = ""

    def flaw(self, names: tuple[str, ...], now_s: float) -> str:
        """Why it does not speak for a host of one of these names at this time; empty when it does."""
        if self.fault:
            return self.fault
        if not any(fnmatchcase(name, pattern) for name in names for pattern in self.principals):
            return f"the certificate {self.key_id!r} is for {', '.join(self.principals) or 'no host'}"
        if not self.valid_after <= now_s < self.valid_before:
            return f"the certificate {self.key_id!r} is not valid now; sign the host's key anew, or set the clock"
        return ""


def is_certificate(blob: bytes) -> bool:
    """Whether a host showed a certificate and not a plain key."""
    return Message(blob).get_text().endswith(_CERTIFICATE)


def certificate_algorithms() -> tuple[str, ...]:
    """What a client asks for to be shown a certificate."""
    kinds = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
    return tuple(f"{kind}{_CERTIFICATE}" for kind in (*kinds, "rsa-sha2-512", "rsa-sha2-256"))


def read_certificate(blob: bytes) -> Certificate:
    """What a certificate says; its signature is checked here, whom it is for by ``flaw``.

    Raises:
        ValueError: when it can not be read.
    """
    try:
        return _read(blob)
    except (SSHException, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"the host's certificate can not be read: {error}") from None


def _read(blob: bytes) -> Certificate:
    message = Message(blob)
    kind = message.get_text().removesuffix(_CERTIFICATE)
    message.get_string()  # the nonce
    plain = Message()
    plain.add_string(kind)
    for _ in range(_PUBLIC_FIELDS.get(kind, 2)):
        plain.add_string(message.get_string())
    message.get_int64()  # the serial number
    role, key_id = message.get_int(), message.get_text()
    principals = _texts(message.get_string())
    after, before = message.get_int64(), message.get_int64()
    critical = message.get_string()
    message.get_string()  # extensions; none has a meaning for hosts
    message.get_string()  # reserved
    authority_blob = message.get_string()
    signed = blob[: len(blob) - len(message.get_remainder())]
    signature = message.get_string()
    authority = PublicKey(Message(authority_blob).get_text(), authority_blob)
    signer = PKey.from_type_string(authority.kind, authority_blob)
    fault = ""
    if not signer.verify_ssh_sig(signed, Message(signature)):
        fault = f"the signature of the certificate {key_id!r} does not fit"
    elif role != _HOST:
        fault = f"the certificate {key_id!r} is a user's, not a host's"
    elif critical:
        fault = f"the certificate {key_id!r} has critical options, which are not known for hosts"
    return Certificate(
        key=PublicKey(kind, plain.asbytes()),
        authority=authority,
        key_id=key_id,
        principals=principals,
        valid_after=after,
        valid_before=before,
        fault=fault,
    )


def _texts(blob: bytes) -> tuple[str, ...]:
    message, found = Message(blob), []
    while message.get_remainder():
        found.append(message.get_text())
    return tuple(found)
