"""Rows of claims and assets: those of a stack that are not freed, and how they change their state."""

from sqlalchemy import Connection, Table, select, update

from zonewright.ledger.store import life


def rows_of_stack(connection: Connection, table: Table, stack_id: str, name: str | None = None) -> list[life.LifeRow]:
    """The rows of a stack in one table that are not freed, as far as their life goes."""
    columns = (table.c.id, table.c.name, table.c.state, table.c.generation, table.c.holder, table.c.digest)
    query = select(*columns).where(table.c.stack_id == stack_id, table.c.state != "freed")
    if name is not None:
        query = query.where(table.c.name == name)
    return [life.LifeRow.of(row) for row in connection.execute(query)]


def set_state(connection: Connection, table: Table, ids: tuple[int, ...], state: str, now: str) -> None:
    """Move rows to another state."""
    for start in range(0, len(ids), 500):
        connection.execute(
            update(table).where(table.c.id.in_(ids[start : start + 500])).values(state=state, changed_at=now)
        )
