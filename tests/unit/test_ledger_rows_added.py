"""Rows that are handed to SQLite's driver past SQLAlchemy."""

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, select

from zonewright.ledger.store.engines.sqlite_words import add_rows


@pytest.mark.parametrize("count", [2, 50, 101])
def test_a_value_goes_into_the_column_of_its_name(count: int) -> None:
    """Rows that name their columns in another order than the first one are not mixed up, and all come in order."""
    table = Table("claimed", MetaData(), Column("units", Integer), Column("name", String))
    rows = [{"name": f"web-{units:03}", "units": units} for units in range(1, count + 1)]
    rows[1::2] = [dict(reversed(row.items())) for row in rows[1::2]]
    with create_engine("sqlite://").begin() as connection:
        table.create(connection)
        add_rows(connection, table, rows)
        found = connection.execute(select(table)).all()
    assert found == [(units, f"web-{units:03}") for units in range(1, count + 1)]
