"""What every store of readings promises: on SQLite, in memory, and with its hours in a time-series database."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from fractions import Fraction
from itertools import permutations
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.memory_store import MemoryStore
from support.memory_tsdb import FarStore, MemoryTsdb
from support.readings import METERS, MINUTE_US, START, at, drawn, month, series
from support.soak import is_full
from zonewright.model import Site
from zonewright.model.base import TrustClass
from zonewright.model.world import Measured
from zonewright.pue import Reading, evaluate
from zonewright.pue.evaluation import Figure
from zonewright.pue.readings import MICROSECOND
from zonewright.telemetry import Appended, ConflictError, ReadingStore, Store
from zonewright.telemetry.figures import Terms, measured
from zonewright.telemetry.site_meters import meters_of
from zonewright.telemetry.summing import DAY_US, HOUR_US

LIMIT = Fraction(5, 4)
LIVE: TrustClass = "authenticated"
"""Only live readings may lie elsewhere."""
Make = Callable[[Path], ReadingStore]


def _sqlite(folder: Path) -> ReadingStore:
    return Store(folder / "t.db", create=True)


def _memory(_folder: Path) -> ReadingStore:
    return MemoryStore()


def _far(folder: Path) -> ReadingStore:
    folder.mkdir(exist_ok=True)
    return FarStore(folder, MemoryTsdb())


@pytest.fixture(params=[_sqlite, _memory, _far], ids=["sqlite", "memory", "tsdb"])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes an empty store."""
    found: Make = request.param
    return found


def figure(store: ReadingStore, start_us: int, end_us: int) -> Figure:
    """The figure of a window from the readings, as the gate falls back to them."""
    found = store.readings("dc1", start_us, end_us)
    return evaluate(METERS, found, start_us=start_us, end_us=end_us, limit=LIMIT)


def assert_alike(one: Figure, two: Figure, *, count: int) -> None:
    """Same coverage and verdict to the last digit; energies and bounds within a millijoule for each hour or reading."""
    assert (one.coverage, one.verdict, one.period) == (two.coverage, two.verdict, two.period)
    tolerance = Fraction(count + 1, 3_600_000)
    assert abs(one.energy_total_wh - two.energy_total_wh) <= tolerance
    assert abs(one.energy_it_wh - two.energy_it_wh) <= tolerance
    for low, high in ((one.low, two.low), (one.high, two.high)):
        assert (low is None) == (high is None)
        assert low is None or high is None or abs(low - high) < Fraction(1, 10**6)


def assert_same_sums(one: ReadingStore, two: ReadingStore, window: tuple[int, int], *, tolerance_mj: int) -> None:
    """The same time is covered by both, with the same energy but for what rounding to millijoules gives."""
    first, second = one.sums("dc1", *window), two.sums("dc1", *window)
    assert first.keys() == second.keys()
    for name, found in first.items():
        assert found.covered_us == second[name].covered_us
        assert abs(found.energy_mj - second[name].energy_mj) <= tolerance_mj


def test_a_reading_is_kept_once(make: Make, tmp_path: Path) -> None:
    """What is sent twice is stored once and counts once; more of it adds only what is new."""
    store, items = make(tmp_path), series("main", [0, 60, 120])
    assert store.append("dc1", METERS, {"main": items[:2]}, trust=LIVE) == Appended(added=2)
    assert store.append("dc1", METERS, {"main": items}, trust=LIVE) == Appended(added=1, known=2)
    assert store.sums("dc1", START, START + 2 * HOUR_US)["main"].energy_mj == 120 * 500 * 3_600_000
    assert store.sums("dc2", START, START + 2 * HOUR_US) == {}


@pytest.mark.parametrize(
    ("meter", "first", "second"),
    [
        ("main", at(60, 100), at(60, 101, line=7)),
        ("gas", at(60, 100, length=60), at(60, 100, length=30, line=7)),
        ("gas", at(60, 100, length=60), at(90, 100, length=60, line=7)),
        ("gas", at(90, 100, length=60), at(40, 100, length=30, line=7)),
        ("main", at(60, 100), Reading(None, START, Fraction(1, 3), 7)),
    ],
)
def test_a_contradiction_stores_nothing(
    make: Make, tmp_path: Path, meter: str, first: Reading, second: Reading
) -> None:
    """Another value at a known time, overlapping intervals, or what is no decimal: all or nothing, of all meters."""
    store = make(tmp_path)
    store.append("dc1", METERS, {meter: [first]}, trust=LIVE)
    with pytest.raises(ConflictError):
        store.append("dc1", METERS, {"it-2": [at(0, 5)], meter: [second]}, trust=LIVE)
    assert store.last("dc1") == {meter: (first.time_us, LIVE)}
    assert store.trusts("dc1") == {LIVE}
    with pytest.raises(ConflictError):
        store.append("dc1", {meter: METERS["it-2"]}, {meter: [at(200, 5)]}, trust=LIVE)


