"""Readings and samples in a ledger's database, which any number of services write to.

Who writes readings takes a turn that all services share. Reports of different agents are stored beside each other; each
agent has a turn of its own, and what came in is numbered in the order in which it is kept.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import BigInteger, Connection, Double
from sqlalchemy.exc import DatabaseError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from zonewright.ledger.protocol.errors import LedgerError
from zonewright.ledger.store.engines.postgresql_server import IDLE_S, PostgresqlServer, driver_of
from zonewright.ledger.store.telemetry_tables import metadata
from zonewright.telemetry.home import EVERYTHING, Rows, Statements, StoreFaultError, savepoint

if TYPE_CHECKING:
    import psycopg

    from zonewright.telemetry.tsdb.interface import Tsdb

_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE = (
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = {wait_ms}; "
    f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_S}s'"
)
"""Each statement sees what was committed before it: whoever had the turn before has committed."""
_TURN, _SHARED = "SELECT pg_advisory_xact_lock({key})", "SELECT pg_advisory_xact_lock_shared({key})"
_EVERY = "*"
"""The turn of who writes about all; who has another one shares it."""
_PROBES = {"readings": "meter", "samples": "batch"}
"""The table that has a row as soon as anything was stored."""
_AT_ONCE = 20_000
_Row = TypeVar("_Row", bound=Sequence[Any])


@cache
def _key(name: str) -> int:
    """The number of a turn. Two names may have one: then they wait for each other, and nothing else."""
    return int.from_bytes(blake2b(f"zonewright {name}".encode(), digest_size=8).digest(), signed=True)


@cache
def _words(statement: str) -> str:
    """A statement as psycopg takes it."""
    return statement.replace("%", "%%").replace("?", "%s")


@cache
def _insert(table: str) -> str:
    """Rows from a list for each column: one statement, however many."""
    kinds = []
    for column in metadata.tables[table].columns:
        is_number, is_real = isinstance(column.type, BigInteger), isinstance(column.type, Double)
        kinds.append("bigint" if is_number else "float8" if is_real else "text")
    lists = ", ".join(f"%s::{kind}[]" for kind in kinds)
    return f"insert into {table} select * from unnest({lists}) on conflict do nothing"  # noqa: S608 - our own names


class ServerStatements:
    """One connection to PostgreSQL, within one transaction.

    Args:
        driver: the connection.
        told: what a fault of it means.
        tsdb: where hours of readings are that are not here.
    """

    def __init__(
        self,
        driver: "psycopg.Connection[Any]",
        told: Callable[[Exception], Exception],
        tsdb: "Tsdb | None" = None,
    ) -> None:
        self._driver, self._told, self.tsdb = driver, told, tsdb

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        import psycopg  # noqa: PLC0415 - of an extra of its own

        try:
            yield
        except (psycopg.Error, UnicodeEncodeError) as error:
            raise self._told(error) from error

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows:
        """One statement."""
        with self._sentences():
            return self._driver.execute(_words(statement).encode(), values)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> Rows:
        """One statement for each of some rows, in one message."""
        cursor = self._driver.cursor()
        with self._sentences():
            cursor.executemany(_words(statement).encode(), rows)
        return cursor

    def stream(self, statement: str, values: Sequence[Any]) -> Iterator[Any]:
        """The rows of a query, some thousands at a time."""
        with self._sentences(), self._driver.cursor(name="zonewright") as cursor:
            cursor.itersize = _AT_ONCE
            yield from cursor.execute(_words(statement).encode(), values)

    def add_rows(self, table: str, rows: Sequence[Sequence[Any]]) -> int:
        """Insert rows; gives how many were not there yet."""
        added = 0
        with self._sentences():
            for begin in range(0, len(rows), _AT_ONCE):
                columns = [list(column) for column in zip(*rows[begin : begin + _AT_ONCE], strict=True)]
                added += self._driver.execute(_insert(table).encode(), columns).rowcount
        return added

    def add_new(self, table: str, rows: Sequence[_Row]) -> Sequence[_Row]:
        """Insert rows; gives those that were new. All of them are, but for an agent that repeats itself."""
        if not rows:
            return rows
        columns = [list(column) for column in zip(*rows, strict=True)]
        first, second = metadata.tables[table].primary_key.columns.keys()
        with self._sentences():
            found = self._driver.execute(f"{_insert(table)} returning {first}, {second}".encode(), columns).fetchall()
        if len(found) == len(rows):
            return rows
        left = set(found)
        new = []
        for row in rows:
            if row[:2] in left:
                left.discard(row[:2])  # of two with one key the first came in
                new.append(row)
        return new

    def last_number(self, table: str) -> int:
        """The highest number that a table's rows ever had; also of a row that was taken back."""
        query = "select coalesce(pg_sequence_last_value(pg_get_serial_sequence(?, ?)::regclass), 0)"
        (column,) = metadata.tables[table].primary_key.columns.keys()
        return int(self.execute(query, (table, column)).fetchone()[0])

    def in_order(self, what: str) -> None:
        """Wait for who does the same, until it has committed."""
        self.execute(_TURN.format(key=_key(f"order {what}")))

    @property
    def session(self) -> object:
        """The driver's connection."""
        return self._driver

    @property
    def in_transaction(self) -> bool:
        """Whether the transaction goes on."""
        return not self._driver.closed and self._driver.info.transaction_status.name in {"INTRANS", "INERROR"}

    def apart(self) -> AbstractContextManager[None]:
        """A savepoint."""
        return savepoint(self)


