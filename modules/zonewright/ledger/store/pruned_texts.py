"""Texts that were removed since nobody needs them any more: which, by which entry of the journal, and when.

The entry has the digest of the list of their digests. The list is here, so that a text that is missing is told as one
that was removed, or as one that was damaged.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Column, Connection, Table, delete, func, select

from zonewright.ledger.protocol.content_messages import TextRemoval
from zonewright.ledger.store import journal
from zonewright.ledger.store.columns import NUMBER, chars
from zonewright.ledger.store.engines.dialect import words_of
from zonewright.ledger.store.tables import content, metadata
from zonewright.ledger.store.tables import journal as entries
from zonewright.model.canonical import canonical_json, digest_of

KIND = "texts-pruned"
"""Of an entry with ``texts``, ``bytes``, the ``digest`` of the list, and the moment ``before`` that was asked for."""
_PAGE = 500

pruned = Table(
    "pruned",
    metadata,
    Column("sequence", NUMBER, primary_key=True, autoincrement=False),
    Column("digest", chars(71), primary_key=True, index=True),
    sqlite_with_rowid=False,
)
"""Digests of removed texts by entry; one that was stored again later and removed again is there twice."""


def list_digest(digests: Iterable[str]) -> str:
    """The digest of the list of removed texts: of the canonical JSON of their digests in order."""
    return digest_of(canonical_json(sorted(digests)))


def size_of(connection: Connection, digests: Collection[str]) -> int:
    """Bytes of some texts together, as the database keeps them."""
    found = 0
    for page in _pages(digests):
        size = func.sum(words_of(connection).octets(content.c.text))
        found += int(connection.execute(select(size).where(content.c.digest.in_(page))).scalar() or 0)
    return found


def remove(connection: Connection, digests: Collection[str], *, at: str, said: Mapping[str, Any]) -> int:
    """Remove texts and record it; gives the number of the entry.

    Args:
        connection: a writing transaction.
        digests: of the texts, at least one.
        at: the moment.
        said: what else the entry says.
    """
    payload = {**said, "digest": list_digest(digests)}
    entry = journal.append(connection, at=at, kind=KIND, stack_id="", party="", payload=payload)
    for page in _pages(digests):
        connection.execute(delete(content).where(content.c.digest.in_(page)))
    connection.execute(pruned.insert(), [{"sequence": entry.sequence, "digest": one} for one in sorted(digests)])
    return entry.sequence


def removed(connection: Connection, digests: Collection[str]) -> dict[str, TextRemoval]:
    """When texts were removed last, by digest; those that never were are left out."""
    found: dict[str, TextRemoval] = {}
    for page in _pages(digests):
        query = select(pruned.c.digest, pruned.c.sequence, entries.c.at).join(
            entries, entries.c.sequence == pruned.c.sequence
        )
        for row in connection.execute(query.where(pruned.c.digest.in_(page)).order_by(pruned.c.sequence)):
            found[row.digest] = TextRemoval(sequence=row.sequence, at=row.at)
    return found


def last_removals(connection: Connection) -> dict[str, int]:
    """Of each text that was ever removed the number of the entry that did it last."""
    query = select(pruned.c.digest, func.max(pruned.c.sequence).label("sequence")).group_by(pruned.c.digest)
    return {row.digest: row.sequence for row in connection.execute(query)}


def list_faults(connection: Connection) -> Iterator[str]:
    """Lists of removed texts that are not those that the journal names."""
    lists: dict[int, list[str]] = {}
    for row in connection.execute(select(pruned)):
        lists.setdefault(row.sequence, []).append(row.digest)
    query = select(entries.c.sequence, entries.c.payload).where(entries.c.kind == KIND)
    for row in connection.execute(query.order_by(entries.c.sequence)):
        if f'"digest":"{list_digest(lists.pop(row.sequence, []))}"' not in row.payload:
            yield f"the list of texts of entry {row.sequence} is not the one that the journal names"
    for sequence in sorted(lists):
        yield f"the list of texts of entry {sequence} is not the one that the journal names"


def _pages(digests: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(digests)
    return (ordered[start : start + _PAGE] for start in range(0, len(ordered), _PAGE))
