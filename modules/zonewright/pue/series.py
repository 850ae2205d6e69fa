"""Known energy of one meter within a window, to be asked for any part of it; and what several meters know together."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction

from zonewright.pue.pieces import PER_WATT_HOUR, Piece, part_of


class Series:
    """The known energy of one meter within a window, to be asked for any part of it."""

    def __init__(self, pieces: Sequence[Piece], start_us: int, end_us: int) -> None:
        self.start_us, self.end_us = start_us, end_us
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

    def without(self, cuts: Sequence[tuple[int, int]]) -> "Series":
        """The same with stretches unknown."""
        pieces = self._pieces
        for low, high in cuts:
            pieces = [part for piece in pieces for part in _outside(piece, low, high)]
        return Series(pieces, self.start_us, self.end_us)

    def slack(self, start_us: int, end_us: int) -> tuple[Fraction, Fraction]:
        """Energy of pieces that lie across an edge of a part: what of it is counted inside the part, and outside."""
        inside = outside = Fraction()
        edges = {self._at(start_us), self._at(end_us - 1)} - {None}
        for piece in edges:
            if piece is not None and (piece.start_us < start_us or piece.end_us > end_us):
                share = self.energy(max(piece.start_us, start_us), min(piece.end_us, end_us))
                inside += share
                outside += Fraction(piece.energy, PER_WATT_HOUR) - share
        return inside, outside

    def longer(self, least_us: int) -> Iterator[tuple[int, int]]:
        """Begin and end of the single steps within the window that are longer than so much."""
        for piece in self._pieces:
            is_inside = self.start_us <= piece.start_us and piece.end_us <= self.end_us
            if is_inside and piece.end_us - piece.start_us > least_us:
                yield piece.start_us, piece.end_us

    def _at(self, moment_us: int) -> Piece | None:
        index = bisect_right(self._starts, moment_us) - 1
        if index < 0 or self._pieces[index].end_us <= moment_us:
            return None
        return self._pieces[index].whole or self._pieces[index]

    def counted(self, start_us: int, end_us: int) -> float:
        """Energy in a part of a run, in half watt-microseconds; as good as a float is."""
        return float(self._up_to(end_us) - self._up_to(start_us))

    def _up_to(self, moment_us: int) -> Fraction | int:
        index = bisect_right(self._starts, moment_us) - 1
        if index < 0:
            return 0
        piece = self._pieces[index]
        part = min(moment_us, piece.end_us) - piece.start_us
        length = piece.end_us - piece.start_us
        return self._sums[index] + (piece.energy if part == length else Fraction(piece.energy * part, length))


def _outside(piece: Piece, low_us: int, high_us: int) -> Iterator[Piece]:
    """What of a piece lies outside of a stretch."""
    if piece.end_us <= low_us or piece.start_us >= high_us:
        yield piece
        return
    for begin, end in ((piece.start_us, low_us), (high_us, piece.end_us)):
        if begin < end:
            yield part_of(piece, begin, end)


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
