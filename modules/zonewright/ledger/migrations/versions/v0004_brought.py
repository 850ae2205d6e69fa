"""Who brought a text: what a party may name in its changes."""

from alembic import op

from zonewright.ledger.store import brought

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table. What was admitted and planned before keeps what it names."""
    # The table as it is now: when it changes, its form of this revision is copied to here.
    brought.brought.create(op.get_bind(), checkfirst=True)
