"""The verbs ``propose`` and ``evaluate``: what would be offered, and what would be said, before anything is held."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, delete

from zonewright.ledger.deciding.as_admitted import stands_as_admitted
from zonewright.ledger.deciding.authority import RULE as APPROVAL_RULE
from zonewright.ledger.deciding.authority import authorise, spent_plan
from zonewright.ledger.deciding.decide import PlacedChange, PlacedProposal, offer
from zonewright.ledger.deciding.facts import Facts, as_reserved, gather, have_moved
from zonewright.ledger.deciding.gated_files import gated_findings
from zonewright.ledger.deciding.plans import last_plan, present, spent
from zonewright.ledger.deciding.readable import findings_for
from zonewright.ledger.deciding.reservation_quota import require_own_stack, require_quota
from zonewright.ledger.deciding.review import Review, for_reader, last_proposal, own_demand, review_change
from zonewright.ledger.deciding.wanted_claims import claims_to_hold
from zonewright.ledger.deciding.zone_facts import names_of
from zonewright.ledger.deciding.zone_serials import serials_in_force
from zonewright.ledger.protocol.admission_messages import EvaluateRequest, Evaluation, Proposal, ProposeRequest
from zonewright.ledger.protocol.change import parse_place
from zonewright.ledger.protocol.change_messages import Plan
from zonewright.ledger.store import journal
from zonewright.ledger.store.clock import stamp
from zonewright.ledger.store.context import Context, raise_revisions, require_enrolment, require_zone
from zonewright.ledger.store.held import end_lasting
from zonewright.ledger.store.loaded import waits_for_a_state
from zonewright.ledger.store.prepared import STACK, of_stack
from zonewright.ledger.store.scopes import touching
from zonewright.ledger.store.tables import proposal as proposal_table
from zonewright.ledger.store.tables import reservation
from zonewright.ledger.store.texts import drafted, put_contents, sweep
from zonewright.ledger.verbs.live import feed
from zonewright.ledger.verbs.renaming import as_named, renamed_for_now
from zonewright.model.canonical import canonical_json
from zonewright.model.demand import Demand
from zonewright.model.rack_position import RackPosition
from zonewright.model.surroundings import Surroundings
from zonewright.place.repair import RepairEdit, Trial, joint_repair, with_repair
from zonewright.rules.finding import Finding, worst_first
from zonewright.rules.surroundings import surroundings_of

_RESERVE, _UNRESERVE = reservation.insert(), delete(reservation).where(reservation.c.stack_id == STACK)
_REMEMBER, _FORGET = proposal_table.insert(), delete(proposal_table).where(proposal_table.c.stack_id == STACK)

PREVIEW_REFUSED = "preview-refused"
"""Of an entry on what a principal of a service asked and was refused, so that who feels its way leaves a trace."""


def propose(context: Context, request: ProposeRequest) -> Proposal:
    """Offer places and addresses. With ``reserve``, hold them for a few minutes.

    The facts are read and the places found outside the lock; the transaction that holds them does it again only
    if a site of the change has moved on meanwhile. What neither reserves nor remembers is read at one moment.
    """
    said, digest = request.demand, request.demand.digest()
    feed(context)
    if not (request.reserve or request.remember):
        return _only_told(context, request, digest)
    with as_named(context, request.stack_id, request.party, lambda _connection: said) as view:
        connection = view.connection
        now = context.now(connection)
        request = _in_present_names(connection, request, said, now)
        require_own_stack(connection, stack_id=request.stack_id, party=request.party, now=now)
        kept = _held_proposal(connection, request, digest, now) if request.reserve else None
        facts = gather(
            connection, stack_id=request.stack_id, demand=request.demand, now=now, telemetry=context.telemetry
        )
        liked = _as_planned(connection, request.stack_id, digest, facts)
    if kept is not None:
        return kept
    made = offer(liked, request.demand, stack_id=request.stack_id, on=now[:10])
    repair = _repair(request, liked, made, now[:10]) if request.repair else ()
    with context.writing(touching(request.stack_id, request.party, request.demand)) as connection:
        moment = context.moment(connection)
        now = stamp(moment)  # entries may have been added meanwhile
        request = _in_present_names(connection, request, said, now)
        require_own_stack(connection, stack_id=request.stack_id, party=request.party, now=now)
        kept = _held_proposal(connection, request, digest, now) if request.reserve else None
        if kept is not None:
            return kept  # the same question, asked a second time before the first was answered
        with renamed_for_now(connection, request.stack_id, request.demand) as names:
            if names or have_moved(connection, facts, stack_id=request.stack_id, demand=request.demand):
                facts = gather(
                    connection, stack_id=request.stack_id, demand=request.demand, now=now, telemetry=context.telemetry
                )
                liked = _as_planned(connection, request.stack_id, digest, facts)
                made = offer(liked, request.demand, stack_id=request.stack_id, on=now[:10])
                repair = _still_good(request, liked, made, repair, now[:10])
        end_lasting(connection, facts.held, now)
        made = _with_spent_plan(connection, request, facts, made, now, digest) if request.reserve else made
        changed = _changed_since_preview(connection, request, digest, made)
        if last_proposal(connection, request.stack_id, digest) is None:  # else it was asked
            _note_refused(context, connection, request, digest, made.findings, now)
        _remember(connection, request.model_copy(update={"demand": said}), digest, made, now)
        expires_at = None
        answer = _answer(context, connection, request, made, _Asked(digest, facts, repair, names, changed))
        if request.reserve and not any(finding.refuses for finding in made.findings):
            require_quota(connection, stack_id=request.stack_id, party=request.party, now=now)
            expires_at = stamp(moment + timedelta(seconds=context.reservation_s))
            answer = answer.model_copy(update={"expires_at": expires_at})
            _hold(connection, request, answer, facts)
    return answer


def _only_told(context: Context, request: ProposeRequest, digest: str) -> Proposal:
    """What would be offered, as all of it is at one moment. Nothing of it is kept, so nobody who writes is waited for.

    A service notes what it refuses here as well: else whoever feels its way would ask like this.
    """
    with as_named(context, request.stack_id, request.party, lambda _connection: request.demand) as view:
        connection = view.connection
        now = context.now(connection)
        request = _in_present_names(connection, request, request.demand, now)
        require_own_stack(connection, stack_id=request.stack_id, party=request.party, now=now)
        facts = gather(
            connection, stack_id=request.stack_id, demand=request.demand, now=now, telemetry=context.telemetry
        )
        liked = _as_planned(connection, request.stack_id, digest, facts)
        made = offer(liked, request.demand, stack_id=request.stack_id, on=now[:10])
        repair = _repair(request, liked, made, now[:10]) if request.repair else ()
        answer = _answer(context, connection, request, made, _Asked(digest, facts, repair, view.names))
        is_asked_before = last_proposal(connection, request.stack_id, digest) is not None
    if not is_asked_before:
        _tell_refused(context, request, digest, made.findings)
    return answer


def _in_present_names(connection: Connection, request: ProposeRequest, said: Demand, now: str) -> ProposeRequest:
    """The request, with what its demand names of others called as it is at this moment."""
    return request.model_copy(update={"demand": require_zone(connection, said, party=request.party, on=now[:10])})


def _repair(request: ProposeRequest, facts: Facts, made: PlacedProposal, on: str) -> Sequence[RepairEdit]:
    """A joint repair of a refused change, judged as the change is: by all rules, among what all others have."""
    if not any(one.refuses for one in made.findings) or not request.demand.clusters:
        return ()

    def trial(demand: Demand) -> Trial:
        tried = offer(facts, demand, stack_id=request.stack_id, on=on)
        return Trial(findings=[one for one in tried.findings if one.refuses], seats=tried.seats)

    return joint_repair(request.demand, trial, standing=facts.seats) or ()


def _still_good(
    request: ProposeRequest, facts: Facts, made: PlacedProposal, repair: Sequence[RepairEdit], on: str
) -> Sequence[RepairEdit]:
    """A repair that was found among earlier facts, if it is needed and admissible among later ones; else none."""
    if not repair or not any(one.refuses for one in made.findings):
        return ()
    tried = offer(facts, with_repair(request.demand, repair), stack_id=request.stack_id, on=on)
    return () if any(one.refuses for one in tried.findings) else repair


def _as_planned(connection: Connection, stack_id: str, demand_digest: str, facts: Facts) -> Facts:
    """The facts, with the places of a plan for this demand as those to keep: what is approved is what is offered."""
    facts = as_reserved(facts)
    row, held = last_plan(connection, stack_id), present(connection, stack_id)
    if row is None or row["replaces"] != (str(held["id"]) if held is not None else ""):
        return facts
    plan = Plan.model_validate_json(row["document"])
    if plan.demand_digest != demand_digest or spent(connection, plan):
        return facts
    places = {name: parse_place(text) for name, text in plan.places.items()}
    return replace(
        facts,
        seats={name: seat for name, (seat, _) in places.items()},
        addresses={name: addresses for name, (_, addresses) in places.items()},
    )


def _with_spent_plan(  # noqa: PLR0917 - private
    connection: Connection, request: ProposeRequest, facts: Facts, made: PlacedProposal, now: str, digest: str
) -> PlacedProposal:
    """The proposal, refused where its plan was for another step. A preview is for the next plan, so it goes on."""
    if facts.base is None:
        return made
    wanted = EvaluateRequest(
        stack_id=request.stack_id,
        party=request.party,
        lineage="",
        demand_digest=digest,
        seats=dict(made.seats),
        addresses={name: dict(addresses) for name, addresses in made.addresses.items()},
    )
    step = PlacedChange(facts=facts, demand=request.demand, seats=made.seats, stack_id=request.stack_id)
    review = Review(request=wanted, step=step, local=(), sources={}, line="", at=now)
    found = spent_plan(connection, facts.base.zone, review, made.findings)
    return replace(made, findings=worst_first((*made.findings, *found))) if found else made


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an answer says besides the places: digest of the demand, facts, repair, renamed assets, and what moved."""

    digest: str
    facts: Facts
    repair: Sequence[RepairEdit]
    assets: Mapping[str, str]
    changed: Mapping[str, tuple[RackPosition | None, RackPosition | None]] = field(default_factory=dict)


