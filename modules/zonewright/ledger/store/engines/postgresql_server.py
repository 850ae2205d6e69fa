"""PostgreSQL: a database that any number of services use at once, on hosts of their own.

Who writes locks a table that has nothing in it before its transaction sees anything. Alone, it decides on one moment,
and nobody changes anything until it has committed. Beside others, it locks the rows of the scopes that it touches, so
that nothing that it reads there changes. Readers wait for nobody, and see one moment.
"""

import random
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from sqlalchemy import URL, Connection, Dialect, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.util import LRUCache

from zonewright.ledger.protocol.errors import (
    LedgerConflictError,
    LedgerMisuseError,
    LedgerRefusedError,
    LedgerUnavailableError,
)
from zonewright.ledger.protocol.ledger_url import require_url
from zonewright.ledger.store.engines.holder import ASKED, BESIDE, STAYING
from zonewright.ledger.store.engines.postgresql_guards import (
    ADDRESS,
    HOST,
    NAME,
    NETWORK,
    ONE_PLAN,
    SESSION,
    TAKEN,
    UNIT,
)

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy.engine.interfaces import DBAPIConnection

OLDEST = 15
"""The oldest version that is tested; triggers are replaced in one statement since 14."""
IDLE_S = 60
"""A writer that says nothing for so long has lost its turn, as when its host is gone."""
PATIENT = "SET LOCAL idle_in_transaction_session_timeout = 0"
"""For a transaction that computes for long between two statements, while nobody else is to write."""
_CONNECT_S = 10
_POOL = 24
_BESIDE = 12
"""Most transactions of a service that write beside each other: readers have the other connections."""
_PREPARE_AT, _PREPARED = 1, 400
"""A statement that comes a second time is prepared, and so many stay: an admission alone has half a hundred."""
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL lock_timeout = {wait_ms}; "
    f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_S}s'; "
    "LOCK TABLE turn IN EXCLUSIVE MODE"
)
"""The lock is taken before the transaction sees anything: PostgreSQL fixes that with its first query."""
_SHARE = (
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = {wait_ms}; "
    f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_S}s'; "
    "LOCK TABLE turn IN ROW EXCLUSIVE MODE"
)
"""Each statement sees what was committed before it: what a scope's holder before this one did, and what its own did."""
_SCOPES = "INSERT INTO scope SELECT * FROM unnest(%s::text[]) AS new ORDER BY new ON CONFLICT DO NOTHING"
_MAKE = "BEGIN; SET LOCAL lock_timeout = {wait_ms}; SELECT pg_advisory_xact_lock(hashtext('zonewright'))"
_FULL = re.compile("too many clients|too many connections|connection slots")
"""What a server says that has as many connections as it may have; libpq keeps its code for that to itself."""
_AGAIN_S = 0.05, 0.25
_AGAIN = frozenset({"40001", "40P01"})
_LOCKED = "55P03"
_READ_ONLY = "25006"
_GONE_CLASSES = frozenset({"08", "53", "57", "58", "28", "3D", "XX", "25"})
_GONE = frozenset({"42501", "42P01", "0A000"})
"""Of states that tell about the server, its space, its rights or its tables, and not about a row."""


