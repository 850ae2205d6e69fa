"""Where readings and samples are: a file of SQLite beside a ledger's file, or tables in a ledger's own database.

Statements are texts that SQLite and PostgreSQL both read, with ``?`` in the place of values. What only one of them has
words for is a method of :class:`Statements`.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from zonewright.declare.private_file import make_private
from zonewright.errors import Exit, ZonewrightError

if TYPE_CHECKING:
    from zonewright.telemetry.tsdb.interface import Tsdb


class StoreFaultError(ZonewrightError, OSError):
    """The database of readings and samples did not do what it was asked; ``str()`` says why."""

    exit_code = Exit.NOT_DECIDED


class TsdbFaultError(StoreFaultError):
    """A time-series database did not take or give what it was asked for; ``str()`` says why."""


class TsdbLostError(TsdbFaultError):
    """A time-series database answers, and has something else than what went there; asking again changes nothing."""


_Row = TypeVar("_Row", bound=Sequence[Any])
EVERYTHING = "**"
"""The turn of who writes readings and samples of all: nobody else stores any meanwhile."""
STORE_FAULTS = (sqlite3.Error, StoreFaultError)
"""What a statement may raise that is no fault of what it says: a full disk, a lock, a lost connection."""


class Rows(Protocol):
    """What a statement gives."""

    @property
    def rowcount(self) -> int:
        """How many rows it wrote."""
        ...

    def fetchone(self) -> Any:
        """The next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Statements(Protocol):
    """One connection, within one transaction.

    Attributes:
        tsdb: where hours of readings are that are not here.
    """

    tsdb: "Tsdb | None"

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows:
        """One statement."""
        ...

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> Rows:
        """One statement for each of some rows."""
        ...

    def stream(self, statement: str, values: Sequence[Any]) -> Iterator[Any]:
        """The rows of a query that has more of them than should be in memory at once."""
        ...

    def add_rows(self, table: str, rows: Sequence[Sequence[Any]]) -> int:
        """Insert rows with a value for each column in order; gives how many were not there yet, by their key."""
        ...

    def add_new(self, table: str, rows: Sequence[_Row]) -> Sequence[_Row]:
        """The same, and gives those that were not there yet. Of ``sample`` only, whose key are the first two columns.

        Args:
            table: its name.
            rows: to be inserted; one may be among them twice.
        """
        ...

    def last_number(self, table: str) -> int:
        """The highest number that a table's rows ever had, 0 where there was none."""
        ...

    def in_order(self, what: str) -> None:
        """Let nobody else do the same until the end of the transaction."""
        ...

    @property
    def session(self) -> object:
        """The connection itself; another one after it was lost, and nobody knows what the database was set to since."""
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether the transaction goes on; a full disk or a lost connection ends it."""
        ...

    def apart(self) -> AbstractContextManager[None]:
        """A part of the transaction that is taken back by itself where it raises."""
        ...


class TelemetryHome(Protocol):
    """Tables of readings, of samples, or of both.

    Attributes:
        name: what people call it.
        tsdb: where hours of readings go that are old enough, and are read from; None where all stay.
    """

    name: str
    tsdb: "Tsdb | None"

    def is_there(self) -> bool:
        """Whether anything was ever stored here."""
        ...

    def opened(self) -> AbstractContextManager[Statements]:
        """To read from, for one use."""
        ...

    def reading(self) -> AbstractContextManager[Statements]:
        """To read from, and all that is read is of one moment."""
        ...

    def writing(self, *turns: str, keep: bool = True) -> AbstractContextManager[Statements]:
        """A transaction that is on disk afterwards, or was none.

        Args:
            turns: what nobody else may write meanwhile; in a file nobody else writes anything.
            keep: False takes all of it back at the end.
        """
        ...

    def alone(self, what: str) -> AbstractContextManager[bool]:
        """Work that one of all processes does at a time; False where another one is at it."""
        ...

    def joined(self, connection: Any) -> Statements | None:
        """Statements within a transaction of the ledger, where both are in one database; None where they are not."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


@contextmanager
def savepoint(statements: Statements) -> Iterator[None]:
    """What is done within is kept whole or not at all; the transaction goes on in both cases.

    Where the transaction itself has ended, as when the disk is full, there is no savepoint any more.
    """
    statements.execute("savepoint apart")
    try:
        yield
    except BaseException:
        if statements.in_transaction:
            statements.execute("rollback to apart")
            statements.execute("release apart")
        raise
    statements.execute("release apart")


