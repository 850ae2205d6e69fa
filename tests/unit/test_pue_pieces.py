"""Pieces of known energy: sums beside readings, doubtful rises, resets, gaps, and the parts that two sides share."""

from collections.abc import Sequence
from fractions import Fraction

import pytest

from zonewright.pue import MeterSpec, Reading
from zonewright.pue.doubt import refusals
from zonewright.pue.load_model import LoadDifference, LoadModel, LoadModelState, difference
from zonewright.pue.pieces import PER_WATT_HOUR, Refused, pieces_of
from zonewright.pue.series import Series, common

HOUR_US = 3_600 * 10**6
REGISTER = MeterSpec(role="total", kind="register")
RATED = MeterSpec(role="total", kind="register", rating_w=1_000, rollover_wh=10_000)
BILL = MeterSpec(role="total", kind="interval", rating_w=1_000)
GAUGE = MeterSpec(role="it", kind="gauge", interval_s=60)
Known = tuple[float, float, Fraction | int]
"""Hours of begin and end, and watt-hours."""


def at(hour: float, value: object, start: float | None = None, *, is_sum: bool = False) -> Reading:
    """A reading at an hour, in watt-hours or watts."""
    begin = None if start is None else int(start * HOUR_US)
    return Reading(begin, int(hour * HOUR_US), Fraction(str(value)), 1, is_sum=is_sum)


def known(meter: MeterSpec, readings: Sequence[Reading]) -> list[Known]:
    """Its pieces, in hours and watt-hours."""
    return [
        (one.start_us / HOUR_US, one.end_us / HOUR_US, Fraction(one.energy, PER_WATT_HOUR))
        for one in pieces_of(meter, readings)
    ]


def summed(start: float, end: float, wh: int) -> Reading:
    """What was known of some hours before their readings were removed."""
    return at(end, wh, start, is_sum=True)


@pytest.mark.parametrize(
    ("sums", "readings", "expected"),
    [
        # what is left of a piece on both sides of a sum, each with its share of the energy
        ([summed(1, 2, 7)], [at(0, 0), at(4, 40)], [(0, 1, 10), (1, 2, 7), (2, 4, 20)]),
        # a sum at its begin and one at its end leave the middle; what they cover whole is theirs alone
        ([summed(0, 1, 7), summed(3, 4, 8)], [at(0, 0), at(4, 40)], [(0, 1, 7), (1, 3, 20), (3, 4, 8)]),
        ([summed(0, 2, 7), summed(2, 4, 8)], [at(0, 0), at(4, 40)], [(0, 2, 7), (2, 4, 8)]),
        # sums before and behind take nothing away, also where they meet it
        ([summed(0, 1, 7), summed(2, 3, 8)], [at(1, 0), at(2, 40)], [(0, 1, 7), (1, 2, 40), (2, 3, 8)]),
        ([summed(0, 1, 7), summed(3, 4, 8)], [at(1, 0), at(2, 40)], [(0, 1, 7), (1, 2, 40), (3, 4, 8)]),
        (
            [summed(0, 1, 7), summed(2, 3, 8)],
            [at(1, 0), at(2, 40), at(4, 60)],
            [(0, 1, 7), (1, 2, 40), (2, 3, 8), (3, 4, 10)],
        ),
        # one sum over parts of two pieces, and a piece behind the last sum
        (
            [summed(1, 3, 7)],
            [at(0, 0), at(2, 20), at(4, 60), at(5, 61)],
            [(0, 1, 10), (1, 3, 7), (3, 4, 20), (4, 5, 1)],
        ),
        ([summed(2, 3, 8), summed(0, 1, 7)], [], [(0, 1, 7), (2, 3, 8)]),
    ],
)
def test_sums_stand_for_what_was_removed(
    sums: Sequence[Reading], readings: Sequence[Reading], expected: Sequence[Known]
) -> None:
    """A sum is taken as it is, and readings count beside it only; nothing is counted twice, and all is in order."""
    assert known(REGISTER, [*sums, *readings]) == list(expected)


def test_a_part_knows_its_whole() -> None:
    """What a sum leaves of a piece names the piece, so that rounded sums of its time stay the same."""
    left = pieces_of(REGISTER, [summed(1, 2, 7), at(0, 0), at(4, 40)])
    assert [one.whole and (one.whole.start_us, one.whole.end_us) for one in left] == [
        (0, 4 * HOUR_US), None, (0, 4 * HOUR_US),
    ]  # fmt: skip
    assert all(isinstance(one.energy, int) for one in left)
    assert pieces_of(REGISTER, [at(0, 0), at(1, "0.0000000001")])[0].energy == Fraction(PER_WATT_HOUR, 10**10)


