"""A PostgreSQL of the tests' own: Debian's programs, a folder and a socket of their own, never as root.

It starts once in a process of tests and waits for no disk. Its data, with a template that has all tables, is a copy of
what is made once in a run. Each test has a copy of the template.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.once import made_once, memory
from support.parts import skip_or_fail
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.schema import new_id

if TYPE_CHECKING:
    import psycopg

PACKAGE = "postgresql"
_FOLDERS = "/usr/lib/postgresql"
_USERS = ("postgres", "nobody")
_PORT = 5432
"""Of the socket's name; nothing listens on the network."""
_SETTINGS = (
    *("listen_addresses=", "max_connections=100", "log_min_messages=fatal", "jit=off"),
    *("shared_buffers=32MB", "max_wal_size=256MB"),
)
_FORGETFUL = ("fsync=off", "full_page_writes=off", "autovacuum=off")
_LIMIT_S = 60
_TEMPLATE = "ledger_template"


def programs() -> Path:
    """The folder with PostgreSQL's programs, the newest that there is; the test is skipped where there is none."""
    found = sorted(Path(_FOLDERS).glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        skip_or_fail(f"PostgreSQL is not installed (Debian package {PACKAGE}): a ledger on it is NOT tested")
    return found[-1].parent


def _owner() -> pwd.struct_passwd | None:
    """The user that the server runs as where the tests run as root, which PostgreSQL refuses to."""
    if os.geteuid() != 0:
        return None
    for name in _USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise LookupError(f"none of the users {', '.join(_USERS)} exists")


@dataclass
class PostgresqlServer:
    """A server that runs.

    Attributes:
        folder: its data, and its socket.
        bin: its programs.
        is_durable: it waits for the disk, as one that is not for tests.
    """

    folder: Path
    bin: Path
    is_durable: bool
    _owner: pwd.struct_passwd | None
    _process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _administrator: "psycopg.Connection[Any] | None" = None
    """Makes and removes databases: each connection is a process of the server, of 15 ms."""

    @property
    def user(self) -> str:
        """The role that owns all."""
        return "ledger"

    def url(self, database: str) -> str:
        """The ledger's URL of a database."""
        return f"postgresql://{self.user}@/{database}?host={self.folder}&port={_PORT}"

    def start(self, *more: str) -> None:
        """Start it, and wait until it answers.

        Args:
            more: settings for this time.
        """
        self._administrator = None
        settings = (*_SETTINGS, *more, *(() if self.is_durable else _FORGETFUL))
        options = [part for setting in settings for part in ("-c", setting)]
        options += ["-c", f"unix_socket_directories={self.folder}", "-p", str(_PORT)]
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(
            [self.bin / "postgres", "-D", self.folder / "data", *options],
            stdout=log,
            stderr=log,
            cwd=self.folder,
            **self._as_owner(),
        )
        log.close()
        deadline = time.monotonic() + _LIMIT_S
        while subprocess.run(
            [self.bin / "pg_isready", "-q", "-h", self.folder, "-p", str(_PORT)], check=False
        ).returncode:
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self, *, immediately: bool = False, by: int | None = None) -> None:
        """Stop it: in order, or as a crash does, or by a signal that is named."""
        assert self._process is not None
        if self._administrator is not None:
            self._administrator.close()
        self._process.send_signal(by or (3 if immediately else 2))
        self._process.wait(_LIMIT_S)

    def initialise(self) -> None:
        """Have its data, a copy of what is made once in a run."""
        subprocess.run(["cp", "-a", made_once("postgresql", self._make) / "data", self.folder], check=True)
        self._own_folder()

    def _own_folder(self) -> None:
        if self._owner is not None:
            os.chown(self.folder, self._owner.pw_uid, self._owner.pw_gid)

    def _make(self, at: Path) -> None:
        """The data of a server with the template."""
        folder = Path(tempfile.mkdtemp(prefix="zw-pg-", dir=memory()))
        made = PostgresqlServer(folder, self.bin, is_durable=False, _owner=self._owner)
        try:
            made._own_folder()
            given = ["-D", folder / "data", "-U", self.user, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]
            made.run("initdb", *given)
            made.start()
            try:
                made.sql("postgres", f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0 STRATEGY file_copy")
                Database(Path("none.db"), made.url(_TEMPLATE), create=True, lock_wait_s=_LIMIT_S).close()
            finally:
                made.stop()
            subprocess.run(["cp", "-a", folder / "data", at], check=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def create(self, template: str = "template0") -> str:
        """A new database, a copy of a template; gives its name."""
        name = f"ledger_{next(self._numbers)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def copy_template(self) -> str:
        """A new database with the tables of an empty ledger, which has an id of its own; gives its name."""
        name = self.create(_TEMPLATE)
        self.sql(name, f"UPDATE identity SET id = '{new_id()}'")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still in it."""
        self._administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _administer(self, statement: str) -> None:
        import psycopg  # noqa: PLC0415 - of an extra

        if self._administrator is None:
            self._administrator = psycopg.connect(self.url("postgres"), autocommit=True)
        self._administrator.execute(statement.encode(), prepare=False)

    def sql(self, database: str, statement: str) -> list[tuple[object, ...]]:
        """Carry out statements from outside a ledger, as its administrator could; gives the rows of the last."""
        import psycopg  # noqa: PLC0415 - of an extra

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), prepare=False)
            return cursor.fetchall() if cursor.description else []

    def run(self, program: str, *arguments: object, given: bytes = b"") -> bytes:
        """What one of its programs prints.

        Args:
            program: its name.
            arguments: its command line.
            given: its standard input.
        """
        done = subprocess.run(
            [self.bin / program, *map(str, arguments)],
            capture_output=True,
            input=given,
            check=False,
            cwd=self.folder,
            **self._as_owner(),
        )
        assert done.returncode == 0, done.stderr.decode()
        return bytes(done.stdout)

    def _as_owner(self) -> dict[str, Any]:
        owner = self._owner
        if owner is None:
            return {}
        return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}

    def follow(self, first: "PostgresqlServer", name: str) -> None:
        """Become a standby of a server that runs, and have it wait for this one with each commit."""
        self._own_folder()
        origin = f"host={first.folder} port={_PORT} user={self.user} application_name={name}"
        self.run("pg_basebackup", "--dbname", origin, "-D", self.folder / "data", "-X", "stream", "-c", "fast", "-N")
        (self.folder / "data" / "standby.signal").touch()
        self.start(f"primary_conninfo={origin}", "hot_standby=on")
        first.sql("postgres", f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        first.sql("postgres", "SELECT pg_reload_conf()")
        deadline = time.monotonic() + _LIMIT_S
        while first.sql("postgres", "SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.02)

    def promote(self) -> None:
        """Be a standby no more, and write."""
        assert self.sql("postgres", "SELECT pg_promote()") == [(True,)]


@contextmanager
def server_and_standby() -> Iterator[tuple[PostgresqlServer, PostgresqlServer]]:
    """A server and its synchronous standby, each in a folder of its own; either may be gone at the end of the block."""
    where = programs()
    folders = [Path(tempfile.mkdtemp(prefix="zw-pg-", dir=memory())) for _ in range(2)]
    first, second = (PostgresqlServer(folder, where, is_durable=False, _owner=_owner()) for folder in folders)
    started: list[PostgresqlServer] = []
    try:
        first.initialise()
        first.start()
        started.append(first)
        second.follow(first, "second")
        started.append(second)
        yield first, second
    finally:
        for server in reversed(started):
            assert server._process is not None
            if server._process.poll() is None:
                server.stop(immediately=True)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgresql_server(*, is_durable: bool = False) -> Iterator[PostgresqlServer]:
    """A server until the end of the block; its folder has a short name, since a socket's has at most 107 bytes."""
    where = programs()
    folder = Path(tempfile.mkdtemp(prefix="zw-pg-", dir=None if is_durable else memory()))
    server = PostgresqlServer(folder, where, is_durable, _owner())
    try:
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
