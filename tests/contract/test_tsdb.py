"""Readings in a time-series database: exact in real ones, undetermined where one answers late, half, wrong or not."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from support.memory_tsdb import FarStore, MemoryTsdb
from support.readings import METERS, START, at, month
from support.tsdb_servers import SERVERS
from support.zone_project import REPOSITORY
from zonewright.audit.evidence.replay import put_site
from zonewright.cli import main
from zonewright.cli.bring import site_meters
from zonewright.ledger.deciding import measuring
from zonewright.ledger.deciding.snapshot import readings_of
from zonewright.ledger.protocol.errors import LedgerUnavailableError
from zonewright.model import Site
from zonewright.model.base import TrustClass
from zonewright.model.metering import MeterSource
from zonewright.model.world import Measured
from zonewright.pue.readings import MICROSECOND, Reading
from zonewright.server.moving import MovingReadings
from zonewright.telemetry import Store
from zonewright.telemetry.correcting import Intake
from zonewright.telemetry.delivering import mark
from zonewright.telemetry.feeding import Fed, _append
from zonewright.telemetry.figures import Terms, measured
from zonewright.telemetry.home import TsdbFaultError
from zonewright.telemetry.interface import ConflictError
from zonewright.telemetry.live import Binding
from zonewright.telemetry.lost_hours import decided_hours, still_lost
from zonewright.telemetry.noting import JournalNote
from zonewright.telemetry.registers import registers
from zonewright.telemetry.site_meters import meters_of
from zonewright.telemetry.summing import DAY_US, HOUR_US
from zonewright.telemetry.tables import readings_file, settings_path
from zonewright.telemetry.tsdb.client import HttpTsdb
from zonewright.telemetry.tsdb.hours import FarRow, fits, rows_of, series_of
from zonewright.telemetry.tsdb.interface import MOST_VALUE, TimeSeries, Tsdb
from zonewright.telemetry.tsdb.losing import give_up
from zonewright.telemetry.tsdb.moving import move
from zonewright.telemetry.tsdb.returning import take_back
from zonewright.telemetry.tsdb.settings import TsdbFileError, read_settings
from zonewright.telemetry.unsigned import signed_ends

LIVE: TrustClass = "authenticated"
SIGNED: TrustClass = "signed"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START_MS = START // 1_000
LABELS = {"__name__": "zonewright_reading_micro", "store": 'a "quoted\\ name', "meter_id": "1"}
IMPORT = Intake(kind="imported", by="anna", reason="")


def of(url: str) -> HttpTsdb:
    """A client of a server."""
    return HttpTsdb(f"{url}/api/v1/write", f"{url}/api/v1/query", timeout_s=60)


@pytest.fixture(name="tsdb", params=["memory", *SERVERS])
def _tsdb(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tsdb]:
    """Each of the databases, empty."""
    if request.param == "memory":
        yield MemoryTsdb()
        return
    with SERVERS[request.param](tmp_path) as url:
        yield of(url)


def hours_of(days: int) -> dict[str, list[Reading]]:
    """Readings of some days with odd microseconds, millionths and intervals, as of agents, and one of 20 GWh."""
    found = {name: [one for one in items if one.time_us < START + days * DAY_US] for name, items in month().items()}
    for name, items in found.items():
        for number, one in enumerate(items):
            odd = 1_001 * (number % 7)
            start = None if one.start_us is None else one.start_us + 6_006 + number % 5
            odd_value = one.value + Fraction(number % 3, 10**6)
            value = {"main": one.value + 20 * 10**9, "it-1": one.value}.get(name, odd_value)
            items[number] = Reading(start, one.time_us + odd, value, 0)
    return found


def test_the_same_figures_wherever_readings_lie(tsdb: Tsdb, tmp_path: Path) -> None:
    """Sums, windows within hours, and evidence are those of SQL alone to the millijoule; so is what a late one adds."""
    items = hours_of(3)
    plain = Store(tmp_path / "plain.db", create=True)
    plain.append("dc1", METERS, items, trust=LIVE)
    far = FarStore(tmp_path, tsdb)
    far.append("dc1", METERS, items, trust=LIVE)
    assert far.moved.hours > 150
    with far.opened() as connection:
        left = connection.execute("select count(*) from reading").fetchone()[0]
    assert left < 20
    late = {"it-2": [Reading(None, START + 30 * HOUR_US + 123_457, Fraction(1, 10**6), 0)]}
    windows = [(START, START + 3 * DAY_US), (START + 7 * 60 * 10**6 + 5, START + 50 * HOUR_US + 17)]
    for more in ({}, late):
        for store in (plain, far):
            if more:
                store.append("dc1", METERS, more, trust=LIVE)
        for window in windows:
            whole = [(window[0], window[1])]
            assert far.readings("dc1", *window, whole) == plain.readings("dc1", *window, whole)
            assert far.sums("dc1", *window) == plain.sums("dc1", *window)
    since = datetime(2026, 1, 1, tzinfo=UTC)
    with plain.writing() as connection:
        connection.execute("update delivery set dirty = 0")
    assert registers(far.home, "dc1", since) == registers(readings_file(tmp_path / "plain.db"), "dc1", since)


def test_a_database_gives_what_it_took(tsdb: Tsdb) -> None:
    """Whole numbers up to 2^53 come back as they were, at their millisecond, by range; what comes twice, once."""
    values = [0, 1, -5, 10**15, MOST_VALUE, -MOST_VALUE, 123_456_789_012_345, 999_999_999_999_999]
    samples = [(START_MS + 1_000 * number + 37 * number, value) for number, value in enumerate(values)]
    old = [(START_MS - 40 * 86_400_000, 7)]
    for one in (samples, samples, old):
        tsdb.write([TimeSeries(LABELS, one)])
    wanted = {name: value for name, value in LABELS.items() if name != "__name__"}

    def read(low_ms: int, high_ms: int) -> list[tuple[int, int]]:
        return [one for series in tsdb.read(wanted, low_ms, high_ms) for one in series.samples]

    wait(lambda: read(old[0][0], old[0][0] + 1) == old and len(read(START_MS, START_MS + 60_000)) >= len(samples))
    assert sorted(set(read(START_MS, START_MS + 60_000))) == samples
    for time_ms, value in samples:
        assert set(read(time_ms, time_ms + 1)) == {(time_ms, value)}
        assert read(time_ms - 1, time_ms) == []
        assert read(time_ms + 1, time_ms + 2) == []
    assert tsdb.read({**wanted, "meter_id": "2"}, START_MS, START_MS + 60_000) == []


def wait(is_done: Callable[[], bool]) -> None:
    """Until something is true, for half a minute at most."""
    event = threading.Event()
    for _ in range(30):
        event.wait(0 if is_done() else 1)
        if is_done():
            return
    raise AssertionError("it never came")


SITE = Site.model_validate(
    {
        "title": "dc",
        "district": "north",
        "meters": {
            name: {"point": point, "kind": "gauge", "interval_s": 3600, "rating_w": 1_500_000}
            for name, point in {"utility": "utility", "ups": "ups-output"}.items()
        },
        "boundary": {"category": "PUE1", "facility": ["utility"], "it": ["ups"]},
    }
)
NOW = EPOCH + (START + 20 * DAY_US) * MICROSECOND


def gate(store: Store) -> Measured:
    """What a gate sees of the site; its gap makes it look at readings."""
    terms = Terms(limit=Fraction(5, 4), trusted=frozenset({"authenticated", "imported"}), max_age_days=7)
    found = measured(store, "dc1", SITE, now=NOW, terms=terms, model=None)
    assert found is not None
    return found


def metered(folder: Path, tsdb: Tsdb) -> FarStore:
    """Twenty days of two gauges, one hour of which is missing."""
    store = FarStore(folder, tsdb)
    hours = [hour for hour in range(20 * 24 + 1) if hour not in {100, 101}]
    watts = {"utility": 1_100_000, "ups": 1_000_000}
    readings = {name: [at(60 * hour, watt) for hour in hours] for name, watt in watts.items()}
    store.append("dc1", meters_of(SITE), readings, trust=LIVE)
    return store


@pytest.mark.parametrize(("compares", "verdict"), [(True, "undetermined"), (False, "within")])
def test_a_record_of_an_older_version_is_judged_by_what_it_knew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdict: str, *, compares: bool
) -> None:
    """Two meters that show the same make a figure doubtful, and not one of a version that did not compare them."""
    declared = SITE.model_dump(mode="json", exclude_defaults=True)
    declared["meters"]["twin"] = declared["meters"]["ups"]
    declared["boundary"]["it"] = ["ups", "twin"]
    site, store = Site.model_validate(declared), Store(tmp_path / "t.db", create=True)
    watts = {"utility": 1_050_000, "ups": 500_000, "twin": 500_000}
    readings = {
        name: [at(60 * hour, watt + watt // 100 * (hour // 24)) for hour in range(20 * 24 + 1)]
        for name, watt in watts.items()
    }
    store.append("dc1", meters_of(site), readings, trust=LIVE)
    terms = Terms(limit=Fraction(5, 4), trusted=frozenset({LIVE}), max_age_days=7)
    monkeypatch.setattr(measuring, "terms_of", lambda _zone: terms)
    monkeypatch.setattr(measuring, "rooms_of", lambda _facts: {})
    facts: Any = SimpleNamespace(zone=None, sites={"dc1": SimpleNamespace(site=site)})
    history = measuring.LoadHistory(compares=compares)
    home = readings_file(tmp_path / "t.db")
    # Twenty days of a year: half of it has to be known for a verdict.
    monkeypatch.setattr("zonewright.telemetry.figures._year_before", lambda end_us: end_us - 19 * DAY_US)
    found = measuring.measured_sites(facts, ["dc1"], home, NOW, history)["dc1"]
    assert (found.trailing, "show the same energy" in found.reason) == (verdict, compares)


def half(series: list[TimeSeries]) -> list[TimeSeries]:
    """Without every second sample."""
    return [TimeSeries(one.labels, one.samples[1::2]) for one in series]


def other(series: list[TimeSeries]) -> list[TimeSeries]:
    """One value is larger by a millionth."""
    return [TimeSeries(one.labels, [(one.samples[0][0], one.samples[0][1] + 1), *one.samples[1:]]) for one in series]


def away(_series: list[TimeSeries]) -> list[TimeSeries]:
    """It cannot be asked."""
    raise TsdbFaultError("the time-series database in memory gave no whole answer within 10 s")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (half, "holds 0 of the 1 readings of meter"),
        (other, "holds other readings of meter"),
        (away, "gave no whole answer within 10 s"),
        (lambda _series: [], "holds 0 of the 1 readings of meter"),
    ],
)
def test_a_database_that_is_not_what_it_was_decides_nothing(
    tmp_path: Path, fault: Callable[[list[TimeSeries]], list[TimeSeries]], told: str
) -> None:
    """Half an answer, another value, none in time, a reset: undetermined with the reason, until it is well again."""
    tsdb = MemoryTsdb()
    store = metered(tmp_path, tsdb)
    before = gate(store)
    assert (before.trailing, tsdb.asked > 0) == ("undetermined", True)
    assert "coverage" in before.reason
    tsdb.fault = fault
    found = gate(store)
    assert (found.trailing, found.projection, found.trailing_ratio) == ("undetermined", "undetermined", None)
    assert told in found.reason
    tsdb.fault = None
    assert gate(store) == before


def test_a_store_without_its_settings_decides_nothing(tmp_path: Path) -> None:
    """Where nobody says which database has the hours, the figure is undetermined and names the file."""
    store = metered(tmp_path, MemoryTsdb())
    store.home.tsdb = None
    assert ".tsdb.yaml" in gate(store).reason
    assert gate(store).trailing == "undetermined"


def test_what_is_signed_is_asked_of_hours_elsewhere_too(tmp_path: Path) -> None:
    """Where signed readings end, whether others lie before and after, and which classes there are."""
    store = FarStore(tmp_path, MemoryTsdb())
    meters = meters_of(SITE)
    for trust, hours in ((LIVE, range(10)), (SIGNED, range(10, 20)), (LIVE, range(20, 30))):
        store.append("dc1", meters, {"utility": [at(60 * hour, 1_100_000) for hour in hours]}, trust=trust)
    assert store.moved.hours == 29, "all but the newest one"
    (end,) = signed_ends(store, "dc1", meters, whole=True)
    assert (end.signed_us, end.since_us) == (START + 19 * HOUR_US, START + 20 * HOUR_US)
    assert end.is_mixed
    raised = {"utility": [at(60 * 29, 1_100_000)]}
    assert Store.append(store, "dc1", meters, raised, trust=SIGNED).raised == 1
    assert store.trusts("dc1") == {LIVE, SIGNED}, "those of hours that lie elsewhere"


def test_only_what_a_window_needs_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour that is looked at costs its readings and those beside it, however many lie elsewhere."""
    monkeypatch.setattr("zonewright.telemetry.stored_sums._FEW", 50)
    tsdb = MemoryTsdb()
    store = metered(tmp_path, tsdb)
    given: list[int] = []

    def count(found: list[TimeSeries]) -> list[TimeSeries]:
        given.append(sum(len(one.samples) for one in found))
        return found

    tsdb.fault = count
    looked_at = [(START + 50 * HOUR_US, START + 51 * HOUR_US)]
    found = store.readings("dc1", START + HOUR_US, START + 90 * HOUR_US, looked_at)["ups"]
    assert sum(item.is_sum for item in found) > 3, "days and hours in the place of readings"
    assert 0 < sum(given) < 12


