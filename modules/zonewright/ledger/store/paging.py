"""Queries with many rows, of which few are in memory at a time."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, RowMapping, Select


def paged(connection: Connection, query: Select[Any], page: int) -> Iterator[RowMapping]:
    """The rows of a query; the database is told when nobody looks at more of them.

    Args:
        connection: a transaction; other statements may be carried out in it meanwhile.
        query: what to read.
        page: how many rows are read at a time.
    """
    with connection.execute(query.execution_options(yield_per=page)) as found:
        yield from found.mappings()
