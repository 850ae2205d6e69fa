"""Clients that come with a certificate: over the service's own TLS, and through Debian's nginx."""

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import jwt
import pytest

from support.authority import SERVER, Made, authority
from support.parts import require
from support.telemetry_processes import Service, wait_for
from support.tls import certificate as self_signed
from support.warm_python import warm_python
from support.zone_project import REPOSITORY, ZONE
from zonewright.cli import main
from zonewright.ledger import LedgerError, LedgerMisuseError, LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.access_messages import AccessRequest, GrantRequest, RevokeRequest, RotateRequest
from zonewright.ledger.protocol.capacity_messages import CapacityRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone

A, B = "URI:spiffe://zone.example/a", "DNS:b.example"


def grant(name: str, certificate: str = "", **more: str) -> GrantRequest:
    """A request for a runner of tenant-a."""
    return GrantRequest(
        principal=name, party="tenant-a", kind="runner", roles=["tenant"], days=1, certificate=certificate, **more
    )


@dataclass
class Served:
    """A service that two principals may come to with a certificate, and one with a token."""

    folder: Path
    local: LedgerClient
    token: str
    patch: pytest.MonkeyPatch
    service: Service = field(init=False)

    def start(self, *options: str) -> None:
        """Begin to serve."""
        self.service = Service(self.folder, "--log-format", "json", *options, python=warm_python().path())
        self.service.start()

    def answer(self, given: Made | None, *between: Made, token: str = "", port: int = 0) -> str:
        """Who comes with a certificate, a token or both, as the service's log says; or why there is no answer."""
        self.patch.delenv("ZONEWRIGHT_CLIENT_CERTIFICATE", raising=False)
        if given is not None:
            self.patch.setenv("ZONEWRIGHT_CLIENT_CERTIFICATE", str(given.write(self.folder / "client.pem", *between)))
        before = len(self._principals())
        try:
            with LedgerClient(f"https://127.0.0.1:{port or self.service.port}", token=token or None) as client:
                client.call(verbs.CAPACITY, CapacityRequest())
        except LedgerError as error:
            return error.sentence
        wait_for(lambda: len(self._principals()) > before)
        return self._principals()[-1]

    def _principals(self) -> list[str]:
        return re.findall(r'"principal": ?"(.*?)"', self.service.log.read_text(encoding="utf-8"))


