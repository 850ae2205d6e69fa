"""The road to a ledger that is a service.

A call is sent once: nothing is asked again after a fault, no redirect is followed, and no proxy is taken from the
environment. Only who is told to come again, before anything was looked at, does so. Whoever vouches for the service's
certificate is in the system's store (or in ``SSL_CERT_FILE``). A certificate of one's own is read once for a client.
"""

import os
import random
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

from urllib3 import BaseHTTPResponse, HTTPResponse, connection_from_url
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from zonewright.errors import reason_of
from zonewright.ledger.protocol.errors import LedgerMisuseError, LedgerUnavailableError
from zonewright.ledger.transport.posted import Posted

CERTIFICATE_VARIABLE, KEY_VARIABLE = "ZONEWRIGHT_CLIENT_CERTIFICATE", "ZONEWRIGHT_CLIENT_KEY"
IDLE_S = 5.0
MAX_IDLE = 32
_COME_AGAIN = 429
_SHORTEST_S, _LONGEST_S = 0.5, 10.0
"""Of a wait that a service, or a proxy before it, may ask for; one that says 0 is not asked without a pause."""
_LONGEST_ID = 64


class _Recent(HTTPConnection):
    """A connection that is used again for a few seconds only.

    What lies between may forget an idle connection without a word, and the next call would wait for its whole time.
    """

    _answered_s = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether it can be used again."""
        return time.monotonic() - self._answered_s < IDLE_S and super().is_connected

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 itself has it
        """The answer."""
        response = super().getresponse()
        self._answered_s = time.monotonic()
        return response


class _RecentOverTls(_Recent, HTTPSConnection):
    """The same over TLS."""


class OverHttp:
    """A connection pool to one service; safe to use from several threads.

    Args:
        url: where it is; its path comes before those of the verbs.
        token: bearer token; never part of the URL.
        timeout_s: how long connecting, and then each wait for the answer, may take.
        most_bytes: how long an answer of somebody else's service may be, which must then end in that time too; None
            takes whatever one's own says.

    Raises:
        LedgerMisuseError: when the URL names no place, or the token has characters that no token has.
    """

    def __init__(self, url: str, *, token: str | None, timeout_s: float, most_bytes: int | None = None) -> None:
        if token and not (token.isascii() and token.isprintable()):
            raise LedgerMisuseError(
                "token", "ZONEWRIGHT_LEDGER_TOKEN has characters that no token has (a line's end?); set it again"
            )
        self._url, self._timeout_s, self._most_bytes = url, timeout_s, most_bytes
        self._headers = {"content-type": "application/json"}
        self._headers |= {"authorization": f"Bearer {token}"} if token else {}
        is_secure = url.startswith("https:")
        self._certificate = os.environ.get(CERTIFICATE_VARIABLE, "")
        tls = {"ssl_context": _tls(self._certificate)} if is_secure else {}
        try:
            self._path = urlsplit(url).path.rstrip("/")
            self._pool = connection_from_url(url, timeout=timeout_s, retries=False, maxsize=MAX_IDLE, **tls)
        except LocationValueError:
            raise LedgerMisuseError(
                "url", f"expected a ledger URL such as https://zone.example:8480, got '{url}'; correct zone:ledger"
            ) from None
        self._pool.ConnectionCls = _RecentOverTls if is_secure else _Recent

    def post(self, verb: str, body: bytes) -> Posted:
        """Send a JSON request; gives the answer. Who is told to come again does so, for as long as a call may take.

        Raises:
            LedgerUnavailableError: when there was no answer.
        """
        until_s = time.monotonic() + self._timeout_s
        answer = self._sent(verb, body)
        while answer.status == _COME_AGAIN:
            wait_s = _wait_s(answer.headers.get("retry-after", ""))
            if time.monotonic() + wait_s > until_s:
                break
            answer.close()
            time.sleep(wait_s)
            answer = self._sent(verb, body)
        content = answer.data if self._most_bytes is None else self._read(answer, self._most_bytes)
        return Posted(answer.status, content, answer.headers.get("x-request-id", "")[:_LONGEST_ID])

    def _sent(self, verb: str, body: bytes) -> BaseHTTPResponse:
        try:
            return self._pool.urlopen(
                "POST",
                f"{self._path}/v1/{verb}",
                body=body,
                headers=self._headers,
                redirect=False,
                preload_content=self._most_bytes is None,
            )
        except HTTPError as error:
            raise self._unreachable(error) from error

    def _read(self, answer: BaseHTTPResponse, most: int) -> bytes:
        try:
            return read_answer(answer, most=most, within_s=self._timeout_s)
        except HTTPError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: HTTPError) -> LedgerUnavailableError:
        return LedgerUnavailableError(
            "unreachable",
            f"the ledger {self._url} cannot be reached ({_why(error, self._timeout_s)}); nothing was decided; "
            f"start it, or correct zone:ledger in the stack's configuration{self._hint(error)}",
        )

    def _hint(self, error: Exception) -> str:
        """What else it may be: a service that does not take a certificate ends the connection without a word."""
        is_ended = self._certificate and isinstance(error, ProtocolError | SSLError)
        if not is_ended or not self._url.startswith("https:"):
            return ""
        return (
            f"; if it ends the connection, it may not take the certificate {self._certificate}: look who made it, and "
            "whether it is for clients; the service's log says why"
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


def read_answer(answer: BaseHTTPResponse, *, most: int, within_s: float) -> bytes:
    """An answer of somebody else's: one byte now and then, or bytes without an end, keep nobody waiting.

    Args:
        answer: whose body was not read yet; it is closed.
        most: how many bytes it may have.
        within_s: in how many seconds it must end.

    Raises:
        LedgerUnavailableError: when it is longer, or did not end in that time.
    """
    until_s, body = time.monotonic() + within_s, b""
    with answer:
        while part := answer.read1(most + 1 - len(body)):
            body += part
            if len(body) > most:
                raise LedgerUnavailableError("answer", f"it answered more than {most:,} bytes")
            if time.monotonic() > until_s:
                raise LedgerUnavailableError("answer", f"its answer did not end within {within_s:g} s")
    return body


def _tls(certificate: str) -> ssl.SSLContext:
    """With what the service is asked: authorities that vouch for it, and a certificate of our own if we have one.

    Raises:
        LedgerMisuseError: when its files cannot be used.
    """
    context, key = ssl.create_default_context(), os.environ.get(KEY_VARIABLE, "")
    if key and not certificate:
        raise LedgerMisuseError("certificate", f"{CERTIFICATE_VARIABLE}: expected it beside {KEY_VARIABLE}, got none")
    if not certificate:
        return context
    what = f"{CERTIFICATE_VARIABLE}={certificate}" + (f" and {KEY_VARIABLE}={key}" if key else "")
    try:
        for path in filter(None, (certificate, key)):
            Path(path).read_bytes()  # else the sentence would not say which of the two
        context.load_cert_chain(certificate, key or None, password=lambda: "")
    except ssl.SSLError as error:
        raise LedgerMisuseError(
            "certificate",
            f"{what}: expected a certificate and its own key without a passphrase, both as PEM, got "
            f"{error.reason or error}",
        ) from None
    except OSError as error:
        raise LedgerMisuseError("certificate", f"{what}: {error.filename} cannot be read: {reason_of(error)}") from None
    return context


def _wait_s(told: str) -> float:
    """How long to wait, by a header ``Retry-After`` in seconds; a second and a bit where it does not say."""
    seconds = float(told) if told.isascii() and told.isdigit() else 1.0
    return min(max(seconds, _SHORTEST_S), _LONGEST_S) * (1 + random.random() / 4)  # noqa: S311 - so that many do not come again at once


def _why(error: Exception, timeout_s: float) -> str:
    """What went wrong, in the words of whoever saw it first."""
    if isinstance(error, ReadTimeoutError):
        return f"no answer within {timeout_s:g} s"
    if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
        return f"no connection within {timeout_s:g} s"
    causes: list[Exception] = [error]
    while causes:
        error = causes[0]
        causes = [one for one in (error.__cause__, *error.args) if isinstance(one, Exception)]
    return getattr(error, "verify_message", "") or getattr(error, "strerror", None) or str(error)
