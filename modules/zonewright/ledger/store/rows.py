"""Rows of claims and assets: those of a stack that are not freed, and how they change their state."""

from collections.abc import Collection

from sqlalchemy import Connection, Table, select, update

from zonewright.ledger.store import life

_PAGE = 500


def rows_of_stack(connection: Connection, table: Table, stack_id: str, name: str | None = None) -> list[life.LifeRow]:
    """The rows of a stack in one table that are not freed, as far as their life goes."""
    columns = (table.c.id, table.c.name, table.c.state, table.c.generation, table.c.holder, table.c.digest)
    query = select(*columns).where(table.c.stack_id == stack_id, table.c.state != "freed")
    if name is not None:
        query = query.where(table.c.name == name)
    return [life.LifeRow.of(row) for row in connection.execute(query)]


def sites_of(connection: Connection, table: Table, ids: Collection[int]) -> set[str]:
    """The sites of rows."""
    found: set[str] = set()
    ordered = sorted(ids)
    for start in range(0, len(ordered), _PAGE):
        query = select(table.c.site).where(table.c.id.in_(ordered[start : start + _PAGE])).distinct()
        found |= set(connection.execute(query).scalars())
    return found


def set_state(connection: Connection, table: Table, ids: tuple[int, ...], state: str, now: str) -> None:
    """Move rows to another state."""
    for start in range(0, len(ids), _PAGE):
        connection.execute(
            update(table).where(table.c.id.in_(ids[start : start + _PAGE])).values(state=state, changed_at=now)
        )
