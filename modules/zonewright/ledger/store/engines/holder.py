"""What opens a database that holds a ledger, and gives transactions in it."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection


class LedgerPlace(Protocol):
    """One class for each database.

    Attributes:
        path: the ledger's file; where it has none, the name that files beside it are formed from.
        shown: what people call it; no secret is in it.
        url: what ``--ledger`` has to be for it.
    """

    path: Path
    shown: str
    url: str

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one moment; nothing of it is kept."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that is alone in writing, and sees all that was committed before it."""
        ...

    def making(self) -> AbstractContextManager[Connection]:
        """The same before there are tables."""
        ...

    def turn(self) -> AbstractContextManager[None]:
        """Be alone in writing without a transaction."""
        ...

    def close(self) -> None:
        """Close all connections; another use opens new ones."""
        ...

    def told(self, error: Exception) -> Exception | None:
        """What a fault of the database means to who called; None where it is a fault of ours."""
        ...
