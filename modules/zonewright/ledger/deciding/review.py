"""A change as it was looked at: its facts, and its findings as the acting party may read them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, select

from zonewright.ledger.deciding.decide import PlacedChange, answer, judge_local, judge_whole, summary
from zonewright.ledger.deciding.facts import Facts, gather
from zonewright.ledger.deciding.zone_facts import ZoneBase
from zonewright.ledger.protocol.admission_messages import EvaluateRequest
from zonewright.ledger.protocol.change import change_digest
from zonewright.ledger.protocol.change_messages import SNAPSHOT_FORM
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.store.asking import Question, first
from zonewright.ledger.store.context import require_zone
from zonewright.ledger.store.prepared import IS_PRESENT, ZONE_ROW, of_stack
from zonewright.ledger.store.tables import admission, proposal
from zonewright.ledger.store.texts import get_content
from zonewright.model.demand import Demand
from zonewright.rules.finding import Finding, masked_for
from zonewright.telemetry.home import TelemetryHome

PROPOSED = Question(of_stack(proposal))
_ADMITTED = select(admission.c.change_digest).where(*IS_PRESENT)


def for_reader(findings: tuple[Finding, ...], party: str, sources: Mapping[str, str]) -> tuple[Finding, ...]:
    """Findings as the acting party may see them, with file and line where its declaration gave them."""
    return tuple(
        replace(masked_for(finding, party), where=sources.get(finding.where, finding.where)) for finding in findings
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A change as it was looked at.

    Attributes:
        request: what was asked.
        step: the change at its places.
        local: findings at its sites.
        sources: file and line by path.
        line: one line that sums it up.
        at: the moment, ISO 8601.
    """

    request: EvaluateRequest
    step: PlacedChange
    local: tuple[Finding, ...]
    sources: Mapping[str, str]
    line: str
    at: str

    @property
    def facts(self) -> Facts:
        """What it was decided on."""
        return self.step.facts

    @property
    def demand(self) -> Demand:
        """What the stack wants."""
        return self.step.demand

    def findings(self, base: ZoneBase | None) -> tuple[Finding, ...]:
        """All findings for the acting party, with the zone as a whole as it is now."""
        whole = judge_whole(self.step, base)
        return for_reader(answer((*self.local, *whole), base, self.at[:10]), self.request.party, self.sources)


def last_proposal(connection: Connection, stack_id: str, demand_digest: str) -> Mapping[str, Any] | None:
    """The last proposal of a stack, if it was for this demand."""
    row = first(connection, PROPOSED, stack=stack_id)
    return row._asdict() if row is not None and row.demand_digest == demand_digest else None


def own_demand(connection: Connection, request: EvaluateRequest) -> Demand:
    """The demand of a request. Whether there is none, or it is another party's, is one sentence: nobody finds out."""
    text = get_content(connection, request.demand_digest)
    try:
        demand = Demand.model_validate_json(text or "")
    except ValueError:
        demand = None
    if demand is None or demand.party != request.party:
        raise LedgerRefusedError(
            "unknown-demand",
            f"the ledger has no proposal of '{request.party}' for this demand; run pulumi up without --target",
        )
    return demand


def change_asked(request: EvaluateRequest, demand_digest: str) -> str:
    """Names the change that is asked about.

    Args:
        request: its places, addresses and files.
        demand_digest: of its demand.
    """
    return change_digest(demand_digest, request.seats, request.addresses, request.rendered_digest or "")


def _by_file_in_force(connection: Connection, request: EvaluateRequest, demand: Demand) -> Demand:
    """A demand as of the zone's file of today, where it is the one that its stack is admitted with as it stands."""
    registered = first(connection, ZONE_ROW)
    if registered is None or registered.digest == demand.zone_digest:
        return demand
    admitted = connection.execute(_ADMITTED, {"stack": request.stack_id}).scalar()
    is_admitted = admitted == change_asked(request, request.demand_digest)
    return demand.model_copy(update={"zone_digest": registered.digest}) if is_admitted else demand


def review_change(
    connection: Connection,
    request: EvaluateRequest,
    now: str,
    telemetry: TelemetryHome | None,
    *,
    by_file_in_force: bool = False,
    demand: Demand | None = None,
    form: int = SNAPSHOT_FORM,
) -> Review:
    """Look at a change inside the caller's transaction.

    Args:
        connection: the transaction.
        request: the change.
        now: the moment, ISO 8601.
        telemetry: the readings, or None.
        by_file_in_force: judge what the stack is admitted with by today's zone file, whichever its demand names.
        demand: what is wanted, where it was read already.
        form: of the record that is judged again: figures are worked out as the version did that made it.

    Raises:
        LedgerRefusedError: when the demand was never proposed here, or the zone's file is another one.
    """
    demand = demand or own_demand(connection, request)
    if by_file_in_force:
        demand = _by_file_in_force(connection, request, demand)
    demand = require_zone(connection, demand, party=request.party, on=now[:10])
    facts = gather(connection, stack_id=request.stack_id, demand=demand, now=now, telemetry=telemetry, form=form)
    last = last_proposal(connection, request.stack_id, request.demand_digest)
    unplaced: Mapping[str, str] = json.loads(last["unplaced"]) if last else {}
    sources: Mapping[str, str] = json.loads(last["sources"]) if last else {}
    short = {name: reason for name, reason in unplaced.items() if name not in request.seats}
    step = PlacedChange(facts=facts, demand=demand, seats=request.seats, stack_id=request.stack_id)
    return Review(
        request=request,
        step=step,
        local=judge_local(step, request.addresses, unplaced=short),
        sources=sources,
        line=summary(demand, request.seats, facts),
        at=now,
    )