@pytest.fixture(name="files")
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    files = self_signed(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    return files


@pytest.fixture(name="served")
def _served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with LedgerClient("sqlite:///l.db", root=tmp_path, create=True) as local:
        local.call(verbs.INIT, InitRequest(zone=Zone.model_validate(ZONE)))
        assert local.call(verbs.GRANT, grant("a", A)).token == ""
        local.call(verbs.GRANT, grant("b", "DNS:B.Example"))
        (tmp_path / "ca.pem").write_bytes(authority("zone").made.pem)
        served = Served(tmp_path, local, local.call(verbs.GRANT, grant("c")).token, monkeypatch)
        yield served
        assert served.service.stop(signal.SIGTERM) == 0


def test_a_certificate_is_the_principal_that_was_granted(served: Served, files: tuple[Path, Path]) -> None:
    """By each name and by its key; and what is nobody's, of two, or of another than the token gets a sentence."""
    tls = ("--tls-certificate", files[0], "--tls-key", files[1], "--client-ca", served.folder / "ca.pem")
    served.start(*map(str, tls))
    zone, between = authority("zone"), authority("zone").give(is_authority=True)
    of_a = zone.give(A, "DNS:of-nobody.example")
    assert served.answer(of_a) == "a"
    assert served.answer(zone.give("DNS:B.example")) == "b"
    assert served.answer(type(zone)(between).give(A), between) == "a"
    assert served.answer(None, token=served.token) == "c"
    assert "the token is missing" in served.answer(None)
    assert "is of nobody who has access now" in served.answer(zone.give(f"{A}x"))
    assert "names of several principals: a, b;" in served.answer(zone.give(A, B))
    assert "the token is of principal 'c', and the certificate" in served.answer(of_a, token=served.token)
    assert "is of nobody who has access; " in served.answer(zone.give("DNS:x.example"), token=served.token)
    assert "the token is missing, unknown" in served.answer(of_a, token="zwt_wrong")
    assert "not taken: it ended at" in served.answer(zone.give(A, days=(-3, -1)))
    assert "not taken: it begins at" in served.answer(zone.give(A, days=(1, 3)))
    for given in (zone.give(A, usage=(SERVER,)), authority("another").give(A)):
        assert "it may not take the certificate" in served.answer(given)
    log = served.service.log.read_text(encoding="utf-8")
    assert "certificate purpose" in log
    assert "ended its connection: unable to get local issuer certificate" in log
    with (served.folder / "ca.pem").open("ab") as file:
        file.write(authority("another").made.pem)
    assert served.answer(authority("another").give(A)) == "a"
    with LedgerClient(f"https://127.0.0.1:{served.service.port}") as client:
        client.call(verbs.CAPACITY, CapacityRequest())
        served.local.call(verbs.REVOKE, RevokeRequest(principal="a", why="the runner is gone"))
        with pytest.raises(LedgerMisuseError, match="is of nobody who has access now"):
            client.call(verbs.CAPACITY, CapacityRequest())


def nginx_of_the_page(folder: Path, files: tuple[Path, Path], service: int) -> tuple[Path, int]:
    """The configuration that the how-to page shows, for these files and a free port."""
    page = (REPOSITORY / "docs/how-to/give-access.md").read_text(encoding="utf-8")
    block = re.findall(r"```nginx\n(.*?)```", page, re.DOTALL)[0]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    for one, other in (
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/nginx/tls.pem", str(files[0])),
        ("/etc/nginx/tls.key", str(files[1])),
        ("127.0.0.1:8480", f"127.0.0.1:{service}"),
    ):
        assert block.count(one) == 1, one
        block = block.replace(one, other)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = " ".join(f"{kind}_temp_path {folder / kind};" for kind in kinds)
    path = folder / "nginx.conf"
    path.write_text(
        f"user root; daemon off; pid {folder / 'nginx.pid'}; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {places}\n{block}}}\n",
        encoding="utf-8",
    )
    return path, port


def listens(port: int) -> bool:
    """Whether somebody does there."""
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(name="nginx")
def _nginx() -> str:
    return require("nginx", "nginx", "certificates of clients behind a proxy")


def test_behind_nginx_the_service_judges_the_certificate(nginx: Path, served: Served, files: tuple[Path, Path]) -> None:
    """What nginx of Debian lets through without any authority is verified; what it refuses itself is told as that."""
    clients = ("--client-ca", str(served.folder / "ca.pem"), "--client-certificate-header", "Client-Cert")
    served.start(*clients, "--proxy", "127.0.0.1")
    conf, port = nginx_of_the_page(served.folder, files, served.service.port)
    zone = authority("zone")
    with subprocess.Popen([nginx, "-c", str(conf), "-e", "stderr"], stderr=subprocess.DEVNULL) as proxy:
        try:
            wait_for(lambda: listens(port))
            assert served.answer(zone.give(A), port=port) == "a"
            assert served.answer(None, token=served.token, port=port) == "c"
            assert "the token is missing" in served.answer(None, port=port)
            assert "of no authority that this service trusts" in served.answer(authority("another").give(A), port=port)
            assert "no certificate of a client" in served.answer(zone.give(A, usage=(SERVER,)), port=port)
            assert "certificate that has ended" in served.answer(zone.give(A, days=(-3, -1)), port=port)
        finally:
            proxy.terminate()


def test_a_name_is_one_principals_and_a_certificate_has_no_token(served: Served) -> None:
    """A second principal does not get it, rotate has nothing to renew, and what is no name is refused."""
    served.start()
    for request, sentence in (
        (grant("d", "DNS:b.example"), "another principal has a certificate with DNS:b.example already"),
        (grant("d", "b.example"), "expected a name of a certificate, such as DNS:"),
        (grant("d", A, issuer="https://ci.example", subject="x"), "give one of the two"),
    ):
        with pytest.raises(LedgerRefusedError, match=sentence):
            served.local.call(verbs.GRANT, request)
    with pytest.raises(LedgerRefusedError, match="'a' comes with a certificate, so it has none to renew"):
        served.local.call(verbs.ROTATE, RotateRequest(principal="a", days=1))
    known = {
        one.principal: (one.issuer, one.subject) for one in served.local.call(verbs.ACCESS, AccessRequest()).principals
    }
    assert known == {"a": ("certificate", A), "b": ("certificate", B), "c": ("", "")}
    forged = jwt.encode({"iss": "certificate", "sub": A}, "x" * 32, algorithm="HS256")
    with LedgerClient(served.service.url, token=forged) as client, pytest.raises(LedgerMisuseError, match="is missing"):
        client.call(verbs.CAPACITY, CapacityRequest())


def test_options_that_would_count_for_nothing_are_misuse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them are told in one run."""
    monkeypatch.chdir(tmp_path)
    assert main(["serve", "--client-crl", "x", "--proxy", "zone.example"]) == 2
    said = capsys.readouterr().err
    assert "--client-crl: expected --client-ca FILE beside it" in said
    assert "--client-certificate-header: expected it beside the other of the two" in said
    assert "--proxy: expected an address such as 192.0.2.7, got 'zone.example'" in said
    assert main(["serve", "--client-ca", "x"]) == 2
    assert "--client-ca: nothing would ask for certificates" in capsys.readouterr().err


def test_files_of_a_client_that_cannot_be_used_are_told(
    tmp_path: Path, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence with the variables, before anything is sent."""
    whole = authority("zone").give(A).write(tmp_path / "client.pem")
    for certificate, key, sentence in (
        (tmp_path / "none.pem", None, "ZONEWRIGHT_CLIENT_CERTIFICATE=.*none.pem cannot be read: no such file"),
        (whole, files[1], "expected a certificate and its own key without a passphrase, both as PEM, got KEY_VALUES"),
        (files[0], None, "expected a certificate and its own key"),
        (None, files[1], "ZONEWRIGHT_CLIENT_CERTIFICATE: expected it beside ZONEWRIGHT_CLIENT_KEY"),
    ):
        for name, path in (("ZONEWRIGHT_CLIENT_CERTIFICATE", certificate), ("ZONEWRIGHT_CLIENT_KEY", key)):
            monkeypatch.setenv(name, str(path or ""))
        with pytest.raises(LedgerMisuseError, match=sentence):
            LedgerClient("https://127.0.0.1:1")
