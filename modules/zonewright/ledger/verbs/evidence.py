"""The verbs ``snapshot`` and ``evidence``: the facts behind a change, formed for its own party."""

from collections.abc import Collection, Iterator
from functools import partial

from pydantic_core import from_json
from sqlalchemy import Connection, RowMapping, or_, select

from zonewright.ledger.deciding.party_facts import SALT, SHOWN, SNAPSHOT, facts_text, held_places, party_facts
from zonewright.ledger.deciding.plans import present, risk_of
from zonewright.ledger.deciding.readable import findings_for
from zonewright.ledger.deciding.review import own_demand, review_change
from zonewright.ledger.deciding.site_claims import site_claims
from zonewright.ledger.deciding.snapshot import readings_of, take
from zonewright.ledger.protocol.admission_messages import EvaluateRequest
from zonewright.ledger.protocol.change_messages import Plan, PlanQuery, Snapshot
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.evidence_messages import (
    EvidenceAnswer,
    OwnEntry,
    PartyFacts,
    SnapshotAnswer,
    SnapshotRequest,
)
from zonewright.ledger.store.brought import note_brought, of_snapshot
from zonewright.ledger.store.claim_text import unpacked
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.steps import step_of
from zonewright.ledger.store.tables import decided, journal
from zonewright.ledger.store.texts import drafted, get_content, put_digested
from zonewright.ledger.verbs.changes import plan_row
from zonewright.ledger.verbs.live import feed
from zonewright.ledger.verbs.pruning import tell_removals
from zonewright.ledger.verbs.renaming import as_named
from zonewright.model.canonical import digest_of


def snapshot(context: Context, request: SnapshotRequest) -> SnapshotAnswer:
    """Give what a decision on a change rests on at this moment, as its party may read it. Nothing is decided."""
    wanted = EvaluateRequest(**request.model_dump(exclude={"keep"}), lineage="")
    feed(context)
    with as_named(context, request.stack_id, request.party, partial(own_demand, request=wanted)) as view:
        connection = view.connection
        now = context.now(connection)
        review = review_change(connection, wanted, now, context.telemetry, demand=view.demand)
        findings = review.findings(review.facts.base)
        readings = readings_of(review, context.telemetry, tell=partial(tell_removals, context))
        taken, texts = take(connection, review, findings, readings=readings)
        risk = risk_of(connection, review, findings)
        held = present(connection, request.stack_id)
        step = step_of(connection, request.stack_id)
        before = _places(connection, request.stack_id, review.facts.revisions)
        told = findings_for(connection, context.caller, findings)
    digest = digest_of(taken.text())
    if request.keep:
        with context.writing() as connection:
            until = drafted(context.moment(connection))
            put_digested(connection, texts, until=until)
            note_brought(connection, {digest}, of_snapshot(request.stack_id), until=until)
    return SnapshotAnswer(
        digest=digest,
        facts=facts_text(taken.files, texts[taken.files[SALT]]),
        shown=party_facts(taken.files, texts, at=taken.at, withheld={SNAPSHOT: digest}, before=before),
        findings=list(told),
        risk=risk,
        replaces=str(held["id"]) if held else "",
        step=step,
    )


def _places(connection: Connection, stack_id: str, sites: Collection[str]) -> dict[str, str]:
    """Where a stack's nodes stand at some sites: rack and unit by name."""
    rows = (row for claims in site_claims(connection, sites).values() for row in claims.rows)
    own = (row._asdict() for row in rows if row.stack_id == stack_id)
    return held_places(({**row, "data": from_json(row["data"])} for row in own), stack_id)


def evidence(context: Context, request: PlanQuery) -> EvidenceAnswer:
    """Give a party the facts and entries on one of its plans that are its own, and salted digests of the others."""
    with context.database.reading() as connection:
        row = plan_row(connection, context.caller, request)
        if row is None:
            return EvidenceAnswer()
        plan = Plan.model_validate_json(row["document"])
        taken = _snapshot(connection, plan.snapshot)
        entries = list(_entries(connection, row))
        withheld = {SNAPSHOT: plan.snapshot}
        for entry in entries:
            if entry.kind in ("admitted", "refused") and entry.payload.get("snapshot"):
                later = _snapshot(connection, str(entry.payload["snapshot"]))
                names = later.files.keys() - {SALT}
                withheld |= {f"decisions/{entry.sequence}/{name}": later.files[name] for name in names}
        return EvidenceAnswer(
            shown=_shown(connection, taken, withheld), entries=entries, until=context.shown_at(connection)
        )


def _shown(connection: Connection, taken: Snapshot, withheld: dict[str, str]) -> PartyFacts:
    claims = [digest for name, digest in taken.files.items() if name.startswith("claims/")]
    rows = (row for digest in claims for row in unpacked(_text(connection, digest)))
    before = held_places(rows, taken.stack_id)
    wanted = {digest for name, digest in taken.files.items() if name in {*SHOWN, SALT}}
    texts = {digest: _text(connection, digest) for digest in wanted}
    return party_facts(taken.files, texts, at=taken.at, withheld=withheld, before=before)


def _snapshot(connection: Connection, digest: str) -> Snapshot:
    return Snapshot.model_validate_json(_text(connection, digest))


def _text(connection: Connection, digest: str) -> str:
    text = get_content(connection, digest)
    if text is None:
        raise LedgerRefusedError(
            "content",
            f"the ledger lacks a text of this evidence, {digest[:19]}; where zonewright ledger prune removed it, take "
            "a bundle that was exported before",
        )
    return text


def _entries(connection: Connection, row: RowMapping) -> Iterator[OwnEntry]:
    """The entries on a plan, and the completion of what it was admitted as."""
    query = select(decided.c.admission_id).where(decided.c.plan == row["plan"], decided.c.kind == "admitted")
    admission_id = connection.execute(query).scalar()
    named = [journal.c.payload.contains(digest, autoescape=True) for digest in (row["plan"], admission_id) if digest]
    columns = (journal.c.sequence, journal.c.at, journal.c.kind, journal.c.payload)
    found = select(*columns).where(journal.c.stack_id == row["stack_id"], or_(*named)).order_by(journal.c.sequence)
    for one in connection.execute(found):
        payload = from_json(one.payload)
        is_its_end = one.kind == "completed" and admission_id and payload.get("admission_id") == admission_id
        if payload.get("plan") == row["plan"] or is_its_end:
            yield OwnEntry(sequence=one.sequence, at=one.at, kind=one.kind, payload=payload)
