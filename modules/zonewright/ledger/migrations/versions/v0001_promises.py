"""Holders, owners of names, steps, an id, and the list of what each entry of the journal changed.

A ledger that was made before it has no version, and may have some of this already: tables that a version between was
the first to write.
"""

import sqlalchemy as sa
from alembic import op

from zonewright.ledger.store import names, recording, schema, steps, tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Add what is missing. What the tables say stays as it is."""
    bind = op.get_bind()
    for name in ("claim", "asset"):
        if all(column["name"] != tables.HOLDER for column in sa.inspect(bind).get_columns(name)):
            op.add_column(name, sa.Column(tables.HOLDER, sa.String(16), nullable=True))
    if all(column["name"] != "expires_at" for column in sa.inspect(bind).get_columns("content")):
        op.add_column("content", sa.Column("expires_at", sa.String(32), nullable=True))
        op.create_index("content_drafts", "content", ["expires_at"], sqlite_where=sa.text("expires_at IS NOT NULL"))
    # Tables as they are now: when one of them changes, its form of this revision is copied to here.
    for table in (tables.claim_version, names.prefix, steps.step, schema.identity, recording.row_change):
        table.create(bind, checkfirst=True)
    op.execute(schema.identity.insert().values(id=schema.new_id()))
