"""Whose certificates of clients are taken: authorities, and what they revoked, in files that may be renewed."""

import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from zonewright.errors import Exit, ZonewrightError, reason_of
from zonewright.ledger.protocol.certificate_names import DNS, KEY, URI, certificate_name
from zonewright.server.file_stamp import FileStamp, stamp_of

_CRL = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----\s*", re.DOTALL)
_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python does not name."""
_MOST_NAMES = 64
"""Names of a certificate that are looked up; each is a question to the database."""


class AuthoritiesError(ZonewrightError, ValueError):
    """A file of authorities, or of what they revoked, cannot be used; ``str()`` is a sentence."""

    exit_code = Exit.MISUSE


class ClientCertificateError(ZonewrightError):
    """A certificate of a client is not taken; ``str()`` is a sentence for who has it."""

    exit_code = Exit.MISUSE


@dataclass(frozen=True, slots=True)
class _Authorities:
    """What the files say.

    Attributes:
        certificates: all of the file.
        anchors: those that are trusted whatever others say.
        between: those that another one of the file vouches for, so that one may revoke and limit them.
        lists: what they revoked; None where no list is asked for, and none is needed.
    """

    certificates: list[x509.Certificate]
    anchors: list[x509.Certificate]
    between: list[x509.Certificate]
    lists: list[x509.CertificateRevocationList] | None
    _list_of: dict[bytes, x509.CertificateRevocationList | None] = field(default_factory=dict)

    def list_of(self, issuer: x509.Certificate) -> x509.CertificateRevocationList | None:
        """The newest list that an authority signed."""
        key = issuer.public_bytes(Encoding.DER)
        if key not in self._list_of:
            public = issuer.public_key()
            own = [
                one
                for one in self.lists or ()
                if one.issuer == issuer.subject and one.is_signature_valid(public)  # type: ignore[arg-type]  # else false
            ]
            self._list_of[key] = max(own, key=lambda one: one.last_update_utc, default=None)
        return self._list_of[key]


class ClientAuthorities:
    """Says of a client's certificate by which names it is known, if an authority of the file vouches for it now.

    The handshake of TLS verifies the chain too. Here it is done again for each request, so that a connection that stays
    open, a session that goes on, and what a proxy passes on are all judged alike, by the files as they are now.

    Args:
        authorities: PEM: authorities that are trusted, also those between them and the certificates.
        revoked: PEM: lists of revoked certificates; each authority of a chain must then have one that has not ended.
        say: takes a sentence about a renewal. One that cannot be read leaves the files of before in use.

    Attributes:
        files: what is read.

    Raises:
        AuthoritiesError: when they cannot be used now.
    """

    def __init__(self, authorities: Path, revoked: Path | None, *, say: Callable[[str], None]) -> None:
        self.files = (authorities,) if revoked is None else (authorities, revoked)
        self._authorities, self._revoked, self._say = authorities, revoked, say
        self._stamps = self._now()
        self._read = self._reading()

    def load_into(self, context: ssl.SSLContext) -> None:
        """Let the handshake ask for a certificate, and end where no authority vouches for the one that comes.

        Times are left to :meth:`names`: who comes too late gets a sentence then, and from a handshake nothing.
        """
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME | ssl.VERIFY_X509_PARTIAL_CHAIN)
        pem = (one.public_bytes(Encoding.PEM).decode("ascii") for one in self._present().certificates)
        context.load_verify_locations(cadata="".join(pem))

    def names(self, chain: Sequence[bytes], now: datetime) -> tuple[str, ...]:
        """By which names a certificate is known: alternative names of its subject, and its public key.

        Args:
            chain: the certificate, and those between it and an authority (DER).
            now: the present.

        Raises:
            ClientCertificateError: when it is not taken.
        """
        try:
            certificate, *between = map(x509.load_der_x509_certificate, chain)
            _require_times(certificate, now)
            _require_purpose(certificate)
            found = self._present()
            policy = PolicyBuilder().store(Store(found.anchors)).time(now.replace(tzinfo=None))
            verified = policy.build_client_verifier().verify(certificate, [*between, *found.between]).chain
            _require_not_revoked(found, verified, now)
            return _names(certificate, verified[1:])
        except VerificationError as error:
            raise ClientCertificateError(_why(str(error))) from None
        except (ValueError, x509.UnsupportedGeneralNameType, x509.DuplicateExtension) as error:
            raise ClientCertificateError(f"it cannot be read: {error}") from None

    def _present(self) -> _Authorities:
        """What the files say now."""
        stamps = self._now()
        if stamps != self._stamps:
            self._stamps = stamps
            try:
                self._read = self._reading()
            except AuthoritiesError as error:
                self._say(f"{error}; what was read before stays in use")
            else:
                self._say(f"the authorities of clients in {', '.join(map(str, self.files))} were renewed")
        return self._read

    def _reading(self) -> _Authorities:
        text = _bytes_of("--client-ca", self._authorities)
        try:
            certificates = x509.load_pem_x509_certificates(text)
            Store(certificates)
        except ValueError:
            raise AuthoritiesError(f"--client-ca {self._authorities}: expected certificates as PEM") from None
        between = _between(certificates)
        anchors = [one for one in certificates if one not in between] or certificates
        if self._revoked is None:
            return _Authorities(certificates, anchors, between, None)
        found = _CRL.findall(_bytes_of("--client-crl", self._revoked))
        try:
            lists = [x509.load_pem_x509_crl(one) for one in found]
            is_whole = bool(lists) and not any(ext.critical for one in lists for ext in one.extensions)
        except ValueError:
            is_whole = False
        if not is_whole:
            raise AuthoritiesError(
                f"--client-crl {self._revoked}: expected whole lists of revoked certificates as PEM, one for each "
                "authority"
            )
        return _Authorities(certificates, anchors, between, lists)

    def _now(self) -> tuple[FileStamp | None, ...]:
        return tuple(map(stamp_of, self.files))


def _bytes_of(option: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AuthoritiesError(f"{option} {path} cannot be read: {reason_of(error)}") from None


def _require_times(certificate: x509.Certificate, now: datetime) -> None:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > end:
        raise ClientCertificateError(f"it ended at {end:%Y-%m-%dT%H:%MZ}; get a new one of its authority")
    if now < begin:
        raise ClientCertificateError(f"it begins at {begin:%Y-%m-%dT%H:%MZ} only; look at the clocks of both hosts")


def _require_purpose(certificate: x509.Certificate) -> None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if ExtendedKeyUsageOID.CLIENT_AUTH not in usage:
        raise ClientCertificateError(
            "it is no certificate of a client: its extended key usage has no clientAuth; get one that has"
        )


def _require_not_revoked(found: _Authorities, chain: Sequence[x509.Certificate], now: datetime) -> None:
    """A list that is missing or has ended says nothing, so the certificate is not taken."""
    if found.lists is None:
        return
    for certificate, issuer in pairwise(chain):
        name = issuer.subject.rfc4514_string()
        known = found.list_of(issuer)
        if known is None:
            raise ClientCertificateError(
                f"the service has no list of what {name} revoked; let its operator add it to --client-crl"
            )
        if known.next_update_utc is not None and known.next_update_utc < now:
            raise ClientCertificateError(
                f"the list of what {name} revoked ended at {known.next_update_utc:%Y-%m-%dT%H:%MZ}; let the service's "
                "operator renew it"
            )
        if known.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
            raise ClientCertificateError(f"{name} revoked it; get a new one")


def _names(certificate: x509.Certificate, authorities: Sequence[x509.Certificate]) -> tuple[str, ...]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    named: list[str] = []
    if _reach(authorities, x509.DNSName):
        named += [f"{DNS}{one}" for one in found.get_values_for_type(x509.DNSName)]
    if _reach(authorities, x509.UniformResourceIdentifier):
        named += [f"{URI}{one}" for one in found.get_values_for_type(x509.UniformResourceIdentifier)]
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    names = {known for one in named if (known := certificate_name(one)) is not None}
    if len(names) > _MOST_NAMES:
        raise ClientCertificateError(f"it has {len(names)} names: expected {_MOST_NAMES} or fewer")
    return (*sorted(names), f"{KEY}{sha256(public).hexdigest()}")


def _reach(authorities: Sequence[x509.Certificate], kind: type[x509.GeneralName]) -> bool:
    """Whether authorities can give names of a kind: not where one is limited to names of other kinds.

    RFC 5280 limits names of the kinds that are mentioned only: who may give ``DNS:`` below one domain could give any
    ``URI:``.
    """
    for one in authorities:
        try:
            limits = one.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees
        except x509.ExtensionNotFound:
            continue
        if limits and not any(isinstance(limit, kind) for limit in limits):
            return False
    return True


def _between(certificates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Those that another one signed and that did not sign themselves."""
    return [
        one
        for one in certificates
        if not _signed(one, one) and any(_signed(one, other) for other in certificates if other is not one)
    ]


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether an authority signed a certificate."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _why(reason: str) -> str:
    if "candidates exhausted: all candidates" in reason:
        return "it is of no authority that this service trusts; get one of an authority that its operator named"
    said = reason.removeprefix("validation failed: ").partition(" (encountered")[0]
    return (
        f"it cannot be verified: {said}; expected a chain as RFC 5280 has it, with subjectAltName and "
        "authorityKeyIdentifier, and keyUsage of its authority"
    )
