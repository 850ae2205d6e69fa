"""The steps of a stack that were approved and carried out, back in time: what its hosts may go back to."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, select

from zonewright.ledger.deciding.plans import author_received, planned_of, received_on
from zonewright.ledger.protocol.change_messages import Plan
from zonewright.ledger.protocol.rollout_messages import ROLLED_OUT
from zonewright.ledger.store.documents import parse_zone
from zonewright.ledger.store.tables import admission, change, decided, journal
from zonewright.ledger.store.texts import files_of, get_content
from zonewright.model import Zone
from zonewright.seal.decide import Decision, approved

_ZONE, _VERDICTS = "zone-registered", ("approved", "rejected")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedStep:
    """One step.

    Attributes:
        sequence: of the journal's entry that admitted it.
        plan: the plan that approves it.
        party: the acting party.
        files: all its files, digest by path.
    """

    sequence: int
    plan: str
    party: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Moment:
    """An entry of the journal."""

    sequence: int
    at: datetime


@dataclass(frozen=True, slots=True)
class _Past:
    """What the journal says: digests of the zone's file as registered, last verdicts, and plans that reached hosts."""

    zones: dict[_Moment, str] = field(default_factory=dict)
    verdicts: dict[str, _Moment] = field(default_factory=dict)
    rolled_out: set[str] = field(default_factory=set)

    def judgements(self, plan: str, until: int | None) -> Iterator[tuple[str, datetime]]:
        """Digest of the zone's file and moment of each time when the standing of a plan may have changed.

        Args:
            plan: the plan; nothing without a verdict on it.
            until: the journal's entry from which on the plan's step was no longer the present one.
        """
        last = self.verdicts.get(plan)
        if last is None:
            return
        before = [digest for one, digest in self.zones.items() if one.sequence < last.sequence]
        yield from ((digest, last.at) for digest in before[-1:])
        for one, digest in self.zones.items():
            if last.sequence < one.sequence and (until is None or one.sequence < until):
                yield digest, one.at


def steps_back(connection: Connection, stack_id: str, *, before: int | None = None) -> Iterator[ApprovedStep]:
    """The steps of a stack that were approved, before they were carried out or while they stood; the newest first.

    Args:
        connection: a transaction.
        stack_id: whose steps.
        before: a journal's entry; only steps before it.
    """
    query = (
        select(decided, admission.c.rendered_digest, admission.c.completed_at)
        .join(admission, admission.c.id == decided.c.admission_id)
        .where(decided.c.stack_id == stack_id, decided.c.kind == "admitted")
        .order_by(decided.c.sequence.desc())
    )
    past, until = _past(connection, stack_id), None
    for row in connection.execute(query).all():
        if before is None or row.sequence < before:
            is_approved = row.approved_by != "[]" or row.review_by
            plan = row.plan if is_approved else _approved_as_it_stood(connection, row, past, until)
            if plan and (row.completed_at is not None or plan in past.rolled_out):
                files = manifest_of(connection, row.rendered_digest)
                yield ApprovedStep(sequence=row.sequence, plan=plan, party=row.party, files=files)
        until = row.sequence


def _past(connection: Connection, stack_id: str) -> _Past:
    query = select(journal.c.sequence, journal.c.at, journal.c.kind, journal.c.payload).where(
        journal.c.stack_id.in_(("", stack_id)), journal.c.kind.in_((_ZONE, ROLLED_OUT, *_VERDICTS))
    )
    found = _Past()
    for row in connection.execute(query.order_by(journal.c.sequence)):
        said, moment = json.loads(row.payload), _Moment(row.sequence, datetime.fromisoformat(row.at))
        if row.kind == _ZONE:
            found.zones[moment] = said["zone_digest"]
        elif row.kind == ROLLED_OUT:
            found.rolled_out.add(said["plan"])
        else:
            found.verdicts[said["plan"]] = moment
    return found


def _approved_as_it_stood(connection: Connection, step: Row[Any], past: _Past, until: int | None) -> str:
    """The plan by which a step was approved that had been carried out already, judged by the zone's file of that time.

    What the zone asks for today says nothing of what was good enough then: neither less nor more counts afterwards.
    """
    query = select(change).where(change.c.stack_id == step.stack_id, change.c.replaces == step.admission_id)
    for row in connection.execute(query.order_by(change.c.number.desc())).mappings().all():
        for digest, at in past.judgements(row["plan"], until):
            document = get_content(connection, digest)
            if document is None:
                continue  # nothing is approved by a file that nobody can read any more
            plan, decision = decision_on(connection, parse_zone(document), row, at)
            if decision.passes and plan.rendered_digest == step.rendered_digest:
                return str(row["plan"])
    return ""


def manifest_of(connection: Connection, digest: str) -> Mapping[str, str]:
    """Rendered files, digest by path; none where the ledger does not have them."""
    return files_of(get_content(connection, digest))


def decision_on(connection: Connection, known: Zone, row: RowMapping, now: datetime) -> tuple[Plan, Decision]:
    """What stands for a plan at a moment; also a zone without a fitting policy lets nothing pass here.

    Args:
        connection: a transaction.
        known: the zone's file.
        row: the plan's.
        now: the moment.
    """
    plan = Plan.model_validate_json(row["document"])
    verdicts = received_on(connection, row["plan"])
    planned = planned_of(plan, plan.risk)
    return plan, approved(known, planned, author=author_received(row), verdicts=verdicts, now=now, required=True)
