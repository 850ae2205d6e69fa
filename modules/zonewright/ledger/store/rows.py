"""Rows of claims and assets: those of a stack, and how they change their state, or go when they are freed."""

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Select,
    Table,
    Update,
    bindparam,
    delete,
    func,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.sqlite import Insert

from zonewright.ledger.protocol.holding_messages import ClaimState
from zonewright.ledger.store import life
from zonewright.ledger.store.asking import first
from zonewright.ledger.store.engines.dialect import words_of
from zonewright.ledger.store.engines.holder import STAYING
from zonewright.ledger.store.prepared import OWN_ASSET, STACK
from zonewright.ledger.store.tables import asset, claim, generation

_PAGE = 500
_Upsert = Callable[[Table], Insert]


def rows_of_stack(connection: Connection, table: Table, stack_id: str, name: str | None = None) -> list[life.LifeRow]:
    """The rows of a stack in one table, as far as their life goes."""
    if table is asset and STAYING in connection.info and first(connection, OWN_ASSET, stack=stack_id) is None:
        return []  # which was asked when its transaction began beside others
    found = connection.execute(_life(table, is_named=name is not None), {"stack": stack_id, "name": name})
    return [life.LifeRow.of(row) for row in found.all()]


@cache
def _life(table: Table, *, is_named: bool) -> Select[Any]:
    columns = (table.c.id, table.c.name, table.c.state, table.c.generation, table.c.holder, table.c.digest)
    query = select(*columns).where(table.c.stack_id == STACK)
    return query.where(table.c.name == bindparam("name")) if is_named else query


_ADMITTED = union_all(
    *(
        select(table.c.kind, table.c.name).where(table.c.stack_id == bindparam("stack"), table.c.state == "admitted")
        for table in (asset, claim)
    )
)


def waiting_of(connection: Connection, stack_id: str, kinds: Collection[str] | None = None) -> list[str]:
    """What is admitted for a stack while no resource of it was made or changed yet, in order, as ``node web-001``.

    Args:
        connection: a transaction.
        stack_id: the stack.
        kinds: of claims and assets; None for all.
    """
    found = connection.execute(_ADMITTED, {"stack": stack_id})
    return sorted(f"{row.kind} {row.name}" for row in found if kinds is None or row.kind in kinds)


def sites_of(connection: Connection, table: Table, ids: Collection[int]) -> set[str]:
    """The sites of rows."""
    found: set[str] = set()
    ordered = sorted(ids)
    for start in range(0, len(ordered), _PAGE):
        found |= set(connection.execute(_sites(table), {"ids": ordered[start : start + _PAGE]}).scalars())
    return found


def _in_page(table: Table) -> ColumnElement[bool]:
    return table.c.id.in_(bindparam("ids", expanding=True))


@cache
def _sites(table: Table) -> Select[Any]:
    return select(table.c.site).where(_in_page(table)).distinct()


def set_state(connection: Connection, table: Table, ids: tuple[int, ...], state: ClaimState, now: str) -> None:
    """Move rows to another state; freed ones leave the table, and what their generation was stays."""
    for start in range(0, len(ids), _PAGE):
        page = {"ids": ids[start : start + _PAGE]}
        if state == "freed":
            connection.execute(_kept(words_of(connection).upsert, table), page)
            connection.execute(_gone(table), page)
        else:
            connection.execute(_moved(table), {**page, "to": state, "moment": now})


@cache
def _kept(upsert: _Upsert, table: Table) -> Insert:
    return _generations(upsert, table, _in_page(table))


@cache
def _gone(table: Table) -> Delete:
    return delete(table).where(_in_page(table))


@cache
def _moved(table: Table) -> Update:
    return update(table).where(_in_page(table)).values(state=bindparam("to"), changed_at=bindparam("moment"))


def rename_rows(connection: Connection, stack_id: str, names: Mapping[str, str]) -> int:
    """Give the claims of a stack other names, also the places that a node is about to leave; gives how many nodes.

    Places, holders and generations stay: a resource that holds a claim holds it under the new name.

    Args:
        connection: a writing transaction.
        stack_id: the stack; nobody else's claims are touched.
        names: new name by old name; no new one is the name of a present claim.
    """
    if names:
        of_stack = claim.c.stack_id == stack_id
        statement = update(claim).where(of_stack, claim.c.name == bindparam("old")).values(name=bindparam("new"))
        connection.execute(statement, [{"old": old, "new": new} for old, new in sorted(names.items())])
    return len(names)


def keep_generations(connection: Connection, table: Table, which: ColumnElement[bool]) -> None:
    """Keep the highest generation of rows that are about to go, by stack.

    Args:
        connection: a writing transaction.
        table: claims or assets.
        which: of its rows.
    """
    connection.execute(_generations(words_of(connection).upsert, table, which))


def _generations(upsert: _Upsert, table: Table, which: ColumnElement[bool]) -> Insert:
    highest = func.max(table.c.generation)
    query = select(table.c.stack_id, highest).where(which, table.c.generation > 0).group_by(table.c.stack_id)
    statement = upsert(generation).from_select(["stack_id", "highest"], query)
    raised = statement.excluded.highest
    return statement.on_conflict_do_update(
        index_elements=["stack_id"], set_={"highest": raised}, where=generation.c.highest < raised
    )
