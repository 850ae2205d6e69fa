"""Readings, samples, agents and what they report in the database, on PostgreSQL; a file has files of its own for them.

What lies in files beside a service is brought over by who runs the upgrade, after this.
"""

from alembic import op

from zonewright.ledger.store.columns import POSTGRESQL
from zonewright.ledger.store.telemetry_tables import make

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables. As they are now: when they change, their form of this revision is copied to here."""
    bind = op.get_bind()
    if bind.dialect.name == POSTGRESQL:
        make(bind)
