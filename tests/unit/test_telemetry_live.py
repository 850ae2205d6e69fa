"""Live readings: what agents deliver gives the figures that an import gives, in whatever pieces and order it comes."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from support.live import GATEWAY, batch, sample_of, samples_of, site_of
from support.readings import METERS, START, at, drawn, series
from support.simulated_host import ZONES, SimulatedHost
from zonewright.model import Site
from zonewright.model.base import TRUST_ORDER
from zonewright.model.metering import Meter
from zonewright.pue import evaluate, read_meters, read_readings
from zonewright.pue.printing import figure_data
from zonewright.pue.readings import time_us
from zonewright.telemetry import Appended, Store
from zonewright.telemetry.delivering import Delivery, deliveries_text
from zonewright.telemetry.feeding import Fed, Feeder
from zonewright.telemetry.figures import Terms, measured
from zonewright.telemetry.live import bindings_of, readings_from
from zonewright.telemetry.noting import JournalNote
from zonewright.telemetry.otlp import read_batch
from zonewright.telemetry.register_lines import READINGS_HEAD, digest_of_lines, reading_line
from zonewright.telemetry.sample import Measurement, Sample, SampleBatch, SampleSeries, fault_of
from zonewright.telemetry.samples import Samples
from zonewright.telemetry.site_meters import meters_of
from zonewright.telemetry.summing import DAY_US, HOUR_US
from zonewright_agent.otlp import encode
from zonewright_agent.points import Moment
from zonewright_agent.sources import Source
from zonewright_agent.sources.amdgpu import Amdgpu
from zonewright_agent.sources.hwmon import Hwmon
from zonewright_agent.sources.rapl import Rapl

CASES = sorted((Path(__file__).parents[1] / "cases" / "pue").iterdir())
SITE = site_of(METERS)
NOW_NS = (START + 400 * DAY_US) * 1_000


class Live:
    """Samples and a store of readings in a folder, with the site ``dc1``."""

    def __init__(self, folder: Path, site: Site = SITE) -> None:
        self.samples, self.store = Samples(folder / "s.db"), Store(folder / "t.db", create=True)
        self.site, self._sequence = site, 0

    def deliver(self, samples: Sequence[Sample], *, node: str = GATEWAY, now_ns: int = NOW_NS) -> None:
        """One batch comes in."""
        self._sequence += 1
        self.samples.append(batch(self._sequence, samples, node=node), now_ns)

    def feed(self, site: Site | None = None) -> Fed:
        """Take what came in."""
        return Feeder(self.samples, self.store, {"dc1": site or self.site}, now_ns=NOW_NS).feed()

    def values(self, meter: str) -> list[Fraction | int]:
        """What the store has of a meter, in order."""
        with self.store.opened() as connection:
            query = "select micro from reading join meter on id = meter where name = ? order by time_us"
            return [Fraction(row[0], 10**6) for row in connection.execute(query, (meter,))]


@pytest.fixture(name="live")
def _live(tmp_path: Path) -> Iterator[Live]:
    found = Live(tmp_path)
    yield found
    found.samples.close()


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_a_vector_by_telemetry_is_the_vector(case: Path, tmp_path: Path) -> None:
    """The same readings give the same figure, to the last digit, whether a file or an agent brings them."""
    told = yaml.safe_load((case / "case.yaml").read_text(encoding="utf-8"))
    meters, _ = read_meters(yaml.safe_load((case / "meters.yaml").read_text(encoding="utf-8")))
    readings, _ = read_readings((case / "readings.csv").read_text(encoding="utf-8"), meters)
    live = Live(tmp_path, site_of(meters))
    sent = samples_of(meters, readings)
    for part in (sent[1::3], sent[::3], sent[2::3]):
        live.deliver([one for one in part if fault_of(one, one.time_ns) is None], now_ns=sent[-1].time_ns)
        live.feed()
    left_out = [one for one in sent if fault_of(one, one.time_ns) is not None]
    start, end = time_us(told["from"]), time_us(told["to"])
    found = live.store.readings("dc1", start, end, [(start, end)])
    figure = evaluate(meters, found, start_us=start, end_us=end, limit=Fraction(told["limit"]))
    expected = json.loads((case / "expect.json").read_text(encoding="utf-8"))
    data = figure_data(figure)
    assert left_out == []
    assert {key: data[key] for key in expected} == expected
    live.samples.close()


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_pieces_order_and_imports_change_no_figure(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However live readings are split, reordered, repeated and mixed with imports of the same, sums are the same."""
    readings = {name: drawn(data, name) for name in METERS}
    folder = tmp_path_factory.mktemp("live")
    live, plain = Live(folder), Store(folder / "plain.db", create=True)
    plain.append("dc1", METERS, readings, trust="imported")
    sent = data.draw(st.permutations(samples_of(METERS, readings)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=4)))
    also = [name for name in METERS if data.draw(st.booleans())]
    for low, high in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        live.deliver(sent[low:high])
        if data.draw(st.booleans()):
            live.store.append("dc1", METERS, {name: readings[name] for name in also}, trust="imported")
        if data.draw(st.booleans()):
            live.feed()
            live.deliver(sent[:high:2])
    live.feed()
    end = START + 100 * DAY_US
    one, two = live.store.sums("dc1", START, end), plain.sums("dc1", START, end)
    assert one == two
    known, other = (store.readings("dc1", START, end, [(START, end)]) for store in (live.store, plain))
    assert known == other
    live.samples.close()


