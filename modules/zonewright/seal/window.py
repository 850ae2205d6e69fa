"""Whether a moment lies in a change window."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from zonewright.model.approval import ChangeWindow
from zonewright.model.base import Weekday

_DAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def is_open(window: ChangeWindow, now: datetime) -> bool:
    """Whether changes may be carried out now.

    Args:
        window: the window.
        now: the present, with its offset.
    """
    local = now.astimezone(ZoneInfo(window.time_zone))
    clock, today, yesterday = local.strftime("%H:%M"), _day(local), _day(local - timedelta(days=1))
    if window.opens < window.closes:
        return today in window.days and window.opens <= clock < window.closes
    return (today in window.days and clock >= window.opens) or (yesterday in window.days and clock < window.closes)


def _day(moment: datetime) -> Weekday:
    return _DAYS[moment.weekday()]


def window_text(window: ChangeWindow) -> str:
    """The window for people."""
    return f"{', '.join(window.days)} {window.opens} to {window.closes} {window.time_zone}"
