"""Removing old readings of meters, with an entry of the journal on what went and which sums stay in its place."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, select

from zonewright.errors import ZonewrightError
from zonewright.ledger.protocol.errors import LedgerError, LedgerUnavailableError
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.documents import parse_former
from zonewright.ledger.store.tables import zone
from zonewright.ledger.verbs.live import tell_live
from zonewright.ledger.verbs.noted import record
from zonewright.model.canonical import digest_of
from zonewright.rules.words import count_of
from zonewright.telemetry import Store
from zonewright.telemetry.home import STORE_FAULTS
from zonewright.telemetry.noting import JournalNote
from zonewright.telemetry.removing import Removal, removals_text


class NotRecordedError(ZonewrightError):
    """Readings went, and the journal does not have it yet; ``str()`` is one sentence."""

    def __init__(self, removed: int, why: Exception) -> None:
        super().__init__(
            f"{count_of(removed, 'reading')} removed, but not all of it is in the journal yet: "
            f"{str(why).split(';', maxsplit=1)[0]}; the next removal or decision records the rest"
        )


INTAKE = "readings"
"""Of an entry on an import, a correction or a withdrawal (``what``), with the digest of each meter's readings."""
KIND = "pruned"
"""Of an entry whose ``sites`` have the digest of each site's removals, and ``until_us`` the end of the last one."""


def prune(context: Context, before_us: int) -> int:
    """Remove the readings before a time and record it; gives how many went.

    What was removed when nobody could record it, or was killed before, is recorded now.

    Args:
        context: the ledger and its readings.
        before_us: the time, in microseconds since 1970.

    Raises:
        NotRecordedError: when readings went and the ledger could not record it.
    """
    if context.telemetry is None or not context.telemetry.is_there():
        return 0
    store = Store(context.telemetry)
    removed = store.prune(before_us)
    try:
        store.tell_removals(partial(_record, context))
    except (LedgerError, *STORE_FAULTS) as error:
        raise NotRecordedError(removed, error) from error
    return removed


def tell_removals(context: Context) -> None:
    """Record what was removed and is not recorded, before a decision rests on it.

    Args:
        context: the ledger and its readings.

    Raises:
        LedgerUnavailableError: when the readings cannot be written; nothing was decided.
    """
    if context.telemetry is not None:
        try:
            Store(context.telemetry).tell_removals(partial(_record, context))
            tell_intakes(context)
            tell_live(context)
        except STORE_FAULTS as error:
            raise LedgerUnavailableError(
                "removing",
                f"readings were removed or came in, but {context.telemetry.name} cannot be written to note their "
                f"journal entry: {error}; nothing was decided, try again",
            ) from error


def tell_intakes(context: Context) -> None:
    """Record the imports, corrections and withdrawals of readings that are not recorded.

    Args:
        context: the ledger and its readings.
    """
    if context.telemetry is not None:
        Store(context.telemetry).tell_intakes(partial(_record_intake, context))


def _record_intake(context: Context, payload: Mapping[str, Any], note: JournalNote) -> None:
    record(context, note, INTAKE, lambda _connection: payload)


def _record(context: Context, found: Mapping[str, Sequence[Removal]], note: JournalNote) -> None:
    def payload(connection: Connection) -> dict[str, Any]:
        # A site that was renamed a moment ago may still have its readings under its old id.
        former = parse_former(connection.execute(select(zone.c.former)).scalar())
        named = {former.site_of_readings(site): removals for site, removals in sorted(found.items())}
        return {
            "readings": sum(one.readings for removals in named.values() for one in removals),
            "sites": {site: digest_of(removals_text(removals)) for site, removals in named.items()},
            "until_us": {site: max(one.end_us for one in removals) for site, removals in named.items()},
        }

    record(context, note, KIND, payload)
