"""What each transaction changed, for the journal: the tables are its sum, so a row that nobody recorded stands out.

The database itself notes which rows a transaction touches (triggers of the connection, so that no verb can forget
one, and what is written past the verbs is not noted). Before it commits, its entry of the journal gets the digest of
the list of them. The list is kept beside the journal: it is not exported, since it says who has what. Lists only grow,
so they hold digests; what a row said is kept once, as it was recorded last.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Table, select

from zonewright.ledger.protocol.journal_messages import JournalEntry
from zonewright.ledger.store import journal, tables
from zonewright.ledger.store.columns import LONG, NUMBER, chars
from zonewright.ledger.store.engines.dialect import words_of
from zonewright.ledger.store.paging import paged
from zonewright.model.canonical import canonical_json, digest_of

ROWS = "rows"
"""In the payload of an entry: how many rows its transaction changed, and the digest of their list."""
KIND = "state"
"""Of an entry that says nothing but this, as of a resource that was made or deleted."""
UPGRADED = "upgraded"
"""Of an entry that covers all rows, because a migration wrote them."""
GONE = ""
"""The digest of a row that is there no more."""
_WHOLE = 71
"""Longest text that a record holds as it is, in characters; of a longer one it has ``{"digest":DIGEST}``."""
_PAGE = 400
_CHANGES = "zonewright.changes"
"""What a connection knows: rows that its transaction changed, as they were looked at last, by table and key."""

row_change = Table(
    "row_change",
    tables.metadata,
    Column("sequence", NUMBER, primary_key=True, autoincrement=False),
    Column("table", chars(32), primary_key=True),
    Column("key", chars(256), primary_key=True),
    Column("digest", chars(71), nullable=False),
    sqlite_with_rowid=False,
)
"""The digest of each row from an entry of the journal on. In the order of entries: each step writes at its end."""
recorded = Table(
    "recorded",
    tables.metadata,
    Column("table", chars(32), primary_key=True),
    Column("key", chars(256), primary_key=True),
    Column("digest", chars(71), nullable=False),
    Column("record", LONG, nullable=False),
    sqlite_with_rowid=False,
)
"""The sum of the lists: what each row that is there was when it was recorded last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """A table whose rows the journal accounts for.

    Attributes:
        table: the table.
        key: the names of one or two columns that name a row.
        passing: columns that change without a decision and prove nothing.
    """

    table: Table
    key: tuple[str, ...]
    passing: frozenset[str] = frozenset()


COVERED: Mapping[str, Covered] = {
    one.table.name: one
    for one in (
        Covered(table=tables.zone, key=("id",)),
        Covered(table=tables.enrolment, key=("stack_id",)),
        Covered(table=tables.claim, key=("id",)),
        Covered(table=tables.asset, key=("id",)),
        Covered(table=tables.generation, key=("stack_id",)),
        Covered(table=tables.admission, key=("id",)),
        Covered(table=tables.lasting, key=("stack_id",)),
        Covered(table=tables.change, key=("number",)),
        Covered(table=tables.verdict, key=("number",)),
        Covered(table=tables.decided, key=("sequence",)),
        Covered(table=tables.deployed, key=("stack_id", "site")),
        Covered(table=tables.principal, key=("name",)),
        Covered(table=tables.token, key=("digest",)),
        Covered(table=tables.lease, key=("fleet",), passing=frozenset({"expires_at"})),
    )
}
KEYS: Mapping[str, tuple[str, ...]] = {name: one.key for name, one in COVERED.items()}
"""Names of the columns of each one's key."""
_KINDS: Mapping[str, tuple[type, ...]] = {
    name: tuple(one.table.c[column].type.python_type for column in one.key) for name, one in COVERED.items()
}
"""What the values of each one's key are."""
DERIVED: Mapping[str, str] = {
    "journal": "each entry has the hash of the one before it",
    "row_change": "the list of each entry has the digest that the entry names",
    "recorded": "the last that the lists say of each row",
    "content": "each text has the digest that it is kept under",
    "pruned": "the list of removed texts of each entry has the digest that the entry names",
    "draft": "when texts end that nothing names",
    "brought": "who brought a text that a change may name, for a day",
    "step": "counted from the journal",
    "prefix": "computed from the assets",
    "meter_host": "computed from the assets",
    "proposal": "of the last preview of each stack; nothing is decided by it",
    "reservation": "ends by itself after a few minutes",
    "revision": "counts changes, so that a decision sees that something moved",
    "claim_version": "a random number for each change, so that a process sees that something moved",
    "claim_stack_version": "the same for each stack at a site",
    "asset_version": "the same for what was brought into a site",
    "identity": "named in each signed checkpoint",
    "alembic_version": "the version of the schema",
}
"""Tables that no entry covers, with what they follow from or why they prove nothing."""


def begin(connection: Connection, by: str) -> None:
    """Begin a transaction that is recorded before it commits.

    Args:
        connection: a writing transaction.
        by: name of the principal that asked for it; its entries say so. Empty for whoever has the file.
    """
    connection.info.pop(journal.APPENDED, None)
    connection.info.pop(_CHANGES, None)
    connection.info[journal.BY] = by
    connection.info[journal.PREPARE] = _look


