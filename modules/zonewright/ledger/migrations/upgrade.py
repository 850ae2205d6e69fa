"""``zonewright ledger upgrade``: a backup, all migrations in one transaction, and an entry of what they left."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from zonewright.declare.private_file import make_private
from zonewright.errors import reason_of
from zonewright.ledger.protocol.errors import LedgerUnavailableError
from zonewright.ledger.store import recording, schema
from zonewright.ledger.store.clock import Clock, utc_now
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.engines.postgresql_server import PATIENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgraded:
    """What an upgrade did.

    Attributes:
        before: the version that the ledger had.
        after: the version that it has.
        backup: copy of the ledger as it was; None where nothing was to be done, or it is no file.
        rows: rows that the new entry of the journal covers.
    """

    before: str
    after: str
    backup: Path | None = None
    rows: int = 0


def upgrade(path: Path, url: str = "", *, lock_wait_s: float = 30, clock: Clock = utc_now) -> Upgraded:
    """Bring a ledger to the newest version, alone in writing. Nothing is changed where it has that version.

    A file is copied first. A database is not: its administrator has pg_dump.

    Args:
        path: its file; of PostgreSQL the name that files beside the ledger are formed from.
        url: of PostgreSQL; empty where the ledger is a file.
        lock_wait_s: how long to wait for other writers.
        clock: gives the moment of the entry.

    Raises:
        LedgerUnavailableError: when there is no ledger, its version is a later one, or the backup cannot be written;
            nothing was changed then.
    """
    with (
        closing(Database(path, url, lock_wait_s=lock_wait_s, check_schema=False)) as database,
        database.writing() as connection,
    ):
        before = schema.version_of(connection)
        if before is None or before > schema.SCHEMA:
            database.require_present(before)
        if before is None or before == schema.SCHEMA:
            return Upgraded(before=schema.SCHEMA, after=schema.SCHEMA)
        backup = _back_up(path, before) if database.has_file else None
        if backup is None:
            connection.exec_driver_sql(PATIENT)
        _migrate(connection)
        schema.prepare(connection)
        rows = recording.since_recorded(connection)
        now = Context(database=database, clock=clock).now(connection)
        recording.append(connection, now, recording.UPGRADED, rows, {"from": before, "to": schema.SCHEMA})
    return Upgraded(before=before, after=schema.SCHEMA, backup=backup, rows=len(rows))


def _back_up(path: Path, before: str) -> Path:
    """A copy beside the ledger, which nobody writes while the caller holds the turn."""
    backup = path.with_name(f"{path.name}.schema-{before}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    try:
        make_private(backup)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
            source.backup(target)
    except (OSError, sqlite3.Error) as error:
        backup.unlink(missing_ok=True)
        raise LedgerUnavailableError(
            "backup",
            f"the backup {backup} of the ledger cannot be written: {reason_of(error)}; nothing was changed; make room "
            "beside the ledger and run the upgrade again",
        ) from error
    return backup


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, schema.SCHEMA)
