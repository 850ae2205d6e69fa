"""What the database itself refuses: one name, or one address, in the hands of two stacks.

The rule ``name-owner`` says it first, in the transaction that admits. This stands behind it, whoever writes.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from sqlalchemy import Column, Connection, ForeignKey, Index, Integer, String, Table, event, select

from zonewright.ledger.store.documents import parse_asset
from zonewright.ledger.store.tables import asset, claim, metadata
from zonewright.model.addresses import network_of
from zonewright.model.names import names_in

TAKEN = "name-owner"
"""The word with which a trigger aborts."""
_ROWS_OF_PREFIXES = ("site", "link")

prefix = Table(
    "prefix",
    metadata,
    Column("asset_id", Integer, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("first", String(32), primary_key=True),
    Column("last", String(32), primary_key=True),
    Column("stack_id", String(64), nullable=False),
)
"""Networks of sites and links; ``first`` and ``last`` address in hexadecimal, of one length."""

_held = Index("asset_held", asset.c.kind, asset.c.name)
_current = [
    Index(
        f"{table.name}_current",
        table.c.stack_id,
        table.c.kind,
        table.c.name,
        unique=True,
        sqlite_where=table.c.state.in_(("admitted", "active")),
    )
    for table in (claim, asset)
]
"""Within a stack a name has one current row: this makes the names of nodes unique there, and nowhere else."""

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


@event.listens_for(prefix, "after_create")
def _guard(_table: Table, connection: Connection, **_options: object) -> None:
    """Written for SQLite; PostgreSQL says the same with exclusion constraints over (kind, name, stack) and ranges.

    A ledger of an older version has assets already when it gets this table: what two stacks had before stays.
    """
    for index in (_held, *_current):
        index.create(connection, checkfirst=True)
    for row in connection.execute(_with_prefixes().order_by(asset.c.id)):
        if rows := list(_rows_of(row)):
            connection.execute(prefix.insert(), rows)
    for name, when in _REFUSING.items():
        connection.exec_driver_sql(f"CREATE TRIGGER {name} BEFORE {when} BEGIN SELECT RAISE(ABORT, '{TAKEN}'); END")


def hold_prefixes(connection: Connection, stack_id: str) -> None:
    """Hold the networks of what a stack was just admitted with; those that stay or leave are held since theirs.

    Args:
        connection: the transaction that has written the assets.
        stack_id: the stack.
    """
    known = select(prefix.c.asset_id).where(prefix.c.stack_id == stack_id)
    query = _with_prefixes().where(asset.c.stack_id == stack_id, asset.c.state == "admitted", asset.c.id.not_in(known))
    rows = [one for row in connection.execute(query).all() for one in _rows_of(row)]
    if rows:
        connection.execute(prefix.insert(), rows)


def prefix_faults(connection: Connection) -> Iterator[str]:
    """What the table of networks does not say as the assets do."""
    columns = (prefix.c.asset_id, prefix.c.version, prefix.c.first, prefix.c.last, prefix.c.stack_id)
    held = {tuple(row) for row in connection.execute(select(*columns))}
    wanted = set()
    for row in connection.execute(_with_prefixes()):
        with suppress(ValueError):  # an asset that cannot be read is not what was recorded
            wanted |= {tuple(one[column.name] for column in columns) for one in _rows_of(row)}
    for asset_id, *_ in sorted(held ^ wanted):
        yield f"prefix: the networks of asset {asset_id} are not those of its declaration"


def allow_what_was(connection: Connection) -> None:
    """Take the guards away, so that a copy of a ledger of an older version may hold what that one held."""
    for name in _REFUSING:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")


def _with_prefixes() -> Any:
    columns = (asset.c.id, asset.c.stack_id, asset.c.name, asset.c.data)
    return select(*columns).where(asset.c.kind.in_(_ROWS_OF_PREFIXES))


def _rows_of(row: Any) -> Iterable[dict[str, Any]]:
    """Each network of an asset once."""
    found = {name for kind, name, _ in names_in(row.name, parse_asset(row.data)) if kind == "prefix"}
    for name in sorted(found):
        network = network_of(name)
        first, last = (f"{int(one):032x}" for one in (network.network_address, network.broadcast_address))
        yield {
            "asset_id": row.id,
            "version": network.version,
            "first": first,
            "last": last,
            "stack_id": row.stack_id,
        }
