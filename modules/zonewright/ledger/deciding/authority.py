"""May this change be carried out? What a plan, its approvals and the facts of this moment say to an admission.

An approval is good for one step of one stack: exactly this demand, these places, these files, from exactly this
admission and step on; for findings no worse than those it accepted; and while its premises hold.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, RowMapping, select

from zonewright.ledger.deciding.plan_difference import differences
from zonewright.ledger.deciding.plans import (
    author_received,
    fitting_plan,
    last_plan,
    planned_of,
    present,
    received_on,
    risk_of,
    spent,
)
from zonewright.ledger.deciding.precondition_now import broken_sentence
from zonewright.ledger.deciding.review import Review
from zonewright.ledger.protocol.change import change_digest
from zonewright.ledger.protocol.change_messages import Plan
from zonewright.ledger.protocol.journal_messages import JournalEntry
from zonewright.ledger.store.asking import Question, answers, by_name
from zonewright.ledger.store.prepared import STACK
from zonewright.ledger.store.tables import change, decided
from zonewright.model.approval import Risk
from zonewright.model.zone import Zone
from zonewright.place import failed
from zonewright.rules.finding import Finding, Participant, worst_first
from zonewright.seal.decide import Decision, approved, policies_for

RULE, REVIEW_RULE = "change-approval", "emergency-review"
_REFERENCE = "zonewright, how-to: approve a change"
_NOTE = decided.insert()
_EMERGENCIES = (
    select(decided, change.c.document, change.c.envelope, change.c.received_at)
    .join(change, change.c.plan == decided.c.plan)
    .where(decided.c.review_by != "")
    .order_by(decided.c.sequence)
)
OWN_EMERGENCIES = Question(_EMERGENCIES.where(decided.c.stack_id == STACK))


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """What came out.

    Attributes:
        findings: those of the change, with what its approvals cover, and with what is missing.
        plan: digest of the plan that fits, or empty.
        approved_by: who approved.
        review_by: until when an emergency must have been reviewed, or empty.
        risk: the class of risk.
    """

    findings: tuple[Finding, ...]
    plan: str = ""
    approved_by: tuple[str, ...] = ()
    review_by: str = ""
    risk: Risk


def authorise(
    connection: Connection,
    zone: Zone | None,
    review: Review,
    findings: tuple[Finding, ...],
    *,
    rendered_digest: str | None,
    now: datetime,
) -> Authority:
    """Put approvals and findings together.

    Args:
        connection: the transaction that the change is decided in.
        zone: the registered zone.
        review: the change.
        findings: its findings, with their waivers.
        rendered_digest: digest of its rendered files; None where they are not known, and then no plan fits.
        now: the present.
    """
    if zone is None:
        return Authority(findings=findings, risk="low")
    request = review.request
    risk = risk_of(connection, review, findings)
    asked = [finding for finding in findings if finding.level == "approval" and finding.waiver is None]
    overdue = tuple(_overdue(connection, zone, request.stack_id, now))
    if not asked and not policies_for(zone, risk=risk, party=request.party, stack_id=request.stack_id):
        return Authority(findings=worst_first((*findings, *overdue)), risk=risk)
    held = present(connection, request.stack_id)
    replaces = str(held["id"]) if held is not None else ""
    digest = change_digest(request.demand_digest, request.seats, request.addresses, rendered_digest or "")
    row = fitting_plan(connection, request.stack_id, digest, replaces) if rendered_digest else None
    if row is None:
        last = last_plan(connection, request.stack_id)
        told = _unplanned(connection, last, review, rendered_digest, replaces)
        return Authority(findings=worst_first((*findings, *overdue, _missing(review, told))), risk=risk)
    plan = Plan.model_validate_json(row["document"])
    if why := spent(connection, plan):
        return Authority(findings=worst_first((*findings, *overdue, _missing(review, (why,)))), risk=risk)
    decision = _decision(connection, zone, row, plan, risk, now, required=bool(asked))
    told = () if decision.passes else decision.sentences
    told += tuple(worse_than_accepted(asked, plan)) + tuple(_broken(plan, review))
    if told:
        against = worst_first((*findings, *overdue, _missing(review, told)))
        return Authority(findings=against, plan=plan.digest(), risk=risk)
    covered = tuple(
        replace(finding, waiver=f"approval of {decision.by}") if finding in asked else finding for finding in findings
    )
    return Authority(
        findings=worst_first((*covered, *overdue)),
        plan=plan.digest(),
        approved_by=tuple(vote.signer for vote in decision.votes if vote.verdict == "approve"),
        review_by=decision.review_by.isoformat() if decision.review_by and not decision.reviewed else "",
        risk=risk,
    )


def spent_plan(
    connection: Connection, zone: Zone, review: Review, findings: tuple[Finding, ...]
) -> tuple[Finding, ...]:
    """The finding that the last plan of a stack was for this demand and is not for its next step; none where it is.

    A proposal says so before anything is rendered. What a plan made and still stands needs no other one.

    Args:
        connection: a transaction.
        zone: the registered zone.
        review: the change.
        findings: its findings, with their waivers.
    """
    stack_id = review.request.stack_id
    last, held = last_plan(connection, stack_id), present(connection, stack_id)
    if last is None:
        return ()
    plan = Plan.model_validate_json(last["document"])
    why = spent(connection, plan) if plan.demand_digest == review.request.demand_digest else ""
    query = select(decided.c.plan).where(decided.c.stack_id == stack_id, decided.c.kind == "admitted")
    if not why or (
        held is not None
        and connection.execute(query.where(decided.c.admission_id == held["id"])).scalar() == last["plan"]
    ):
        return ()
    risk = risk_of(connection, review, findings)
    is_asked = any(finding.level == "approval" and finding.waiver is None for finding in findings)
    if not is_asked and not policies_for(zone, risk=risk, party=review.request.party, stack_id=stack_id):
        return ()
    return (_missing(review, (why,)),)


def _decision(  # noqa: PLR0917 - private
    connection: Connection,
    zone: Zone,
    row: RowMapping,
    plan: Plan,
    risk: Risk,
    now: datetime,
    *,
    required: bool,
    admitted_at: datetime | None = None,
) -> Decision:
    return approved(
        zone,
        planned_of(plan, risk),
        author=author_received(row),
        verdicts=received_on(connection, row["plan"]),
        now=now,
        admitted_at=admitted_at,
        required=required,
    )


def _unplanned(
    connection: Connection, last: RowMapping | None, review: Review, rendered_digest: str | None, replaces: str
) -> tuple[str, ...]:
    if last is None:
        return ("it was never planned; plan it with: zonewright change plan",)
    plan = Plan.model_validate_json(last["document"])
    if why := spent(connection, plan):
        # What differs from a plan of another step tells nothing: nobody planned this one.
        return (why if plan.demand_digest == review.request.demand_digest else f"no plan is for it; {why}",)
    told = tuple(differences(connection, plan, review.request, rendered_digest, replaces))
    broken = tuple(_broken(plan, review))
    name = last["plan"][7:19]
    return (f"it differs from plan {name}, the last plan: {'; '.join((*told, *broken))}",)


def worse_than_accepted(asked: list[Finding], plan: Plan) -> Iterator[str]:
    """Findings that the approvals of a plan did not see, or not as bad as they are.

    Args:
        asked: findings that need an approval.
        plan: the plan.
    """
    accepted = {(item.rule, item.subject): item for item in plan.accepts}
    for finding in asked:
        seen = accepted.get((finding.rule, finding.subject))
        if seen is None:
            yield f"the plan does not have the finding {finding.rule} at {finding.subject}"
        elif (finding.excess, finding.value or 0) > (seen.excess, seen.value or 0):
            # Not beyond the limit it may still be worse: an approval is for the numbers that it saw.
            now, then = (f"{value or 0:,} {finding.unit}" for value in (finding.value, seen.value))
            yield f"{finding.rule} at {finding.subject} is {now} now, but {then} was approved"


def _broken(plan: Plan, review: Review) -> Iterator[str]:
    """Premises of the plan that fail now."""
    world, stack = review.facts.now, review.request.stack_id
    for premise in failed(plan.premises, world, stack=stack):
        yield broken_sentence(premise, world, stack=stack)


def _missing(review: Review, told: tuple[str, ...]) -> Finding:
    return Finding(
        rule=RULE,
        level="approval",
        subject=review.request.stack_id,
        where="",
        message=f"this change needs an approval: {'; '.join(told)}",
        participants=(Participant(party=review.request.party, name=review.request.stack_id),),
        fix=(
            "plan it: zonewright change plan --stack NAME --key FILE; ask the approvers to run: zonewright "
            "change approve PLAN"
        ),
        reference=_REFERENCE,
    )


def _overdue(connection: Connection, zone: Zone, stack_id: str, now: datetime) -> Iterator[Finding]:
    """Emergency changes of the stack that nobody has reviewed in time."""
    for row, plan in emergencies(connection, stack_id):
        at = datetime.fromisoformat(row["at"])
        if datetime.fromisoformat(row["review_by"]) >= now or is_reviewed(connection, zone, row, plan, at):
            continue
        yield Finding(
            rule=REVIEW_RULE,
            level="mandatory",
            subject=row["admission_id"],
            where="",
            message=(
                f"the emergency change {row['admission_id']} of {row['at'][:16]} had to be reviewed by "
                f"{row['review_by'][:16]}, but was not"
            ),
            participants=(Participant(party=plan.party, name=row["admission_id"]),),
            fix=f"ask the approvers to run: zonewright change approve {row['plan'][7:19]} --key FILE",
            reference=_REFERENCE,
        )


def note(connection: Connection, entry: JournalEntry, authority: Authority) -> None:
    """Put a decision beside its journal entry into the population of changes."""
    connection.execute(
        _NOTE,
        {
            "sequence": entry.sequence,
            "kind": entry.kind,
            "stack_id": entry.stack_id,
            "party": entry.party,
            "plan": authority.plan,
            "change_digest": entry.payload.get("change_digest", ""),
            "admission_id": entry.payload.get("admission_id", ""),
            "approved_by": json.dumps(list(authority.approved_by)),
            "review_by": authority.review_by,
            "at": entry.at,
        },
    )


def emergencies(connection: Connection, stack_id: str = "") -> list[tuple[RowMapping, Plan]]:
    """The emergency changes that were carried out, with their plans; of all stacks where none is named."""
    if stack_id:
        found = [by_name(row) for row in answers(connection, OWN_EMERGENCIES, stack=stack_id)]
    else:
        found = list(connection.execute(_EMERGENCIES).mappings())
    return [(row, Plan.model_validate_json(row["document"])) for row in found]


def is_reviewed(connection: Connection, zone: Zone, row: RowMapping, plan: Plan, admitted_at: datetime) -> bool:
    """Whether the full policy is met for an emergency change; a review stays done, whoever leaves afterwards."""
    return _decision(
        connection, zone, row, plan, plan.risk, admitted_at, required=True, admitted_at=admitted_at
    ).reviewed
