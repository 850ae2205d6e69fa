"""The verbs of a stack's standing: init (the zone's file), enrol, leave, recover."""

from collections.abc import Collection

from sqlalchemy import Connection, delete, update

from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.holding_messages import ClaimState
from zonewright.ledger.protocol.messages import Done
from zonewright.ledger.protocol.stack_messages import (
    AcceptRequest,
    Enrolled,
    EnrolRequest,
    InitAnswer,
    InitRequest,
    LeaveRequest,
    LedgerAccepted,
    Reconciled,
    ReconcileRequest,
    RecoverRequest,
)
from zonewright.ledger.store import journal, life
from zonewright.ledger.store.context import Context, raise_revisions, require_enrolment
from zonewright.ledger.store.heads import ACCEPTED, ENROLLED, accepted, has, require_ledger
from zonewright.ledger.store.loaded import waits_for_a_state
from zonewright.ledger.store.prepared import DOCUMENT, ENROLMENT, PARTY, ZONE
from zonewright.ledger.store.rows import rows_of_stack, set_state, sites_of
from zonewright.ledger.store.scopes import touching
from zonewright.ledger.store.steps import TAKEN_OVER, next_step, step_of
from zonewright.ledger.store.tables import asset, claim, deployed, enrolment, zone
from zonewright.ledger.store.texts import put_digested
from zonewright.ledger.verbs.renaming import let_go
from zonewright.model import Zone
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.demand import zone_digest
from zonewright.rules.words import count_of

_SHOWN = 20
"""Faults of a file that one answer names."""


def init(context: Context, request: InitRequest) -> InitAnswer:
    """Register the administrator's file. After that, only demands that were made for this copy are admitted."""
    digest = zone_digest(request.zone)
    with context.writing() as connection:
        row = connection.execute(ZONE).first()
        if row is not None and row.id != request.zone.zone:
            raise LedgerRefusedError(
                "another-zone",
                f"this ledger belongs to zone '{row.id}'; zone '{request.zone.zone}' needs another ledger",
            )
        if row is not None and row.digest == digest:
            return InitAnswer(zone=request.zone.zone, zone_digest=digest, changed=False)
        now = context.now(connection)
        _require_faultless(request.zone, now[:10])
        document = canonical_json(request.zone.model_dump(mode="json", exclude_defaults=True))
        values = {
            "id": request.zone.zone,
            "digest": digest,
            "document": document,
            "registered_at": now,
            "former": None if row is None else row.former,
        }
        connection.execute(delete(zone))
        connection.execute(zone.insert().values(**values))
        let_go(connection)
        put_digested(connection, {digest: document})  # what was decided by it can be judged later
        journal.append(
            connection, at=now, kind="zone-registered", stack_id="", party="", payload={"zone_digest": digest}
        )
    return InitAnswer(zone=request.zone.zone, zone_digest=digest, changed=True)


def _require_faultless(file: Zone, on: str) -> None:
    """Whoever brings the file, it is one that a check of files lets pass: every decision rests on it."""
    from zonewright.declare.registered import zone_problems  # noqa: PLC0415 - only here, and it is much

    problems = zone_problems(file, on)
    if problems:
        shown = [str(one) for one in problems[:_SHOWN]]
        more = [f"and {len(problems) - _SHOWN:,} more"] if len(problems) > _SHOWN else []
        said = f"the zone's file has {count_of(len(problems), 'fault')}; nothing was registered"
        raise LedgerRefusedError("faulty-zone", "\n".join([f"{said}:", *shown, *more]))


def enrol(context: Context, request: EnrolRequest) -> Enrolled:
    """Bind stack id, party and lineage. The same three again change nothing.

    What `ledger load` brought in is taken over by the first state of the same party.
    """
    who = {"stack_id": request.stack_id, "party": request.party, "lineage": request.lineage}
    if request.dry_run:
        with context.database.reading() as connection:
            own = require_ledger(connection, request.ledger, request.stack_id)
            if waits_for_a_state(connection, **who):
                return Enrolled(bound=False, ledger=own, step=step_of(connection, request.stack_id))
            lineage = require_enrolment(connection, **who, bound=False)
            step = step_of(connection, request.stack_id)
        return Enrolled(bound=lineage is not None, ledger=own, step=step)
    with context.writing(touching(request.stack_id, request.party)) as connection:
        own = require_ledger(connection, request.ledger, request.stack_id)
        if waits_for_a_state(connection, **who):
            _take_over(connection, request.stack_id, request.party, context.now(connection), [], is_empty=True)
        else:
            require_enrolment(connection, **who, bound=False)
        _require_party(connection.execute(DOCUMENT).scalar(), request.party)
        row = connection.execute(ENROLMENT, {"stack": request.stack_id}).first()
        if row is not None and row.lineage == request.lineage:
            return Enrolled(bound=True, ledger=own, step=step_of(connection, request.stack_id))
        now = context.now(connection)
        if row is None:
            _forget_files(connection, request.stack_id)
        connection.execute(delete(enrolment).where(enrolment.c.stack_id == request.stack_id))
        connection.execute(enrolment.insert().values(**who, label=request.label, enrolled_at=now))
        journal.append(
            connection,
            at=now,
            kind=ENROLLED,
            stack_id=request.stack_id,
            party=request.party,
            payload={"label": request.label, "lineage": digest_of(request.lineage)},
        )
        step = step_of(connection, request.stack_id)
    return Enrolled(bound=True, ledger=own, step=step)


