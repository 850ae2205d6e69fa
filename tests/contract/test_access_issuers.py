"""Tokens of a CI system: whom an issuer signed for is the principal that was granted, and nobody else is."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from support.ledger_proxy import ledger_service
from support.zone_project import ZONE
from zonewright.ledger import LedgerMisuseError, LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.access_messages import GrantRequest, RevokeRequest, RotateRequest
from zonewright.ledger.protocol.capacity_messages import CapacityRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.ledger.transport.issuers import Issuers
from zonewright.model import Zone
from zonewright.model.canonical import canonical_json

SUBJECT = "repo:tenant-a/web:ref:refs/heads/main"
AUDIENCE = "zonewright:small"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass
class Issuer:
    """A stand-in for a CI system: it publishes its keys, and signs."""

    url: str
    keys: dict[str, Key] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    is_up: bool = True

    def document(self, path: str) -> dict[str, Any] | None:
        """What it publishes there."""
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        return {"keys": [_published(name, key) for name, key in self.keys.items()]} if path == "/keys" else None

    def token(self, *, kid: str = "k1", key: Any = None, algorithm: str = "RS256", **claims: Any) -> str:
        """A token as its jobs get it, with other claims if so wanted; None leaves one out."""
        now = int(time.time())
        said = {"iss": self.url, "sub": SUBJECT, "aud": AUDIENCE, "iat": now, "exp": now + 300, **claims}
        known = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(known, key or self.keys[kid], algorithm=algorithm, headers={"kid": kid})


def _published(name: str, key: Key) -> dict[str, Any]:
    algorithm: Any = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": name, "use": "sig"}


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(name="issuer")
def _issuer() -> Iterator[Issuer]:
    made = Issuer("", {"k1": _rsa()})

    class Handler(BaseHTTPRequestHandler):
        """Answers what is published."""

        def do_GET(self) -> None:
            """A document, or nothing."""
            found = made.document(self.path) if made.is_up else None
            self.send_response(200 if found is not None else 500)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.url = f"http://127.0.0.1:{server.server_port}"
        yield made
        server.shutdown()


@dataclass
class Served:
    """A ledger that is served, in which the issuer's subject is a runner."""

    url: str
    local: LedgerClient

    def answers(self, token: str) -> bool:
        """Whether the service knows who comes with a token."""
        with LedgerClient(self.url, token=token) as client:
            try:
                client.call(verbs.CAPACITY, CapacityRequest())
            except LedgerMisuseError:
                return False
        return True


@pytest.fixture(name="served")
def _served(tmp_path: Path, issuer: Issuer) -> Iterator[Served]:
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as local:
        local.call(verbs.INIT, InitRequest(zone=Zone.model_validate(ZONE)))
        granted = local.call(verbs.GRANT, grant("pipeline", issuer.url, SUBJECT))
        assert (granted.token, granted.audience) == ("", AUDIENCE)
        with ledger_service(tmp_path / "ledger.db", with_tokens=True) as service:
            yield Served(service.url, local)


def grant(name: str, issuer: str, subject: str) -> GrantRequest:
    """A request for a runner of tenant-a."""
    return GrantRequest(
        principal=name, party="tenant-a", kind="runner", roles=["tenant"], days=1, issuer=issuer, subject=subject
    )


def test_a_job_of_the_granted_subject_is_the_principal(served: Served, issuer: Issuer) -> None:
    """Its token is good, with either kind of key, and the keys are read once."""
    issuer.keys["k2"] = ec.generate_private_key(ec.SECP256R1())
    assert served.answers(issuer.token())
    assert served.answers(issuer.token(kid="k2", algorithm="ES256"))
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]
    served.local.call(verbs.REVOKE, RevokeRequest(principal="pipeline", why="the repository moved"))
    assert not served.answers(issuer.token())


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "repo:tenant-b/web:ref:refs/heads/main"},
        {"sub": SUBJECT.upper()},
        {"sub": None},
        {"aud": "zonewright:another"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"nbf": 2**33},
        {"iss": "http://127.0.0.1:1"},
    ],
)
def test_a_token_with_another_claim_is_nobodys(served: Served, issuer: Issuer, claims: dict[str, Any]) -> None:
    """Subject, audience, times and issuer must all be right."""
    assert served.answers(issuer.token())
    assert not served.answers(issuer.token(**claims))


