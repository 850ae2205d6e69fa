"""Texts by digest. What a preview asks for ends by itself, unless a plan or an admission names it before.

So a preview, and a change that nobody carries out, leave nothing that outlives them.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from operator import methodcaller
from typing import Self

from sqlalchemy import Column, Connection, Table, bindparam, delete, select

from zonewright.ledger.store.asking import AskedQuestion, Question, answers, scalar
from zonewright.ledger.store.clock import stamp
from zonewright.ledger.store.columns import chars
from zonewright.ledger.store.engines.dialect import words_of
from zonewright.ledger.store.engines.holder import BESIDE
from zonewright.ledger.store.scopes import stack_scope
from zonewright.ledger.store.tables import content, metadata, proposal, reservation
from zonewright.model.canonical import digest_of
from zonewright.model.limits import DRAFT

_PAGE = 500
_DIGEST, _FOLDER = re.compile(r"sha256:[0-9a-f]{64}"), methodcaller("__contains__", "/")
_LONGER_THAN_ANY = timedelta(hours=1)
"""A transaction takes less."""
_SWEPT = 1_000
"""Most texts that one transaction removes: nobody waits for the previews of others."""

draft = Table(
    "draft",
    metadata,
    Column("digest", chars(71), primary_key=True),
    Column("expires_at", chars(32), nullable=False, index=True),
    sqlite_with_rowid=False,
)
"""Texts that end, and when. A text that is not here is kept for good."""
_KEPT = Question(select(content.c.digest).where(content.c.digest.in_(bindparam("digests", expanding=True))))
FEW = 32
"""Digests that are asked about one by one, and not as a list."""
TEXT = Question(select(content.c.text).where(content.c.digest == bindparam("one")))
_ENDED = (
    select(content.c.digest)
    .join(draft, draft.c.digest == content.c.digest)
    .where(draft.c.expires_at < bindparam("now"))
    .order_by(draft.c.expires_at, draft.c.digest)  # by its index: in another order SQLite goes through all texts
    .limit(_SWEPT)
    .with_for_update(of=content, skip_locked=True)
)
_OVER = reservation.c.expires_at < bindparam("before")
# What others decide on at this moment stays: none of them began so long ago.
_FREE = select(reservation.c.stack_id).where(_OVER).with_for_update(skip_locked=True)
_END_RESERVATIONS = delete(reservation).where(reservation.c.stack_id.in_(_FREE), _OVER)
_IS_FORGOTTEN = proposal.c.proposed_at < bindparam("before")
_FORGOTTEN = select(proposal.c.stack_id).where(_IS_FORGOTTEN).limit(_SWEPT)
_FORGET = delete(proposal).where(_IS_FORGOTTEN)


def put_contents(connection: Connection, texts: Iterable[str], *, until: datetime | None = None) -> None:
    """Keep texts by digest; those already there stay, and one that was altered is repaired."""
    put_digested(connection, {digest_of(text): text for text in texts}, until=until)


def put_digested(
    connection: Connection,
    texts: Mapping[str, str],
    *,
    until: datetime | None = None,
    also: Collection[str] = frozenset(),
) -> None:
    """The same for texts of which the digest is known already.

    Args:
        connection: a writing transaction.
        texts: by digest.
        until: when they end, None keeps them for good; a text that is kept longer already stays so.
        also: digests of texts that are there and are kept for good from now on as well.
    """
    if not texts:
        return
    if until is None:
        hold(connection, texts)  # before the texts: those that somebody removes at this moment are put again
    else:
        _draft(connection, texts, stamp(until))
    words_of(connection).put_texts(connection, dict(sorted(texts.items())))
    if until is None:
        keep(connection, {*texts, *also})  # after the texts, since others may put them at the same moment, for a day


def _draft(connection: Connection, digests: Collection[str], until: str) -> None:
    """Give new texts an end, and those that have one a later one; before the texts are there."""
    words = words_of(connection)
    words.hold_texts(connection, digests, shared=False)
    words.put_drafts(connection, sorted(digests), until)


def _pages(digests: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(digests)
    return (ordered[start : start + _PAGE] for start in range(0, len(ordered), _PAGE))


def drafted(moment: datetime) -> datetime:
    """When what is put now ends, if nothing names it."""
    return moment + timedelta(seconds=DRAFT.most)


def keep(connection: Connection, digests: Collection[str]) -> None:
    """Keep texts for good, because something names them now."""
    if digests:
        hold(connection, digests)
        words_of(connection).end_drafts(connection, sorted(digests))


def hold(connection: Connection, digests: Collection[str]) -> None:
    """Have nobody remove texts until the transaction ends: those that are there then stay."""
    words_of(connection).hold_texts(connection, digests, shared=True)


def asked_lacking(digests: Collection[str]) -> AskedQuestion:
    """What :func:`lacking` asks about some digests."""
    return AskedQuestion(_KEPT, {"digests": sorted(digests)})


def lacking(connection: Connection, digests: Collection[str]) -> list[str]:
    """Digests, in order, under which the ledger has no text."""
    if len(digests) > FEW:
        return sorted(set(words_of(connection).lacking(connection, list(digests))))
    kept = {row.digest for row in answers(connection, _KEPT, digests=sorted(digests))} if digests else set()
    return sorted(set(digests) - kept)


def behind(connection: Connection, manifest: str) -> set[str]:
    """A manifest of files, and the digests that it names by path; a text that is no manifest names none."""
    return {manifest, *files_of(get_content(connection, manifest)).values()}


def files_of(manifest: str | None) -> dict[str, str]:
    """Digest by path of a manifest of files; nothing of what is none, which :class:`Manifest` tells."""
    return {path: digest for path, digest in (_named(manifest) or {}).items() if isinstance(digest, str)}


def _named(manifest: str | None) -> dict[str, object] | None:
    """What a text names by path; None where it is no JSON object."""
    try:
        named = json.loads(manifest or "")
    except ValueError:
        return None
    return named if isinstance(named, dict) else None


def files_at(files: Mapping[str, str], sites: Collection[str]) -> dict[str, str]:
    """Those of a manifest's files that are of some sites; a path that names no site is of none."""
    return {path: digest for path, digest in files.items() if path.partition("/")[2].partition("/")[0] in sites}


