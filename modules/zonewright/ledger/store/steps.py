"""The step of a stack: a number that rises by one with each admission, destroy and take-over, and with nothing else.

The journal says which entries are steps. The table has the last one of each stack, so that nobody has to count.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Table, bindparam, event, select
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.sql.dml import ReturningInsert

from zonewright.ledger.store.columns import NUMBER, chars
from zonewright.ledger.store.engines.dialect import words_of
from zonewright.ledger.store.tables import journal, metadata

ADMITTED, DESTROY, SETTLED, TAKEN_OVER = "admitted", "destroy-begun", "settled", "taken-over"
STEPS = (ADMITTED, DESTROY, SETTLED, TAKEN_OVER)
"""Kinds of entries that may be a step; ``settled`` is one only where it ends the present admission of a stack of
which no destroy was begun before."""

step = Table(
    "step",
    metadata,
    Column("stack_id", chars(64), primary_key=True),
    Column("number", NUMBER, nullable=False),
    Column("kind", chars(32), nullable=False),
)
step.add_is_dependent_on(journal)
_LAST = select(step.c.number, step.c.kind).where(step.c.stack_id == bindparam("stack"))


class Counting:
    """The steps of all stacks, as the entries of a journal make them; also of entries that name none yet.

    Attributes:
        last: number and kind of the last step, by stack.
    """

    def __init__(self) -> None:
        self.last: dict[str, tuple[int, str]] = {}
        self._present: dict[str, str] = {}

    def follow(self, kind: str, stack_id: str, payload: Mapping[str, Any]) -> int | None:
        """The number of the step that the next entry of the journal is, or None where it is none.

        Args:
            kind: of the entry.
            stack_id: whose it is.
            payload: its payload.
        """
        number, before = self.last.get(stack_id, (0, ""))
        if kind == SETTLED:
            if payload.get("admission_id") != self._present.get(stack_id):
                return None
            del self._present[stack_id]
        if kind not in STEPS or (kind == SETTLED and before == DESTROY):
            return None
        if kind == ADMITTED:
            self._present[stack_id] = str(payload.get("admission_id"))
        self.last[stack_id] = number + 1, kind
        return number + 1


@event.listens_for(step, "after_create")
def _count(_table: Table, connection: Connection, **_options: object) -> None:
    """A ledger of an older version has admissions already when it gets this table."""
    rows = [
        {"stack_id": stack_id, "number": number, "kind": kind}
        for stack_id, (number, kind) in counted(connection).items()
    ]
    if rows:
        connection.execute(step.insert(), rows)


def counted(connection: Connection) -> dict[str, tuple[int, str]]:
    """Number and kind of the last step of each stack, counted from the journal."""
    counting = Counting()
    query = select(journal.c.kind, journal.c.stack_id, journal.c.payload).where(journal.c.kind.in_(STEPS))
    for row in connection.execute(query.order_by(journal.c.sequence)):
        with suppress(ValueError, AttributeError):  # such an entry was altered, and is told as that
            counting.follow(row.kind, row.stack_id, json.loads(row.payload))
    return counting.last


def last_step(connection: Connection, stack_id: str) -> tuple[int, str]:
    """Number of the step that a stack is at, and the kind of its entry; 0 before the first one."""
    row = connection.execute(_LAST, {"stack": stack_id}).first()
    return (0, "") if row is None else (row.number, row.kind)


def step_of(connection: Connection, stack_id: str) -> int:
    """Number of the step that a stack is at."""
    return last_step(connection, stack_id)[0]


def next_step(connection: Connection, stack_id: str, kind: str) -> int:
    """Raise the step of a stack, in the transaction that writes the entry.

    Args:
        connection: a writing transaction, before the entry is appended.
        stack_id: whose step it is.
        kind: of the entry.

    Returns:
        The number, which the entry has as ``step``.
    """
    given = {"stack": stack_id, "of": kind}
    return int(connection.execute(_raising(words_of(connection).upsert), given).scalar_one())


@cache
def _raising(upsert: Callable[[Table], Insert]) -> ReturningInsert[int]:
    statement = upsert(step).values(stack_id=bindparam("stack"), number=1, kind=bindparam("of"))
    raised = {"number": step.c.number + 1, "kind": statement.excluded.kind}
    return statement.on_conflict_do_update(index_elements=["stack_id"], set_=raised).returning(step.c.number)
