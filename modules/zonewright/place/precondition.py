"""One inequality that a proposal rests on, as data and as a sentence."""

from dataclasses import dataclass
from typing import Literal

from pydantic import ConfigDict

from zonewright.rules.words import amount, kilograms, span

PreconditionKind = Literal[
    "rack-open", "units-free", "feed-live", "feed-failover", "weight", "figure-age", "figure", "next-year"
]
ENERGY: frozenset[PreconditionKind] = frozenset({"figure-age", "figure", "next-year"})
"""Kinds about a site: hours, or millionths of an energy ratio, that are at most so many."""
_FIGURES = {
    "design": "by design",
    "trailing": "measured over the trailing twelve months",
    "projection": "projected for the calendar year",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """One inequality.

    Attributes:
        kind: what it is about.
        subject: rack id, or site id.
        of: the party (``rack-open``), the face or ``both`` (``units-free``), the feed (``feed-...``), or which figure
            (``figure``: design, trailing, projection).
        position: lowest rack unit, for ``units-free``.
        at_least: what must be left to the stack: watts, grams, or units from ``position`` upward.
        at_most: what must not be exceeded: hours (``figure-age``), or millionths of an energy ratio.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    kind: PreconditionKind
    subject: str
    of: str = ""
    position: int = 0
    at_least: int = 0
    at_most: int = 0

    def sentence(self) -> str:
        """The premise for people."""
        if self.kind == "rack-open":
            return f"rack {self.subject} takes new nodes of {self.of}"
        if self.kind == "units-free":
            face = "both faces" if self.of == "both" else f"the {self.of} face"
            return f"{span(self.position, self.at_least)} of rack {self.subject} is free on {face}"
        if self.kind == "weight":
            return f"rack {self.subject} carries at least {kilograms(self.at_least)} for this stack"
        if self.kind in ENERGY:
            return self._energy_sentence()
        loss = f" after the loss of feed {'B' if self.of == 'A' else 'A'}" if self.kind == "feed-failover" else ""
        return f"feed {self.of} of rack {self.subject} has at least {amount(self.at_least, 'W')} for this stack{loss}"

    def _energy_sentence(self) -> str:
        if self.kind == "figure-age":
            return f"the readings of {self.subject} are at most {self.at_most / 24:g} days old"
        ratio = f"{self.at_most / 10**6:.6f}".rstrip("0").rstrip(".")
        if self.kind == "figure":
            return f"the energy ratio of {self.subject} {_FIGURES[self.of]} is not above {ratio}"
        return (
            f"the energy ratio of {self.subject} in the next twelve months, without this change, is not above {ratio}"
        )
