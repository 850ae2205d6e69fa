"""Which certificates of clients are taken, and by which names they are known; without a connection."""

import asyncio
import base64
import json
from argparse import Namespace
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.types import Message, Receive, Scope, Send

from support.authority import SERVER, Made, authority
from zonewright.cli.serve_clients import clients_of
from zonewright.ledger.protocol.certificate_names import certificate_name
from zonewright.ledger.transport.callers import CERTIFICATE_NAMES
from zonewright.server.client_authorities import AuthoritiesError, ClientAuthorities, ClientCertificateError
from zonewright.server.client_certificates import ClientCertificates, Proxy

NAME = "URI:spiffe://zone.example/runner"
PROXY = Proxy(header="Client-Cert", addresses=frozenset({"192.0.2.7"}))


def authorities(folder: Path, *revoked: bytes, said: list[str] | None = None) -> ClientAuthorities:
    """What vouches for clients: the authority "zone"."""
    (folder / "ca.pem").write_bytes(authority("zone").made.pem)
    if revoked:
        (folder / "crl.pem").write_bytes(b"".join(revoked))
    say = said.append if said is not None else print
    return ClientAuthorities(folder / "ca.pem", folder / "crl.pem" if revoked else None, say=say)


def names(found: ClientAuthorities, *chain: Made) -> tuple[str, ...]:
    """What the certificate is known by now."""
    return found.names([one.der for one in chain], authority("zone").now)


def test_a_certificate_is_known_by_its_names_and_its_key(tmp_path: Path) -> None:
    """Names of hosts and URIs of its subject count, each as the grant writes it; addresses and wildcards do not."""
    given = authority("zone").give(NAME, "DNS:Runner-7.Example", "DNS:*.example")
    key = given.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    expected = ("DNS:runner-7.example", NAME, f"KEY:sha256:{sha256(key).hexdigest()}")
    assert names(authorities(tmp_path), given) == expected
    assert tuple(map(certificate_name, expected)) == expected


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (lambda: authority("zone").give(NAME, days=(-3, -1)), "it ended at .*get a new one"),
        (lambda: authority("zone").give(NAME, days=(1, 3)), "it begins at .*look at the clocks"),
        (lambda: authority("zone").give(NAME, usage=(SERVER,)), "no certificate of a client"),
        (lambda: authority("another").give(NAME), "of no authority that this service trusts"),
        (lambda: authority("zone").give(), "it cannot be verified: .*subjectAltName"),
        (lambda: authority("zone").give(NAME, is_authority=True), "it cannot be verified: .*cA must not"),
    ],
    ids=["ended", "future", "server", "foreign", "nameless", "authority"],
)
def test_what_is_not_taken_is_told_why(tmp_path: Path, given: Any, sentence: str) -> None:
    """Too late, too early, of a service, of another authority, without names: each in a sentence of its own."""
    with pytest.raises(ClientCertificateError, match=sentence):
        names(authorities(tmp_path), given())


def test_an_authority_between_may_come_with_the_certificate_or_lie_in_the_file(tmp_path: Path) -> None:
    """One that is in neither leaves the certificate without anybody who vouches for it."""
    between = authority("zone").give(is_authority=True)
    given = type(authority("zone"))(between).give(NAME)
    found = authorities(tmp_path)
    assert names(found, given, between)[0] == NAME
    with pytest.raises(ClientCertificateError, match="of no authority"):
        names(found, given)
    (tmp_path / "ca.pem").write_bytes(between.pem)
    assert names(found, given)[0] == NAME


