"""The terms for which a party may use what an operator offers: leases, and how long they still run."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from pydantic import model_validator

from zonewright.model.base import Date, Declared, Identifier
from zonewright.model.works import minute_of

_MINUTES_OF_A_DAY = 1440
WARNED_DAYS = (30, 7, 1)
"""Days before the end of a lease at which it is told: a month, a week and a day ahead."""


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

    def is_running(self, on: str) -> bool:
        """Whether a day lies within it; no day does where none is known."""
        return self.begins <= on <= self.ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """How long a party may use an offer, terms that follow each other without a gap taken as one.

    Attributes:
        party: whose it is.
        begins: its first day.
        ends: its last day.
        days_left: days after the day in question up to the last one; negative where it is over.
    """

    party: str
    begins: str
    ends: str
    days_left: int

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


def terms_of(leases: Iterable[Lease], on: str) -> tuple[Term, ...]:
    """For each party the term that runs on a day, else the last one that is over, else the first one to come.

    Args:
        leases: those of one offer.
        on: the day, such as ``2026-07-01``.
    """
    joined: dict[str, list[tuple[str, str]]] = {}
    for one in sorted(leases, key=lambda one: (one.party, one.begins)):
        spans = joined.setdefault(one.party, [])
        if spans and day_of(one.begins) <= day_of(spans[-1][1]) + 1:
            spans[-1] = spans[-1][0], max(spans[-1][1], one.ends)
        else:
            spans.append((one.begins, one.ends))
    return tuple(_term(party, *_present(spans, on), on) for party, spans in joined.items())


def _present(spans: Sequence[tuple[str, str]], on: str) -> tuple[str, str]:
    return next((span for span in reversed(spans) if span[0] <= on), spans[0])


def _term(party: str, begins: str, ends: str, on: str) -> Term:
    return Term(party=party, begins=begins, ends=ends, days_left=day_of(ends) - day_of(on))
