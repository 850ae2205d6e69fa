"""How the nodes of one cluster are spread while places are given out. Internal to placement."""

from collections import Counter
from typing import Literal

from zonewright.model.cluster import Spread
from zonewright.rules.spread import domain_of

CandidateVerdict = Literal["now", "later", "never"]


class SpreadCount:
    """How many nodes of a cluster are in which domain, and what its spread still allows."""

    def __init__(self, spread: Spread | None, nodes: int) -> None:
        self.spread = spread
        self.counts: Counter[str] = Counter()
        self.most = spread.most(nodes) if spread is not None else None
        self.target = min(spread.at_least, nodes) if spread is not None else 0
        self.given_up = False

    @property
    def missing(self) -> int:
        """Domains that are not reached yet; 0 once they were given up."""
        return 0 if self.given_up else max(0, self.target - len(self.counts))

    def add(self, rack_id: str) -> None:
        """Count a node."""
        if self.spread is not None:
            self.counts[domain_of(rack_id, self.spread.scope)] += 1

    def is_full(self, rack_id: str) -> bool:
        """Whether the domain of a rack has as many nodes as it may."""
        if self.spread is None or self.most is None:
            return False
        return self.counts[domain_of(rack_id, self.spread.scope)] >= self.most

    def verdict(self, rack_id: str) -> CandidateVerdict:
        """Whether the next node may go to a rack; "later" while other domains must be reached first."""
        if self.is_full(rack_id):
            return "never"
        if self.spread is not None and self.missing and domain_of(rack_id, self.spread.scope) in self.counts:
            return "later"
        return "now"