def test_another_rating_counts_for_hours_elsewhere_too(tmp_path: Path) -> None:
    """What was summed up under another declaration is summed up again, wherever its readings lie."""
    store = metered(tmp_path, MemoryTsdb())
    meters = {name: one.model_copy(update={"rating_w": 500_000}) for name, one in meters_of(SITE).items()}
    store.refresh("dc1", meters)
    assert store.sums("dc1", START, START + 19 * DAY_US)["utility"].covered_us == 0, "1.1 MW is more than it can"


def test_what_is_imported_or_corrected_lies_over_it(tmp_path: Path) -> None:
    """An import never leaves SQL; a correction of an hour elsewhere brings it back, counts, and stays in SQL."""
    tsdb = MemoryTsdb()
    store = metered(tmp_path, tsdb)
    meters = meters_of(SITE)
    hour = at(60 * 50, 1_200_000)
    store.correct("dc1", meters, {"utility": [hour]}, Intake(kind="corrected", by="anna", reason="CT"), trust=LIVE)
    store.let_go("dc1", {"utility": [hour]})
    with store.opened() as connection:
        query = "select micro from reading where time_us = ?"
        assert connection.execute(query, (hour.time_us,)).fetchall() == [(1_200_000 * 10**6,)]
    window = (hour.time_us - 10, hour.time_us + 10)
    values = {one.time_us: one.value for one in store.readings("dc1", *window, [window])["utility"]}
    assert values[hour.time_us] == 1_200_000
    missing = at(60 * 100, 1_000_000)
    store.append("dc1", meters, {"ups": [missing]}, trust="imported", intake=IMPORT)
    assert store.last("dc1")["ups"][1] == LIVE
    with store.opened() as connection:
        assert connection.execute(query, (missing.time_us,)).fetchall() == [(1_000_000 * 10**6,)]
    newest = at(60 * 20 * 24, 1_000_000)
    store.correct("dc1", meters, {"ups": [newest]}, Intake(kind="withdrawn", by="anna", reason="test"), trust=LIVE)
    store.let_go("dc1", {})
    assert store.last("dc1")["ups"] == (at(60 * (20 * 24 - 1), 1).time_us, LIVE)
    for name in ("utility", "ups"):
        with pytest.raises(ValueError, match="another reading"):
            store.append("dc1", meters, {name: [at(60 * 60, 5)]}, trust=LIVE)