def test_what_is_killed_in_between_is_taken_later_and_once(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """An end between the readings and the note of how far they go leaves neither; the next time takes all of it."""
    live.deliver(samples_of(METERS, {"main": series("main", range(0, 600, 5))}))
    live.feed()
    live.deliver(samples_of(METERS, {"main": series("main", range(600, 1200, 5))}))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("zonewright.telemetry.feeding.mark", killed)
        with pytest.raises(KeyboardInterrupt):
            live.feed()
    assert len(live.values("main")) == 120
    assert live.feed().appended == Appended(added=120)
    assert live.feed().appended == Appended()


def test_a_second_feeder_takes_nothing_twice_and_leaves_nothing(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another process went on between what one read and what it writes, that one begins again from there."""
    live.deliver(samples_of(METERS, {"main": series("main", [0, 60])}))
    live.feed()
    live.deliver(samples_of(METERS, {"main": series("main", [120])}))
    other: list[Fed] = []
    real = Samples.arrivals

    def overtaken(self: Samples, after: int, most: int) -> object:
        found = real(self, after, most)
        if not other:
            other.append(Fed())
            live.deliver(samples_of(METERS, {"main": series("main", [180])}))
            other.append(live.feed())
        return found

    monkeypatch.setattr(Samples, "arrivals", overtaken)
    assert live.feed().appended == Appended()
    assert other[1].appended == Appended(added=2)
    assert len(live.values("main")) == 4


def test_a_meter_that_names_its_source_later_gets_what_is_kept(live: Live) -> None:
    """Samples from before the declaration count, and so do those from while the source was taken out of it."""
    blind = live.site.model_copy(
        update={"meters": {**live.site.meters, "main": Meter(point="utility", rating_w=100_000)}}
    )
    live.deliver(samples_of(METERS, {name: series(name, [20, 40]) for name in METERS}))
    live.feed(blind)
    assert live.values("main") == []
    assert len(live.values("gas")) == 2
    live.feed()
    assert len(live.values("main")) == 2
    live.feed(blind)
    live.deliver(samples_of(METERS, {"main": series("main", [60])}))
    live.feed(blind)
    assert len(live.values("main")) == 2
    live.feed()
    assert len(live.values("main")) == 3


def test_other_hosts_devices_units_and_kinds_feed_no_meter(live: Live) -> None:
    """Only the device of the declared host, in the declared unit and of the meter's kind, is a reading of it."""
    good = sample_of("main", METERS["main"], at(60, 100))
    wrong = [
        good._replace(part="mian"),
        good._replace(unit="kWh"),
        good._replace(name="hw.energy.reactive"),
        good._replace(quality="good", start_ns=good.time_ns - 10**9),
        good._replace(value=None),
        good._replace(name="hw.host.power", unit="W", quality="good"),
    ]
    for number, one in enumerate(wrong):
        live.deliver([one._replace(time_ns=one.time_ns + number)])
    live.deliver([good], node="gw-2")
    assert live.feed().appended == Appended()
    live.deliver([good])
    assert live.feed().appended == Appended(added=1)


@pytest.mark.parametrize(
    ("meter", "change", "why"),
    [
        ("main", {"time_ns": 1}, "is the clock of its host set?"),
        ("it-2", {"time_ns": 10**15}, "is the clock of its host set?"),
        ("gas", {"start_ns": 1}, "a delta of energy spans at most 768 hours"),
        ("it-2", {"start_ns": 1, "value": 1e12}, "no meter draws that much"),
        ("main", {"value": -1.0}, "energy and power are not negative"),
        ("main", {"time_ns": NOW_NS + 301 * 10**9}, "its time is in the future"),
    ],
)
def test_what_cannot_be_feeds_no_meter(live: Live, meter: str, change: dict[str, Any], why: str) -> None:
    """A clock that was never set makes no year known in which nobody measured, and costs no sum of fifty years."""
    (good,) = samples_of(METERS, {meter: series(meter, [10])})
    live.deliver([good._replace(**change)])
    live.feed()
    assert live.values(meter) == []
    assert [reason[-len(why) :] for _, reason in live.samples.quarantined(GATEWAY)] == [why]
    with live.store.opened() as connection:
        assert connection.execute("select count(*) from hourly").fetchone() == (0,)


def test_a_begin_of_zero_is_none() -> None:
    """OTLP writes 0 where it does not know: a delta without a begin is energy of no certain time."""
    point = {"timeUnixNano": "10", "startTimeUnixNano": "0", "asInt": "5", "attributes": []}
    names = {"service.instance.id": "a", "zonewright.boot": "b", "zonewright.sequence": "1"}
    attributes = [{"key": key, "value": {"stringValue": text}} for key, text in names.items()]
    metrics = [{"name": "hw.energy", "unit": "Wh", "sum": {"aggregationTemporality": 1, "dataPoints": [point]}}]
    resource = {"resource": {"attributes": attributes}, "scopeMetrics": [{"metrics": metrics}]}
    (sample,) = read_batch(json.dumps({"resourceMetrics": [resource]}).encode()).samples
    assert (sample.start_ns, sample.value) == (None, 5.0)


def test_units_are_converted_exactly() -> None:
    """Decimals that were sent are what is kept, and joules are rounded to the millionth of a watt-hour, no further."""
    for unit, value, expected in (
        ("kWh", 21_900_000.1, Fraction(219_000_001, 10) * 1000),
        ("J", 7.884e13, 21_900_000_000),
        ("J", 1.0, Fraction(278, 10**6)),
        ("MWh", 0.000001, 1),
    ):
        data = SITE.model_dump(mode="json", exclude_none=True)
        data["meters"]["main"]["source"]["unit"] = unit
        binding = next(one for one in bindings_of({"dc1": Site.model_validate(data)}) if one.meter == "main")
        items = [
            (SampleSeries(1, GATEWAY, GATEWAY, "hw.energy", "main", unit), Measurement(10**9, None, value, "register"))
        ]
        assert [one.value for one in readings_from(binding, items)] == [expected]


def test_a_contradiction_is_set_aside_alone(live: Live) -> None:
    """An interval that overlaps another is refused and named; what came with it is stored."""
    live.deliver(samples_of(METERS, {"gas": [at(20, 200, length=20)], "main": series("main", [20])}))
    live.feed()
    late = [at(30, 90, length=15), at(40, 100, length=20), at(60, 100, length=20)]
    live.deliver(samples_of(METERS, {"gas": late, "main": series("main", [40])}))
    fed = live.feed()
    assert fed.appended == Appended(added=3)
    assert [(one.meter, reading.time_us) for one, reading, _ in fed.refused] == [("gas", late[0].time_us)]
    assert live.samples.quarantined(GATEWAY)[0][0] == "meter gas"
    assert "overlap" in live.samples.quarantined(GATEWAY)[0][1]


@pytest.mark.parametrize("later", [0, 1, 3])
def test_samples_that_were_restored_from_before_go_on_feeding(tmp_path: Path, later: int) -> None:
    """Their numbers begin again where the backup was made, and what comes in then is taken all the same."""
    live = Live(tmp_path)

    def deliver(*minutes: int) -> None:
        for minute in minutes:
            live.deliver(samples_of(METERS, {"main": series("main", [minute])}), now_ns=NOW_NS + minute)

    deliver(10)
    live.feed()
    with closing(sqlite3.connect(tmp_path / "s.db")) as file, closing(sqlite3.connect(tmp_path / "old.db")) as copy:
        file.backup(copy)
    deliver(20, 30)
    live.feed()
    live.samples.close()
    for one in tmp_path.glob("s.db*"):
        one.unlink()
    (tmp_path / "old.db").rename(tmp_path / "s.db")
    live.samples = Samples(tmp_path / "s.db")
    minutes = [40 + 10 * number for number in range(later)]
    deliver(*minutes)
    live.feed()
    assert live.values("main") == [500 * minute for minute in (10, 20, 30, *minutes)]
    deliver(100)
    live.feed()
    assert live.values("main")[-1] == 50_000
    live.samples.close()


def test_live_readings_outrank_imports_of_their_meter_only(live: Live) -> None:
    """At one time the agent's value counts, whichever came first, and the import of another meter is untouched."""
    live.store.append("dc1", METERS, {"main": [at(60, 100)], "it-1": [at(60, 9)]}, trust="imported")
    live.deliver(samples_of(METERS, {"main": [at(0, 0), at(60, 103)]}))
    assert live.feed().appended == Appended(added=1, outranked=1)
    assert live.store.append("dc1", METERS, {"main": [at(60, 99)]}, trust="imported") == Appended(outranked=1)
    assert live.values("main") == [0, 103]
    assert live.values("it-1") == [9]
    gone = sorted((one.kind, int(one.value)) for one in live.store.superseded("dc1"))
    assert gone == [("outranked", 99), ("outranked", 100)]


def test_hours_that_are_over_are_told_once_with_their_digest(live: Live) -> None:
    """One record has all hours that are over; an hour that gets more is told again, and one that does not is not."""
    told: list[dict[str, list[Delivery]]] = []

    def tell(found: object, note: JournalNote) -> None:
        told.append(found)  # type: ignore[arg-type]
        note.keep(json.dumps({"sequence": len(told)}))

    def deliver(*minutes: int) -> None:
        live.deliver(samples_of(METERS, {"main": series("main", minutes)}))
        live.feed()
        live.store.tell_deliveries(tell)

    deliver(0, 10, 70)
    (first,) = told[0]["dc1"]
    lines = [
        reading_line(("main", "register", None, at(m, 0).time_us, m * 500 * 10**6, "authenticated")) for m in (0, 10)
    ]
    assert first == Delivery(meter="main", begin_us=START, readings=2, digest=digest_of_lines(READINGS_HEAD, lines)[0])
    deliver(80)
    assert len(told) == 1
    deliver(130)
    deliver(20)
    assert [[(one.begin_us - START) // HOUR_US for one in some["dc1"]] for some in told] == [[0], [1], [0]]
    live.store.tell_deliveries(tell)
    assert len(told) == 3
    deliver(20, 200)
    assert [(one.begin_us - START) // HOUR_US for one in told[3]["dc1"]] == [2], "the first hour is as it was told"
    assert deliveries_text(told[2]["dc1"]) != deliveries_text([first])


def test_a_record_that_was_lost_is_made_again(live: Live) -> None:
    """Where the journal could not take it, the same hours are handed over the next time."""
    live.deliver(samples_of(METERS, {"main": series("main", [0, 70])}))
    live.feed()
    seen: list[str] = []

    def failing(found: object, _note: JournalNote) -> None:
        seen.append(str(found))
        raise OSError

    for _ in range(2):
        with pytest.raises(OSError):  # noqa: PT011 - any
            live.store.tell_deliveries(failing)
    assert seen[0] == seen[1]


def test_pruned_hours_stay_sums_when_samples_come_again(live: Live) -> None:
    """After a removal of readings a late batch for the same hours is known energy, and no sum moves."""
    minutes = range(0, 6 * 1440, 20)
    sent = samples_of(METERS, {name: series(name, [one for one in minutes if one]) for name in METERS})
    live.deliver(sent)
    live.feed()
    window = (START, START + 6 * DAY_US)
    before = live.store.sums("dc1", *window)
    assert live.store.prune(START + 5 * DAY_US) > 0
    live.deliver([one._replace(time_ns=one.time_ns + 1) for one in sent[: len(sent) // 2] if one.part == "it-2"])
    live.feed()
    assert live.store.sums("dc1", *window) == before


def test_a_store_of_the_version_before_takes_live_readings(tmp_path: Path) -> None:
    """Tables that were made without live readings get theirs, and keep what they have."""
    live = Live(tmp_path)
    live.store.append("dc1", METERS, {"main": [at(0, 0)]}, trust="imported")
    with closing(sqlite3.connect(tmp_path / "t.db")) as connection:
        for table in ("feeding", "bound", "delivery", "delivering"):
            connection.execute(f"drop table {table}")
        connection.execute("pragma user_version = 4")
    live.store = Store(tmp_path / "t.db")
    live.deliver(samples_of(METERS, {"main": series("main", [60])}))
    assert live.feed().appended == Appended(added=1)
    assert len(live.values("main")) == 2
    live.samples.close()


def test_an_agent_feeds_its_power_meter_and_the_sum_of_its_counters(tmp_path: Path) -> None:
    """From a host's files over the wire: watts of the meter, intervals without a gap, and no accelerator in either."""
    meters = {
        "node": {"point": "server-input", "kind": "gauge", "rating_w": 900, "source": _of_host("hwmon")},
        "chips": {"point": "server-input", "kind": "interval", "rating_w": 900, "source": _of_host("rapl")},
    }
    site = site_of(METERS, hosts={"core-001": {"sources": ["hwmon", "rapl"]}, GATEWAY: {"devices": sorted(METERS)}})
    site = Site.model_validate(site.model_dump(mode="json", exclude_none=True) | {"meters": _with(site, meters)})
    live, host = Live(tmp_path, site), SimulatedHost(tmp_path / "sys")
    for name, text in (("name", "amdgpu"), ("power1_average", "300000000")):
        (tmp_path / "sys" / "class" / "hwmon" / "hwmon9").mkdir(exist_ok=True)
        (tmp_path / "sys" / "class" / "hwmon" / "hwmon9" / name).write_text(text, encoding="ascii")
    sources: list[Source] = [one(tmp_path / "sys", 900) for one in (Hwmon, Rapl, Amdgpu)]
    for number in range(1, 6):
        host.show(10.0 * number)
        # The wall clock runs a little slower than the monotonic one, as while it is being slewed.
        moment = Moment((START + number * 9_999_000) * 1_000 + number, 10.0 * number, "b")
        points = [point for source in sources for point in source.read(moment)]
        resource = {"service.instance.id": "core-001", "zonewright.boot": "b", "zonewright.sequence": str(number)}
        found = read_batch(encode(points, resource))
        live.samples.append(
            SampleBatch(agent="core-001", node="core-001", boot="b", sequence=number, samples=found.samples),
            (START + 60 * 10**6) * 1_000,
        )
    fed = live.feed()
    assert (fed.appended, fed.refused) == (Appended(added=9), [])
    watts = [sum(one.watts(10.0 * n) for one in ZONES.values()) for n in range(1, 6)]
    assert [float(one) for one in live.values("node")] == pytest.approx(watts, abs=1e-6)
    for n, value in enumerate(live.values("chips"), 2):
        joules = sum((one.raw(10.0 * n) - one.raw(10.0 * n - 10)) * one.unit_nj for one in ZONES.values()) / 1e9
        assert float(value) == pytest.approx(joules / 3600, abs=2e-6)
    (tmp_path / "sys" / "class" / "powercap" / "intel-rapl:1" / "energy_uj").unlink()
    points = sources[1].read(Moment((START + 6 * 9_999_000) * 1_000 + 6, 60.0, "b"))
    found = read_batch(encode(points, {**resource, "zonewright.sequence": "6"}))
    report = SampleBatch(agent="core-001", node="core-001", boot="b", sequence=6, samples=found.samples)
    live.samples.append(report, (START + 60 * 10**6) * 1_000)
    assert live.feed().appended == Appended(), "without one of its parts a sum is none"
    known = live.store.sums("dc1", START, START + HOUR_US)["chips"]
    assert known.covered_us == 4 * 9_999_000
    live.samples.close()


def test_what_a_collector_passes_on_is_no_second_reading(tmp_path: Path) -> None:
    """Of an agent's counters, deltas and sums that come again by another sender neither double energy nor hide it."""
    chips = {"point": "server-input", "kind": "interval", "rating_w": 900, "source": _of_host("rapl")}
    site = site_of(METERS, hosts={"core-001": {"sources": ["rapl"]}, GATEWAY: {"devices": sorted(METERS)}})
    data = site.model_dump(mode="json", exclude_none=True)
    live = Live(tmp_path, Site.model_validate(data | {"meters": _with(site, {"chips": chips})}))

    def of(number: int, sender: str) -> SampleBatch:
        end = START * 1_000 + number * 10**10
        delta = Sample("hw.energy", "package-0", "J", end, end - 10**10, 3_600.0, "good")
        total = delta._replace(start_ns=None, value=7_200.0, quality="register")
        samples = {
            "core-001": (delta,),
            "principal c": (delta, delta._replace(part="x", value=1.0)),
            "principal d": (total,),
        }[sender]
        sequence = number if sender == "core-001" else 0
        return SampleBatch(agent=sender, node="core-001", boot="b", sequence=sequence, samples=samples)

    for number, senders in enumerate((["core-001", "principal c"], ["principal c", "core-001", "principal d"]), 1):
        for sender in senders:
            live.samples.append(of(number, sender), NOW_NS)
        fed = live.feed()
        assert (fed.appended.added, fed.refused) == (1, [])
    assert live.values("chips") == [1, 1]
    live.samples.close()


def test_a_thermometer_is_read_live(tmp_path: Path) -> None:
    """Degrees are readings of a meter outside, below zero too, also where nothing else comes in."""
    outside = {"point": "outside", "kind": "temperature", "interval_s": 3600}
    source = {"source": {"host": GATEWAY, "device": "air"}}
    site = site_of(METERS, hosts={GATEWAY: {"devices": ["air", *sorted(METERS)]}})
    data = site.model_dump(mode="json", exclude_none=True)
    live = Live(tmp_path, Site.model_validate(data | {"meters": _with(site, {"outside": {**outside, **source}})}))
    live.feed()
    live.deliver([Sample("hw.temperature", "air", "Cel", (START + HOUR_US) * 1_000, None, -3.5, "good")])
    assert live.feed().appended == Appended(added=1)
    assert live.values("outside") == [Fraction(-7, 2)]
    live.samples.close()


def _of_host(reads: str) -> dict[str, str]:
    return {"host": "core-001", "reads": reads}


def _with(site: Site, more: dict[str, Any]) -> dict[str, Any]:
    return {name: one.model_dump(mode="json", exclude_none=True) for name, one in site.meters.items()} | more


@pytest.mark.parametrize(
    ("reads", "side", "says"),
    [
        ("rapl", "it", "node: processors and memory of hosts, which are no energy of the ratio"),
        ("rapl", "facility", "node: processors and memory of hosts, which are no energy of the ratio"),
        ("hwmon", "facility", "node: power meters of hosts, which are no energy of the facility"),
    ],
)
def test_what_a_host_says_of_itself_is_no_bill(live: Live, reads: str, side: str, says: str) -> None:
    """Also where the pack takes hosts as IT load, and whether somebody checked the text or not."""
    kind = "gauge" if reads == "hwmon" else "interval"
    data: dict[str, Any] = {
        "title": "Data centre",
        "district": "north",
        "hosts": {"core-001": {"sources": ["hwmon", "rapl"]}},
        "meters": {
            "main": {"point": "utility" if side == "it" else "server-input", "rating_w": 100_000},
            "node": {"point": "server-input", "kind": kind, "rating_w": 900, "source": _of_host(reads)},
        },
        "boundary": {
            "category": "PUE3",
            "facility": ["main" if side == "it" else "node"],
            "it": ["node" if side == "it" else "main"],
        },
    }
    site = Site.model_validate(data)
    minutes = [0, 60, 120]
    readings = [at(m, 300) if kind == "gauge" else at(m + 60, 300, length=60) for m in minutes]
    found = {"main": series("main", [0, 180], per_minute=1), "node": readings}
    live.store.append("dc1", meters_of(site), found, trust="imported")
    terms = Terms(limit=Fraction(5, 4), trusted=frozenset(TRUST_ORDER), max_age_days=7, node_energy=True)
    now = datetime(2026, 1, 1, 3, 30, tzinfo=UTC)
    one = measured(live.store, "dc1", site, now=now, terms=terms, model=None)
    assert one is not None
    assert says in one.reason
    assert one.it_load_w is None


@pytest.mark.parametrize(
    ("node_energy", "category", "says"),
    [
        (True, "PUE3", "coverage"),
        (False, "PUE3", "node: power meters of hosts, which do not count as IT energy in this zone"),
        (True, "PUE2", "node: power meters of hosts, which count in PUE3 only"),
    ],
)
def test_hosts_count_as_it_load_where_the_pack_takes_them(
    live: Live, *, node_energy: bool, category: Any, says: str
) -> None:
    """A host's own meter is IT load, and the mean that the gate adds to, only in PUE3 under a pack that says so."""
    data: dict[str, Any] = {
        "title": "Data centre",
        "district": "north",
        "hosts": {"core-001": {"sources": ["hwmon"]}},
        "meters": {
            "main": {"point": "utility", "rating_w": 100_000},
            "node": {"point": "server-input", "kind": "gauge", "rating_w": 900, "source": _of_host("hwmon")},
        },
        "boundary": {"category": category, "facility": ["main"], "it": ["node"]},
    }
    site = Site.model_validate(data)
    live.store.append("dc1", meters_of(site), {"main": series("main", [0, 180])}, trust="imported")
    power = Sample("hw.host.power", "", "W", START * 1_000, None, 312.0, "good")
    live.deliver([power._replace(time_ns=(START + n * 300 * 10**6) * 1_000) for n in range(37)], node="core-001")
    live.feed(site)
    terms = Terms(limit=Fraction(5, 4), trusted=frozenset(TRUST_ORDER), max_age_days=7, node_energy=node_energy)
    now = datetime(2026, 1, 1, 3, 30, tzinfo=UTC)
    found = measured(live.store, "dc1", site, now=now, terms=terms, model=None)
    assert found is not None
    assert says in found.reason
    assert found.it_load_w == (312 if says == "coverage" else None)
