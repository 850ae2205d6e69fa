"""Scopes of writers, and the stack of each address, on PostgreSQL; in a file nothing changes but the version."""

from alembic import op

from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.store.columns import POSTGRESQL
from zonewright.ledger.store.engines.postgresql_guards import ADDRESSES, ADDRESSES_TWICE

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the table of addresses, filled from what is claimed; that of scopes comes with what is prepared after this.

    Raises:
        LedgerRefusedError: when two stacks have one address.
    """
    bind = op.get_bind()
    if bind.dialect.name != POSTGRESQL:
        return
    if (twice := bind.exec_driver_sql(ADDRESSES_TWICE).first()) is not None:
        raise LedgerRefusedError(
            "address-unique",
            f"stacks {twice.first} and {twice.second} both have the address {twice.address} of pool {twice.pool} of "
            f"site {twice.site}, and from schema {revision} on PostgreSQL keeps two stacks from one address; nothing "
            "was changed; have one of them give it up with the zonewright that made this ledger, and upgrade again",
        )
    # As they are now: when they change, their form of this revision is copied to here.
    bind.exec_driver_sql(ADDRESSES)
