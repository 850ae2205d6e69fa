"""How the nodes of one cluster are spread while places are given out. Internal to placement."""

from collections import Counter
from typing import Literal

from zonewright.model.cluster import Scope, Spread, Survival
from zonewright.rules.spread import domain_of

MANY = 1_000_000
"""More nodes than a rack has units."""
CandidateVerdict = Literal["now", "later", "never"]


class SpreadCount:
    """How many nodes of a cluster are in which domain, and what its spread still allows.

    Args:
        spread: how they must be spread.
        nodes: how many there are.
        survives: what must be left when domains fail. Placement shares the loss equally between these domains, which
            is enough, and more than is needed where several fail.
    """

    def __init__(self, spread: Spread | None, nodes: int, survives: Survival | None = None) -> None:
        scope = survives.scope if survives is not None else None
        self._losing: Scope | None = scope if scope in {"rack", "row", "room"} else None
        self._most_lost = 0
        if survives is not None and self._losing is not None:
            self._most_lost = (nodes - survives.least(nodes)) // survives.failures
            if spread is None:
                spread = Spread(scope=self._losing)
        self.spread = spread
        self.counts: Counter[str] = Counter()
        self._in_losing: Counter[str] = Counter()
        self.most = spread.most(nodes) if spread is not None else None
        if spread is not None and spread.scope == self._losing:
            self.most = min(self.most or nodes, self._most_lost)
        self.target = min(spread.at_least, nodes) if spread is not None else 0
        self.given_up = False

    @property
    def missing(self) -> int:
        """Domains that are not reached yet; 0 once they were given up."""
        return 0 if self.given_up else max(0, self.target - len(self.counts))

    @property
    def skew_excess(self) -> int:
        """How far the difference between its fullest and its emptiest domain is above what it may be."""
        if self.spread is None or self.spread.max_skew is None or not self.counts:
            return 0
        return max(0, max(self.counts.values()) - min(self.counts.values()) - self.spread.max_skew)

    def add(self, rack_id: str, nodes: int = 1) -> None:
        """Count nodes."""
        if self.spread is not None:
            self.counts[domain_of(rack_id, self.spread.scope)] += nodes
        if self._losing is not None:
            self._in_losing[domain_of(rack_id, self._losing)] += nodes

    def room_in(self, rack_id: str) -> int:
        """How many nodes in a row may go to a rack whose verdict is "now"; 1 where each may change the verdict."""
        if self.spread is not None and (self.missing or self.spread.max_skew is not None):
            return 1
        left = [] if self._losing is None else [self._most_lost - self._in_losing[domain_of(rack_id, self._losing)]]
        if self.spread is not None and self.most is not None:
            left.append(self.most - self.counts[domain_of(rack_id, self.spread.scope)])
        return min(left, default=MANY)

    def is_full(self, rack_id: str) -> bool:
        """Whether the domain of a rack has as many nodes as it may."""
        if self._losing is not None and self._in_losing[domain_of(rack_id, self._losing)] >= self._most_lost:
            return True
        if self.spread is None or self.most is None:
            return False
        return self.counts[domain_of(rack_id, self.spread.scope)] >= self.most

    def tilts(self, rack_id: str) -> bool:
        """Whether one more node in the domain of a rack would make the difference between domains too large."""
        if self.spread is None or self.spread.max_skew is None or not self.counts:
            return False
        here = domain_of(rack_id, self.spread.scope)
        if here not in self.counts:
            return not self.missing and max(self.counts.values()) - 1 > self.spread.max_skew
        return self.counts[here] + 1 - min(self.counts.values()) > self.spread.max_skew

    def why_not(self, rack_id: str) -> str:
        """What is said of the domain of a rack whose verdict is not "now"."""
        if self._losing is not None and not self._most_lost:
            return "may take none: of so few nodes too many would be lost with it"
        if self.is_full(rack_id):
            return "already has its share"
        return "is already used, and others are wanted" if self.missing else "and others would differ by too many"

    def verdict(self, rack_id: str) -> CandidateVerdict:
        """Whether the next node may go to a rack; "later" while other domains must be reached or filled first."""
        if self.is_full(rack_id):
            return "never"
        if self.spread is not None and self.missing and domain_of(rack_id, self.spread.scope) in self.counts:
            return "later"
        return "later" if self.tilts(rack_id) else "now"
