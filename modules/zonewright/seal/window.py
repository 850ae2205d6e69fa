"""Whether something may be done now: by windows of the week, and by days on which nothing is done."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from zonewright.model.base import Weekday
from zonewright.model.rule_pack import chain_of
from zonewright.model.window import ChangeWindow, Freeze
from zonewright.model.zone import Zone

_DAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def closed(windows: Sequence[ChangeWindow], freezes: Sequence[Freeze], now: datetime) -> str:
    """Why nothing may be done now, as a sentence; empty when it may.

    Args:
        windows: one of them must be open; none is always open.
        freezes: none of them may hold.
        now: the present, with its offset.
    """
    for freeze in freezes:
        if freeze.first <= now.astimezone(ZoneInfo(freeze.time_zone)).date().isoformat() <= freeze.last:
            return f"changes are frozen from {freeze.first} to {freeze.last} ({freeze.time_zone}): {freeze.reason}"
    if windows and not any(_is_open(window, now) for window in windows):
        local = now.astimezone(ZoneInfo(windows[0].time_zone))
        moment = f"{_day(local)} {local:%H:%M} {windows[0].time_zone}"
        return f"changes are allowed only {' or '.join(map(_text, windows))}, not at {moment}"
    return ""


def zone_closed(zone: Zone, now: datetime) -> str:
    """Why roll-outs may touch no host of the zone now: each rule pack in force speaks for itself.

    Args:
        zone: the registered zone.
        now: the present, with its offset.
    """
    for pack in chain_of(zone.rule_packs, zone.rule_pack):
        why = closed(pack.windows, pack.freeze, now)
        if why:
            return f"rule pack {pack.title}: {why}"
    return ""


def _is_open(window: ChangeWindow, now: datetime) -> bool:
    local = now.astimezone(ZoneInfo(window.time_zone))
    clock, today, yesterday = local.strftime("%H:%M"), _day(local), _day(local - timedelta(days=1))
    if window.opens < window.closes:
        return today in window.days and window.opens <= clock < window.closes
    return (today in window.days and clock >= window.opens) or (yesterday in window.days and clock < window.closes)


def _day(moment: datetime) -> Weekday:
    return _DAYS[moment.weekday()]


def _text(window: ChangeWindow) -> str:
    """The window for people."""
    return f"{', '.join(window.days)} {window.opens} to {window.closes} {window.time_zone}"