@pytest.mark.parametrize(
    ("meter", "readings", "expected"),
    [
        (REGISTER, [at(0, 5), at(1, 5)], [(0, 1, 0)]),  # it stands still
        (REGISTER, [at(0, 5), at(1, 4)], []),  # a reset
        (RATED, [at(0, 0), at(1, 1_200)], [(0, 1, 1_200)]),  # 1.2 times its rating is the most
        (RATED, [at(0, 0), at(1, "1200.001")], []),
        (RATED, [at(0, 9_900), at(1, 100)], [(0, 1, 200)]),  # it rolled over
        (RATED, [at(0, 5_000), at(1, 4_000)], []),  # too much for a roll-over, so it is a reset
        (GAUGE, [at(0, 100), at(150 / 3600, 100)], [(0, 150 / 3600, Fraction(100 * 150, 3600))]),  # 2.5 intervals
        (GAUGE, [at(0, 100), at(151 / 3600, 100)], []),
        (BILL, [at(1, 1_200, 0), at(2, "1200.001", 1), at(3, 5)], [(0, 1, 1_200)]),  # too much, and without a begin
    ],
)
def test_what_a_pair_of_readings_says(meter: MeterSpec, readings: Sequence[Reading], expected: Sequence[Known]) -> None:
    """Energy between two readings is known where it is plausible for the meter and no reading is missing."""
    assert known(meter, readings) == list(expected)


def test_a_window_cuts_pieces() -> None:
    """Energy of a window counts the share of a piece within it, and a window before all readings has none."""
    series = Series(pieces_of(REGISTER, [at(0, 0), at(4, 40), at(5, 41)]), HOUR_US, 5 * HOUR_US)
    assert series.runs == [(HOUR_US, 5 * HOUR_US)]
    assert [series.energy(low * HOUR_US, high * HOUR_US) for low, high in ((1, 5), (1, 2), (4, 5), (-2, -1))] == [
        31, 10, 1, 0,
    ]  # fmt: skip
    assert series.energy(-HOUR_US, HOUR_US) == 10
    gap = pieces_of(BILL, [at(2, 1, 1), at(5, 1, 4)])
    assert Series(gap, 0, 4 * HOUR_US).runs == [(HOUR_US, 2 * HOUR_US)], "what only touches the window is none of it"


def test_what_two_sides_share() -> None:
    """Stretches of both sides are cut to what both know; those that end together, or only meet, count once or not."""
    assert common([(0, 4), (4, 6)], [(0, 4), (5, 6)]) == [(0, 4), (5, 6)]
    assert common([(0, 2), (3, 9)], [(1, 4), (4, 5), (9, 12)]) == [(1, 2), (3, 4), (4, 5)]


@pytest.mark.parametrize(
    ("value", "low", "high", "direction"),
    [
        (None, 1, 2, "inside"),
        (1, None, 2, "inside"),
        (1, 1, None, "inside"),
        (0, 0, 0, "same"),
        (1, 1, 1, "worse"),
        (-1, -2, -1, "better"),
        (-1, -2, 0, "inside"),
        (1, 0, 2, "inside"),
    ],
)
def test_the_sign_of_a_difference(value: int | None, low: int | None, high: int | None, direction: str) -> None:
    """Better or worse needs one sign whichever parameter varies; what is not known is inside."""
    parts = [None if one is None else Fraction(one) for one in (value, low, high)]
    assert LoadDifference(value=None) == LoadDifference(value=None, low=None, high=None)
    assert LoadDifference(value=parts[0], low=parts[1], high=parts[2]).direction == direction


def test_each_parameter_varies_by_a_tenth() -> None:
    """The bounds of a difference are those of the plant's part taken a tenth lower and a tenth higher."""
    model = LoadModel(plant_w=Fraction(1_000), rooms_w=(), slope=Fraction(0))
    found = difference(
        LoadModelState(model=model, it_w=Fraction(1_000)), LoadModelState(model=model, it_w=Fraction(2_000))
    )
    assert (found.value, found.low, found.high) == (Fraction(-1, 2), Fraction(-11, 20), Fraction(-9, 20))
    assert (
        difference(LoadModelState(model=model, it_w=Fraction(0)), LoadModelState(model=model, it_w=Fraction(1))).low
        is None
    )


