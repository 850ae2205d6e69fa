"""The store keeps a reading once, and its sums by hour and day are those of the exact evaluation."""

import random
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zonewright.pue import MeterSpec, Reading, evaluate
from zonewright.telemetry import Appended, ConflictError, Store, stored_sums, tables
from zonewright.telemetry.correcting import Intake
from zonewright.telemetry.home import FileStatements
from zonewright.telemetry.summing import DAY_US, HOUR_US, Bin, complete_stretches

START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 10**6
REGISTER = MeterSpec(role="total", kind="register")
IT = MeterSpec(role="it", kind="register")
METERS = {"main": REGISTER, "it-1": IT}


def reading(hours: float, value: float, line: int = 0) -> Reading:
    """A reading so many hours after the begin."""
    return Reading(None, START + round(hours * HOUR_US), Fraction(str(value)), line)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "t.db", create=True)


def test_what_would_be_stored_is_told_and_not_stored(store: Store) -> None:
    """A trial says what is new and known, and refuses as the real thing does; the store stays as it is."""
    store.append("s", METERS, {"main": [reading(0, 0), reading(1, 100)]}, trust="imported")
    before = store.last("s")
    more = {"main": [reading(1, 100), reading(2, 200)], "it-1": [reading(0, 5)]}
    assert store.would_append("s", METERS, more, trust="imported") == Appended(added=2, known=1)
    with pytest.raises(ConflictError, match="another reading at the time of line 7"):
        store.would_append("s", METERS, {"main": [reading(1, 101, line=7)]}, trust="imported")
    assert store.last("s") == before
    assert store.append("s", METERS, more, trust="imported") == Appended(added=2, known=1)


def test_the_same_readings_again_change_nothing(store: Store) -> None:
    """What is sent twice is stored once, and counts once."""
    items = {"main": [reading(0, 0), reading(10, 1000)]}
    assert store.append("dc1", METERS, items, trust="imported").added == 2
    before = store.sums("dc1", START, START + DAY_US)
    assert store.append("dc1", METERS, items, trust="imported") == Appended(known=2)
    assert store.sums("dc1", START, START + DAY_US) == before
    assert before["main"].energy_mj == 1000 * 3_600_000


def test_a_contradiction_stores_nothing(store: Store) -> None:
    """Another value at a known time, or another kind of meter, is refused with the whole batch."""
    store.append("dc1", METERS, {"main": [reading(0, 0), reading(10, 1000)]}, trust="imported")
    batch = {"it-1": [reading(0, 0), reading(5, 10)], "main": [reading(10, 1001, line=7)]}
    with pytest.raises(ConflictError, match="line 7"):
        store.append("dc1", METERS, batch, trust="imported")
    assert "it-1" not in store.last("dc1")
    gauge = {"main": MeterSpec(role="total", kind="gauge", interval_s=60)}
    with pytest.raises(ConflictError, match="stored as a register"):
        store.append("dc1", gauge, {"main": [reading(20, 5)]}, trust="imported")
    with pytest.raises(ConflictError, match="six decimals"):
        store.append("dc1", METERS, {"main": [Reading(None, START + DAY_US, Fraction(1, 3), 9)]}, trust="imported")


def test_a_step_over_many_years_is_refused(store: Store) -> None:
    """A reading of 1970 beside others makes no row for each hour since; neither does an interval, or a correction."""
    store.append("dc1", METERS, {"main": [reading(10, 10)]}, trust="imported")
    words = "has one step from 1970-01-01 to 2026-01-01, more than 10 years"
    old = {"main": [Reading(None, time_us, 5, 1) for time_us in (1, 2)]}
    with pytest.raises(ConflictError, match=words):
        store.append("dc1", METERS, old, trust="imported")
    with pytest.raises(ConflictError, match=words):
        store.correct("dc1", METERS, old, Intake(kind="corrected", by="anna", reason="misread"), trust="imported")
    spans = {"gas": MeterSpec(role="total", kind="interval")}
    with pytest.raises(ConflictError, match=words):
        store.append("dc1", spans, {"gas": [Reading(1, START, 5, 1)]}, trust="imported")
    assert store.last("dc1") == {"main": (START + 10 * HOUR_US, "imported")}


