"""The sender: what is waited for, what is asked for again, and what is dropped and counted."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from support.telemetry_processes import write_settings
from zonewright_agent.configuration import load
from zonewright_agent.sender import Sender
from zonewright_agent.spool import Spool


class _Service(BaseHTTPRequestHandler):
    """Answers as it is told, and may hang up after each answer without saying so."""

    protocol_version = "HTTP/1.1"
    status = 200
    headers_sent: ClassVar[dict[str, str]] = {}
    hangs_up = False
    bodies: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.status == 200:
            self.bodies.append(body)
        content = json.dumps({"message": "no"}).encode()
        self.send_response(self.status)
        for name, value in {**self.headers_sent, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = self.hangs_up

    def log_message(self, *_: object) -> None:  # quiet
        pass


@pytest.fixture(name="port")
def _port() -> Iterator[int]:
    _Service.status, _Service.headers_sent, _Service.hangs_up = 200, {}, False
    _Service.bodies.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()
    thread.join()


def sender(folder: Path, port: int, *batches: bytes, chance: float = 1.0) -> tuple[Sender, Spool]:
    """A sender with some batches in its spool."""
    (folder / "token").write_text("secret", encoding="ascii")
    settings = load(write_settings(folder, port))
    spool = Spool(settings.spool, 10**6)
    for batch in batches:
        spool.put(batch)
    return Sender(settings, spool, chance=lambda: chance), spool


def waits(one: Sender) -> float:
    """How long it waits from now on, in seconds."""
    return one.wait_until_s - time.monotonic()


def test_back_off_doubles_and_is_any_part_of_it(tmp_path: Path, port: int) -> None:
    """Each failure doubles the limit, up to five minutes; the wait is a random part of it (full jitter)."""
    _Service.status = 503
    one, spool = sender(tmp_path, port, b"1")
    found = []
    for _ in range(10):
        assert not one.drain()
        found.append(round(waits(one)))
    assert found == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert len(spool) == 1
    low, _ = sender(tmp_path, port, chance=0.0)
    assert not low.drain()
    assert waits(low) <= 0


@pytest.mark.parametrize(("asked", "least", "most"), [("7", 7, 11), ("100000", 3600, 5400), ("nonsense", 0, 2)])
def test_retry_after_is_the_least_that_is_waited(
    tmp_path: Path, port: int, asked: str, least: float, most: float
) -> None:
    """What the service asks for is waited, and up to half as long again; no more than an hour is believed."""
    _Service.status, _Service.headers_sent = 429, {"Retry-After": asked}
    one, _ = sender(tmp_path, port, b"1")
    assert not one.drain()
    assert least - 0.5 <= waits(one) <= most


def test_retry_after_may_be_a_date(tmp_path: Path, port: int) -> None:
    """A date is waited for as seconds are."""
    _Service.status = 503
    _Service.headers_sent = {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)}
    one, _ = sender(tmp_path, port, b"1", chance=0.0)
    assert not one.drain()
    assert 50 < waits(one) <= 60


@pytest.mark.parametrize("status", [400, 413])
def test_what_will_never_be_taken_is_dropped_and_counted(
    tmp_path: Path, port: int, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A batch that the service calls wrong holds back no other; it is told with its number and counted."""
    _Service.status = status
    one, spool = sender(tmp_path, port, b"1", b"2")
    assert one.drain()
    assert (len(spool), spool.dropped) == (0, 2)
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(event["event"], event["sequence"]) for event in events] == [("refused", 1), ("refused", 2)]


@pytest.mark.parametrize("status", [301, 401, 403, 404, 429, 500, 503])
def test_what_may_get_better_is_kept(tmp_path: Path, port: int, status: int) -> None:
    """A wrong token, a wrong address or a broken service: the batch stays and nothing is counted as dropped."""
    _Service.status = status
    one, spool = sender(tmp_path, port, b"1", b"2")
    assert not one.drain()
    assert (len(spool), spool.dropped) == (2, 0)


def test_a_connection_that_was_hung_up_is_made_anew(tmp_path: Path, port: int) -> None:
    """A service that closes a kept connection between two batches costs neither of them, and no wait."""
    _Service.hangs_up = True
    one, spool = sender(tmp_path, port, b"1", b"2", b"3")
    assert one.drain()
    assert (_Service.bodies, len(spool)) == ([b"1", b"2", b"3"], 0)


def test_a_token_that_is_missing_or_no_header_is_told(tmp_path: Path, port: int) -> None:
    """Without a token, or with one that no header can hold, nothing is sent and nothing ends."""
    one, spool = sender(tmp_path, port, b"1")
    for content in (None, "two\nlines"):
        (tmp_path / "token").unlink()
        (tmp_path / "token").write_text(content, encoding="ascii") if content else None
        assert not one.drain()
        (tmp_path / "token").touch()
    assert len(spool) == 1
    assert _Service.bodies == []
