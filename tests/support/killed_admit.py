"""A ledger's process that is killed while it writes: in a transaction, before the commit, or after it.

Run as a program: it answers one `admit` from its standard input, or serves over HTTP and prints its port, or carries
out the confirms of its standard input in groups as the provider does, each in a thread, and prints each name once it
was acknowledged. It imports nothing but the product's modules, so that it can be a fork of the warm Python.
"""

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

from zonewright.ledger.protocol.holding_messages import ConfirmRequest
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.transport.answering import answered
from zonewright.ledger.transport.application import application
from zonewright.ledger.transport.client import LedgerClient
from zonewright.provider.confirming import ConfirmGroups

AFTER = "after"
COUNT = "count"
CONFIRMS = "confirms"
"""In the place of a road: confirms in groups."""
_WRITING = Context.writing


class Killer:
    """Counts the statements of writing transactions, and ends the process at its point.

    Args:
        point: number of a statement from 1 on, ``after`` the first commit, or ``count`` to end nothing.
    """

    def __init__(self, point: str) -> None:
        self.point, self.statements, self.is_inside = point, 0, False
        event.listen(Engine, "after_cursor_execute", self._counted)
        setattr(Context, "writing", self._watched())  # noqa: B010 - a class's method, for this process only

    def _counted(self, *_given: Any) -> None:
        if self.is_inside:
            self.statements += 1
            if str(self.statements) == self.point:
                os.kill(os.getpid(), signal.SIGKILL)

    def _watched(self) -> Any:
        killer = self

        @contextmanager
        def writing(context: Context, *touched: Any) -> Iterator[Connection]:
            with _WRITING(context, *touched) as connection:
                killer.is_inside = True
                yield connection
            killer.is_inside = False
            if killer.point == AFTER:
                os.kill(os.getpid(), signal.SIGKILL)

        return writing


def confirm_all(url: str, requests: list[dict[str, Any]]) -> None:
    """Confirm at once, each in a thread of its own, and print the names of those that were acknowledged."""
    groups, started = ConfirmGroups(), threading.Barrier(len(requests))
    with LedgerClient(url) as ledger:

        def confirm(given: dict[str, Any]) -> None:
            started.wait()
            groups.confirm(ledger, ConfirmRequest.model_validate(given))
            sys.stdout.write(f"{given['name']}\n")
            sys.stdout.flush()

        threads = [threading.Thread(target=confirm, args=(one,)) for one in requests]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def main(arguments: list[str]) -> None:
    """Answer, or serve.

    Args:
        arguments: path of the ledger's file, URL of its database or nothing, point, and road.
    """
    path, url, point, road = arguments
    killer = Killer(point)
    if road == CONFIRMS:
        confirm_all(url or f"sqlite:///{path}", json.load(sys.stdin))
        return
    database = Database(Path(path), url, lock_wait_s=30)
    context = Context(database=database)
    if road == "http":
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            sys.stdout.write(f"{listener.getsockname()[1]}\n")
            sys.stdout.flush()
            server = uvicorn.Server(
                uvicorn.Config(application(context, with_tokens=False), log_level="error", lifespan="off")
            )
            server.run(sockets=[listener])
    else:
        status, _ = answered(context, "admit", sys.stdin.buffer.read())
        sys.stdout.write(f"{status} {killer.statements}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