def _take_over(
    connection: Connection, stack_id: str, party: str, now: str, holders: Collection[str], *, is_empty: bool
) -> None:
    """Unbind the lineage of a stack; what no resource of the new state holds is only admitted, or free."""
    connection.execute(update(enrolment).where(enrolment.c.stack_id == stack_id).values(lineage=None))
    _let_go(connection, stack_id, holders, now, is_empty=is_empty)
    journal.append(
        connection,
        at=now,
        kind=TAKEN_OVER,
        stack_id=stack_id,
        party=party,
        payload={"state_is_empty": is_empty, "step": next_step(connection, stack_id, TAKEN_OVER)},
    )


def _require_party(document: str | None, party: str) -> None:
    if document is None:
        raise LedgerRefusedError(
            "no-zone", "the ledger has no zone yet; the administrator registers one with: zonewright ledger init ZONE"
        )
    known = Zone.model_validate_json(document).parties
    if party not in known:
        raise LedgerRefusedError(
            "unknown-party", f"party '{party}' is not in the registered zone file; it has: {', '.join(sorted(known))}"
        )


def leave(context: Context, request: LeaveRequest) -> Done:
    """Unbind a stack: the last step of a destroy. Another lineage's late delete changes nothing."""
    with context.writing(touching(request.stack_id)) as connection:
        row = connection.execute(ENROLMENT, {"stack": request.stack_id}).first()
        require_ledger(connection, request.ledger, request.stack_id)
        if row is None or row.lineage != request.lineage:
            return Done()
        left = [item for table in (claim, asset) for item in rows_of_stack(connection, table, request.stack_id)]
        if left:
            raise LedgerRefusedError(
                "still-holding",
                f"stack {request.stack_id} still has {len(left)} claims or assets, such as {left[0].name}; "
                "destroy it with plain pulumi destroy, so that they are freed first",
            )
        connection.execute(delete(enrolment).where(enrolment.c.stack_id == request.stack_id))
        _forget_files(connection, request.stack_id)
        journal.append(
            connection, at=context.now(connection), kind="left", stack_id=request.stack_id, party=row.party, payload={}
        )
    return Done()


def _forget_files(connection: Connection, stack_id: str) -> None:
    """Take away what a state lost: the next party that has this id is not to find files of the one before."""
    connection.execute(delete(deployed).where(deployed.c.stack_id == stack_id))


def recover(context: Context, request: RecoverRequest) -> Done:
    """Unbind a lost lineage, so that the next enrolment of the same party binds a new one.

    What no resource of the state holds is only admitted again (the next ``up`` adopts it), or free if it was releasing.
    """
    with context.writing() as connection:
        row = connection.execute(ENROLMENT, {"stack": request.stack_id}).first()
        if row is None:
            return Done()
        if row.party != request.party:
            raise LedgerRefusedError(
                "another-party", f"stack id {request.stack_id} belongs to another party than '{request.party}'"
            )
        now, is_empty = context.now(connection), request.state_is_empty
        _take_over(connection, request.stack_id, request.party, now, request.holders, is_empty=is_empty)
    return Done()


def accept(context: Context, request: AcceptRequest) -> LedgerAccepted:
    """Take entries as seen that this ledger does not have, since it was restored or made again. All of it is journaled.

    Nobody's claims change by it: what others were admitted with since the backup stays theirs.
    """
    with context.writing() as connection:
        _require_party(connection.execute(DOCUMENT).scalar(), request.party)
        enrolled = connection.execute(PARTY, {"stack": request.stack_id}).scalar()
        if enrolled not in (None, request.party):
            raise LedgerRefusedError(
                "another-party", f"stack id {request.stack_id} belongs to another party than '{request.party}'"
            )
        known = accepted(connection, request.stack_id)
        lost = [one for one in request.seen if not has(connection, one) and one not in known]
        if lost:
            journal.append(
                connection,
                at=context.now(connection),
                kind=ACCEPTED,
                stack_id=request.stack_id,
                party=request.party,
                payload={"seen": [one.model_dump() for one in lost]},
            )
    return LedgerAccepted(lost=len(lost))


def reconcile(context: Context, request: ReconcileRequest) -> Reconciled:
    """Take what the ledger has under resources that the state lost: it is only admitted, or freed if it was releasing.

    Raises:
        LedgerRefusedError: when the state is not the stack's.
    """
    with context.writing() as connection:
        row = connection.execute(ENROLMENT, {"stack": request.stack_id}).first()
        if row is None:
            return Reconciled(admitted=0, freed=0)
        require_enrolment(connection, stack_id=request.stack_id, party=row.party, lineage=request.lineage, bound=True)
        now = context.now(connection)
        moved = _let_go(connection, request.stack_id, request.holders, now, is_empty=False)
        if moved.admitted or moved.freed:
            journal.append(
                connection,
                at=now,
                kind="reconciled",
                stack_id=request.stack_id,
                party=row.party,
                payload=moved.model_dump(),
            )
    return moved


def _let_go(connection: Connection, stack_id: str, holders: Collection[str], now: str, *, is_empty: bool) -> Reconciled:
    counts: dict[ClaimState, int] = {"freed": 0, "admitted": 0}
    for table in (claim, asset):
        moves = life.let_go(rows_of_stack(connection, table, stack_id), frozenset(holders), is_empty=is_empty)
        raise_revisions(connection, sites_of(connection, table, moves.states))
        for state in counts:
            ids = tuple(row_id for row_id, target in moves.states.items() if target == state)
            set_state(connection, table, ids, state, now)
            counts[state] += len(ids)
    return Reconciled(**counts)
