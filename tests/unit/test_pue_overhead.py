"""The fitted load model: curve, bands, what is left out, how sure it is, and how far it reaches."""

import math
import random
from collections.abc import Sequence
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zonewright.model.overhead_fit import OverheadFit
from zonewright.pue.budget import YearProjection, allowed_ratio
from zonewright.pue.load_model import LoadModel, LoadModelState, difference, marginal
from zonewright.pue.overhead import OverheadDay, fit_overhead, rest_of_year

LIMIT = Fraction(5, 4)
LOADS = (250, 500, 750, 1000)


def fitted(days: Sequence[OverheadDay], climate: Sequence[int] | None = None) -> OverheadFit | str:
    """The fit of some days."""
    return fit_overhead(tuple(days), None if climate is None else tuple(climate), plant="", first="2026-01-01")


def certain(days: Sequence[OverheadDay], climate: Sequence[int] | None = None) -> OverheadFit:
    """The fit of days that have one."""
    found = fitted(days, climate)
    assert isinstance(found, OverheadFit), found
    return found


def model(fit: OverheadFit, **rooms_kw: int) -> LoadModel:
    """A load model with a fit; what is declared of the plant no longer counts."""
    rooms = tuple((name, Fraction(kw * 1000)) for name, kw in rooms_kw.items())
    return LoadModel(plant_w=Fraction(10**9), rooms_w=rooms, slope=Fraction(3), fit=fit)


def at(kw: int, of: LoadModel) -> LoadModelState:
    """A site at a load."""
    return LoadModelState(model=of, it_w=Fraction(kw * 1000))


@cache
def published() -> tuple[OverheadDay, ...]:
    """336 days of a plant of 100 kW + 0.10 P + 5e-5 P^2 / kW."""
    rest = {kw: round(100_000 + 100 * kw + kw * kw / 20) for kw in LOADS}
    return tuple(OverheadDay(day, LOADS[day % 4] * 1000, rest[LOADS[day % 4]]) for day in range(336))


def seasons(seed: int, *, noise_w: int = 8_000, heat_w: int = 80) -> tuple[list[OverheadDay], list[int]]:
    """A year with a summer: loads that grow and vary, overhead that follows load and heat; and its temperatures."""
    rng = random.Random(seed)
    days, heat = [], []
    for day in range(365):
        heat.append(round(1_400 - 1_300 * math.cos(2 * math.pi * (day - 20) / 365) + rng.gauss(0, 250)))
        load = round(3_000_000 + 1_500 * day + rng.uniform(-400_000, 400_000))
        rest = 150_000 + max(0, heat[-1] - 1_000) * heat_w + 0.12 * load + rng.gauss(0, noise_w)
        days.append(OverheadDay(day, load, round(rest), heat[-1]))
    return days, heat


def test_published_curves_come_out_exactly() -> None:
    """Four loads without noise give the curve itself, its ratios, its break-even and its reach; a line would not do."""
    found = model(certain(published()))
    ratios = {kw: found.ratio(Fraction(kw * 1000)) for kw in (*LOADS, 620)}
    assert [round(float(ratios[kw] or 0), 5) for kw in LOADS] == [1.5125, 1.325, 1.27083, 1.25]
    assert round(float(ratios[620] or 0), 5) == 1.29229
    assert found.break_even_w(LIMIT) == 1_000_000
    assert found.most_w == 1_150_000
    assert found.ratio(Fraction(1_150_001)) is None
    assert found.break_even_w(Fraction(123, 100)) is None, "the least is 1.24142, at a load that nobody has seen"
    added = marginal(at(500, found), at(620, found))
    assert round(float(added or 0), 3) == 1.156
    change = difference(at(500, found), at(620, found))
    assert change.direction == "better"
    assert round(float(change.value or 0), 5) == -0.03271


def test_a_year_is_its_bands_by_their_days() -> None:
    """Overhead of 400, 330, 260, 200 and 180 kW in bands of 10, 25, 30, 25 and 10 % of a year: 1.2685 at 1,000 kW."""
    shares = ((35, 400, 36), (25, 330, 91), (15, 260, 110), (5, 200, 91), (-5, 180, 37))
    climate = [100 * degrees for degrees, _, count in shares for _ in range(count)]
    rest = {100 * degrees: kw for degrees, kw, _ in shares}
    days = [OverheadDay(day, 900_000 + 50_000 * (day % 5), rest[heat] * 1000, heat) for day, heat in enumerate(climate)]
    found = certain(days, climate)
    assert len(found.bands) == 5
    assert abs(float(model(found).ratio(Fraction(1_000_000)) or 0) - 1.2685) < 0.001
    rest_w = sum(rest[heat] * 1000 for heat in climate) / 365
    assert abs(float(model(found).overhead_w(Fraction(1_000_000))) - rest_w) < 1


