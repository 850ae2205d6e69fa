"""Who may reserve, and how much at once: a stack of the party that it is enrolled for, or the first up of a new one.

A first ``up`` reserves before its Enrolment exists, so a stack that is not enrolled may reserve too. Whoever asks for
that has shown nothing but the name of a party, so a party has few of those at a time, and its enrolled stacks keep most
of its reservations whatever is asked in its name.
"""

from sqlalchemy import Connection, bindparam, select, union_all

from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.store.prepared import ENROLMENT, PARTY, STACK
from zonewright.ledger.store.tables import enrolment, lasting, reservation
from zonewright.model.limits import RESERVATIONS, UNENROLLED
from zonewright.rules.words import listed

_RESERVED = (reservation, lasting)
_HOLDS = union_all(
    *(
        select(table.c.party).where(table.c.stack_id == STACK, table.c.expires_at > bindparam("now"))
        for table in _RESERVED
    )
)
_OTHERS = (
    select(reservation.c.stack_id, reservation.c.expires_at, enrolment.c.stack_id.is_(None).label("is_new"))
    .outerjoin(enrolment, enrolment.c.stack_id == reservation.c.stack_id)
    .where(
        reservation.c.party == bindparam("party"),
        reservation.c.stack_id != STACK,
        reservation.c.expires_at > bindparam("now"),
    )
    .order_by(reservation.c.expires_at)
)


def require_own_stack(connection: Connection, *, stack_id: str, party: str, now: str) -> None:
    """Refuse a proposal in the name of a stack of another party: it would take the place of that stack's own.

    Args:
        connection: a transaction.
        stack_id: whose places are asked for.
        party: who asks.
        now: the moment, ISO 8601.

    Raises:
        LedgerRefusedError: when the stack is enrolled for another party or is about to be, which is not named.
    """
    own = {"stack": stack_id}
    holder = connection.execute(PARTY, own).scalar() or connection.execute(_HOLDS, {**own, "now": now}).scalar()
    if holder not in (None, party):
        raise LedgerRefusedError(
            "another-party",
            f"stack id {stack_id} belongs to another party than '{party}'; make a new stack id: zonewright "
            f"stack new NAME --party {party}",
        )


def require_quota(connection: Connection, *, stack_id: str, party: str, now: str) -> None:
    """Refuse a reservation beyond what a party may hold at once. The one that it takes the place of does not count.

    Args:
        connection: the transaction that reserves.
        stack_id: whose reservation it is.
        party: of the stack, one that the registered zone has.
        now: the moment, ISO 8601.

    Raises:
        LedgerRefusedError: names the stacks that hold the others, and when the next of them ends.
    """
    held = connection.execute(_OTHERS, {"party": party, "stack": stack_id, "now": now}).all()
    is_new = connection.execute(ENROLMENT, {"stack": stack_id}).first() is None
    counts = [(held, RESERVATIONS, "")]
    if is_new:
        counts.append(([row for row in held if row.is_new], UNENROLLED, " of stacks that are not enrolled yet"))
    for rows, limit, which in counts:
        if len(rows) >= limit.most:
            raise LedgerRefusedError(
                "reservation-quota",
                f"party '{party}' has {len(rows)} reservations{which}, of at most {limit.most}: those of "
                f"{listed([row.stack_id for row in rows])}; nothing was reserved; run pulumi up again when one of them "
                f"has been admitted, or after {rows[0].expires_at[:19]}Z, when the first of them ends",
            )
