"""What opens a database that holds a ledger, and gives transactions in it."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

BESIDE = "zonewright.beside"
"""What a connection knows: others write while its transaction does, and it holds the scopes that it touches."""

ASKED = "zonewright.asked"
"""What a connection knows: the answers of a part of its transaction that writes nothing."""
STAYING = "zonewright.staying"
"""What such a connection knows too: answers that are good until its transaction ends, since only who is alone in the
zone could make them others."""


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

    def glance(self, asking: Callable[[Connection], None]) -> AbstractContextManager[Connection]:
        """A connection that has asked something, by one statement at most, and knows the answers until the end.

        Args:
            asking: asks; nothing is kept of what it was told where it must be told again.
        """
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


class SharedPlace(LedgerPlace, Protocol):
    """One in which transactions of different scopes write at the same time."""

    def beside(self) -> AbstractContextManager[Connection]:
        """A transaction beside others that write; each of its statements sees all that was committed before it.

        It has to hold the scopes that it touches, else what it read may be so no more when it writes.
        """
        ...

    def add_scopes(self, names: Collection[str]) -> None:
        """Make scopes that were never held before."""
        ...
