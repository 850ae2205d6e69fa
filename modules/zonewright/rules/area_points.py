"""The points in which a key area is looked at: its own, or those of an even grid; the same ones everywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import ceil, hypot

from zonewright.model.coverage import KeyArea
from zonewright.model.geodesy import LatLon, TangentPlane, plane_at

_ACROSS = 24
"""Points along the longer side of a grid, at most."""
_MOST_ALONG = 400
"""Points along a line, about."""
_LEAST_STEP_M = 20.0

EastNorth = tuple[float, float]
"""Metres east and north of an origin."""


@dataclass(frozen=True, slots=True)
class AreaGrid:
    """The points of an area in a plane that touches the ground at its first one.

    Attributes:
        plane: the plane.
        points: metres east and north in it.
    """

    plane: TangentPlane
    points: tuple[EastNorth, ...]

    def distances_m(self, place: LatLon) -> list[float]:
        """How far each point is from a place, in metres."""
        east, north = self.plane(place)
        return [hypot(one[0] - east, one[1] - north) for one in self.points]


@lru_cache(maxsize=1024)
def grid_of(area: KeyArea) -> AreaGrid:
    """The points of an area.

    Args:
        area: as it is declared.

    Example:
        >>> one = KeyArea(title="A", crs="WGS84", points=((31.0, 121.0),), shape="circle", radius_m=15)
        >>> len(grid_of(one).points)
        4
    """
    plane = plane_at(area.points[0])
    corners = [plane(point) for point in area.points]
    if area.shape == "points":
        return AreaGrid(plane, tuple(corners))
    if area.shape == "line":
        return AreaGrid(plane, tuple(_along(corners)))
    if area.shape == "circle":
        radius = area.radius_m or 0.0
        square = _squares((-radius, -radius), (radius, radius))
        return AreaGrid(plane, tuple(point for point in square if hypot(*point) <= radius))
    first, last = ((min(axis), max(axis)) for axis in zip(*corners, strict=True))
    inside = [one for one in _squares((first[0], last[0]), (first[1], last[1])) if _is_inside(one, corners)]
    return AreaGrid(plane, tuple(inside or corners))


def _along(points: Sequence[EastNorth]) -> list[EastNorth]:
    """Points along a line, its bends among them."""
    step = max(_LEAST_STEP_M, sum(_apart(*pair) for pair in pairwise(points)) / _MOST_ALONG)
    found: list[EastNorth] = []
    for one, two in pairwise(points):
        count = max(1, ceil(_apart(one, two) / step))
        found += [
            (one[0] + (two[0] - one[0]) * n / count, one[1] + (two[1] - one[1]) * n / count) for n in range(count)
        ]
    return [*found, points[-1]]


def _apart(one: EastNorth, two: EastNorth) -> float:
    return hypot(two[0] - one[0], two[1] - one[1])


def _squares(low: EastNorth, high: EastNorth) -> list[EastNorth]:
    """Middles of equal squares between two corners."""
    width, height = high[0] - low[0], high[1] - low[1]
    step = max(_LEAST_STEP_M, max(width, height) / _ACROSS)
    columns, rows = max(1, ceil(width / step)), max(1, ceil(height / step))
    return [
        (low[0] + (column + 0.5) * width / columns, low[1] + (row + 0.5) * height / rows)
        for row in range(rows)
        for column in range(columns)
    ]


def _is_inside(point: EastNorth, corners: Sequence[EastNorth]) -> bool:
    """Whether a ray from the point to the east crosses the edge an odd number of times."""
    east, north = point
    crossings = 0
    for one, two in pairwise((*corners, corners[0])):
        if (one[1] > north) != (two[1] > north):
            crossings += east < one[0] + (north - one[1]) / (two[1] - one[1]) * (two[0] - one[0])
    return crossings % 2 == 1