def test_one_parameter_is_scaled_and_no_other() -> None:
    """The plant, one room or the slope is larger; a ratio needs a load, however small."""
    model = LoadModel(plant_w=Fraction(100), rooms_w=(("a", Fraction(10)), ("b", Fraction(20))), slope=Fraction(1, 10))
    assert sorted(model.parameters()) == ["plant", "room a", "room b", "slope"]
    parts: dict[str, tuple[object, ...]] = {
        name: (one.plant_w, *(watts for _, watts in one.rooms_w), one.slope)
        for name in model.parameters()
        for one in (model.scaled(name, Fraction(2)),)
    }
    assert parts == {
        "plant": (200, 10, 20, Fraction(1, 10)),
        "room a": (100, 20, 20, Fraction(1, 10)),
        "room b": (100, 10, 40, Fraction(1, 10)),
        "slope": (100, 10, 20, Fraction(1, 5)),
    }
    assert model.ratio(Fraction(1)) == 1 + Fraction(1, 10) + 130
    assert model.ratio(Fraction(0)) is None


@pytest.mark.parametrize(
    ("meter", "readings", "expected"),
    [
        # it shows 0 once, and its lifetime total again: both steps are unknown, and it counts on
        (REGISTER, [at(0, 500), at(1, 510), at(2, 0), at(3, 510), at(4, 520)], [(0, 1, 10), (3, 4, 10)]),
        (REGISTER, [at(0, 500), at(2, 0), at(3, 0), at(4, 0), at(5, 530), at(6, 540)], [(5, 6, 10)]),
        # it counts a little from 0 and then shows the old total: what it counted is energy
        (REGISTER, [at(0, 500), at(1, 0), at(2, 6), at(3, 530)], [(1, 2, 6)]),
        # a new meter passes what the old one showed: energy
        (
            REGISTER,
            [at(0, 50), at(1, 0), at(2, 30), at(3, 60), at(4, 90)],
            [(1, 2, 30), (2, 3, 30), (3, 4, 30)],
        ),
        # one value that is far too high, and back: neither the rise nor the drop is energy
        (REGISTER, [at(0, 500), at(1, 9_000_000), at(2, 520), at(3, 530)], [(2, 3, 10)]),
        (REGISTER, [at(0, 500), at(1, 9_000), at(2, 9_010), at(3, 520), at(4, 530)], [(3, 4, 10)]),
        # a new meter that does not begin at 0, after an old one that counted up in steps: the steps stay
        (REGISTER, [at(0, 10), at(1, 20), at(2, 30), at(3, 40), at(4, 12)], [(0, 1, 10), (1, 2, 10), (2, 3, 10)]),
        # a gauge with a rating: a value beyond it says nothing about the time on either side
        (
            MeterSpec(role="it", kind="gauge", interval_s=3600, rating_w=1_000),
            [at(0, 900), at(1, 1_200), at(2, 4_294_967_295), at(3, 900), at(4, 900)],
            [(0, 1, 1_050), (3, 4, 900)],
        ),
    ],
)
def test_what_only_undoes_something_is_no_energy(
    meter: MeterSpec, readings: Sequence[Reading], expected: Sequence[Known]
) -> None:
    """A rise that undoes a drop, a drop that undoes a rise, and a value beyond a rating leave unknown time behind."""
    refused: list[Refused] = []
    pieces_of(meter, readings, refused)
    assert known(meter, readings) == list(expected)
    assert bool(refused) == (len(expected) < len(readings) - 2)


def test_past_drops_are_known_where_they_are_not_read() -> None:
    """A register's drop long before is enough to know that a rise undoes it; without it the rise is energy."""
    past = [Reading(None, 0, value, 0, is_past=True) for value in (500, 0)]
    assert known(REGISTER, [*past, at(5, 0), at(6, 510), at(7, 520)]) == [(6, 7, 10)]
    assert known(REGISTER, [at(5, 0), at(6, 510), at(7, 520)]) == [(5, 6, 510), (6, 7, 10)]
    beside = [at(0, 500), at(1, 0), summed(1, 3, 498), at(3, 498), at(4, 508)]
    assert known(REGISTER, beside) == [(1, 3, 498), (3, 4, 10)], "sums hid the steps, so none of them is doubted"


def test_a_register_that_stays_where_it_was_reset_to_is_known_after_a_day() -> None:
    """A swapped register that stands is unknown for its first day only, and not at all where it may stand by."""
    readings = [at(0, 123_456_789), at(6, 0), *(at(hour, 0) for hour in range(18, 100, 12))]
    assert known(REGISTER, readings) == [(hour, hour + 12, 0) for hour in range(30, 90, 12)]
    standby = REGISTER.model_copy(update={"standby": True})
    assert known(standby, readings) == [(hour, hour + 12, 0) for hour in range(6, 90, 12)]
    refused: list[Refused] = []
    pieces_of(REGISTER, readings, refused)
    assert [(one.why, one.is_rise) for one in refused] == [("undone", False)] * 2
    assert "shows a reset, and the value" in next(refusals({"set": refused}, 0, 90 * HOUR_US)).sentence
