"""The road to a ledger over HTTP: sent once, over kept connections, to nobody else, and each fault is a sentence."""

import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from support.asgi import call
from support.ledger_proxy import ledger_service
from support.tls import certificate
from zonewright.ledger import LedgerMisuseError, LedgerUnavailableError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.journal_messages import CheckpointRequest
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.transport import over_http
from zonewright.ledger.transport.application import application
from zonewright.ledger.transport.client import LedgerClient, Posted
from zonewright.ledger.transport.in_process import InProcess
from zonewright.ledger.transport.over_http import OverHttp
from zonewright.ledger.verbs.table import FUNCTIONS


@dataclass
class Server:
    """What a server was asked, and how it answers."""

    url: str = ""
    connections: int = 0
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[BaseHTTPRequestHandler], None] = lambda handler: give(handler, 200, b"{}")


JSON = {"content-type": "application/json"}


def give(handler: BaseHTTPRequestHandler, status: int, content: bytes, **headers: str) -> None:
    """A whole answer."""
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(content)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


@contextmanager
def serving(tls: tuple[Path, Path] | None = None) -> Iterator[Server]:
    """A server on this machine that keeps connections."""
    made = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            made.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            made.answer(self)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that leaves is no fault here."""

    server = Quiet(("127.0.0.1", 0), Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    made.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(name="server")
def _server() -> Iterator[Server]:
    with serving() as made:
        yield made


def road(url: str, *, token: str | None = None, timeout_s: float = 10.0) -> "closing[OverHttp]":
    """A road to a server."""
    return closing(OverHttp(url, token=token, timeout_s=timeout_s))


def fault(url: str, *, timeout_s: float = 10.0) -> str:
    """The sentence of a call that has no answer."""
    with road(url, timeout_s=timeout_s) as one, pytest.raises(LedgerUnavailableError) as caught:
        one.post("admit", b"{}")
    sentence = str(caught.value)
    assert sentence.startswith(f"the ledger {url} cannot be reached (")
    assert "nothing was decided" in sentence
    assert "0x" not in sentence, "no address in memory"
    assert "urllib3" not in sentence
    return sentence


def test_calls_share_a_connection(server: Server) -> None:
    """Calls in turn take one connection; the path of the URL comes before the verb, and the token is in its header."""
    with road(f"{server.url}/below/", token="a-token") as one:
        assert [one.post("read", b'{"n": 1}') for _ in range(20)] == [Posted(200, b"{}")] * 20
    assert server.connections == 1
    path, headers, body = server.asked[0]
    assert (path, headers["authorization"], body) == ("/below/v1/read", "Bearer a-token", b'{"n": 1}')


def test_threads_do_not_wait_for_each_other(server: Server) -> None:
    """Calls at the same time have a connection each; all of them are kept."""
    together = threading.Barrier(8, timeout=30)

    def wait(handler: BaseHTTPRequestHandler) -> None:
        together.wait()
        give(handler, 200, b"{}")

    server.answer = wait
    with road(server.url) as one, ThreadPoolExecutor(8) as pool:
        for _ in range(2):
            assert list(pool.map(lambda _: one.post("read", b"{}")[0], range(8))) == [200] * 8
    assert server.connections == 8


def test_an_idle_connection_is_not_trusted(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while without calls the next one takes a new connection: what lies between may have forgotten the old."""
    with road(server.url) as one:
        one.post("read", b"{}")
        monkeypatch.setattr(over_http, "IDLE_S", 0.05)
        time.sleep(0.1)
        assert one.post("read", b"{}")[0] == 200
    assert server.connections == 2


def test_a_connection_that_the_service_closed_is_replaced(server: Server) -> None:
    """A service that restarts, or closes what is idle, hinders no later call."""

    def last(handler: BaseHTTPRequestHandler) -> None:
        give(handler, 200, b"{}")
        handler.close_connection = True

    server.answer = last
    with road(server.url) as one:
        for _ in range(2):
            assert one.post("read", b"{}")[0] == 200
            time.sleep(0.2)
    assert server.connections == 2