def test_nothing_leaves_before_it_was_read_back(tmp_path: Path) -> None:
    """Of a database that loses what it takes, or is killed before it answers, every reading is still in SQL."""
    tsdb = MemoryTsdb()
    tsdb.fault = half
    waits: list[float] = []
    items = {"main": month()["main"][:200]}
    far = FarStore(tmp_path, tsdb, sleep=waits.append)
    with pytest.raises(TsdbFaultError, match="does not give the same back"):
        far.append("dc1", METERS, items, trust=LIVE)
    with far.opened() as connection:
        assert connection.execute("select count(*) from reading").fetchone() == (200,)
    assert 15 < sum(waits) < 40
    tsdb.fault = None
    far.let_go("dc1", items)
    assert far.moved.readings > 100


def test_what_a_database_takes_and_loses_is_still_here(tmp_path: Path) -> None:
    """Nothing leaves in the run that wrote it: what was gone when the power came back is written once more."""
    tsdb, items = MemoryTsdb(), {"main": month()["main"][:200]}
    far = FarStore(tmp_path, tsdb)
    Store.append(far, "dc1", METERS, items, trust=LIVE)
    with far.writing() as connection:
        mark(connection, 1, (one.time_us for one in items["main"]))
    far.tell_deliveries(lambda _found, journal: journal.keep('{"sequence": 1}'))

    def moved() -> int:
        return move(far.home, 2**61, sleep=lambda _seconds: None).readings

    assert moved() == 0
    tsdb.series.clear()
    assert moved() == 0
    with far.opened() as connection:
        assert connection.execute("select count(*) from reading").fetchone() == (200,)
    assert moved() > 100


