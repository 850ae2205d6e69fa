"""Texts by digest. What a preview asks for ends by itself, unless a plan or an admission names it before.

So a preview, and a change that nobody carries out, leave nothing that outlives them.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, Index, bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from zonewright.ledger.store.clock import stamp
from zonewright.ledger.store.tables import content, proposal, reservation
from zonewright.model.canonical import digest_of
from zonewright.model.limits import DRAFT

_PAGE = 500
_SWEPT = 1_000
"""Most texts that one transaction removes: nobody waits for the previews of others."""
Index("content_drafts", content.c.expires_at, sqlite_where=content.c.expires_at.is_not(None))


def put_contents(connection: Connection, texts: Iterable[str], *, until: datetime | None = None) -> None:
    """Keep texts by digest; those already there stay, and one that was altered is repaired."""
    put_digested(connection, {digest_of(text): text for text in texts}, until=until)


def put_digested(connection: Connection, texts: Mapping[str, str], *, until: datetime | None = None) -> None:
    """The same for texts of which the digest is known already.

    Args:
        connection: a writing transaction.
        texts: by digest.
        until: when they end, None keeps them for good; a text that is kept longer already stays so.
    """
    rows = [
        {"digest": digest, "text": text, "expires_at": None if until is None else stamp(until)}
        for digest, text in texts.items()
    ]
    if not rows:
        return
    statement = insert(content)
    new = statement.excluded
    later = func.max(content.c.expires_at, new.expires_at)  # in SQLite nothing where either is: kept for good
    known = statement.on_conflict_do_update(
        index_elements=["digest"],
        set_={"text": new.text, "expires_at": later},
        where=(content.c.text != new.text) | content.c.expires_at.is_not(None),
    )
    connection.execute(known, rows)


def drafted(moment: datetime) -> datetime:
    """When what is put now ends, if nothing names it."""
    return moment + timedelta(seconds=DRAFT.most)


def keep(connection: Connection, digests: Collection[str]) -> None:
    """Keep texts for good, because something names them now; those that are not there are left out."""
    ordered = sorted(digests)
    for start in range(0, len(ordered), _PAGE):
        page = ordered[start : start + _PAGE]
        connection.execute(
            update(content).where(content.c.digest.in_(page), content.c.expires_at.is_not(None)).values(expires_at=None)
        )


def behind(connection: Connection, manifest: str) -> set[str]:
    """A manifest of files, and the digests that it names by path; a text that is no manifest names none."""
    try:
        named = json.loads(get_content(connection, manifest) or "{}")
    except ValueError:
        named = {}
    return (
        {manifest, *(one for one in named.values() if isinstance(one, str))} if isinstance(named, dict) else {manifest}
    )


def sweep(connection: Connection, moment: datetime) -> None:
    """Remove some of what has ended: texts, reservations, and what the last preview of a stack was offered."""
    now = stamp(moment)
    ended = select(content.c.digest).where(content.c.expires_at < bindparam("now")).limit(_SWEPT)
    connection.execute(delete(content).where(content.c.digest.in_(ended)), {"now": now})
    connection.execute(delete(reservation).where(reservation.c.expires_at < now))
    since = stamp(moment - timedelta(seconds=DRAFT.most))
    connection.execute(delete(proposal).where(proposal.c.proposed_at < since))


def get_content(connection: Connection, digest: str) -> str | None:
    """A text by digest, or None."""
    return connection.execute(select(content.c.text).where(content.c.digest == digest)).scalar()
