"""Statements of SQLite."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    LargeBinary,
    MetaData,
    Select,
    Table,
    cast,
    func,
    select,
)
from sqlalchemy.dialects.sqlite import Insert, insert

from zonewright.ledger.store.paging import as_dicts

_NOTE = "INSERT INTO touched VALUES ('{name}', {key}) ON CONFLICT DO NOTHING;"
"""Not ``OR IGNORE``: an upsert that fires the trigger would turn that into an error."""
_ROWS = 50
"""How many rows are added by one statement; with 15 columns it has far fewer values than SQLite takes."""
_LIST = 'INSERT INTO row_change (sequence, "table", key, digest) VALUES (?, ?, ?, ?)'
_RECORD = (
    'INSERT INTO recorded ("table", key, digest, record) VALUES (?, ?, ?, ?) '
    'ON CONFLICT ("table", key) DO UPDATE SET digest = excluded.digest, record = excluded.record'
)
_DIGESTS = 'SELECT key, digest FROM recorded WHERE "table" = ? AND key IN (SELECT value FROM json_each(?))'
_FORGET = 'DELETE FROM recorded WHERE "table" = ? AND key = ?'
_LEAVES = """SELECT "table", key, '["' || "table" || '",' || json_quote(key) || ',"' || digest || '"]' FROM recorded"""
_DRAFT = """
INSERT INTO draft (digest, expires_at) SELECT value, ? FROM json_each(?)
WHERE NOT EXISTS (
    SELECT 1 FROM content WHERE digest = value AND NOT EXISTS (SELECT 1 FROM draft AS ends WHERE ends.digest = value)
)
ON CONFLICT (digest) DO UPDATE SET expires_at = max(draft.expires_at, excluded.expires_at)
"""
"""One statement, however many texts: those that are kept for good stay so."""
_END_DRAFTS = "DELETE FROM draft WHERE digest IN (SELECT value FROM json_each(?))"
_LACKING = "SELECT value FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM content WHERE digest = value)"
_PUT_TEXT = (
    "INSERT INTO content (digest, text) VALUES (?, ?) "
    "ON CONFLICT (digest) DO UPDATE SET text = excluded.text WHERE content.text <> excluded.text"
)
TAKEN = "name-owner"
"""The word with which a trigger aborts."""
_ANOTHER = "EXISTS (SELECT 1 FROM asset WHERE kind = NEW.kind AND name = NEW.name AND stack_id <> NEW.stack_id)"
_ANOTHERS_SITE = (
    "NEW.kind = 'row' AND EXISTS (SELECT 1 FROM asset WHERE kind = 'site' AND name = NEW.site AND party <> NEW.party)"
)
_BECOMES = "(OLD.kind <> NEW.kind OR OLD.name <> NEW.name OR OLD.stack_id <> NEW.stack_id)"
_OVERLAPS = (
    "EXISTS (SELECT 1 FROM prefix WHERE version = NEW.version AND first <= NEW.last AND last >= NEW.first "
    "AND stack_id <> NEW.stack_id)"
)
_REFUSING = {
    "asset_name_insert": f"INSERT ON asset WHEN {_ANOTHER} OR ({_ANOTHERS_SITE})",
    "asset_name_update": f"UPDATE ON asset WHEN {_BECOMES} AND ({_ANOTHER} OR ({_ANOTHERS_SITE}))",
    "prefix_insert": f"INSERT ON prefix WHEN {_OVERLAPS}",
    "prefix_update": f"UPDATE ON prefix WHEN {_OVERLAPS}",
}
_ANOTHERS_HOST = "EXISTS (SELECT 1 FROM meter_host WHERE host = NEW.host AND stack_id <> NEW.stack_id)"
_REFUSING_HOSTS = {
    "meter_host_insert": f"INSERT ON meter_host WHEN {_ANOTHERS_HOST}",
    "meter_host_update": f"UPDATE ON meter_host WHEN {_ANOTHERS_HOST}",
}

_AGAIN = "DO UPDATE SET number = excluded.number"
_DRAW = f"""
INSERT INTO claim_version (site, number) VALUES ({{row}}.site, random()) ON CONFLICT (site) {_AGAIN};
INSERT INTO claim_stack_version (site, stack_id, number) VALUES ({{row}}.site, {{row}}.stack_id, random())
    ON CONFLICT (site, stack_id) {_AGAIN};
