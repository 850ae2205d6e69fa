"""The verbs of claims and assets: confirm (one, or many), release, read; and the summary of a stack."""

import json
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, Update, bindparam, func, select, update

from zonewright.ledger.protocol.errors import LedgerMisuseError, LedgerRefusedError
from zonewright.ledger.protocol.holding_messages import (
    ConfirmAnswer,
    Confirmation,
    ConfirmManyAnswer,
    ConfirmManyRequest,
    ConfirmRequest,
    Holding,
    HoldingAnswer,
    HoldingRequest,
    ReleaseAnswer,
    ReleaseRequest,
)
from zonewright.ledger.protocol.stack_messages import ReportRequest, StackReport
from zonewright.ledger.store import life
from zonewright.ledger.store.context import Context, raise_revisions
from zonewright.ledger.store.documents import parse_asset
from zonewright.ledger.store.heads import require_same
from zonewright.ledger.store.paging import as_dicts
from zonewright.ledger.store.prepared import ENROLMENT, PRESENT, STACK, of_stack
from zonewright.ledger.store.rows import rows_of_stack, set_state, sites_of, waiting_of
from zonewright.ledger.store.scopes import touching
from zonewright.ledger.store.steps import step as stack_step
from zonewright.ledger.store.tables import asset, claim, generation, reservation
from zonewright.ledger.verbs.closing import require_unused
from zonewright.model.asset import asset_summary
from zonewright.model.asset_properties import asset_properties
from zonewright.rules.words import count_of, listed

_PAGE = 500
_LIFE = ("stack_id", "kind", "name", "state", "generation")
"""Columns that say where in its life a claim or asset is."""


def _table(kind: str) -> Table:
    return claim if kind == "node" else asset


def confirm(context: Context, request: ConfirmRequest) -> ConfirmAnswer:
    """Confirm that a resource exists: its claim becomes active, its generation rises, and its old place is freed.

    The resource holds the claim from now on, whoever did before: only its own delete frees it.

    Raises:
        LedgerRefusedError: when no admitted or active claim holds what the resource was made from.
    """
    with context.writing(touching(request.stack_id)) as connection:
        (generation,) = confirm_in(connection, request.stack_id, [request], request.step, context.now(connection))
    return ConfirmAnswer(generation=generation)


def confirm_many(context: Context, request: ConfirmManyRequest) -> ConfirmManyAnswer:
    """Confirm many resources of a stack in one transaction, as `confirm` does: all of them, or none.

    Raises:
        LedgerMisuseError: when one claim or asset stands there twice.
        LedgerRefusedError: names the first that no admitted or active claim holds.
    """
    seen: set[tuple[bool, str]] = set()
    for one in request.confirms:
        if (key := (one.kind == "node", one.name)) in seen:
            raise LedgerMisuseError(
                "twice", f"{one.kind} {one.name} stands twice in one batch of confirms; nothing was confirmed"
            )
        seen.add(key)
    with context.writing(touching(request.stack_id)) as connection:
        try:
            now = context.now(connection)
            generations = confirm_in(connection, request.stack_id, request.confirms, request.step, now)
        except LedgerRefusedError as error:
            nothing = f"none of {count_of(len(request.confirms), 'confirm')} was carried out"
            raise LedgerRefusedError(error.code, f"{nothing}: {error.sentence}") from None
    return ConfirmManyAnswer(generations=generations)


