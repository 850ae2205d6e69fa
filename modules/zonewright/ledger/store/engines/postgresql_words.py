"""Statements of PostgreSQL. Lists travel as bytes (``%b``): as text the driver would look at each character."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    Integer,
    MetaData,
    Select,
    Table,
    func,
    literal_column,
    select,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.sqlite import Insert

from zonewright.ledger.store import telemetry_tables
from zonewright.ledger.store.engines.postgresql_guards import ADDRESSES, GUARDS, HOSTS, NOTED, PREPARED, VERSIONS
from zonewright.ledger.store.paging import as_dicts

_DRAFT = """
INSERT INTO draft (digest, expires_at) SELECT value, %s FROM unnest(%b::text[]) AS value
WHERE NOT EXISTS (
    SELECT 1 FROM content WHERE digest = value AND NOT EXISTS (SELECT 1 FROM draft AS ends WHERE ends.digest = value)
)
ON CONFLICT (digest) DO UPDATE SET expires_at = greatest(draft.expires_at, excluded.expires_at)
"""
_END_DRAFTS = """
DELETE FROM draft
WHERE digest IN (SELECT digest FROM draft WHERE digest = ANY(%b::text[]) ORDER BY digest FOR UPDATE)
"""
"""In the order of digests, so that nobody who ends the same ones waits crosswise."""
_LACKING = """
SELECT value FROM unnest(%b::text[]) AS value WHERE NOT EXISTS (SELECT 1 FROM content WHERE digest = value)
"""
_LEAVES = """
SELECT "table", key, '["' || "table" || '",' || to_json(key)::text || ',"' || digest || '"]' FROM recorded
"""
_DIGESTS = """
SELECT "table", key, digest FROM recorded JOIN unnest(%b::text[], %b::text[]) AS asked (name, value)
ON "table" = asked.name AND key = asked.value
"""
_LIST = """
INSERT INTO row_change (sequence, "table", key, digest)
SELECT %s, * FROM unnest(%b::text[], %b::text[], %b::text[])
"""
_RECORD = """
INSERT INTO recorded ("table", key, digest, record)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[])
ON CONFLICT ("table", key) DO UPDATE SET digest = excluded.digest, record = excluded.record
"""
_FORGET = """
DELETE FROM recorded USING unnest(%b::text[], %b::text[]) AS gone (name, value)
WHERE "table" = gone.name AND key = gone.value
"""


_HOLD = "SELECT name FROM scope WHERE name = ANY(%b::text[]) ORDER BY name FOR UPDATE"
_HOLD_TEXTS = """
SELECT digest FROM content
WHERE digest = ANY(%b::text[]) AND EXISTS (SELECT 1 FROM draft WHERE draft.digest = content.digest)
ORDER BY digest FOR {strength} OF content
"""
"""Those that are kept for good stay so, and nobody waits for them."""
_AS_PUT = """
SELECT digest FROM content
WHERE digest = ANY(%b::text[]) AND digest = 'sha256:' || encode(sha256(convert_to(text, 'UTF8')), 'hex')
"""
_PUT_TEXTS = """
INSERT INTO content (digest, text)
SELECT new.digest, new.text FROM unnest(%b::text[], %b::text[]) AS new (digest, text)
WHERE NOT EXISTS (SELECT 1 FROM content AS known WHERE known.digest = new.digest AND known.text = new.text)
ORDER BY new.digest
ON CONFLICT (digest) DO UPDATE SET text = excluded.text WHERE content.text <> excluded.text
"""
"""A text that is there is not locked: nobody waits for a change that names the same one."""


def hold(connection: Connection, names: Sequence[str], *, waits: bool = True) -> frozenset[str]:
    """Lock the rows of scopes, in the order of their names; gives the names of those that are locked."""
    statement = _HOLD if waits else f"{_HOLD} SKIP LOCKED"
    return frozenset(connection.exec_driver_sql(statement, (list(names),)).scalars())


def hold_texts(connection: Connection, digests: Collection[str], *, shared: bool) -> None:
    """Have nobody else say meanwhile until when texts are kept; or only nobody who gives them an end."""
    strength = "SHARE" if shared else "UPDATE"
    connection.exec_driver_sql(_HOLD_TEXTS.format(strength=strength), (sorted(digests),))


def add_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows."""
    connection.execute(table.insert(), list(rows))


def put_texts(connection: Connection, texts: Mapping[str, str]) -> None:
    """Keep texts by digest; those that are there stay, and one that was altered is repaired."""
    known = set(connection.exec_driver_sql(_AS_PUT, (list(texts),)).scalars())  # most are, and need not travel
    if missing := {digest: text for digest, text in texts.items() if digest not in known}:
        connection.exec_driver_sql(_PUT_TEXTS, (list(missing), list(missing.values())))


def upsert(table: Table) -> Insert:
    """An insert that can say what happens to a row that is there already; SQLite's has the same methods."""
    return cast("Insert", insert(table))


