"""The verbs ``propose`` and ``evaluate``: what would be offered, and what would be said, before anything is held."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, select

from zonewright.ledger.context import (
    Context,
    get_content,
    put_contents,
    raise_revisions,
    require_enrolment,
    require_zone,
    stamp,
)
from zonewright.ledger.decide import Offer, answer, judge_local, judge_whole, offer, summary
from zonewright.ledger.errors import LedgerRefusedError
from zonewright.ledger.facts import Facts, claims_of, gather, revisions_of
from zonewright.ledger.messages import EvaluateRequest, Evaluation, Proposal, ProposeRequest, SeatData
from zonewright.ledger.tables import proposal as proposal_table
from zonewright.ledger.tables import reservation
from zonewright.ledger.zone_facts import ZoneBase
from zonewright.model.canonical import canonical_json
from zonewright.model.demand import Demand
from zonewright.rules.finding import Finding, masked_for


def propose(context: Context, request: ProposeRequest) -> Proposal:
    """Offer places and addresses; with ``reserve`` hold them for a few minutes.

    The facts are read and the places found outside the lock; the transaction that holds them does it again only
    if a site of the change has moved on meanwhile.
    """
    now = context.now()
    digest = request.demand.digest()
    with context.database.reading() as connection:
        require_zone(connection, request.demand.zone, request.demand.zone_digest, on=now[:10])
        kept = _held_proposal(connection, request, digest, now) if request.reserve else None
        facts = gather(
            connection, stack_id=request.stack_id, demand=request.demand, now=now, telemetry=context.telemetry
        )
    if kept is not None:
        return kept
    made = offer(facts, request.demand, stack_id=request.stack_id, on=now[:10])
    with context.database.writing() as connection:
        if revisions_of(connection, facts.revisions) != facts.revisions:
            facts = gather(
                connection, stack_id=request.stack_id, demand=request.demand, now=now, telemetry=context.telemetry
            )
            made = offer(facts, request.demand, stack_id=request.stack_id, on=now[:10])
        changed = _changed_since_preview(connection, request, digest, made)
        _remember(connection, request, digest, made, now)
        expires_at = None
        answer = _answer(request, digest, facts, made, changed)
        if request.reserve and not any(finding.refuses for finding in made.findings):
            expires_at = stamp(context.clock() + timedelta(seconds=context.reservation_s))
            answer = answer.model_copy(update={"expires_at": expires_at})
            _hold(connection, request, answer, facts)
    return answer


def _answer(
    request: ProposeRequest,
    digest: str,
    facts: Facts,
    made: Offer,
    changed: Mapping[str, tuple[SeatData | None, SeatData | None]],
) -> Proposal:
    wanted_sites = {wanted.cluster.site for wanted in request.demand.clusters.values()}
    return Proposal(
        demand_digest=digest,
        revision=sum(facts.revisions.values()),
        seats=dict(made.seats),
        addresses={name: dict(addresses) for name, addresses in made.addresses.items()},
        unplaced=dict(made.unplaced),
        premises=[premise.to_data() for premise in made.premises],
        findings=[item.to_data() for item in for_reader(made.findings, request.demand.party, request.sources)],
        sites={
            site_id: site.model_dump(mode="json", exclude_defaults=True, exclude={"rooms"})
            for site_id, site in facts.sites.items()
            if site_id in wanted_sites
        },
        changed=dict(changed),
        impact=dict(made.impact),
    )


def for_reader(findings: tuple[Finding, ...], party: str, sources: Mapping[str, str]) -> tuple[Finding, ...]:
    """Findings as the acting party may see them, with file and line where its declaration gave them."""
    return tuple(
        replace(masked_for(finding, party), where=sources.get(finding.where, finding.where)) for finding in findings
    )


def _held_proposal(connection: Connection, request: ProposeRequest, digest: str, now: str) -> Proposal | None:
    """The reservation that this stack holds for the same demand: asking twice gives the same answer."""
    row = connection.execute(select(reservation).where(reservation.c.stack_id == request.stack_id)).first()
    if row is None or row.demand_digest != digest or row.party != request.party or row.expires_at <= now:
        return None
    return Proposal.model_validate(json.loads(row.proposal)["proposal"])


def _hold(connection: Connection, request: ProposeRequest, answer: Proposal, facts: Facts) -> None:
    claims = claims_of(request.demand, answer.seats, answer.addresses)
    holds = {name: data for name, data in claims.items() if facts.seats.get(name) != answer.seats[name]}
    connection.execute(delete(reservation).where(reservation.c.stack_id == request.stack_id))
    connection.execute(
        reservation.insert().values(
            stack_id=request.stack_id,
            party=request.party,
            demand_digest=answer.demand_digest,
            proposal=canonical_json({"proposal": answer.model_dump(mode="json"), "holds": holds}),
            sites=canonical_json(sorted(facts.revisions)),
            expires_at=answer.expires_at,
        )
    )
    raise_revisions(connection, facts.revisions)


def _remember(connection: Connection, request: ProposeRequest, digest: str, made: Offer, now: str) -> None:
    put_contents(connection, [request.demand.canonical()])
    connection.execute(delete(proposal_table).where(proposal_table.c.stack_id == request.stack_id))
    connection.execute(
        proposal_table.insert().values(
            stack_id=request.stack_id,
            demand_digest=digest,
            seats=canonical_json({name: seat.model_dump() for name, seat in made.seats.items()}),
            unplaced=canonical_json(dict(made.unplaced)),
            sources=canonical_json(request.sources),
            proposed_at=now,
        )
    )


def _changed_since_preview(
    connection: Connection, request: ProposeRequest, digest: str, made: Offer
) -> dict[str, tuple[SeatData | None, SeatData | None]]:
    if not request.reserve:
        return {}
    last = remembered(connection, request.stack_id, digest)
    if last is None:
        return {}
    seats = {name: SeatData(**seat) for name, seat in json.loads(last["seats"]).items()}
    return {
        name: (seats.get(name), made.seats.get(name))
        for name in sorted(seats.keys() | made.seats.keys())
        if seats.get(name) != made.seats.get(name)
    }


def remembered(connection: Connection, stack_id: str, demand_digest: str) -> Mapping[str, Any] | None:
    """The last proposal of a stack, if it was for this demand."""
    row = connection.execute(select(proposal_table).where(proposal_table.c.stack_id == stack_id)).mappings().first()
    return dict(row) if row is not None and row["demand_digest"] == demand_digest else None


def evaluate(context: Context, request: EvaluateRequest) -> Evaluation:
    """The findings of a change at this moment; changes nothing."""
    with context.database.reading() as connection:
        require_enrolment(
            connection, stack_id=request.stack_id, party=request.party, lineage=request.lineage, bound=False
        )
        examined = examine(connection, request, context.now(), context.telemetry)
    return Evaluation(
        findings=[finding.to_data() for finding in examined.findings(examined.facts.base)],
        summary=examined.line,
        revision=sum(examined.facts.revisions.values()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A change as it was looked at.

    Attributes:
        request: what was asked.
        facts: what it was decided on.
        demand: what the stack wants.
        local: findings at its sites.
        sources: file and line by path.
        line: one line that sums it up.
        on: the day.
    """

    request: EvaluateRequest
    facts: Facts
    demand: Demand
    local: tuple[Finding, ...]
    sources: Mapping[str, str]
    line: str
    on: str

    def findings(self, base: ZoneBase | None) -> tuple[Finding, ...]:
        """All findings for the acting party, with the zone as a whole as it is now."""
        request = self.request
        whole = judge_whole(self.facts, base, self.demand, request.seats, stack_id=request.stack_id)
        return for_reader(answer((*self.local, *whole), base, self.on), request.party, self.sources)