def _answer(
    context: Context, connection: Connection, request: ProposeRequest, made: PlacedProposal, asked: _Asked
) -> Proposal:
    facts, told = asked.facts, for_reader(made.findings, request.demand.party, request.sources)
    wanted_sites = {wanted.cluster.site for wanted in request.demand.clusters.values()}
    return Proposal(
        demand_digest=asked.digest,
        revision=sum(facts.revisions.values()),
        seats=dict(made.seats),
        addresses={name: dict(addresses) for name, addresses in made.addresses.items()},
        unplaced=dict(made.unplaced),
        premises=list(made.premises),
        findings=list(findings_for(connection, context.caller, told)),
        sites={
            site_id: site.seen_by(request.party).model_dump(mode="json", exclude_defaults=True, exclude={"rooms"})
            for site_id, site in facts.sites.items()
            if site_id in wanted_sites
        },
        surroundings=_surroundings(facts, request.demand),
        changed=dict(asked.changed),
        impact=dict(made.impact),
        serials=serials_in_force(connection, request.stack_id),
        renamed={new: old for old, new in (*facts.renames.nodes.items(), *asked.assets.items())},
        former=_former(facts, request.demand),
        repair=list(asked.repair),
    )


def _former(facts: Facts, demand: Demand) -> dict[str, str]:
    """Present names by those that the demand uses, and by those that resources of its stack may still have."""
    if facts.base is None or not facts.base.former.now:
        return {}
    sites = {part.cluster.site for part in demand.clusters.values()}
    return {old: now for old, now in facts.base.former.now.items() if old in demand.formerly or now in sites} | dict(
        demand.formerly
    )


