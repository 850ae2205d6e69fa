"""The chains of what agents sent, in the database on PostgreSQL; beside a file they are in a file of theirs."""

from alembic import op

from zonewright.ledger.store.columns import POSTGRESQL
from zonewright.ledger.store.telemetry_tables import make

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the tables that are not there. As they are now: when they change, their form is copied to here."""
    bind = op.get_bind()
    if bind.dialect.name == POSTGRESQL:
        make(bind)