def test_nothing_is_sent_twice(server: Server) -> None:
    """A service that takes a request and leaves may have decided: the client says so, and does not ask again."""

    def leave(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    server.answer = leave
    assert "without response" in fault(server.url)
    assert len(server.asked) == 1

    def half(handler: BaseHTTPRequestHandler) -> None:
        give(handler, 200, b"{", **{"Content-Length": "100"})
        handler.close_connection = True

    server.answer = half
    fault(server.url)
    assert len(server.asked) == 2


def test_a_service_that_hangs_has_its_time(server: Server) -> None:
    """No answer within the time is a sentence with that time, and is not waited for again."""
    done = threading.Event()

    def hang(_handler: BaseHTTPRequestHandler) -> None:
        done.wait(30)

    server.answer = hang
    started = time.monotonic()
    assert "(no answer within 0.3 s)" in fault(server.url, timeout_s=0.3)
    assert time.monotonic() - started < 10
    assert len(server.asked) == 1
    done.set()


def test_nobody_there_is_said_as_the_system_says_it() -> None:
    """A closed port is told in the system's words."""
    assert "(Connection refused)" in fault("http://127.0.0.1:9")


def test_a_redirect_is_not_followed(server: Server) -> None:
    """The token goes to the ledger that was named; another place is given back as an answer that decides nothing."""
    with serving() as other:
        server.answer = lambda handler: give(handler, 307, b"", Location=f"{other.url}/v1/read")
        with road(server.url, token="a-token") as one:
            assert one.post("read", b"{}") == Posted(307, b"")
    assert other.asked == []


def test_no_proxy_is_taken_from_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of a proxy change nothing."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with road(server.url) as one:
        assert one.post("read", b"{}")[0] == 200


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS is verified against the system's authorities, which `SSL_CERT_FILE` replaces, and against the name."""
    tls = certificate(tmp_path, "127.0.0.1")
    with serving(tls) as server:
        assert "self-signed certificate" in fault(server.url)
        assert server.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tls[0]))
        with road(server.url) as one:
            assert [one.post("read", b"{}")[0] for _ in range(3)] == [200] * 3
        assert len(server.asked) == 3
        assert "not valid for 'localhost'" in fault(server.url.replace("127.0.0.1", "localhost"))


@pytest.mark.parametrize("token", ["a\n", "a\r\nb", "\u00e9"])
def test_a_token_that_is_none_is_said(token: str) -> None:
    """A line's end or a foreign character in the token is a misuse, and the token is not repeated."""
    with pytest.raises(LedgerMisuseError, match="ZONEWRIGHT_LEDGER_TOKEN has characters"):
        OverHttp("http://127.0.0.1:9", token=token, timeout_s=1)


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999", "https://zone.example:x"])
def test_a_url_of_no_place_is_said(url: str) -> None:
    """A port that is none is a misuse in one sentence."""
    with pytest.raises(LedgerMisuseError, match="expected a ledger URL such as"):
        OverHttp(url, token=None, timeout_s=1)


@pytest.mark.parametrize("body", [b"Internal Server Error", b"<html>bad gateway</html>", b"[]"])
def test_a_fault_of_the_service_is_called_one(body: bytes) -> None:
    """An answer of 500 or more is no sign of a wrong URL."""
    with serving() as server, closing(LedgerClient(server.url)) as client:
        server.answer = lambda handler: give(handler, 502, body)
        with pytest.raises(LedgerUnavailableError, match=r"has a fault \(it answered 502\)"):
            client.call(verbs.CHECKPOINT, CheckpointRequest())
        server.answer = lambda handler: give(handler, 200 + 3, body)
        with pytest.raises(LedgerUnavailableError, match="is not a zonewright ledger"):
            client.call(verbs.CHECKPOINT, CheckpointRequest())


def test_a_fault_has_an_id_that_the_log_has_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client is told the id and no traceback; the operator finds the traceback by it."""

    def broken(*_: object) -> tuple[int, bytes]:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("zonewright.ledger.transport.application.answered", broken)
    database = Database(tmp_path / "ledger.db", create=True, lock_wait_s=1)
    answer = call(
        application(Context(database=database), with_tokens=False),
        "POST",
        "/v1/checkpoint",
        content=b"{}",
        headers=JSON,
    )
    database.close()
    assert answer.status_code == 500
    said = answer.json()["sentence"]
    found = re.search(r"the service has a fault, request id ([0-9a-f]{12});", said)
    assert found is not None
    assert found[1] in caplog.text
    assert "a fault of ours" in caplog.text
    assert "a fault of ours" not in answer.text


def test_every_verb_has_the_same_bytes_on_both_roads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Request, status and answer of each verb cross the wire unchanged, so what a verb says is said on every road."""
    said = {200: b'{"a":"\xe2\x82\xac\\n"}', 400: b'{"code":"x"}', 409: b'{"findings":[]}' * 9_999, 503: b"{}"}
    asked: list[tuple[str, bytes]] = []

    def answered(_context: Context, name: str, body: bytes) -> tuple[int, bytes]:
        asked.append((name, body))
        status = int(body[:3])
        return status, name.encode() + said[status]

    monkeypatch.setattr("zonewright.ledger.transport.application.answered", answered)
    monkeypatch.setattr("zonewright.ledger.transport.in_process.answered", answered)
    sent = [(verb.name, f"{status} {verb.name} \u20ac".encode()) for verb in FUNCTIONS for status in said]
    near = InProcess(tmp_path / "ledger.db", create=True, lock_wait_s=1, clock=None)
    with closing(near), ledger_service(tmp_path / "ledger.db") as service, road(service.url) as far:
        for name, body in sent:
            assert (
                far.post(name, body)
                == near.post(name, body)
                == Posted(int(body[:3]), name.encode() + said[int(body[:3])])
            )
    assert asked == [one for one in sent for _ in range(2)]
