"""A record that the journal gets once of something in the store, whichever of several services writes it."""

from typing import Any, Literal

from zonewright.telemetry.home import TelemetryHome


class JournalNote:
    """What the journal is to say of something, and does not yet.

    Where readings and journal are in one database, both are written in one transaction. Else the journal is first: who
    is killed in between has the very same record written once more.

    Args:
        home: the readings.
        table: what it is about.
        number: which of its rows.
    """

    def __init__(
        self, home: TelemetryHome, table: Literal["intake", "pruning", "delivering", "chain_seal"], number: int
    ) -> None:
        self._home, self._table, self._number = home, table, number

    def is_open(self, ledger: Any) -> bool:
        """Whether nobody has recorded it meanwhile.

        Args:
            ledger: a connection to the ledger, whose transaction is alone in writing to the journal.
        """
        query = f"select 1 from {self._table} where id = ? and entry = ''"  # noqa: S608 - one of four names
        joined = self._home.joined(ledger)
        if joined is not None:
            return joined.execute(query, (self._number,)).fetchone() is not None
        with self._home.opened() as connection:
            return connection.execute(query, (self._number,)).fetchone() is not None

    def keep_within(self, ledger: Any, entry: str) -> bool:
        """Keep what it was recorded as in the transaction that records it; False where it is another database."""
        joined = self._home.joined(ledger)
        if joined is not None:
            joined.execute(self._update, (entry, self._number))
        return joined is not None

    def keep(self, entry: str) -> None:
        """Keep what it was recorded as, after that."""
        with self._home.writing("readings") as connection:
            connection.execute(self._update, (entry, self._number))

    @property
    def _update(self) -> str:
        return f"update {self._table} set entry = ? where id = ? and entry = ''"  # noqa: S608 - one of four names
