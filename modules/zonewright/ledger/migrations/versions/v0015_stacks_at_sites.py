"""Numbers for claims of each stack at a site, and for assets of a site: only what may have changed is read again."""

from alembic import op

from zonewright.ledger.store import tables
from zonewright.ledger.store.engines.dialect import words_of

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the tables, their triggers and an index. As they are now: when one changes, its form is copied to here."""
    bind = op.get_bind()
    for table in (tables.claim_stack_version, tables.asset_version):
        table.create(bind, checkfirst=True)
    op.drop_index("claim_by_site", "claim", if_exists=True)
    op.create_index("claim_by_site", "claim", ["site", "stack_id"])
    words_of(bind).draw_versions(bind)
