"""Meters that stand still or repeat one value: doubted is what ran before, and what other meters contradict."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import pytest

from zonewright.pue import MeterSpec, Reading, evaluate
from zonewright.pue.pieces import pieces_of

DAY_US = 86_400 * 10**6
LIMIT = Fraction("1.25")
ROLES = {"main": "total", "more": "total", "it": "it"}


def specs(kinds: Mapping[str, str], **more: object) -> dict[str, MeterSpec]:
    """Meters of these kinds by name, each in its role."""
    return {name: MeterSpec.model_validate({"role": ROLES[name], "kind": kind, **more}) for name, kind in kinds.items()}


def register(days: Sequence[int]) -> list[Reading]:
    """A register that counts so much on each day."""
    return [Reading(None, day * DAY_US, Fraction(sum(days[:day])), day) for day in range(len(days) + 1)]


def standing(kinds: Mapping[str, str], readings: Mapping[str, Sequence[Reading]], days: int) -> set[str]:
    """The meters of which it is doubted that they stand, over a number of days."""
    found = evaluate(specs(kinds), readings, start_us=0, end_us=days * DAY_US, limit=LIMIT)
    return {name for doubt in found.doubts if doubt.kind == "standing" for name in doubt.meters}


def test_what_never_ran_does_not_stand_still() -> None:
    """A meter that counted nothing from its first reading on is not doubted, also not after days without readings."""
    zeros = [Reading(day * DAY_US, (day + 1) * DAY_US, Fraction(), day) for day in range(40) if day not in (15, 16)]
    found = standing({"main": "register", "it": "interval"}, {"main": register([1000] * 40), "it": zeros}, 40)
    assert found == set()


@pytest.mark.parametrize(("it", "is_doubted"), [(8, True), (9, True), (10, False)])
def test_a_meter_is_doubted_that_would_close_the_balance(it: int, is_doubted: bool) -> None:  # noqa: FBT001 - a row
    """Of a ratio below one a meter is at fault that stands if half as much again as it counted would have closed it."""
    kinds = {"main": "register", "more": "register", "it": "register"}
    readings = {
        "main": register([200_000] * 20 + [0] * 10),
        "more": register([600_000] * 30),
        "it": register([it * 100_000] * 30),
    }
    assert (standing(kinds, readings, 30) == {"main"}) is is_doubted


def gauge(days: Sequence[int], *, every_h: int = 1) -> list[Reading]:
    """A gauge that shows these watts on each day, every few hours."""
    return [
        Reading(None, hour * DAY_US // 24, Fraction(days[min(hour // 24, len(days) - 1)]), hour)
        for hour in range(0, len(days) * 24 + 1, every_h)
    ]


def test_a_load_that_changes_on_both_sides_at_once_is_no_stuck_gauge() -> None:
    """While the other side is constant until the moment at which a gauge shows another value, no gauge hangs."""
    meters = specs({"main": "register"}) | specs({"it": "gauge"}, interval_s=3600)
    it = gauge([1900] * 3 + [2000] * 30 + [1500] * 2)
    high = 33 * 24 - 1  # where the gauge's run ends, and a step of the register
    total = [Reading(None, 0, Fraction(0), 0)]
    edges = [*range(24, high - 1, 24), high - 1, high, 35 * 24]
    for before, hour in zip([0, *edges], edges, strict=False):
        watts = 2400 if hour <= high else 1800
        total.append(Reading(None, hour * DAY_US // 24, total[-1].value + watts * (hour - before), hour))
    found = evaluate(meters, {"main": total, "it": it}, start_us=0, end_us=35 * DAY_US, limit=LIMIT)
    assert [doubt for doubt in found.doubts if doubt.kind == "standing"] == []


def test_a_reset_to_nothing_takes_nothing_back() -> None:
    """What a register counted before it began again at zero stays counted."""
    meter = specs({"main": "register"})["main"]
    readings = [Reading(None, day * DAY_US, Fraction(value), day) for day, value in enumerate((0, 100, 0, 50))]
    found = pieces_of(meter, readings, [])
    assert [(piece.start_us // DAY_US, piece.energy) for piece in found] == [
        (0, found[0].energy),
        (2, found[0].energy / 2),
    ]


SEASON = [1_200_000 + 1_500 * max(0, day - 60) for day in range(180)]
"""What comes in each day: the same for two months, then a quarter more and more up to summer, for 1,000,000 of IT."""


@pytest.mark.parametrize("until", [180, 150])
def test_a_season_does_not_hide_a_meter_that_stands(until: int) -> None:
    """An incomer that stands still while cooling rises is doubted by the week in which it stopped."""
    more = [144_000 if day < 60 or day >= until else 0 for day in range(180)]
    readings = {
        "main": register([whole - 144_000 for whole in SEASON]),
        "more": register(more),
        "it": register([1_000_000] * 180),
    }
    assert standing({"main": "register", "more": "register", "it": "register"}, readings, 180) == {"more"}


@pytest.mark.parametrize("end", [180, 150])
def test_a_season_is_no_reason_to_doubt_a_standby_incomer(end: int) -> None:
    """An incomer whose load another one takes over stands still and is not doubted, whatever cooling does meanwhile."""
    more = [144_000 if day < 60 or day >= end else 0 for day in range(180)]
    readings = {
        "main": register([whole - part for whole, part in zip(SEASON, more, strict=True)]),
        "more": register(more),
        "it": register([1_000_000] * 180),
    }
    assert standing({"main": "register", "more": "register", "it": "register"}, readings, 180) == set()
