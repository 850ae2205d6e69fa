"""Types of columns, in each database that may hold a ledger.

PostgreSQL sorts texts by their bytes, as SQLite does: an order must not depend on where a ledger is kept. It does not
count characters, since messages have limits of their own.
"""

from typing import Any

from sqlalchemy import BigInteger, Integer, String, Text
from sqlalchemy.types import TypeEngine

POSTGRESQL = "postgresql"
"""What SQLAlchemy calls it."""
_BY_BYTES = "C"

NUMBER: TypeEngine[int] = Integer().with_variant(BigInteger(), POSTGRESQL)
"""A whole number of up to 63 bits."""
LONG: TypeEngine[str] = Text().with_variant(Text(collation=_BY_BYTES), POSTGRESQL)
"""A text of any length."""


def chars(most: int) -> TypeEngine[Any]:
    """A short text.

    Args:
        most: how many characters it has at most, as far as is known.
    """
    return String(most).with_variant(Text(collation=_BY_BYTES), POSTGRESQL)