def examine(connection: Connection, request: EvaluateRequest, now: str, telemetry: Path | None) -> Examined:
    """Look at a change inside the caller's transaction.

    Raises:
        LedgerRefusedError: when the demand was never proposed here, or the zone's file is another one.
    """
    text = get_content(connection, request.demand_digest)
    if text is None:
        raise LedgerRefusedError(
            "unknown-demand",
            "the ledger has never seen this demand; run pulumi up without --target, so that it proposes",
        )
    demand = Demand.model_validate_json(text)
    require_zone(connection, demand.zone, demand.zone_digest, on=now[:10])
    if demand.party != request.party:
        raise LedgerRefusedError("another-party", f"the demand is that of another party than '{request.party}'")
    facts = gather(connection, stack_id=request.stack_id, demand=demand, now=now, telemetry=telemetry)
    last = remembered(connection, request.stack_id, request.demand_digest)
    unplaced: Mapping[str, str] = json.loads(last["unplaced"]) if last else {}
    sources: Mapping[str, str] = json.loads(last["sources"]) if last else {}
    short = {name: reason for name, reason in unplaced.items() if name not in request.seats}
    return Examined(
        request=request,
        facts=facts,
        demand=demand,
        local=judge_local(facts, demand, request.seats, request.addresses, stack_id=request.stack_id, unplaced=short),
        sources=sources,
        line=summary(demand, request.seats, facts),
        on=now[:10],
    )
