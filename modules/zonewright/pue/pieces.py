"""From readings of one meter to pieces of known energy; what lies between them is unknown.

Energy is counted in half watt-microseconds (1 Wh = 7.2e9 of them), so that registers, intervals and trapezoids of whole
watts stay whole numbers.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise
from typing import Literal

from zonewright.pue.meters import HIGHEST_C, LOWEST_C, ZERO_CELSIUS, MeterSpec
from zonewright.pue.readings import Reading

PER_WATT_HOUR = 2 * 3600 * 10**6
_PLAUSIBLE_NUMERATOR, _PLAUSIBLE_DENOMINATOR = 6, 5  # 1.2 times the rating
_GAUGE_NUMERATOR, _GAUGE_DENOMINATOR = 5, 2  # 2.5 intervals
_SETTLES_US = 86_400 * 10**6
"""A register that stands where it dropped to for longer is one that stays there."""
LOOK_BACK = 1_000
"""How many readings before a drop of a register may be wrong because of it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Energy between two times, spread evenly: ``start_us`` to ``end_us``, in half watt-microseconds.

    A part of a piece knows its ``whole``: rounded sums of its time are the same, whatever was cut off beside it.
    """

    start_us: int
    end_us: int
    energy: Fraction | int
    whole: "Piece | None" = None


Why = Literal["implausible", "undone"]


@dataclass(frozen=True, slots=True)
class Refused:
    """A time between readings that is unknown because one of them cannot be.

    Attributes:
        start_us: begin in microseconds since 1970.
        end_us: end.
        why: ``implausible``: more than 1.2 times the rating; ``undone``: a rise and a drop that only undo each other.
        watts: mean power that an implausible one would be.
        is_rise: whether an undone one has a rise; else the register only stands at the value that it dropped to.
    """

    start_us: int
    end_us: int
    why: Why
    watts: float = 0.0
    is_rise: bool = True


def pieces_of(meter: MeterSpec, readings: Sequence[Reading], refused: list[Refused] | None = None) -> list[Piece]:
    """Pieces of known energy of one meter, in order, none overlapping.

    Args:
        meter: what it counts.
        readings: in order of time.
        refused: takes what no energy is made of because a reading cannot be; not what is only missing.
    """
    told = [] if refused is None else refused
    past = [item for item in readings if item.is_past]
    if past:
        readings = [item for item in readings if not item.is_past]
    sums = sorted((_of_sum(item) for item in readings if item.is_sum), key=_begin)
    if not sums:
        return _read(meter, readings, told, sums, past)
    read = _read(meter, [item for item in readings if not item.is_sum], told, sums, past)
    return sorted([*sums, *_beside(read, sums)], key=_begin)


def _read(
    meter: MeterSpec,
    readings: Sequence[Reading],
    told: list[Refused],
    sums: Sequence[Piece],
    past: Sequence[Reading],
) -> list[Piece]:
    if meter.kind == "interval":
        return [piece for item in readings for piece in _of_interval(meter, item, told)]
    if meter.kind == "register":
        return _of_register(meter, readings, told, sums, _past_drop(past) if past else None)
    if meter.kind == "temperature":
        return [piece for one, two in pairwise(readings) for piece in _of_temperature(meter, one, two, told)]
    return [piece for one, two in pairwise(readings) for piece in _of_gauge(meter, one, two, told)]


def _of_sum(item: Reading) -> Piece:
    return Piece(item.start_us or 0, item.time_us, _whole(item.value * PER_WATT_HOUR))


def _begin(piece: Piece) -> int:
    return piece.start_us


def _beside(pieces: Sequence[Piece], sums: Sequence[Piece]) -> Iterator[Piece]:
    """What lies of pieces outside of sums, which say what was known before their readings were removed."""
    index = 0
    for piece in pieces:
        while index < len(sums) and sums[index].end_us <= piece.start_us:
            index += 1
        low = piece.start_us
        for one in islice(sums, index, None):
            if one.start_us >= piece.end_us:
                break
            if low < one.start_us:
                yield part_of(piece, low, one.start_us)
            low = one.end_us
        if low < piece.end_us:
            yield part_of(piece, low, piece.end_us)


def part_of(piece: Piece, low_us: int, high_us: int) -> Piece:
    """A part of a piece, with its share of the energy."""
    energy = Fraction(piece.energy) * (high_us - low_us) / (piece.end_us - piece.start_us)
    return Piece(low_us, high_us, _whole(energy), piece)


def _of_interval(meter: MeterSpec, item: Reading, told: list[Refused]) -> Iterator[Piece]:
    if item.start_us is None:
        return
    energy = item.value * PER_WATT_HOUR
    if _is_plausible(energy, item.time_us - item.start_us, meter):
        yield Piece(item.start_us, item.time_us, _whole(energy))
    else:
        told.append(_implausible(item.start_us, item.time_us, energy))


@dataclass(slots=True)
class _Drop:
    """A register that is below what it once showed, and has not passed it since."""

    high: Fraction | int
    low: Fraction | int
    since_us: int


def _past_drop(past: Sequence[Reading]) -> _Drop:
    low = min(past, key=lambda item: item.value)
    return _Drop(max(item.value for item in past), low.value, low.time_us)


def _of_register(
    meter: MeterSpec, readings: Sequence[Reading], told: list[Refused], sums: Sequence[Piece], drop: _Drop | None
) -> list[Piece]:
    """A decrease is a roll-over only where one is declared and what it gives is plausible; else a reset: unknown.

    After a reset, a step that brings most of the old value back is no energy, and nor is standing for the first day at
    the value that it dropped to, unless the meter may stand by. Before one, a step that the reset takes back is none
    either: a single wrong value, low or high, leaves nothing behind. Where sums stand between two readings, the steps
    are not known, and no rise is doubted.
    """
    found: list[Piece] = []
    for index, (one, two) in enumerate(pairwise(readings)):
        low, high = one.value, two.value
        if high < low:
            rolled = _rolled_over(meter, one, two)
            if rolled is not None:
                found.append(rolled)
                continue
            if high > 0:
                _take_back(found, readings, index, told, sums)
            if drop is None or high < drop.low:
                drop = _Drop(low if drop is None else max(low, drop.high), high, two.time_us)
            else:
                drop = _Drop(max(low, drop.high), drop.low, drop.since_us)
            continue
        if drop is not None:
            undoes = low < drop.high <= high and 2 * (high - low) > high - drop.low
            undoes = undoes and not _is_bridged(sums, one, two)
            stands = high == low == drop.low and one.time_us < drop.since_us + _SETTLES_US and not meter.standby
            if undoes or stands:
                told.append(Refused(one.time_us, two.time_us, "undone", is_rise=undoes))
                drop = None if undoes else drop
                continue
        if drop is not None and high >= drop.high:
            drop = None
        energy = (high - low) * PER_WATT_HOUR
        if _is_plausible(energy, two.time_us - one.time_us, meter):
            found.append(Piece(one.time_us, two.time_us, _whole(energy)))
        else:
            told.append(_implausible(one.time_us, two.time_us, energy))
    return found


def is_drop(meter: MeterSpec, one: Reading, two: Reading) -> bool:
    """Whether a register shows less than before, and did not roll over."""
    return two.value < one.value and _rolled_over(meter, one, two) is None


def _rolled_over(meter: MeterSpec, one: Reading, two: Reading) -> Piece | None:
    if meter.rollover_wh is None or meter.rating_w is None:
        return None
    energy = (two.value - one.value + meter.rollover_wh) * PER_WATT_HOUR
    if energy < 0 or not _is_plausible(energy, two.time_us - one.time_us, meter):
        return None
    return Piece(one.time_us, two.time_us, _whole(energy))


def _take_back(
    found: list[Piece], readings: Sequence[Reading], index: int, told: list[Refused], sums: Sequence[Piece]
) -> None:
    """Take back the steps up to a value that a drop to above what was there before shows to be wrong."""
    top, after = readings[index].value, readings[index + 1].value
    least = max(0, index - LOOK_BACK)
    before = index - 1
    while before >= least and readings[before].value > after:
        before -= 1
    if before < least or _is_bridged(sums, readings[before], readings[index + 1]):
        return
    start, step = readings[before], readings[before + 1].value - readings[before].value
    if 2 * step <= top - start.value:
        return
    while found and found[-1].start_us >= start.time_us:
        found.pop()
    told.append(Refused(start.time_us, readings[index + 1].time_us, "undone"))


def _is_bridged(sums: Sequence[Piece], one: Reading, two: Reading) -> bool:
    """Whether sums, in order, stand for readings that were removed between two readings."""
    index = bisect_right(sums, one.time_us, key=_end)
    return index < len(sums) and sums[index].start_us < two.time_us


def _end(piece: Piece) -> int:
    return piece.end_us


def _of_gauge(meter: MeterSpec, one: Reading, two: Reading, told: list[Refused]) -> Iterator[Piece]:
    """The trapezoid between neighbours that are at most 2.5 intervals apart; a value beyond the rating is none."""
    elapsed_us = two.time_us - one.time_us
    if elapsed_us * _GAUGE_DENOMINATOR > (meter.interval_s or 0) * 10**6 * _GAUGE_NUMERATOR:
        return
    if all(_is_plausible(2 * item.value, 1, meter) for item in (one, two)):
        yield Piece(one.time_us, two.time_us, _whole((one.value + two.value) * elapsed_us))
    else:
        told.append(Refused(one.time_us, two.time_us, "implausible", float(max(one.value, two.value))))


def _of_temperature(meter: MeterSpec, one: Reading, two: Reading, told: list[Refused]) -> Iterator[Piece]:
    """The same of degrees, in kelvin in the place of watts; what no air has is unknown."""
    if all(LOWEST_C <= item.value <= HIGHEST_C for item in (one, two)):
        warm = [replace(item, value=item.value + ZERO_CELSIUS) for item in (one, two)]
        yield from _of_gauge(meter, warm[0], warm[1], told)


def _implausible(start_us: int, end_us: int, energy: Fraction | int) -> Refused:
    return Refused(start_us, end_us, "implausible", float(energy / (2 * (end_us - start_us))))


def _is_plausible(energy: Fraction | int, elapsed_us: int, meter: MeterSpec) -> bool:
    if meter.rating_w is None:
        return True
    return energy * _PLAUSIBLE_DENOMINATOR <= 2 * meter.rating_w * elapsed_us * _PLAUSIBLE_NUMERATOR


def _whole(energy: Fraction | int) -> Fraction | int:
    return int(energy) if energy.denominator == 1 else energy