"""  # noqa: S608 - text of our own
_DRAW_ASSETS = f"""
INSERT INTO asset_version (site, number) VALUES ({{row}}.site, random()) ON CONFLICT (site) {_AGAIN};
"""  # noqa: S608 - text of our own
_GOES = "UPDATE OF site, stack_id ON claim WHEN OLD.site <> NEW.site OR OLD.stack_id <> NEW.stack_id"
_DRAWING = (
    ("claim_insert", "INSERT ON claim", "NEW", _DRAW),
    ("claim_update", "UPDATE ON claim", "NEW", _DRAW),
    ("claim_moved", _GOES, "OLD", _DRAW),
    ("claim_delete", "DELETE ON claim", "OLD", _DRAW),
    ("asset_insert", "INSERT ON asset", "NEW", _DRAW_ASSETS),
    ("asset_update", "UPDATE ON asset", "NEW", _DRAW_ASSETS),
    ("asset_moved", "UPDATE OF site ON asset WHEN OLD.site <> NEW.site", "OLD", _DRAW_ASSETS),
    ("asset_delete", "DELETE ON asset", "OLD", _DRAW_ASSETS),
)
"""Triggers by which numbers are drawn again: name, when, which row has the site and the stack, and what is drawn."""
_DRAW_ALL = tuple(
    f"INSERT INTO {table} ({key}, number) SELECT {key}, random() FROM {of} WHERE true GROUP BY {key} "  # noqa: S608 - text of our own
    f"ON CONFLICT ({key}) {_AGAIN}"
    for table, key, of in (
        ("claim_version", "site", "claim"),
        ("claim_stack_version", "site, stack_id", "claim"),
        ("asset_version", "site", "asset"),
    )
)


def upsert(table: Table) -> Insert:
    """An insert that can say what happens to a row that is there already."""
    return insert(table)


def number_in(column: Column[str], *path: str) -> ColumnElement[int]:
    """A whole number within a JSON text, by its keys."""
    return func.json_extract(column, "$." + ".".join(path))


def json_rows(query: Select[Any] | CompoundSelect[Any]) -> ColumnElement[Any]:
    """All rows of a query as one value: a JSON list, in their order, of a list of values each."""
    found = query.subquery()
    return select(func.json_group_array(func.json_array(*found.c), type_=JSON)).scalar_subquery()


def octets(column: Column[str]) -> ColumnElement[int]:
    """How many bytes a text has."""
    return func.length(cast(column, LargeBinary))


_made: list[str] = []
"""The statements by which SQLite knows the tables, indexes and triggers of the first ledger of this process."""


def make(connection: Connection, tables: MetaData) -> None:
    """Make all tables, with their indexes and what guards them.

    To say them takes SQLAlchemy 25 ms, so a second ledger of a process, as verification makes one for each decision,
    takes what SQLite has kept of the first.
    """
    if not _made:
        tables.create_all(connection)
        query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
        _made.extend(connection.exec_driver_sql(query).scalars())
        return
    for statement in _made:
        connection.exec_driver_sql(statement)


def prepare(_connection: Connection, _keys: Mapping[str, Sequence[str]]) -> None:
    """Nothing: connections are watched, see :func:`watch`."""


def watch(connection: Any, keys: Mapping[str, Sequence[str]]) -> None:
    """Have a connection note which rows its transactions touch: triggers of its own, so no verb can forget one.

    Args:
        connection: of the database's driver, to a ledger that has its tables.
        keys: names of the columns of the key of each table that is recorded.
    """
    connection.execute(
        "CREATE TEMP TABLE touched (name TEXT, first, second, PRIMARY KEY (name, first, second)) WITHOUT ROWID"
    )
    for name, columns in keys.items():
        for word, rows in (("INSERT", ("NEW",)), ("UPDATE", ("OLD", "NEW")), ("DELETE", ("OLD",))):
            noted = "".join(_NOTE.format(name=name, key=_key(row, columns)) for row in rows)
            connection.execute(
                f"CREATE TEMP TRIGGER touched_{name}_{word} AFTER {word} ON main.{name} BEGIN {noted} END"
            )


def _key(row: str, columns: Sequence[str]) -> str:
    first, second, *_ = [*(f"{row}.{column}" for column in columns), "''"]
    return f"{first}, {second}"


def draw_versions(connection: Connection) -> None:
    """Have numbers drawn again whenever a claim or an asset is written; of both sites when one goes over."""
    for name, when, row, drawn in _DRAWING:
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        connection.exec_driver_sql(f"CREATE TRIGGER {name} AFTER {when} BEGIN {drawn.format(row=row)} END")
    for statement in _DRAW_ALL:
        connection.exec_driver_sql(statement)


def guard_names(connection: Connection) -> None:
    """Have names and networks in the hands of two stacks refused, whoever writes."""
    _refuse(connection, _REFUSING)


def guard_hosts(connection: Connection) -> None:
    """Have hosts that read meters refused in the hands of two stacks, whoever writes."""
    _refuse(connection, _REFUSING_HOSTS)


def _refuse(connection: Connection, triggers: Mapping[str, str]) -> None:
    for name, when in triggers.items():
        connection.exec_driver_sql(f"CREATE TRIGGER {name} BEFORE {when} BEGIN SELECT RAISE(ABORT, '{TAKEN}'); END")


def unguard_names(connection: Connection) -> None:
    """Take these guards away."""
    for name in (*_REFUSING, *_REFUSING_HOSTS):
        connection.exec_driver_sql(f"DROP TRIGGER {name}")


def hold(_connection: Connection, names: Sequence[str], *, waits: bool = True) -> frozenset[str]:
    """Nothing: who writes is alone."""
    del waits
    return frozenset(names)


def hold_texts(_connection: Connection, _digests: Collection[str], *, shared: bool) -> None:
    """Nothing, as for scopes."""
    del shared


def add_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows, as the driver takes them: SQLAlchemy would look at each value of each one.

    Many in one statement: SQLite keeps aside the pages that a statement with triggers writes, which takes four times as
    long as the row itself.
    """
    names = list(rows[0])
    values = itemgetter(*names)  # by name: a row in another order gets no value into a wrong column
    marks = f"({', '.join('?' * len(names))})"
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES "  # noqa: S608 - names of our own
    whole = len(rows) - len(rows) % _ROWS
    many = statement + ", ".join([marks] * _ROWS)
    for start in range(0, whole, _ROWS):
        given = tuple(one for row in rows[start : start + _ROWS] for one in values(row))
        connection.exec_driver_sql(many, given)
    if rest := [values(row) for row in rows[whole:]]:
        connection.exec_driver_sql(statement + marks, rest)