def test_what_was_revoked_is_not_taken_and_a_missing_list_says_nothing(tmp_path: Path) -> None:
    """With lists, an authority whose list is missing, has ended or is signed by another vouches for nobody."""
    zone, another = authority("zone"), authority("another")
    good, bad = zone.give(NAME), zone.give(NAME)
    found = authorities(tmp_path, another.revoked(), zone.revoked(bad))
    assert names(found, good)[0] == NAME
    with pytest.raises(ClientCertificateError, match="CN=zone revoked it"):
        names(found, bad)
    (tmp_path / "crl.pem").write_bytes(another.revoked())
    with pytest.raises(ClientCertificateError, match="no list of what CN=zone revoked"):
        names(found, good)
    (tmp_path / "crl.pem").write_bytes(zone.revoked(ended=True))
    with pytest.raises(ClientCertificateError, match="the list of what CN=zone revoked ended at"):
        names(found, good)
    forged = type(zone)(Made(zone.made.certificate, another.made.key)).revoked()
    (tmp_path / "crl.pem").write_bytes(forged)
    with pytest.raises(ClientCertificateError, match="no list of what CN=zone revoked"):
        names(found, good)


def test_an_authority_that_another_one_of_the_file_revoked_vouches_for_nobody(tmp_path: Path) -> None:
    """Behind a proxy all authorities lie in the file: those between are judged by the ones above them, as if sent."""
    zone = authority("zone")
    between = zone.give(is_authority=True)
    own = type(zone)(between)
    given = own.give(NAME)
    found = authorities(tmp_path, zone.revoked(), own.revoked())
    (tmp_path / "ca.pem").write_bytes(between.pem + zone.made.pem)
    assert names(found, given)[0] == NAME
    (tmp_path / "crl.pem").write_bytes(own.revoked() + zone.revoked(between))
    with pytest.raises(ClientCertificateError, match="CN=zone revoked it"):
        names(found, given)
    (tmp_path / "crl.pem").write_bytes(own.revoked())
    with pytest.raises(ClientCertificateError, match="no list of what CN=zone revoked"):
        names(found, given)


def test_an_authority_that_is_limited_gives_names_of_these_kinds_only(tmp_path: Path) -> None:
    """Limited to hosts of one domain it can give no URI, which RFC 5280 leaves open; a limit above it counts too."""
    zone = authority("zone")
    limited = zone.give(is_authority=True, limits=["DNS:tenant-a.example"])
    below = type(zone)(limited).give(is_authority=True)
    found = authorities(tmp_path)
    (tmp_path / "ca.pem").write_bytes(b"".join(one.pem for one in (below, limited, zone.made)))
    for own in (type(zone)(limited), type(zone)(below)):
        known = names(found, own.give("DNS:runner.tenant-a.example", NAME))
        assert [one.partition(":")[0] for one in known] == ["DNS", "KEY"]
        with pytest.raises(ClientCertificateError, match="it cannot be verified"):
            names(found, own.give("DNS:runner.tenant-b.example"))


def test_renewed_files_count_at_once_and_broken_ones_change_nothing(tmp_path: Path) -> None:
    """Both are told, once."""
    said: list[str] = []
    found = authorities(tmp_path, said=said)
    new = authority("another").give(NAME)
    (tmp_path / "ca.pem").write_bytes(b"half of a")
    for _ in range(2):
        assert names(found, authority("zone").give(NAME))[0] == NAME
    (tmp_path / "ca.pem").write_bytes(authority("another").made.pem)
    assert names(found, new)[0] == NAME
    assert [sentence.partition(";")[0].rpartition(" ")[2] for sentence in said] == ["PEM", "renewed"]


