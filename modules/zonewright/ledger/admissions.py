"""The verbs that decide: admit, complete, settle, guard_destroy. Each is one transaction and one journal entry."""

import json
import secrets
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, delete, select, update

from zonewright.ledger import journal, life
from zonewright.ledger.change import change_digest
from zonewright.ledger.context import Context, get_content, raise_revisions, require_enrolment
from zonewright.ledger.errors import LedgerRefusedError
from zonewright.ledger.facts import claims_of, revisions_of
from zonewright.ledger.messages import (
    Admission,
    AdmitRequest,
    CompleteRequest,
    Done,
    SettleRequest,
    StackRequest,
    Standing,
    StandingRequest,
)
from zonewright.ledger.proposals import examine
from zonewright.ledger.tables import admission, asset, claim, enrolment, reservation
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.demand import Demand, asset_text
from zonewright.rules.finding import Finding

_SHOWN_RACKS = 3


def admit(context: Context, request: AdmitRequest) -> Admission:
    """Turn a proposal into claims and assets, all or none.

    Raises:
        LedgerRefusedError: with the findings; the refusal is journaled and nothing else is changed.
    """
    with context.database.reading() as connection:
        _require_enrolled(connection, request)
        facts, demand, findings, line = examine(connection, request, context.now())
    refused: LedgerRefusedError | None = None
    with context.database.writing() as connection:
        _require_enrolled(connection, request)
        if revisions_of(connection, facts.revisions) != facts.revisions:
            facts, demand, findings, line = examine(connection, request, context.now())
        against = tuple(finding for finding in findings if finding.refuses)
        if against:
            refused = _refuse(connection, context, request, against)
        else:
            answer = _carry_out(connection, context, request, demand, line)
            raise_revisions(connection, facts.revisions)
    if refused is not None:
        raise refused
    return answer


def _require_enrolled(connection: Connection, request: AdmitRequest) -> None:
    if get_content(connection, request.rendered_digest) is None:
        raise LedgerRefusedError(
            "not-rendered", "the rendered files of this change are not in the ledger; run pulumi up without --target"
        )
    require_enrolment(connection, stack_id=request.stack_id, party=request.party, lineage=request.lineage, bound=True)


def _refuse(
    connection: Connection, context: Context, request: AdmitRequest, against: tuple[Finding, ...]
) -> LedgerRefusedError:
    journal.append(
        connection,
        at=context.now(),
        kind="refused",
        stack_id=request.stack_id,
        party=request.party,
        payload={
            "demand_digest": request.demand_digest,
            "rules": dict(sorted(Counter(finding.rule for finding in against).items())),
        },
    )
    return LedgerRefusedError("findings", f"{len(against)} findings, nothing was claimed or created", against)


def _carry_out(connection: Connection, context: Context, request: AdmitRequest, demand: Demand, line: str) -> Admission:
    now = context.now()
    claims = claims_of(demand, request.seats, request.addresses)
    wanted_claims = {name: ("node", data["rack"], canonical_json(data)) for name, data in claims.items()}
    wanted_assets = {name: (item.kind, name, asset_text(item)) for name, item in demand.assets.items()}
    counts = {
        "claims": _write(connection, claim, request, wanted_claims, now),
        "assets": _write(connection, asset, request, wanted_assets, now),
    }
    digest = change_digest(request.demand_digest, request.seats, request.addresses, request.rendered_digest)
    connection.execute(
        update(admission)
        .where(admission.c.stack_id == request.stack_id, admission.c.state == "current")
        .values(state="superseded")
    )
    admission_id = f"adm-{secrets.token_hex(8)}"
    connection.execute(
        admission.insert().values(
            id=admission_id,
            stack_id=request.stack_id,
            party=request.party,
            demand_digest=request.demand_digest,
            change_digest=digest,
            rendered_digest=request.rendered_digest,
            holds=canonical_json(
                {name: digest_of(text) for name, (_, _, text) in (wanted_claims | wanted_assets).items()}
            ),
            state="current",
            admitted_at=now,
        )
    )
    connection.execute(delete(reservation).where(reservation.c.stack_id == request.stack_id))
    journal.append(
        connection,
        at=now,
        kind="admitted",
        stack_id=request.stack_id,
        party=request.party,
        payload={
            "admission_id": admission_id,
            "change_digest": digest,
            "demand_digest": request.demand_digest,
            "rendered_digest": request.rendered_digest,
            "summary": line,
            **counts,
        },
    )
    return Admission(admission_id=admission_id, change_digest=digest, summary=line)