def test_a_step_is_measured_from_what_lies_elsewhere_too(tmp_path: Path) -> None:
    """A step of more than ten years is refused, and none is where an hour elsewhere lies between."""
    far = FarStore(tmp_path, MemoryTsdb())
    hours = [at(60 * hour, 1_000 * hour) for hour in range(60) if hour not in {20, 21}]
    far.append("dc1", METERS, {"main": hours}, trust=LIVE)
    ten_years = 10 * 366 * DAY_US
    for sooner_us, is_refused in ((1, True), (0, False)):
        old = {"main": [Reading(None, hours[0].time_us - ten_years - sooner_us, 0, 0)]}
        if is_refused:
            with pytest.raises(ConflictError, match="more than 10 years"):
                Store.append(far, "dc1", METERS, old, trust="imported")
        else:
            assert Store.append(far, "dc1", METERS, old, trust="imported").added == 1
    late = {"main": [at(60 * 20 + 30, 20_500)]}
    assert Store.append(far, "dc1", METERS, late, trust="imported").added == 1


def test_a_number_that_two_meters_had_mixes_nothing(tmp_path: Path) -> None:
    """After a store was put back, another meter may have had the number there: the digest says whose are meant."""
    tsdb = MemoryTsdb()
    store = metered(tmp_path, tsdb)
    before = gate(store)
    other_site = {
        tuple(sorted((dict(key) | {"site": "dc9"}).items())): {
            hour: {time_ms: value + 7 for time_ms, value in held.items()} for hour, held in some.items()
        }
        for key, some in tsdb.series.items()
    }
    for order in (tsdb.series | other_site, other_site | tsdb.series):
        tsdb.series = order
        assert gate(store) == before


def test_what_a_database_lost_stops_nobody_else(tmp_path: Path) -> None:
    """A late reading of a lost hour is refused by itself, other meters are pruned, and no evidence has a part of it."""
    tsdb = MemoryTsdb()
    store = metered(tmp_path, tsdb)
    tsdb.fault = lambda found: [one for one in found if one.labels["meter_id"] == "2"]
    with pytest.raises(LedgerUnavailableError, match=r"cannot be put into evidence: .* holds 0 of the"):
        readings_of(review_of_site(), store.home)
    source = MeterSource.model_validate({"host": "gw", "device": "a"})
    with store.opened() as connection:
        names = dict(connection.execute("select id, name from meter order by id").fetchall())
    parts = [
        (
            Binding(site="dc1", meter=name, spec=meters_of(SITE)[name], source=source, others=frozenset()),
            [at(60 * 50 + 7, 1_000_000)],
        )
        for name in names.values()
    ]
    fed = Fed()
    with store.writing() as connection:
        _append(connection, "dc1", parts, LIVE, fed)
    assert [(one.meter, "holds 0 of the" in why) for one, _, why in fed.refused] == [(names[1], True)]
    assert fed.appended.added == 1
    with pytest.raises(TsdbFaultError, match="holds 0 of the"):
        store.prune(START + 15 * DAY_US)
    with store.opened() as connection:
        query = "select m.name from stretch s join meter m on m.id = s.meter group by 1"
        assert connection.execute(query).fetchall() == [(names[2],)]


UTILITY = 200, 201
"""The hours of the utility that a database loses in the tests below."""
LOST_AT = "between 2026-01-09T08:00Z and 2026-01-09T10:00Z"
AROUND = (START + 200 * HOUR_US, START + 203 * HOUR_US)
DECISION = Intake(kind="lost", by="anna", reason="a disk broke")
RETURN = Intake(kind="returned", by="bo", reason="from the backup")


