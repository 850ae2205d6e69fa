"""``zonewright ledger prune``: texts live as long as something names them that still matters; their digests stay.

What is in force stays whole, with its evidence: what a stack holds and has deployed, plans that may still be carried
out, emergency changes that wait for their review, and each file of the zone that was registered. So does all that
happened since a date. The rest goes, and the journal says so.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from zonewright.ledger.deciding.authority import emergencies, is_reviewed
from zonewright.ledger.deciding.plans import last_plan, present
from zonewright.ledger.protocol.change_messages import Plan
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.store import pruned_texts
from zonewright.ledger.store.clock import stamp
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.documents import parse_zone
from zonewright.ledger.store.named_texts import KINDS, REGISTERED, named_by_entries
from zonewright.ledger.store.state import text_faults
from zonewright.ledger.store.steps import step_of
from zonewright.ledger.store.tables import admission, change, content, decided, deployed, journal, zone
from zonewright.ledger.store.texts import behind, draft

_BEFORE = "before.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunedTexts:
    """What a pruning removed, or would remove.

    Attributes:
        texts: how many texts.
        size: their bytes.
        kept: how many texts stay.
        sequence: number of the entry that says so; 0 where nothing was removed.
    """

    texts: int
    size: int
    kept: int
    sequence: int = 0


def prune_texts(context: Context, before: datetime, *, dry_run: bool) -> PrunedTexts:
    """Remove the texts that only decisions before a moment name, and nothing that is in force; record it.

    Args:
        context: the ledger.
        before: the moment; what was decided at it or later keeps its evidence.
        dry_run: only count.

    Raises:
        LedgerRefusedError: when a text is damaged or missing already: what it names cannot be told then.
    """
    with context.database.reading() if dry_run else context.writing() as connection:
        if (fault := next(text_faults(connection), None)) is not None:
            raise LedgerRefusedError(
                "damaged",
                f"{fault}; nothing was removed, because what a damaged text names is not known; restore it from a "
                "backup: zonewright ledger verify --state tells all that is damaged",
            )
        there = set(connection.execute(select(content.c.digest)).scalars())
        going = there - _needed(connection, stamp(before)) - set(connection.execute(select(draft.c.digest)).scalars())
        found = PrunedTexts(
            texts=len(going), size=pruned_texts.size_of(connection, going), kept=len(there) - len(going)
        )
        if dry_run or not going:
            return found
        said = {"texts": found.texts, "bytes": found.size, "before": stamp(before)}
        sequence = pruned_texts.remove(connection, going, at=context.now(connection), said=said)
    return PrunedTexts(texts=found.texts, size=found.size, kept=found.kept, sequence=sequence)


def _needed(connection: Connection, since: str) -> set[str]:
    """Digests of the texts that stay."""
    current = set(connection.execute(select(admission.c.id).where(admission.c.state == "current")).scalars())
    plans = {
        *_since(connection, since),
        *_open(connection),
        *_unreviewed(connection),
        *connection.execute(select(decided.c.plan).where(decided.c.admission_id.in_(current))).scalars(),
    } - {""}
    found = {digest for plan in plans for digest in _replaced(connection, plan)}
    for row in connection.execute(select(deployed.c.stack_id, deployed.c.files)):
        found |= set(json.loads(row.files).values()) | set(_approving(connection, row.stack_id))
    for one in named_by_entries(connection):
        if one.at >= since or one.kind == REGISTERED or one.plan in plans or one.admission_id in current:
            found |= one.digests
    return found


def _approving(connection: Connection, stack_id: str) -> Iterator[str]:
    """The lists of files by which deployed files are approved: of all steps back to the last one that was approved."""
    if (last := last_plan(connection, stack_id)) is not None:
        yield Plan.model_validate_json(last["document"]).rendered_digest
    steps = (
        select(decided.c.approved_by, decided.c.review_by, admission.c.rendered_digest)
        .join(admission, admission.c.id == decided.c.admission_id)
        .where(decided.c.stack_id == stack_id, decided.c.kind == "admitted")
        .order_by(decided.c.sequence.desc())
    )
    walked: list[str] = []
    for step in connection.execute(steps):
        walked.append(step.rendered_digest)
        if step.approved_by != "[]" or step.review_by:
            yield from walked  # what each file was then is known: approved, or changed since
            return


def _since(connection: Connection, since: str) -> Iterator[str]:
    """Plans that the journal has something on since a moment."""
    query = select(journal.c.payload).where(journal.c.at >= since, journal.c.kind.in_(KINDS))
    return (str(json.loads(payload).get("plan", "")) for payload in connection.execute(query).scalars())


def _open(connection: Connection) -> Iterator[str]:
    """Plans that may still be carried out: they follow the step that their stack is at."""
    for row in connection.execute(select(change.c.plan, change.c.document, change.c.replaces)):
        plan = Plan.model_validate_json(row.document)
        held = present(connection, plan.stack_id)
        if row.replaces == (str(held["id"]) if held else "") and plan.follows in (
            None,
            step_of(connection, plan.stack_id),
        ):
            yield row.plan


def _unreviewed(connection: Connection) -> Iterator[str]:
    """Plans of emergency changes that nobody has reviewed yet."""
    document = connection.execute(select(zone.c.document)).scalar()
    for row, plan in emergencies(connection) if document is not None else ():
        if not is_reviewed(connection, parse_zone(document), row, plan, datetime.fromisoformat(row["at"])):
            yield row["plan"]


def _replaced(connection: Connection, plan: str) -> set[str]:
    """The files that were there before a plan: its evidence shows what it changes of them."""
    document = connection.execute(select(change.c.document).where(change.c.plan == plan)).scalar()
    index = json.loads(document)["files"].get(_BEFORE) if document is not None else None
    return behind(connection, index) if index is not None else set()