class TelemetryServer:
    """Readings and samples of a ledger's database.

    Args:
        server: gives connections that this alone uses: who decides holds others, and must not wait for its own.
        kind: ``readings`` or ``samples``.
    """

    def __init__(self, server: PostgresqlServer, kind: str) -> None:
        self._server, self.name = server, f"the {kind} of {server.shown}"
        self.tsdb: Tsdb | None = None
        self._probe = _PROBES[kind]
        self._has_any = False

    def is_there(self) -> bool:
        """Whether anything was ever stored here."""
        if not self._has_any:
            query, found = f"select exists (select 1 from {self._probe})", list[bool]()  # noqa: S608 - one of two names
            with (
                self._sentences(),
                self._server.glance(lambda connection: found.append(bool(connection.exec_driver_sql(query).scalar()))),
            ):
                self._has_any = found[-1]
        return self._has_any

    def opened(self) -> AbstractContextManager[Statements]:
        """The same as :meth:`reading`."""
        return self.reading()

    @contextmanager
    def reading(self) -> Iterator[Statements]:
        """A transaction that sees one moment."""
        with self._sentences(), self._server.reading() as connection:
            yield self._statements(connection)

    @contextmanager
    def writing(self, *turns: str, keep: bool = True) -> Iterator[Statements]:
        """A transaction that has some turns; who has that of all has each.

        They are taken in one order, so of two that want the same none waits for the other for ever.
        """
        if EVERYTHING in turns:
            locks = [_TURN.format(key=key) for key in sorted(_key(f"{probe} {_EVERY}") for probe in _PROBES.values())]
        elif _EVERY in turns:
            locks = [_TURN.format(key=_key(f"{self._probe} {_EVERY}"))]
        else:
            keys = sorted({_key(f"{self._probe} {turn}") for turn in turns})
            locks = [_SHARED.format(key=_key(f"{self._probe} {_EVERY}")), *(_TURN.format(key=key) for key in keys)]
        begin = "; ".join((_WRITE, *(locks if turns else ())))
        with self._sentences(), self._server.transaction(begin, keep=keep) as connection:
            yield self._statements(connection)

    @contextmanager
    def alone(self, what: str) -> Iterator[bool]:
        """Hold a turn in a session of its own; False where another service does."""
        key = _key(f"alone {what}")
        with self._sentences(), self._server.session() as driver:
            statements = ServerStatements(driver, self._told)
            is_alone = bool(statements.execute(f"SELECT pg_try_advisory_lock({key})").fetchone()[0])
            try:
                yield is_alone
            finally:
                if is_alone:
                    try:
                        statements.execute(f"SELECT pg_advisory_unlock({key})")
                    except (LedgerError, StoreFaultError):  # the turn ends with the session
                        driver.close()

    def joined(self, connection: Connection) -> Statements:
        """Statements within a transaction of the ledger, which is in the same database."""
        return self._statements(connection)

    def _statements(self, connection: Connection) -> ServerStatements:
        return ServerStatements(driver_of(connection), self._told, self.tsdb)

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """What a connection says that cannot be had, or is lost, in the words that statements have."""
        try:
            yield
        except (DatabaseError, NoConnectionError) as error:
            raise self._told(error) from error

    def _told(self, error: Exception) -> Exception:
        found = self._server.told(error)
        return found if found is not None else StoreFaultError(str(error).strip().partition("\n")[0])

    def close(self) -> None:
        """Close all connections; another use opens new ones."""
        self._server.close()
