"""Names on a map stand beside what they name."""

from hypothesis import given
from hypothesis import strategies as st

from zonewright.render.zone.map_labels import Box, Labels

POINTS = st.tuples(st.integers(60, 940).map(float), st.integers(60, 540).map(float))


def test_the_name_of_a_link_is_beside_it() -> None:
    """No link goes through a name where there is room, also where links cross, and no name covers another."""
    labels = Labels((1000.0, 600.0))
    links = [[(100.0, 100.0), (900.0, 500.0)], [(100.0, 500.0), (900.0, 100.0)], [(100.0, 300.0), (900.0, 300.0)]]
    labels.lines += [(one[0], one[1]) for one in links]
    for one in links:
        labels.along(one, "a-link-with-a-name", 11.0)
    assert len(labels.taken) == 3
    for number, box in enumerate(labels.taken):
        assert not any(box.is_crossed(*line) for line in labels.lines)
        assert not any(box.meets(other) for other in labels.taken[:number])


def test_the_name_of_a_site_moves_aside() -> None:
    """A name at the right edge, or on a link, stands on another side."""
    labels = Labels((1000.0, 600.0))
    assert labels.around((980.0, 300.0), 10.0, "a-long-name", 13.0)[0] < 980
    labels.lines.append(((500.0, 300.0), (900.0, 300.0)))
    assert labels.around((500.0, 300.0), 10.0, "name", 13.0)[0] < 500


@given(POINTS, POINTS)
def test_a_line_crosses_a_box_or_not(one: tuple[float, float], two: tuple[float, float]) -> None:
    """The answer is the same as that of many points of the line, away from the edges of the box."""
    box = Box(300.5, 200.5, 600.5, 400.5)
    steps = [n / 400 for n in range(401)]
    points = [(one[0] + s * (two[0] - one[0]), one[1] + s * (two[1] - one[1])) for s in steps]
    if any(box.left + 1 < x < box.right - 1 and box.top + 1 < y < box.bottom - 1 for x, y in points):
        assert box.is_crossed(one, two)
    if not any(box.left - 3 < x < box.right + 3 and box.top - 3 < y < box.bottom + 3 for x, y in points):
        assert not box.is_crossed(one, two)
