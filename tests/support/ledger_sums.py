"""What must be so after every test that makes a ledger: its tables are the sum of its journal."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from sqlalchemy import select

from zonewright.ledger.store.database import Database
from zonewright.ledger.store.recording import recorded
from zonewright.ledger.store.schema import SCHEMA
from zonewright.ledger.store.state import verify_state
from zonewright.ledger.store.state_root import root, state_digest


def require_sums(places: Iterable[Path]) -> None:
    """Fail where a table says something that no entry of the journal tells.

    Args:
        places: files of ledgers of this version, or their names on a server.
    """
    for place in places:
        with closing(Database(place, lock_wait_s=5)) as database, database.reading() as connection:
            assert verify_state(connection).faults == []  # so what is recorded is what every row says
            rows = connection.execute(select(recorded.c.table, recorded.c.key, recorded.c.digest)).all()
            assert state_digest(connection) == root((row[0], row[1], row[2]) for row in rows)


def ledgers_in(folder: Path) -> list[Path]:
    """The ledgers of this version in a folder."""
    return [path for path in sorted(folder.rglob("ledger.db")) if _is_present(path)]


def _is_present(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("SELECT version_num FROM alembic_version").fetchone() == (SCHEMA,))
    except sqlite3.Error:  # not a ledger, or an older one: tests of that
        return False
