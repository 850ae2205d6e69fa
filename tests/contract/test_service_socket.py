"""The service as a process, over a real socket: what is too much is refused while it comes, a stop is graceful."""

import gzip
import http.client
import json
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from support.soak import is_full
from support.telemetry_processes import Service, wait_for
from support.warm_python import warm_python
from support.zone_project import ZONE
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.access_messages import GrantRequest
from zonewright.ledger.protocol.capacity_messages import CapacityRequest
from zonewright.ledger.protocol.errors import LedgerUnavailableError
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.limits import BODY, HEALTH
from zonewright.server.agents import issue_token
from zonewright.server.application import MAX_IN_FLIGHT
from zonewright.server.body import MAX_BODY_BYTES, MAX_PLAIN_BYTES
from zonewright.telemetry.samples import Samples


@pytest.fixture(name="service")
def _service(tmp_path: Path) -> Iterator[Service]:
    (tmp_path / "token").write_text(issue_token(tmp_path / "agents.yaml", "host-1", "core-001"), encoding="ascii")
    service = Service(tmp_path, python=warm_python().path())
    service.start()
    yield service
    if service.process is not None and service.process.poll() is None:
        assert service.stop(signal.SIGTERM) == 0


def batch(sequence: int, *, agent: str = "host-1") -> bytes:
    """One batch with one power."""
    attributes = {"service.instance.id": agent, "zonewright.boot": "b", "zonewright.sequence": str(sequence)}
    listed = [{"key": key, "value": {"stringValue": text}} for key, text in attributes.items()]
    point = {"timeUnixNano": str(time.time_ns()), "asDouble": 300.0}
    metric = {"name": "hw.host.power", "unit": "W", "gauge": {"dataPoints": [point]}}
    document = {"resourceMetrics": [{"resource": {"attributes": listed}, "scopeMetrics": [{"metrics": [metric]}]}]}
    return json.dumps(document).encode()


def token(service: Service) -> str:
    """The agent's token."""
    return (service.folder / "token").read_text(encoding="ascii")


def head_of(service: Service, path: str = "/v1/metrics", *, bearer: str | None = None) -> str:
    """The begin of a request with the agent's token, without the length of its body."""
    named = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{named}Authorization: Bearer {bearer or token(service)}\r\n"


def post(service: Service, body: bytes, *, bearer: str | None = None, **headers: str) -> tuple[int, str]:
    """Send a body; gives the status and the sentence."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
    sent = {"Authorization": f"Bearer {bearer or token(service)}", "Content-Type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", "/v1/metrics", body, sent)
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    return answer.status, str(content.get("message", ""))


def stored(service: Service) -> list[int]:
    """Numbers of the batches that are stored."""
    samples = Samples(service.folder / "l.samples.db")
    found = samples.batches("host-1")
    samples.close()
    return found


def test_a_wrong_token_stores_nothing(service: Service) -> None:
    """Another token is 401 before anything is read; the right one is taken, on this host's loopback address only."""
    assert post(service, batch(1), bearer="wrong")[0] == 401
    assert stored(service) == []
    assert post(service, batch(1))[0] == 200
    assert stored(service) == [1]
    with socket.socket() as other, pytest.raises(ConnectionRefusedError):
        other.connect(("127.0.0.2", service.port))


def test_packed_bodies_are_limited_by_what_they_unpack_to(service: Service) -> None:
    """Gzip is taken; a bomb, a cut or a lie is refused with one sentence, and nothing of it is stored."""
    assert post(service, gzip.compress(batch(1)), content_encoding="gzip")[0] == 200
    bomb = gzip.compress(b" " * (MAX_PLAIN_BYTES + 1))
    assert len(bomb) < 20_000
    whole = gzip.compress(batch(2))
    for body, encoding, status, part in (
        (bomb, "gzip", 413, "may have at most 16,777,216 bytes"),
        (whole[:-9], "gzip", 400, "cut off"),
        (whole + whole, "gzip", 400, "more data follows"),
        (batch(2), "gzip", 400, "got something else"),
        (whole, "br", 415, "got 'br'"),
    ):
        found = post(service, body, content_encoding=encoding)
        assert (found[0], part in found[1]) == (status, True), found
    assert stored(service) == [1]


