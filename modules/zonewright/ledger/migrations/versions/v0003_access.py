"""Principals and their tokens: who may call a ledger that is served."""

from alembic import op

from zonewright.ledger.store import tables

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the tables. Nobody has access until somebody grants it."""
    # Tables as they are now: when one of them changes, its form of this revision is copied to here.
    for table in (tables.principal, tables.token):
        table.create(op.get_bind(), checkfirst=True)
