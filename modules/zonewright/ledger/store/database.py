"""The only place that knows which database it is: opens it, and gives reading and writing transactions.

SQLite waits in a queue of its own (a lock file) before ``BEGIN IMMEDIATE``: its busy handler lets waiters starve
(64 clients: p99 107 ms with the queue, 2.6 s without).
"""

import fcntl
import functools
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, inspect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlalchemy.pool import QueuePool
from sqlalchemy.util import LRUCache

from zonewright.declare.private_file import make_private
from zonewright.errors import ZonewrightError, reason_of
from zonewright.ledger.protocol.errors import LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.store import recording, schema
from zonewright.ledger.store.names import TAKEN

_POLL_S = 0.002


class Database:
    """An SQLite file that many processes use at once.

    Args:
        path: the file.
        create: make the file, its folder and its tables when missing.
        lock_wait_s: how long a writer waits for its turn before it gives up.
        check_schema: refuse a ledger that an older or newer version made; False is for its upgrade.

    Raises:
        LedgerUnavailableError: when there is no such file and it must not be made, or it is not a ledger of this
            version.
    """

    def __init__(self, path: Path, *, create: bool = False, lock_wait_s: float, check_schema: bool = True) -> None:
        self.path = path
        self._lock_wait_s = lock_wait_s
        self._check_schema = check_schema
        self._own_turn = threading.Lock()
        if not create and not path.is_file():
            raise LedgerUnavailableError(
                "no-ledger",
                f"there is no ledger at {path}; make one with: zonewright ledger init ZONE --ledger sqlite:///{path}",
            )
        self._engine = _sqlite_engine(path, lock_wait_s)
        if create and not path.exists():
            with self._sentences():
                path.parent.mkdir(exist_ok=True)
                make_private(path)
        if check_schema:
            self._require_schema(create=create)

    def _require_schema(self, *, create: bool) -> None:
        with self.reading() as connection:
            found = schema.version_of(connection)
            is_empty = found is None and not inspect(connection).get_table_names()
        if not (create and is_empty):
            schema.require_present(found, self.path)
            if create:
                self._engine.dispose()  # a connection from before another process made the tables is not watched
            return
        with self._sentences(), self.turn(), self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        with self._alone() as connection:
            if schema.version_of(connection) is None:  # nobody else did it meanwhile
                schema.make(connection)
        self._engine.dispose()  # connections from here on are watched

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment and writes nothing."""
        with self._sentences(), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is alone in writing; commits on success, changes nothing on any exception.

        Raises:
            LedgerUnavailableError: when the ledger was upgraded, or an older one put in its place, since it was opened.
        """
        with self._alone() as connection:
            if self._check_schema and (found := schema.version_of(connection)) != schema.SCHEMA:
                schema.require_present(found, self.path)
            yield connection

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        with self._sentences(), self.turn(), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be alone in writing: first among the threads of this process, who need not poll, then among processes."""
        deadline = time.monotonic() + self._lock_wait_s
        if not self._own_turn.acquire(timeout=self._lock_wait_s):
            raise self._locked()
        try:
            handle = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                while not _is_locked(handle):
                    if time.monotonic() > deadline:
                        raise self._locked()
                    time.sleep(_POLL_S)
                yield
            finally:
                os.close(handle)
        finally:
            self._own_turn.release()

    def _locked(self) -> LedgerUnavailableError:
        return LedgerUnavailableError(
            "locked",
            f"another process kept the ledger {self.path} locked for {self._lock_wait_s:g} s; nothing was "
            "changed; try again, or look for a suspended zonewright or pulumi process",
        )

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except (DatabaseError, OSError) as error:
            if isinstance(error, ZonewrightError):  # a refusal is a PermissionError, so it passes here
                raise
            if isinstance(error, IntegrityError) and str(error.orig) == TAKEN:
                raise LedgerRefusedError(
                    TAKEN,
                    "another stack already has a name or network of this change; nothing was changed; try again to "
                    "see which",
                ) from error
            reason = str(error.orig) if isinstance(error, DatabaseError) and error.orig else reason_of(error)
            if (
                not isinstance(error, OperationalError | OSError)
                and "malformed" not in reason
                and "not a" not in reason
            ):
                raise
            raise LedgerUnavailableError(
                "database",
                f"the ledger {self.path} cannot be used: {reason}; nothing was changed; check free space, permissions "
                "and that the file is a zonewright ledger",
            ) from error


def _is_locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@functools.cache
def _compiled() -> tuple[Dialect, LRUCache[Any, Any]]:
    """What all engines of a process share: the dialect, which knows its SQLite, and statements that are compiled."""
    engine = create_engine("sqlite+pysqlite://")
    with engine.connect():
        pass  # the dialect asks SQLite for its version
    engine.dispose()
    return engine.dialect, LRUCache(500)


def _sqlite_engine(path: Path, lock_wait_s: float) -> Engine:
    """An engine of one file; each statement is compiled once in a process, however many ledgers that opens."""
    dialect, statements = _compiled()

    def opened() -> DBAPIConnection:
        return dialect.connect(str(path), timeout=lock_wait_s, check_same_thread=False)

    pool = QueuePool(opened, pool_size=8, dialect=dialect)
    url = URL.create("sqlite+pysqlite", database=str(path))
    engine = Engine(pool, dialect, url, execution_options={"compiled_cache": statements})

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        if schema.is_present(connection):
            connection.execute("PRAGMA journal_mode=WAL")
            recording.watch(connection)

    return engine
