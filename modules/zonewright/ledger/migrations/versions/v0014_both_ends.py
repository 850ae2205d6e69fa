"""A claim that goes to another site draws the numbers of both: what is remembered of the old one is read again."""

from alembic import op

from zonewright.ledger.store.engines.dialect import words_of

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the trigger. As it is now: when it changes, its form of this revision is copied to here."""
    bind = op.get_bind()
    words_of(bind).draw_versions(bind)
