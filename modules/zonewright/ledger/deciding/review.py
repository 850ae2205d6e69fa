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
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.store.context import require_zone
from zonewright.ledger.store.tables import proposal as proposal_table
from zonewright.ledger.store.texts import get_content
from zonewright.model.demand import Demand
from zonewright.rules.finding import Finding, masked_for
from zonewright.telemetry.home import TelemetryHome


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
    row = connection.execute(select(proposal_table).where(proposal_table.c.stack_id == stack_id)).mappings().first()
    return dict(row) if row is not None and row["demand_digest"] == demand_digest else None


def _own_demand(connection: Connection, request: EvaluateRequest) -> Demand:
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


def review_change(
    connection: Connection,
    request: EvaluateRequest,
    now: str,
    telemetry: TelemetryHome | None,
    *,
    with_fits: bool = True,
) -> Review:
    """Look at a change inside the caller's transaction.

    Args:
        connection: the transaction.
        request: the change.
        now: ISO 8601 time.
        telemetry: the readings, or None.
        with_fits: whether load models may be fitted to readings, as versions before did not.

    Raises:
        LedgerRefusedError: when the demand was never proposed here, or the zone's file is another one.
    """
    demand = _own_demand(connection, request)
    require_zone(connection, demand, party=request.party, on=now[:10])
    facts = gather(
        connection, stack_id=request.stack_id, demand=demand, now=now, telemetry=telemetry, with_fits=with_fits
    )
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
