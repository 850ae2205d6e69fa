"""The terms for which a party may use what an operator offers: leases, and how long they still run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from pydantic import model_validator

from zonewright.model.base import Date, Declared, Identifier
from zonewright.model.works import minute_of

_MINUTES_OF_A_DAY = 1440
WARNED_DAYS = (30, 7, 1)
"""Days before the end of a lease at which it is told: a month, a week and a day ahead."""
Span = tuple[str, str]
"""First and last day of leases that follow each other without a gap."""


def day_of(text: str) -> int:
    """Days from the beginning of 2000 to a day such as ``2026-07-01``.

    Raises:
        ValueError: when the month does not have the day.
    """
    return minute_of(f"{text}T00:00Z") // _MINUTES_OF_A_DAY


class Lease(Declared):
    """A party's term in an offer."""

    party: Identifier
    """The party, which uses the offer as long as the term runs."""
    begins: Date
    """The first day, such as 2026-07-01, in UTC."""
    ends: Date
    """The last day, in the same way."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for day in (self.begins, self.ends):
            try:
                day_of(day)
            except ValueError as error:
                message = f"no such day: {error}"
                raise ValueError(message) from None
        if self.begins > self.ends:
            message = f"a lease that ends on {self.ends} and begins on {self.begins}; let it end after it begins"
            raise ValueError(message)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """How long a party may use an offer, terms that follow each other without a gap taken as one.

    Attributes:
        party: whose it is.
        begins: its first day.
        ends: its last day.
        days_left: days after the day in question up to the last one; negative where it is over.
        next_begins: first day of the term after it, behind a gap; empty where there is none.
    """

    party: str
    begins: str
    ends: str
    days_left: int
    next_begins: str = ""

    @property
    def is_over(self) -> bool:
        """Whether its last day has passed."""
        return self.days_left < 0


def overlapping(leases: Sequence[Lease]) -> Iterator[tuple[int, int]]:
    """Leases of one party that run on the same day, as pairs of their numbers in the list.

    Args:
        leases: those of one offer.
    """
    order = sorted(range(len(leases)), key=lambda number: (leases[number].party, leases[number].begins))
    for one, two in pairwise(order):
        if leases[one].party == leases[two].party and leases[two].begins <= leases[one].ends:
            yield one, two


def spans_of(leases: Iterable[Lease]) -> Mapping[str, tuple[Span, ...]]:
    """The terms of each party in order, those that follow each other without a gap joined.

    Args:
        leases: those of one offer.
    """
    joined: dict[str, list[Span]] = {}
    for one in sorted(leases, key=lambda one: (one.party, one.begins)):
        spans = joined.setdefault(one.party, [])
        if spans and day_of(one.begins) <= day_of(spans[-1][1]) + 1:
            spans[-1] = spans[-1][0], max(spans[-1][1], one.ends)
        else:
            spans.append((one.begins, one.ends))
    return {party: tuple(spans) for party, spans in joined.items()}


def is_within(spans: Iterable[Span], on: str) -> bool:
    """Whether a day lies within one of them; no day does where none is known."""
    return any(begins <= on <= ends for begins, ends in spans)


def terms_of(spans: Mapping[str, Sequence[Span]], on: str) -> tuple[Term, ...]:
    """For each party the term that runs on a day, else the last one that is over, else the first one to come.

    Args:
        spans: as :func:`spans_of` gives them.
        on: the day, such as ``2026-07-01``.
    """
    today = day_of(on)
    return tuple(_term(party, found, on, today) for party, found in spans.items())


def _term(party: str, spans: Sequence[Span], on: str, today: int) -> Term:
    begun = sum(1 for begins, _ in spans if begins <= on)
    begins, ends = spans[max(0, begun - 1)]
    later = spans[max(1, begun) :]
    return Term(
        party=party, begins=begins, ends=ends, days_left=day_of(ends) - today, next_begins=later[0][0] if later else ""
    )
