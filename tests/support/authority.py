"""An authority of a test, which gives certificates to clients and services and revokes them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(text: str) -> x509.GeneralName:
    kind, _, value = text.partition(":")
    return x509.DNSName(value) if kind == "DNS" else x509.UniformResourceIdentifier(value)


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    def write(self, path: Path, *between: "Made") -> Path:
        """Both in one file, with certificates that stand between it and an authority."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(b"".join((self.pem, *(one.pem for one in between), key)))
        return path


@dataclass
class Authority:
    """Gives certificates that are good around now; see :func:`authority`."""

    made: Made
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def give(
        self,
        *names: str,
        days: tuple[float, float] = (-1, 2),
        usage: Sequence[ObjectIdentifier] = (CLIENT,),
        is_authority: bool = False,
        is_critical: bool = False,
        limits: Sequence[str] = (),
    ) -> Made:
        """A certificate with these alternative names, such as ``DNS:runner.example``; an authority may have limits."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self.made.certificate.subject
        built = _built("given", issuer, key, self.now, days, is_authority=is_authority)
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.made.key.public_key())
        built = built.add_extension(own, critical=False)
        if names:
            built = built.add_extension(x509.SubjectAlternativeName(map(_alternative, names)), critical=False)
        if limits:
            limited = x509.NameConstraints(list(map(_alternative, limits)), excluded_subtrees=None)
            built = built.add_extension(limited, critical=True)
        if usage and not is_authority:
            built = built.add_extension(x509.ExtendedKeyUsage(usage), critical=is_critical)
        return Made(built.sign(self.made.key, hashes.SHA256()), key)

    def revoked(self, *given: Made, ended: bool = False) -> bytes:
        """The list of what it revoked (PEM), which has ended or not."""
        began = self.now - timedelta(days=3 if ended else 0, hours=1)
        built = x509.CertificateRevocationListBuilder().issuer_name(self.made.certificate.subject)
        built = built.last_update(began).next_update(began + timedelta(days=1))
        for one in given:
            entry = x509.RevokedCertificateBuilder().serial_number(one.certificate.serial_number)
            built = built.add_revoked_certificate(entry.revocation_date(began).build())
        return built.sign(self.made.key, hashes.SHA256()).public_bytes(Encoding.PEM)


@cache
def authority(name: str) -> Authority:
    """The authority of a name, made once in a process."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    built = _built(name, _name(name), key, now, (-10, 10), is_authority=True)
    return Authority(Made(built.sign(key, hashes.SHA256()), key), now)


def _built(
    name: str,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    days: tuple[float, float],
    *,
    is_authority: bool,
) -> x509.CertificateBuilder:
    """What every certificate has."""
    built = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not is_authority:
        return built
    signs = dict.fromkeys(("key_cert_sign", "crl_sign"), True)
    others = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    never = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
    return built.add_extension(x509.KeyUsage(**signs, **never), critical=True)
