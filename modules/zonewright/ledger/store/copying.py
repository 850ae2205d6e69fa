"""A ledger's file brought to PostgreSQL: the same ledger with the same journal, verified on both sides."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, func, select

from zonewright.ledger.protocol.errors import LedgerMisuseError, LedgerRefusedError
from zonewright.ledger.protocol.journal_messages import JournalEntry, JournalHead
from zonewright.ledger.store import journal, schema, tables
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.engines.postgresql_server import PATIENT
from zonewright.ledger.store.heads import present_head
from zonewright.ledger.store.journal import head_of
from zonewright.ledger.store.paging import paged
from zonewright.ledger.store.recording import all_rows
from zonewright.ledger.store.state import verify_state
from zonewright.ledger.store.state_root import root

_PAGE = 500
_CODE = "copy"
_DRAWN = (tables.claim_version, tables.claim_stack_version, tables.asset_version)
_OWN = frozenset({schema.version.name, *(table.name for table in _DRAWN)})
"""Tables that each database fills by itself."""
_NUMBERED = (tables.claim, tables.asset, tables.change, tables.verdict)
"""Tables whose rows the database numbers."""


def copy_ledger(
    source: Database, target: Database, beside: Callable[[Connection], None] = lambda _target: None
) -> JournalHead:
    """Copy all rows in one transaction, while nobody writes to the file. Nothing is copied unless both sides verify.

    Args:
        source: a ledger's file.
        target: PostgreSQL, with the tables of a new ledger and nothing in them.
        beside: brings what lies beside the file, within the same transaction.

    Returns:
        The last entry, which both have.

    Raises:
        LedgerMisuseError: when the target has something already.
        LedgerRefusedError: when the source is damaged, or has what PostgreSQL does not hold twice.
    """
    with source.writing() as old:
        _require_whole(old, source.shown)
        try:
            with target.writing() as new:
                head = _copied(old, new, source.shown, target.shown)
                beside(new)
                return head
        except LedgerRefusedError as error:
            if error.code == _CODE:
                raise
            raise LedgerRefusedError(
                _CODE,
                f"two stacks of the ledger {source.shown} have one name, network, place or address, which PostgreSQL "
                "does not hold twice; nothing was changed; have one of them give it up, and copy again",
            ) from error


def _copied(old: Connection, new: Connection, source: str, target: str) -> JournalHead:
    if head_of(new)[0] or new.execute(select(tables.content.c.digest).limit(1)).first() is not None:
        raise LedgerMisuseError(
            _CODE, f"the ledger {target} has entries already; nothing was changed; name a database without tables"
        )
    new.exec_driver_sql(PATIENT)
    for table in tables.metadata.sorted_tables:
        if table.name not in _OWN:
            _copy(old, new, table)
    for table in _NUMBERED:
        _go_on(old, new, table)
    _require_whole(new, target)
    head = present_head(new)
    if head != present_head(old) or _root(new) != _root(old):
        raise LedgerRefusedError(_CODE, f"the copy {target} is not what {source} is; nothing was changed; report it")
    return head


def _require_whole(connection: Connection, shown: str) -> None:
    wrong = journal.verify(_entries(connection))
    faults = [wrong] if wrong else verify_state(connection).faults
    if faults:
        raise LedgerRefusedError(
            _CODE, f"the ledger {shown} is damaged: {faults[0]}; nothing was changed; restore a backup first"
        )


def _entries(connection: Connection) -> Iterator[JournalEntry]:
    rows = paged(connection, select(tables.journal).order_by(tables.journal.c.sequence), _PAGE)
    return (journal.entry_of(dict(row)) for row in rows)


def _root(connection: Connection) -> str:
    return root(row[:3] for row in all_rows(connection))


def _copy(old: Connection, new: Connection, table: Table) -> None:
    """All rows of a table in the place of those of a new ledger, such as its id."""
    new.execute(table.delete())
    rows = paged(old, select(table).order_by(*table.primary_key.columns), _PAGE)
    while page := [dict(row) for row in islice(rows, _PAGE)]:
        new.execute(table.insert(), page)


def _go_on(old: Connection, new: Connection, table: Table) -> None:
    """Have the numbers of new rows go on after the highest that was ever given."""
    (column,) = table.primary_key.columns
    highest: Any = old.execute(select(func.max(column))).scalar() or 0
    if table.dialect_options["sqlite"]["autoincrement"]:
        given = old.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)).scalar()
        highest = max(highest, given or 0)
    if highest:
        sequence = func.pg_get_serial_sequence(table.name, column.name)
        new.execute(select(func.setval(sequence, highest)))
