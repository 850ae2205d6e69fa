"""Clients of a service that are processes of their own, so that one can be killed while it asks."""

import base64
import json
import random
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

_CLIENT = """
import base64, json, socket, sys
for line in sys.stdin:
    port, head, body = json.loads(line)
    with socket.create_connection(("127.0.0.1", port)) as sent:
        sent.sendall(base64.b64decode(head) + base64.b64decode(body))
        answer = b""
        while part := sent.recv(65536):
            answer += part
    print(int(answer.split()[1]), json.loads(answer.partition(b"\\r\\n\\r\\n")[2]).get("code", ""), flush=True)
"""
LIMIT_S = 400.0


@dataclass(frozen=True, slots=True)
class Ask:
    """One call of a service.

    Attributes:
        port: where it listens on this host.
        verb: what is called.
        token: who calls.
        body: the request, as JSON.
    """

    port: int
    verb: str
    token: str
    body: bytes

    def line(self) -> str:
        """As a client reads it."""
        head = (
            f"POST /v1/{self.verb} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Length: {len(self.body)}\r\nConnection: close\r\n\r\n"
        )
        return json.dumps([self.port, *(base64.b64encode(one).decode() for one in (head.encode(), self.body))]) + "\n"


@dataclass
class Clients:
    """So many clients; one that was killed is started again before the next round.

    Attributes:
        count: how many.
    """

    count: int
    _processes: "list[subprocess.Popen[str] | None]" = field(default_factory=list)

    def ask(self, asks: Sequence[Ask], chance: random.Random, killed: int, within_s: float) -> list[str | None]:
        """Let each client ask once, all at the same time; gives what each heard, ``200 `` or ``409 findings``.

        Args:
            asks: what each asks.
            chance: of who is killed, and when.
            killed: how many are killed; what these heard is None unless it was before.
            within_s: in how many seconds after they asked.
        """
        self._processes = [one or _started() for one in self._processes or [None] * self.count]
        clients = [one for one in self._processes if one is not None]
        for client, ask in zip(clients, asks, strict=True):
            assert client.stdin is not None
            client.stdin.write(ask.line())
        with ExitStack() as timers:
            for number in chance.sample(range(self.count), killed):
                timer = threading.Timer(chance.uniform(0, within_s), clients[number].kill)
                timers.callback(timer.join)
                timer.start()
            for client in clients:
                assert client.stdin is not None
                with suppress(BrokenPipeError):
                    client.stdin.flush()
            heard = _heard(clients)
        for number, client in enumerate(clients):
            if client.poll() is not None or heard[number] is None:
                _end(client)
                self._processes[number] = None
        return heard

    def end(self) -> None:
        """End all."""
        for client in filter(None, self._processes):
            _end(client)


def _started() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _CLIENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        bufsize=1 << 20,
    )


def _end(client: "subprocess.Popen[str]") -> None:
    client.kill()
    client.wait()
    for stream in (client.stdin, client.stdout):
        assert stream is not None
        with suppress(BrokenPipeError):
            stream.close()


def _heard(clients: "Sequence[subprocess.Popen[str]]") -> list[str | None]:
    heard: list[str | None] = [None] * len(clients)
    deadline = time.monotonic() + LIMIT_S
    with selectors.DefaultSelector() as selector:
        for number, client in enumerate(clients):
            assert client.stdout is not None
            selector.register(client.stdout, selectors.EVENT_READ, number)
        while selector.get_map():
            assert time.monotonic() < deadline, f"no answer within {LIMIT_S:g} s"
            for key, _ in selector.select(1.0):
                stream = clients[key.data].stdout
                assert stream is not None
                line = stream.readline()
                heard[key.data] = line.rstrip("\n") if line.endswith("\n") else None
                selector.unregister(stream)
    return heard


@contextmanager
def clients(count: int) -> Iterator[Clients]:
    """So many clients until the end of the block."""
    made = Clients(count)
    try:
        yield made
    finally:
        made.end()
