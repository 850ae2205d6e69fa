"""Where the ledgers of a test are: in the files that it names, or each in a database of PostgreSQL in the place of one.

A test of the contract names files. One that ``tests/ledger_stores.yaml`` names runs twice, and the second time each
``ledger.db`` of its folder is a database; what else the test has beside that file is where it is.
"""

import functools
import re
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.postgresql import PostgresqlServer
from zonewright.declare.private_file import make_private
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.schema import new_id

SQLITE, POSTGRESQL = "sqlite", "postgresql"
_OPEN = Database.__init__
_TABLE = Path(__file__).resolve().parents[1] / "ledger_stores.yaml"


@functools.cache
def on_postgresql() -> frozenset[tuple[str, str]]:
    """The tests of the contract that run on PostgreSQL too: module and function."""
    reasons: dict[str, dict[str, list[str]]] = yaml.safe_load(_TABLE.read_text(encoding="utf-8"))["on_postgresql"]
    return frozenset((module, name) for group in reasons.values() for module, names in group.items() for name in names)


class Places:
    """The databases of one test by the file in whose place they are.

    Attributes:
        server: None where ledgers are files.
        folder: the test's.
    """

    def __init__(self, folder: Path, server: PostgresqlServer | None = None) -> None:
        self.folder, self.server = folder.resolve(), server
        self.names: dict[Path, str] = {}

    def url_of(self, path: Path) -> str:
        """The URL of the database in a file's place; empty where it is the file."""
        name = self.names.get(path.resolve())
        return self.server.url(name) if name and self.server is not None else ""

    def opened(self, path: Path, *, create: bool) -> str:
        """The same, for who opens a ledger; a new one is made where it is to be made."""
        where = path.resolve()
        is_ours = self.server is not None and where.name == "ledger.db" and where.is_relative_to(self.folder)
        if is_ours and create and where not in self.names and self.server is not None:
            self.names[where] = self.server.copy_template()
        if self.server is None and create and not path.exists():
            _make_empty(path)
        return self.url_of(path)

    def drop(self) -> None:
        """Remove all databases."""
        for name in self.names.values():
            assert self.server is not None
            self.server.drop(name)
        self.names.clear()


_present: list[Places] = []


@contextmanager
def placed(places: Places, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    """Have ledgers opened where they are, and new files made as copies of an empty one."""

    def opened(self: Database, path: Path, url: str = "", *, create: bool = False, **given: Any) -> None:
        makes = create and given.get("check_schema", True)  # who restores a ledger needs an empty file
        _OPEN(self, path, url or places.opened(path, create=makes), create=create, **given)

    _present.append(places)
    try:
        monkeypatch.setattr(Database, "__init__", opened)
        yield places
    finally:
        _present.remove(places)
        places.drop()


@functools.cache
def _empty() -> tuple[bytes, bytes]:
    """A ledger's file without a zone, and the id in it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        made = Database.__new__(Database)
        _OPEN(made, path, create=True, lock_wait_s=5)
        made.close()
        with closing(sqlite3.connect(path)) as file:
            (own,) = file.execute("SELECT id FROM identity").fetchone()
        return path.read_bytes(), own.encode()


def _make_empty(path: Path) -> None:
    """Make a ledger's file with an id of its own; where that cannot be, who opens it finds out."""
    content, id_ = _empty()
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        make_private(path)
        path.write_bytes(content.replace(id_, new_id().encode()))


class Kept:
    """All rows of a ledger, to be put back as often as one likes."""

    def __init__(self, path: Path) -> None:
        self._path, self._url = path, _url_of(path)
        self._file = sqlite3.connect(":memory:", check_same_thread=False)
        if self._url:
            with outside(path) as own:
                own.execute("CREATE SCHEMA kept")
                query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'turn'"
                self._tables = own.scalars(query)
                for table in self._tables:
                    own.execute(f"CREATE TABLE kept.{table} AS TABLE {table}")
            return
        with closing(sqlite3.connect(path)) as file:
            file.backup(self._file)

    def put_back(self) -> None:
        """The ledger has the rows of then, and no other."""
        if self._url:
            with outside(self._path) as own:
                back = "; ".join(f"INSERT INTO {table} SELECT * FROM kept.{table}" for table in self._tables)
                tables = ", ".join(self._tables)
                own.execute(f"SET LOCAL session_replication_role = replica; TRUNCATE {tables}; {back}")
            return
        with closing(sqlite3.connect(self._path)) as file:
            file.execute("PRAGMA synchronous=OFF")
            self._file.backup(file)

    def close(self) -> None:
        """Forget them."""
        self._file.close()
        if self._url:
            with outside(self._path) as own:
                own.execute("DROP SCHEMA kept CASCADE")


def _url_of(path: Path) -> str:
    return next((url for places in _present if (url := places.url_of(path))), "")


class RefusedError(Exception):
    """A constraint or trigger of the database did not let a statement pass; ``str()`` is what it said."""


class Outside:
    """A ledger's tables past its verbs, as who has the file or the database could write them."""

    def __init__(self, connection: Any, *, is_file: bool) -> None:
        self._connection, self._is_file = connection, is_file

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """Carry out a statement with marks ``?``; gives the driver's cursor.

        Raises:
            RefusedError: when the database itself does not let it pass.
        """
        if self._is_file:
            try:
                return self._connection.execute(statement, values)
            except sqlite3.IntegrityError as error:
                raise RefusedError(str(error)) from error
        import psycopg  # noqa: PLC0415 - of an extra

        words = re.sub(r"\?", "%s", statement.replace("%", "%%")) if values else statement
        try:
            return self._connection.execute(words, values or None)
        except psycopg.IntegrityError as error:
            name = error.diag.constraint_name or ""
            raise RefusedError(f"name-owner {name}" if name.endswith("_owner") else str(error)) from error

    def columns(self, table: str) -> list[str]:
        """Names of the columns of a table, without the number that the database gives."""
        found = self.execute(f"SELECT * FROM {table} LIMIT 0").description
        return [column[0] for column in found if column[0] != "id"]

    def scalars(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """The first column of what a query gives."""
        return [row[0] for row in self.execute(statement, values).fetchall()]


@contextmanager
def outside(path: Path) -> Iterator[Outside]:
    """Write to a ledger past its verbs; what was written stays unless the block fails."""
    url = _url_of(path)
    if not url:
        with closing(sqlite3.connect(path)) as file, file:
            file.execute("PRAGMA foreign_keys = ON")
            yield Outside(file, is_file=True)
        return
    import psycopg  # noqa: PLC0415 - of an extra

    with psycopg.connect(url) as connection:
        yield Outside(connection, is_file=False)
