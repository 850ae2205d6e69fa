"""The verbs that decide: admit, and whether its decision still stands."""

import json
import secrets
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, select, update

from zonewright.ledger.deciding.authority import note
from zonewright.ledger.deciding.drifting import drifted_among, present_rows
from zonewright.ledger.deciding.readable import findings_for
from zonewright.ledger.deciding.review import own_demand
from zonewright.ledger.deciding.zone_facts import connections_text
from zonewright.ledger.protocol.admission_messages import (
    AdmissionAnswer,
    AdmissionStanding,
    AdmitRequest,
    HeldBy,
    StandingRequest,
)
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.holding_messages import HoldingKind
from zonewright.ledger.protocol.journal_messages import JournalEntry
from zonewright.ledger.store import journal
from zonewright.ledger.store.asking import AskedQuestion, first
from zonewright.ledger.store.context import Context, raise_revisions
from zonewright.ledger.store.heads import present_head, require_same
from zonewright.ledger.store.held import convert, end_lasting
from zonewright.ledger.store.names import hold_names
from zonewright.ledger.store.prepared import ADMISSION, IS_PRESENT, STACK, ZONE_ROW
from zonewright.ledger.store.rows import rename_rows
from zonewright.ledger.store.scopes import touching
from zonewright.ledger.store.steps import ADMITTED, next_step, step_of
from zonewright.ledger.store.tables import admission, asset, claim, deployed, reservation
from zonewright.ledger.store.texts import TEXT, put_digested
from zonewright.ledger.verbs.admitted_rows import is_load, write_rows
from zonewright.ledger.verbs.decided_admissions import DecidedAdmission, decided, is_small, looked_at
from zonewright.ledger.verbs.holdings import make_rest
from zonewright.ledger.verbs.live import feed
from zonewright.ledger.verbs.renaming import (
    bring_readings,
    let_go,
)
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.rules.alike import alike
from zonewright.rules.finding import Finding
from zonewright.rules.words import count_of

_SUPERSEDE = update(admission).where(*IS_PRESENT).values(state="superseded", holds="{}")
"""Only the present one is asked what it holds."""
_ADMIT = admission.insert()
_UNRESERVE = delete(reservation).where(reservation.c.stack_id == STACK)
_DEPLOYED = select(deployed.c.site, deployed.c.files).where(deployed.c.stack_id == STACK)


def admit(context: Context, request: AdmitRequest) -> AdmissionAnswer:
    """Turn a proposal into claims and assets: all of them or none.

    A large change, and one that measured figures count for, is looked at before others wait for it; a small one only
    in the transaction that decides, which takes less than to look at it twice.

    Raises:
        LedgerRefusedError: with the findings; the refusal is journaled and nothing else is changed.
    """
    feed(context)
    with context.database.glance(AskedQuestion(TEXT, {"one": request.demand_digest}), AskedQuestion(ZONE_ROW)) as known:
        said, registered = own_demand(known, request), first(known, ZONE_ROW)
    has_former = registered is not None and registered.former is not None
    if has_former or not is_small(context, said):
        before, touch = looked_at(context, request, said)
    else:
        before, touch = None, touching(request.stack_id, request.party, said)
    refused: LedgerRefusedError | None = None
    with context.writing(touch) as connection:
        made = decided(context, connection, request, said, before)
        review, renames = made.review, made.renames
        end_lasting(connection, review.facts.held, made.now)
        put_digested(connection, made.texts, also=() if made.against else made.named)
        if made.against:
            entry = _refused(connection, request, made.against, made.rests_on, made.now)
            sentence = f"{count_of(len(alike(made.against)), 'finding')}; nothing was claimed or created"
            refused = LedgerRefusedError("findings", sentence, findings_for(connection, context.caller, made.against))
        else:
            admission_id, digest, entry = _carry_out(connection, request, made)
            if renames or made.former.now:
                let_go(connection)
        note(connection, entry, made.authority)
        if not made.against:
            raise_revisions(connection, review.facts.revisions)
        head = present_head(connection, context.account(connection))
    if refused is not None:
        raise refused
    if renames or made.former.readings:
        bring_readings(context)
    return AdmissionAnswer(
        admission_id=admission_id,
        change_digest=digest,
        summary=review.line,
        step=entry.payload["step"],
        head=head,
    )


