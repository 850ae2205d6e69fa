"""Freed claims and assets leave their tables, lists hold digests only, and what each row was is kept once.

An admission that is not the present one does not say any more what it held.

What rows said that have changed since is in the backup of the upgrade, and nowhere else from here on.
"""

from alembic import op
from sqlalchemy import Connection, MetaData, Table

from zonewright.ledger.store import names, pruned_texts, recording, rows, tables

revision = "0002"
down_revision = "0001"

_LISTS = """
INSERT INTO row_change (sequence, "table", key, digest)
SELECT sequence, "table", key, digest FROM row_change_0001 ORDER BY sequence, "table", key
"""
_RECORDED = """
INSERT INTO recorded ("table", key, digest, record) SELECT "table", key, digest, record FROM (
    SELECT "table", key, digest, record, max(sequence) FROM row_change_0001 GROUP BY "table", key HAVING digest <> ''
)
"""


def upgrade() -> None:
    """Change the form of what is there. What is held, and by whom, stays as it is."""
    bind = op.get_bind()
    op.rename_table("row_change", "row_change_0001")
    recording.row_change.create(bind)
    recording.recorded.create(bind)
    for statement in (_LISTS, _RECORDED):
        op.execute(statement)
    op.drop_table("row_change_0001")
    for name in bind.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all():
        op.execute(f"DROP TRIGGER {name}")
    op.drop_table("prefix")
    op.drop_table("claim_version")
    tables.generation.create(bind)
    pruned_texts.pruned.create(bind)
    for table in (tables.claim, tables.asset):
        _make_again(bind, table)
        freed = table.c.state == "freed"
        rows.keep_generations(bind, table, freed)
        op.execute(table.delete().where(freed))
    op.execute(tables.admission.update().where(tables.admission.c.state != "current").values(holds="{}"))
    for table in (tables.claim_stack_version, tables.asset_version):
        table.create(bind, checkfirst=True)
    tables.claim_version.create(bind)
    names.prefix.create(bind)


def _make_again(bind: Connection, table: Table) -> None:
    """Put a table of today's form in the place of one, with the same rows; its triggers go, its indexes come back."""
    again = table.to_metadata(MetaData(), name=f"{table.name}_0002")
    again.indexes.clear()
    again.create(bind)
    op.execute(again.insert().from_select(table.c.keys(), table.select()))
    op.drop_table(table.name)
    op.rename_table(again.name, table.name)
    for index in table.indexes:
        index.create(bind, checkfirst=True)
