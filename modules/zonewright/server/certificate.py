"""The service's own TLS: a certificate and its key in two files, which may be renewed while it serves."""

import ssl
from collections.abc import Callable
from pathlib import Path

from zonewright.errors import Exit, ZonewrightError, reason_of
from zonewright.server.client_authorities import ClientAuthorities
from zonewright.server.file_stamp import FileStamp, stamp_of


class CertificateError(ZonewrightError, ValueError):
    """The files cannot be used; ``str()`` is a sentence."""

    exit_code = Exit.MISUSE


class ServiceCertificate:
    """TLS 1.2 or later with the certificate that its files hold at each handshake.

    A renewal that cannot be read is told once, and the certificate of before stays in use.

    Args:
        certificate: PEM: the service's certificate and those between it and its authority.
        key: PEM: its private key, without a passphrase.
        say: takes a sentence about a renewal, or a client's certificate that no authority vouches for.
        authorities: who vouches for clients; None asks no client for a certificate.

    Raises:
        CertificateError: when they cannot be used now.
    """

    def __init__(
        self, certificate: Path, key: Path, *, say: Callable[[str], None], authorities: ClientAuthorities | None = None
    ) -> None:
        self._files, self._say, self._authorities = (certificate, key), say, authorities
        self._stamps = self._now()
        self._context = self._read()
        self.context = self._read()
        """What the listener takes: it hands each handshake over to the certificate of that moment."""
        self.context.sni_callback = self._renew

    def _renew(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        stamps = self._now()
        if stamps != self._stamps:
            before, self._stamps = self._stamps, stamps
            try:
                self._context = self._read()
            except CertificateError as error:
                self._say(f"{error}; the certificate of before stays in use")
            else:
                if stamps[:2] != before[:2]:
                    self._say(f"the certificate in {self._files[0]} was renewed")
        connection.context = self._context

    def _read(self) -> ssl.SSLContext:
        certificate, key = self._files
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            for path in self._files:
                path.read_bytes()  # else the sentence would not say which of the two
            context.load_cert_chain(certificate, key, password=_no_passphrase)
        except ssl.SSLError as error:
            raise CertificateError(
                f"--tls-certificate {certificate} and --tls-key {key}: expected a certificate and its own key, both as "
                f"PEM, got {error.reason or error}"
            ) from None
        except OSError as error:
            raise CertificateError(
                f"--tls-certificate, --tls-key: {error.filename or certificate} cannot be read: {reason_of(error)}"
            ) from None
        except ValueError:
            raise CertificateError(
                f"--tls-key {key}: expected a key without a passphrase; protect the file by its mode instead"
            ) from None
        if self._authorities is not None:
            self._authorities.load_into(context)
            context.sslobject_class = _telling(self._say)
        return context

    def _now(self) -> tuple[FileStamp | None, ...]:
        return tuple(map(stamp_of, (*self._files, *(self._authorities.files if self._authorities is not None else ()))))


def _telling(say: Callable[[str], None]) -> type[ssl.SSLObject]:
    """Connections that say why a client's certificate ended the handshake: the client itself is told nothing."""

    class Told(ssl.SSLObject):
        """Such a connection."""

        def do_handshake(self) -> None:
            """Go on with the handshake."""
            try:
                super().do_handshake()
            except ssl.SSLCertVerificationError as error:
                say(f"a client's certificate ended its connection: {error.verify_message}")
                raise

    return Told


def _no_passphrase() -> str:
    raise ValueError("nobody is there to give a passphrase")