class FileStatements(sqlite3.Connection):
    """A connection to a file of SQLite."""

    tsdb: "Tsdb | None" = None

    def stream(self, statement: str, values: Sequence[Any]) -> Iterator[Any]:
        """The rows of a query; SQLite computes each when it is asked for."""
        return self.execute(statement, values)

    def add_rows(self, table: str, rows: Sequence[Sequence[Any]]) -> int:
        """Insert rows; gives how many were not there yet."""
        if not rows:
            return 0
        before = self.total_changes
        self.executemany(_insert(table, len(rows[0])), rows)
        return self.total_changes - before

    def add_new(self, table: str, rows: Sequence[_Row]) -> Sequence[_Row]:
        """Insert rows; gives those that were new. All of them are, but for an agent that repeats itself."""
        if not rows:
            return rows
        self.execute("savepoint new_rows")
        if self.add_rows(table, rows) == len(rows):
            self.execute("release new_rows")
            return rows
        self.execute("rollback to new_rows")
        self.execute("release new_rows")
        one = _insert(table, len(rows[0]))
        return [row for row in rows if self.execute(one, row).rowcount]

    def last_number(self, table: str) -> int:
        """The highest number that a table's rows ever had."""
        query = "select coalesce(max(seq), 0) from sqlite_sequence where name = ?"
        return int(self.execute(query, (table,)).fetchone()[0])

    def in_order(self, _what: str) -> None:
        """Nobody else writes anyway."""

    @property
    def session(self) -> object:
        """This connection."""
        return self

    def apart(self) -> AbstractContextManager[None]:
        """A savepoint."""
        return savepoint(self)


def _insert(table: str, columns: int) -> str:
    return f"insert into {table} values ({', '.join('?' * columns)}) on conflict do nothing"  # noqa: S608 - no input


class TelemetryFile:
    """A file of SQLite, made when something is first to be stored.

    Args:
        path: the file.
        prepare: brings its tables up to date; called once, within a transaction where it is behind.
        is_old: whether they are behind.
        stays_open: whether who writes keeps the connection, as a service that writes all the time does.
    """

    def __init__(
        self,
        path: Path,
        *,
        prepare: Callable[[sqlite3.Connection], None],
        is_old: Callable[[sqlite3.Connection], bool],
        stays_open: bool = False,
    ) -> None:
        self.path, self.name = path, path.name
        self.tsdb: Tsdb | None = None
        self._prepare, self._is_old = prepare, is_old
        self._lock = Lock()
        self._is_ready = False
        self._stays_open = stays_open
        self._writer: FileStatements | None = None

    def is_there(self) -> bool:
        """Whether there is the file."""
        return self.path.is_file()

    def make(self) -> None:
        """Make the file where there is none, and bring its tables up to date."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        make_private(self.path)
        with self.opened() as connection:
            is_old = self._is_old(connection)
        if is_old:
            with self.writing() as connection:
                if self._is_old(connection):  # no other process did so meanwhile
                    self._prepare(connection)

    @contextmanager
    def opened(self) -> Iterator[FileStatements]:
        """A connection, for one use."""
        with closing(self._connect()) as connection:
            yield connection

    def _connect(self) -> FileStatements:
        connection = sqlite3.connect(
            self.path, timeout=30, isolation_level=None, check_same_thread=False, factory=FileStatements
        )
        connection.tsdb = self.tsdb
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        return connection

    @contextmanager
    def reading(self) -> Iterator[FileStatements]:
        """A connection that sees one moment; whoever only reads changes nothing, not even how the file is kept."""
        name = f"{self.path.absolute().as_uri()}?mode=ro"
        with closing(
            sqlite3.connect(name, uri=True, timeout=30, isolation_level=None, factory=FileStatements)
        ) as connection:
            connection.tsdb = self.tsdb
            connection.execute("begin")
            yield connection

    @contextmanager
    def writing(self, *_turns: str, keep: bool = True) -> Iterator[FileStatements]:
        """A transaction that is alone in writing to the file."""
        if not self._stays_open:
            with self.opened() as connection, _written(connection, keep=keep):
                yield connection
            return
        with self._lock:
            if self._writer is None:
                self._writer = self._connect()
            with _written(self._writer, keep=keep):
                yield self._writer

    @contextmanager
    def alone(self, _what: str) -> Iterator[bool]:
        """Whoever writes has the file for itself, so nobody needs to be told apart before."""
        yield True

    def joined(self, _connection: Any) -> None:
        """The ledger is another file."""
        return

    def close(self) -> None:
        """Close the file, after what is being stored."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None


@contextmanager
def _written(connection: FileStatements, *, keep: bool) -> Iterator[None]:
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit" if keep else "rollback")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
