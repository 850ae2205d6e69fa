"""Is what a stack holds still what its admission made it? Only the ledger can tell."""

import json
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, select, union_all

from zonewright.ledger.store import life
from zonewright.ledger.store.prepared import STACK
from zonewright.ledger.store.tables import asset, claim
from zonewright.model.canonical import digest_of

_PRESENT = union_all(
    *(
        select(table.c.kind, table.c.name, table.c.state, table.c.generation, table.c.holder, table.c.data).where(
            table.c.stack_id == STACK, table.c.state.in_(life.CURRENT)
        )
        for table in (claim, asset)
    )
)


def present_rows(connection: Connection, stack_id: str) -> list[Row[*tuple[Any, ...]]]:
    """Kind, name, state, generation, holder and data of each claim and asset that a stack holds."""
    return list(connection.execute(_PRESENT, {"stack": stack_id}).all())


def drifted_among(holds: str, rows: list[Row[*tuple[Any, ...]]]) -> list[str]:
    """Names of what is not as an admission made it.

    Args:
        holds: what it made: digest by name, as JSON.
        rows: what the stack holds now.
    """
    decided: dict[str, str] = json.loads(holds)
    held = {item.name: digest_of(item.data) for item in rows}
    return sorted(name for name in decided.keys() | held.keys() if decided.get(name) != held.get(name))


def drifted_from(connection: Connection, held: RowMapping) -> list[str]:
    """The same for a stack's present admission, read in a transaction."""
    return drifted_among(held["holds"], present_rows(connection, held["stack_id"]))
