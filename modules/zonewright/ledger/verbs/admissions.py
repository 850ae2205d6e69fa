"""The verbs that decide: admit, and whether its decision still stands."""

import json
import secrets
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, select, update

from zonewright.ledger.deciding.authority import authorise, note
from zonewright.ledger.deciding.drifting import drifted_among, present_rows
from zonewright.ledger.deciding.facts import have_moved
from zonewright.ledger.deciding.gated_files import gated_findings
from zonewright.ledger.deciding.readable import findings_for, foreign
from zonewright.ledger.deciding.review import Review, own_demand, review_change
from zonewright.ledger.deciding.snapshot import readings_of, take
from zonewright.ledger.deciding.zone_facts import connections_text, zone_base
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
from zonewright.ledger.store.clock import stamp
from zonewright.ledger.store.context import Context, raise_revisions, require_enrolment, require_zone
from zonewright.ledger.store.documents import zone_in_force
from zonewright.ledger.store.heads import present_head, require_same
from zonewright.ledger.store.held import all_held, convert, end_lasting
from zonewright.ledger.store.names import hold_names
from zonewright.ledger.store.prepared import ADMISSION, IS_PRESENT, STACK
from zonewright.ledger.store.rows import rename_rows
from zonewright.ledger.store.scopes import Touch, touching
from zonewright.ledger.store.steps import ADMITTED, next_step, step_of
from zonewright.ledger.store.tables import admission, asset, claim, deployed, reservation
from zonewright.ledger.store.texts import hold, keep, lacking, manifest_of, put_digested
from zonewright.ledger.verbs.admitted_rows import WantedRows, is_load, write_rows
from zonewright.ledger.verbs.holdings import make_rest
from zonewright.ledger.verbs.live import feed
from zonewright.ledger.verbs.pruning import tell_removals
from zonewright.ledger.verbs.renaming import (
    bring_readings,
    ends_a_use,
    let_go,
    pending,
    rename_assets,
    require_followed,
    require_unread,
)
from zonewright.model.asset import former_assets
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.demand import Demand
from zonewright.model.former_names import FormerNames
from zonewright.rules.alike import alike
from zonewright.rules.finding import Finding, worst_first
from zonewright.rules.words import count_of

_SUPERSEDE = update(admission).where(*IS_PRESENT).values(state="superseded", holds="{}")
"""Only the present one is asked what it holds."""
_ADMIT = admission.insert()
_UNRESERVE = delete(reservation).where(reservation.c.stack_id == STACK)
_DEPLOYED = select(deployed.c.site, deployed.c.files).where(deployed.c.stack_id == STACK)


def admit(context: Context, request: AdmitRequest) -> AdmissionAnswer:  # noqa: PLR0915 - one decision, in its order
    """Turn a proposal into claims and assets: all of them or none.

    Raises:
        LedgerRefusedError: with the findings; the refusal is journaled and nothing else is changed.
    """
    feed(context)
    with context.database.reading() as connection:
        _require_enrolled(context, connection, request)
        said = own_demand(connection, request)
        review, readings = None, {}
        if not former_assets(said.assets) or not pending(connection, request.stack_id, said).steps:
            review = review_change(connection, request, context.now(connection), context.telemetry, demand=said)
            readings = readings_of(review, context.telemetry, tell=partial(tell_removals, context))
        touch = _touch(connection, request, said, review)
    rows = None if review is None else WantedRows.of(request, review.demand)
    refused: LedgerRefusedError | None = None
    with context.writing(touch) as connection:
        is_whole = _require_enrolled(context, connection, request, holds=True)
        moment = context.moment(connection)
        now = stamp(moment)  # earlier than the review's where the clock was set back meanwhile
        wanted = require_zone(connection, said, party=request.party, on=(review.at if review else now)[:10])
        renames = pending(connection, request.stack_id, said).steps if former_assets(said.assets) else {}
        savepoint = None
        if renames:
            require_unread(context, connection, renames)
            end_lasting(connection, all_held(connection, but=request.stack_id, sites=()), now)
            savepoint = connection.begin_nested()
            rename_assets(connection, renames)
        require_followed(connection, (seat.rack for seat in request.seats.values()))
        if (
            review is None
            or renames
            or review.demand != wanted
            or now < review.at
            or have_moved(connection, review.facts, stack_id=request.stack_id, demand=review.demand)
            or not is_whole
        ):
            review = review_change(connection, request, now, context.telemetry, demand=said)
            readings, rows = readings_of(review, context.telemetry), None
        end_lasting(connection, review.facts.held, now)
        # The sites' own rules were run outside the lock; sums over the zone are read again inside it, because a
        # change at any other site moves them.
        base = zone_base(connection, request.stack_id, now=review.at)
        findings = review.findings(base)
        authority = authorise(
            connection,
            base.zone if base is not None else None,
            review,
            findings,
            rendered_digest=request.rendered_digest,
            now=moment,
        )
        snapshot, texts = take(connection, review, findings, readings=readings)
        rests_on: dict[str, Any] = {
            "snapshot": digest_of(snapshot.text()),
            "plan": authority.plan,
            "risk": authority.risk,
            "zone_digest": zone_in_force(connection),
        }
        gated = gated_findings(
            connection,
            context.caller,
            base.zone if base is not None else None,
            rendered_digest=request.rendered_digest,
            party=request.party,
            now=now,
        )
        against = worst_first(finding for finding in (*authority.findings, *gated) if finding.refuses)
        if savepoint is not None and against:
            savepoint.rollback()
        put_digested(connection, texts)
        if against:
            entry = _refused(connection, request, against, rests_on, now)
            sentence = f"{count_of(len(alike(against)), 'finding')}; nothing was claimed or created"
            refused = LedgerRefusedError("findings", sentence, findings_for(connection, context.caller, against))
        else:
            rests_on |= {"approved_by": list(authority.approved_by), "review_by": authority.review_by}
            admission_id, digest, entry = _carry_out(
                connection, request, review, rows or WantedRows.of(request, review.demand), rests_on, now, renames
            )
            if renames or (base is not None and base.former.now):
                let_go(connection)
        note(connection, entry, authority)
        if not against:
            raise_revisions(connection, review.facts.revisions)
        context.account(connection)
        head = present_head(connection)
    if refused is not None:
        raise refused
    if renames or (base is not None and base.former.readings):
        bring_readings(context)
    return AdmissionAnswer(
        admission_id=admission_id,
        change_digest=digest,
        summary=review.line,
        step=entry.payload["step"],
        head=head,
    )


