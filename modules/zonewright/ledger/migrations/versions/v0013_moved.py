"""Which hours of readings lie in a time-series database: of PostgreSQL; beside a file it is in the file."""

from alembic import op

from zonewright.ledger.store.columns import POSTGRESQL
from zonewright.ledger.store.telemetry_tables import make

revision = "0013"
down_revision = "0010"


def upgrade() -> None:
    """Make the tables that are not there. As they are now: when they change, their form is copied to here."""
    bind = op.get_bind()
    if bind.dialect.name == POSTGRESQL:
        make(bind)
