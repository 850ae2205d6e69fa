"""Energy by hour and by day, in whole millijoules, and which hours are known so well that their readings can go.

The hours of one piece of energy always add up to the piece, and the hours of a day to the day.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from itertools import repeat
from operator import sub
from typing import NamedTuple

from zonewright.errors import Exit, ZonewrightError
from zonewright.pue.pieces import PER_WATT_HOUR, Piece
from zonewright.pue.readings import Reading

MICRO = 10**6
HOUR_US, DAY_US = 3_600 * MICRO, 86_400 * MICRO
MILLIJOULES_PER_WATT_HOUR = 3_600_000
MOST_MJ = (2**63 - 1) // 24
"""What an hour may have at most, so that any day of such hours is a number of the database: 106 GWh."""
MOST_PER_HOUR = 36_000
"""Readings of one meter within an hour, ten a second; each of them rounds a sum by less than a millijoule."""
_PER_MILLIJOULE = PER_WATT_HOUR // MILLIJOULES_PER_WATT_HOUR


class TooManyReadingsError(ZonewrightError, ValueError):
    """More readings within an hour than a sum holds; ``str()`` says how many it does."""

    exit_code = Exit.REFUSED


def moment(time_us: int) -> str:
    """A time in microseconds since 1970 as people read it."""
    return f"{datetime.fromtimestamp(time_us // MICRO, UTC):%Y-%m-%dT%H:%MZ}"


def rounding_wh(hours: int) -> Fraction:
    """By how much the sum of some hours of one meter may differ from its readings at most, in watt-hours."""
    return Fraction((MOST_PER_HOUR + 1) * hours, MILLIJOULES_PER_WATT_HOUR)


@dataclass(frozen=True, slots=True)
class DayExtremes:
    """What the whole days (UTC) of a meter within a window show at a glance.

    Attributes:
        least_mj: energy of the day with least.
        most_mj: energy of the day with most.
        repeats: whether a gauge may have repeated one value for two days.
    """

    least_mj: int
    most_mj: int
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Sum:
    """Energy of one meter over hours or days that begin within a window, and what its days show; None without any."""

    energy_mj: int
    covered_us: int
    days: DayExtremes | None = None


class Bin(NamedTuple):
    """Energy of one meter within one hour or day."""

    begin_us: int
    energy_mj: int
    covered_us: int


def by_hour(pieces: Iterable[Piece], start_us: int, end_us: int) -> list[Bin]:
    """Pieces summed up by hour, within a window of whole hours.

    Raises:
        TooManyReadingsError: when an hour has parts of more pieces than its sum may be rounded by.
    """
    bins: dict[int, list[int]] = {}
    alone: list[tuple[int, int, int]] = []
    for piece in pieces:
        low, last = max(piece.start_us, start_us), min(piece.end_us, end_us)
        if low >= last:
            continue
        # Energy counts from the begin of the whole piece in whole millijoules, so that parts add up to the whole.
        whole = piece.whole or piece
        start, energy = whole.start_us, whole.energy.numerator
        divisor = whole.energy.denominator * (whole.end_us - start) * _PER_MILLIJOULE
        spans: tuple[tuple[int, int], ...] = ((low, last),)
        if last - low > DAY_US:  # pieces do not overlap, so the whole hours of a long one are its alone
            begin, end = -(-low // HOUR_US) * HOUR_US, last // HOUR_US * HOUR_US
            spans = ((low, begin), (end, last))
            marks = [energy * at // divisor for at in range(begin - start, end - start + 1, HOUR_US)]
            alone += zip(range(begin, end, HOUR_US), map(sub, marks[1:], marks), repeat(HOUR_US))
        for part_low, part_last in spans:
            low, before = part_low, energy * (part_low - start) // divisor
            hour = low // HOUR_US * HOUR_US
            while low < part_last:
                high = min(hour + HOUR_US, part_last)
                after = energy * (high - start) // divisor
                held = bins.get(hour)
                if held is None:
                    bins[hour] = [after - before, high - low, 1]
                else:
                    held[0] += after - before
                    held[1] += high - low
                    held[2] += 1
                low, before, hour = high, after, hour + HOUR_US
    if any(held[2] > MOST_PER_HOUR + 1 for held in bins.values()):
        raise TooManyReadingsError(f"more than {MOST_PER_HOUR:,} readings within an hour")
    rows = [(hour, held[0], held[1]) for hour, held in bins.items()]
    if alone:
        rows = sorted([*alone, *rows])
    return [*map(tuple.__new__, repeat(Bin), rows)]


def complete_stretches(
    hours: Sequence[Bin], before_us: int, partial: Container[int] = frozenset()
) -> list[tuple[int, int]]:
    """Runs of hours that are known throughout and end before a time: begin and end of each, in order.

    Args:
        hours: of one meter, in order.
        before_us: no run ends after it.
        partial: begins of hours in which another meter of the site is known for a part: what this one counted in just
            that part is needed, so its readings stay.
    """
    found: list[tuple[int, int]] = []
    for hour in hours:
        end = hour.begin_us + HOUR_US
        if hour.covered_us != HOUR_US or end > before_us or hour.begin_us in partial:
            continue
        if found and found[-1][1] == hour.begin_us:
            found[-1] = (found[-1][0], end)
        else:
            found.append((hour.begin_us, end))
    return found


def as_energy(energy_mj: int) -> Fraction:
    """Millijoules in watt-hours."""
    return Fraction(energy_mj, MILLIJOULES_PER_WATT_HOUR)


def as_reading(one: Bin) -> Reading:
    """What is left of the readings of an hour or day: its energy, known throughout."""
    return Reading(one.begin_us, one.begin_us + one.covered_us, as_energy(one.energy_mj), 0, is_sum=True)
