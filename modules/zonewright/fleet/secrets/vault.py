"""Vault's and OpenBao's key-value engine, version 2, read over HTTP.

One request for each path: ``GET {VAULT_ADDR}/v1/{mount}/data/{path}`` with the token in a header; ``mount`` is the
first part of the reference's path. Redirects are not followed, and the token goes over TLS or to this machine only.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from urllib3 import PoolManager
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as TooLateError

from zonewright.model.secret import Reference, SecretError

_TIMEOUT_S = 10.0
_MAX_BYTES = 4 * 1024 * 1024  # Vault stores at most 1 MiB under a path
_LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})
_OK, _FORBIDDEN, _MISSING, _SEALED = 200, 403, 404, 503


@dataclass(slots=True, kw_only=True)
class Vault:
    """A server and the right to read from it.

    Attributes:
        address: its URL, without user and password.
        token: the token; it is in no ``repr``.
        namespace: a namespace, or empty.
        authorities: path of the certificates that vouch for the server, or empty for the system's.
    """

    address: str
    token: str = field(repr=False)
    namespace: str = ""
    authorities: str = ""
    _documents: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of_environment(cls, environment: Mapping[str, str], *, for_what: str) -> "Vault":
        """The server that ``VAULT_ADDR`` names, with the token of ``VAULT_TOKEN``.

        Args:
            environment: variables.
            for_what: the reference that it is needed for.

        Raises:
            SecretError: when one of them is missing, or the token would go over the network in clear.
        """
        missing = [name for name in ("VAULT_ADDR", "VAULT_TOKEN") if not environment.get(name)]
        if missing:
            raise SecretError(f"{for_what}: {' and '.join(missing)} must be set where files are installed")
        try:
            parts = urlsplit(environment["VAULT_ADDR"])
            host, _port = parts.hostname or "", parts.port
        except ValueError:
            parts, host = urlsplit(""), ""
        if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
            raise SecretError(f"{for_what}: VAULT_ADDR must be such as https://vault.example:8200, without a user")
        if parts.scheme == "http" and host not in _LOCAL:
            raise SecretError(f"{for_what}: VAULT_ADDR is http to {host}, which would show the token; use https")
        token = environment["VAULT_TOKEN"].strip()
        if not (token.isascii() and token.isprintable()):
            raise SecretError(f"{for_what}: VAULT_TOKEN has characters that no token has; set it again")
        namespace = environment.get("VAULT_NAMESPACE", "")
        if not (namespace.isascii() and namespace.isprintable()):
            raise SecretError(f"{for_what}: VAULT_NAMESPACE has characters that no namespace has; set it again")
        return cls(
            address=f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}",
            token=token,
            namespace=namespace,
            authorities=environment.get("VAULT_CACERT", ""),
        )

    def read(self, reference: Reference) -> Mapping[str, Any]:
        """The newest version of what is at a path, read once.

        Raises:
            SecretError: one sentence that says why not.
        """
        if reference.path not in self._documents:
            self._documents[reference.path] = self._ask(reference)
        document: Mapping[str, Any] = self._documents[reference.path]
        return document

    def _ask(self, reference: Reference) -> Mapping[str, Any]:
        mount, _, path = reference.path.partition("/")
        headers = {"X-Vault-Token": self.token, "X-Vault-Request": "true"}
        if self.namespace:
            headers["X-Vault-Namespace"] = self.namespace
        url = f"{self.address}/v1/{mount}/data/{path}"
        try:
            tls = ssl.create_default_context(cafile=self.authorities or None)
            with PoolManager(timeout=_TIMEOUT_S, ssl_context=tls, retries=False) as pool:
                answer = pool.request("GET", url, headers=headers, redirect=False, preload_content=False)
                content = answer.read(_MAX_BYTES + 1)
                answer.close()
        except (HTTPError, OSError) as error:
            is_late = isinstance(error, TooLateError) and not isinstance(error, NewConnectionError)
            kind = "did not answer in time" if is_late else "cannot be reached"
            raise SecretError(
                f"{reference.text}: Vault at {self.address} {kind}; check VAULT_ADDR and VAULT_CACERT"
            ) from None
        return _document(answer.status, content, reference)


def _document(status: int, content: bytes, reference: Reference) -> Mapping[str, Any]:
    """The data of an answer; its text is never repeated."""
    mount = reference.path.partition("/")[0]
    whys = {
        _FORBIDDEN: f"Vault does not let this token read {reference.path}; give its policy 'read' on it, or renew it",
        _MISSING: f"Vault has nothing at {reference.path}; write it, or correct path and mount '{mount}'",
        _SEALED: "Vault is sealed or in maintenance; unseal it",
    }
    if status != _OK:
        why = whys.get(status, f"Vault answered with status {status}; see its log")
        raise SecretError(f"{reference.text}: {why}")
    if len(content) > _MAX_BYTES:
        raise SecretError(f"{reference.text}: Vault answered with more than {_MAX_BYTES:,} bytes; check VAULT_ADDR")
    try:
        data = json.loads(content)["data"]["data"]
    except (ValueError, KeyError, TypeError, RecursionError):
        data = None
    if not isinstance(data, Mapping):
        raise SecretError(
            f"{reference.text}: mount '{mount}' is not a key-value engine of version 2; name such a mount"
        )
    return data