def _surroundings(facts: Facts, demand: Demand) -> Surroundings | None:
    own = {name for name, item in demand.assets.items() if item.kind == "site"}
    return surroundings_of(facts.base.after(demand, {}), own) if facts.base is not None else None


def _held_proposal(connection: Connection, request: ProposeRequest, digest: str, now: str) -> Proposal | None:
    """The reservation that this stack holds for the same demand: asking twice gives the same answer."""
    row = connection.execute(of_stack(reservation), {"stack": request.stack_id}).first()
    if row is None or row.demand_digest != digest or row.party != request.party or row.expires_at <= now:
        return None
    return Proposal.model_validate(json.loads(row.proposal)["proposal"])


def _hold(connection: Connection, request: ProposeRequest, answer: Proposal, facts: Facts) -> None:
    holds = claims_to_hold(facts.own, request.demand, answer.seats, answer.addresses)
    connection.execute(_UNRESERVE, {"stack": request.stack_id})
    connection.execute(
        _RESERVE,
        {
            "stack_id": request.stack_id,
            "party": request.party,
            "demand_digest": answer.demand_digest,
            "proposal": _said(answer, holds, names_of(request.demand)),
            "sites": canonical_json(sorted(facts.revisions)),
            "expires_at": answer.expires_at,
        },
    )
    raise_revisions(connection, facts.revisions)


def _said(answer: Proposal, holds: Mapping[str, object], names: Sequence[object]) -> str:
    """What a reservation keeps, as JSON: who asks again gets this answer, and ``holds`` and ``names`` are kept free."""
    return f'{{"holds":{canonical_json(holds)},"names":{canonical_json(names)},"proposal":{answer.model_dump_json()}}}'