@pytest.mark.parametrize("factor", [0, 3])
def test_a_few_wrong_days_move_nothing_to_the_good(factor: int) -> None:
    """Days with no overhead or three times as much are left out; high ones still count in the mean of the year."""
    days, heat = seasons(1)
    wrong = [one._replace(overhead_w=one.overhead_w * factor) if one.day % 25 == 3 else one for one in days]
    plain, found = model(certain(days, heat)), model(certain(wrong, heat))
    assert found.fit is not None
    assert found.fit.left_out >= 14
    load = Fraction(3_300_000)
    mean = Fraction(sum(one.overhead_w for one in wrong), sum(one.it_w for one in wrong))
    if factor:
        assert found.overhead_w(load) >= plain.overhead_w(load)
        assert abs(float(found.overhead_w(load) / load - mean)) < 0.01
    else:
        assert abs(float(found.overhead_w(load) / plain.overhead_w(load) - 1)) < 0.01


def test_low_days_do_not_make_up_for_high_ones() -> None:
    """Days that stood still take nothing from what others had above the curve: both are left out, one side counts."""
    days, heat = seasons(1)
    high = [one._replace(overhead_w=one.overhead_w * 3) if one.day % 30 == 3 else one for one in days]
    both = [one._replace(overhead_w=0) if one.day % 30 == 18 else one for one in high]
    load = Fraction(3_300_000)
    one, two = (model(certain(some, heat)).overhead_w(load) for some in (high, both))
    assert two > one * Fraction(99, 100)