class PostgresqlServer:
    """A ledger's database.

    Args:
        url: as the library of PostgreSQL reads it, without a password.
        path: the name that files beside the ledger are formed from.
        lock_wait_s: how long a writer waits for its turn before it gives up.
        pool: most connections. They stay open: to make one costs the server as much as a small admission.
        has_ranges: statements ask for spans of time, so each is planned for its values.

    Raises:
        LedgerMisuseError: when the driver is not installed, or the URL is none or holds a password.
    """

    def __init__(
        self, url: str, *, path: Path, lock_wait_s: float, pool: int = _POOL, has_ranges: bool = False
    ) -> None:
        try:
            import psycopg  # noqa: PLC0415 - of an extra of its own
        except ModuleNotFoundError:
            raise LedgerMisuseError(
                "no-driver", "a ledger on PostgreSQL needs psycopg; pip install 'zonewright[postgresql]' brings it"
            ) from None
        self.path = path
        require_url(url)
        self.url = self.shown = url
        self._lock_wait_s, self._has_ranges = lock_wait_s, has_ranges
        self._own_turn = threading.BoundedSemaphore()
        self._places = threading.BoundedSemaphore(_BESIDE)
        self._fault = psycopg.Error
        self._down = psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ConnectionTimeout

        def opened() -> "psycopg.Connection[Any]":
            given = {"application_name": "zonewright", "connect_timeout": _CONNECT_S}
            conninfo = psycopg.conninfo.make_conninfo(url, **_missing(url, given))
            deadline = time.monotonic() + lock_wait_s
            while True:
                try:
                    return psycopg.connect(conninfo, autocommit=True)
                except psycopg.OperationalError as error:
                    if not _FULL.search(str(error)) or time.monotonic() > deadline:
                        raise
                time.sleep(random.uniform(*_AGAIN_S))  # noqa: S311 - so that many do not come again at once

        self._server = _server_of(url)
        self._engine = _engine(opened, self._server, lock_wait_s, pool)
        event.listen(self._engine, "connect", self._prepare)

    def _prepare(self, connection: "psycopg.Connection[Any]", _record: object) -> None:
        try:
            self._require_usable(connection)
            self._run(connection, SESSION if self._has_ranges else f"{SESSION}; {ONE_PLAN}")
            connection.prepare_threshold, connection.prepared_max = _PREPARE_AT, _PREPARED
        except BaseException:
            connection.close()
            raise
        _known.setdefault(self._server, self._engine.dialect)

    def _require_usable(self, connection: "psycopg.Connection[Any]") -> None:
        version, encoding = connection.info.server_version, connection.info.parameter_status("server_encoding")
        if version // 10_000 < OLDEST or encoding != "UTF8":
            raise LedgerUnavailableError(
                "database",
                f"the ledger {self.shown} cannot be used: expected PostgreSQL {OLDEST} or later with a database in "
                f"UTF8, got {version // 10_000} with {encoding}; nothing was changed; make the ledger in another "
                "database",
            )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment; nothing of it is kept."""
        with self._engine.connect() as connection:
            driver = self._begin(connection, _READ)
            try:
                yield connection
            finally:
                _let_go(connection, driver)

    @contextmanager
    def glance(self, asking: Callable[[Connection], None]) -> Iterator[Connection]:
        """A connection that has asked something, and knows the answers until the end: one statement has one moment.

        One that the server ended while nobody used it is made again, once.
        """
        with self._engine.connect() as connection:
            connection.info[ASKED] = {}
            try:
                try:
                    asking(connection)
                except DBAPIError:
                    if not connection.invalidated:
                        raise
                    connection.rollback()
                    connection.info[ASKED] = {}
                    asking(connection)
                yield connection
            finally:
                if not connection.invalidated:
                    connection.info.pop(ASKED, None)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is alone in writing, and sees all that was committed before it."""
        with self._transaction(_WRITE, self._own_turn) as connection:
            yield connection

    @contextmanager
    def making(self) -> Iterator[Connection]:
        """The same before there are tables: one process makes them, others wait."""
        with self._transaction(_MAKE, self._own_turn) as connection:
            yield connection

    @contextmanager
    def beside(self) -> Iterator[Connection]:
        """A transaction beside others that write, which holds the scopes that it touches."""
        with self._transaction(_SHARE, self._places) as connection:
            told = connection.info  # which cannot be asked for any more once the connection is lost
            told[BESIDE], told[STAYING] = True, {}
            try:
                yield connection
            finally:
                told.pop(BESIDE, None)
                told.pop(STAYING, None)

    @contextmanager
    def transaction(self, begin: str, *, keep: bool = True) -> Iterator[Connection]:
        """A transaction of another kind.

        Args:
            begin: statements that begin it, with ``{wait_ms}`` for how long it may wait for a lock.
            keep: False takes all of it back at the end.
        """
        with self._transaction(begin, self._places, keep=keep) as connection:
            yield connection

    @contextmanager
    def session(self) -> Iterator["psycopg.Connection[Any]"]:
        """A connection without a transaction, for locks that outlast one."""
        with self._engine.connect() as connection:
            driver = self._begin(connection, "SELECT 1")
            try:
                yield driver
            finally:
                if driver.closed and not connection.invalidated:
                    connection.invalidate()

    def add_scopes(self, names: Collection[str]) -> None:
        """Make scopes that were never held before; they are there for good."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql(_SCOPES, (sorted(names),))

    @contextmanager
    def _transaction(self, begin: str, turns: threading.Semaphore, *, keep: bool = True) -> Iterator[Connection]:
        deadline = time.monotonic() + self._lock_wait_s
        # Threads of a process wait here: few connections of it wait at the server, and readers have the others.
        if not turns.acquire(timeout=self._lock_wait_s):
            raise self._locked()
        try:
            with self._engine.connect() as connection:
                wait_ms = max(1, round((deadline - time.monotonic()) * 1000))
                driver = self._begin(connection, begin.format(wait_ms=wait_ms))
                try:
                    yield connection
                except BaseException:
                    _take_back(connection, driver)
                    raise
                if keep:
                    self._commit(connection, driver)
                else:
                    _take_back(connection, driver)
        finally:
            turns.release()

    def _begin(self, connection: Connection, statement: str) -> "psycopg.Connection[Any]":
        """Begin a transaction; a connection that the server ended while nobody used it is made again, once."""
        driver = driver_of(connection)
        try:
            self._run(driver, statement)
        except LedgerUnavailableError:
            is_lost = driver.closed
            _take_back(connection, driver)
            if not is_lost:
                raise
            driver = driver_of(connection)
            self._run(driver, statement)
        return driver

    def _run(self, driver: "psycopg.Connection[Any]", statement: str) -> None:
        """Statements that begin or end a transaction, in one message."""
        try:
            driver.execute(statement.encode(), prepare=False)
        except self._fault as error:
            told = self.told(error)
            if told is None:
                raise
            raise told from error

    def _commit(self, connection: Connection, driver: "psycopg.Connection[Any]") -> None:
        if driver.info.transaction_status.name == "INERROR":  # the server would answer COMMIT with a rollback
            _take_back(connection, driver)
            raise RuntimeError("a statement of the transaction failed, and nobody said so: nothing was kept")
        try:
            self._run(driver, "COMMIT")
        except LedgerUnavailableError as error:
            is_lost = driver.closed
            _take_back(connection, driver)
            if not is_lost:
                raise
            raise LedgerUnavailableError(
                "unknown",
                f"the connection to the ledger {self.shown} ended while it kept the change: nobody knows whether it "
                "was carried out; ask again: nothing is held twice by that",
            ) from error

    def turn(self) -> NoReturn:
        """There is none without a transaction: a database is not copied or replaced as a file is.

        Raises:
            LedgerMisuseError: always.
        """
        raise LedgerMisuseError("no-file", f"the ledger {self.shown} is no file")

    def close(self) -> None:
        """Close all connections; another use opens new ones."""
        self._engine.dispose()

    def told(self, error: Exception) -> Exception | None:
        """What a fault of the database means to who called; None where it is a fault of ours."""
        orig = error.orig if isinstance(error, DBAPIError) else error
        state, diag = getattr(orig, "sqlstate", None), getattr(orig, "diag", None)
        said = getattr(diag, "message_primary", None) or str(orig).strip().partition("\n")[0]
        if refused := _refusal(getattr(diag, "constraint_name", None) or said):
            return refused
        if state in _AGAIN:
            return LedgerConflictError(
                "conflict",
                f"somebody else changed the same rows of the ledger {self.shown} at the same moment; nothing was "
                "changed; try again",
            )
        if state == _LOCKED or isinstance(error, NoConnectionError):
            return self._locked()
        if state == _READ_ONLY:
            said = "it is a standby, or set to be read only"
        is_reached = state is not None and state[:2] not in _GONE_CLASSES and state not in _GONE
        if is_reached or (state is None and not isinstance(orig, self._down)):
            return None
        return LedgerUnavailableError(
            "database",
            f"the ledger {self.shown} cannot be used: {said}; nothing was changed; check that PostgreSQL runs there, "
            "has space, and lets this user in",
        )

    def _locked(self) -> LedgerUnavailableError:
        return LedgerUnavailableError(
            "locked",
            f"others wrote to the ledger {self.shown} for {self._lock_wait_s:g} s; nothing was changed; try again, or "
            "have its administrator look in pg_stat_activity for a session that waits in a transaction",
        )


def _refusal(word: str) -> LedgerRefusedError | None:
    """What a constraint, or the word of a trigger, refuses."""
    if word in (NAME, NETWORK, HOST, TAKEN):
        return LedgerRefusedError(
            TAKEN,
            "another stack already has a name or network of this change; nothing was changed; try again to see which",
        )
    if word == UNIT:
        return LedgerRefusedError(
            "unit-overlap",
            "another stack already stands at a place of this change, and the database keeps two stacks from one "
            "place, whatever a waiver says; nothing was changed; try again to see which",
        )
    if word == ADDRESS:
        return LedgerRefusedError(
            "address-unique",
            "another stack already has an address of this change; nothing was changed; try again to see which",
        )
    return None


_Server = frozenset[tuple[str, Any]]
_known: dict[_Server, Dialect] = {}
"""Dialects that have asked their server what it can, by server."""
_statements: LRUCache[Any, Any] = LRUCache(500)
"""Each statement is compiled once for a dialect, however many ledgers a process opens."""


def _server_of(url: str) -> _Server:
    """What a URL says of the server and the role, apart from the database."""
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - of an extra of its own

    return frozenset((name, value) for name, value in conninfo_to_dict(url).items() if name != "dbname")


def _engine(opened: Callable[[], Any], server: _Server, pool_timeout_s: float, size: int) -> Engine:
    """An engine of one database, with the dialect of its server; the first of a server asks it what it can.

    Transactions are begun and ended by ``PostgresqlServer``, in one message each, so connections commit by themselves.
    What a statement writes is nobody's who reads a log.
    """
    dialect = _known.get(server)
    if dialect is None:
        engine = create_engine(
            "postgresql+psycopg://",
            creator=opened,
            isolation_level="AUTOCOMMIT",
            pool_size=size,
            max_overflow=0,
            pool_use_lifo=True,
            pool_timeout=pool_timeout_s,
            hide_parameters=True,
            execution_options={"compiled_cache": _statements},
        )
        # One statement for a list of rows, so that triggers run once for it.
        engine.dialect.use_insertmanyvalues_wo_returning = True
        return engine
    # Its connections commit by themselves from the start.
    creator = cast("Callable[[], DBAPIConnection]", opened)
    pool = QueuePool(creator, pool_size=size, max_overflow=0, use_lifo=True, timeout=pool_timeout_s, dialect=dialect)
    options = {"compiled_cache": _statements}
    return Engine(pool, dialect, URL.create("postgresql+psycopg"), hide_parameters=True, execution_options=options)


def _missing(url: str, given: dict[str, Any]) -> dict[str, Any]:
    """Those settings that a URL does not have."""
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - of an extra of its own

    named = conninfo_to_dict(url)
    return {name: value for name, value in given.items() if name not in named}


def driver_of(connection: Connection) -> "psycopg.Connection[Any]":
    """The driver's own connection."""
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]  # of this driver
    return driver


def _let_go(connection: Connection, driver: "psycopg.Connection[Any]") -> None:
    """End a transaction that wrote nothing. Not by a rollback: the driver then forgets all statements it prepared."""
    with suppress(Exception):
        driver.commit()
    if driver.closed and not connection.invalidated:
        connection.invalidate()


def _take_back(connection: Connection, driver: "psycopg.Connection[Any]") -> None:
    """End a transaction without a trace; one whose connection is gone has none, and is not used again."""
    with suppress(Exception):
        driver.rollback()
    if driver.closed and not connection.invalidated:
        connection.invalidate()