def test_trust_decides_between_readings_of_one_time(make: Make, tmp_path: Path) -> None:
    """In whatever order two readings of one time come, the more trusted one counts; a meter beside it is untouched."""
    values: tuple[tuple[int, TrustClass], ...] = ((100, "imported"), (103, "authenticated"), (101, "signed"))
    for number, order in enumerate(permutations(values)):
        store = make(tmp_path / str(number))
        store.append("dc1", METERS, {"main": [at(0, 0)]}, trust="signed")
        store.append("dc1", METERS, {"it-2": [at(60, 5)]}, trust="imported")
        for _ in range(2):
            for value, trust in order:
                store.append("dc1", METERS, {"main": [at(60, value)]}, trust=trust)
        assert store.last("dc1")["it-2"] == (START + HOUR_US, "imported")
        assert store.last("dc1")["main"] == (START + HOUR_US, "signed")
        assert store.trusts("dc1") == {"imported", "signed"}
        assert store.sums("dc1", START, START + HOUR_US)["main"].energy_mj == 101 * 3_600_000


def test_a_value_that_is_confirmed_has_the_higher_trust(make: Make, tmp_path: Path) -> None:
    """The same reading from a meter's agent raises the trust of an imported one, and never lowers it."""
    store = make(tmp_path)
    store.append("dc1", METERS, {"main": [at(0, 5)]}, trust="imported")
    assert store.append("dc1", METERS, {"main": [at(0, 5)]}, trust="authenticated") == Appended(known=1, raised=1)
    assert store.append("dc1", METERS, {"main": [at(0, 5)]}, trust="imported") == Appended(known=1)
    assert store.trusts("dc1") == {"authenticated"}


def test_removed_readings_change_no_figure(make: Make, tmp_path: Path) -> None:
    """Whatever is removed, windows before, within and across it keep sums, coverage and verdict; gaps stay gaps."""
    store, items = make(tmp_path), month()
    store.append("dc1", METERS, items, trust=LIVE)
    windows = [
        (START + low * HOUR_US, START + high * HOUR_US) for low, high in ((0, 720), (1, 99), (90, 500), (600, 719))
    ]
    before = {
        (low, high): (store.sums("dc1", low, high), evaluate(METERS, items, start_us=low, end_us=high, limit=LIMIT))
        for low, high in windows
    }
    last, count = store.last("dc1"), sum(map(len, items.values()))
    for window, (_, known) in before.items():
        assert_alike(figure(store, *window), known, count=count)
    removed = store.prune(START + 25 * DAY_US + 1)
    assert 0.7 * count < removed < count
    for window, (sums, known) in before.items():
        assert store.sums("dc1", *window) == sums
        assert_alike(figure(store, *window), known, count=count)
    assert store.last("dc1") == last
    assert store.trusts("dc1") == {LIVE}
    assert store.prune(START + 25 * DAY_US + 1) == 0


def test_a_window_may_begin_within_an_hour(make: Make, tmp_path: Path) -> None:
    """Where the readings are still there, a window of minutes is as exact as one of hours."""
    store, items = make(tmp_path), month()
    store.append("dc1", METERS, items, trust=LIVE)
    for low, high in ((61, 90 * 60 + 7), (99 * 60 + 30, 140 * 60 + 1)):
        window = (START + low * MINUTE_US, START + high * MINUTE_US)
        exact = evaluate(METERS, items, start_us=window[0], end_us=window[1], limit=LIMIT)
        assert_alike(figure(store, *window), exact, count=1000)


def test_removed_readings_are_known_when_they_come_again(make: Make, tmp_path: Path) -> None:
    """The same file again after a removal adds nothing and changes nothing."""
    store, items = make(tmp_path), month()
    store.append("dc1", METERS, items, trust=LIVE)
    store.prune(START + 20 * DAY_US)
    window = (START, START + 30 * DAY_US)
    before = store.sums("dc1", *window), figure(store, *window)
    done = store.append("dc1", METERS, items, trust=LIVE)
    assert done.added == 0
    assert done.summed > 0
    assert (store.sums("dc1", *window), figure(store, *window)) == before