def test_a_body_is_limited_while_it_comes(service: Service) -> None:
    """Neither a length that is told nor a stream without end is read beyond the limit."""
    assert post(service, b"", content_length=str(MAX_BODY_BYTES + 1))[0] == 413
    assert taken_of_an_endless_body(service, head_of(service)) < 4 * MAX_BODY_BYTES
    assert post(service, batch(1))[0] == 200


def taken_of_an_endless_body(service: Service, head: str, *, most: int = 4 * MAX_BODY_BYTES) -> int:
    """How many bytes of a body without end can be sent until the service closes the connection; at most so many."""
    chunk, sent = b"10000\r\n" + b" " * 0x10000 + b"\r\n", 0
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as endless:
        endless.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        try:
            while sent < most:
                endless.sendall(chunk)
                sent += 0x10000
        except (ConnectionError, TimeoutError):
            pass  # the service closed it, as it should
    return sent


@pytest.fixture(name="with_ledger")
def _with_ledger(tmp_path: Path) -> Iterator[Service]:
    with LedgerClient("sqlite:///l.db", root=tmp_path, create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=Zone.model_validate(ZONE)))
        access = GrantRequest(principal="runner", party="tenant-a", kind="runner", roles=["tenant"], days=1)
        (tmp_path / "token").write_text(client.call(verbs.GRANT, access).token, encoding="ascii")
        access = GrantRequest(principal="other", party="tenant-b", kind="runner", roles=["tenant"], days=1)
        (tmp_path / "other").write_text(client.call(verbs.GRANT, access).token, encoding="ascii")
    for number in (1, 2):
        (tmp_path / f"token{number}").write_text(issue_token(tmp_path / "agents.yaml", f"host-{number}", "core-001"))
    service = Service(tmp_path)
    service.start()
    yield service
    assert service.stop(signal.SIGTERM) == 0


def test_no_door_reads_a_body_without_end(with_ledger: Service) -> None:
    """Verbs and uploads, with the right token or without: the connection is closed soon after the limit."""
    for path, limit, is_known in (
        ("/v1/agent-health", HEALTH.most, True),
        ("/v1/agent-health", 0, False),
        ("/v1/metrics", 0, False),
        ("/v1/propose", BODY.most, True),
        ("/v1/propose", 0, False),
        ("/v1/no-such-verb", BODY.most, True),
    ):
        is_upload = path in ("/v1/metrics", "/v1/agent-health")
        known = (with_ledger.folder / ("token1" if is_upload else "token")).read_text(encoding="ascii")
        head = head_of(with_ledger, path, bearer=known if is_known else "wrong")
        most = limit + 32 * 1024**2  # what lies in the buffers of the sockets
        assert taken_of_an_endless_body(with_ledger, head, most=most) < most, (path, is_known)
        assert with_ledger.process is not None
        rss = psutil.Process(with_ledger.process.pid).memory_info().rss
        assert rss < 2 * BODY.most + 128 * 1024**2, (path, is_known)
        with urlopen(f"{with_ledger.url}/health", timeout=20) as answer:
            assert answer.status == 200


def test_an_agent_takes_its_own_slots_only(with_ledger: Service) -> None:
    """One agent with as many half reports as there are slots in all keeps no other agent from reporting."""
    tokens = [(with_ledger.folder / f"token{number}").read_text(encoding="ascii") for number in (1, 2)]
    with ExitStack() as stack:
        for _ in range(MAX_IN_FLIGHT):
            half = stack.enter_context(socket.create_connection(("127.0.0.1", with_ledger.port), timeout=20))
            half.sendall(f"{head_of(with_ledger, bearer=tokens[0])}Content-Length: 500\r\n\r\n{{".encode())
        wait_for(lambda: post(with_ledger, batch(1), bearer=tokens[0])[0] == 429)
        assert post(with_ledger, batch(1, agent="host-2"), bearer=tokens[1])[0] == 200
    wait_for(lambda: post(with_ledger, batch(2), bearer=tokens[0])[0] == 200)