def test_more_than_the_sum_of_a_day_holds_is_refused(store: Store) -> None:
    """An hour of 400 GWh is another unit or garbage: a sentence names it, and what an older store has of it, too."""
    store.append("dc1", METERS, {"main": [reading(0, 0), reading(1, 10)]}, trust="imported")
    words = "would have 400 GWh in the hour from 2026-01-01T01:00Z, and a sum holds 106 GWh an hour"
    with pytest.raises(ConflictError, match=words):
        store.append("dc1", METERS, {"main": [reading(2, 4e11 + 10)]}, trust="imported")
    store.append("dc1", METERS, {"main": [reading(2, 1e11 + 10)]}, trust="imported")
    assert store.days("dc1", START, START + DAY_US)["main"] == [Bin(START, (10**11 + 10) * 3_600_000, 2 * HOUR_US)]
    with store.writing() as connection:
        connection.execute("update hourly set energy_mj = ? where begin_us = ?", (2**62, START))
    with pytest.raises(ConflictError, match="would have 1,281 GWh in the hour from 2026-01-01T00:00Z"):
        store.append("dc1", METERS, {"main": [reading(5, 1e11 + 20)]}, trust="imported")


def test_sites_are_kept_apart(store: Store) -> None:
    """Meters of one name at two sites are two meters."""
    store.append("dc1", METERS, {"main": [reading(0, 0), reading(1, 10)]}, trust="imported")
    store.append("dc2", METERS, {"main": [reading(0, 0), reading(1, 99)]}, trust="authenticated")
    assert store.sums("dc1", START, START + HOUR_US)["main"].energy_mj == 10 * 3_600_000
    assert store.trusts("dc1") == {"imported"}
    assert store.last("dc2") == {"main": (START + HOUR_US, "authenticated")}


