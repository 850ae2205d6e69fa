"""From readings of one meter to pieces of known energy; what lies between them is unknown.

Energy is counted in half watt-microseconds (1 Wh = 7.2e9 of them), so that registers, intervals and trapezoids of whole
watts stay whole numbers.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise

from zonewright.pue.meters import MeterSpec
from zonewright.pue.readings import Reading

PER_WATT_HOUR = 2 * 3600 * 10**6
_PLAUSIBLE_NUMERATOR, _PLAUSIBLE_DENOMINATOR = 6, 5  # 1.2 times the rating
_GAUGE_NUMERATOR, _GAUGE_DENOMINATOR = 5, 2  # 2.5 intervals


@dataclass(frozen=True, slots=True)
class Piece:
    """Energy between two times, spread evenly: ``start_us`` to ``end_us``, in half watt-microseconds.

    A part of a piece knows its ``whole``: rounded sums of its time are the same, whatever was cut off beside it.
    """

    start_us: int
    end_us: int
    energy: Fraction | int
    whole: "Piece | None" = None


def pieces_of(meter: MeterSpec, readings: Sequence[Reading]) -> list[Piece]:
    """Pieces of known energy of one meter, in order, none overlapping.

    Args:
        meter: what it counts.
        readings: in order of time.
    """
    sums = [_of_sum(item) for item in readings if item.is_sum]
    if sums:
        read = pieces_of(meter, [item for item in readings if not item.is_sum])
        return sorted([*sums, *_beside(read, sorted(sums, key=_begin))], key=_begin)
    if meter.kind == "interval":
        return [piece for item in readings for piece in _of_interval(meter, item)]
    make = _of_register if meter.kind == "register" else _of_gauge
    return [piece for one, two in pairwise(readings) for piece in make(meter, one, two)]


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
                yield _part(piece, low, one.start_us)
            low = one.end_us
        if low < piece.end_us:
            yield _part(piece, low, piece.end_us)


def _part(piece: Piece, low_us: int, high_us: int) -> Piece:
    energy = Fraction(piece.energy) * (high_us - low_us) / (piece.end_us - piece.start_us)
    return Piece(low_us, high_us, _whole(energy), piece)


def _of_interval(meter: MeterSpec, item: Reading) -> Iterator[Piece]:
    energy = item.value * PER_WATT_HOUR
    if item.start_us is not None and _is_plausible(energy, item.time_us - item.start_us, meter):
        yield Piece(item.start_us, item.time_us, _whole(energy))


def _of_register(meter: MeterSpec, one: Reading, two: Reading) -> Iterator[Piece]:
    """A decrease is a roll-over only where one is declared and what it gives is plausible; else a reset: unknown."""
    energy = (two.value - one.value) * PER_WATT_HOUR
    if energy < 0:
        if meter.rollover_wh is None or meter.rating_w is None:
            return
        energy += meter.rollover_wh * PER_WATT_HOUR
    if energy >= 0 and _is_plausible(energy, two.time_us - one.time_us, meter):
        yield Piece(one.time_us, two.time_us, _whole(energy))


def _of_gauge(meter: MeterSpec, one: Reading, two: Reading) -> Iterator[Piece]:
    """The trapezoid between neighbours that are at most 2.5 intervals apart."""
    elapsed_us = two.time_us - one.time_us
    if elapsed_us * _GAUGE_DENOMINATOR <= (meter.interval_s or 0) * 10**6 * _GAUGE_NUMERATOR:
        yield Piece(one.time_us, two.time_us, _whole((one.value + two.value) * elapsed_us))


def _is_plausible(energy: Fraction | int, elapsed_us: int, meter: MeterSpec) -> bool:
    if meter.rating_w is None:
        return True
    return energy * _PLAUSIBLE_DENOMINATOR <= 2 * meter.rating_w * elapsed_us * _PLAUSIBLE_NUMERATOR


def _whole(energy: Fraction | int) -> Fraction | int:
    return int(energy) if energy.denominator == 1 else energy


class Series:
    """The known energy of one meter within a window, to be asked for any part of it."""

    def __init__(self, pieces: Sequence[Piece], start_us: int, end_us: int) -> None:
        inside = [piece for piece in pieces if piece.end_us > start_us and piece.start_us < end_us]
        self._starts = [piece.start_us for piece in inside]
        self._pieces = inside
        self._sums: list[Fraction | int] = [0]
        for piece in inside:
            self._sums.append(self._sums[-1] + piece.energy)
        self.runs = list(_runs(inside, start_us, end_us))

    def energy(self, start_us: int, end_us: int) -> Fraction:
        """Energy in a part of a run, in watt-hours; exact."""
        return Fraction(self._up_to(end_us) - self._up_to(start_us), PER_WATT_HOUR)

    def _up_to(self, moment_us: int) -> Fraction | int:
        index = bisect_right(self._starts, moment_us) - 1
        if index < 0:
            return 0
        piece = self._pieces[index]
        part = min(moment_us, piece.end_us) - piece.start_us
        length = piece.end_us - piece.start_us
        return self._sums[index] + (piece.energy if part == length else Fraction(piece.energy * part, length))


def _runs(pieces: Sequence[Piece], start_us: int, end_us: int) -> Iterator[tuple[int, int]]:
    """Stretches without a gap, within a window."""
    run: tuple[int, int] | None = None
    for piece in pieces:
        low, high = max(piece.start_us, start_us), min(piece.end_us, end_us)
        if run is not None and low == run[1]:
            run = (run[0], high)
        else:
            if run is not None:
                yield run
            run = (low, high)
    if run is not None:
        yield run


def common(one: Sequence[tuple[int, int]], two: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches that are in both."""
    found: list[tuple[int, int]] = []
    first = second = 0
    while first < len(one) and second < len(two):
        low, high = max(one[first][0], two[second][0]), min(one[first][1], two[second][1])
        if low < high:
            found.append((low, high))
        if one[first][1] < two[second][1]:
            first += 1
        else:
            second += 1
    return found
