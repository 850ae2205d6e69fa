"""Hosts that read meters, each in the hands of one stack."""

from alembic import op

from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.store.columns import POSTGRESQL
from zonewright.ledger.store.names import hosts_twice, meter_host

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the table, filled from what sites declare. In a file, what two stacks had before stays, as for networks.

    Raises:
        LedgerRefusedError: on PostgreSQL, when two stacks have one host: it keeps no constraint that is broken.
    """
    bind = op.get_bind()
    if bind.dialect.name == POSTGRESQL and (twice := hosts_twice(bind)) is not None:
        host, *stacks = twice
        raise LedgerRefusedError(
            "name-owner",
            f"stacks {' and '.join(stacks)} both have the host {host} that reads meters, and from schema {revision} on "
            "PostgreSQL keeps two stacks from one host; nothing was changed; have one of them give it up with the "
            "zonewright that made this ledger, and upgrade again",
        )
    # As it is now: when it changes, its form of this revision is copied to here.
    meter_host.create(bind, checkfirst=True)