def rows_of_stack(connection: Connection, table: Table, stack_id: str, name: str | None = None) -> list[life.Row]:
    """The rows of a stack in one table that are not freed, as far as their life goes."""
    query = select(table.c.id, table.c.name, table.c.state, table.c.generation, table.c.digest).where(
        table.c.stack_id == stack_id, table.c.state != "freed"
    )
    if name is not None:
        query = query.where(table.c.name == name)
    return [life.Row(**row) for row in connection.execute(query).mappings()]


def set_state(connection: Connection, table: Table, ids: tuple[int, ...], state: str, now: str) -> None:
    """Move rows to another state."""
    for start in range(0, len(ids), 500):
        connection.execute(
            update(table).where(table.c.id.in_(ids[start : start + 500])).values(state=state, changed_at=now)
        )


def _write(
    connection: Connection, table: Table, request: AdmitRequest, wanted: Mapping[str, tuple[str, str, str]], now: str
) -> dict[str, int]:
    """Carry out the moves of one admission in one table; returns how many rows went to which state."""
    rows = rows_of_stack(connection, table, request.stack_id)
    moves = life.admit(rows, {name: digest_of(text) for name, (_, _, text) in wanted.items()})
    for state in ("freed", "releasing", "active"):
        ids = tuple(row_id for row_id, target in moves.states.items() if target == state)
        set_state(connection, table, ids, state, now)
    fresh = []
    for name in moves.new:
        kind, where, text = wanted[name]
        fresh.append(
            {
                "stack_id": request.stack_id,
                "party": request.party,
                "kind": kind,
                "name": name,
                "state": "admitted",
                "generation": 0,
                "site": where.split("/", 1)[0],
                "rack": where,
                "digest": digest_of(text),
                "data": text,
                "changed_at": now,
            }
        )
    if fresh:
        connection.execute(table.insert(), fresh)
    return {"admitted": len(fresh), **dict(sorted(Counter(moves.states.values()).items()))}


def standing(context: Context, request: StandingRequest) -> Standing:
    """Whether an admission is still what the ledger holds for its stack; this is how a preview sees drift."""
    with context.database.reading() as connection:
        row = connection.execute(select(admission).where(admission.c.id == request.admission_id)).first()
        if row is None or row.state != "current" or row.stack_id != request.stack_id:
            return Standing(current=False, reason="the ledger holds another admission for this stack")
        decided: dict[str, str] = json.loads(row.holds)
        held = {
            item.name: digest_of(item.data)
            for table in (claim, asset)
            for item in connection.execute(
                select(table.c.name, table.c.data).where(
                    table.c.stack_id == request.stack_id, table.c.state.in_(life.CURRENT)
                )
            )
        }
    drifted = sorted(name for name in decided.keys() | held.keys() if decided.get(name) != held.get(name))
    return Standing(
        current=not drifted,
        completed=row.completed_at is not None,
        drifted=drifted,
        reason=f"{len(drifted)} claims or assets are not as they were admitted" if drifted else "",
    )


def complete(context: Context, request: CompleteRequest) -> Done:
    """Close the change: every resource of it exists."""
    with context.database.writing() as connection:
        row = _current(connection, request.stack_id)
        if row is None or row.change_digest != request.change_digest:
            raise LedgerRefusedError(
                "not-admitted",
                "this change is not the one that the ledger admitted last for this stack; "
                "run pulumi up without --target, so that it is admitted first",
            )
        if row.completed_at is None:
            now = context.now()
            connection.execute(update(admission).where(admission.c.id == row.id).values(completed_at=now))
            journal.append(
                connection,
                at=now,
                kind="completed",
                stack_id=request.stack_id,
                party=row.party,
                payload={"admission_id": row.id, "change_digest": request.change_digest},
            )
    return Done()