def test_the_rest_of_a_year_is_that_of_the_present_plant() -> None:
    """What an older and better plant drew takes nothing from the rest of a year; its temperatures count."""
    days, heat = seasons(7)
    by_day = {one.day: one._replace(overhead_w=one.overhead_w // 2) if one.day < 150 else one for one in days}
    found = certain(days, heat)
    mixed, _, known = rest_of_year(found, by_day, range(100, 149), first=150)
    plain, _, _ = rest_of_year(found, {one.day: one for one in days}, range(100, 149), first=150)
    assert (mixed, known) == (plain, 49)
    few, covariance, known = rest_of_year(found, {200: by_day[200]}, range(190, 290), first=150)
    assert (few, covariance, known) == (found.curve, found.covariance, 1), "one day is no season"


def test_a_day_that_is_left_out_extends_no_reach() -> None:
    """A day on which the meter of IT read 30 % too much is left out, and its load was not seen."""
    days, heat = seasons(1)
    wrong = [one._replace(it_w=5_000_000, overhead_w=10_000) if one.day == 200 else one for one in days]
    found = certain(wrong, heat)
    seen = max(one.it_w for one in wrong if one.day != 200)
    assert (found.scale_w, found.reach_w <= seen * 115 // 100) == (seen, True)


def test_order_changes_nothing() -> None:
    """The same days in any order are the same numbers."""
    days, heat = seasons(2)
    shuffled = random.Random(3).sample(days, len(days))
    assert fitted(shuffled, sorted(heat)) == fitted(days, heat)


def test_why_there_is_no_fit() -> None:
    """A season that is not known, one load, scatter, or days that contradict each other leave the model declared."""
    days, heat = seasons(4)
    cold = [one for one in days if (one.temperature_cc or 0) < 2_000]
    assert str(fitted(cold, heat)).endswith("with 20 to 30 C outside")
    assert "without outside temperature it takes 329 of a year" in str(fitted(days[:200]))
    assert str(fitted(days, heat[:300])) == "outside temperature is known for 300 days, and it takes 329 of a year"
    assert "always the same" in str(fitted([one._replace(it_w=3_000_000) for one in days], heat))
    rng = random.Random(5)
    scattered = [one._replace(overhead_w=round(one.overhead_w * rng.uniform(0.1, 5))) for one in days]
    assert "less sure than what is declared" in str(fitted(scattered, heat))
    doubled = [one._replace(overhead_w=one.overhead_w * (40 if one.day % 5 == 0 else 1)) for one in days]
    assert "contradict" in str(fitted(doubled, heat)) or "less sure" in str(fitted(doubled, heat))
    indoors = [one._replace(temperature_cc=2_200) for one in days]
    assert "all of a year is in one band" in str(fitted(indoors[300:], [2_200] * 365)), "it tells no seasons"
    warm = [one._replace(temperature_cc=2_200) for one in published()]
    assert isinstance(fitted(warm, [2_200] * 365), OverheadFit), "but a whole year has them"
    mild = [one._replace(temperature_cc=1_500 + (one.temperature_cc or 0) // 4) for one in days]
    cool = [one for one in mild if not 1_700 <= (one.temperature_cc or 0) < 2_000 and (one.temperature_cc or 0) < 2_050]
    assert "more than 1 degree colder than the" in str(fitted(cool, [one.temperature_cc or 0 for one in mild]))
    assert fitted([]) == "0 days are known, and without outside temperature it takes 329 of a year"


def test_the_truth_lies_within_the_interval() -> None:
    """Of many random years, the true mean overhead at loads that were seen lies within what the fit may err by."""
    missed = 0
    for seed in range(12):
        days, heat = seasons(seed)
        found = fitted(days, heat)
        assert isinstance(found, OverheadFit), found
        load = 3_300_000
        truth = 150_000 + sum(max(0, one - 1_000) * 80 for one in heat) / 365 + 0.12 * load
        state = LoadModelState(model=model(found), it_w=Fraction(load))
        low, high = state.bounds or (Fraction(), Fraction())
        missed += not low <= 1 + Fraction(truth) / load <= high
    assert missed <= 1


@settings(max_examples=12)
@given(seed=st.integers(0, 40), more=st.integers(1, 12))
def test_a_day_that_agrees_never_makes_it_less_sure(seed: int, more: int) -> None:
    """Days upon the curve widen no interval and shorten no reach, as long as the same days are left out."""
    rng = random.Random(seed)
    days = [
        OverheadDay(day, load, round(100_000 + 0.13 * load + rng.gauss(0, 5_000)))
        for day in range(335)
        for load in [round(3_000_000 + 20_000 * (day % 50) + rng.uniform(-9_000, 9_000))]
    ]
    before = certain(days)
    agreeing = [
        OverheadDay(335 + number, load, round(model(before).overhead_w(Fraction(load))))
        for number in range(more)
        for load in [round(3_000_000 + 70_000 * number)]
    ]
    after = certain([*days, *agreeing])
    if after.left_out == before.left_out and after.scale_w == before.scale_w:
        assert after.reach_w >= before.reach_w
        for kw in (3_000, 3_500, 3_900):
            load = Fraction(kw * 1000)
            assert model(after).width(load) <= model(before).width(load) * Fraction(1_000_001, 1_000_000)


def test_the_rest_of_a_year_is_that_of_its_season() -> None:
    """Without temperatures the summer months before it say what the rest of a year takes, not the mean of all."""
    days, _ = seasons(6, noise_w=1_000, heat_w=10)
    cold = [one._replace(temperature_cc=None) for one in days]
    found = certain(cold)
    by_day = {one.day: one for one in cold}
    load = Fraction(3_300_000)
    summer, _, known = rest_of_year(found, by_day, range(170, 230))
    winter, _, _ = rest_of_year(found, by_day, range(-1, 30))
    assert known == 60
    assert summer[0] > found.curve[0] > winter[0]
    alone = model(found)
    assert alone.overhead_w(load) > 0


def test_what_is_left_of_a_year() -> None:
    """Day 200 at 6.0 of 4.7 GWh, and 165 days at 1,000 kW and 1.25: the year is a breach; the rest may be 1.21843."""
    found = YearProjection(
        total_wh=Fraction(6_000_000_000),
        it_wh=Fraction(4_700_000_000),
        rest_it_wh=Fraction(165 * 24 * 1_000_000),
        rest_total_wh=Fraction(165 * 24 * 1_250_000),
    )
    assert round(float(found.ratio), 5) == 1.26443
    assert found.bounds == (found.ratio, found.ratio)
    assert round(float(found.allowed(LIMIT) or 0), 5) == 1.21843
    assert allowed_ratio(LIMIT, Fraction(1), Fraction(1), Fraction()) is None
    largest = (allowed_ratio(LIMIT, Fraction(20_075), Fraction(16_000), Fraction(1_460)) or 0) * 1_460
    assert largest == 1_750


@given(
    first=st.integers(200, 1_100), more=st.integers(1, 900), room=st.integers(0, 60), limit=st.integers(1_200, 1_400)
)
def test_nothing_is_said_beyond_the_reach(first: int, more: int, room: int, limit: int) -> None:
    """Beyond the highest load seen and 15 % there is no ratio, no difference and no marginal; within it there are."""
    without, with_ = at(first, model(certain(published()))), at(first + more, model(certain(published()), d=room))
    is_known = first + more <= 1_150
    assert with_.is_beyond != is_known
    assert (with_.ratio is not None) == (difference(without, with_).value is not None) == is_known
    even = with_.model.break_even_w(Fraction(limit, 1000))
    if even is not None:
        assert (with_.model.ratio(even) or 0) <= Fraction(limit, 1000)
        assert (with_.model.ratio(even - 1) or 9) > Fraction(limit, 1000)
