"""The certificate that a request comes with: of its connection, or what a proxy in front tells of its own."""

import base64
import binascii
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from zonewright.ledger.store.clock import utc_now
from zonewright.ledger.transport.callers import CERTIFICATE_NAMES
from zonewright.server.client_authorities import ClientAuthorities, ClientCertificateError

_LONGEST = 16_384
_PEM = "-----BEGIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """Who may tell of the certificates of others.

    Attributes:
        header: in which header: as RFC 9440 has it (``Client-Cert``), or as nginx escapes a certificate.
        addresses: from where its connections come. A certificate of such a connection is the proxy's own, so nobody's.
    """

    header: str
    addresses: frozenset[str]


class ClientCertificates:
    """Puts the names of a request's certificate into its state, and refuses a certificate that is not taken.

    Args:
        app: the application.
        authorities: who must vouch for it.
        proxy: who may tell of one; None for nobody.
        clock: the present.
    """

    def __init__(
        self,
        app: ASGIApp,
        authorities: ClientAuthorities,
        proxy: Proxy | None,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._app, self._authorities, self._proxy, self._clock = app, authorities, proxy, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            try:
                if chain := self._chain(scope):
                    scope.setdefault("state", {})[CERTIFICATE_NAMES] = self._authorities.names(chain, self._clock())
            except ClientCertificateError as error:
                sentence = f"the client's certificate is not taken: {error}; nothing was decided"
                content = {"code": "certificate", "sentence": sentence, "message": sentence, "findings": []}
                await JSONResponse(content, status_code=401, headers={"connection": "close"})(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _chain(self, scope: Scope) -> list[bytes]:
        """The certificate and those after it (DER); nothing where there is none."""
        own = scope.get("extensions", {}).get("tls", {}).get("client_cert_chain", ())
        chain = [ssl.PEM_cert_to_DER_cert(one) for one in own]
        if self._proxy is None:
            return chain
        told = Headers(scope=scope).getlist(self._proxy.header)
        client = scope.get("client")
        if client is None or plain_address(client[0]) not in self._proxy.addresses:
            if told:
                raise ClientCertificateError(
                    f"the header {self._proxy.header} is taken from the proxy only; leave it out, or let the service's "
                    "operator name the address: zonewright serve --proxy ADDRESS"
                )
            return chain
        if len(told) > 1:
            raise ClientCertificateError(f"the proxy passed on {len(told)} headers {self._proxy.header}: expected one")
        return [_told(told[0])] if told and told[0] else []


def plain_address(address: str) -> str:
    """An address as it is compared: of one of IPv4 in one of IPv6, the former."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(getattr(found, "ipv4_mapped", None) or found)


def _told(text: str) -> bytes:
    """The certificate of a header (DER)."""
    try:
        if len(text) <= _LONGEST and text.startswith(":") and text.endswith(":"):
            return base64.b64decode(text[1:-1], validate=True)
        if len(text) <= _LONGEST and text.startswith(_PEM):
            return ssl.PEM_cert_to_DER_cert(unquote_to_bytes(text).decode("ascii"))
    except (ValueError, binascii.Error) as error:
        raise ClientCertificateError(f"what the proxy told of it cannot be read: {error}") from None
    raise ClientCertificateError(
        f"expected it in the proxy's header as RFC 9440 has it, or as $ssl_client_escaped_cert of nginx, in at most "
        f"{_LONGEST:,} characters; let the service's operator look at the proxy"
    )
