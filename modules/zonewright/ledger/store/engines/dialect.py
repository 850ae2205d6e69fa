"""Statements that each database has its own words for."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Column, ColumnElement, CompoundSelect, Connection, MetaData, Select, Table
from sqlalchemy.dialects.sqlite import Insert

from zonewright.ledger.store.columns import POSTGRESQL
from zonewright.ledger.store.engines import sqlite_words

RowNote = tuple[str, str, str, str | None]
"""Table, key, digest and record of a row; see :data:`zonewright.ledger.store.recording.RowChange`."""


class Words(Protocol):
    """One module for each database."""

    def upsert(self, table: Table) -> Insert:
        """An insert that can say what happens to a row that is there already."""
        ...

    def number_in(self, column: Column[str], *path: str) -> ColumnElement[int]:
        """A whole number within a JSON text, by its keys."""
        ...

    def json_rows(self, query: Select[Any] | CompoundSelect[Any]) -> ColumnElement[Any]:
        """All rows of a query as one value: a JSON list, in their order, of a list of values each."""
        ...

    def octets(self, column: Column[str]) -> ColumnElement[int]:
        """How many bytes a text has."""
        ...

    def make(self, connection: Connection, tables: MetaData) -> None:
        """Make all tables, with their indexes and what guards them.

        Args:
            connection: a writing transaction on a database without tables.
            tables: all of a ledger.
        """
        ...

    def prepare(self, connection: Connection, keys: Mapping[str, Sequence[str]]) -> None:
        """Make what the database itself needs beside the tables of a new ledger; or of one that got new tables.

        Args:
            connection: a writing transaction.
            keys: names of the columns of the key of each table that is recorded.
        """
        ...

    def draw_versions(self, connection: Connection) -> None:
        """Have numbers drawn again whenever a claim or an asset is written; of both sites when one goes over.

        Again it changes nothing but the numbers: a ledger of an older version may have some of it.
        """
        ...

    def guard_names(self, connection: Connection) -> None:
        """Have names and networks in the hands of two stacks refused, whoever writes."""
        ...

    def guard_hosts(self, connection: Connection) -> None:
        """Have hosts that read meters refused in the hands of two stacks, whoever writes."""
        ...

    def hold(self, connection: Connection, names: Sequence[str], *, waits: bool = True) -> frozenset[str]:
        """Hold scopes until the end of the transaction, in the order of their names; where writers are beside others.

        Args:
            connection: a transaction that shares the zone with others that write.
            names: of the scopes.
            waits: for who holds one; else it is left out.

        Returns:
            The names of those that are held; others must be made first.
        """
        ...

    def hold_texts(self, connection: Connection, digests: Collection[str], *, shared: bool) -> None:
        """Have nobody else say meanwhile until when texts are kept.

        Args:
            connection: a writing transaction.
            digests: of the texts, in any order.
            shared: others may keep them for good as well, and only nobody may give them an end.
        """
        ...

    def add_rows(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows to a table, at least one, each with the same two columns or more."""
        ...

    def put_texts(self, connection: Connection, texts: Mapping[str, str]) -> None:
        """Keep texts by digest; those that are there stay, and one that was altered is repaired."""
        ...

    def put_drafts(self, connection: Connection, digests: Sequence[str], until: str) -> None:
        """Give texts an end, but for those that are kept for good already."""
        ...

    def end_drafts(self, connection: Connection, digests: Sequence[str]) -> None:
        """Keep texts for good: they have no end any more. One statement, however many."""
        ...

    def lacking(self, connection: Connection, digests: Sequence[str]) -> Iterable[str]:
        """Those of some digests under which there is no text. One statement, however many."""
        ...

    def leaves(self, connection: Connection) -> Iterable[Sequence[Any]]:
        """Table, key, and the canonical JSON of table, key and digest, of each row that is recorded."""
        ...

    def take_touched(self, connection: Connection) -> Iterable[Sequence[Any]]:
        """Table, and both values of the key (the second empty where it has one), of rows that were written.

        They are noted until :meth:`end_touched` only.
        """
        ...

    def rows_touched(
        self, connection: Connection, table: Table, columns: Sequence[str], keys: Collection[Sequence[Any]]
    ) -> Iterator[dict[str, Any]]:
        """Those of a table that are there now."""
        ...

    def end_touched(self, connection: Connection) -> None:
        """Forget what was written so far."""
        ...

    def digests_recorded(
        self, connection: Connection, rows: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], str]:
        """Digests of the last records of some rows, by table and key."""
        ...

    def keep_list(self, connection: Connection, sequence: int, changes: Sequence[RowNote], gone: str) -> None:
        """Add the list of an entry, and say what each of its rows was recorded as last.

        Args:
            connection: a writing transaction.
            sequence: number of the entry.
            changes: the rows.
            gone: the digest of one that is there no more.
        """
        ...


def words_of(connection: Connection) -> Words:
    """The statements of the database that a connection is to."""
    if connection.dialect.name == POSTGRESQL:
        from zonewright.ledger.store.engines import postgresql_words  # noqa: PLC0415 - who has a file loads none of it

        return postgresql_words
    return sqlite_words
