"""The verbs of a single claim or asset: confirm, release, read; and the summary of a stack."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, Table, select, update

from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.messages import (
    ConfirmAnswer,
    ConfirmRequest,
    Holding,
    HoldingAnswer,
    HoldingRequest,
    ReleaseAnswer,
    ReleaseRequest,
    ReportRequest,
    StackReport,
)
from zonewright.ledger.store import life
from zonewright.ledger.store.context import Context, raise_revisions
from zonewright.ledger.store.documents import parse_asset
from zonewright.ledger.store.heads import require_seen
from zonewright.ledger.store.rows import rows_of_stack, set_state
from zonewright.ledger.store.tables import admission, asset, claim, enrolment, reservation
from zonewright.ledger.verbs.closing import require_unused
from zonewright.model.demand import asset_summary


def _table(kind: str) -> Table:
    return claim if kind == "node" else asset


def confirm(context: Context, request: ConfirmRequest) -> ConfirmAnswer:
    """Confirm that a resource exists: its claim becomes active, its generation rises, and its old place is freed.

    The resource holds the claim from now on, whoever did before: only its own delete frees it.

    Raises:
        LedgerRefusedError: when no admitted or active claim holds what the resource was made from.
    """
    table = _table(request.kind)
    with context.writing() as connection:
        rows = connection.execute(
            select(table).where(table.c.stack_id == request.stack_id, table.c.name == request.name)
        ).all()  # freed ones too: a generation is never used twice
        group = [life.LifeRow.of(row) for row in rows if row.state != "freed"]
        current = life.current_of(group)
        row = next((row for row in rows if current and row.id == current.id), None)
        if row is None or not _holds(row, request.expect):
            raise LedgerRefusedError("not-admitted", _not_admitted(request))
        generation = max(request.generation, *(other.generation for other in rows)) + 1
        now = context.now(connection)
        connection.execute(
            update(table)
            .where(table.c.id == row.id)
            .values(
                state="active",
                generation=generation,
                holder=request.holder or None,
                changed_at=now,
                active_since=row.active_since or now,
            )
        )
        freed = life.freed_by_confirm(group, request.generation, request.holder)
        if freed:
            set_state(connection, table, freed, "freed", now)
        if freed or request.kind != "node":
            _raise_revisions_of(connection, table, (row.id, *freed))
    return ConfirmAnswer(generation=generation)


def _holds(row: Row[Any], expect: Mapping[str, Any]) -> bool:
    data = {**json.loads(row.data), "digest": row.digest}
    return all(data.get(key) == value for key, value in expect.items())


def _not_admitted(request: ConfirmRequest) -> str:
    place = f" at {request.expect['rack']} U{request.expect['position']}" if "rack" in request.expect else ""
    return (
        f"this stack's present change has no admitted claim for {request.kind} {request.name}{place}; nothing "
        "was created; run pulumi up without --target or --exclude"
    )


def _raise_revisions_of(connection: Connection, table: Table, ids: tuple[int, ...]) -> None:
    raise_revisions(connection, connection.execute(select(table.c.site).where(table.c.id.in_(ids))).scalars())


def release(context: Context, request: ReleaseRequest) -> ReleaseAnswer:
    """Free the place of a deleted resource if it holds it: by its token, or where there is none by its generation."""
    table = _table(request.kind)
    with context.writing() as connection:
        group = rows_of_stack(connection, table, request.stack_id, request.name)
        freed = life.freed_by_release(group, request.generation, request.holder)
        if not freed:
            return ReleaseAnswer(freed=False, stays=any(row.state in ("active", "releasing") for row in group))
        if request.kind != "node" and life.current_of(row for row in group if row.id not in freed) is None:
            require_unused(connection, request.stack_id, request.name)
        set_state(connection, table, freed, "freed", context.now(connection))
        _raise_revisions_of(connection, table, freed)
    return ReleaseAnswer(freed=True)


def read(context: Context, request: HoldingRequest) -> HoldingAnswer:
    """Give the current row of one claim or asset, or None."""
    table = _table(request.kind)
    with context.database.reading() as connection:
        row = connection.execute(
            select(table).where(
                table.c.stack_id == request.stack_id,
                table.c.kind == request.kind,
                table.c.name == request.name,
                table.c.state.in_(life.CURRENT),
            )
        ).first()
    return HoldingAnswer(holding=None if row is None else _holding(row))


def _holding(row: Row[Any]) -> Holding:
    summary = {} if row.kind == "node" else {"summary": asset_summary(parse_asset(row.data))}
    return Holding(
        stack_id=row.stack_id,
        kind=row.kind,
        name=row.name,
        state=row.state,
        generation=row.generation,
        data={**json.loads(row.data), "digest": row.digest, **summary},
    )


def report(context: Context, request: ReportRequest) -> StackReport:
    """Give everything that the ledger holds for one stack."""
    with context.database.reading() as connection:
        require_seen(connection, request.seen, request.stack_id)
        now = context.shown_at(connection)
        enrolled = connection.execute(select(enrolment).where(enrolment.c.stack_id == request.stack_id)).first()
        current = connection.execute(
            select(admission).where(admission.c.stack_id == request.stack_id, admission.c.state == "current")
        ).first()
        held = connection.execute(select(reservation).where(reservation.c.stack_id == request.stack_id)).first()
        holdings = [
            _holding(row)
            for table in ((asset, claim) if request.holdings else ())
            for row in connection.execute(
                select(table)
                .where(table.c.stack_id == request.stack_id, table.c.state != "freed")
                .order_by(table.c.name, table.c.id)
            )
        ]
    return StackReport(
        stack_id=request.stack_id,
        party=enrolled.party if enrolled else None,
        lineage=enrolled.lineage if enrolled else None,
        admission_id=current.id if current else None,
        change_digest=current.change_digest if current else None,
        completed=bool(current and current.completed_at),
        holdings=holdings,
        reservation_expires_at=held.expires_at if held and held.expires_at > now else None,
    )