def confirm_in(
    connection: Connection, stack_id: str, wanted: Sequence[Confirmation], step: int | None, now: str
) -> list[int]:
    """Carry out confirms of which none is of the same claim; gives the raised generations, in their order.

    Args:
        connection: a writing transaction.
        stack_id: the stack.
        wanted: the confirms.
        step: that the stack must be at; None does not ask.
        now: the moment, ISO 8601.

    Raises:
        LedgerRefusedError: when one of them cannot be carried out.
    """
    raised: dict[int, int] = {}
    left_out: set[str] | None = None
    for table in (asset, claim):
        places = [place for place, one in enumerate(wanted) if _table(one.kind) is table]
        rows = _rows_by_name(connection, table, stack_id, [wanted[place].name for place in places])
        left = _left_elsewhere(connection, stack_id, [wanted[place] for place in places], rows)
        active: list[dict[str, Any]] = []
        freed: list[int] = []
        touched: set[str] = set()
        for place in places:
            one, known = wanted[place], rows.get(wanted[place].name, ())
            group = [life.LifeRow.of(row) for row in known]
            current = life.current_of(group)
            row = next((row for row in known if current and row.id == current.id), None)
            if row is None or not _holds(row, one.expect):
                raise LedgerRefusedError("not-admitted", _not_admitted(one))
            if step is not None and row.step != step:
                raise LedgerRefusedError("replaced", _replaced(one))
            if row.waiting and left_out is None:
                left_out = _left_out(connection, stack_id, wanted)
            _require_before(one, left_out or ())
            behind = left.get(one.holder, ())
            raised[place] = max(one.generation, row.freed, *(other.generation for other in (*known, *behind))) + 1
            active.append(
                {
                    "row": row.id,
                    "raised": raised[place],
                    "token": one.holder or None,
                    "moment": now,
                    "since": row.active_since or now,
                }
            )
            gone = (*life.freed_by_confirm(group, one.generation, one.holder), *(other.id for other in behind))
            freed += gone
            if gone or table is asset:
                touched |= {other.site for other in (*known, *behind) if other.id in (row.id, *gone)}
        if active:
            connection.execute(_activated(table), active)
        set_state(connection, table, tuple(freed), "freed", now)
        raise_revisions(connection, touched)
    return [raised[place] for place in range(len(wanted))]


def make_rest(connection: Connection, stack_id: str, now: str) -> None:
    """Make active what of a load's stack is only admitted, as a confirm does: its old place is freed.

    That is what moved, and what a load left that was killed while it confirmed in batches, as older versions did.

    Args:
        connection: the transaction that admits, after its rows were written.
        stack_id: the stack.
        now: the moment, ISO 8601.
    """
    wanted: list[Confirmation] = []
    for table in (asset, claim):
        kinds = {row.name: row.kind for row in connection.execute(_waiting(table), {"stack": stack_id})}
        groups = life.by_name(rows_of_stack(connection, table, stack_id)) if kinds else {}
        for name, kind in kinds.items():
            held = max(row.generation for row in groups[name])
            wanted.append(Confirmation(kind=kind, name=name, generation=held))
    if wanted:
        confirm_in(connection, stack_id, wanted, None, now)


@cache
def _waiting(table: Table) -> Select[Any]:
    return select(table.c.name, table.c.kind).where(table.c.stack_id == STACK, table.c.state == "admitted")


_BEFORE: Mapping[str, tuple[str, ...]] = {"row": ("site",), "link": ("duct",), "node": ("site", "row", "duct", "link")}
"""Kinds of assets of the same stack whose resources are made before one of a kind, which depends on them."""


def _left_out(connection: Connection, stack_id: str, wanted: Sequence[Confirmation]) -> set[str]:
    """Kind and name of what is only admitted, before what is confirmed: not of what is confirmed with it."""
    kinds = {kind for one in wanted for kind in _BEFORE.get(one.kind, ())}
    return set(waiting_of(connection, stack_id, kinds)) - {f"{one.kind} {one.name}" for one in wanted}


def _require_before(wanted: Confirmation, left_out: Collection[str]) -> None:
    """Refuse what depends on an asset that this run left out: the state would name what it has not."""
    if wanted.kind == "row":
        missing = {f"site {wanted.name.partition('/')[0]}"}.intersection(left_out)
    else:
        missing = {one for one in left_out if one.startswith(_BEFORE.get(wanted.kind, ()))}
    if missing:
        raise LedgerRefusedError(
            "not-made",
            f"{wanted.kind} {wanted.name} comes after {listed(sorted(missing))}, of which this run made no resource; "
            "nothing was created; run pulumi up without --target or --exclude",
        )


