"""Which ledger this is: its random id, and the version of its schema. An older or newer one is refused by name.

A new ledger is made at the newest version. An older one is brought there by ``ledger/migrations``, never on opening.
"""

import secrets
from typing import Any

from sqlalchemy import Column, Connection, Table, inspect, select
from sqlalchemy.exc import OperationalError

from zonewright.ledger.protocol.errors import LedgerUnavailableError
from zonewright.ledger.store import brought, names, pruned_texts, recording, steps, texts
from zonewright.ledger.store.asking import Question, scalar
from zonewright.ledger.store.columns import POSTGRESQL, chars
from zonewright.ledger.store.engines.dialect import words_of
from zonewright.ledger.store.tables import metadata

SCHEMA = "0015"
"""The newest version: the last revision of ``ledger/migrations/versions``."""
BEFORE = "0000"
"""What a ledger is called that was made before ledgers had a version."""
MODULES = (brought, names, pruned_texts, recording, steps, texts)
"""Modules with tables of their own, which are known only once they are imported."""

identity = Table(
    "identity",
    metadata,
    Column("id", chars(32), primary_key=True),
)
"""One row: a random number in hexadecimal. A copy of the file has it too; the journal tells the two apart."""

version = Table("alembic_version", metadata, Column("version_num", chars(32), primary_key=True))
"""As Alembic keeps it."""
_VERSION = select(version.c.version_num)
VERSION_KNOWN = Question(_VERSION, stays=True)
LEDGER_ID = Question(select(identity.c.id), stays=True)
_OURS = frozenset({"journal", "claim"})
"""Tables that each version of a ledger has."""


def new_id() -> str:
    """A ledger's id: 128 random bits in hexadecimal."""
    return secrets.token_hex(16)


def make(connection: Connection) -> None:
    """Make all tables of a new ledger, at the newest version.

    Args:
        connection: a writing transaction on a database without tables.
    """
    words_of(connection).make(connection, metadata)
    prepare(connection)
    connection.execute(version.insert().values(version_num=SCHEMA))
    connection.execute(identity.insert().values(id=new_id()))


def prepare(connection: Connection) -> None:
    """Have the database note what transactions touch, where it is the database that does; also of new tables."""
    words_of(connection).prepare(connection, recording.KEYS)


def ledger_id(connection: Connection) -> str:
    """The id of the ledger."""
    found = scalar(connection, LEDGER_ID)
    if found is None:
        raise LookupError("the ledger has no id")
    return str(found)


def version_in(connection: Connection) -> str | None:
    """The version of a ledger's schema, where there are its tables."""
    found = scalar(connection, VERSION_KNOWN)
    return None if found is None else str(found)


def version_of(connection: Connection) -> str | None:
    """The version of a ledger's schema, or None where the database has no tables of a ledger."""
    try:
        # A statement that fails ends a transaction of PostgreSQL, so there it is not tried.
        if connection.dialect.name == POSTGRESQL and not inspect(connection).has_table(version.name):
            return None
        found = connection.execute(_VERSION).scalar()
    except OperationalError:
        tables = set(inspect(connection).get_table_names())
        if version.name in tables:
            raise
        return BEFORE if tables >= _OURS else None
    if found != SCHEMA and not set(inspect(connection).get_table_names()) >= _OURS:
        return None  # another program that uses Alembic
    return None if found is None else str(found)


def is_present(connection: Any) -> bool:
    """Whether a connection of the database's driver is to a ledger of the newest version.

    Args:
        connection: of SQLite; nothing is changed by it.
    """
    named = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not named >= {version.name, recording.row_change.name}:
        return False
    return bool(connection.execute(f"SELECT version_num FROM {version.name}").fetchone() == (SCHEMA,))  # noqa: S608 - a name of ours


def require_present(found: str | None, shown: str, url: str) -> None:
    """Let a ledger of the newest version pass.

    Args:
        found: version of its schema, None where it has none of our tables.
        shown: what people call it.
        url: what ``--ledger`` is for it.

    Raises:
        LedgerUnavailableError: for any other, with what to do.
    """
    if found == SCHEMA:
        return
    if found is None:
        raise LedgerUnavailableError(
            "database",
            f"the ledger {shown} cannot be used: it is a database without the tables of a ledger; nothing was changed; "
            "correct the URL, or make a ledger of its own with: zonewright ledger init ZONE",
        )
    if found < SCHEMA:
        raise LedgerUnavailableError(
            "older-schema",
            f"the ledger {shown} has schema {found}, and this zonewright needs {SCHEMA}; nothing was changed; stop "
            f"what uses it and run: zonewright ledger upgrade --ledger {url}",
        )
    raise LedgerUnavailableError(
        "newer-schema",
        f"the ledger {shown} has schema {found}, and this zonewright knows {SCHEMA} at most; nothing was changed; "
        "install the zonewright that upgraded it, or a later one",
    )
