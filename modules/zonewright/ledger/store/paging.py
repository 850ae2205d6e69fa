"""Queries with many rows: few of them in memory at a time, and each as a plain dictionary."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, CursorResult, Result, Select

_AT_ONCE = 400
"""Rows that are asked for at once: one by one takes SQLAlchemy longer than all else here."""


def paged(connection: Connection, query: Select[Any], page: int) -> Iterator[dict[str, Any]]:
    """The rows of a query; the database is told when nobody looks at more of them.

    Args:
        connection: a transaction; other statements may be carried out in it meanwhile.
        query: what to read.
        page: how many rows are read at a time.
    """
    with connection.execute(query.execution_options(yield_per=page)) as found:
        yield from as_dicts(found, page)


def as_dicts(found: CursorResult[Any] | Result[Any], at_once: int = _AT_ONCE) -> Iterator[dict[str, Any]]:
    """Rows by the names of their columns; going through all of them costs a fraction of the views of SQLAlchemy."""
    names = list(found.keys())
    while rows := found.fetchmany(at_once):
        for row in rows:
            yield dict(zip(names, row, strict=True))
