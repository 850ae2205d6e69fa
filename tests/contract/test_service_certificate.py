"""The service over its own TLS: for other hosts, with renewals, and never in the clear."""

import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from urllib3 import PoolManager

from support.telemetry_processes import Service
from support.tls import certificate as self_signed
from support.warm_python import warm_python
from support.zone_project import ZONE
from zonewright.cli import main
from zonewright.ledger import LedgerMisuseError, LedgerUnavailableError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.access_messages import GrantRequest
from zonewright.ledger.protocol.capacity_messages import CapacityRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.server.certificate import CertificateError, ServiceCertificate

GRANTED = GrantRequest(principal="runner", party="tenant-a", kind="runner", roles=["tenant"], days=1)


@pytest.fixture(name="files")
def _files(tmp_path: Path) -> tuple[Path, Path]:
    return self_signed(tmp_path, "127.0.0.1")


@pytest.fixture(name="token")
def _token(tmp_path: Path) -> str:
    with LedgerClient("sqlite:///l.db", root=tmp_path, create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=Zone.model_validate(ZONE)))
        return client.call(verbs.GRANT, GRANTED).token


@pytest.fixture(name="service")
def _service(tmp_path: Path, files: tuple[Path, Path], token: str) -> Iterator[Service]:
    certificate, key = files
    options = ("--host", "0.0.0.0", "--allow-host", "127.0.0.1", "--tls-certificate", certificate, "--tls-key", key)
    service = Service(tmp_path, *map(str, options), python=warm_python().path())
    service.start()
    yield service
    assert service.stop(signal.SIGTERM) == 0
    assert token not in service.log.read_text(encoding="utf-8")


def capacity(port: int, token: str) -> None:
    """Ask the ledger for what is free."""
    with LedgerClient(f"https://127.0.0.1:{port}", token=token) as client:
        assert client.call(verbs.CAPACITY, CapacityRequest()).sites == {}


def test_beyond_this_host_the_ledger_is_served_over_tls(
    service: Service, files: tuple[Path, Path], token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who trusts the authority and has a token is answered; without either, and in the clear, nobody is."""
    with pytest.raises(LedgerUnavailableError, match="self-signed certificate"):
        capacity(service.port, token)
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    capacity(service.port, token)
    with pytest.raises(LedgerMisuseError, match="the token is missing"):
        capacity(service.port, "zwt_wrong")
    with (
        pytest.raises(LedgerUnavailableError, match="cannot be reached"),
        LedgerClient(service.url, token=token) as client,
    ):
        client.call(verbs.CAPACITY, CapacityRequest())


def test_figures_beyond_this_host_need_a_token(service: Service, files: tuple[Path, Path], token: str) -> None:
    """What Prometheus reads needs a principal's token there, as the verb of the same figures does."""
    url = f"https://127.0.0.1:{service.port}/metrics"
    with PoolManager(ca_certs=str(files[0])) as pool:
        found = [
            pool.request("GET", url, headers=headers).status
            for headers in ({}, {"authorization": "Bearer zwt_wrong"}, {"authorization": f"Bearer {token}"})
        ]
    assert found == [401, 401, 200]


def test_a_renewed_certificate_is_taken_at_the_next_connection(
    service: Service, tmp_path: Path, files: tuple[Path, Path], token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New files count without a restart; half of a renewal leaves the old pair in use, and the log says so."""
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    before = ssl.get_server_certificate(("127.0.0.1", service.port))
    (tmp_path / "new").mkdir()
    renewed = self_signed(tmp_path / "new", "127.0.0.1")
    renewed[1].replace(files[1])
    assert ssl.get_server_certificate(("127.0.0.1", service.port)) == before
    renewed[0].replace(files[0])
    assert ssl.get_server_certificate(("127.0.0.1", service.port)) != before
    capacity(service.port, token)
    log = service.log.read_text(encoding="utf-8")
    assert log.count("the certificate of before stays in use") == 1
    assert log.count("was renewed") == 1


def test_files_that_cannot_be_used_are_told_at_the_start(tmp_path: Path, files: tuple[Path, Path]) -> None:
    """One that is missing, that belongs to another key, or has a passphrase: a sentence with the option, exit 2."""
    certificate, key = files
    (tmp_path / "other").mkdir()
    other = self_signed(tmp_path / "other", "127.0.0.1")[1]
    secret = tmp_path / "secret.pem"
    private = load_pem_private_key(key.read_bytes(), None)
    secret.write_bytes(
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a passphrase"))
    )
    empty = tmp_path / "empty.pem"
    empty.write_text("", encoding="ascii")
    for one, two, sentence in (
        (tmp_path / "none.pem", key, r"none.pem cannot be read: no such file"),
        (certificate, tmp_path, r"cannot be read: is a directory"),
        (certificate, other, r"expected a certificate and its own key, both as PEM, got KEY_VALUES_MISMATCH"),
        (certificate, secret, r"--tls-key .*expected a key without a passphrase"),
        (certificate, empty, r"expected a certificate and its own key"),
        (key, key, r"expected a certificate and its own key"),
    ):
        with pytest.raises(CertificateError, match=sentence):
            ServiceCertificate(one, two, say=print)


def test_one_file_alone_is_misuse(
    tmp_path: Path, files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate without its key is no reason to serve in the clear."""
    monkeypatch.chdir(tmp_path)
    assert main(["serve", "--tls-certificate", str(files[0])]) == 2
    assert "--tls-key: expected it beside the other of the two" in capsys.readouterr().err
