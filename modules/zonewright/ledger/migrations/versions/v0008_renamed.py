"""Names of assets that are other names now, beside the zone's file."""

from alembic import op
from sqlalchemy import Column, inspect

from zonewright.ledger.store.columns import LONG

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column; without a value nothing was renamed."""
    if "former" not in {column["name"] for column in inspect(op.get_bind()).get_columns("zone")}:
        op.add_column("zone", Column("former", LONG, nullable=True))
