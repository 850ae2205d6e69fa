"""Distances on the ground: geodesic lengths of routes, and how far two ducts run side by side.

Lengths are geodesics on WGS84 (Karney 2013, by geographiclib). Side by side is judged piece by piece, in a plane that
touches the ellipsoid at the middle of a piece of at most 5 km: there a distance is right to a thousandth of it, however
long the route is, and 180 degrees east is 180 degrees west.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import ceil, cos, hypot, radians, remainder, sin, sqrt

from geographiclib.geodesic import Geodesic

LatLon = tuple[float, float]
Points = tuple[LatLon, ...]
_Flat = tuple[float, float]
_Part = tuple[float, float]
_SEMI_MAJOR_M = 6_378_137.0
_ECCENTRICITY_SQUARED = 0.006_694_379_990_141_3
_PIECE_M = 5_000.0
_LEAST_M_OF_A_DEGREE = 110_000.0
_POLAR = 89.0
_TURN = 360.0


@lru_cache(maxsize=65_536)
def distance_m(one: LatLon, two: LatLon) -> float:
    """Length of the geodesic between two points, in metres."""
    return float(Geodesic.WGS84.Inverse(*one, *two, outmask=Geodesic.DISTANCE)["s12"])


@lru_cache(maxsize=4096)
def route_m(points: Points) -> float:
    """Length of a route in metres: the sum of the geodesics between its points."""
    return sum(distance_m(one, two) for one, two in pairwise(points))


@dataclass(frozen=True, slots=True)
class Parallel:
    """How far a route runs beside others: metres of it, and the distance at the middle of the longest stretch."""

    length_m: float
    distance_m: float


@lru_cache(maxsize=4096)
def beside(route: Points, others: tuple[Points, ...], within_m: float) -> Parallel:
    """The part of ``route`` that lies within a distance of any of ``others``; what lies near several counts once.

    Args:
        route: points as (degrees north, degrees east).
        others: points of the other routes.
        within_m: distance in metres.
    """
    theirs = [
        (piece, _box(piece[:2]))
        for other in others
        if not _far(_box_of(route), _box_of(other), within_m)
        for piece in _pieces(other)
    ]
    stretches: list[tuple[float, float, float]] = []
    total, begins_m = 0.0, 0.0
    for start, end, length_m in _pieces(route) if theirs else ():
        box = _box((start, end))
        flat = _plane(start, end)
        near = [(flat(one), flat(two)) for (one, two, _), around in theirs if not _far(box, around, within_m)]
        for low, high in _merged(_near(flat(start), flat(end), near, within_m)):
            total += (high - low) * length_m
            middle = _at(flat(start), flat(end), (low + high) / 2)
            gap_m = min(_gap(middle, piece) for piece in near)
            stretches.append((begins_m + low * length_m, begins_m + high * length_m, gap_m))
        begins_m += length_m
    return Parallel(length_m=total, distance_m=_in_the_middle(stretches))


def _in_the_middle(stretches: Sequence[tuple[float, float, float]]) -> float:
    """The distance in the middle of the longest stretch; pieces that follow each other are one."""
    joined: list[list[tuple[float, float, float]]] = []
    for one in stretches:
        if joined and one[0] - joined[-1][-1][1] < 1e-6:  # noqa: PLR2004 - a micrometre
            joined[-1].append(one)
        else:
            joined.append([one])
    longest = max(joined, key=lambda group: group[-1][1] - group[0][0], default=[])
    if not longest:
        return 0.0
    middle = (longest[0][0] + longest[-1][1]) / 2
    return min(longest, key=lambda one: abs((one[0] + one[1]) / 2 - middle))[2]


@lru_cache(maxsize=16_384)
def _pieces(points: Points) -> tuple[tuple[LatLon, LatLon, float], ...]:
    """A route as short geodesics, each with its length in metres."""
    found = []
    for one, two in pairwise(points):
        length_m = distance_m(one, two)
        count = max(1, ceil(length_m / _PIECE_M))
        on = [one]
        if count > 1:
            line = Geodesic.WGS84.InverseLine(*one, *two)
            places = (line.Position(length_m * number / count) for number in range(1, count))
            on += [(float(place["lat2"]), float(place["lon2"])) for place in places]
        found += [(start, end, length_m / count) for start, end in pairwise((*on, two))]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Box:
    """What a route lies in: degrees north from and to, and its degrees east from its first point on."""

    south: float
    north: float
    origin: float
    west: float
    east: float


def _box(points: Points) -> _Box:
    """The box around points that follow each other closely."""
    turned, last = [0.0], points[0][1]
    for _, longitude in points[1:]:
        turned.append(turned[-1] + remainder(longitude - last, _TURN))
        last = longitude
    north = [latitude for latitude, _ in points]
    return _Box(min(north), max(north), points[0][1], min(turned), max(turned))


@lru_cache(maxsize=16_384)
def _box_of(route: Points) -> _Box:
    """The box around a route; long geodesics bulge to the pole, so that they are cut first."""
    return _box((*(start for start, _, _ in _pieces(route)), route[-1]))


def _far(one: _Box, two: _Box, within_m: float) -> bool:
    """Whether two boxes are farther from each other than that, for certain."""
    north = within_m / _LEAST_M_OF_A_DEGREE
    if max(one.south, two.south) - min(one.north, two.north) > north:
        return True
    highest = max(abs(edge) for box in (one, two) for edge in (box.south, box.north)) + north
    if highest > _POLAR:
        return False
    east = north / cos(radians(highest))
    shift = remainder(two.origin - one.origin, _TURN)
    return all(
        max(one.west, two.west + shift + turn) - min(one.east, two.east + shift + turn) > east
        for turn in (-_TURN, 0.0, _TURN)
    )


def _plane(start: LatLon, end: LatLon) -> "TangentPlane":
    latitude = radians((start[0] + end[0]) / 2)
    longitude = start[1] + remainder(end[1] - start[1], _TURN) / 2
    root = sqrt(1 - _ECCENTRICITY_SQUARED * sin(latitude) ** 2)
    north = _SEMI_MAJOR_M * (1 - _ECCENTRICITY_SQUARED) / root**3
    middle = ((start[0] + end[0]) / 2, longitude)
    return TangentPlane(middle, radians(1) * _SEMI_MAJOR_M / root * cos(latitude), radians(1) * north)


@dataclass(frozen=True, slots=True)
class TangentPlane:
    """Metres east and north of an origin."""

    origin: LatLon
    east_m: float
    north_m: float

    def __call__(self, point: LatLon) -> _Flat:
        """A point in the plane."""
        return (remainder(point[1] - self.origin[1], _TURN) * self.east_m, (point[0] - self.origin[0]) * self.north_m)

    def back(self, flat: _Flat) -> LatLon:
        """A point of the plane on the ground."""
        east, north = flat
        return (
            self.origin[0] + north / self.north_m,
            remainder(self.origin[1] + east / (self.east_m or 1.0), _TURN),
        )


def plane_at(point: LatLon) -> TangentPlane:
    """The plane that touches the ground at a point; some tens of kilometres from there a distance is right to 1 %."""
    return _plane(point, point)


def _at(start: _Flat, end: _Flat, part: float) -> _Flat:
    return (start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part)


def _gap(point: _Flat, piece: tuple[_Flat, _Flat]) -> float:
    """Distance of a point from a straight piece."""
    (x1, y1), (x2, y2) = piece
    square = (x2 - x1) ** 2 + (y2 - y1) ** 2
    part = 0.0 if square == 0 else ((point[0] - x1) * (x2 - x1) + (point[1] - y1) * (y2 - y1)) / square
    return hypot(*map(float.__sub__, point, _at(*piece, min(1.0, max(0.0, part)))))


def _near(start: _Flat, end: _Flat, theirs: Iterable[tuple[_Flat, _Flat]], within_m: float) -> Iterator[_Part]:
    """Parts (0 to 1) of a straight piece that are near each of their pieces; each is one interval, by convexity.

    What is near a straight piece is near one of its ends, or beside it: two discs and a rectangle.
    """
    for one, two in theirs:
        length = hypot(two[0] - one[0], two[1] - one[1])
        parts = [_in_disc(start, end, centre, within_m) for centre in (one, two)]
        if length > 0:
            along = ((two[0] - one[0]) / length, (two[1] - one[1]) / length)
            across = (-along[1], along[0])
            parts.append(
                _common(
                    _in_strip(start, end, one, along, 0.0, length),
                    _in_strip(start, end, one, across, -within_m, within_m),
                )
            )
        found = [part for part in parts if part is not None]
        if found:
            yield min(low for low, _ in found), max(high for _, high in found)


def _in_disc(start: _Flat, end: _Flat, centre: _Flat, within_m: float) -> _Part | None:
    """The part of a straight piece within a distance of a point."""
    way = (end[0] - start[0], end[1] - start[1])
    off = (start[0] - centre[0], start[1] - centre[1])
    square = way[0] ** 2 + way[1] ** 2
    rest = off[0] ** 2 + off[1] ** 2 - within_m**2
    if square == 0:
        return (0.0, 1.0) if rest <= 0 else None
    half = -(off[0] * way[0] + off[1] * way[1]) / square
    root = half**2 - rest / square
    return None if root < 0 else _common((half - sqrt(root), half + sqrt(root)), (0.0, 1.0))


def _in_strip(start: _Flat, end: _Flat, origin: _Flat, axis: _Flat, *edges: float) -> _Part | None:
    """The part of a straight piece whose coordinate on an axis lies between two edges."""
    first = (start[0] - origin[0]) * axis[0] + (start[1] - origin[1]) * axis[1]
    change = (end[0] - start[0]) * axis[0] + (end[1] - start[1]) * axis[1]
    if change == 0:
        return (0.0, 1.0) if edges[0] <= first <= edges[1] else None
    low, high = sorted((edge - first) / change for edge in edges)
    return _common((low, high), (0.0, 1.0))


def _common(one: _Part | None, two: _Part | None) -> _Part | None:
    if one is None or two is None:
        return None
    low, high = max(one[0], two[0]), min(one[1], two[1])
    return (low, high) if low <= high else None


def _merged(intervals: Iterator[_Part]) -> list[_Part]:
    merged: list[_Part] = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged
