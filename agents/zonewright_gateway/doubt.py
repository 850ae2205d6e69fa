"""Whether what a device shows can be: each register and gauge is doubted by itself, with the reason. Pure.

A register is believed when it has gone on plausibly from one reading to the next. What cannot be is quarantined: it is
not sent, whatever it shows, until it either goes on from the last value that was believed (a glitch is over) or has
counted plausibly for a while from where it is now (the device was swapped or set back). No energy is lost by that: the
next value that is believed holds all of it, and what a change of the device means is decided where figures are made.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from zonewright_gateway.values import Shown

PLAUSIBLE = 1.2
"""More than 1.2 times the rating is no reading."""
CONFIRMED = 3
"""So many steps in a row must be plausible before a register is believed from another value on."""
_STILL_STEPS = 5
_STILL_WH = 10.0
_STILL_S = 60.0
"""Some devices refresh a register once a minute; until then it may stand still, whatever flows."""
_COMPARED_STEPS = 20
_COMPARED_WH = 100.0
_FACTOR = 5.0
"""A register and the power beside it may differ by this factor: loads vary between readings, units differ by 10."""
_SECONDS = 3600.0


_COLDEST_C, _HOTTEST_C = -90.0, 60.0


class _Seen(NamedTuple):
    at_s: float
    value: float


class Gauge:
    """One power of a device.

    Args:
        rating_w: the most that can flow, in watts.
    """

    def __init__(self, rating_w: float) -> None:
        self._most_w = PLAUSIBLE * rating_w

    def fault(self, shown: Shown) -> str:
        """Why a value cannot be; empty where it can."""
        value = shown.value
        if value is None or not math.isfinite(value):
            return "it shows no number"
        if value < 0:
            return f"it shows {value:,.0f} W; is it wired the other way round?"
        if value > self._most_w:
            return f"it shows {value:,.0f} W, and its rating allows {self._most_w:,.0f} W"
        return ""


def air_fault(value: float | None) -> str:
    """Why a temperature outside cannot be; empty where it can."""
    if value is None or not math.isfinite(value):
        return "it shows no number"
    if not _COLDEST_C <= value <= _HOTTEST_C:
        return f"it shows {value:,.1f} degrees Celsius, which no air has"
    return ""


class Register:
    """One register of a device.

    Args:
        rating_w: the most that can flow, in watts.
    """

    def __init__(self, rating_w: float) -> None:
        self._most_w = PLAUSIBLE * rating_w
        self._believed: _Seen | None = None
        self._last: _Seen | None = None
        self._why = self._contradiction = ""
        self._run = 0
        self._has_moved = False
        self._moved_s = 0.0
        self._still_wh = self._counted_wh = self._flowed_wh = 0.0

    def fault(self, shown: Shown, at_s: float, power_w: float | None) -> str | None:
        """Why a value cannot be; empty where it is believed, None where it is too early to say.

        Args:
            shown: the value.
            at_s: when, in seconds of a clock that nobody sets.
            power_w: what the device says flows at the same time, where it says something that can be.
        """
        value = shown.value
        if value is None or not math.isfinite(value):
            return "it shows no number"
        if value < 0:
            return f"it shows {value:,.0f} Wh"
        now, before = _Seen(at_s, value), self._last
        self._last = now
        if before is None:
            self._moved_s = at_s
            return None
        # What it counts now may have flowed since it moved last: many devices refresh a register now and then only.
        why = self._step_fault(_Seen(self._moved_s, before.value), now, shown.step)
        if now.value != before.value:
            self._moved_s = at_s
        self._run = 0 if why else self._run + 1
        self._has_moved = not why and (self._has_moved or now.value > before.value)
        self._weigh(before, now, shown.step, power_w, is_whole=not why)
        return self._judged(now, shown.step, why)

    def _judged(self, now: _Seen, step: float, why: str) -> str:
        contradiction = self._still_fault(now, step) or self._contradiction
        if self._why and not contradiction:
            goes_on = self._believed is not None and not self._step_fault(self._believed, now, step)
            if goes_on or (self._run >= CONFIRMED and self._has_moved):
                self._why = why = ""
        self._why = contradiction or why or self._why
        if not self._why:
            self._believed = now
        return self._why

    def _step_fault(self, before: _Seen, now: _Seen, step: float) -> str:
        """Why a register cannot go from one value to the other."""
        rise_wh, elapsed_s = now.value - before.value, now.at_s - before.at_s
        most_wh = self._most_w * elapsed_s / _SECONDS
        if rise_wh < 0:
            return f"it stepped back from {before.value:,.0f} to {now.value:,.0f} Wh"
        if rise_wh > most_wh + 2 * step:
            return f"it rose by {rise_wh:,.0f} Wh in {elapsed_s:,.0f} s, and its rating allows {most_wh:,.0f} Wh"
        return ""

    def _weigh(self, before: _Seen, now: _Seen, step: float, power_w: float | None, *, is_whole: bool) -> None:
        """Compare what it counted with what flowed by the device's own power, once both are large enough."""
        flowed_wh = max(power_w or 0.0, 0.0) * (now.at_s - before.at_s) / _SECONDS
        self._still_wh = 0.0 if now.value != before.value else self._still_wh + flowed_wh
        if power_w is None or not is_whole:
            self._counted_wh = self._flowed_wh = 0.0
            return
        self._counted_wh += now.value - before.value
        self._flowed_wh += flowed_wh
        counted, flowed = self._counted_wh, self._flowed_wh
        if max(counted, flowed) < _COMPARED_STEPS * step + _COMPARED_WH:
            return
        is_far = counted > _FACTOR * flowed or flowed > _FACTOR * counted
        self._contradiction = (
            f"it counted {counted:,.0f} Wh while {flowed:,.0f} Wh flowed by its power; is the unit right?"
            if is_far
            else ""
        )
        self._counted_wh = self._flowed_wh = 0.0

    def _still_fault(self, now: _Seen, step: float) -> str:
        if self._still_wh <= _STILL_STEPS * step + _STILL_WH or now.at_s - self._moved_s <= _STILL_S:
            return ""
        return f"it stands still at {now.value:,.0f} Wh while {self._still_wh:,.0f} Wh flowed by its power"
