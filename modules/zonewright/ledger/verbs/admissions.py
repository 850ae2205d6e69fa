"""The verbs that decide: admit, and whether its decision still stands."""

import json
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, select, update

from zonewright.ledger.deciding.authority import authorise, note
from zonewright.ledger.deciding.drifting import drifted_among, present_rows
from zonewright.ledger.deciding.facts import NODE_FIELDS, claims_of, have_moved
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
from zonewright.ledger.protocol.change import change_digest
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.holding_messages import HoldingKind
from zonewright.ledger.protocol.journal_messages import JournalEntry
from zonewright.ledger.store import journal, life
from zonewright.ledger.store.clock import stamp
from zonewright.ledger.store.context import Context, raise_revisions, require_enrolment, require_zone
from zonewright.ledger.store.documents import zone_in_force
from zonewright.ledger.store.heads import present_head, require_same
from zonewright.ledger.store.held import all_held, convert, end_lasting
from zonewright.ledger.store.names import hold_names
from zonewright.ledger.store.rows import rename_rows, rows_of_stack, set_state
from zonewright.ledger.store.scopes import Touch, touching
from zonewright.ledger.store.steps import ADMITTED, next_step, step_of
from zonewright.ledger.store.tables import admission, asset, claim, deployed, reservation
from zonewright.ledger.store.texts import behind, files_of, get_content, hold, is_manifest, keep, lacking, put_digested
from zonewright.ledger.verbs.live import feed
from zonewright.ledger.verbs.pruning import tell_removals
from zonewright.ledger.verbs.renaming import (
    bring_readings,
    let_go,
    pending,
    rename_assets,
    require_followed,
    require_unread,
)
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.demand import AnyAsset, Demand, asset_text, former_assets
from zonewright.model.former_names import FormerNames
from zonewright.rules.alike import alike
from zonewright.rules.finding import Finding, worst_first
from zonewright.rules.words import count_of


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
    refused: LedgerRefusedError | None = None
    with context.writing(_touch(request, said, review)) as connection:
        is_whole = _require_enrolled(context, connection, request, holds=True)
        moment = context.moment(connection)
        now = stamp(moment)  # earlier than the review's where the clock was set back meanwhile
        wanted = require_zone(connection, said, party=request.party, on=(review.at if review else now)[:10])
        renames = pending(connection, request.stack_id, said).steps if former_assets(said.assets) else {}
        savepoint = None
        if renames:
            require_unread(context, connection, renames)
            end_lasting(connection, all_held(connection, but=request.stack_id), now)
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
            readings = readings_of(review, context.telemetry)
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
            admission_id, digest, entry = _carry_out(connection, request, review, rests_on, now, renames)
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


def _touch(request: AdmitRequest, demand: Demand, review: Review | None) -> Touch | None:
    """What the transaction touches; None where it must be alone, as one that may end the use of a former name."""
    former = review.facts.base.former if review is not None and review.facts.base is not None else FormerNames()
    return None if former.now else touching(request.stack_id, request.party, review.demand if review else demand)