def test_what_comes_after_a_removal_counts_on(make: Make, tmp_path: Path) -> None:
    """New readings, and late ones for a gap, add the same energy whether older readings were removed or not."""
    kept, pruned = make(tmp_path / "kept"), make(tmp_path / "pruned")
    items = month()
    late = {"it-2": series("it-2", range(60 * 110, 60 * 120, 15))}
    after = {name: series(name, range(30 * 1440, 32 * 1440, step)) for name, step in (("main", 20), ("it-1", 20))}
    for store in (kept, pruned):
        store.append("dc1", METERS, items, trust=LIVE)
    assert pruned.prune(START + 60 * DAY_US) > 0
    for store in (kept, pruned):
        assert store.append("dc1", METERS, late, trust=LIVE).added == 40
        store.append("dc1", METERS, after, trust="signed")
    for low, high in ((0, 32 * 24), (90, 140), (700, 768)):
        window = (START + low * HOUR_US, START + high * HOUR_US)
        assert_same_sums(kept, pruned, window, tolerance_mj=3)
    assert kept.last("dc1") == pruned.last("dc1")
    assert pruned.trusts("dc1") == {LIVE, "signed"}


@settings(
    max_examples=400 if is_full() else 12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_removal_changes_no_figure(
    make: Make, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever was read, removed and read later: a store that was pruned agrees with one that was not."""
    kept, pruned = (make(tmp_path_factory.mktemp("store")) for _ in range(2))
    items: Mapping[str, list[Reading]] = {name: drawn(data, name) for name in METERS}
    cuts = {name: data.draw(st.integers(1, len(one)), label=name) for name, one in items.items()}
    for store in (kept, pruned):
        store.append("dc1", METERS, {name: one[: cuts[name]] for name, one in items.items()}, trust=LIVE)
    hours = [one.time_us // HOUR_US for each in items.values() for one in each]
    until = min(one[cuts[name] - 1].time_us // HOUR_US for name, one in items.items())
    for _ in range(2):
        pruned.prune(data.draw(st.integers(min(*hours, until) - 1, until)) * HOUR_US + 17)
    for store in (kept, pruned):
        store.append("dc1", METERS, {name: one[cuts[name] :] for name, one in items.items()}, trust=LIVE)
    low = data.draw(st.integers(min(hours) - 1, max(hours) - 1))
    window = (low * HOUR_US, data.draw(st.integers(low + 1, max(hours) + 2)) * HOUR_US)
    count = sum(map(len, items.values()))
    assert_same_sums(kept, pruned, window, tolerance_mj=count)
    span = (window[1] - window[0]) // HOUR_US
    exact = evaluate(METERS, items, start_us=window[0], end_us=window[1], limit=LIMIT)
    for store in (kept, pruned):
        assert_alike(figure(store, *window), exact, count=count + 4 * span)


def test_the_gates_figure_survives_a_removal(tmp_path: Path) -> None:
    """Trailing twelve months with a gap that bounds still decide: determined before readings are removed, and after.

    On SQLite alone: a year in the store in memory takes seconds, and months there are above.
    """
    names = {"utility": "utility", "ups": "ups-output"}
    meters = {
        name: {"point": point, "kind": "gauge", "interval_s": 3600, "rating_w": 1_500_000}
        for name, point in names.items()
    }
    boundary = {"category": "PUE1", "facility": ["utility"], "it": ["ups"]}
    site = Site.model_validate({"title": "dc", "district": "north", "meters": meters, "boundary": boundary})
    watts = {"utility": 1_100_000, "ups": 1_000_000}
    hours = [hour for hour in range(367 * 24) if not 1000 < hour < 1048]  # two days of a year are missing
    readings = {name: [at(60 * hour, watt) for hour in hours] for name, watt in watts.items()}
    store = _sqlite(tmp_path)
    store.append("dc1", meters_of(site), readings, trust=LIVE)
    now = datetime(2027, 1, 3, 0, 0, tzinfo=UTC)
    terms = Terms(limit=Fraction(5, 4), trusted=frozenset({LIVE}), max_age_days=7)

    def figures() -> Measured | None:
        return measured(cast("Store", store), "dc1", site, now=now, terms=terms, model=None)

    before = figures()
    assert before is not None
    assert (before.trailing, before.trailing_ratio) == ("within", Fraction(11, 10))
    assert before.coverage is not None
    assert before.coverage < 1
    assert store.prune((now - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND - 90 * DAY_US) > 10_000
    assert figures() == before