def test_slow_clients_keep_nobody_waiting(with_ledger: Service) -> None:
    """Hundreds of slow requests of one principal and all uploads of one agent: another one's call passes by them."""
    slow, uploads = (900, 64) if is_full() else (100, 64)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
    known = {name: (with_ledger.folder / name).read_text(encoding="ascii") for name in ("token", "other", "token1")}
    begun = [(head_of(with_ledger, "/v1/propose", bearer=known["token"]), slow)]
    begun += [(head_of(with_ledger, bearer=known["token1"]), uploads)]
    with ExitStack() as stack:
        for head, count in begun:
            for _ in range(count):
                half = stack.enter_context(socket.create_connection(("127.0.0.1", with_ledger.port), timeout=20))
                half.sendall(f"{head}Content-Length: 500\r\n\r\n{{".encode())
        with LedgerClient(with_ledger.url, token=known["other"], timeout_s=20) as other:
            other.call(verbs.CAPACITY, CapacityRequest())
            asked_s = time.monotonic()
            other.call(verbs.CAPACITY, CapacityRequest())
            took_s = time.monotonic() - asked_s
        assert took_s < (1 if is_full() else 10)
        slow_one = stack.enter_context(LedgerClient(with_ledger.url, token=known["token"], timeout_s=2))
        with pytest.raises(LedgerUnavailableError, match="has 64 requests here"):
            slow_one.call(verbs.CAPACITY, CapacityRequest())


def test_a_connection_that_drops_is_one_line_of_the_log(with_ledger: Service) -> None:
    """Whoever goes away within a request leaves one line, and no traceback."""
    paths = ("/v1/metrics", "/v1/agent-health", "/v1/propose")

    def lines() -> list[str]:
        return with_ledger.log.read_text(encoding="utf-8").splitlines()

    for number, path in enumerate(paths, start=1):
        known = (with_ledger.folder / ("token" if path == "/v1/propose" else "token1")).read_text(encoding="ascii")
        with socket.create_connection(("127.0.0.1", with_ledger.port), timeout=20) as dropped:
            dropped.sendall(f"{head_of(with_ledger, path, bearer=known)}Content-Length: 500\r\n\r\n{{".encode())
            time.sleep(0.2)
        wait_for(lambda: len(lines()) >= number)  # noqa: B023 - called here only
    assert [line.partition("within ")[0] for line in lines()] == [f"{path}: the connection ended " for path in paths]


def test_a_stop_finishes_what_is_in_flight(service: Service) -> None:
    """A batch whose body is halfway there when SIGTERM comes is stored and acknowledged; the process ends with 0."""
    body = batch(7)
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as half:
        head = head_of(service)
        half.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:50])
        time.sleep(0.3)
        assert service.process is not None
        service.process.send_signal(signal.SIGTERM)
        wait_for(lambda: _refuses(service.port))
        half.sendall(body[50:])
        assert half.recv(1000).startswith(b"HTTP/1.1 200")
    assert service.end() == 0
    assert stored(service) == [7]


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_agents_come_and_go_while_it_runs(service: Service) -> None:
    """A new token counts at once and the old one no more; a file of agents that is broken leaves those of before."""
    old = token(service)
    new = issue_token(service.folder / "agents.yaml", "host-1", "core-001")
    assert [post(service, batch(1), bearer=one)[0] for one in (old, new)] == [401, 200]
    (service.folder / "agents.yaml").write_text("agents: [", encoding="utf-8")
    assert post(service, batch(2), bearer=new)[0] == 200
