"""SQLite: a file that many processes of one host use at once.

They wait in a queue of its own (a lock file) before ``BEGIN IMMEDIATE``: its busy handler lets waiters starve (64
clients: p99 107 ms with the queue, 2.6 s without).
"""

import fcntl
import functools
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlalchemy.pool import QueuePool
from sqlalchemy.util import LRUCache

from zonewright.declare.private_file import make_private
from zonewright.errors import reason_of
from zonewright.ledger.protocol.errors import LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.store.engines.holder import ASKED
from zonewright.ledger.store.engines.sqlite_words import TAKEN

_POLL_S = 0.002
_PREPARED = "prepared"
_CACHE_KIB, _LOG_PAGES = 8_000, 16_000
"""By SQLite's defaults, a fourth of each, a large admission writes pages of its texts' index again and again."""


class SqliteFile:
    """A ledger's file.

    Args:
        path: the file.
        create: make the file and its folder when missing.
        lock_wait_s: how long a writer waits for its turn before it gives up.
        prepare: told each connection of the driver before it writes for the first time; who only reads does without.

    Raises:
        LedgerUnavailableError: when there is no such file and it must not be made.
    """

    def __init__(
        self, path: Path, *, create: bool, lock_wait_s: float, prepare: Callable[[sqlite3.Connection], None]
    ) -> None:
        self.path, self.shown, self.url = path, str(path), f"sqlite:///{path}"
        self._lock_wait_s = lock_wait_s
        self._own_turn = threading.Lock()
        self._prepare = prepare
        if not create and not path.is_file():
            raise LedgerUnavailableError(
                "no-ledger",
                f"there is no ledger at {path}; make one with: zonewright ledger init ZONE --ledger sqlite:///{path}",
            )
        self._engine = _engine(path, lock_wait_s)
        if create and not path.exists():
            try:
                path.parent.mkdir(exist_ok=True)
                make_private(path)
            except OSError as error:
                raise self._unusable(reason_of(error)) from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment; nothing of it is kept."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def glance(self, asking: Callable[[Connection], None]) -> Iterator[Connection]:
        """A connection that has asked something, and knows the answers until the end."""
        with self._engine.connect() as connection:
            connection.info[ASKED] = {}
            try:
                asking(connection)
                yield connection
            finally:
                connection.info.pop(ASKED, None)
                connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is alone in writing, and sees all that was committed before it."""
        with self.turn(), self._engine.connect() as connection:
            if _PREPARED not in connection.info:  # kept as long as the driver's connection
                self._prepare(cast("sqlite3.Connection", connection.connection.dbapi_connection))
                connection.info[_PREPARED] = True
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def making(self) -> Iterator[Connection]:
        """The same before there are tables; the write-ahead log is there from now on."""
        with self.turn(), self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        with self.writing() as connection:
            yield connection

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

    def close(self) -> None:
        """Close all connections; another use opens new ones."""
        self._engine.dispose()

    def told(self, error: Exception) -> Exception | None:
        """What a fault of the database means to who called; None where it is a fault of ours."""
        if isinstance(error, IntegrityError) and str(error.orig) == TAKEN:
            return LedgerRefusedError(
                TAKEN,
                "another stack already has a name or network of this change; nothing was changed; try again to "
                "see which",
            )
        reason = str(error.orig) if isinstance(error, DatabaseError) and error.orig else reason_of(error)
        if not isinstance(error, OperationalError | OSError) and "malformed" not in reason and "not a" not in reason:
            return None
        return self._unusable(reason)

    def _unusable(self, reason: str) -> LedgerUnavailableError:
        return LedgerUnavailableError(
            "database",
            f"the ledger {self.path} cannot be used: {reason}; nothing was changed; check free space, permissions "
            "and that the file is a zonewright ledger",
        )

    def _locked(self) -> LedgerUnavailableError:
        return LedgerUnavailableError(
            "locked",
            f"another process kept the ledger {self.path} locked for {self._lock_wait_s:g} s; nothing was "
            "changed; try again, or look for a suspended zonewright or pulumi process",
        )


def _is_locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@functools.cache
def compiled() -> tuple[Dialect, LRUCache[Any, Any]]:
    """What all engines of a process share: the dialect, which knows its SQLite, and statements that are compiled."""
    engine = create_engine("sqlite+pysqlite://")
    with engine.connect():
        pass  # the dialect asks SQLite for its version
    engine.dispose()
    return engine.dialect, LRUCache(500)


def _engine(path: Path, lock_wait_s: float) -> Engine:
    """An engine of one file; each statement is compiled once in a process, however many ledgers that opens."""
    dialect, statements = compiled()

    def opened() -> DBAPIConnection:
        return dialect.connect(str(path), timeout=lock_wait_s, check_same_thread=False)

    pool = QueuePool(opened, pool_size=8, dialect=dialect)
    url = URL.create("sqlite+pysqlite", database=str(path))
    engine = Engine(pool, dialect, url, execution_options={"compiled_cache": statements})

    @event.listens_for(engine, "connect")
    def _opened(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")

    return engine
