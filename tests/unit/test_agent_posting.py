"""The agent's own part of HTTP: answers of every legal form are read, and what is none is a fault of its request."""

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zonewright_agent.configuration import parts_of
from zonewright_agent.posting import Answer, AnswerError, Connection

HEAD = b"HTTP/1.1 200 OK\r\n"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\nok"


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A service that gives each connection the next answer for each request, and hangs up; its URL and what came."""
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.settimeout(5)
                    for piece in answer.split(b"<next>"):
                        came.append(connection.recv(65_536))
                        connection.sendall(piece)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", came
        thread.join(5)


def post(answer: bytes, *, max_bytes: int = 100) -> tuple[Answer, bool]:
    """The answer to one request, and whether the connection is kept."""
    with answering(answer) as (url, _):
        connection = Connection(url, 5.0)
        found = connection.post("/v1/metrics", b"{}", {}, max_bytes=max_bytes)
        is_kept = connection.is_open
        connection.close()
    return found, is_kept


@pytest.mark.parametrize(
    ("answer", "body", "is_kept"),
    [
        (WHOLE, b"ok", True),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;x=y\r\no\r\n1\r\nk\r\n0\r\nA: b\r\n\r\n", b"ok", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + WHOLE, b"ok", True),
        (HEAD + b"\r\nok", b"ok", False),
        (HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok", b"ok", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", False),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok", b"ok", True),
        (HEAD.replace(b"\r", b"") + b"content-length:2\n\nok", b"ok", True),
        (WHOLE + b"more", b"ok", False),
        (HEAD + b"Content-Length: 200\r\n\r\n" + b"x" * 200, b"x" * 100, False),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nc8\r\n" + b"x" * 200 + b"\r\n0\r\n\r\n", b"x" * 100, False),
    ],
)
def test_answers_of_every_form_are_read(answer: bytes, body: bytes, *, is_kept: bool) -> None:
    """With a length, in parts, until the end, after hints; it is kept only where another answer can follow."""
    found, was_kept = post(answer)
    assert (found.status, found.reason, found.body, was_kept) == (200, "OK", body, is_kept)


def test_an_answer_without_content_has_none() -> None:
    """After 204 nothing is waited for."""
    found, is_kept = post(b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n")
    assert (found.status, found.reason, found.headers, found.body, is_kept) == (
        204,
        "No Content",
        {"x-a": "1"},
        b"",
        True,
    )


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"", "closed the connection before"),
        (b"SSH-2.0-x\r\n", "expected an HTTP/1.1 answer, got 'SSH-2.0-x '"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "expected an HTTP/1.1 answer"),
        (HEAD + b"Content-Length: 9\r\n\r\nok", "closed the connection before"),
        (HEAD + b"Content-Length: -1\r\n\r\nok", "expected a length in digits, got '-1'"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "expected the size of a part, got 'zz'"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nok", "closed the connection before"),
        (HEAD + b"X: y\r\n" * 20_000, "has no end"),
        (b"x" * 200_000, "has no end"),
    ],
)
def test_what_is_no_answer_is_told(answer: bytes, sentence: str) -> None:
    """Half an answer, another protocol and a head without an end are faults of the connection, which is closed."""
    with answering(answer) as (url, _):
        connection = Connection(url, 5.0)
        with pytest.raises(OSError, match=sentence):
            connection.post("/", b"{}", {}, max_bytes=100)
        assert not connection.is_open


@settings(max_examples=60, deadline=None)
@given(noise=st.binary(max_size=200), is_head=st.booleans())
def test_no_bytes_get_through_as_another_fault(*, noise: bytes, is_head: bool) -> None:
    """Whatever a service sends, it is an answer or an OSError."""
    with answering((HEAD if is_head else b"") + noise) as (url, _):
        connection = Connection(url, 5.0)
        with suppress(OSError):
            assert connection.post("/", b"{}", {}, max_bytes=100).status
        connection.close()


def test_requests_share_a_connection_and_are_whole() -> None:
    """Two requests go over one connection; a server of the standard library takes them."""
    heads: list[tuple[str, str | None, str | None, bytes, int]] = []

    class Service(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heads.append((self.path, self.headers["Host"], self.headers["X-A"], body, self.client_address[1]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:  # quiet
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        connection = Connection(f"http://127.0.0.1:{port}/v1/metrics", 5.0)
        for body in (b"one", b"x" * 300_000):
            connection.post("/v1/metrics?a=b", body, {"X-A": "1"}, max_bytes=10)
        connection.close()
        server.shutdown()
    assert [head[:3] for head in heads] == [("/v1/metrics?a=b", f"127.0.0.1:{port}", "1")] * 2
    assert [len(head[3]) for head in heads] == [3, 300_000]
    assert heads[0][4] == heads[1][4]


def test_a_header_can_not_become_two() -> None:
    """A value with a line break is refused before anything is sent."""
    with answering(WHOLE) as (url, came):
        connection = Connection(url, 5.0)
        with pytest.raises(ValueError, match="more than one line"):
            connection.post("/", b"", {"Authorization": "Bearer a\r\nHost: b"}, max_bytes=1)
        connection.post("/", b"", {}, max_bytes=100)
        connection.close()
    assert len(came) == 1


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://127.0.0.1:8480/v1/metrics", ("http", "127.0.0.1", 8480, "/v1/metrics")),
        ("https://zone.example/v1/metrics?a=/b#c", ("https", "zone.example", 443, "/v1/metrics?a=/b")),
        ("https://zone.example?a", ("https", "zone.example", 443, "/?a")),
        ("https://[2001:db8::1]:8/x", ("https", "2001:db8::1", 8, "/x")),
        ("http://[::1]", ("http", "::1", 80, "/")),
    ],
)
def test_urls_have_parts(url: str, parts: tuple[str, str, int, str]) -> None:
    """Scheme, host, port and path of a URL, with what is meant where a part is left out."""
    assert parts_of(url) == parts


@pytest.mark.parametrize(
    "url", ["zone.example/x", "ftp://zone.example:21/", "https://", "https://a:b/", "https://a:70000/", "https://a:0/"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    """Another scheme, no host, or a port that there is not."""
    with pytest.raises(ValueError, match="expected http"):
        parts_of(url)


def test_a_service_that_is_not_there_is_a_fault_of_the_connection() -> None:
    """A refused connection is an OSError, and nothing is kept."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    connection = Connection(f"http://127.0.0.1:{port}/", 5.0)
    with pytest.raises(OSError, match="refused"):
        connection.post("/", b"", {}, max_bytes=1)
    assert not connection.is_open
    assert issubclass(AnswerError, OSError)