def test_files_that_cannot_be_used_are_told_at_the_start(tmp_path: Path) -> None:
    """A sentence with the option."""
    (tmp_path / "ca.pem").write_bytes(authority("zone").made.pem)
    (tmp_path / "bad.pem").write_bytes(b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
    for ca, crl, sentence in (
        ("none.pem", None, r"--client-ca .*none.pem cannot be read: no such file"),
        ("bad.pem", None, r"--client-ca .*: expected certificates as PEM"),
        ("ca.pem", "none.pem", r"--client-crl .*none.pem cannot be read"),
        ("ca.pem", "ca.pem", r"--client-crl .*: expected whole lists"),
        ("ca.pem", "bad.pem", r"--client-crl .*: expected whole lists"),
    ):
        with pytest.raises(AuthoritiesError, match=sentence):
            ClientAuthorities(tmp_path / ca, tmp_path / crl if crl else None, say=print)


def asked(
    found: ClientAuthorities, address: str, headers: Sequence[str], *own: Made, proxy: Proxy | None = PROXY
) -> tuple[int, Any]:
    """Status and sentence of a refusal; or 200 and the names that the application gets."""
    got: list[Any] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        got.append((200, scope.get("state", {}).get(CERTIFICATE_NAMES)))

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            got.append(message["status"])
        else:
            got[-1] = (got[-1], json.loads(message["body"])["sentence"])

    async def receive() -> Message:
        raise AssertionError("nothing of the request is read")

    tls = {"tls": {"client_cert_chain": [one.pem.decode() for one in own]}}
    raw = [(b"client-cert", value.encode()) for value in headers]
    scope: Scope = {"type": "http", "client": (address, 1), "headers": raw, "extensions": tls if own else {}}
    door = ClientCertificates(app, found, proxy, clock=lambda: authority("zone").now + timedelta(minutes=1))
    asyncio.run(door(scope, receive, send))
    assert isinstance(got[0], tuple)
    return got[0]


@pytest.mark.parametrize("address", ["192.0.2.7", "::ffff:192.0.2.7", "2001:DB8:0::7"])
def test_a_proxy_is_known_however_its_address_is_written(tmp_path: Path, address: str) -> None:
    """An address of IPv4 in one of IPv6, capitals and zeros are the same address."""
    (tmp_path / "ca.pem").write_bytes(authority("zone").made.pem)
    options = Namespace(
        client_ca=tmp_path / "ca.pem", client_crl=None, client_certificate_header="Client-Cert", proxy=[address]
    )
    found, proxy = clients_of(options, print)
    assert found is not None
    shown = address if "." in address else "2001:db8::7"
    assert asked(found, shown, [""], proxy=proxy) == (200, None)


def test_only_the_proxy_tells_of_the_certificates_of_others(tmp_path: Path) -> None:
    """Its header counts in both ways of writing; from elsewhere it is refused; its own certificate is nobody's."""
    found, given, other = authorities(tmp_path), authority("zone").give(NAME), authority("zone").give("DNS:p.example")
    rfc, nginx = f":{base64.b64encode(given.der).decode()}:", quote(given.pem.decode(), safe="")
    known = names(found, given)
    for value in (rfc, nginx):
        assert asked(found, "192.0.2.7", [value], other) == (200, known)
        assert asked(found, "::ffff:192.0.2.7", [value]) == (200, known)
        status, sentence = asked(found, "192.0.2.8", [value], given)
        assert (status, "is taken from the proxy only" in sentence) == (401, True)
    assert asked(found, "192.0.2.7", [], other) == (200, None)
    assert asked(found, "192.0.2.7", [""], other) == (200, None)
    assert asked(found, "192.0.2.8", [], given) == (200, known)
    assert asked(found, "192.0.2.8", [rfc], given, proxy=None) == (200, known)
    for values, sentence in (
        ([rfc, rfc], "passed on 2 headers"),
        (["a certificate"], "expected it in the proxy's header as RFC 9440 has it"),
        ([":AAAA:"], "it cannot be read"),
        ([":?:"], "cannot be read"),
        (["-----BEGIN%20CERTIFICATE"], "cannot be read"),
        ([f":{'A' * 20_000}:"], "in at most 16,384 characters"),
        ([f":{base64.b64encode(authority('another').give(NAME).der).decode()}:"], "of no authority"),
    ):
        status, told = asked(found, "192.0.2.7", values)
        assert (status, sentence in told) == (401, True), told


@pytest.mark.parametrize(
    "text", ["", "runner", "DNS:", "DNS:a..b", "DNS:a b", "URI:", "URI:spiffe", "URI:a://[", "KEY:sha256:ab", "IP:::1"]
)
def test_what_is_no_name_of_a_certificate(text: str) -> None:
    """Such a name is granted to nobody, and looked up for nobody."""
    assert certificate_name(text) is None
