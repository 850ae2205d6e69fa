"""Tokens of other systems, such as a CI: JSON Web Tokens that an issuer signed, whose keys are read from the issuer.

Only an issuer and a subject that an administrator granted access are looked at: no other address is ever asked.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from zonewright.ledger.protocol.access_messages import is_issuer
from zonewright.ledger.protocol.errors import LedgerUnavailableError
from zonewright.model.canonical import canonical_json

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures with a private key; with a shared secret whoever reads the issuer's keys could sign."""
LEEWAY_S = 30
"""How far the clocks of issuer and service may differ."""
_KEPT_S, _AGAIN_S, _FAILED_S = 600.0, 30.0, 5.0
"""Keys are read again after ten minutes; for a key that is not among them, at most each half minute. An issuer that
did not answer is left alone for five seconds."""
_MOST_BYTES = 1_000_000
_PARTS = 3
_LONGEST = 16_384


def claimed(bearer: str) -> tuple[str, str] | None:
    """Issuer and subject that a token says it has, unverified; None where it is no JSON Web Token."""
    if len(bearer) > _LONGEST or len(bearer.split(".")) != _PARTS:
        return None
    try:
        said = jwt.decode(bearer, options={"verify_signature": False})
        named = said.get("iss"), said.get("sub")
        canonical_json(named).encode()  # half of a surrogate pair is JSON, and no text
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    issuer, subject = named
    if not (isinstance(issuer, str) and isinstance(subject, str) and is_issuer(issuer)):
        return None  # such as the word that stands for certificates
    return issuer, subject


@dataclass(slots=True)
class _Keys:
    """What is known of one issuer's keys, and since when; one thread at a time asks the issuer."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    found: jwt.PyJWKSet | None = None
    fault: LedgerUnavailableError | None = None
    read_s: float = 0.0


@dataclass(slots=True)
class Issuers:
    """The keys of issuers, each read when it is first needed and kept for a while. Safe to use from several threads.

    Attributes:
        clock_s: a clock that only rises, in seconds.
    """

    clock_s: Callable[[], float] = time.monotonic
    _known: dict[str, _Keys] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _http: PoolManager = field(default_factory=lambda: PoolManager(timeout=Timeout(5.0), retries=False, maxsize=2))

    def is_signed(self, bearer: str, *, issuer: str, audience: str) -> bool:
        """Whether an issuer signed a token for this service, and it is good now.

        Args:
            bearer: a token of which ``claimed`` gave this issuer.
            issuer: its URL; access was granted for it.
            audience: whom the token must be for.

        Raises:
            LedgerUnavailableError: when the issuer's keys cannot be read; nothing is known then.
        """
        try:
            header = jwt.get_unverified_header(bearer)
            key = self._key(issuer, str(header.get("kid", "")))
            if key is None:
                return False
            required = ["exp", "iat", "aud", "iss", "sub"]
            jwt.decode(
                bearer,
                key,
                algorithms=list(ALGORITHMS),
                audience=audience,
                issuer=issuer,
                leeway=LEEWAY_S,
                options={"require": required},
            )
        except jwt.PyJWTError:
            return False
        return True

    def _key(self, issuer: str, kid: str) -> jwt.PyJWK | None:
        with self._lock:
            known = self._known.setdefault(issuer, _Keys())
        with known.lock:
            age_s = self.clock_s() - known.read_s
            is_needed = known.found is None or age_s > _KEPT_S or _named(known.found, kid) is None
            is_first = known.found is None and known.fault is None
            is_time = is_first or age_s > (_AGAIN_S if known.fault is None else _FAILED_S)
            if is_needed and is_time:
                try:
                    known.found, known.fault = self._read(issuer), None
                except LedgerUnavailableError as error:
                    known.fault = error  # what is known of its keys is good until it answers again
                known.read_s = self.clock_s()
            if known.found is None:
                raise known.fault or _unreadable(issuer, "it was not asked")
            return _named(known.found, kid)

    def _read(self, issuer: str) -> jwt.PyJWKSet:
        """The keys that an issuer publishes (OpenID Connect Discovery 1.0, section 4)."""
        described = self._document(issuer, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        where = described.get("jwks_uri")
        if described.get("issuer") != issuer or not isinstance(where, str) or not is_issuer(where):
            raise _unreadable(issuer, "its configuration does not name it, or names no keys")
        try:
            return jwt.PyJWKSet.from_dict(self._document(issuer, where))
        except (jwt.PyJWTError, ValueError, KeyError, TypeError) as error:
            raise _unreadable(issuer, f"its keys are none: {error}") from error

    def _document(self, issuer: str, url: str) -> dict[str, Any]:
        try:
            answer = self._http.request("GET", url, redirect=False, preload_content=False)
            try:
                body = answer.read(_MOST_BYTES + 1)
            finally:
                answer.release_conn()
            read = json.loads(body) if answer.status == 200 and len(body) <= _MOST_BYTES else None  # noqa: PLR2004 - HTTP
        except (HTTPError, ValueError) as error:
            raise _unreadable(issuer, str(error)) from error
        if not isinstance(read, dict):
            raise _unreadable(issuer, f"it answered {answer.status} for {url}")
        return read


def _named(keys: jwt.PyJWKSet, kid: str) -> jwt.PyJWK | None:
    """The key of that id; where the token names none, the only one that there is."""
    found = [key for key in keys.keys if kid in ("", key.key_id) and key.public_key_use in (None, "sig")]
    return found[0] if len(found) == 1 else None


def _unreadable(issuer: str, why: str) -> LedgerUnavailableError:
    return LedgerUnavailableError(
        "issuer", f"the keys of issuer {issuer} cannot be read: {why}; nothing was decided; try again"
    )
