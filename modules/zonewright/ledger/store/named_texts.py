"""Which texts the entries of the journal name: what has to be there, unless a later entry says that it was removed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from zonewright.ledger.store.paging import paged
from zonewright.ledger.store.steps import ADMITTED
from zonewright.ledger.store.tables import change, journal
from zonewright.ledger.store.texts import behind, get_content

REGISTERED, PLANNED = "zone-registered", "planned"
KINDS = (ADMITTED, "refused", PLANNED, "approved", "rejected", "rolled-out", REGISTERED)
"""Of entries that name texts, or a plan that does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """An entry that names texts.

    Attributes:
        sequence: its number.
        at: its moment.
        kind: its kind.
        plan: digest of the plan that it is on; empty where there is none.
        admission_id: of the admission that it is; empty for another.
        digests: of the texts, and of those that they are made of: files of a manifest, facts of a snapshot.
    """

    sequence: int
    at: str
    kind: str
    plan: str
    admission_id: str
    digests: frozenset[str]


def named_by_entries(connection: Connection) -> Iterator[Naming]:
    """All entries that name texts or a plan, in order; one that cannot be read names none.

    Args:
        connection: a transaction.
    """
    columns = (journal.c.sequence, journal.c.at, journal.c.kind, journal.c.payload)
    query = select(*columns).where(journal.c.kind.in_(KINDS)).order_by(journal.c.sequence)
    for row in paged(connection, query, 100):
        try:
            said = json.loads(row["payload"])
            plan, admission_id = str(said.get("plan", "")), str(said.get("admission_id", ""))
            digests = frozenset(_named(connection, row["kind"], said))
        except (ValueError, AttributeError, TypeError, KeyError):  # it was altered, and is told as that
            continue
        yield Naming(
            sequence=row["sequence"],
            at=row["at"],
            kind=row["kind"],
            plan=plan,
            admission_id=admission_id,
            digests=digests,
        )


def _named(connection: Connection, kind: str, said: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    if kind == PLANNED:
        document = connection.execute(select(change.c.document).where(change.c.plan == said["plan"])).scalar()
        return texts_of_plan(connection, json.loads(document or "{}"))
    if kind == ADMITTED:
        found |= {said["demand_digest"], *behind(connection, said["rendered_digest"])}
    if said.get("snapshot"):
        found |= facts_of(connection, said["snapshot"])
    return found | {said[name] for name in ("record", "zone_digest") if said.get(name)}


def texts_of_plan(connection: Connection, plan: dict[str, Any]) -> set[str]:
    """Digests of all texts that evidence of a plan is made of, but for the files that were there before it."""
    if not plan:
        return set()
    found = {plan["demand_digest"], *plan["files"].values(), *facts_of(connection, plan["snapshot"])}
    return found | behind(connection, plan["rendered_digest"])


def facts_of(connection: Connection, snapshot: str) -> set[str]:
    """A snapshot, and the digests of its facts."""
    text = get_content(connection, snapshot)
    return {snapshot, *(json.loads(text)["files"].values() if text is not None else ())}
