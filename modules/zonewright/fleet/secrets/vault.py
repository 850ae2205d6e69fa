"""Vault's and OpenBao's key-value engine, version 2, read over HTTP.

One request for each path: ``GET {VAULT_ADDR}/v1/{mount}/data/{path}`` with the token in a header; ``mount`` is the
first part of the reference's path. Redirects are not followed, and the token goes over TLS or to this machine only.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from zonewright.model.secret import Reference, SecretError

_TIMEOUT_S = 10.0
_LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})
_FORBIDDEN, _MISSING, _SEALED = 403, 404, 503


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
        return cls(
            address=f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}",
            token=token,
            namespace=environment.get("VAULT_NAMESPACE", ""),
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
        try:
            verify = ssl.create_default_context(cafile=self.authorities or None)
            with httpx.Client(timeout=_TIMEOUT_S, verify=verify, trust_env=False, follow_redirects=False) as client:
                answer = client.get(f"{self.address}/v1/{mount}/data/{path}", headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            kind = "did not answer in time" if isinstance(error, httpx.TimeoutException) else "can not be reached"
            raise SecretError(
                f"{reference.text}: Vault at {self.address} {kind}; check VAULT_ADDR and VAULT_CACERT"
            ) from None
        return _document(answer, reference)


def _document(answer: httpx.Response, reference: Reference) -> Mapping[str, Any]:
    """The data of an answer; its text is never repeated."""
    mount = reference.path.partition("/")[0]
    whys = {
        _FORBIDDEN: f"Vault does not let this token read {reference.path}; give its policy 'read' on it, or renew it",
        _MISSING: f"Vault has nothing at {reference.path}; write it, or correct path and mount '{mount}'",
        _SEALED: "Vault is sealed or in maintenance; unseal it",
    }
    if answer.status_code != httpx.codes.OK:
        why = whys.get(answer.status_code, f"Vault answered with status {answer.status_code}; see its log")
        raise SecretError(f"{reference.text}: {why}")
    try:
        data = answer.json()["data"]["data"]
    except (ValueError, KeyError, TypeError):
        data = None
    if not isinstance(data, Mapping):
        raise SecretError(f"{reference.text}: mount '{mount}' is no key-value engine of version 2; name one that is")
    return data