def number_in(column: Column[str], *path: str) -> ColumnElement[int]:
    """A whole number within a JSON text, by its keys."""
    return sql_cast(func.json_extract_path_text(sql_cast(column, JSON), *path), Integer)


def json_rows(query: Select[Any] | CompoundSelect[Any]) -> ColumnElement[Any]:
    """All rows of a query as one value: a JSON list, in their order, of a list of values each."""
    found = query.subquery()
    every = func.coalesce(func.json_agg(func.json_build_array(*found.c)), literal_column("'[]'::json"))
    return select(every).scalar_subquery()


def octets(column: Column[str]) -> ColumnElement[int]:
    """How many bytes a text has."""
    return func.octet_length(column)


def make(connection: Connection, tables: MetaData) -> None:
    """Make all tables, with their indexes and what guards them."""
    tables.create_all(connection)
    telemetry_tables.make(connection)


def prepare(connection: Connection, keys: Mapping[str, Sequence[str]]) -> None:
    """Make the table that writers take turns by, and triggers that note which rows a transaction touches.

    They note it in a table that only a ledger's own sessions have, so what others write is not noted, and found.
    """
    connection.exec_driver_sql(PREPARED)
    for name, columns in keys.items():
        first, second, *_ = [*(f"{column}::text" for column in columns), "''"]
        connection.exec_driver_sql(NOTED.format(name=name, first=first, second=second))


def draw_versions(connection: Connection) -> None:
    """Have numbers drawn again whenever a claim or an asset is written; of both sites when one goes over."""
    connection.exec_driver_sql(VERSIONS)


def guard_names(connection: Connection) -> None:
    """Have names, networks, rack units and addresses in the hands of two stacks refused, whoever writes."""
    connection.exec_driver_sql(GUARDS)
    connection.exec_driver_sql(ADDRESSES)


def guard_hosts(connection: Connection) -> None:
    """Have hosts that read meters refused in the hands of two stacks, whoever writes."""
    connection.exec_driver_sql(HOSTS)


def put_drafts(connection: Connection, digests: Sequence[str], until: str) -> None:
    """Give texts an end, but for those that are kept for good already."""
    connection.exec_driver_sql(_DRAFT, (until, list(digests)))


def end_drafts(connection: Connection, digests: Sequence[str]) -> None:
    """Keep texts for good: they have no end any more."""
    connection.exec_driver_sql(_END_DRAFTS, (list(digests),))


def lacking(connection: Connection, digests: Sequence[str]) -> Iterable[str]:
    """Those of some digests under which there is no text."""
    return connection.exec_driver_sql(_LACKING, (list(digests),)).scalars()


def leaves(connection: Connection) -> Iterable[Sequence[Any]]:
    """Table, key, and the canonical JSON of table, key and digest, of each row that is recorded."""
    return connection.exec_driver_sql(_LEAVES)


def take_touched(connection: Connection) -> Iterable[Sequence[Any]]:
    """Table, and both values of the key (the second empty where it has one), of rows that were written, as texts."""
    return connection.exec_driver_sql("DELETE FROM pg_temp.touched RETURNING name, first, second").all()


def rows_touched(
    connection: Connection, table: Table, columns: Sequence[str], keys: Collection[Sequence[Any]]
) -> Iterator[dict[str, Any]]:
    """Those of a table that are there now."""
    types = ["bigint" if table.c[column].type.python_type is int else "text" for column in columns]
    lists = ", ".join(f"%b::{one}[]" for one in types)
    on = " AND ".join(f"row.{column} = touched.{column}" for column in columns)
    query = (
        f"SELECT row.* FROM unnest({lists}) AS touched ({', '.join(columns)}) "  # noqa: S608 - names of our own
        f"JOIN {table.name} AS row ON {on}"
    )
    given = tuple([key[number] for key in keys] for number in range(len(columns)))
    yield from as_dicts(connection.exec_driver_sql(query, given))


def end_touched(_connection: Connection) -> None:
    """Nothing: who took what was written has forgotten it."""


def digests_recorded(connection: Connection, rows: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
    """Digests of the last records of some rows, by table and key."""
    return {(name, key): digest for name, key, digest in connection.exec_driver_sql(_DIGESTS, _lists(rows, 2))}


def keep_list(
    connection: Connection, sequence: int, changes: Sequence[tuple[str, str, str, str | None]], gone: str
) -> None:
    """Add the list of an entry, and say what each of its rows was recorded as last."""
    there, went = [one for one in changes if one[2] != gone], [one for one in changes if one[2] == gone]
    connection.exec_driver_sql(_LIST, (sequence, *_lists(changes, 3)))
    if there:
        connection.exec_driver_sql(_RECORD, _lists(there, 4))
    if went:
        connection.exec_driver_sql(_FORGET, _lists(went, 2))


def _lists(rows: Sequence[Sequence[Any]], columns: int) -> tuple[list[Any], ...]:
    """Rows as a list for each column, which the database makes rows of again: one statement, however many."""
    return tuple([row[number] for row in rows] for number in range(columns))
