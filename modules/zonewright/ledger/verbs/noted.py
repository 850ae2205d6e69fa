"""What the journal says of readings, each once."""

from collections.abc import Mapping
from typing import Any

from zonewright.ledger.store import journal
from zonewright.ledger.store.context import Context
from zonewright.model.canonical import canonical_json
from zonewright.telemetry.noting import JournalNote


def record(context: Context, note: JournalNote, kind: str, payload: Mapping[str, Any]) -> None:
    """Append an entry on something that the journal does not have yet, unless another service did meanwhile.

    Args:
        context: the ledger.
        note: what is kept of it beside the readings.
        kind: of the entry.
        payload: what it says.
    """
    with context.writing() as connection:
        if not note.is_open(connection):
            return
        at = context.now(connection)
        entry = journal.append(connection, at=at, kind=kind, stack_id="", party="", payload=dict(payload))
        text = canonical_json(entry.model_dump())
        is_kept = note.keep_within(connection, text)
    if not is_kept:
        note.keep(text)
