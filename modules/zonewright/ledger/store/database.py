"""The only place that knows which database it is: opens it, and gives reading and writing transactions."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DatabaseError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from zonewright.errors import ZonewrightError
from zonewright.ledger.store import recording, schema
from zonewright.ledger.store.asking import AskedQuestion, ask
from zonewright.ledger.store.engines.holder import LedgerPlace, SharedPlace
from zonewright.ledger.store.engines.sqlite_file import SqliteFile
from zonewright.ledger.store.engines.sqlite_words import watch
from zonewright.ledger.store.scopes import Touch, WholeZone

if TYPE_CHECKING:
    from zonewright.ledger.store.engines.postgresql_server import PostgresqlServer

_POOL_BESIDE = 12
_STAYS = AskedQuestion(schema.VERSION_KNOWN), AskedQuestion(schema.LEDGER_ID)
"""What each transaction asks that shares the zone."""


class Database:
    """A ledger's database, which many processes use at once.

    Args:
        path: the file; of PostgreSQL the name that files beside the ledger are formed from.
        url: of PostgreSQL; empty where the ledger is a file.
        create: make its tables when missing, and the file and its folder.
        lock_wait_s: how long a writer waits for its turn before it gives up.
        check_schema: refuse a ledger that an older or newer version made; False is for its upgrade.

    Raises:
        LedgerUnavailableError: when there is no such file and it must not be made, or it is not a ledger of this
            version, or the server cannot be reached.
    """

    def __init__(
        self, path: Path, url: str = "", *, create: bool = False, lock_wait_s: float, check_schema: bool = True
    ) -> None:
        self.path = path
        self._check_schema = check_schema
        self._holder: LedgerPlace
        self._shared: SharedPlace | None = None
        if url:
            from zonewright.ledger.store.engines.postgresql_server import (  # noqa: PLC0415 - who has a file loads none of it
                PostgresqlServer,
            )

            self._holder = self._shared = PostgresqlServer(url, path=path, lock_wait_s=lock_wait_s)
            self._url, self._lock_wait_s = url, lock_wait_s
        else:
            self._holder = SqliteFile(path, create=create, lock_wait_s=lock_wait_s, prepare=_prepare)
        if check_schema:
            try:
                self._require_schema(create=create)
            except BaseException:
                self._holder.close()
                raise

    @property
    def shown(self) -> str:
        """What people call it; no secret is in it."""
        return self._holder.shown

    @property
    def has_file(self) -> bool:
        """Whether it is a file, which can be copied and replaced."""
        return isinstance(self._holder, SqliteFile)

    def beside(self) -> "PostgresqlServer | None":
        """The same database by connections of its own, for what is no decision; None where it is a file."""
        if self._shared is None:
            return None
        from zonewright.ledger.store.engines.postgresql_server import (  # noqa: PLC0415 - who has a file loads none of it
            PostgresqlServer,
        )

        return PostgresqlServer(
            self._url, path=self.path, lock_wait_s=self._lock_wait_s, pool=_POOL_BESIDE, has_ranges=True
        )

    def _require_schema(self, *, create: bool) -> None:
        with self.reading() as connection:
            found = schema.version_of(connection)
            is_empty = found is None and not inspect(connection).get_table_names()
        if not (create and is_empty):
            self.require_present(found)
            if create:
                self._holder.close()  # a connection from before another process made the tables is not watched
            return
        with self._sentences(), self._holder.making() as connection:
            if schema.version_of(connection) is None:  # nobody else did it meanwhile
                schema.make(connection)
        self._holder.close()  # connections from here on are watched

    def _version(self, connection: Connection) -> str | None:
        """The version of what was a ledger when it was opened; that a database has no tables any more is its fault."""
        return schema.version_of(connection) if self.has_file else schema.version_in(connection)

    def require_present(self, found: str | None) -> None:
        """Let a ledger of the newest version pass.

        Args:
            found: version of its schema, None where it has none of our tables.

        Raises:
            LedgerUnavailableError: for any other, with what to do.
        """
        schema.require_present(found, self._holder.shown, self._holder.url)

    def close(self) -> None:
        """Close all connections."""
        self._holder.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment and writes nothing."""
        with self._sentences(), self._holder.reading() as connection:
            yield connection

    @contextmanager
    def glance(self, *asked: AskedQuestion) -> Iterator[Connection]:
        """Answers to questions of one moment; nothing else may be asked there.

        Args:
            asked: all that is asked.
        """
        with self._sentences(), self._holder.glance(lambda one: ask(one, *asked)) as connection:
            yield connection

    @contextmanager
    def writing(self, touch: Touch | None = None, also: Sequence[AskedQuestion] = ()) -> Iterator[Connection]:
        """A transaction that nobody who writes at the same time disturbs; commits, or on any exception changes nothing.

        Args:
            touch: what it touches; None for one that must be alone in writing. In a file each one is.
            also: what will be asked and only changes in transactions that are alone.

        Raises:
            LedgerUnavailableError: when the ledger was upgraded, or an older one put in its place, since it was opened.
        """
        with self._sentences(), self._begun(touch, also) as connection:
            if self._check_schema and (found := self._version(connection)) != schema.SCHEMA:
                self.require_present(found)
            yield connection

    @contextmanager
    def _begun(self, touch: Touch | None, also: Sequence[AskedQuestion]) -> Iterator[Connection]:
        shared, is_alone = self._shared, False
        while shared is not None and touch is not None and not is_alone:
            from zonewright.ledger.store.scope_facts import hold_scopes  # noqa: PLC0415 - who has a file loads none of it

            with shared.beside() as connection:
                found = hold_scopes(connection, touch, (*_STAYS, *also))
                if not found:
                    yield connection
                    return
            if isinstance(found, WholeZone):
                is_alone = True
            else:
                shared.add_scopes(found)
        with self._holder.writing() as connection:
            yield connection

    def turn(self) -> AbstractContextManager[None]:
        """Be alone in writing to a file without a transaction."""
        return self._holder.turn()

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except (DatabaseError, NoConnectionError, OSError) as error:
            if isinstance(error, ZonewrightError):  # a refusal is a PermissionError, so it passes here
                raise
            told = self._holder.told(error)
            if told is None:
                raise
            raise told from error


def _prepare(connection: sqlite3.Connection) -> None:
    if schema.is_present(connection):
        connection.execute("PRAGMA journal_mode=WAL")
        watch(connection, recording.KEYS)
