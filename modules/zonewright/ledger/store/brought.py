"""Who brought a text, for a day: a party may name in its changes what it brought itself, and nothing of others.

A digest alone proves nothing: it is told in many places. Without this, a manifest that names another party's text
would make that text one's own.
"""

from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import Column, Connection, Table, bindparam, delete, select, tuple_

from zonewright.ledger.store.asking import AskedQuestion, Question, answers
from zonewright.ledger.store.clock import stamp
from zonewright.ledger.store.columns import chars
from zonewright.ledger.store.tables import metadata

_PAGE = 500

brought = Table(
    "brought",
    metadata,
    Column("digest", chars(71), primary_key=True),
    Column("source", chars(140), primary_key=True),
    Column("expires_at", chars(32), nullable=False, index=True),
)
"""Digests with their source. Nothing is proven by them once a plan or an admission names the text."""
_BROUGHT = Question(
    select(brought.c.digest, brought.c.expires_at).where(
        brought.c.source == bindparam("source"), brought.c.digest.in_(bindparam("brought", expanding=True))
    )
)
_IS_OVER = brought.c.expires_at < bindparam("now")
_OVER = select(brought.c.digest, brought.c.source).where(_IS_OVER).with_for_update(skip_locked=True)
_FORGET = delete(brought).where(tuple_(brought.c.digest, brought.c.source).in_(_OVER), _IS_OVER)


def of_party(party: str) -> str:
    """The source of what a party brings."""
    return f"party {party}"


def of_snapshot(stack_id: str) -> str:
    """The source of what the ledger itself took for a plan of a stack."""
    return f"snapshot {stack_id}"


def note_brought(connection: Connection, digests: Collection[str], source: str, *, until: datetime) -> None:
    """Note from where texts come; one that was noted before is noted for longer.

    Args:
        connection: a writing transaction.
        digests: of the texts.
        source: see :func:`of_party` and :func:`of_snapshot`.
        until: when it is forgotten.
    """
    ends = stamp(until)
    for page in _pages(digests):
        connection.execute(delete(brought).where(brought.c.source == source, brought.c.digest.in_(page)))
        connection.execute(
            brought.insert(), [{"digest": digest, "source": source, "expires_at": ends} for digest in page]
        )


def asked_brought(digests: Collection[str], source: str) -> AskedQuestion:
    """What :func:`brought_by` asks about some digests, not too many."""
    return AskedQuestion(_BROUGHT, {"source": source, "brought": sorted(digests)})


def brought_by(connection: Connection, digests: Collection[str], source: str, *, now: str) -> set[str]:
    """Those of some digests that come from a source.

    Args:
        connection: a transaction.
        digests: of texts.
        source: see :func:`of_party` and :func:`of_snapshot`.
        now: the moment, as the tables hold it.
    """
    found: set[str] = set()
    for page in _pages(digests):
        rows = answers(connection, _BROUGHT, source=source, brought=page)
        found.update(row.digest for row in rows if row.expires_at >= now)
    return found


def forget_brought(connection: Connection, moment: datetime) -> None:
    """Forget what has ended."""
    connection.execute(_FORGET, {"now": stamp(moment)})


def _pages(digests: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(digests)
    return (ordered[start : start + _PAGE] for start in range(0, len(ordered), _PAGE))