def _refused(
    connection: Connection,
    request: AdmitRequest,
    against: tuple[Finding, ...],
    rests_on: Mapping[str, Any],
    now: str,
) -> JournalEntry:
    return journal.append(
        connection,
        at=now,
        kind="refused",
        stack_id=request.stack_id,
        party=request.party,
        payload={
            "demand_digest": request.demand_digest,
            "rules": dict(sorted(Counter(finding.rule for finding in against).items())),
            **rests_on,
        },
    )


def _carry_out(connection: Connection, request: AdmitRequest, made: DecidedAdmission) -> tuple[str, str, JournalEntry]:
    """Write what was decided, after the assets got their new names; gives admission's id, change's digest and entry."""
    review, rows, now, assets = made.review, made.rows, made.now, made.renames
    demand, digest, authority = review.demand, rows.change, made.authority
    rests_on = {**made.rests_on, "approved_by": list(authority.approved_by), "review_by": authority.review_by}
    renamed = rename_rows(connection, request.stack_id, review.facts.renames.nodes)
    counts = {
        "claims": write_rows(connection, claim, request, rows.claims, now),
        "assets": write_rows(connection, asset, request, rows.assets, now),
    }
    loaded: dict[str, int] = {}
    if is_load(request):
        make_rest(connection, request.stack_id, now)
        loaded = {"confirmed": len(rows.claims) + len(rows.assets)}
    if renamed:
        counts["claims"]["renamed"] = renamed
    names = {"renamed": dict(assets)} if assets else {}
    if rows.assets:
        hold_names(connection, request.stack_id)
    if made.replaces:
        connection.execute(_SUPERSEDE, {"stack": request.stack_id})
    admission_id = f"adm-{secrets.token_hex(8)}"
    connection.execute(
        _ADMIT,
        {
            "id": admission_id,
            "stack_id": request.stack_id,
            "party": request.party,
            "demand_digest": request.demand_digest,
            "change_digest": digest,
            "rendered_digest": request.rendered_digest,
            "connections": connections_text(demand),
            "holds": rows.holds,
            "state": "current",
            "admitted_at": now,
        },
    )
    connection.execute(_UNRESERVE, {"stack": request.stack_id})
    held, racks = review.facts.converts, {row.place for row in rows.claims.values()}
    converted = convert(connection, held, racks) if held is not None and held.expires_at > now else {}
    entry = journal.append(
        connection,
        at=now,
        kind=ADMITTED,
        stack_id=request.stack_id,
        party=request.party,
        payload={
            "admission_id": admission_id,
            "change_digest": digest,
            "demand_digest": request.demand_digest,
            "rendered_digest": request.rendered_digest,
            "step": next_step(connection, request.stack_id, ADMITTED),
            "summary": review.line,
            **rests_on,
            **counts,
            **names,
            **converted,
            **loaded,
        },
    )
    return admission_id, digest, entry


def standing(context: Context, request: StandingRequest) -> AdmissionStanding:
    """Say whether the ledger still holds an admission for its stack, who holds what is active, and what is deployed."""
    with context.database.reading() as connection:
        require_same(connection, request)
        row = connection.execute(ADMISSION, {"one": request.admission_id}).first()
        present = present_rows(connection, request.stack_id)
        found = connection.execute(_DEPLOYED, {"stack": request.stack_id})
        files = {item.site: digest_of(canonical_json(json.loads(item.files))) for item in found}
        step = step_of(connection, request.stack_id)
    holders: dict[HoldingKind, dict[str, HeldBy]] = {}
    for item in present:
        if item.state == "active":
            held_by = HeldBy(holder=item.holder or "", generation=item.generation)
            holders.setdefault(item.kind, {})[item.name] = held_by
    if row is None or row.state != "current" or row.stack_id != request.stack_id:
        reason = "the ledger holds another admission for this stack"
        return AdmissionStanding(current=False, reason=reason, holders=holders, deployed=files, step=step)
    drifted = drifted_among(row.holds, present)
    return AdmissionStanding(
        holders=holders,
        deployed=files,
        step=step,
        current=not drifted,
        completed=row.completed_at is not None,
        drifted=drifted,
        reason=f"{len(drifted)} claims or assets differ from what was admitted" if drifted else "",
    )