def lose(tsdb: MemoryTsdb, *lost: int) -> Callable[[], None]:
    """Have a database lose hours of the utility, two of them unless it is said which; gives what brings them back."""
    held = next(held for key, held in tsdb.series.items() if dict(key)["meter"] == "utility")
    hours = {START_MS // 3_600_000 + hour: held.pop(START_MS // 3_600_000 + hour) for hour in lost or UTILITY}
    return lambda: held.update(hours)


def told_of_losses(store: FarStore) -> list[str]:
    """What the gate says of hours that were declared lost."""
    return [one for one in gate(store).findings if "declared lost" in one]


def review_of_site() -> Any:
    """As much of a change's review as its readings are taken from."""
    return SimpleNamespace(at="2026-02-01T00:00:00+00:00", facts=SimpleNamespace(measured={"dc1": None}, base=None))


def test_hours_that_somebody_gives_up_are_unknown_and_all_else_goes_on(tmp_path: Path) -> None:
    """Only what is lost is given up; the journal has who, why and what; readings that come once more fill it again."""
    tsdb = MemoryTsdb()
    store = metered(tmp_path, tsdb)
    meters, whole = meters_of(SITE), (START, START + 20 * DAY_US)
    before = store.sums("dc1", *whole)["utility"]
    with pytest.raises(ConflictError, match=r"no hour of ups, utility of dc1 from .* is lost"):
        give_up(store.home, "dc1", meters, AROUND, DECISION, is_gone=False)
    lose(tsdb)
    assert give_up(store.home, "dc1", meters, AROUND, DECISION, is_gone=False) == {"utility": 2}
    after = store.sums("dc1", *whole)["utility"]
    lost_mj = 3 * 1_100_000 * 3_600_000
    assert (after.energy_mj, after.covered_us) == (before.energy_mj - lost_mj, before.covered_us - 3 * HOUR_US)
    told: list[Mapping[str, Any]] = []

    def tell(payload: Mapping[str, Any], note: JournalNote) -> None:
        told.append(payload)
        note.keep('{"sequence": 7}')

    sentence = f"utility: 2 hours {LOST_AT} were declared lost by anna: a disk broke"
    before_told = gate(store)
    assert told_of_losses(store) == [sentence]
    store.tell_intakes(tell)
    (said,) = [one for one in told if one["what"] == "lost"]
    assert (said["by"], said["reason"], list(said["meters"])) == ("anna", "a disk broke", ["utility"])
    assert {name: said["meters"]["utility"][name] for name in ("hours", "readings")} == {"hours": 2, "readings": 2}
    assert "holds 0 of the 1 readings of meter utility" in said["meters"]["utility"]["told"]
    assert said["meters"]["utility"]["runs"] == "2026-01-09T08:00Z+2h", "which hours they were"
    assert gate(store) == before_told, "evidence has the entry's number, and the figure of before is found in it again"
    again = Store(tmp_path / "again.db", create=True)
    put_site(again, "dc1", meters, readings_of(review_of_site(), store.home))
    assert gate(again) == gate(store), "whoever has the evidence finds the same, the loss and its reason too"
    readings = {"utility": [at(60 * hour, 1_100_000) for hour in UTILITY]}
    assert store.append("dc1", meters, readings, trust=LIVE).added == 2
    assert store.sums("dc1", *whole)["utility"] == before
    tsdb.fault = away
    with pytest.raises(TsdbFaultError, match="gave no whole answer"):
        give_up(store.home, "dc1", meters, whole, DECISION, is_gone=False)
    assert sum(give_up(store.home, "dc1", meters, whole, DECISION, is_gone=True).values()) > 900
    assert "coverage" in gate(store).reason
    assert store.prune(START + 15 * DAY_US) == 0


@pytest.mark.parametrize(("hour", "is_meant"), [(199, False), (200, True), (201, False)])
def test_a_window_means_the_hours_that_begin_within_it(tmp_path: Path, hour: int, *, is_meant: bool) -> None:
    """An hour that began before the window, or begins at its end, is not given up, whatever was read within it."""
    tsdb = MemoryTsdb()
    store = metered(tmp_path, tsdb)
    meters, window = meters_of(SITE), (START + 199 * HOUR_US + HOUR_US // 4, START + 201 * HOUR_US)
    store.append("dc1", meters, {"utility": [at(60 * 199 + 30, 1_100_000)]}, trust=LIVE)
    lose(tsdb, hour)
    if is_meant:
        assert give_up(store.home, "dc1", meters, window, DECISION, is_gone=False) == {"utility": 1}
        return
    with pytest.raises(ConflictError, match=r"from 2026-01-09T07:15Z to 2026-01-09T09:00Z is lost"):
        give_up(store.home, "dc1", meters, window, DECISION, is_gone=False)


@pytest.mark.parametrize("kind", ["lost", "returned"])
@pytest.mark.parametrize("is_decided", [False, True])
def test_nobody_waits_for_a_database_that_is_asked_what_it_lost(tmp_path: Path, kind: str, *, is_decided: bool) -> None:
    """Others write while it is asked, and what they decided meanwhile is not decided twice."""
    tsdb = MemoryTsdb()
    store = metered(tmp_path, tsdb)
    back = lose(tsdb)
    asked = list[int]()

    def decide() -> dict[str, int]:
        if kind == "lost":
            return give_up(store.home, "dc1", meters_of(SITE), AROUND, DECISION, is_gone=False)
        return take_back(store.home, "dc1", meters_of(SITE), AROUND, RETURN)

    def answer(found: list[TimeSeries]) -> list[TimeSeries]:
        with store.writing():  # nobody has the turn
            asked.append(len(asked))
        if is_decided and asked[-1] == 3:  # the first hour of the utility
            tsdb.fault = None
            assert decide() == {"utility": 2}
            tsdb.fault = answer
        return found

    if kind == "returned":
        give_up(store.home, "dc1", meters_of(SITE), AROUND, DECISION, is_gone=False)
        back()
    tsdb.fault = answer
    if is_decided:
        with pytest.raises(ConflictError, match="no hour of ups, utility of dc1"):
            decide()
    else:
        assert decide() == {"utility": 2}
    with store.opened() as connection:
        assert [one.kind for one in decided_hours(connection, "dc1")] == ["lost", "returned"][: 1 + (kind != "lost")]
    assert len(asked) > 3


def test_hours_that_come_back_count_again(tmp_path: Path) -> None:
    """What has the digest of what went there, and only that, counts as it did; it goes there again as all hours do."""
    tsdb = MemoryTsdb()
    store = metered(tmp_path, tsdb)
    meters, whole = meters_of(SITE), (START, START + 20 * DAY_US)
    before, figure = store.sums("dc1", *whole), gate(store)
    back = lose(tsdb)
    give_up(store.home, "dc1", meters, AROUND, DECISION, is_gone=False)
    with pytest.raises(ConflictError, match="that was declared lost is there again"):
        take_back(store.home, "dc1", meters, whole, RETURN)
    imported = {"utility": [at(60 * 200, 1_000_000)]}
    Store.append(store, "dc1", meters, imported, trust="imported", intake=IMPORT)
    back()
    tsdb.fault = other
    with pytest.raises(ConflictError, match="that was declared lost is there again"):
        take_back(store.home, "dc1", meters, whole, RETURN)
    tsdb.fault = away
    with pytest.raises(TsdbFaultError, match="gave no whole answer"):
        take_back(store.home, "dc1", meters, whole, RETURN)
    tsdb.fault = None
    assert take_back(store.home, "dc1", meters, (START, AROUND[0] + HOUR_US), RETURN) == {"utility": 1}
    assert [one.partition(" between")[0] for one in told_of_losses(store)] == ["utility: 1 hour"]
    assert take_back(store.home, "dc1", meters, whole, RETURN) == {"utility": 1}
    assert store.sums("dc1", *whole) == before
    assert (gate(store), told_of_losses(store)) == (figure, [])
    with store.opened() as connection:
        lost, *others = decided_hours(connection, "dc1")
    decided = [(one.kind, one.by, one.reason, one.readings) for one in (lost, *others)]
    assert decided == [("lost", "anna", "a disk broke", 2), *[("returned", "bo", "from the backup", 1)] * 2]
    assert still_lost([lost, *others], *whole) == []
    other_meter = replace(lost, meter="ups")
    assert still_lost([other_meter, *others], *whole) == [other_meter], "of another meter nothing came back"
    store.tell_intakes(lambda _payload, note: note.keep('{"sequence": 7}'))
    store.let_go("dc1", {})
    with store.opened() as connection:
        query = "select count(*) from moved v join meter m on m.id = v.meter where m.name = 'utility' and begin_us = ?"
        assert connection.execute(query, (AROUND[0] + HOUR_US,)).fetchone() == (1,)
    with pytest.raises(ConflictError, match="that was declared lost is there again"):
        take_back(store.home, "dc1", meters, whole, RETURN)


def test_what_an_older_version_wrote_of_lost_hours_is_read(tmp_path: Path) -> None:
    """Its entries have the first hour, the last one and how many; the gate tells of them all the same."""
    tsdb = MemoryTsdb()
    store = metered(tmp_path, tsdb)
    lose(tsdb)
    give_up(store.home, "dc1", meters_of(SITE), AROUND, DECISION, is_gone=False)
    told = told_of_losses(store)
    with store.writing() as connection:
        number, text = connection.execute("select id, meters from intake where kind = 'lost'").fetchone()
        said = json.loads(text)
        del said["utility"]["runs"]
        connection.execute("update intake set meters = ? where id = ?", (json.dumps(said), number))
    assert told_of_losses(store) == told != []


def test_what_a_sum_stands_for_does_not_come_back(tmp_path: Path) -> None:
    """Where readings around a lost hour of a register were removed, a sum has its energy: none is said to be back."""
    tsdb = MemoryTsdb()
    store = FarStore(tmp_path, tsdb)
    meters = {"utility": METERS["main"]}
    store.append("dc1", meters, {"utility": [at(60 * hour, 1_000 * hour) for hour in range(20 * 24)]}, trust=LIVE)
    back = lose(tsdb)
    assert give_up(store.home, "dc1", meters, AROUND, DECISION, is_gone=False) == {"utility": 2}
    assert store.prune(START + 15 * DAY_US) > 0
    back()
    with pytest.raises(ConflictError, match="that was declared lost is there again"):
        take_back(store.home, "dc1", meters, AROUND, RETURN)
    with store.opened() as connection:
        assert [one.kind for one in decided_hours(connection, "dc1")] == ["lost"]


def test_the_command_says_what_was_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`pue lost` names the meter and how many hours, in both directions; `pue corrections` who decided it and why."""
    tsdb, zone = MemoryTsdb(), REPOSITORY / "stacks" / "zones" / "reference"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("zonewright.telemetry.tables.tsdb_of", lambda _path: tsdb)
    meters = site_meters(zone, "qp-dc1")
    assert meters is not None
    store = FarStore(tmp_path / ".zonewright", tsdb, name="ledger.telemetry.db")
    store.append("qp-dc1", meters, {"ups-a": [at(60 * hour, 1_000 * hour) for hour in range(50)]}, trust=LIVE)
    (held,) = tsdb.series.values()
    lost = {START_MS // 3_600_000 + 20: held.pop(START_MS // 3_600_000 + 20)}
    day = ("--from", "2026-01-01T00:00Z", "--to", "2026-01-02T00:00Z", "--by", "anna", "--reason", "a disk broke")

    def said(*more: str) -> tuple[int, str]:
        code, shown = main(["pue", "lost", "--site", "qp-dc1", "--zone", str(zone), *day, *more]), capsys.readouterr()
        return code, shown.out if code == 0 else shown.err

    assert said() == (0, "ups-a: 1 hour declared lost; that time is unknown now\n")
    for more, told in (((), "is lost; nothing was changed"), (("--returned",), "is there again; nothing was changed")):
        code, sentence = said(*more)
        assert (code, told in sentence) == (1, True)
    held.update(lost)
    assert said("--returned") == (0, "ups-a: 1 hour brought back; that time is known again\n")
    assert main(["pue", "corrections", "--site", "qp-dc1"]) == 0
    told = "between 2026-01-01T20:00Z and 2026-01-01T21:00Z was declared lost by anna (not in the journal yet): a disk"
    assert told in capsys.readouterr().out


def test_a_database_that_answers_now_and_then_is_not_gone(tmp_path: Path) -> None:
    """Who says that it is gone does not lose the hours that it was only too slow to give."""
    tsdb = MemoryTsdb()
    store = metered(tmp_path, tsdb)
    tsdb.fault = lambda series: series if tsdb.asked % 2 else away(series)
    tsdb.asked = 0
    window = (START + 200 * HOUR_US, START + 204 * HOUR_US)
    with pytest.raises(TsdbFaultError, match=r"within 10 s .*; but it answers for the hour from .*, so it is not gone"):
        give_up(store.home, "dc1", meters_of(SITE), window, DECISION, is_gone=True)
    with store.opened() as connection:
        assert not decided_hours(connection, "dc1")


def test_a_service_moves_what_is_old_enough(tmp_path: Path) -> None:
    """It leaves as many days as the settings say, tells how many readings went, and says what failed."""
    path = settings_path(tmp_path / "t.db")
    path.write_text("write: http://127.0.0.1:1/w\nquery: http://127.0.0.1:1/q\nafter_days: 5\n", encoding="utf-8")
    said: list[str] = []
    tsdb = MemoryTsdb()
    tsdb.fault = away
    store = FarStore(tmp_path, tsdb, sleep=lambda _seconds: None)
    with pytest.raises(TsdbFaultError):
        store.append("dc1", METERS, {"main": month()["main"][:2000]}, trust=LIVE)
    moving = MovingReadings(store.home, read_settings(path), say=said.append)
    moving._wait = lambda _seconds: None  # type: ignore[method-assign,assignment]
    newest_s = month()["main"][1999].time_us / 10**6
    moving.once(newest_s)
    tsdb.fault = None
    moving.once(newest_s)
    moving.once(newest_s)
    with store.opened() as connection:
        (oldest,) = connection.execute("select min(time_us) from reading").fetchone()
    assert 5 * 86_400 - 1 <= newest_s - oldest / 10**6 < 5 * 86_400 + 3_600
    assert [one.split(" ")[1:5] for one in said] == [
        ["readings", "were", "not", "moved:"],
        ["readings", "were", "moved", "to"],
    ]


def test_what_no_series_holds_exactly_stays() -> None:
    """Two readings within a millisecond, and an interval of centuries, never leave SQL; large values do."""
    assert fits([(None, 1_000, MOST_VALUE, LIVE), (None, 2_999, 1, LIVE)])
    assert not fits([(None, 1_000, 1, LIVE), (None, 1_999, 1, LIVE)])
    values = [0, 1, -1, MOST_VALUE, MOST_VALUE + 1, -MOST_VALUE - 1, 2**60 + 7, 2**62 - 1]
    rows: list[FarRow] = [(None, 1_000 * time_ms, micro, LIVE) for time_ms, micro in enumerate(values)]
    series = series_of({}, rows)
    assert max(abs(value) for one in series for _, value in one.samples) <= MOST_VALUE
    assert rows_of(series, LIVE) == rows
    assert not fits([(-MOST_VALUE, 1_000, 1, LIVE)])


class Broken(BaseHTTPRequestHandler):
    """A server whose answers are those of a class variable."""

    answers: ClassVar[list[tuple[int, list[bytes], float]]] = []
    asked: ClassVar[int] = 0

    def do_POST(self) -> None:
        """Give the next answer, piece by piece, with a wait before each."""
        type(self).asked += 1
        status, pieces, wait_s = self.answers[0]
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(status)
        self.end_headers()
        event = threading.Event()
        for piece in pieces:
            event.wait(wait_s)
            try:
                self.wfile.write(piece)
            except OSError:
                return

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


@contextmanager
def broken() -> Iterator[str]:
    """Such a server, and its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Broken) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


MATRIX = b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"a"},"values":%s}]}%s}'


