"""Cross checks of windows and freezes, wherever they are declared: days of the calendar, time zones, order."""

from collections.abc import Iterator, Sequence

from zonewright.declare.checks.known import Known
from zonewright.declare.checks.sites import time_zone_faults
from zonewright.declare.checks.zone import date_faults
from zonewright.declare.problem import Fault, Path
from zonewright.model.window import ChangeWindow, Freeze


def pack_window_faults(known: Known) -> Iterator[Fault]:
    """Faults of the windows and freezes of rule packs."""
    for pack_id, pack in known.zone.rule_packs.items() if known.zone is not None else ():
        yield from window_faults("", ("rule_packs", pack_id), pack.windows, pack.freeze)


def window_faults(
    owner: str, path: Path, windows: Sequence[ChangeWindow], freezes: Sequence[Freeze]
) -> Iterator[Fault]:
    """Faults of windows and freezes.

    Args:
        owner: whose file they stand in; empty for the zone's.
        path: what they are declared in, as ``windows`` and ``freeze``.
        windows: the windows.
        freezes: the freezes.
    """
    for number, window in enumerate(windows):
        yield from time_zone_faults(owner, (*path, "windows", str(number), "time_zone"), window.time_zone)
    for number, freeze in enumerate(freezes):
        here: Path = (*path, "freeze", str(number))
        yield from time_zone_faults(owner, (*here, "time_zone"), freeze.time_zone)
        wrong = [
            *date_faults(owner, (*here, "first"), freeze.first),
            *date_faults(owner, (*here, "last"), freeze.last),
        ]
        yield from wrong
        if not wrong and freeze.first > freeze.last:
            yield Fault(
                owner=owner,
                path=(*here, "last"),
                what="a freeze that ends before it begins",
                expected=f"{freeze.first} or later",
                got=freeze.last,
                fix="correct one of them",
            )
