"""When something may be done: windows of the week, and days on which nothing is done."""

from typing import Annotated

from pydantic import Field, StringConstraints

from zonewright.model.base import ClockTime, Date, Declared, Line, Weekday

TimeZone = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*$", max_length=64, strict=True)
]


class ChangeWindow(Declared):
    """When changes are carried out and hosts are touched."""

    days: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7, strict=False)]
    """Days on which the window opens."""
    opens: ClockTime
    """Time of day, such as 22:00."""
    closes: ClockTime
    """Time of day; if it is not after ``opens``, it is on the next day."""
    time_zone: TimeZone
    """Time zone of the two times, such as Asia/Shanghai."""


class Freeze(Declared):
    """Days on which no host is touched."""

    first: Date
    """First day."""
    last: Date
    """Last day."""
    time_zone: TimeZone
    """Time zone of the days, such as Asia/Shanghai."""
    reason: Line
    """Why, for people who ask."""


Windows = Annotated[tuple[ChangeWindow, ...], Field(max_length=20, strict=False)]
Freezes = Annotated[tuple[Freeze, ...], Field(max_length=100, strict=False)]
