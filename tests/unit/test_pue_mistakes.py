"""No ordinary mistake of units, roles or signs makes a figure "within" where the truth is a breach."""

import random
from collections.abc import Mapping, Sequence

import pytest

from support.random_sites import DAY_US, DAYS, LIMIT, MISTAKES, drawn_site, plain
from support.soak import count, is_full, seeded
from zonewright.pue import MeterSpec, Reading, evaluate
from zonewright.pue.evaluation import Figure


def figure(meters: Mapping[str, MeterSpec], readings: Mapping[str, Sequence[Reading]]) -> Figure:
    """Of the whole time."""
    return evaluate(meters, readings, start_us=0, end_us=DAYS * DAY_US, limit=LIMIT)


def try_sites(first: int, count: int) -> list[str]:
    """Sites, each with one mistake: those that end "within", by seed."""
    found = []
    for seed in range(first, first + count):
        rng = random.Random(seed)
        site, mistake = drawn_site(rng), rng.choice(MISTAKES)
        if figure(*mistake(site, rng)).verdict == "within":
            found.append(f"seed {seed}, {mistake.__name__}")
    return found


@pytest.mark.soak
def test_no_mistake_ends_within() -> None:
    """Of random sites beyond the limit, each with one mistake, none ends within: 10,000 in a soak, 300 else."""
    first = seeded("mistakes").randrange(10**9)
    assert try_sites(first, 10_000 if is_full() else 300) == [], f"sites from seed {first} on"


@pytest.mark.parametrize("first", [1, 2, 3])
def test_random_sites_are_judged_right_without_a_mistake(first: int) -> None:
    """The same sites without a mistake are a breach without a finding, so that the other test shows something."""
    for seed in range(first * 1_000, first * 1_000 + 15):
        site = drawn_site(random.Random(seed))
        found = figure(site.meters, plain(site))
        assert (found.verdict, found.doubts) == ("breach", ()), seed


def test_knowing_more_never_widens_bounds() -> None:
    """A reading more of a register or an interval widens no bounds, unless a finding names what contradicts.

    (A sample more of a gauge moves the mean between its neighbours, and the bounds with it.)
    """
    rng = seeded("bounds")
    for _ in range(count(400)):
        seed = rng.randrange(10**9)
        one = random.Random(seed)
        site = drawn_site(one)
        meters = {
            name: meter.model_copy(update={"rating_w": 4 * max(24, *site.days[name]) // 24})
            for name, meter in site.meters.items()
        }
        readings = plain(site) if one.random() < 0.5 else one.choice(MISTAKES)(site, one)[1]
        readings = {name: [item for item in items if one.random() < 0.8] for name, items in readings.items()}
        exact = [name for name, items in readings.items() if items and meters[name].kind != "gauge"]
        if not exact:
            continue
        name = one.choice(exact)
        index = one.randrange(len(readings[name]))
        less = {**readings, name: [*readings[name][:index], *readings[name][index + 1 :]]}
        before, after = figure(meters, less), figure(meters, readings)
        if {doubt.sentence for doubt in after.doubts} <= {doubt.sentence for doubt in before.doubts}:
            assert before.low is None or (after.low is not None and after.low >= before.low), seed
            assert before.high is None or (after.high is not None and after.high <= before.high), seed


def test_several_meters_in_kilowatt_hours_are_doubted_together() -> None:
    """Two chillers in kWh beside an incomer in Wh: neither alone takes the ratio beyond the limit, and both do."""
    meters = {name: MeterSpec(role="total", kind="interval") for name in ("main", "chiller-a", "chiller-b")}
    meters["it"] = MeterSpec(role="it", kind="interval")
    energies = {"main": 1_050_000, "chiller-a": 120, "chiller-b": 120, "it": 1_000_000}
    readings = {name: [Reading(0, DAYS * DAY_US, energy, 0)] for name, energy in energies.items()}
    found = figure(meters, readings)
    assert found.verdict == "undetermined"
    assert [(one.kind, one.meters, one.decides) for one in found.doubts] == [("unit", ("chiller-a", "chiller-b"), True)]
    assert "in kWh, the ratio is 1.2900" in found.doubts[0].sentence
    readings["chiller-b"] = [Reading(0, DAYS * DAY_US, 60, 0)]
    assert figure(meters, readings).verdict == "within", "1.2301 in kWh is below the limit as well"


def test_a_meter_that_changes_its_unit_is_judged_by_all_that_it_counted_since() -> None:
    """A chiller in kWh from day 6 on takes 1.256 to 1.184: no day of it does alone, and a change back is no other."""
    meters = {name: MeterSpec(role="total", kind="interval") for name in ("main", "chiller")}
    meters["it"] = MeterSpec(role="it", kind="interval")
    daily = {"main": 1_130_000, "chiller": 126_000, "it": 1_000_000}

    def shown(wrong: Mapping[str, range]) -> Figure:
        readings = {
            name: [
                Reading(day * DAY_US, (day + 1) * DAY_US, wh // (1_000 if day in wrong.get(name, ()) else 1), 0)
                for day in range(DAYS)
            ]
            for name, wh in daily.items()
        }
        return figure(meters, readings)

    found = shown({"chiller": range(6, DAYS)})
    steps = [(one.kind, one.start_us, one.end_us, one.decides) for one in found.doubts]
    assert (found.verdict, steps) == ("undetermined", [("unit", 6 * DAY_US, DAYS * DAY_US, True)])
    twice = shown({"chiller": range(2, 6)})
    assert [(one.start_us, one.end_us) for one in twice.doubts] == [(2 * DAY_US, 6 * DAY_US)]
    daily |= {"main": 1_000_000, "chiller": 126_000, "pumps": 130_000}
    meters["pumps"] = meters["chiller"]
    both = shown({"chiller": range(6, DAYS), "pumps": range(6, DAYS)})
    assert both.verdict == "undetermined", "together they are 1.256, and neither alone is beyond the limit"
    assert {one.meters for one in both.doubts if one.decides} == {("chiller",), ("pumps",)}