def _current(connection: Connection, stack_id: str) -> Any:
    query = select(admission).where(admission.c.stack_id == stack_id, admission.c.state == "current")
    return connection.execute(query).first()


def settle(context: Context, request: SettleRequest) -> Done:
    """Free what is still releasing when the resource of an admission is deleted; on a destroy, free everything."""
    with context.database.writing() as connection:
        row = connection.execute(select(admission).where(admission.c.id == request.admission_id)).first()
        if row is None or row.stack_id != request.stack_id or row.state == "settled":
            return Done()
        now = context.now()
        freed: dict[str, int] = {}
        sites: set[str] = set()
        for table in (claim, asset):
            rows = rows_of_stack(connection, table, request.stack_id)
            ids = life.freed_by_settle(rows, is_current=row.state == "current")
            if table is asset and row.state == "current":
                require_unused(connection, request.stack_id)
            sites |= set(connection.execute(select(table.c.site).where(table.c.id.in_(ids))).scalars())
            set_state(connection, table, ids, "freed", now)
            freed[table.name] = len(ids)
        connection.execute(update(admission).where(admission.c.id == row.id).values(state="settled"))
        raise_revisions(connection, sites)
        journal.append(
            connection,
            at=now,
            kind="settled",
            stack_id=request.stack_id,
            party=row.party,
            payload={"admission_id": row.id, "freed": freed},
        )
    return Done()


def require_unused(connection: Connection, stack_id: str, name: str | None = None) -> None:
    """Refuse when another stack has a claim or a reservation on an asset of this stack.

    Args:
        connection: a transaction.
        stack_id: the stack whose assets would go.
        name: one row's path; None looks at all of the stack's assets.
    """
    query = select(asset.c.name).where(asset.c.stack_id == stack_id, asset.c.state != "freed", asset.c.kind == "row")
    rows = [name] if name is not None else list(connection.execute(query).scalars())
    prefixes = tuple(f"{row}/" for row in rows)
    sites = {row.split("/", 1)[0] for row in rows}
    held = connection.execute(
        select(claim.c.rack, claim.c.party).where(
            claim.c.site.in_(sorted(sites)), claim.c.state != "freed", claim.c.stack_id != stack_id
        )
    )
    racks = Counter(row.rack for row in held if row.rack.startswith(prefixes))
    if racks:
        more = len(racks) - _SHOWN_RACKS
        shown = ", ".join(sorted(racks)[:_SHOWN_RACKS]) + (f" and {more} more" if more > 0 else "")
        raise LedgerRefusedError(
            "in-use",
            f"{sum(racks.values())} claims of other parties stand in {len(racks)} racks of this stack ({shown}); "
            "nothing was deleted; ask their owners to move out first",
        )


def guard_destroy(context: Context, request: StackRequest) -> Done:
    """The first step of a destroy: refuse it whole if others stand on what would go, else close it to others."""
    refused: LedgerRefusedError | None = None
    with context.database.writing() as connection:
        now = context.now()
        party = connection.execute(select(enrolment.c.party).where(enrolment.c.stack_id == request.stack_id)).scalar()
        try:
            require_unused(connection, request.stack_id)
        except LedgerRefusedError as error:
            refused = error
        else:
            rows = rows_of_stack(connection, asset, request.stack_id)
            active = tuple(row.id for row in rows if row.state == "active")
            set_state(connection, asset, active, "releasing", now)
            sites = connection.execute(select(asset.c.site).where(asset.c.id.in_(active)).distinct()).scalars()
            raise_revisions(connection, sites)
        journal.append(
            connection,
            at=now,
            kind="destroy-refused" if refused else "destroy-begun",
            stack_id=request.stack_id,
            party=party or "",
            payload={"reason": refused.sentence} if refused else {},
        )
    if refused is not None:
        raise refused
    return Done()
