"""The verbs on changes: plan, verdict, plan-of, changes."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from zonewright.ledger.deciding.authority import is_reviewed
from zonewright.ledger.deciding.plan_truth import require_true, texts_of
from zonewright.ledger.deciding.plans import (
    author_received,
    last_plan,
    planned_of,
    present,
    received_on,
    verdicts_on,
)
from zonewright.ledger.deciding.readable import of_caller
from zonewright.ledger.protocol.change_messages import (
    ChangeRecord,
    ChangesAnswer,
    ChangesRequest,
    ChangeState,
    Plan,
    PlanAnswer,
    PlanQuery,
    PlanRecord,
    PlanRequest,
    VerdictRequest,
)
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.rights import Caller
from zonewright.ledger.store import journal
from zonewright.ledger.store.clock import stamp
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.documents import parse_zone
from zonewright.ledger.store.steps import step_of
from zonewright.ledger.store.tables import admission, change, decided, verdict, zone
from zonewright.ledger.store.tables import journal as entries
from zonewright.ledger.store.texts import files_of, get_content, keep
from zonewright.model import Zone
from zonewright.model.canonical import digest_of
from zonewright.seal import SealError
from zonewright.seal.decide import approved
from zonewright.seal.statement import Statement
from zonewright.seal.viewed import viewed_of
from zonewright.seal.votes import ReceivedEnvelope, author_of, opened, vote_of


def _zone(connection: Connection) -> Zone:
    document = connection.execute(select(zone.c.document)).scalar()
    if document is None:
        raise LedgerRefusedError(
            "no-zone", "the ledger has no zone yet; the administrator registers one with: zonewright ledger init ZONE"
        )
    return parse_zone(document)


def plan(context: Context, request: PlanRequest) -> PlanAnswer:
    """Register a plan that its author has signed. The same plan again changes nothing."""
    try:
        wanted = Plan.model_validate_json(request.plan)
    except ValueError as error:
        raise LedgerRefusedError("no-plan", f"this is not a plan: {str(error).splitlines()[0]}") from None
    if wanted.text() != request.plan:
        raise LedgerRefusedError("no-plan", "the plan is not in its canonical form")
    digest = digest_of(request.plan)
    with context.writing() as connection:
        known = _zone(connection)
        require_true(context, connection, wanted, request)
        planned = planned_of(wanted, wanted.risk)
        now = context.moment(connection)
        try:
            author = author_of(ReceivedEnvelope(request.envelope, now), planned, known.signers)
        except SealError as error:
            raise LedgerRefusedError("author", f"the author's signature is not valid: {error}") from None
        if connection.execute(select(change.c.number).where(change.c.plan == digest)).first() is None:
            at = stamp(now)
            keep(connection, texts_of(connection, wanted))
            connection.execute(
                change.insert().values(
                    plan=digest,
                    change_digest=wanted.change_digest,
                    stack_id=wanted.stack_id,
                    party=wanted.party,
                    replaces=wanted.replaces,
                    author=author,
                    envelope=request.envelope,
                    document=request.plan,
                    received_at=at,
                )
            )
            journal.append(
                connection,
                at=at,
                kind="planned",
                stack_id=wanted.stack_id,
                party=wanted.party,
                payload={
                    "plan": digest,
                    "change_digest": wanted.change_digest,
                    "author": author,
                    "risk": wanted.risk,
                    "emergency": wanted.emergency,
                    "follows": wanted.follows,
                    "envelope": digest_of(request.envelope),
                },
            )
        return _standing(connection, known, digest, stamp(now))


def verdict_on(context: Context, request: VerdictRequest) -> PlanAnswer:
    """Register a verdict. A verdict that does not count is refused and changes nothing."""
    with context.writing() as connection:
        known = _zone(connection)
        now = context.now(connection)
        try:
            signer, _key, statement = opened(request.envelope, known.signers)
            row = _plan_row(connection, statement.plan)
            wanted = Plan.model_validate_json(row["document"])
            vote = vote_of(
                ReceivedEnvelope(request.envelope, datetime.fromisoformat(now)),
                planned_of(wanted, wanted.risk),
                known.signers,
                author=row["author"],
            )
            _accounts_for_files(connection, statement, wanted)
        except SealError as error:
            raise LedgerRefusedError("verdict", f"the verdict is not valid: {error}") from None
        is_new = request.envelope not in verdicts_on(connection, row["plan"])
        if is_new:
            connection.execute(
                verdict.insert().values(
                    plan=row["plan"],
                    signer=signer,
                    word=vote.verdict,
                    envelope=request.envelope,
                    received_at=now,
                )
            )
            journal.append(
                connection,
                at=now,
                kind="approved" if vote.verdict == "approve" else "rejected",
                stack_id=row["stack_id"],
                party=known.signers[signer].party,
                payload={
                    "plan": row["plan"],
                    "change_digest": row["change_digest"],
                    "signer": signer,
                    "key": vote.key,
                    "envelope": digest_of(request.envelope),
                },
            )
        return _standing(connection, known, row["plan"], now)


def _accounts_for_files(connection: Connection, statement: Statement, wanted: Plan) -> None:
    """What a signer says to have seen is about the files of this plan.

    Raises:
        SealError: when it is not.
    """
    seen = viewed_of(statement)
    if seen is None:
        return
    indexes = (get_content(connection, wanted.files.get(name, "")) for name in ("before.json", "rendered.json"))
    before, after = (files_of(text) for text in indexes)
    if fault := seen.fault(before, after):
        raise SealError(f"what its signer says to have seen is not right: {fault}")


def _plan_row(connection: Connection, digest: str) -> RowMapping:
    row = connection.execute(select(change).where(change.c.plan == digest)).mappings().first()
    if row is None:
        raise SealError(f"the ledger has no plan {digest[7:19]}")
    return row


def _standing(connection: Connection, known: Zone, digest: str, now: str) -> PlanAnswer:
    row = connection.execute(select(change).where(change.c.plan == digest)).mappings().one()
    wanted = Plan.model_validate_json(row["document"])
    found = approved(
        known,
        planned_of(wanted, wanted.risk),
        author=author_received(row),
        verdicts=received_on(connection, digest),
        now=datetime.fromisoformat(now),
        required=bool(wanted.accepts),
    )
    return PlanAnswer(plan=digest, state=found.state, sentences=list(found.sentences))


def plan_of(context: Context, request: PlanQuery) -> PlanRecord:
    """Give a plan with its signatures, by the first characters of its digest or as the last plan of its stack."""
    with context.database.reading() as connection:
        row = plan_row(connection, context.caller, request)
        if row is None:
            return PlanRecord()
        query_admission = select(decided.c.admission_id).where(
            decided.c.plan == row["plan"], decided.c.kind == "admitted"
        )
        return PlanRecord(
            plan=row["document"],
            envelope=row["envelope"],
            verdicts=verdicts_on(connection, row["plan"]),
            admission_id=connection.execute(query_admission).scalar() or "",
            sequence=_registered(connection, row),
            is_partial=not context.caller.sees_all,
        )


def plan_row(connection: Connection, caller: Caller, request: PlanQuery) -> RowMapping | None:
    """The plan that is asked for, where there is one and the caller may know of it.

    Args:
        connection: a transaction.
        caller: who asks.
        request: names the plan.
    """
    if request.plan:
        begin = request.plan if request.plan.startswith("sha256:") else f"sha256:{request.plan}"
        query = select(change).where(change.c.plan.startswith(begin, autoescape=True)).limit(2)
        if not caller.sees_all:
            query = query.where(of_caller(change, caller))
        rows = connection.execute(query).mappings().all()
        row = rows[0] if len(rows) == 1 else None
    else:
        row = last_plan(connection, request.stack_id)
    return row if row is not None and _may_see(caller, row) else None


def _registered(connection: Connection, row: RowMapping) -> int:
    """The entry by which a plan was registered; 0 where the journal has none of that moment."""
    query = select(entries.c.sequence, entries.c.payload).where(
        entries.c.kind == "planned", entries.c.at == row["received_at"]
    )
    found = (one.sequence for one in connection.execute(query) if json.loads(one.payload).get("plan") == row["plan"])
    return next(found, 0)


def changes(context: Context, request: ChangesRequest) -> ChangesAnswer:
    """Give the population: every plan, and every decision on a change without a plan."""
    with context.database.reading() as connection:
        known = _zone(connection)
        now = context.shown_at(connection)
        rows = connection.execute(select(decided).order_by(decided.c.sequence)).mappings().all()
        admissions = {row["id"]: row for row in connection.execute(select(admission)).mappings()}
        found = [_planned_record(connection, known, row, rows, admissions, now) for row in _plans(connection)]
        found += [_decided_record(row, admissions) for row in rows if not row["plan"]]
    found = [one for one in found if _may_see(context.caller, vars(one))]
    kinds = Counter(row["kind"] for row in rows if _may_see(context.caller, row))
    chosen = [one for one in found if request.stack_id in ("", one.stack_id) and request.state in ("", one.state)]
    chosen.sort(key=lambda one: (one.planned_at or one.decided_at, one.stack_id))
    return ChangesAnswer(changes=chosen, admissions=kinds["admitted"], refusals=kinds["refused"])


def _may_see(caller: Caller, row: Mapping[str, Any] | RowMapping) -> bool:
    """Whether something of a party and a stack is told to a caller: its own, or any to who approves or oversees."""
    is_its_stack = not caller.stacks or row["stack_id"] in caller.stacks
    return caller.sees_all or (caller.party == row["party"] and is_its_stack)


def _plans(connection: Connection) -> list[RowMapping]:
    return list(connection.execute(select(change).order_by(change.c.number)).mappings())


def _state_of(row: Any) -> ChangeState:
    if row["completed_at"]:
        return "applied"
    return "admitted" if row["state"] == "current" else "failed"


def _decided_record(row: RowMapping, admissions: dict[str, Any]) -> ChangeRecord:
    held = admissions.get(row["admission_id"])
    return ChangeRecord(
        state="refused" if held is None else _state_of(held),
        change_digest=row["change_digest"],
        stack_id=row["stack_id"],
        party=row["party"],
        decided_at=row["at"],
        completed_at=(held["completed_at"] or "") if held is not None else "",
        admission_id=row["admission_id"],
        refusals=int(row["kind"] == "refused"),
        decisions=[row["sequence"]],
    )


def _planned_record(  # noqa: PLR0917 - private
    connection: Connection,
    known: Zone,
    row: RowMapping,
    decisions: Any,
    admissions: dict[str, Any],
    now: str,
) -> ChangeRecord:
    wanted = Plan.model_validate_json(row["document"])
    mine = [one for one in decisions if one["plan"] == row["plan"]]
    done = next((one for one in mine if one["kind"] == "admitted"), None)
    standing = _standing(connection, known, row["plan"], now)
    held = admissions.get(done["admission_id"]) if done is not None else None
    current = present(connection, row["stack_id"])
    state: ChangeState
    review_by, told = "", list(standing.sentences)
    if held is not None and done is not None:
        state, told = _state_of(held), []
        admitted_at = datetime.fromisoformat(done["at"])
        if done["review_by"] and not is_reviewed(connection, known, row, wanted, admitted_at):
            review_by = done["review_by"]
            told = [f"an emergency change, review due by {review_by[:16]}"]
    elif row["replaces"] != (str(current["id"]) if current is not None else "") or (
        wanted.follows not in (None, step_of(connection, row["stack_id"]))
    ):
        state = "expired"
    elif standing.state == "rejected":
        state = "rejected"
    elif standing.state == "missing":
        state = "refused" if mine else "planned"
    else:
        state = "approved"
    return ChangeRecord(
        state=state,
        change_digest=wanted.change_digest,
        plan=row["plan"],
        stack_id=row["stack_id"],
        party=row["party"],
        author=row["author"],
        reason=wanted.reason,
        risk=wanted.risk,
        emergency=wanted.emergency,
        planned_at=wanted.planned_at,
        decided_at=mine[-1]["at"] if mine else "",
        completed_at=(held["completed_at"] or "") if held is not None else "",
        admission_id=done["admission_id"] if done is not None else "",
        approved_by=json.loads(done["approved_by"]) if done is not None else [],
        refusals=sum(1 for one in mine if one["kind"] == "refused"),
        decisions=[one["sequence"] for one in mine],
        review_by=review_by,
        sentences=told,
    )