def _rows_by_name(
    connection: Connection, table: Table, stack_id: str, names: Sequence[str]
) -> dict[str, list[Row[Any]]]:
    """The rows of names of a stack.

    ``freed`` is the highest generation of the stack that went: none is used twice. ``waiting`` is how many of its
    assets are only admitted, ``step`` its last step.
    """
    found: dict[str, list[Row[Any]]] = {}
    for start in range(0, len(names), _PAGE):
        given = {"stack": stack_id, "names": names[start : start + _PAGE]}
        for row in connection.execute(_named_rows(table), given).all():
            found.setdefault(row.name, []).append(row)
    return found


def _left_elsewhere(
    connection: Connection, stack_id: str, wanted: Sequence[Confirmation], rows: Mapping[str, Sequence[Row[Any]]]
) -> dict[str, list[Row[Any]]]:
    """Places that nodes held under another name and leave now, by the token of their resource.

    The ledger has renamed a node, its state has not learnt it, and then the node was given its name of before or yet
    another one: nothing would ever say of the name in between that its resource is gone.
    """
    moved = [
        one.holder
        for one in wanted
        if one.kind == "node"
        and one.holder
        and one.generation
        and not any(row.holder == one.holder for row in rows.get(one.name, ()))
    ]
    found: dict[str, list[Row[Any]]] = {}
    for start in range(0, len(moved), _PAGE):
        for row in connection.execute(_LEAVING, {"stack": stack_id, "tokens": moved[start : start + _PAGE]}).all():
            found.setdefault(row.holder, []).append(row)
    return found


_LEAVING = select(claim).where(
    claim.c.stack_id == STACK,
    claim.c.state == "releasing",
    claim.c.holder.in_(bindparam("tokens", expanding=True)),
)


@cache
def _named_rows(table: Table) -> Select[Any]:
    """The query of this, which costs more to make than to carry out."""
    other = asset.alias()
    highest = select(generation.c.highest).where(generation.c.stack_id == STACK).scalar_subquery()
    waiting = select(func.count()).where(other.c.stack_id == STACK, other.c.state == "admitted").scalar_subquery()
    last = select(stack_step.c.number).where(stack_step.c.stack_id == STACK).scalar_subquery()
    counted = func.coalesce(highest, 0).label("freed"), waiting.label("waiting"), last.label("step")
    of_stack = select(table, *counted).where(table.c.stack_id == STACK)
    return of_stack.where(table.c.name.in_(bindparam("names", expanding=True)))


@cache
def _activated(table: Table) -> Update:
    return (
        update(table)
        .where(table.c.id == bindparam("row"))
        .values(
            state="active",
            generation=bindparam("raised"),
            holder=bindparam("token"),
            changed_at=bindparam("moment"),
            active_since=bindparam("since"),
        )
    )


def _holds(row: Row[Any], expect: Mapping[str, Any]) -> bool:
    if not expect:
        return True
    data = {**json.loads(row.data), "digest": row.digest}
    if "properties" in expect and row.kind != "node":
        data["properties"] = asset_properties(parse_asset(row.data))
    return all(data.get(key) == value for key, value in expect.items())


def _not_admitted(wanted: Confirmation) -> str:
    rack, unit = wanted.expect.get("rack"), wanted.expect.get("position")
    place = "" if rack is None or unit is None else f" at {rack} U{unit}"
    return (
        f"this stack's present change has no admitted claim for {wanted.kind} {wanted.name}{place}; nothing "
        "was created; run pulumi up without --target or --exclude"
    )


def _replaced(wanted: Confirmation) -> str:
    return (
        f"{wanted.kind} {wanted.name}: this run is not the stack's present one any more, since another run admitted a "
        "change, began a destroy or took the stack over meanwhile; nothing was created; run pulumi up"
    )