def test_a_signature_of_another_key_is_nobodys(served: Served, issuer: Issuer) -> None:
    """Neither a foreign key under a known id, nor the public key as a shared secret, nor no signature is taken."""
    public = _published("k1", issuer.keys["k1"])["n"]
    forged = [
        issuer.token(key=_rsa()),
        issuer.token(kid="k9", key=_rsa()),
        issuer.token(key=public.ljust(64, "="), algorithm="HS256"),
        jwt.encode(jwt.decode(issuer.token(), options={"verify_signature": False}), "", algorithm="none"),
        f"{issuer.token()}x",
        "a.b.c",
        issuer.token(sub="\ud800"),
        f"{issuer.token().partition('.')[0]}.{'Wwo' * 4000}.AA",
        canonical_json({"issuer": issuer.url, "subject": SUBJECT}),
        canonical_json([issuer.url, SUBJECT]),
    ]
    assert [served.answers(token) for token in forged] == [False] * len(forged)


def test_nobody_is_asked_for_keys_who_was_not_granted(served: Served, issuer: Issuer) -> None:
    """A token of another issuer or subject makes the service ask nobody."""
    stranger = Issuer(issuer.url.replace("127.0.0.1", "localhost"), {"k1": _rsa()})
    assert not served.answers(stranger.token())
    assert not served.answers(issuer.token(sub="another"))
    assert issuer.asked == []


def test_an_issuer_that_is_down_is_told_as_such(served: Served, issuer: Issuer) -> None:
    """Who calls cannot be said then, so nothing is decided."""
    issuer.is_up = False
    unread = pytest.raises(LedgerUnavailableError, match=r"the keys of issuer .* cannot be read")
    with LedgerClient(served.url, token=issuer.token()) as client, unread:
        client.call(verbs.CAPACITY, CapacityRequest())


def test_an_issuer_that_is_away_is_not_asked_at_each_call(issuer: Issuer) -> None:
    """It is left alone for a few seconds; keys that are known are good until it answers again."""
    now = [0.0]
    issuers = Issuers(clock_s=lambda: now[0])

    def is_signed() -> bool:
        return issuers.is_signed(issuer.token(), issuer=issuer.url, audience=AUDIENCE)

    issuer.is_up = False
    for _ in range(3):
        with pytest.raises(LedgerUnavailableError, match="it answered 500"):
            is_signed()
    issuer.is_up = True
    now[0] = 6.0
    assert is_signed()
    issuer.is_up = False
    now[0] = 700.0
    assert is_signed()
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


def test_a_new_key_is_read_and_an_old_one_ends(issuer: Issuer) -> None:
    """A key that is new is found half a minute later at most; one that the issuer withdrew, after ten minutes."""
    now = [0.0]
    issuers = Issuers(clock_s=lambda: now[0])

    def is_signed(kid: str, key: Key) -> bool:
        return issuers.is_signed(issuer.token(kid=kid, key=key), issuer=issuer.url, audience=AUDIENCE)

    old, new = issuer.keys["k1"], _rsa()
    assert is_signed("k1", old)
    issuer.keys = {"k2": new}
    assert (is_signed("k2", new), is_signed("k1", old)) == (False, True)
    now[0] = 31.0
    assert is_signed("k2", new)
    assert not is_signed("k1", old)
    issuer.keys = {"k3": old}
    assert is_signed("k2", new)
    now[0] = 632.0
    assert not is_signed("k2", new)


@pytest.mark.parametrize(
    ("issuer_url", "subject", "sentence"),
    [
        ("http://ci.example", SUBJECT, "expected the URL of an issuer"),
        ("https://user@ci.example", SUBJECT, "expected the URL of an issuer"),
        ("https://ci.example", "", "an issuer needs a subject"),
        ("", SUBJECT, "a subject an issuer"),
    ],
)
def test_what_is_no_issuer_is_not_granted(served: Served, issuer_url: str, subject: str, sentence: str) -> None:
    """An issuer is a URL over TLS with a subject."""
    with pytest.raises(LedgerRefusedError, match=sentence):
        served.local.call(verbs.GRANT, grant("p", issuer_url, subject))


def test_one_subject_is_one_principal(served: Served, issuer: Issuer) -> None:
    """A second principal does not get the tokens of the first, which has none of its own to renew."""
    with pytest.raises(LedgerRefusedError, match="another principal has the tokens"):
        served.local.call(verbs.GRANT, grant("second", issuer.url, SUBJECT))
    with pytest.raises(LedgerRefusedError, match="so it has none to renew"):
        served.local.call(verbs.ROTATE, RotateRequest(principal="pipeline", days=1))
    served.local.call(verbs.GRANT, grant("pipeline", issuer.url, SUBJECT))
