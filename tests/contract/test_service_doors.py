"""The service's small doors: no browser, no other name, no other type, no endless body, and files of one owner."""

import json
import logging
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.types import Message

from support.asgi import Answer, call
from support.telemetry_processes import Service
from support.warm_python import warm_python
from support.zone_project import ZONE
from zonewright.cli import main
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.access_messages import GrantRequest
from zonewright.ledger.protocol.capacity_messages import CapacityRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.transport import application as door_module
from zonewright.ledger.transport.application import application
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.limits import InputLimit
from zonewright.server.door import LOOPBACK, Door
from zonewright.telemetry import Store
from zonewright.telemetry.samples import Samples

JSON = {"content-type": "application/json"}


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "ledger.db", create=True, lock_wait_s=1)
    yield database
    database.close()


def knock(database: Database, **headers: str) -> Answer:
    """A verb, sent with these headers."""
    app = Door(application(Context(database=database), with_tokens=False), hosts=(*LOOPBACK, "zone.example"))
    given = {"host": "127.0.0.1:8480", **JSON, **{name.replace("_", "-"): text for name, text in headers.items()}}
    return call(app, "POST", "/v1/history", content=b"{}", headers=given)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8480", "localhost:1", "[::1]:8480", "Zone.Example.:443"])
def test_a_name_of_the_service_is_let_in(host: str, database: Database) -> None:
    """Loopback names, and those that the operator gave, with any port."""
    assert knock(database, host=host).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8480", "", "zone.example.evil", "[::2]"])
def test_another_name_is_refused(host: str, database: Database) -> None:
    """A name that somebody lets lead to 127.0.0.1 reaches nothing, and the sentence says how to add one."""
    answer = knock(database, host=host)
    assert answer.status_code == 421
    assert "--allow-host" in answer.json()["sentence"]


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:8480", "null"])
def test_a_page_of_a_browser_is_refused(origin: str, database: Database) -> None:
    """Whatever its origin says, also that it is this machine."""
    assert knock(database, origin=origin).status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "x"])
def test_only_json_is_taken(kind: str, database: Database) -> None:
    """The types that a page may send unasked are none that the service takes."""
    assert knock(database, content_type=kind).status_code == 415
    assert knock(database, content_type="Application/JSON; charset=utf-8").status_code == 200


def test_the_served_ledger_has_the_door(tmp_path: Path) -> None:
    """`zonewright serve` itself refuses another name, and the client of the ledger goes through."""
    with LedgerClient("sqlite:///l.db", root=tmp_path, create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=Zone.model_validate(ZONE)))
        token = client.call(verbs.GRANT, GRANTED).token
    service = Service(tmp_path, "--allow-host", "zone.example", python=warm_python().path())
    service.start()
    try:
        with LedgerClient(service.url, token=token) as client:
            assert client.call(verbs.CAPACITY, CapacityRequest()).sites == {}
        assert [raw(service.port, host) for host in ("evil.example", "zone.example")] == [421, 401]
        # A proxy passes on the name that its client chose; so beside one nobody reads pages without a token.
        pages = ("/metrics", "/metrics/districts", "/metrics/service")
        assert [raw(service.port, "localhost", f"GET {page}") for page in pages] == [401] * 3
    finally:
        assert service.stop(signal.SIGTERM) == 0


def test_beyond_loopback_there_is_no_ledger(tmp_path: Path) -> None:
    """Where others can reach the service, it takes the reports of agents, and has no verb of the ledger."""
    with LedgerClient("sqlite:///l.db", root=tmp_path, create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=Zone.model_validate(ZONE)))
    service = Service(tmp_path, "--host", "0.0.0.0", python=warm_python().path())
    service.start()
    try:
        assert raw(service.port, "zone.example") == 404
    finally:
        assert service.stop(signal.SIGTERM) == 0


GRANTED = GrantRequest(principal="runner", party="tenant-a", kind="runner", roles=["tenant"], days=1)


