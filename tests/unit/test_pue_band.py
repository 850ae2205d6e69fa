"""A meter that leaves the band of its own history is a finding for information, unless an admission explains it."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from zonewright.pue import MeterSpec, Reading
from zonewright.pue.band import WEEK_US, Added, Week, left_band, weeks_of
from zonewright.pue.doubt import DAY_US
from zonewright.pue.pieces import pieces_of
from zonewright.pue.series import Series
from zonewright.telemetry import Store

METERS = {
    "main": MeterSpec(role="total", kind="register"),
    "it": MeterSpec(role="it", kind="register"),
    "set": MeterSpec(role="total", kind="register", standby=True),
}
START = 2_000 * WEEK_US


def weeks(powers: Sequence[float]) -> list[Week]:
    """Weeks of these watts."""
    return [Week(START + number * WEEK_US, watts * 168, WEEK_US) for number, watts in enumerate(powers)]


def found(name: str, powers: Sequence[float], *added: Added) -> list[int]:
    """Numbers of the weeks that are told of a meter."""
    doubts = list(left_band(METERS, {name: weeks(powers)}, added))
    assert not any(doubt.decides for doubt in doubts)
    assert all(doubt.meters == (name,) for doubt in doubts)
    return [(doubt.start_us - START) // WEEK_US for doubt in doubts]


@pytest.mark.parametrize(
    ("powers", "expected"),
    [
        ([1000] * 8 + [1101], [8]),
        ([1000] * 8 + [1100], []),
        ([1000] * 8 + [909], [8]),
        ([1000] * 8 + [910], []),
        ([1000] * 7 + [2000], []),
        ([1000] * 8 + [2000] + [2000] * 5, [8]),
        ([1000 + 40 * number for number in range(40)], []),
        ([1000] * 8 + [0, 1000], []),
        ([1000] * 8 + [2000, 1000, 3000], [10]),
    ],
)
def test_a_week_unlike_all_before(powers: list[float], expected: list[int]) -> None:
    """A week more than a tenth beyond all weeks before it is told, a season and a new level that stays are not."""
    assert found("main", powers) == expected
    assert found("set", powers) == []


@pytest.mark.parametrize(
    ("name", "watts", "since", "expected"),
    [
        ("it", 900, 8, []),
        ("it", 800, 8, [8]),
        ("main", 450, 8, []),
        ("main", 400, 8, [8]),
        ("it", 900, 9, [8]),
        ("it", 900, -5, [8]),
    ],
)
def test_an_admission_explains_more_load(name: str, watts: int, since: int, expected: list[int]) -> None:
    """Load that was admitted at most ninety days before explains as much as it draws, and its overhead."""
    added = Added(START + since * WEEK_US, watts)
    assert found(name, [1000] * 8 + [2000], added) == expected
    assert found(name, [1000] * 8 + [500], added) == [8], "less load is explained by nothing that came"


def test_weeks_of_readings_are_those_of_the_store(tmp_path: Path) -> None:
    """The weeks of a series, also one with gaps, are the weeks of the sums that the store has of it."""
    values, level = [Reading(None, START, Fraction(0), 0)], 0
    for hour in range(1, 24 * 40):
        level += 100 + hour % 7
        if not 200 < hour < 260:
            values.append(Reading(None, START + hour * DAY_US // 24, Fraction(level), 0))
        if hour == 400:
            level = 0  # a reset: the time up to the next reading is unknown
    series = Series(pieces_of(METERS["main"], values), START, START + 40 * DAY_US)
    store = Store(tmp_path / "t.db", create=True)
    store.append("dc1", {"main": METERS["main"]}, {"main": values}, trust="imported")
    stored = store.weeks("dc1", START, START + 40 * DAY_US)["main"]
    made = weeks_of(series)
    assert [(week.begin_us, week.known_us) for week in made] == [(begin, known) for begin, _, known in stored]
    assert [week.energy_wh for week in made] == pytest.approx([energy_mj / 3_600_000 for _, energy_mj, _ in stored])
    assert len(made) == 5
    assert made[2].known_us == WEEK_US - DAY_US // 24


@pytest.mark.parametrize(("known_us", "count"), [(WEEK_US // 2, 1), (WEEK_US // 2 - 1, 0)])
def test_a_week_that_is_hardly_known_has_no_band(known_us: int, count: int) -> None:
    """A week of which less than half is known neither leaves a band nor makes one."""
    odd = Week(START + 8 * WEEK_US, 2_000 * known_us / (3_600 * 10**6), known_us)
    assert len(list(left_band(METERS, {"main": [*weeks([1000] * 8), odd]}))) == count
