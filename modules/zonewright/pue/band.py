"""Whether a meter leaves the band of its own history: a week unlike all weeks before it, that no admission explains.

For information only: a week may be odd for good reasons, and what cannot be is found elsewhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from zonewright.pue.doubt import DAY_US, Doubt, moment
from zonewright.pue.meters import MeterSpec
from zonewright.pue.pieces import PER_WATT_HOUR
from zonewright.pue.series import Series, common

WEEK_US = 7 * DAY_US
_LEAST, _MOST = 8, 52
"""Weeks of history that make a band, and how far back it looks."""
_WIDER = 1.1
"""The band is that of all weeks before, and a tenth more: a season moves by less than that from week to week."""
_SETTLES_US = 90 * DAY_US
"""How long after an admission its load may come."""
_OVERHEAD = 2
"""What a watt of IT may add to what comes in."""
_HOUR_US = 3_600 * 10**6


@dataclass(frozen=True, slots=True)
class Week:
    """What a meter counted in a week (from a Thursday, UTC, as 1970 began).

    Attributes:
        begin_us: its begin in microseconds since 1970.
        energy_wh: energy in the time that is known, in watt-hours.
        known_us: that time.
    """

    begin_us: int
    energy_wh: float
    known_us: int

    @property
    def watts(self) -> float:
        """Mean power."""
        return self.energy_wh * _HOUR_US / self.known_us


@dataclass(frozen=True, slots=True)
class Added:
    """Load that was admitted: since when it has been there, in microseconds since 1970, and its watts."""

    since_us: int
    watts: int


def weeks_of(series: Series) -> list[Week]:
    """The whole weeks of a window, as far as they are known."""
    first, last = -(-series.start_us // WEEK_US), series.end_us // WEEK_US
    found = []
    for low, high in pairwise(number * WEEK_US for number in range(first, last + 1)):
        parts = common(series.runs, [(low, high)])
        counted = sum(series.counted(*part) for part in parts)
        found.append(Week(low, counted / PER_WATT_HOUR, sum(end - begin for begin, end in parts)))
    return found


def left_band(
    meters: Mapping[str, MeterSpec], weeks: Mapping[str, Sequence[Week]], added: Sequence[Added] = ()
) -> Iterator[Doubt]:
    """One finding for each meter that left its band, on the last week in which it did.

    Args:
        meters: by id; those that may stand by have no band.
        weeks: of each, in order.
        added: load that was admitted.
    """
    for name, meter in meters.items():
        if meter.standby:
            continue
        known = [week for week in weeks.get(name, ()) if 2 * week.known_us >= WEEK_US and week.energy_wh > 0]
        for index in range(len(known) - 1, _LEAST - 1, -1):
            before = [week.watts for week in known[max(0, index - _MOST) : index]]
            low, high, week = min(before), max(before), known[index]
            if low / _WIDER <= week.watts <= high * _WIDER or _is_explained(meter, week, high, added):
                continue
            why = "no admission explains it" if week.watts > high else "if no load left, its energy is missing"
            yield Doubt(
                kind="band",
                meters=(name,),
                start_us=week.begin_us,
                end_us=week.begin_us + WEEK_US,
                sentence=(
                    f"{name} leaves the band of its history: {week.watts / 1000:,.1f} kW in the week from "
                    f"{moment(week.begin_us)}, and {low / 1000:,.1f} to {high / 1000:,.1f} kW in the {len(before)} "
                    f"weeks before; {why}, "
                    "so look at the meter"
                ),
            )
            break


def _is_explained(meter: MeterSpec, week: Week, high: float, added: Sequence[Added]) -> bool:
    """Whether load that was admitted before the end of a week may be what a meter counts more than before."""
    end_us = week.begin_us + WEEK_US
    watts = sum(one.watts for one in added if week.begin_us - _SETTLES_US <= one.since_us < end_us)
    return high < week.watts <= high * _WIDER + watts * (1 if meter.role == "it" else _OVERHEAD)
