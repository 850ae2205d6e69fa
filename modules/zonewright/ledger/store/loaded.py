"""Stacks that ``ledger load`` brought in: no state holds them, so their party's first real stack takes them over."""

from sqlalchemy import Connection

from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.stack_messages import LOADED
from zonewright.ledger.store.prepared import ENROLMENT, LINEAGE


def waits_for_a_state(connection: Connection, *, stack_id: str, party: str, lineage: str) -> bool:
    """Whether a stack was loaded, and whoever asks is its party with a state of its own.

    Args:
        connection: a transaction.
        stack_id: id in the stack's configuration.
        party: the declaration's owner.
        lineage: of the state that asks; that of a load takes nothing over.
    """
    row = connection.execute(ENROLMENT, {"stack": stack_id}).first()
    return row is not None and (row.party, row.lineage) == (party, LOADED) and lineage != LOADED


def require_lineage(connection: Connection, stack_id: str, lineage: str | None) -> None:
    """Let a stack pass that is bound to this lineage, or to nobody.

    Args:
        connection: a transaction.
        stack_id: id in the stack's configuration.
        lineage: of who asks; None does not ask.

    Raises:
        LedgerRefusedError: when a state has taken it over, or is about to.
    """
    if lineage is None:
        return
    row = connection.execute(LINEAGE, {"stack": stack_id}).first()
    if row is not None and row.lineage != lineage:
        raise LedgerRefusedError(
            "taken-over",
            f"stack id {stack_id} is not only loaded any more: a pulumi stack has taken it over; change it with "
            "pulumi up, or remove it with pulumi destroy",
        )
