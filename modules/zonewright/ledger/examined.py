"""A change as it was looked at: its facts, and its findings as the acting party may read them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from zonewright.ledger.decide import Step, answer, judge_whole
from zonewright.ledger.facts import Facts
from zonewright.ledger.messages import EvaluateRequest
from zonewright.ledger.zone_facts import ZoneBase
from zonewright.model.demand import Demand
from zonewright.rules.finding import Finding, masked_for


def for_reader(findings: tuple[Finding, ...], party: str, sources: Mapping[str, str]) -> tuple[Finding, ...]:
    """Findings as the acting party may see them, with file and line where its declaration gave them."""
    return tuple(
        replace(masked_for(finding, party), where=sources.get(finding.where, finding.where)) for finding in findings
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
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
    step: Step
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
