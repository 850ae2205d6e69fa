"""A ledger as a version before schemas had numbers would have left it: for what must survive an upgrade."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from zonewright.ledger.store.journal import GENESIS, entry_hash
from zonewright.ledger.store.recording import KIND, ROWS
from zonewright.model.canonical import canonical_json

_TABLES = (
    "alembic_version",
    "identity",
    "row_change",
    "recorded",
    "generation",
    "pruned",
    "prefix",
    "step",
    "draft",
    "meter_host",
)


def before_schemas(path: Path) -> None:
    """Take away what the migration adds: its tables, guards and columns, and what entries say of rows."""
    with closing(sqlite3.connect(path)) as own, own:
        objects = "SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'index') AND tbl_name = 'asset'"
        for kind, name in own.execute(objects).fetchall():
            if "_name_" in name or name.endswith("_held"):
                own.execute(f"DROP {kind} {name}")
        for table in ("asset", "claim"):
            own.execute(f"DROP INDEX {table}_current")
            own.execute(f"ALTER TABLE {table} DROP COLUMN holder")
        for table in _TABLES:
            own.execute(f"DROP TABLE {table}")
        own.row_factory = sqlite3.Row
        entries = [dict(row) for row in own.execute("SELECT * FROM journal WHERE kind <> ? ORDER BY sequence", (KIND,))]
        own.execute("DELETE FROM journal")
        previous = GENESIS
        for number, entry in enumerate(entries, 1):
            payload = {name: value for name, value in json.loads(entry["payload"]).items() if name != ROWS}
            fields = {**entry, "sequence": number, "payload": payload, "previous": previous}
            del fields["hash"]
            previous = entry_hash(fields)
            own.execute(
                f"INSERT INTO journal ({', '.join(fields)}, hash) VALUES ({', '.join('?' for _ in fields)}, ?)",
                (*(canonical_json(of) if name == "payload" else of for name, of in fields.items()), previous),
            )