def parts_of(files: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What a manifest's files are of each site, by site; those whose path names none are of the empty name."""
    parts: dict[str, dict[str, str]] = {}
    folder, of_site = "", dict[str, str]()
    for path, digest in files.items():
        if not folder or not path.startswith(folder):  # most files of a site are one after the other
            folder = path[: path.find("/", path.find("/") + 1) + 1]
            of_site = parts.setdefault(path.partition("/")[2].partition("/")[0], {})
        of_site[path] = digest
    return parts


@dataclass(frozen=True)
class Manifest:
    """A text that may be a manifest of files.

    Attributes:
        files: digest by path; none of what is no manifest at all.
        is_whole: whether it is one: an object that has a digest for each path, and a path has a folder.
    """

    files: Mapping[str, str]
    is_whole: bool

    @classmethod
    def of(cls, text: str | None) -> Self:
        """From the text."""
        named = _named(text)
        files = {path: digest for path, digest in (named or {}).items() if isinstance(digest, str)}
        is_whole = named is not None and len(files) == len(named)
        return cls(files, is_whole and all(map(_FOLDER, files)) and all(map(_DIGEST.fullmatch, files.values())))

    @cached_property
    def parts(self) -> Mapping[str, Mapping[str, str]]:
        """Its files by site."""
        return parts_of(self.files)


_KNOWN: dict[str, Manifest] = {}
"""The manifests that were asked for last, by digest: an admission asks for the same ten times, and each site once."""
_MANIFESTS = 2


def manifest_of(connection: Connection, digest: str) -> Manifest:
    """The manifest that is kept under a digest, or was; whether it is there is for :func:`lacking` to say."""
    known = _KNOWN.get(digest)
    if known is None:
        text = get_content(connection, digest)
        known = Manifest.of(text)
        if text is not None and digest_of(text) == digest:
            _KNOWN[digest] = known
            for oldest in list(_KNOWN)[:-_MANIFESTS]:
                _KNOWN.pop(oldest, None)
    return known


def sweep(connection: Connection, moment: datetime) -> None:
    """Remove some of what has ended: texts, reservations, and what the last preview of a stack was offered."""
    now = stamp(moment)
    for page in _pages(connection.execute(_ENDED, {"now": now}).scalars().all()):
        # Those that somebody has named or asked for meanwhile stay: they have no end any more, or a later one.
        gone = delete(draft).where(draft.c.digest.in_(page), draft.c.expires_at < now).returning(draft.c.digest)
        going = connection.execute(gone).scalars().all()
        connection.execute(delete(content).where(content.c.digest.in_(going)))
    is_beside = BESIDE in connection.info
    connection.execute(_END_RESERVATIONS, {"before": stamp(moment - _LONGER_THAN_ANY) if is_beside else now})
    forgotten = {"before": stamp(moment - timedelta(seconds=DRAFT.most))}
    if not is_beside:
        connection.execute(_FORGET, forgotten)
        return
    names = {stack_scope(stack_id).name: stack_id for stack_id in connection.execute(_FORGOTTEN, forgotten).scalars()}
    idle = words_of(connection).hold(connection, sorted(names), waits=False) if names else ()
    connection.execute(_FORGET.where(proposal.c.stack_id.in_([names[name] for name in idle])), forgotten)


def get_content(connection: Connection, digest: str) -> str | None:
    """A text by digest, or None."""
    text: str | None = scalar(connection, TEXT, one=digest)
    return text
