"""Works that are planned: what is taken out of service, or carries less, from when to when."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from zonewright.model.base import Declared, Line
from zonewright.model.limits import NAME

MOMENT_PATTERN = (
    r"^20[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})$"
)
Moment = Annotated[str, StringConstraints(pattern=MOMENT_PATTERN, strict=True)]
"""A minute with its offset from UTC, such as ``2026-12-01T22:00+08:00``."""


_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FEBRUARY, _DAYS_OF_FOUR_YEARS = 2, 1461


def minute_of(text: str) -> int:
    """Minutes from the beginning of 2000 in UTC, so that moments with different offsets can be compared.

    Args:
        text: a moment of the form of :data:`MOMENT_PATTERN`, of the years 2000 to 2099.

    Raises:
        ValueError: when the month does not have the day.

    Example:
        >>> minute_of("2026-12-01T22:00+08:00") - minute_of("2026-12-01T13:30Z")
        30
    """
    year, month, day = int(text[2:4]), int(text[5:7]), int(text[8:10])
    is_leap = year % 4 == 0
    if day > _MONTHS[month - 1] + (is_leap and month == _FEBRUARY):
        message = f"month {text[:7]} has no day {day}"
        raise ValueError(message)
    days = -(-year * _DAYS_OF_FOUR_YEARS // 4) + sum(_MONTHS[: month - 1]) + (is_leap and month > _FEBRUARY) + day - 1
    offset = 0
    if text[16] != "Z":
        offset = (int(text[17:19]) * 60 + int(text[20:22])) * (-1 if text[16] == "-" else 1)
    return days * 1440 + int(text[11:13]) * 60 + int(text[14:16]) - offset


class PlannedWork(Declared):
    """A window in which something of the site is out of service or carries less."""

    what: Annotated[str, Field(min_length=1, max_length=NAME.most)]
    """A feed (``dc1/a/01:A``), a rack, a row, a room, or a panel or other element of the supply (``dc1/pa``)."""
    begins: Moment
    """The first minute, with its offset from UTC, such as 2026-12-01T22:00+08:00."""
    ends: Moment
    """The minute at which it is over, in the same way."""
    derated_to: Annotated[float, Field(gt=0, lt=1, strict=False)] | None = None
    """Part of the rating that is left meanwhile; without it, it is out of service."""
    reason: Line = ""
    """Why, for people."""

    @property
    def first(self) -> int:
        """The minute at which it begins, as :func:`minute_of` counts."""
        return minute_of(self.begins)

    @property
    def last(self) -> int:
        """The minute at which it is over, in the same way."""
        return minute_of(self.ends)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        try:
            is_ordered = self.first < self.last
        except ValueError as error:
            message = f"no such moment: {error}"
            raise ValueError(message) from None
        if not is_ordered:
            message = f"works that end at {self.ends} and begin at {self.begins}; let them end after they begin"
            raise ValueError(message)
        return self
