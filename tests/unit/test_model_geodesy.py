"""Distances on the ground agree with known ones, and neighbouring routes are measured in both directions."""

from hypothesis import given
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
    found = beside(route, other, within_m)
    whole = beside(route, route, within_m)
    # A degree of longitude shrinks to the north, by 0.2 % over the longest route here.
    if distance_m < within_m * 0.99:
        assert found.length_m > whole.length_m * 0.999
        assert abs(found.distance_m - distance_m) < 0.01 * max(1.0, distance_m)
    elif distance_m > within_m * 1.01:
        assert found.length_m == 0.0
    assert abs(whole.length_m - route_m(route)) < 0.005 * whole.length_m


def test_a_crossing_is_beside_for_a_short_way_only() -> None:
    """Where two routes cross at a right angle, one is beside the other for twice the distance."""
    found = beside(((31.0, 120.0), (31.0, 120.1)), ((30.95, 120.05), (31.05, 120.05)), 50.0)
    assert abs(found.length_m - 100.0) < 0.5


def test_bends_and_overlaps_are_counted_once() -> None:
    """Metres that are near two pieces of the other route count once."""
    route = ((31.0, 120.0), (31.0, 120.1))
    folded = ((31.0, 120.0), (31.0, 120.05), (31.0, 120.02), (31.0, 120.1))
    assert abs(beside(route, folded, 20.0).length_m - beside(route, route, 20.0).length_m) < 0.01
