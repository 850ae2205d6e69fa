"""Public keys of SSH: their one-line form, fingerprints, and the certificates that an authority gives to hosts."""

import base64
import binascii
from dataclasses import dataclass
from fnmatch import fnmatchcase

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    SSHCertPublicKeyTypes,
    load_ssh_public_identity,
)

from zonewright.seal.keys import fingerprint

_CERTIFICATE = "-cert-v01@openssh.com"


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
            key = PublicKey.of(base64.b64decode(parts[1], validate=True))
        except (IndexError, binascii.Error):
            raise ValueError(f"expected a public key such as 'ssh-ed25519 AAAA...', got {text[:60]!r}") from None
        if key.kind != parts[0]:
            raise ValueError(f"the line names the type {parts[0]!r}, but its key has another type; copy the whole line")
        return key

    @staticmethod
    def of(blob: bytes) -> "PublicKey":
        """A key, or a certificate, from what SSH writes: its type stands first."""
        size = int.from_bytes(blob[:4], "big")
        return PublicKey(blob[4 : 4 + size].decode("ascii", "replace"), blob)

    @property
    def fingerprint(self) -> str:
        """``SHA256:...``, as ssh-keygen prints it."""
        return fingerprint(self.blob)

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
            return f"the certificate {self.key_id!r} is not valid now; sign the host's key again, or set the clock"
        return ""


def is_certificate(blob: bytes) -> bool:
    """Whether a host showed a certificate and not a plain key."""
    return PublicKey.of(blob).kind.endswith(_CERTIFICATE)


def certificate_algorithms() -> tuple[str, ...]:
    """What a client asks for to be shown a certificate."""
    kinds = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
    return tuple(f"{kind}{_CERTIFICATE}" for kind in (*kinds, "rsa-sha2-512", "rsa-sha2-256"))


def read_certificate(blob: bytes) -> Certificate:
    """What a certificate says; its signature is checked here, whom it is for by ``flaw``.

    Raises:
        ValueError: when it cannot be read.
    """
    try:
        found = load_ssh_public_identity(str(PublicKey.of(blob)).encode())
        if not isinstance(found, SSHCertificate):
            raise ValueError("it is a plain key")  # noqa: TRY004, TRY301 - said as all else that is wrong with it
        key_id = found.key_id.decode()
        return Certificate(
            key=_plain(found.public_key()),
            authority=_plain(found.signature_key()),
            key_id=key_id,
            principals=tuple(name.decode() for name in found.valid_principals),
            valid_after=found.valid_after,
            valid_before=found.valid_before,
            fault=_fault(found, key_id),
        )
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"the host's certificate cannot be read: {error}") from None


def _fault(certificate: SSHCertificate, key_id: str) -> str:
    try:
        certificate.verify_cert_signature()
    except InvalidSignature:
        return f"the signature of the certificate {key_id!r} is not valid"
    if certificate.type is not SSHCertificateType.HOST:
        return f"the certificate {key_id!r} is a user's, not a host's"
    if certificate.critical_options:
        return f"the certificate {key_id!r} has critical options, which host certificates cannot have"
    return ""


def _plain(key: SSHCertPublicKeyTypes) -> PublicKey:
    return PublicKey.parse(key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())
