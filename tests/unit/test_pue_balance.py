"""Balances of meters: what parts take is at most what their level gives, within a tolerance of classes and level."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from zonewright.model import Site
from zonewright.model.world import Measured
from zonewright.pue import Reading
from zonewright.pue.balance import ADDED, Metered, MeterLevel, imbalances, tolerance_percent
from zonewright.telemetry import Store
from zonewright.telemetry.figures import Terms, measured
from zonewright.telemetry.site_meters import all_meters_of

NOW = datetime(2026, 6, 3, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
POINTS = {
    "grid": "utility",
    "ups": "ups-output",
    "pdu-1": "pdu-output",
    "pdu-2": "pdu-output",
    "host-1": "server-input",
}
DAY_WH = {"grid": 30_000_000, "ups": 25_000_000, "pdu-1": 12_000_000, "pdu-2": 12_300_000, "host-1": 11_000_000}


def site(it: tuple[str, ...] = ("ups",)) -> Site:
    """A site with meters of each level; the boundary has the incomer and some others."""
    meters = {name: {"point": point, "accuracy_class": 0.5, "rating_w": 5_000_000} for name, point in POINTS.items()}
    boundary = {"category": "PUE1", "facility": ["grid"], "it": list(it)}
    return Site.model_validate({"title": "dc", "district": "north", "meters": meters, "boundary": boundary})


def found(
    tmp_path: Path,
    days: Mapping[str, int],
    it: tuple[str, ...] = ("ups",),
    *,
    since: int = 0,
    wrong: float = 1,
    of: str = "",
    percent: float | None = None,
) -> Measured:
    """What is measured when each meter counts so much a day, and one of them another amount from a day on."""
    store, meters = Store(tmp_path / "t.db", create=True), all_meters_of(site(it))
    begin = NOW - timedelta(days=380)
    readings = {}
    for name in meters:
        level, items = 0, []
        for day in range(381):
            moment = (begin + timedelta(days=day) - EPOCH) // timedelta(microseconds=1)
            items.append(Reading(None, moment, Fraction(level), 0))
            level += round(days[name] * (wrong if name == of and day >= since else 1))
        readings[name] = items
    store.append("dc", meters, readings, trust="imported")
    terms = Terms(limit=Fraction(5, 4), trusted=frozenset({"imported"}), max_age_days=7, balance_percent=percent)
    one = measured(store, "dc", site(it), now=NOW, terms=terms, model=None)
    assert one is not None
    return one


def test_meters_that_agree_have_no_finding(tmp_path: Path) -> None:
    """Losses from level to level are ordinary, and figures with such meters are what they are without."""
    one = found(tmp_path, DAY_WH)
    assert (one.trailing, one.findings) == ("within", ())


@pytest.mark.parametrize(
    ("of", "wrong", "it", "verdict", "words"),
    [
        ("pdu-1", 1.2, ("pdu-1", "pdu-2"), "undetermined", "pdu-1, pdu-2 (pdu-output) took"),  # it drifts, fed twice
        ("pdu-1", 1.2, ("ups",), "breach", "pdu-1, pdu-2 (pdu-output) took"),  # the ratio is not better for it
        ("ups", 0.9, ("ups",), "breach", "more than ups (ups-output) gave"),  # it reads too little: ratio too high
        ("pdu-2", 0.0, ("ups",), "within", ""),  # it stands still: nothing says that it should not
        ("host-1", 3.0, ("ups",), "within", "host-1 (server-input) took"),
        ("ups", 0.0, ("pdu-1", "pdu-2"), "within", "took energy and ups (ups-output) gave nothing"),  # no part of it
        ("grid", 0.8, ("ups",), "undetermined", "which cannot be"),
    ],
)
def test_what_does_not_close_is_named(  # noqa: PLR0917 - one row of a table
    tmp_path: Path, of: str, wrong: float, it: tuple[str, ...], verdict: str, words: str
) -> None:
    """A meter that is wrong from a day on is in a finding, which decides only where the ratio would be lower by it."""
    days = DAY_WH if verdict != "breach" else {**DAY_WH, "grid": 33_000_000}
    one = found(tmp_path, days, it, since=280, wrong=wrong, of=of)
    assert one.trailing == verdict
    assert (words in one.findings[0]) if words else one.findings == ()
    assert ("took" in one.reason) == (verdict == "undetermined")


def test_a_pack_tightens_the_tolerance(tmp_path: Path) -> None:
    """One percent more than the level gave is a finding only where the zone's pack allows less."""
    assert found(tmp_path, {**DAY_WH, "pdu-1": 12_900_000}).findings == ()
    tight = found(tmp_path / "tight", {**DAY_WH, "pdu-1": 12_900_000}, percent=0.4)
    assert "tolerance 0.4 %" in tight.findings[0]


@pytest.mark.parametrize(
    ("accuracy", "level", "percent"),
    [(0.2, "in", 0.83), (0.5, "in", 1.32), (1.0, "ups-output", 2.13), (2.0, "pdu-output", 5.27)],
)
def test_the_table_of_tolerances(accuracy: float, level: MeterLevel, percent: float) -> None:
    """One meter on each side: 1.633 times the class, and what the level adds, as the page on findings says."""
    side = [Metered(name="a", energy=Fraction(100), accuracy_class=accuracy)]
    assert abs(tolerance_percent(level, side, side, None) - percent) < 0.005
    assert tolerance_percent(level, side, side, 0.1) == 0.1
    assert ADDED["server-input"] == 0


def test_a_level_without_meters_is_passed_over() -> None:
    """Hosts are compared with what comes in where nothing between is metered; exactly at the tolerance is good."""

    def levels(hosts: str) -> dict[MeterLevel, list[Metered]]:
        return {
            "in": [Metered(name="grid", energy=Fraction(100), accuracy_class=0.0)],
            "server-input": [Metered(name="host", energy=Fraction(hosts), accuracy_class=0.0)],
        }

    assert list(imbalances(levels("100.5"))) == []
    (one,) = imbalances(levels("100.501"))
    assert (one.upper, one.lower) == ("in", "server-input")
