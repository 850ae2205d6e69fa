"""Distances on the ground agree with known ones, and neighbouring routes are measured in both directions."""

from itertools import pairwise
from math import remainder

from geographiclib.geodesic import Geodesic
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zonewright.model.geodesy import beside, route_m

NORTH_M, EAST_M = 110_869.5, 95_504.0
"""Metres in a degree at 31 degrees north (WGS84, from the series for meridian and parallel), to a metre."""


def test_a_geodesic_has_its_known_length() -> None:
    """One degree of the meridian and 0.1 degrees of the parallel at 31 degrees north have their known lengths."""
    assert abs(route_m(((30.5, 120.0), (31.5, 120.0))) - NORTH_M) < 2
    assert abs(route_m(((31.0, 120.0), (31.0, 120.1))) - EAST_M / 10) < 1


@given(
    distance_m=st.floats(0, 200),
    bearing_east=st.booleans(),
    length=st.floats(0.01, 0.2),
    within_m=st.sampled_from([10.0, 50.0, 100.0]),
)
def test_a_parallel_route_is_beside_exactly_within_the_distance(
    distance_m: float,
    *,
    bearing_east: bool,
    length: float,
    within_m: float,
) -> None:
    """A route at a distance is beside another one over its whole length when that is within the limit, else nowhere."""
    if bearing_east:
        route = ((31.0, 120.0), (31.0, 120.0 + length))
        other = tuple((lat + distance_m / NORTH_M, lon) for lat, lon in route)
    else:
        route = ((31.0, 120.0), (31.0 + length, 120.0))
        other = tuple((lat, lon + distance_m / EAST_M) for lat, lon in route)
    found = beside(route, (other,), within_m)
    whole = beside(route, (route,), within_m)
    # A degree of longitude shrinks to the north, by 0.2 % over the longest route here.
    if distance_m < within_m * 0.99:
        assert found.length_m > whole.length_m * 0.999
        assert abs(found.distance_m - distance_m) < 0.01 * max(1.0, distance_m)
    elif distance_m > within_m * 1.01:
        assert found.length_m == 0.0
    assert abs(whole.length_m - route_m(route)) < 0.005 * whole.length_m


def test_a_crossing_is_beside_for_a_short_way_only() -> None:
    """Where two routes cross at a right angle, one is beside the other for twice the distance."""
    found = beside(((31.0, 120.0), (31.0, 120.1)), (((30.95, 120.05), (31.05, 120.05)),), 50.0)
    assert abs(found.length_m - 100.0) < 0.5


def test_bends_and_overlaps_are_counted_once() -> None:
    """Metres that are near two pieces of the other route count once."""
    route = ((31.0, 120.0), (31.0, 120.1))
    folded = ((31.0, 120.0), (31.0, 120.05), (31.0, 120.02), (31.0, 120.1))
    assert abs(beside(route, (folded,), 20.0).length_m - beside(route, (route,), 20.0).length_m) < 0.01


POINTS = st.lists(st.tuples(st.floats(0, 0.01), st.floats(0, 0.01)), min_size=2, max_size=3)


@settings(max_examples=15)
@example([(0.0, 0.0), (0.0, 0.01)], [(0.0, 0.006), (0.0, 0.01)], 179.995, 31.0, 20.0)
@given(POINTS, POINTS, st.floats(-180, 180), st.floats(-70, 70), st.sampled_from([20.0, 300.0]))
def test_what_is_beside_is_what_a_walk_along_the_route_finds(
    mine: list[tuple[float, float]], yours: list[tuple[float, float]], east: float, north: float, within_m: float
) -> None:
    """Anywhere on earth, also across 180 degrees, the metres are those at which a walker is near enough."""
    route, other = (tuple((north + lat, remainder(east + lon, 360)) for lat, lon in points) for points in (mine, yours))
    step_m, near = 20.0, 0
    walk, theirs = _walk(route, step_m), _walk(other, step_m)
    for point in walk:
        near += any(abs(point[0] - one[0]) < 0.01 and _metres(point, one) <= within_m for one in theirs)
    found = beside(route, (other,), within_m)
    # A walker is a step off at each end of each stretch, and sees the other route in steps as well.
    wide, narrow = (beside(route, (other,), within_m + change).length_m for change in (step_m, -step_m))
    assert narrow - 8 * step_m <= near * step_m <= wide + 8 * step_m
    assert narrow <= found.length_m <= wide


def _walk(route: tuple[tuple[float, float], ...], step_m: float) -> list[tuple[float, float]]:
    points = []
    for one, two in pairwise(route):
        line = Geodesic.WGS84.InverseLine(*one, *two)
        steps = max(1, round(line.s13 / step_m))
        points += [line.Position(line.s13 * number / steps) for number in range(steps)]
    return [(place["lat2"], place["lon2"]) for place in points]


def _metres(one: tuple[float, float], two: tuple[float, float]) -> float:
    return float(Geodesic.WGS84.Inverse(*one, *two, outmask=Geodesic.DISTANCE)["s12"])


@settings(max_examples=15)
@given(st.floats(-180, 180), st.floats(-60, 60), st.floats(0, 360), st.floats(5, 80))
def test_a_long_route_is_beside_itself_for_its_whole_length(
    east: float, north: float, bearing: float, offset_m: float
) -> None:
    """1,200 km in any direction: the same way laid in the other direction, and moved by metres, is beside all of it."""
    far = Geodesic.WGS84.Direct(north, east, bearing, 1_200_000)
    route = ((north, east), (far["lat2"], far["lon2"]))
    moved = tuple((lat, remainder(lon + 1e-5, 360)) for lat, lon in reversed(route))
    found = beside(route, (moved,), offset_m)
    assert abs(route_m(route) - 1_200_000) < 1
    assert abs(found.length_m - 1_200_000) < 1
    assert found.distance_m < 2