def _touch(connection: Connection, request: AdmitRequest, said: Demand, review: Review | None) -> Touch | None:
    """What the transaction touches; None where it must be alone, as one that may end the use of a former name."""
    former = review.facts.base.former if review is not None and review.facts.base is not None else FormerNames()
    if former.now and ends_a_use(connection, request.stack_id, former, said):
        return None
    return touching(request.stack_id, request.party, review.demand if review else said)


def _require_enrolled(context: Context, connection: Connection, request: AdmitRequest, *, holds: bool = False) -> bool:
    """Let a stack pass that is enrolled, and whose files are there; gives whether its demand is.

    Each file is looked for with ``holds``: then nobody removes them any more before the transaction ends.
    """
    manifest = manifest_of(connection, request.rendered_digest)
    named = {request.rendered_digest, *manifest.files.values()}
    if holds:
        hold(connection, named | {request.demand_digest})
    asked = named | {request.demand_digest} if holds else {request.rendered_digest}  # twice for all is too dear
    missing = set(lacking(connection, asked))
    if foreign(connection, context.caller, named, now=context.shown_at(connection)) or missing & named:
        raise LedgerRefusedError(
            "not-rendered", "the rendered files of this change are not in the ledger; run pulumi up without --target"
        )
    if not manifest.is_whole:
        raise LedgerRefusedError(
            "not-rendered",
            "the rendered files of this change are no manifest: expected a JSON object with the digest of each path",
        )
    require_enrolment(connection, stack_id=request.stack_id, party=request.party, lineage=request.lineage, bound=True)
    return not missing


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


def _carry_out(  # noqa: PLR0917 - private
    connection: Connection,
    request: AdmitRequest,
    review: Review,
    rows: WantedRows,
    rests_on: Mapping[str, Any],
    now: str,
    assets: Mapping[str, str],
) -> tuple[str, str, JournalEntry]:
    """Write what was decided, after the assets got their new names; gives admission's id, change's digest and entry."""
    demand, digest = review.demand, rows.change
    renamed = rename_rows(connection, request.stack_id, review.facts.renames.nodes)
    counts = {
        "claims": write_rows(connection, claim, request, rows.claims, now),
        "assets": write_rows(connection, asset, request, rows.assets, now),
    }
    made: dict[str, int] = {}
    if is_load(request):
        make_rest(connection, request.stack_id, now)
        made = {"confirmed": len(rows.claims) + len(rows.assets)}
    if renamed:
        counts["claims"]["renamed"] = renamed
    names = {"renamed": dict(assets)} if assets else {}
    if rows.assets:
        hold_names(connection, request.stack_id)
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
    files = manifest_of(connection, request.rendered_digest).files
    keep(connection, {request.demand_digest, request.rendered_digest, *files.values()})
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
            **made,
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
