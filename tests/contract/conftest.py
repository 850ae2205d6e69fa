"""After each test of the contract, the tables of every ledger that it made are the sum of their journal."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from zonewright.ledger.store.database import Database
from zonewright.ledger.store.recording import all_rows
from zonewright.ledger.store.schema import SCHEMA
from zonewright.ledger.store.state import verify_state
from zonewright.ledger.store.state_root import root, state_digest


@pytest.fixture(autouse=True)
def _tables_are_the_sum_of_the_journal(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[None]:
    """Marked ``tampers``: the test writes past the verbs, so the tables say something else on purpose."""
    yield
    if request.node.get_closest_marker("tampers") is not None:
        return
    for path in sorted(tmp_path.rglob("ledger.db")):
        if not _is_present(path):
            continue
        with closing(Database(path, lock_wait_s=5)) as database, database.reading() as connection:
            assert verify_state(connection).faults == []
            assert state_digest(connection) == root(row[:3] for row in all_rows(connection))


def _is_present(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("SELECT version_num FROM alembic_version").fetchone() == (SCHEMA,))
    except sqlite3.Error:  # not a ledger, or an older one: tests of that
        return False