def _look(connection: Connection) -> None:
    """Look at what the transaction changed so far: others wait for what is done after it holds the journal's head."""
    words = words_of(connection)
    keys: dict[str, dict[_Key, str]] = {}
    for name, *values in words.take_touched(connection):
        key = tuple(map(_as_held, _KINDS[name], values))
        keys.setdefault(name, {})[key] = key_of(key)
    seen: dict[tuple[str, str], RowChange | None] = connection.info.setdefault(_CHANGES, {})
    if not keys:
        return
    recorded_as = words.digests_recorded(connection, [(name, key) for name in keys for key in keys[name].values()])
    for name, touched in keys.items():
        seen |= {(name, key): None for key in touched.values()}  # as it was recorded, if nothing else is found
        seen |= {one[:2]: one for one in _changed(connection, COVERED[name], touched, recorded_as)}
    words.end_touched(connection)


def record(connection: Connection, now: Callable[[], str]) -> JournalEntry | None:
    """Say in the journal what the transaction changed so far: in its last entry, or in one for this.

    Args:
        connection: a writing transaction that was begun here, before it commits.
        now: gives the moment of an entry.

    Returns:
        The last entry of the transaction, None where it has none, or nothing changed since it was said before.
    """
    _look(connection)
    found: dict[tuple[str, str], RowChange | None] = connection.info.pop(_CHANGES)
    changes = sorted(one for one in found.values() if one is not None)
    if changes and journal.APPENDED in connection.info:
        _keep(connection, journal.add_to_last(connection, _said(changes)).sequence, changes)
    elif changes:
        append(connection, now(), KIND, changes, {})
    entry: JournalEntry | None = connection.info.pop(journal.APPENDED, None)
    return entry


_Key = tuple[Any, ...]


def _as_held(kind: type, value: Any) -> Any:
    """A value of a key as its table has it; a database may note all as texts."""
    return int(value) if kind is int else value


RowChange = tuple[str, str, str, str | None]
"""Table, key, digest and record of a row that changed; the digest is ``GONE`` and the record None where it went."""


def append(
    connection: Connection, at: str, kind: str, changes: Iterable[RowChange], payload: Mapping[str, Any]
) -> None:
    """Append an entry that covers these rows, and keep their list."""
    ordered = sorted(changes)
    fields = {"at": at, "kind": kind, "stack_id": "", "party": ""}
    entry = journal.append(connection, **fields, payload={**payload, **_said(ordered)})
    _keep(connection, entry.sequence, ordered)


def _said(changes: Sequence[RowChange]) -> dict[str, Any]:
    return {ROWS: {"count": len(changes), "digest": list_digest(one[:3] for one in changes)}}


def _keep(connection: Connection, sequence: int, changes: Sequence[RowChange]) -> None:
    """Add the list of an entry, and say what each of its rows was recorded as last."""
    words_of(connection).keep_list(connection, sequence, changes, GONE)


def since_recorded(connection: Connection) -> list[RowChange]:
    """What is not as the journal has it last: rows that it does not know, that differ, and that are there no more."""
    query = select(recorded.c.table, recorded.c.key, recorded.c.digest)
    newest = {(row.table, row.key): row.digest for row in connection.execute(query)}
    found: list[RowChange] = [one for one in all_rows(connection) if newest.pop(one[:2], GONE) != one[2]]
    return found + [(*name, GONE, None) for name in newest]


def list_digest(rows: Iterable[tuple[str, str, str]]) -> str:
    """The digest of a list of table, key and digest, in the order of table and key."""
    return digest_of(canonical_json([list(row) for row in rows]))


def all_rows(connection: Connection) -> Iterator[RowChange]:
    """Every covered row as it is; a value that no verb writes, such as bytes, makes a record of its own."""
    for one in COVERED.values():
        for row in paged(connection, select(one.table), _PAGE):
            try:
                yield _as_change(one, row)
            except (TypeError, ValueError):
                yield _as_change(one, _told(row))


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose values cannot be JSON: as Python shows them, so that it is like no recorded one."""
    return {name: value if isinstance(value, str | int | None) else repr(value) for name, value in row.items()}


def _as_change(one: Covered, row: Mapping[str, Any]) -> RowChange:
    said = record_of(one, row)
    return one.table.name, key_of([row[column] for column in one.key]), digest_of(said), said


def key_of(values: Sequence[Any]) -> str:
    """A row's key as the journal writes it: its one or two values as JSON."""
    return f"[{values[0]}]" if len(values) == 1 and type(values[0]) is int else canonical_json(list(values))


def record_of(one: Covered, row: Mapping[str, Any]) -> str:
    """What a row says, as canonical JSON: columns without a value are left out, long texts are digests."""
    return canonical_json(
        {
            name: {"digest": digest_of(value)} if isinstance(value, str) and len(value) > _WHOLE else value
            for name, value in row.items()
            if value is not None and name not in one.passing
        }
    )


def _changed(
    connection: Connection, one: Covered, keys: Mapping[_Key, str], recorded_as: Mapping[tuple[str, str], str]
) -> Iterator[RowChange]:
    """The touched rows of a table, each with its key as the journal writes it, that are not as recorded last."""
    words, name = words_of(connection), one.table.name
    found = words.rows_touched(connection, one.table, one.key, keys)
    rows = {tuple(row[column] for column in one.key): row for row in found}
    for values, key in keys.items():
        row = rows.get(values)
        said = None if row is None else record_of(one, row)
        change = (name, key, GONE if said is None else digest_of(said), said)
        if change[2] != recorded_as.get((name, key), GONE):
            yield change