@pytest.mark.parametrize(
    ("status", "pieces", "told"),
    [
        (503, [b"too many\nqueries"], "answered 503: too many queries"),
        (302, [b""], "answered 302"),
        (200, [b"x"] * 40, "gave no whole answer within 0.3 s"),
        (200, [b'{"status":"success"'], "gave an answer that is none to a query"),
        (200, [b'{"status":"error","error":"x"}'], "gave an answer that is none to a query"),
        (200, [MATRIX % (b"[]", b',"isPartial":true')], "it says that it is partial"),
        (200, [MATRIX % (b'[[1,"1.5"]]', b"")], "1.5 is no whole number"),
        (200, [MATRIX % (b'[[1,"NaN"]]', b"")], "NaN"),
        (200, [MATRIX % (b"[[1]]", b"")], "gave an answer that is none to a query"),
    ],
)
def test_an_answer_that_is_none_is_a_fault(status: int, pieces: list[bytes], told: str) -> None:
    """Whatever a server says instead of a matrix, or how slowly: one sentence; and it is left alone for a while."""
    Broken.answers, Broken.asked = [(status, pieces, 0.02 if len(pieces) > 1 else 0)], 0
    times = [0.0]
    with broken() as url:
        tsdb = HttpTsdb(f"{url}/w", f"{url}/q", timeout_s=0.3)
        with pytest.raises(TsdbFaultError, match=told.replace(".", r"\.")):
            tsdb.read(LABELS, 0, 10)
        resting = HttpTsdb(f"{url}/w", f"{url}/q", timeout_s=5, clock=lambda: times[0])
        if status == 200 and len(pieces) == 1:
            for _ in range(3):
                with pytest.raises(TsdbFaultError):
                    resting.read(LABELS, 0, 10)
            assert Broken.asked == 2
            times[0] = 16
            with pytest.raises(TsdbFaultError):
                resting.read(LABELS, 0, 10)
            assert Broken.asked == 3


