"""When something that a district has runs out, by how it was taken so far and by what is promised. Exact, no clock.

Growth is what came within the last year, in lumps of a day. Lumps come by chance: the interval is that of their sum
(k = 2), as if one more of the largest might have come; where none came, one of what there
was at first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

YEAR_DAYS = 365
LEAST_DAYS = 90
"""A shorter history tells no trend."""
HORIZON_DAYS = 20 * YEAR_DAYS
"""Nobody is told what happens later than that."""
_FACTOR = 2
_FINE = 10**6


@dataclass(frozen=True, slots=True)
class Lump:
    """So much at once: the day, as days since 1970, and the amount in the unit of its resource."""

    day: int
    amount: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class DistrictResource:
    """Something of which a district has so much.

    Attributes:
        district: id of the district.
        name: what it is, such as ``built it_kw`` or ``quota north energy_mwh``.
        unit: kW, MWh, U or ha.
        limit: how much there is.
        used: how much of it is claimed and reserved.
        lumps: what came so far; what has no date, such as baseline, is in ``used`` alone.
        promised: what leases that begin later may take, from their first day on.
    """

    district: str
    name: str
    unit: str
    limit: Fraction
    used: Fraction
    lumps: Sequence[Lump] = ()
    promised: Sequence[Lump] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhaustion:
    """When a resource runs out, in days from now; None means not within the horizon, or nobody knows.

    Attributes:
        resource: what runs out.
        days_known: length of the history that the trend rests on; 0 where there is none.
        rate: growth in a day.
        rate_low: least growth.
        rate_high: largest growth.
        days: until it runs out by the trend alone.
        earliest: by the largest growth, and with what is promised.
        latest: by the least growth.
    """

    resource: DistrictResource
    days_known: int
    rate: Fraction = Fraction()
    rate_low: Fraction = Fraction()
    rate_high: Fraction = Fraction()
    days: int | None = None
    earliest: int | None = None
    latest: int | None = None

    @property
    def is_trend(self) -> bool:
        """Whether there is a trend at all."""
        return self.days_known >= LEAST_DAYS


def exhaustion(resource: DistrictResource, today: int) -> Exhaustion:
    """When something runs out.

    Args:
        resource: what.
        today: days since 1970.
    """
    free = resource.limit - resource.used
    known = [one for one in resource.lumps if one.day <= today]
    first = max(min((one.day for one in known), default=today), today - YEAR_DAYS)
    length = today - first
    if free <= 0:
        return Exhaustion(resource=resource, days_known=length, days=0, earliest=0, latest=0)
    if length < LEAST_DAYS:
        return Exhaustion(resource=resource, days_known=0, earliest=_reached(free, Fraction(), resource, today))
    grown = _some(one for one in known if one.day > first)
    largest = max((one.amount for one in grown or _some(known)), default=Fraction())
    total = sum((one.amount for one in grown), Fraction())
    spread = sum((one.amount * one.amount for one in grown), largest * largest)
    half = Fraction(_FACTOR * (isqrt(-(-spread * _FINE**2 // 1)) + 1), _FINE)
    low, high = max(Fraction(), total - half) / length, (total + half) / length
    return Exhaustion(
        resource=resource,
        days_known=length,
        rate=total / length,
        rate_low=low,
        rate_high=high,
        days=_until(free, total / length),
        earliest=_reached(free, high, resource, today),
        latest=_until(free, low),
    )


def _some(lumps: Iterable[Lump]) -> list[Lump]:
    """One of each day: what comes on a day may have one cause."""
    found: dict[int, Fraction] = {}
    for one in lumps:
        found[one.day] = found.get(one.day, Fraction()) + one.amount
    return [Lump(day, amount) for day, amount in sorted(found.items()) if amount > 0]


def _until(free: Fraction, rate: Fraction) -> int | None:
    """Days until something is taken at a rate; rounded down."""
    days = free // rate if rate > 0 else None
    return None if days is None or days > HORIZON_DAYS else int(days)


def _reached(free: Fraction, rate: Fraction, resource: DistrictResource, today: int) -> int | None:
    """Days until what grows and what is promised have taken it."""
    found, taken = [_until(free, rate)], Fraction()
    for one in sorted(resource.promised, key=lambda lump: lump.day):
        taken += one.amount
        after = max(0, one.day - today)
        rest = _until(max(Fraction(), free - taken), rate) if free > taken else 0
        found.append(None if rest is None else max(after, rest))
    known = [one for one in found if one is not None and one <= HORIZON_DAYS]
    return min(known, default=None)