def test_no_store_is_said(tmp_path: Path) -> None:
    """A file that is not there is not made by reading it."""
    with pytest.raises(FileNotFoundError):
        Store(tmp_path / "none.db")


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=st.integers(0, 10**6))
def test_sums_are_those_of_the_exact_evaluation(
    data: st.DataObject, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However readings are cut into batches and in whatever order these come, sums over any hours are exact."""
    level = 0
    items: list[Reading] = []
    minute = 0
    # It never stands still: what stands still may be unknown to an evaluation, which is not the store's to judge.
    for step, more in data.draw(
        st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 10**7)), min_size=2, max_size=25)
    ):
        minute += step
        level += more
        items.append(reading(minute / 60, level))
    store = Store(tmp_path_factory.mktemp("store") / "t.db", create=True)
    rest = items[:]
    batches = []
    shuffled = random.Random(seed)
    while rest:
        size = shuffled.randint(1, len(rest))
        batches.append(rest[:size])
        rest = rest[size:]
    shuffled.shuffle(batches)
    for batch in batches:
        store.append("dc1", METERS, {"main": batch}, trust="imported")
    first, last = items[0].time_us // HOUR_US, -(-items[-1].time_us // HOUR_US)
    low = data.draw(st.integers(first, last - 1))
    high = data.draw(st.integers(low + 1, last))
    window = (low * HOUR_US, high * HOUR_US)
    meters = {"main": REGISTER, "it-1": IT}
    exact = evaluate(
        meters,
        {"main": items, "it-1": [Reading(None, 0, Fraction(0), 0), Reading(None, 2**60, Fraction(1), 0)]},
        start_us=window[0],
        end_us=window[1],
        limit=Fraction(5, 4),
    )
    found = store.sums("dc1", *window)["main"]
    assert abs(found.energy_mj - exact.energy_total_wh * 3_600_000) <= len(items) + 1
    assert Fraction(found.covered_us, window[1] - window[0]) == exact.coverage


def test_hours_add_up_to_days(store: Store, tmp_path: Path) -> None:
    """The two tables of sums always agree, to the millijoule."""
    items = [reading(hours, 7919 * hours) for hours in (0, 0.3, 5.7, 23.99, 24.01, 71, 100.5)]
    store.append("dc1", METERS, {"main": items}, trust="imported")
    with sqlite3.connect(tmp_path / "t.db") as connection:
        hourly = connection.execute("select sum(energy_mj), sum(covered_us) from hourly").fetchone()
        daily = connection.execute("select sum(energy_mj), sum(covered_us) from daily").fetchone()
    connection.close()
    assert hourly == daily
    assert daily[1] == round(100.5 * HOUR_US)


@given(
    st.dictionaries(st.integers(0, 30), st.sampled_from([HOUR_US, HOUR_US, HOUR_US, HOUR_US - 1])),
    st.sets(st.integers(0, 31)),
    st.integers(0, 15),
    st.integers(16, 32),
)
@example(dict.fromkeys(range(6), HOUR_US), {0, 2, 3, 5}, 0, 16)
def test_the_database_finds_the_runs(covered: dict[int, int], partial: set[int], low: int, high: int) -> None:
    """Runs of hours that the database finds are those that are found by looking at each hour."""
    bins = [Bin(hour * HOUR_US, 7, known) for hour, known in sorted(covered.items())]
    left, within = {hour * HOUR_US for hour in partial}, (low * HOUR_US, high * HOUR_US)
    with closing(sqlite3.connect(":memory:", factory=FileStatements)) as connection:
        connection.executescript(tables.SCHEMA)
        connection.executemany("insert into hourly values (1, ?, ?, ?)", bins)
        connection.execute("insert into hourly values (2, 0, 7, ?)", (HOUR_US,))  # another meter's
        found = list(stored_sums._without(stored_sums._known_throughout(connection, 1, *within), left))
    assert found == complete_stretches([one for one in bins if within[0] <= one.begin_us < within[1]], within[1], left)


def test_a_rating_that_is_declared_later_counts_for_what_was_stored(store: Store) -> None:
    """Sums made under another declaration of a meter are made again; a value beyond its rating is no energy then."""
    gauge = MeterSpec(role="it", kind="gauge", interval_s=3600)
    items = [Reading(None, START + hour * HOUR_US, Fraction(10**9 if hour == 5 else 500), 0) for hour in range(25)]
    store.append("dc1", {"it-1": gauge}, {"it-1": items}, trust="imported")
    assert store.sums("dc1", START, START + DAY_US)["it-1"].covered_us == DAY_US
    rated = {"it-1": gauge.model_copy(update={"rating_w": 1_000})}
    store.refresh("dc1", rated)
    found = store.sums("dc1", START, START + DAY_US)["it-1"]
    assert (found.covered_us, found.energy_mj) == (22 * HOUR_US, 22 * 500 * 3_600_000)
    store.refresh("dc1", {"it-1": gauge})
    assert store.sums("dc1", START, START + DAY_US)["it-1"].covered_us == DAY_US


def test_an_older_store_forgets_what_it_took_for_energy(tmp_path: Path) -> None:
    """A store of before the doubt has sums of a rise that only undoes a drop; opened now, they are made again."""
    path = tmp_path / "t.db"
    items = [reading(0, 900_000), reading(1, 900_010), reading(2, 0), reading(3, 900_020), reading(4, 900_030)]
    Store(path, create=True).append("dc1", METERS, {"main": items}, trust="imported")
    with sqlite3.connect(path) as connection:
        wrong = (1, START + 2 * HOUR_US, 900_020 * 3_600_000, HOUR_US)
        connection.execute("insert or replace into hourly values (?, ?, ?, ?)", wrong)
        connection.execute("drop table dip")
        connection.execute("alter table meter drop column spec")
        connection.execute("pragma user_version = 2")
    connection.close()
    store = Store(path)
    assert store.sums("dc1", START, START + 4 * HOUR_US)["main"].covered_us == 3 * HOUR_US
    store.refresh("dc1", METERS)
    found = store.sums("dc1", START, START + 4 * HOUR_US)["main"]
    assert (found.covered_us, found.energy_mj) == (2 * HOUR_US, 20 * 3_600_000)


def test_an_older_store_is_upgraded_by_several_at_once(tmp_path: Path) -> None:
    """Many who open an older store in the same moment all get it; the first upgrades it, the others wait."""
    for number in range(10):
        path = tmp_path / f"{number}.db"
        Store(path, create=True).append("dc1", METERS, {"main": [reading(0, 0), reading(2, 10)]}, trust="imported")
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("alter table meter drop column spec")
            connection.execute("alter table intake drop column map")
            connection.execute("pragma user_version = 2")
        start = Barrier(6)
        with ThreadPoolExecutor(6) as pool:
            opened = [pool.submit(lambda: (start.wait(), Store(path))[1]) for _ in range(6)]  # noqa: B023 - awaited here
        for one in opened:
            assert one.result().sums("dc1", START, START + HOUR_US)["main"].covered_us == HOUR_US
        late = Intake(kind="imported", by="anna", map_digest="sha256:1")
        Store(path).append("dc1", METERS, {"main": [reading(3, 11)]}, trust="imported", intake=late)


def test_readings_under_another_declaration_are_summed_up_again_before_they_go(store: Store) -> None:
    """A rating that comes with later readings judges the earlier ones too, and none is removed before it did."""
    store.append("dc1", METERS, {"main": [reading(0, 0), reading(1, 9_000_000)]}, trust="imported")
    rated = {"main": REGISTER.model_copy(update={"rating_w": 1_000})}
    store.append("dc1", rated, {"main": [reading(hour, 9_000_000 + hour) for hour in range(2, 9)]}, trust="imported")
    assert store.prune(START + DAY_US) == 0
    store.refresh("dc1", rated)
    assert store.sums("dc1", START, START + DAY_US)["main"].covered_us == 7 * HOUR_US
    assert store.prune(START + DAY_US) > 0
