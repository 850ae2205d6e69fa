"""Distances on the ground: geodesic lengths of routes, and how far two ducts run side by side.

Lengths are geodesics on WGS84 (Karney 2013, by geographiclib). Side by side is judged in a plane that touches the
ellipsoid there: over the few dozen metres that matter its error is below a millimetre.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import cos, hypot, radians, sin, sqrt

from geographiclib.geodesic import Geodesic

LatLon = tuple[float, float]
_Flat = tuple[float, float]
_SEMI_MAJOR_M = 6_378_137.0
_ECCENTRICITY_SQUARED = 0.006_694_379_990_141_3
_STEPS = 60


@lru_cache(maxsize=4096)
def route_m(points: tuple[LatLon, ...]) -> float:
    """Length of a route in metres: the sum of the geodesics between its points."""
    return sum(
        float(Geodesic.WGS84.Inverse(*one, *two, outmask=Geodesic.DISTANCE)["s12"]) for one, two in pairwise(points)
    )


@dataclass(frozen=True, slots=True)
class Parallel:
    """How far a route runs beside another one: metres of it, and the distance at the middle of these."""

    length_m: float
    distance_m: float


@lru_cache(maxsize=4096)
def beside(route: tuple[LatLon, ...], other: tuple[LatLon, ...], within_m: float) -> Parallel:
    """The part of ``route`` that lies within a distance of ``other``.

    Args:
        route: points as (degrees north, degrees east).
        other: points of the other route.
        within_m: distance in metres.
    """
    flat = _plane(route[0])
    theirs = [flat(point) for point in other]
    total, longest, distance = 0.0, 0.0, 0.0
    for one, two in pairwise(route):
        start, end = flat(one), flat(two)
        for low, high in _merged(_near(start, end, theirs, within_m)):
            length = (high - low) * hypot(end[0] - start[0], end[1] - start[1])
            total += length
            if length > longest:
                longest = length
                distance = min(_gap(_at(start, end, (low + high) / 2), piece) for piece in _pieces(theirs))
    return Parallel(length_m=total, distance_m=distance)


def _plane(origin: LatLon) -> "_Plane":
    latitude = radians(origin[0])
    root = sqrt(1 - _ECCENTRICITY_SQUARED * sin(latitude) ** 2)
    north = _SEMI_MAJOR_M * (1 - _ECCENTRICITY_SQUARED) / root**3
    return _Plane(origin, radians(1) * _SEMI_MAJOR_M / root * cos(latitude), radians(1) * north)


@dataclass(frozen=True, slots=True)
class _Plane:
    """Metres east and north of an origin."""

    origin: LatLon
    east_m: float
    north_m: float

    def __call__(self, point: LatLon) -> _Flat:
        """A point in the plane."""
        return ((point[1] - self.origin[1]) * self.east_m, (point[0] - self.origin[0]) * self.north_m)


def _pieces(points: Sequence[_Flat]) -> Iterator[tuple[_Flat, _Flat]]:
    yield from pairwise(points)


def _at(start: _Flat, end: _Flat, part: float) -> _Flat:
    return (start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part)


def _gap(point: _Flat, piece: tuple[_Flat, _Flat]) -> float:
    """Distance of a point from a straight piece."""
    (x1, y1), (x2, y2) = piece
    square = (x2 - x1) ** 2 + (y2 - y1) ** 2
    part = 0.0 if square == 0 else ((point[0] - x1) * (x2 - x1) + (point[1] - y1) * (y2 - y1)) / square
    return hypot(*map(float.__sub__, point, _at(*piece, min(1.0, max(0.0, part)))))


def _near(start: _Flat, end: _Flat, theirs: Sequence[_Flat], within_m: float) -> Iterator[tuple[float, float]]:
    """Parts (0 to 1) of a straight piece that are near each of their pieces; each is one interval, by convexity."""
    for piece in _pieces(theirs):
        if _far(start, end, piece, within_m):
            continue

        def gap(part: float, piece: tuple[_Flat, _Flat] = piece) -> float:
            return _gap(_at(start, end, part), piece)

        low, high = 0.0, 1.0
        for _ in range(_STEPS):
            third = (high - low) / 3
            if gap(low + third) <= gap(high - third):
                high -= third
            else:
                low += third
        middle = (low + high) / 2
        if gap(middle) <= within_m:
            yield (
                _edge(gap, inside=middle, outside=0.0, within_m=within_m),
                _edge(gap, inside=middle, outside=1.0, within_m=within_m),
            )


def _far(start: _Flat, end: _Flat, piece: tuple[_Flat, _Flat], within_m: float) -> bool:
    """Whether the rectangles around two pieces are farther from each other than that."""
    return any(
        min(piece[0][axis], piece[1][axis]) - max(start[axis], end[axis]) > within_m
        or min(start[axis], end[axis]) - max(piece[0][axis], piece[1][axis]) > within_m
        for axis in (0, 1)
    )


def _edge(gap: Callable[[float], float], *, inside: float, outside: float, within_m: float) -> float:
    if gap(outside) <= within_m:
        return outside
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        if gap(middle) <= within_m:
            inside = middle
        else:
            outside = middle
    return inside


def _merged(intervals: Iterator[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged
