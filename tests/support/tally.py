"""Counts what a program or a provider does, from inside its process and without a hook in the product.

Each count is a line that is appended to a file at once, so that a process that is killed has counted too. The lines:
``module NAME`` for each module that is looked for, ``call VERB`` for each call of the ledger, ``commit`` and
``statement`` for what SQLite carries out in the ledger's file, pragmas apart.
"""

import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

PROGRAM = """\
import sys
sys.path.append({tests!r})
from support.tally import count
count("program", {folder!r}, {ledger!r})
from zonewright.program import deploy
deploy()
"""
PROVIDER = """\
import runpy, sys
sys.path.append({tests!r})
from support.tally import count
count("provider", {folder!r}, {ledger!r})
from zonewright.provider import confirming
confirming.SILENCE_S = 5.0  # groups of confirms are full however slow the machine is, so their number is the same
runpy.run_path({main!r}, run_name="__main__")
"""


class _Watch:
    """A finder that finds nothing and notes what is looked for."""

    def __init__(self, tally: "Tally") -> None:
        self._tally = tally

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Note the name."""
        self._tally.note(f"module {name}")
        return None


class Tally:
    """The file of one process.

    Args:
        path: where the lines go.
        ledger: name of the ledger's file; what other databases do is not counted.
    """

    def __init__(self, path: Path, ledger: str) -> None:
        self._ledger = ledger
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def note(self, *lines: str) -> None:
        """Count each of them."""
        os.write(self._handle, "".join(f"{line}\n" for line in lines).encode())

    def tracing(self, connect: Callable[..., Any]) -> Callable[..., Any]:
        """A way to connect that traces each connection to the ledger's file."""

        def traced(path: str, *arguments: Any, **options: Any) -> Any:
            connection = connect(path, *arguments, **options)
            if str(path).endswith(self._ledger):
                connection.set_trace_callback(self._carried_out)
            return connection

        return traced

    def calling(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call of a verb, counted."""

        def counted(client: Any, verb: Any, request: Any) -> Any:
            self.note(f"call {verb.name}")
            return call(client, verb, request)

        return counted

    def _carried_out(self, statement: str) -> None:
        # What a trigger does is told as a comment; a pragma belongs to a new connection, and how many of them a
        # provider opens depends on how many calls meet.
        if not statement.startswith(("--", "PRAGMA")):
            self.note("commit" if statement.startswith("COMMIT") else "statement")


def count(role: str, folder: str, ledger: str) -> None:
    """Count from now on, in this process; modules that are there already count too.

    Args:
        role: ``program`` or ``provider``; the file is named after it and the process.
        folder: where the file goes.
        ledger: name of the ledger's file.
    """
    tally = Tally(Path(folder) / f"{role}-{os.getpid()}", ledger)
    there = (name for name in sorted(sys.modules) if name.partition(".")[0] != "support")
    tally.note(*(f"module {name}" for name in there))
    sys.meta_path.insert(0, _Watch(tally))
    # Only now, so that the modules of both are counted.
    from sqlite3 import dbapi2  # noqa: PLC0415

    from zonewright.ledger.transport.client import LedgerClient  # noqa: PLC0415

    for target, name, wrapped in (
        (dbapi2, "connect", tally.tracing(dbapi2.connect)),
        (LedgerClient, "call", tally.calling(LedgerClient.call)),
    ):
        setattr(target, name, wrapped)
