"""Removing old readings of meters, with an entry of the journal on what went and which sums stay in its place."""

from collections.abc import Mapping, Sequence

from zonewright.ledger import journal
from zonewright.ledger.context import Context
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.telemetry import Store
from zonewright.telemetry.removing import Removal, removals_text

KIND = "pruned"
"""Of an entry whose ``sites`` have the digest of each site's removals."""


def prune(context: Context, before_us: int) -> int:
    """Remove the readings before a time and record it; gives how many went.

    What was removed when nobody could record it, or was killed before, is recorded now.

    Args:
        context: the ledger and its readings.
        before_us: the time, in microseconds since 1970.
    """
    if context.telemetry is None or not context.telemetry.is_file():
        return 0
    store = Store(context.telemetry)
    removed = store.prune(before_us)
    store.tell_removals(lambda found: _record(context, found))
    return removed


def _record(context: Context, found: Mapping[str, Sequence[Removal]]) -> str:
    payload = {
        "readings": sum(one.readings for removals in found.values() for one in removals),
        "sites": {site: digest_of(removals_text(removals)) for site, removals in sorted(found.items())},
    }
    with context.database.writing() as connection:
        entry = journal.append(connection, at=context.now(), kind=KIND, stack_id="", party="", payload=payload)
    return canonical_json(entry.model_dump())
