"""Holders, owners of names, steps, an id, and the list of what each entry of the journal changed.

A ledger that was made before it has no version, and may have some of this already: tables that a version between was
the first to write.
"""

import sqlalchemy as sa
from alembic import op

from zonewright.ledger.store import names, schema, steps, tables, texts

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Add what is missing. What the tables say stays as it is."""
    bind = op.get_bind()
    for name in ("claim", "asset"):
        if all(column["name"] != tables.HOLDER for column in sa.inspect(bind).get_columns(name)):
            op.add_column(name, sa.Column(tables.HOLDER, sa.String(16), nullable=True))
    # Tables as they are now: when one of them changes, its form of this revision is copied to here.
    for table in (
        tables.claim_stack_version,
        tables.asset_version,
        tables.claim_version,
        names.prefix,
        steps.step,
        schema.identity,
        texts.draft,
    ):
        table.create(bind, checkfirst=True)
    op.create_table(
        "row_change",
        sa.Column("table", sa.String(32), primary_key=True),
        sa.Column("key", sa.String(256), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("record", sa.Text, nullable=True),
        if_not_exists=True,
        sqlite_with_rowid=False,
    )
    op.execute(schema.identity.insert().values(id=schema.new_id()))
