"""The class of risk of a change, and the plan that fits it. Data in, data out, inside the caller's transaction."""

import json
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, RowMapping, select

from zonewright.ledger.deciding.review import Review
from zonewright.ledger.deciding.wanted_claims import claims_of
from zonewright.ledger.protocol.change_messages import Plan
from zonewright.ledger.store.asking import by_name, first
from zonewright.ledger.store.prepared import PRESENT_ADMISSION, STACK
from zonewright.ledger.store.steps import step_of
from zonewright.ledger.store.tables import change, decided, verdict
from zonewright.model.approval import Risk
from zonewright.model.asset import asset_text
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.rules.finding import Finding
from zonewright.seal.votes import Planned, ReceivedEnvelope

_LAST = select(change).where(change.c.stack_id == STACK).order_by(change.c.number.desc()).limit(1)
_AGAIN = "make a new plan with: zonewright change plan --stack NAME --key FILE"


def present(connection: Connection, stack_id: str) -> RowMapping | None:
    """The stack's present admission."""
    row = first(connection, PRESENT_ADMISSION, stack=stack_id)
    return None if row is None else by_name(row)


def risk_of(connection: Connection, review: Review, findings: tuple[Finding, ...]) -> Risk:
    """The class of risk, from what the change does and not from what its author says.

    Args:
        connection: a transaction.
        review: the change.
        findings: its findings, with their waivers.
    """
    if any(finding.level == "approval" or finding.waiver for finding in findings):
        return "high"
    held = present(connection, review.request.stack_id)
    now = json.loads(held["holds"]) if held is not None else {}
    return "low" if _is_held(review, now) else "normal"


def _is_held(review: Review, now: Mapping[str, str]) -> bool:
    """Whether a change holds what is held already; ends at the first difference, which is looked for where it may be.

    Args:
        review: the change.
        now: digest of everything that is held, by name.
    """
    demand, request = review.demand, review.request
    claims = claims_of(demand, request.seats, request.addresses)
    if claims.keys() | demand.assets.keys() != now.keys():
        return False
    seats, seen = review.facts.seats, set[str]()

    def order(name: str) -> bool:
        """False, and so first, for what moves and for the first node of each cluster, which tells of a new type."""
        cluster = claims[name]["cluster"]
        is_later = cluster in seen and seats.get(name) == request.seats[name]
        seen.add(cluster)
        return is_later

    return all(digest_of(asset_text(item)) == now[name] for name, item in demand.assets.items()) and all(
        digest_of(canonical_json(claims[name])) == now[name] for name in sorted(claims, key=order)
    )


def planned_of(plan: Plan, risk: Risk) -> Planned:
    """What a decision on approvals must know of a plan; its risk is what the ledger finds now."""
    return Planned(
        zone=plan.zone,
        stack_id=plan.stack_id,
        party=plan.party,
        change=plan.change_digest,
        plan=plan.digest(),
        risk=risk,
        emergency=plan.emergency,
        planned_at=plan.planned_at,
        follows=plan.follows,
    )


def last_plan(connection: Connection, stack_id: str) -> RowMapping | None:
    """The last plan that a stack has registered."""
    return connection.execute(_LAST, {"stack": stack_id}).mappings().first()


def fitting_plan(connection: Connection, stack_id: str, change_digest: str, replaces: str) -> RowMapping | None:
    """The last plan of a stack for exactly this change as the next step from exactly this admission."""
    query = select(change).where(
        change.c.stack_id == stack_id, change.c.change_digest == change_digest, change.c.replaces == replaces
    )
    return connection.execute(query.order_by(change.c.number.desc()).limit(1)).mappings().first()


def spent(connection: Connection, plan: Plan) -> str:
    """Why a plan is not for the next step of its stack, as a sentence; empty where it may be.

    A plan of an older version names no step: it is good for its present admission, and once.
    """
    digest, at = plan.digest(), step_of(connection, plan.stack_id)
    name = digest[7:19]
    if plan.follows not in (None, at):
        return f"plan {name} follows step {plan.follows}, but the stack is at step {at}; {_AGAIN}"
    query = select(decided.c.admission_id).where(
        decided.c.stack_id == plan.stack_id, decided.c.plan == digest, decided.c.kind == "admitted"
    )
    done = connection.execute(query.limit(1)).scalar()
    return f"plan {name} was carried out already, as {done}; {_AGAIN}" if done else ""


def author_received(row: RowMapping) -> ReceivedEnvelope:
    """The author's envelope of a row of the plans, with the moment when it was received."""
    return ReceivedEnvelope(row["envelope"], datetime.fromisoformat(row["received_at"]))


def received_on(connection: Connection, plan: str) -> list[ReceivedEnvelope]:
    """The envelopes with verdicts on a plan and when they were received, in that order."""
    query = select(verdict.c.envelope, verdict.c.received_at).where(verdict.c.plan == plan).order_by(verdict.c.number)
    return [
        ReceivedEnvelope(row.envelope, datetime.fromisoformat(row.received_at)) for row in connection.execute(query)
    ]


def verdicts_on(connection: Connection, plan: str) -> list[str]:
    """The envelopes with verdicts on a plan, in the order in which they came."""
    query = select(verdict.c.envelope).where(verdict.c.plan == plan).order_by(verdict.c.number)
    return list(connection.execute(query).scalars())
