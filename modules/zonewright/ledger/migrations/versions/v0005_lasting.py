"""Reservations for days, which the journal accounts for."""

from alembic import op

from zonewright.ledger.store import tables

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the table. Nothing is reserved in it until somebody asks for that."""
    # The table as it is now: when it changes, its form of this revision is copied to here.
    tables.lasting.create(op.get_bind(), checkfirst=True)