def _remember(connection: Connection, request: ProposeRequest, digest: str, made: PlacedProposal, now: str) -> None:
    moment = datetime.fromisoformat(now)
    sweep(connection, moment)
    put_contents(connection, [request.demand.canonical()], until=drafted(moment))
    connection.execute(_FORGET, {"stack": request.stack_id})
    connection.execute(
        _REMEMBER,
        {
            "stack_id": request.stack_id,
            "demand_digest": digest,
            "seats": canonical_json({name: seat.to_data() for name, seat in made.seats.items()}),
            "unplaced": canonical_json(dict(made.unplaced)),
            "sources": canonical_json(request.sources),
            "proposed_at": now,
        },
    )


def _changed_since_preview(
    connection: Connection, request: ProposeRequest, digest: str, made: PlacedProposal
) -> dict[str, tuple[RackPosition | None, RackPosition | None]]:
    if not request.reserve:
        return {}
    last = last_proposal(connection, request.stack_id, digest)
    if last is None:
        return {}
    seats = {name: RackPosition(**seat) for name, seat in json.loads(last["seats"]).items()}
    return {
        name: (seats.get(name), made.seats.get(name))
        for name in sorted(seats.keys() | made.seats.keys())
        if seats.get(name) != made.seats.get(name)
    }


def evaluate(context: Context, request: EvaluateRequest) -> Evaluation:
    """Give the findings of a change at this moment. This changes nothing.

    A service notes what it refuses at other places than it proposed last: that is no preview of a program.
    """
    feed(context)
    with as_named(context, request.stack_id, request.party, partial(own_demand, request=request)) as view:
        connection = view.connection
        who = {"stack_id": request.stack_id, "party": request.party, "lineage": request.lineage}
        if not waits_for_a_state(connection, **who):  # else its `up` will take it over
            require_enrolment(connection, **who, bound=False)
        now = context.now(connection)
        review = review_change(connection, request, now, context.telemetry, demand=view.demand, by_file_in_force=True)
        base = review.facts.base
        authority = authorise(
            connection,
            base.zone if base is not None else None,
            review,
            review.findings(base),
            rendered_digest=request.rendered_digest,
            now=datetime.fromisoformat(now),
        )
        gated = gated_findings(
            connection,
            context.caller,
            base.zone if base is not None else None,
            rendered_digest=request.rendered_digest,
            party=request.party,
            now=now,
        )
        findings = worst_first((*authority.findings, *gated))
        stands_as = stands_as_admitted(
            connection, request, authority, findings, said=view.demand, in_force=review.demand.zone_digest
        )
        if stands_as:  # what asks for no decision lacks no approval of one
            findings = tuple(finding for finding in findings if finding.rule != APPROVAL_RULE)
        told = findings_for(connection, context.caller, findings)
        last = last_proposal(connection, request.stack_id, request.demand_digest)
        seats = {name: seat.to_data() for name, seat in request.seats.items()}
        is_proposed = last is not None and json.loads(last["seats"]) == seats
    if not is_proposed:
        _tell_refused(context, request, request.demand_digest, findings)
    return Evaluation(
        findings=list(told),
        summary=review.line,
        revision=sum(review.facts.revisions.values()),
        renamed=_renamed(review, view.names),
        stands_as=stands_as or None,
    )


def _tell_refused(
    context: Context, request: ProposeRequest | EvaluateRequest, digest: str, findings: Sequence[Finding]
) -> None:
    """Note a refused question that was answered without a transaction that writes."""
    if not context.caller.has_file and any(one.refuses for one in findings):
        with context.writing(touching(request.stack_id, request.party)) as connection:
            _note_refused(context, connection, request, digest, findings, context.now(connection))


def _note_refused(  # noqa: PLR0917 - private
    context: Context,
    connection: Connection,
    request: ProposeRequest | EvaluateRequest,
    digest: str,
    findings: Iterable[Finding],
    now: str,
) -> None:
    """Add an entry on a question that a principal of a service asked, where it is refused."""
    rules = Counter(one.rule for one in findings if one.refuses)
    if rules and not context.caller.has_file:
        who = {"stack_id": request.stack_id, "party": request.party}
        said = {"demand_digest": digest, "rules": dict(sorted(rules.items()))}
        journal.append(connection, at=now, kind=PREVIEW_REFUSED, **who, payload=said)


def _renamed(review: Review, assets: Mapping[str, str]) -> dict[str, str]:
    """Old names by new names, also of sites of others that resources of the stack may be called after."""
    pairs = (*_former(review.facts, review.demand).items(), *review.facts.renames.nodes.items(), *assets.items())
    return {new: old for old, new in pairs}
