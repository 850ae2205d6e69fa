"""Rows that are handed to SQLite's driver past SQLAlchemy."""

from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, select

from zonewright.ledger.store.engines.sqlite_words import add_rows


def test_a_value_goes_into_the_column_of_its_name() -> None:
    """Rows that name their columns in another order than the first one are not mixed up."""
    table = Table("claimed", MetaData(), Column("units", Integer), Column("name", String))
    with create_engine("sqlite://").begin() as connection:
        table.create(connection)
        add_rows(connection, table, [{"name": "web-001", "units": 1}, {"units": 2, "name": "web-002"}])
        assert connection.execute(select(table)).all() == [(1, "web-001"), (2, "web-002")]