def put_texts(connection: Connection, texts: Mapping[str, str]) -> None:
    """Keep texts by digest; those that are there stay, and one that was altered is repaired."""
    connection.exec_driver_sql(_PUT_TEXT, list(texts.items()))


def put_drafts(connection: Connection, digests: Sequence[str], until: str) -> None:
    """Give texts an end, but for those that are kept for good already."""
    connection.exec_driver_sql(_DRAFT, (until, json.dumps(digests)))


def end_drafts(connection: Connection, digests: Sequence[str]) -> None:
    """Keep texts for good: they have no end any more."""
    connection.exec_driver_sql(_END_DRAFTS, (json.dumps(digests),))


def lacking(connection: Connection, digests: Sequence[str]) -> Iterable[str]:
    """Those of some digests under which there is no text."""
    return connection.exec_driver_sql(_LACKING, (json.dumps(digests),)).scalars()


def leaves(connection: Connection) -> Iterable[Sequence[Any]]:
    """Table, key, and the canonical JSON of table, key and digest, of each row that is recorded."""
    return connection.exec_driver_sql(_LEAVES)


def take_touched(connection: Connection) -> Iterable[Sequence[Any]]:
    """Table, and both values of the key (the second empty where it has one), of rows that were written."""
    return connection.exec_driver_sql("SELECT name, first, second FROM touched").all()


def rows_touched(
    connection: Connection, table: Table, columns: Sequence[str], _keys: Collection[Sequence[Any]]
) -> Iterator[dict[str, Any]]:
    """Those of a table that are there now; CROSS JOIN keeps SQLite from going through the whole table instead."""
    on = " AND ".join(
        f"row.{column} = touched.{where}" for column, where in zip(columns, ("first", "second"), strict=False)
    )
    query = f"SELECT row.* FROM touched CROSS JOIN main.{table.name} AS row ON {on} WHERE touched.name = ?"  # noqa: S608 - names of our own
    yield from as_dicts(connection.exec_driver_sql(query, (table.name,)))


def end_touched(connection: Connection) -> None:
    """Forget what was written so far."""
    connection.exec_driver_sql("DELETE FROM touched")


def digests_recorded(connection: Connection, rows: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
    """Digests of the last records of some rows, by table and key."""
    found: dict[tuple[str, str], str] = {}
    for table in {name for name, _ in rows}:
        keys = json.dumps([key for name, key in rows if name == table])
        known = connection.exec_driver_sql(_DIGESTS, (table, keys)).all()
        found |= {(table, key): digest for key, digest in known}
    return found


def keep_list(
    connection: Connection, sequence: int, changes: Sequence[tuple[str, str, str, str | None]], gone: str
) -> None:
    """Add the list of an entry, and say what each of its rows was recorded as last."""
    for statement, rows in (
        (_LIST, [(sequence, table, key, digest) for table, key, digest, _ in changes]),
        (_RECORD, [one for one in changes if one[2] != gone]),
        (_FORGET, [one[:2] for one in changes if one[2] == gone]),
    ):
        if rows:
            connection.exec_driver_sql(statement, rows)