def test_one_that_is_not_there_is_a_fault() -> None:
    """A server that cannot be reached is a sentence that names it."""
    with broken() as url:
        pass
    tsdb = HttpTsdb(f"{url}/w", f"{url}/q", timeout_s=2)
    with pytest.raises(TsdbFaultError, match=f"{url}/q cannot be asked"):
        tsdb.read(LABELS, 0, 10)


def test_settings_lie_beside_the_ledger(tmp_path: Path) -> None:
    """A file of settings is found by its name; secrets come from files that only their owner may read."""
    path = settings_path(tmp_path / "ledger.telemetry.db")
    assert path == tmp_path / "ledger.tsdb.yaml"
    assert readings_file(tmp_path / "ledger.telemetry.db").tsdb is None
    urls = "write: https://tsdb.example/api/v1/write\nquery: https://tsdb.example/api/v1/query\n"
    (tmp_path / "token").write_text("s3cret\n", encoding="ascii")
    (tmp_path / "token").chmod(0o600)
    path.write_text(f"{urls}token_file: token\nafter_days: 3\ntenant: zone-1\n", encoding="utf-8")
    found = readings_file(tmp_path / "ledger.telemetry.db").tsdb
    assert isinstance(found, HttpTsdb)
    assert found._headers == {"authorization": "Bearer s3cret", "x-scope-orgid": "zone-1"}
    assert read_settings(path).after_us == 3 * DAY_US


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("write: ftp://a/w\nquery: http://a/q\n", "expected a URL with http or https"),
        ("write: http://a/w\n", "query: field required"),
        ("write: http://u:p@a/w\nquery: http://a/q\n", "without a password in it"),
        ("write: http://a/w\nquery: http://a/q\ntoken_file: token\n", "expected https"),
        ("write: https://a/w\nquery: https://a/q\ntoken_file: token\n", "chmod 600"),
        ("write: https://a/w\nquery: https://a/q\ntoken_file: gone\n", "gone"),
        ("write: https://a/w\nquery: https://a/q\ntoken_file: two\n", "expected one line of text"),
        ("write: https://a/w\nquery: https://a/q\ntoken_file: none\n", "expected one line of text"),
        ("write: https://a/w\nquery: https://a/q\ntenant: zone-é北\n", "tenant"),
        ("write: https://a/w\nquery: https://a/q\nuser: 'a:b'\npassword_file: one\n", "user"),
        ("write: https://a/w\nquery: https://a/q\nuser: anna\n", "'user' and 'password_file' together"),
        ("write: https://a/w\nquery: https://a/q\nauthorities_file: ca\n", "there is no file"),
        ("write: https://a/w\nquery: https://a/q\nafter_days: 0\n", "after_days"),
        ("- 1\n", "the file"),
        ("a: [", "while parsing"),
    ],
)
def test_settings_that_cannot_be_used_are_a_sentence(tmp_path: Path, text: str, told: str) -> None:
    """Each mistake names the file and what is expected."""
    path = tmp_path / "ledger.tsdb.yaml"
    (tmp_path / "token").write_text("x", encoding="ascii")
    (tmp_path / "token").chmod(0o644)
    for name, secret in (("one", "x"), ("two", "x\ny"), ("none", "\n")):
        (tmp_path / name).write_text(secret, encoding="ascii")
        (tmp_path / name).chmod(0o600)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TsdbFileError) as caught:
        read_settings(path)
    assert str(tmp_path) in str(caught.value)
    assert told in str(caught.value)


def test_all_mistakes_of_the_settings_are_told_at_once(tmp_path: Path) -> None:
    """Who corrects one does not find the next only then, and what was written keeps its letters."""
    path = tmp_path / "ledger.tsdb.yaml"
    path.write_text("write: http://h/Write\nquery: http://h/\ntimeout_s: -1\nSpare: 1\n", encoding="utf-8")
    with pytest.raises(TsdbFileError) as caught:
        read_settings(path)
    assert [one.split(": ")[1] for one in caught.value.sentences] == ["timeout_s", "Spare"]
