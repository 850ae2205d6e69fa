"""Request and answer about what runs out: a district's power, energy, rack units and land, by trend and by leases."""

from pydantic import Field

from zonewright.ledger.protocol.messages import Message, Name
from zonewright.model.limits import ANSWERED


class ExhaustionRequest(Message):
    """When does what districts have run out?"""

    districts: list[Name] = Field(default_factory=list, max_length=ANSWERED.most)
    """Only these districts; empty means all."""


class ResourceForecast(Message):
    """One resource of a district.

    Attributes:
        district: id of the district.
        resource: what it is, such as ``built it_kw`` or ``quota north energy_mwh``.
        unit: kW, MWh, U or ha.
        limit: how much there is.
        used: how much is claimed and reserved, or stands there.
        promised: what leases that begin later may take.
        days_known: length of the history that the trend rests on; 0 where it is too short for one.
        growth_a_year: by the trend, None without one.
        growth_low: least growth a year.
        growth_high: largest growth a year.
        days_left: until it runs out; None where that is not within 20 years, or not known.
        days_least: by the largest growth, with what is promised.
        days_most: by the least growth.
        day: the day on which it runs out, such as ``2031-05-01``; empty as ``days_left``.
        day_earliest: the earliest day.
        day_latest: the latest day.
    """

    district: str
    resource: str
    unit: str
    limit: float
    used: float
    promised: float = 0.0
    days_known: int = 0
    growth_a_year: float | None = None
    growth_low: float | None = None
    growth_high: float | None = None
    days_left: int | None = None
    days_least: int | None = None
    days_most: int | None = None
    day: str = ""
    day_earliest: str = ""
    day_latest: str = ""


class ExhaustionAnswer(Message):
    """What districts have, by district and resource, and the day of the ledger's clock, in UTC."""

    on: str
    resources: list[ResourceForecast]
