"""What the database itself refuses: one name, one network, or one host that reads meters, in the hands of two stacks.

The rule ``name-owner`` says it first, in the transaction that admits. This stands behind it, whoever writes.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, ForeignKey, Index, Select, Table, event, select

from zonewright.ledger.store.columns import NUMBER, POSTGRESQL, chars
from zonewright.ledger.store.documents import parse_asset
from zonewright.ledger.store.engines.dialect import words_of
from zonewright.ledger.store.engines.sqlite_words import unguard_names
from zonewright.ledger.store.prepared import STACK
from zonewright.ledger.store.tables import asset, claim, metadata
from zonewright.model.addresses import network_of
from zonewright.model.names import names_in

_ROWS_OF_PREFIXES = ("site", "link")

prefix = Table(
    "prefix",
    metadata,
    Column("asset_id", NUMBER, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("version", NUMBER, primary_key=True, autoincrement=False),
    Column("first", chars(32), primary_key=True),
    Column("last", chars(32), primary_key=True),
    Column("stack_id", chars(64), nullable=False),
)
"""Networks of sites and links; ``first`` and ``last`` address in hexadecimal, of one length."""

meter_host = Table(
    "meter_host",
    metadata,
    Column("asset_id", NUMBER, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("host", chars(64), primary_key=True, index=True),
    Column("stack_id", chars(64), nullable=False),
)
"""Hosts of sites whose agents read meters: what they send is known by their names alone, so each has one owner."""

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


def _of_the_same_rows(table: Table, connection: Connection, **_options: object) -> None:
    """The index covers the same rows on PostgreSQL; said only there, since to say it loads what works with it."""
    if connection.dialect.name == POSTGRESQL:
        for index in (one for one in _current if one.table is table):
            index.dialect_options[POSTGRESQL]["where"] = index.dialect_options["sqlite"]["where"]


for _table in (claim, asset):
    event.listen(_table, "before_create", _of_the_same_rows)


@event.listens_for(prefix, "after_create")
def _guard(_table: Table, connection: Connection, **_options: object) -> None:
    """Each database has its own way: triggers, or constraints that exclude other stacks.

    A ledger of an older version has assets already when it gets this table: what two stacks had before stays.
    """
    for index in (_held, *_current):
        index.create(connection, checkfirst=True)
    for row in connection.execute(_with_prefixes().order_by(asset.c.id)):
        if rows := list(_rows_of(row)):
            connection.execute(prefix.insert(), rows)
    words_of(connection).guard_names(connection)


@event.listens_for(meter_host, "after_create")
def _guard_hosts(_table: Table, connection: Connection, **_options: object) -> None:
    """The same for hosts."""
    for row in connection.execute(_with_prefixes().order_by(asset.c.id)):
        if rows := list(_hosts_of(row)):
            connection.execute(meter_host.insert(), rows)
    words_of(connection).guard_hosts(connection)


def hosts_twice(connection: Connection) -> tuple[str, str, str] | None:
    """The first host that two stacks have, and these; None where no two have one."""
    rows = (one for row in connection.execute(_with_prefixes().order_by(asset.c.id)) for one in _hosts_of(row))
    first: dict[str, str] = {}
    for one in rows:
        host, stack_id = one["host"], one["stack_id"]
        if first.setdefault(host, stack_id) != stack_id:
            return host, first[host], stack_id
    return None


def hold_names(connection: Connection, stack_id: str) -> None:
    """Hold networks and hosts of what a stack was just admitted with; those that stay or leave are held since theirs.

    Args:
        connection: the transaction that has written the assets.
        stack_id: the stack.
    """
    for table, rows_of in _HELD:
        found = connection.execute(_new(table), {"stack": stack_id}).all()
        if rows := [one for row in found for one in rows_of(row)]:
            connection.execute(table.insert(), rows)


@cache
def _new(table: Table) -> Select[Any]:
    """Assets that a stack is admitted with, and that a table of theirs does not have yet."""
    known = select(table.c.asset_id).where(table.c.stack_id == STACK)
    present: Select[Any] = _with_prefixes().where(asset.c.stack_id == STACK, asset.c.state == "admitted")
    return present.where(asset.c.id.not_in(known))


def name_faults(connection: Connection) -> Iterator[str]:
    """What the tables of networks and hosts do not say as the assets do."""
    for table, rows_of in _HELD:
        held = {tuple(row) for row in connection.execute(select(table))}
        wanted = set()
        for row in connection.execute(_with_prefixes()):
            with suppress(ValueError):  # an asset that cannot be read is not what was recorded
                wanted |= {tuple(one[column.name] for column in table.c) for one in rows_of(row)}
        for asset_id in sorted({one[0] for one in held ^ wanted}):
            yield f"{table.name}: the {_TOLD[table.name]} of asset {asset_id} are not those of its declaration"


def allow_what_was(connection: Connection) -> None:
    """Take the guards away, so that a copy of a ledger of an older version, in a file, may hold what that one held."""
    unguard_names(connection)


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


def _hosts_of(row: Any) -> Iterable[dict[str, Any]]:
    """Each host of a site."""
    for kind, name, _ in names_in(row.name, parse_asset(row.data)):
        if kind == "host":
            yield {"asset_id": row.id, "host": name, "stack_id": row.stack_id}


_HELD = ((prefix, _rows_of), (meter_host, _hosts_of))
_TOLD = {prefix.name: "networks", meter_host.name: "hosts that read meters"}