def raw(port: int, host: str, what: str = "POST /v1/history") -> int:
    """Status of a verb or page that is addressed to a name."""
    head = f"{what} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(f"{head}Connection: close\r\n\r\n{{}}".encode())
        return int(connection.recv(100).split()[1])


def streamed(database: Database, chunks: list[Message]) -> tuple[int, int]:
    """Status of a verb whose body comes in parts, and how many parts were taken."""
    taken, sent = 0, []

    async def receive() -> Message:
        nonlocal taken
        if taken == len(chunks):
            await anyio.sleep_forever()
        taken += 1
        return chunks[taken - 1]

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/v1/history",
        "query_string": b"",
        "headers": [],
        "root_path": "",
    }
    anyio.run(application(Context(database=database), with_tokens=False), scope, receive, send)
    return sent[0]["status"], taken


def test_a_body_is_bounded_while_it_comes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes beyond the limit is refused before the rest of it was read."""
    monkeypatch.setattr(door_module, "BODY", InputLimit(most=1000, unit="bytes", what="body", why="A test."))
    chunks: list[Message] = [{"type": "http.request", "body": b"x" * 400, "more_body": True}] * 100
    assert streamed(database, chunks) == (413, 3)


def test_a_body_has_its_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that comes in drops holds its connection for so long and no longer."""
    monkeypatch.setattr(door_module, "READ_S", 0.05)
    assert streamed(database, [{"type": "http.request", "body": b"{", "more_body": True}]) == (408, 1)


def test_a_dropped_connection_is_one_line(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """A client that goes away in the middle leaves no traceback."""
    chunks: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    with caplog.at_level(logging.INFO):
        streamed(database, chunks)
    (record,) = caplog.records
    assert record.exc_info is None
    assert "the connection ended" in record.getMessage()


def test_files_of_claims_and_readings_are_their_owners(tmp_path: Path) -> None:
    """Whatever the user's mask, nobody else reads them, nor what SQLite puts beside them."""
    before = os.umask(0)
    try:
        database = Database(tmp_path / "ledger.db", create=True, lock_wait_s=1)
        Store(tmp_path / "telemetry.db", create=True)
        samples = Samples(tmp_path / "samples.db")
        with database.writing():
            found = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        samples.close()
        database.close()
    finally:
        os.umask(before)
    assert {"ledger.db", "telemetry.db", "samples.db"} <= found.keys()
    assert set(found.values()) == {0o600}, found


@pytest.mark.parametrize("name", ["a?b.db", "a%20b.db", "a#b.db", "a b.db", "a?mode=ro.db"])
def test_a_path_with_signs_is_the_path_that_was_named(name: str, tmp_path: Path) -> None:
    """What is special in a URL is a letter of a file's name here."""
    with LedgerClient(f"sqlite:///{name}", root=tmp_path, create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=Zone.model_validate(ZONE)))
    assert (tmp_path / name).is_file()
    with LedgerClient(f"sqlite:///{name}", root=tmp_path) as client:
        assert client.call(verbs.INIT, InitRequest(zone=Zone.model_validate(ZONE))).changed is False
    assert {path.name for path in tmp_path.iterdir()} <= {name, f"{name}.lock", f"{name}-wal", f"{name}-shm"}


def test_check_looks_at_templates_as_load_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A secret in a template of the zone is found by `check`, not only when the zone is loaded."""
    (tmp_path / "zone.yaml").write_text(json.dumps(ZONE), encoding="utf-8")
    assert main(["check", str(tmp_path)]) == 0
    template = tmp_path / "templates" / "chrony" / "chrony.conf.j2"
    template.parent.mkdir(parents=True)
    template.write_text("password: hunter2hunter2\n", encoding="utf-8")
    assert main(["check", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "templates/chrony/chrony.conf.j2:1" in said
    assert "hunter2" not in said
