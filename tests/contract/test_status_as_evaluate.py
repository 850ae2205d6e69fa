"""Sums never decide otherwise than readings: ``pue status`` and ``pue evaluate`` give one verdict."""

import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from support.random_sites import DAY_US, DAYS, HOUR_US, LIMIT, MISTAKES, drawn_site, plain
from support.soak import count, seeded
from zonewright.pue import MeterSpec, Reading, evaluate
from zonewright.pue.evaluation import Figure
from zonewright.telemetry import ReadingStore, Store
from zonewright.telemetry.window import WindowFigures

Readings = Mapping[str, Sequence[Reading]]
PAIR = {"main": MeterSpec(role="total", kind="register"), "line": MeterSpec(role="it", kind="register")}
YEAR_US = 365 * DAY_US


def both(
    store: ReadingStore, meters: Mapping[str, MeterSpec], readings: Readings, window: tuple[int, int]
) -> tuple[Figure, Figure]:
    """The figure of a window as status gives it, and as evaluate does."""
    store.append("dc", meters, readings, trust="imported")
    return (
        WindowFigures(store, "dc", meters, LIMIT).figure(*window),
        evaluate(meters, readings, start_us=window[0], end_us=window[1], limit=LIMIT),
    )


def kinds(figure: Figure) -> set[tuple[str, tuple[str, ...]]]:
    """What decides, and whose meters."""
    return {(doubt.kind, doubt.meters) for doubt in figure.doubts if doubt.decides}


def at_the_limit(rng: random.Random, more: int) -> dict[str, list[Reading]]:
    """Two registers whose ratio is the limit at every moment, read at odd times; and some Wh more at the end."""
    moment, level = -rng.randint(1, DAY_US), 0
    found: dict[str, list[Reading]] = {"main": [], "line": []}
    while not found["main"] or found["main"][-1].time_us < YEAR_US:
        for name, factor in (("main", 5), ("line", 4)):
            found[name].append(Reading(None, moment, Fraction(factor * level), 0))
        step = rng.randint(HOUR_US, 40 * DAY_US)
        moment += step
        level += step * rng.randint(900_000, 1_000_000) // HOUR_US
    last = found["main"][-1]
    found["main"][-1] = Reading(None, last.time_us, last.value + more, 0)
    return found


@pytest.mark.parametrize("more", [0, 1, -1])
def test_exactly_at_the_limit_readings_decide(tmp_path: Path, more: int) -> None:
    """Random years whose ratio is the limit, or a watt-hour beside it, are judged from readings, not from sums."""
    rng = seeded(f"limit {more}")
    for number in range(2 if more else 8):
        readings = at_the_limit(rng, more)
        status, exact = both(Store(tmp_path / f"{number}.db", create=True), PAIR, readings, (0, YEAR_US))
        assert status.verdict == exact.verdict == ("breach" if more > 0 else "within")


def test_a_year_by_its_sums_is_annual(tmp_path: Path) -> None:
    """A window of 365 days is annual and one of an hour less is interim, also where nothing but sums is looked at."""
    store, readings = Store(tmp_path / "t.db", create=True), at_the_limit(seeded("a year"), 10**9)
    for window, period in (((0, YEAR_US), "annual"), ((0, YEAR_US - HOUR_US), "interim")):
        status, exact = both(store, PAIR, readings, window)
        assert status.period == exact.period == period
        assert status.window_s == exact.window_s == window[1] // 10**6


def test_where_readings_were_removed_the_limit_is_undetermined(tmp_path: Path) -> None:
    """Exactly at the limit, sums of removed readings do not decide, and a finding says so."""
    store, readings = Store(tmp_path / "t.db", create=True), at_the_limit(random.Random(7), 0)
    before, _ = both(store, PAIR, readings, (0, YEAR_US))
    assert store.prune(YEAR_US) > 0
    after = WindowFigures(store, "dc", PAIR, LIMIT).figure(0, YEAR_US)
    assert (before.verdict, after.verdict) == ("within", "undetermined")
    assert [doubt.kind for doubt in after.doubts] == ["rounding"]


@pytest.mark.parametrize("is_mistaken", [True, False])
def test_random_sites_get_one_verdict(tmp_path: Path, *, is_mistaken: bool) -> None:
    """Random sites, with a mistake or without, in windows that begin and end anywhere: one verdict, one reason."""
    rng = seeded(f"status {is_mistaken}")
    for number in range(count(150)):
        seed = rng.randrange(10**9)
        one = random.Random(seed)
        site = drawn_site(one)
        meters, readings = one.choice(MISTAKES)(site, one) if is_mistaken else (site.meters, plain(site))
        low = one.randint(0, 3 * 24)
        window = (low * HOUR_US, one.randint(low + 5 * 24, DAYS * 24) * HOUR_US)
        if all(meters[name].kind != "gauge" or meters[name].interval_s for name in meters):
            status, exact = both(Store(tmp_path / f"{number}.db", create=True), meters, readings, window)
            assert (status.verdict, status.coverage) == (exact.verdict, exact.coverage), seed
            assert kinds(status) == kinds(exact), seed


def standing_site(rng: random.Random) -> tuple[dict[str, MeterSpec], dict[str, list[Reading]]]:
    """An incomer, a chiller and a line, read at odd times; one of them stands still or repeats itself for some days."""
    meters = {
        name: MeterSpec.model_validate(
            {"role": role, "kind": kind, "interval_s": 20_000 if kind == "gauge" else None, "rating_w": 4_000_000}
        )
        for name, role in (("main", "total"), ("chiller", "total"), ("line", "it"))
        for kind in [rng.choice(("register", "gauge"))]
    }
    still = rng.choice(sorted(meters))
    begin = rng.randint(2 * DAY_US, 30 * DAY_US)
    end = begin + rng.randint(DAY_US, 25 * DAY_US)
    readings: dict[str, list[Reading]] = {}
    for name, watts in (("main", 1_000_000), ("chiller", 130_000), ("line", 900_000)):
        moment, level, load, is_zero = rng.randint(0, DAY_US), 0, 0, rng.random() < 0.5
        found: list[Reading] = []
        while moment < 40 * DAY_US:
            stands = name == still and begin <= moment < end
            is_gauge = meters[name].kind == "gauge"
            if not stands:
                load = watts + rng.randint(0, watts // 10)
            elif is_zero and is_gauge:
                load = 0
            found.append(Reading(None, moment, load if is_gauge else level, 0))
            step = rng.randint(1 * HOUR_US, 5 * HOUR_US)
            moment += step
            level += 0 if stands else load * step // HOUR_US
        readings[name] = found
    return meters, readings


def test_stretches_of_any_length_and_phase_get_one_verdict(tmp_path: Path) -> None:
    """A meter stands still from any moment to any other, also from before a window: one verdict, one finding."""
    rng = seeded("stretches")
    seen = 0
    for number in range(count(400)):
        seed = rng.randrange(10**9)
        one = random.Random(seed)
        meters, readings = standing_site(one)
        low = one.randint(2 * 24, 30 * 24)
        window = (low * HOUR_US, one.randint(low + 5 * 24, 39 * 24) * HOUR_US)
        status, exact = both(Store(tmp_path / f"{number}.db", create=True), meters, readings, window)
        assert (status.verdict, status.coverage) == (exact.verdict, exact.coverage), seed
        told = [[(doubt.kind, doubt.meters, doubt.start_us) for doubt in each.doubts] for each in (status, exact)]
        assert told[0] == told[1], seed
        seen += any(doubt.kind == "standing" for doubt in exact.doubts)
    assert seen
