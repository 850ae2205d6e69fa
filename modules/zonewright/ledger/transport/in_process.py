"""The road to a ledger's file: the verbs, called in this process and this thread."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from zonewright.ledger.store.clock import utc_now
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.homes import homes_of
from zonewright.ledger.transport.answering import answered
from zonewright.ledger.transport.posted import Posted


class InProcess:
    """The verbs over one SQLite file, or one database of PostgreSQL.

    Args:
        path: the file; of PostgreSQL the name that files beside the ledger are formed from.
        url: of PostgreSQL; empty where the ledger is a file.
        create: make the file, or the tables, when missing.
        lock_wait_s: how long a writer waits for its turn.
        clock: time of decisions; the wall clock when None.

    Raises:
        LedgerUnavailableError: when there is no such file and it must not be made.
    """

    def __init__(
        self, path: Path, url: str = "", *, create: bool, lock_wait_s: float, clock: Callable[[], datetime] | None
    ) -> None:
        self._database = Database(path, url, create=create, lock_wait_s=lock_wait_s)
        self._homes = homes_of(self._database)
        self._context = Context(
            database=self._database,
            clock=clock or utc_now,
            telemetry=self._homes.readings,
            samples=self._homes.samples,
        )

    def post(self, verb: str, body: bytes) -> Posted:
        """Send a JSON request; gives the answer."""
        return Posted(*answered(self._context, verb, body))

    def close(self) -> None:
        """Close all connections."""
        self._homes.close()
        self._database.close()
