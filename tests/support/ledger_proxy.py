"""The ledger as a service on loopback, with a hand on its door: it can hold or fail the k-th call of a verb."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio.to_thread
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zonewright.ledger.store.clock import Clock, utc_now
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.transport.application import application

LIMIT_S = 60.0


@dataclass
class Door:
    """What happens to calls of one verb.

    Attributes:
        verb: the verb that is watched, also where it is done to many at once; empty lets everything pass.
        hold_from: calls from this number on (from 1) wait until ``opened`` is set.
        fail_from: calls from this number on are answered with 503.
        holding: set when a call waits.
        opened: set to let waiting calls through.
        drop: waiting calls are answered with 503 instead.
        answers: calls are carried out, and what waits is their answer.
    """

    verb: str = ""
    hold_from: int = 0
    fail_from: int = 0
    count: int = 0
    drop: bool = False
    answers: bool = False
    holding: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def clear(self) -> None:
        """Let everything pass again, also what waits."""
        self.verb, self.hold_from, self.fail_from, self.count = "", 0, 0, 0
        self.opened.set()

    def hold(self, verb: str, *, call: int, answers: bool = False) -> None:
        """Hold this call of a verb, counted from 1 from now on, and all after it; or hold what is answered to it."""
        self.answers = answers
        self.holding.clear()
        self.opened.clear()
        self.verb, self.hold_from, self.fail_from, self.count = verb, call, 0, 0


@dataclass(frozen=True)
class LedgerService:
    """A running service: its URL and its door."""

    url: str
    door: Door


def _held(send: Send, door: Door) -> Send:
    """An answer that waits: what was asked for is carried out by then, and nobody knows."""

    async def waiting(message: Message) -> None:
        if message["type"] == "http.response.start":
            door.holding.set()
            await anyio.to_thread.run_sync(door.opened.wait, LIMIT_S)
        await send(message)

    return waiting


def _guarded(app: ASGIApp, door: Door) -> ASGIApp:
    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and door.verb and scope["path"] in (f"/v1/{door.verb}", f"/v1/{door.verb}-many"):
            door.count += 1
            number = door.count
            held = bool(door.hold_from) and number >= door.hold_from
            if held and door.answers:
                send = _held(send, door)
            elif held:
                door.holding.set()
                await anyio.to_thread.run_sync(door.opened.wait, LIMIT_S)
            if (door.fail_from and number >= door.fail_from) or (door.drop and held and not door.answers):
                body = b'{"code": "database", "sentence": "the disk is full", "findings": []}'
                await send({"type": "http.response.start", "status": 503, "headers": []})
                await send({"type": "http.response.body", "body": body})
                return
        await app(scope, receive, send)

    return guard


@contextmanager
def ledger_service(path: Path, *, clock: Clock = utc_now, with_tokens: bool = False) -> Iterator[LedgerService]:
    """Serve a ledger's file on a free loopback port until the end of the block; by default to everybody."""
    database = Database(path, lock_wait_s=30)
    door = Door()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        app = _guarded(application(Context(database=database, clock=clock), with_tokens=with_tokens), door)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.01)
        try:
            yield LedgerService(f"http://127.0.0.1:{listener.getsockname()[1]}", door)
        finally:
            door.clear()
            server.should_exit = True
            thread.join(LIMIT_S)
            database.close()