def _require_enrolled(context: Context, connection: Connection, request: AdmitRequest, *, holds: bool = False) -> bool:
    """Let a stack pass that is enrolled, and whose files are there; gives whether its demand is.

    With ``holds`` nobody removes them any more before the transaction ends.
    """
    manifest = get_content(connection, request.rendered_digest)
    named = {request.rendered_digest, *files_of(manifest).values()}
    if holds:
        hold(connection, named | {request.demand_digest})
    missing = set(lacking(connection, named | {request.demand_digest}))
    if foreign(connection, context.caller, named, now=context.shown_at(connection)) or missing & named:
        raise LedgerRefusedError(
            "not-rendered", "the rendered files of this change are not in the ledger; run pulumi up without --target"
        )
    if not is_manifest(manifest):
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


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A row as a change wants it; ``digest`` is of what its resource is made from, ``text`` of all that it holds."""

    kind: str
    place: str
    digest: str
    text: str
    room: str = ""
    draw_w: int = 0
    since: str | None = None

    @classmethod
    def claim(cls, data: Mapping[str, Any]) -> "_Wanted":
        made_from = canonical_json({key: data[key] for key in NODE_FIELDS})
        room, draw_w = data["rack"].rsplit("/", 2)[0], data["node_type"]["allocated_draw"]
        day = data.get("in_service")
        since = None if day is None else f"{day}T00:00:00.000000+00:00"
        return cls("node", data["rack"], digest_of(made_from), canonical_json(data), room, draw_w, since)

    @classmethod
    def asset(cls, name: str, item: AnyAsset) -> "_Wanted":
        text = asset_text(item)
        return cls(item.kind, name, digest_of(text), text)


def _carry_out(  # noqa: PLR0917 - private
    connection: Connection,
    request: AdmitRequest,
    review: Review,
    rests_on: Mapping[str, Any],
    now: str,
    assets: Mapping[str, str],
) -> tuple[str, str, JournalEntry]:
    """Write what was decided, after the assets got their new names; gives admission's id, change's digest and entry."""
    demand, line = review.demand, review.line
    claims = claims_of(demand, request.seats, request.addresses)
    wanted_claims = {name: _Wanted.claim(data) for name, data in claims.items()}
    wanted_assets = {name: _Wanted.asset(name, item) for name, item in demand.assets.items()}
    renamed = rename_rows(connection, request.stack_id, review.facts.renames.nodes)
    counts = {
        "claims": _write(connection, claim, request, wanted_claims, now),
        "assets": _write(connection, asset, request, wanted_assets, now),
    }
    if renamed:
        counts["claims"]["renamed"] = renamed
    names = {"renamed": dict(assets)} if assets else {}
    hold_names(connection, request.stack_id)
    digest = change_digest(request.demand_digest, request.seats, request.addresses, request.rendered_digest)
    connection.execute(
        update(admission)
        .where(admission.c.stack_id == request.stack_id, admission.c.state == "current")
        .values(state="superseded", holds="{}")  # only the present one is asked what it holds
    )
    admission_id = f"adm-{secrets.token_hex(8)}"
    connection.execute(
        admission.insert().values(
            id=admission_id,
            stack_id=request.stack_id,
            party=request.party,
            demand_digest=request.demand_digest,
            change_digest=digest,
            rendered_digest=request.rendered_digest,
            connections=connections_text(demand),
            holds=canonical_json(
                {name: digest_of(item.text) for name, item in (wanted_claims | wanted_assets).items()}
            ),
            state="current",
            admitted_at=now,
        )
    )
    connection.execute(delete(reservation).where(reservation.c.stack_id == request.stack_id))
    held, racks = review.facts.converts, {data["rack"] for data in claims.values()}
    converted = convert(connection, held, racks) if held is not None and held.expires_at > now else {}
    keep(connection, {request.demand_digest, *behind(connection, request.rendered_digest)})
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
            "summary": line,
            **rests_on,
            **counts,
            **names,
            **converted,
        },
    )
    return admission_id, digest, entry


def _write(
    connection: Connection, table: Table, request: AdmitRequest, wanted: Mapping[str, _Wanted], now: str
) -> dict[str, int]:
    """Carry out the moves of one admission in one table; returns how many rows went to which state."""
    rows = rows_of_stack(connection, table, request.stack_id)
    moves = life.admit(rows, {name: item.digest for name, item in wanted.items()})
    known = _active_since(connection, table, request.stack_id) if moves.new and rows else {}
    for state in ("freed", "releasing", "active"):
        ids = tuple(row_id for row_id, target in moves.states.items() if target == state)
        set_state(connection, table, ids, state, now)
    _follow(connection, table, request.stack_id, wanted)
    fresh = [
        {
            "stack_id": request.stack_id,
            "party": request.party,
            "kind": wanted[name].kind,
            "name": name,
            "state": "admitted",
            "generation": 0,
            "site": wanted[name].place.partition("/")[0],
            "rack": wanted[name].place,
            "room": wanted[name].room,
            "draw_w": wanted[name].draw_w,
            "active_since": wanted[name].since
            or known.get((name, wanted[name].place.partition("/")[0], wanted[name].draw_w)),
            "digest": wanted[name].digest,
            "data": wanted[name].text,
            "changed_at": now,
        }
        for name in moves.new
    ]
    if fresh:
        connection.execute(table.insert(), fresh)
    return {"admitted": len(fresh), **dict(sorted(Counter(moves.states.values()).items()))}


def _active_since(connection: Connection, table: Table, stack_id: str) -> dict[tuple[str, str, int], str]:
    """Since when each node draws what it does at its site: one that moves within a site is measured there already."""
    query = select(table.c.name, table.c.site, table.c.draw_w, table.c.active_since).where(
        table.c.stack_id == stack_id, table.c.state.in_(("active", "releasing")), table.c.active_since.is_not(None)
    )
    return {
        (row.name, row.site, row.draw_w): row.active_since for row in connection.execute(query.order_by(table.c.id))
    }


def _follow(connection: Connection, table: Table, stack_id: str, wanted: Mapping[str, _Wanted]) -> None:
    """Give rows that stay what their resource does not see, such as the feed or the node type's draw.

    No resource is updated for such a change, so nothing would ever confirm a row of its own for it.
    """
    staying = connection.execute(
        select(table.c.id, table.c.name, table.c.data, table.c.active_since).where(
            table.c.stack_id == stack_id, table.c.state.in_(life.CURRENT)
        )
    ).all()
    altered = [
        {
            "row_id": row.id,
            "text": wanted[row.name].text,
            "watts": wanted[row.name].draw_w,
            "since": wanted[row.name].since or row.active_since,
        }
        for row in staying
        if row.data != wanted[row.name].text
    ]
    if altered:
        connection.execute(
            update(table)
            .where(table.c.id == bindparam("row_id"))
            .values(data=bindparam("text"), draw_w=bindparam("watts"), active_since=bindparam("since")),
            altered,
        )


def standing(context: Context, request: StandingRequest) -> AdmissionStanding:
    """Say whether the ledger still holds an admission for its stack, who holds what is active, and what is deployed."""
    with context.database.reading() as connection:
        require_same(connection, request)
        row = connection.execute(select(admission).where(admission.c.id == request.admission_id)).first()
        present = present_rows(connection, request.stack_id)
        query = select(deployed.c.site, deployed.c.files).where(deployed.c.stack_id == request.stack_id)
        files = {item.site: digest_of(canonical_json(json.loads(item.files))) for item in connection.execute(query)}
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
