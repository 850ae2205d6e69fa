"""What the journal says of readings, each once."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from zonewright.ledger.store import journal
from zonewright.ledger.store.context import Context
from zonewright.model.canonical import canonical_json
from zonewright.telemetry.noting import JournalNote


def record(context: Context, note: JournalNote, kind: str, payload: Callable[[Connection], Mapping[str, Any]]) -> None:
    """Append an entry on something that the journal does not have yet, unless another service did meanwhile.

    Args:
        context: the ledger.
        note: what is kept of it beside the readings.
        kind: of the entry.
        payload: what it says, in the transaction that appends it.
    """
    with context.writing() as connection:
        if not note.is_open(connection):
            return
        at, said = context.now(connection), dict(payload(connection))
        entry = journal.append(connection, at=at, kind=kind, stack_id="", party="", payload=said)
        text = canonical_json(entry.model_dump())
        is_kept = note.keep_within(connection, text)
    if not is_kept:
        note.keep(text)