def release(context: Context, request: ReleaseRequest) -> ReleaseAnswer:
    """Free the place of a deleted resource if it holds it: by its token, or where there is none by its generation."""
    table = _table(request.kind)
    with context.writing(touching(request.stack_id)) as connection:
        group = rows_of_stack(connection, table, request.stack_id, request.name)
        if request.holder and all(row.holder != request.holder for row in group):
            # Renamed since the state of its resource learnt its name, which another one may have by now.
            known = rows_of_stack(connection, table, request.stack_id)
            names = {row.name for row in known if row.holder == request.holder}
            group = [row for row in known if row.name in names] or group
        freed = life.freed_by_release(group, request.generation, request.holder)
        if not freed:
            return ReleaseAnswer(freed=False, stays=any(row.state in ("active", "releasing") for row in group))
        if request.kind != "node" and life.current_of(row for row in group if row.id not in freed) is None:
            require_unused(connection, request.stack_id, next(row.name for row in group if row.id in freed))
        raise_revisions(connection, sites_of(connection, table, freed))
        set_state(connection, table, freed, "freed", context.now(connection))
    return ReleaseAnswer(freed=True)


def read(context: Context, request: HoldingRequest) -> HoldingAnswer:
    """Give the current row of one claim or asset, or None."""
    table = _table(request.kind)
    with context.database.reading() as connection:
        given = {"stack": request.stack_id, "kind": request.kind, "name": request.name}
        row = connection.execute(_one(table), given).first()
    return HoldingAnswer(holding=None if row is None else Holding.model_validate(_holding(row)))


@cache
def _one(table: Table) -> Select[Any]:
    is_it = table.c.kind == bindparam("kind"), table.c.name == bindparam("name")
    return select(table).where(table.c.stack_id == STACK, *is_it, table.c.state.in_(life.CURRENT))


def _holding(row: Row[Any]) -> dict[str, Any]:
    """The fields of a holding."""
    return {**{name: getattr(row, name) for name in _LIFE}, "data": _data(row)}


def _data(row: Row[Any]) -> dict[str, Any]:
    """What a row holds, as its reader gets it."""
    said = {**json.loads(row.data), "digest": row.digest}
    if row.kind != "node":
        known = parse_asset(row.data)
        said |= {"summary": asset_summary(known), "properties": asset_properties(known)}
    return said


def _lineage_for(context: Context, enrolled: Row[Any] | None) -> str | None:
    """The lineage that a stack is bound to; empty for a reader of another party, who may know that it is bound."""
    if enrolled is None or enrolled.lineage is None:
        return None
    is_own = context.caller.has_file or context.caller.party == enrolled.party
    return str(enrolled.lineage) if is_own else ""


@cache
def _held(table: Table, *, with_data: bool) -> Select[Any]:
    columns = table.c if with_data else (table.c[name] for name in _LIFE)
    return select(*columns).where(table.c.stack_id == STACK).order_by(table.c.name, table.c.id)


def report(context: Context, request: ReportRequest) -> StackReport:
    """Give everything that the ledger holds for one stack."""
    with context.database.reading() as connection:
        require_same(connection, request)
        now = context.shown_at(connection)
        own = {"stack": request.stack_id}
        enrolled = connection.execute(ENROLMENT, own).first()
        current = connection.execute(PRESENT, own).first()
        is_open = bool(waiting_of(connection, request.stack_id))  # also after a recovery let go of what a state had
        held = connection.execute(of_stack(reservation), own).first()
        holdings: list[dict[str, Any]] = []
        for table in (asset, claim) if request.holdings else ():
            found = connection.execute(_held(table, with_data=request.data), own)
            if request.data:
                holdings += [_holding(row) for row in found]
            else:
                holdings += [{**life, "data": {}} for life in as_dicts(found)]
    return StackReport.model_validate(
        {
            "stack_id": request.stack_id,
            "party": enrolled.party if enrolled else None,
            "lineage": _lineage_for(context, enrolled),
            "admission_id": current.id if current else None,
            "change_digest": current.change_digest if current else None,
            "completed": bool(current and current.completed_at),
            "is_open": is_open,
            "holdings": holdings,
            "reservation_expires_at": held.expires_at if held and held.expires_at > now else None,
        }
    )
