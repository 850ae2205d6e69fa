"""What goes to receivers of other makers: cumulative sums, attributes that stay, and no batch lost for a point."""

import errno
import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from zonewright_agent.agent import Agent
from zonewright_agent.configuration import Configuration, ConfigurationError, from_text
from zonewright_agent.otlp import encode
from zonewright_agent.points import Moment, Point
from zonewright_agent.posting import Answer, Connection
from zonewright_agent.sender import Sender
from zonewright_agent.sources.hwmon import Hwmon
from zonewright_agent.sums import Sums
from zonewright_gateway.device import Device
from zonewright_gateway.values import Shown

BASE = 'agent = "host-1"\nurl = "http://127.0.0.1:1/v1/metrics"\n'
REQUIRED = {"hw.energy": {"hw.id", "hw.type"}, "hw.power": {"hw.id", "hw.type"}, "hw.host": {"hw.id"}}
"""Attributes that OpenTelemetry's conventions for hardware require, by name of the metric."""


def settings_of(folder: Path, text: str) -> Configuration:
    """Settings with a spool in a folder."""
    return from_text(f'{BASE}spool = "{folder}/spool"\n{text}', "agent.toml")


def energy(begin: int, end: int, joules: float | None) -> Point:
    """Energy between two seconds."""
    return Point("hw.energy", "J", "delta", joules, end * 10**9, begin * 10**9, "good", {"hw.id": "p"})


def test_sums_grow_by_what_was_measured_and_begin_anew_after_what_was_not() -> None:
    """From zero on; what nobody knows begins another sum; no two values have one time."""
    sums = Sums()
    steps = [(0, 10, 5.0), (10, 20, 7.0), (20, 30, None), (30, 40, 2.0), (50, 60, 1.0), (60, 70, 1.0)]
    found = [one for step in steps for one in sums.of([energy(*step)])]
    assert {one.kind for one in found} == {"register"}
    told = [(one.time_ns // 10**9, one.value, None if one.start_ns is None else one.start_ns // 10**9) for one in found]
    assert told == [
        (0, 0.0, 0), (10, 5.0, 0), (20, 12.0, 0), (30, None, None), (40, 2.0, 30), (50, 0.0, 50), (60, 1.0, 50),
        (70, 2.0, 50),
    ]  # fmt: skip


@pytest.mark.parametrize(("interval_s", "joules"), [(60, [19_800.0, 46_800.0]), (30, [19_800.0, None])])
def test_energy_of_the_host_is_known_where_power_is(tmp_path: Path, interval_s: float, joules: list[Any]) -> None:
    """Trapezoids between readings at most 2.5 intervals apart (V18: 66,600 J, or 19,800 J and a gap)."""
    folder = tmp_path / "class" / "hwmon" / "hwmon0"
    folder.mkdir(parents=True)
    (folder / "name").write_text("power_meter", encoding="ascii")
    source, found = Hwmon(tmp_path, 2000, interval_s), []
    for second, watts in ((0, 300), (60, 360), (180, 420), (190, 0), (200, 300)):
        (folder / "power1_average").write_text(str(watts * 10**6), encoding="ascii")
        found += [one for one in source.read(Moment(second * 10**9, second, "b")) if one.name == "hw.host.energy"]
    assert [one.value for one in found] == [*joules, None, None]
    assert [one.quality for one in found][2:] == ["implausible", "unknown"]
    assert all(one.start_ns is not None and one.start_ns < one.time_ns for one in found)


class Fixed:
    """A source that gives the same points, of another time each."""

    name = "fixed"

    def __init__(self, device: Device) -> None:
        self._device, self._second = device, 0

    def read(self, _moment: Moment) -> list[Point]:
        """A host, a processor and a PDU."""
        self._second += 10
        at = self._second * 10**9
        quality = "clock-stepped" if self._second % 20 else "good"
        shown = [Shown("", "power", 700.0), Shown("", "energy", 5e6 + self._second), Shown("outlet-1", "power", 90.0)]
        self._device.took(shown, time_ns=at, at_s=self._second)
        return [
            Point("hw.host.power", "W", "gauge", 300.0, at, None, quality, {"hw.id": "host"}),
            Point("hw.energy", "J", "delta", 9.0, at, at - 10**10, quality, {"hw.id": "package-0", "hw.type": "cpu"}),
            *self._device.collect(),
        ]


def test_another_receiver_gets_the_same_beside_the_service(tmp_path: Path) -> None:
    """Deltas and numbers for the service; for the other one sums, and series that no quality and no number divides."""
    text = 'token_file = "t"\nalso_url = "http://127.0.0.1:2/otlp"\nsite = "dc1"\nrack = "dc1/a/01/02"\n'
    pdu = Device("pdu-a", 10_000, {"rack": "dc1/a/01/01", "feed": "A"})
    agent = Agent(settings_of(tmp_path, text), [Fixed(pdu)])
    for _ in range(3):
        assert agent.keep(agent.sample())
    own, other = (list(one.spool.pending()) for one in agent.outlets)
    assert [json.loads(batch)["resourceMetrics"][0]["resource"]["attributes"][-1]["key"] for _, batch in own] == [
        "zonewright.sequence"
    ] * 3
    series: dict[str, list[float]] = {}
    resources = set()
    for _, batch in other:
        request = json_format.Parse(batch, ExportMetricsServiceRequest())
        (resource,) = request.resource_metrics
        resources.add(str(resource.resource))
        for metric in resource.scope_metrics[0].metrics:
            for point in (metric.gauge if metric.HasField("gauge") else metric.sum).data_points:
                labels = {one.key: one.value.string_value for one in point.attributes}
                missing = [
                    need
                    for name, need in REQUIRED.items()
                    if metric.name.startswith(name) and not need <= labels.keys()
                ]
                assert (missing, labels.pop("site")) == ([], "dc1")
                labels.pop("hw.type", None)
                series.setdefault(f"{metric.name} {sorted(labels.values())}", []).append(point.as_double)
            assert not metric.HasField("sum") or metric.sum.aggregation_temporality == 2
    assert len(resources) == 1
    assert series == {
        "hw.energy ['package-0']": [0.0, 9.0, 18.0, 27.0],
        "hw.energy ['A', 'dc1/a/01/01', 'pdu-a']": [(5e6 + second) * 3600 for second in (20, 30)],
        "hw.host.power ['dc1/a/01/02', 'host']": [300.0] * 3,
        "hw.power ['A', 'dc1/a/01/01', 'pdu-a']": [700.0] * 3,
        "hw.power ['pdu-a', 'pdu-a-outlet-1']": [90.0] * 3,
        "zonewright.source.up ['fixed']": [1.0] * 3,
    }


class Picky:
    """In the place of a connection: refuses every body that ``refuses`` says, and keeps the values of the others."""

    is_open = False

    def __init__(self, refuses: Callable[[list[float]], bool], status: int = 400) -> None:
        self.refuses, self.status = refuses, status
        self.asked = 0
        self.taken: list[float] = []
        self.boots: set[str] = set()

    def post(self, _path: str, body: bytes, _headers: dict[str, str], *, max_bytes: int) -> Answer:
        """One request."""
        self.asked += 1
        (resource,) = json_format.Parse(body, ExportMetricsServiceRequest()).resource_metrics
        metrics = resource.scope_metrics[0].metrics
        values = [point.as_double for one in metrics for point in (*one.gauge.data_points, *one.sum.data_points)]
        if self.refuses(values):
            return Answer(self.status, "no", {}, b"")
        self.taken += values
        self.boots |= {one.value.string_value for one in resource.resource.attributes if one.key == "zonewright.boot"}
        return Answer(200, "OK", {}, b"{}"[:max_bytes])

    def close(self) -> None:
        """Nothing is open."""


def drained(folder: Path, picky: Picky, count: int = 100) -> Agent:
    """An agent with one batch of so many points, sent to a receiver."""
    agent = Agent(settings_of(folder, 'receiver = "otlp"\n'), [])
    points = [Point("a", "1", "gauge", float(n), n) for n in range(count // 2)]
    points += [Point("b", "J", "register", float(n), n) for n in range(count // 2, count)]
    agent.spool.put(encode(points, {"zonewright.boot": "b"}))
    sender = Sender(agent.outlets[0].settings, agent.spool)
    setattr(sender, "_connection", picky)  # noqa: B010 - in its place
    assert sender.drain()
    return agent


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_batch_is_split_and_not_lost(tmp_path: Path, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    """All but the one bad point arrive, in order; it is told and counted; each part has an identity of its own."""
    picky = Picky(lambda values: 63.0 in values, status)
    agent = drained(tmp_path, picky)
    assert picky.taken == [float(n) for n in range(100) if n != 63]
    assert (len(agent.spool), agent.spool.dropped) == (0, 1)
    assert len(picky.boots) == picky.asked - 8  # 7 times in halves, and the point itself
    (event,) = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (event["event"], event["points"]) == ("refused", 1)


def test_a_batch_that_is_too_large_arrives_in_parts(tmp_path: Path) -> None:
    """Nothing of it is dropped."""
    picky = Picky(lambda values: len(values) > 30, 413)
    assert drained(tmp_path, picky).spool.dropped == 0
    assert picky.taken == [float(n) for n in range(100)]


def test_a_receiver_that_refuses_everything_is_not_asked_for_each_point(tmp_path: Path) -> None:
    """After 32 refusals the parts that are left are tried as they are."""
    picky = Picky(lambda _values: True)
    assert drained(tmp_path, picky, 500).spool.dropped == 1
    assert picky.asked < 50


def test_of_a_receiver_that_takes_nothing_most_batches_are_asked_once(tmp_path: Path) -> None:
    """Some are divided again, so that what can be taken comes through within 32 batches; one that is taken ends it."""
    picky = Picky(lambda _values: True)
    agent = drained(tmp_path, picky)
    sender = Sender(agent.outlets[0].settings, agent.spool)
    setattr(sender, "_connection", picky)  # noqa: B010 - in its place
    asked = []
    for _ in range(70):
        before = picky.asked
        agent.spool.put(encode([Point("a", "1", "gauge", float(n), n) for n in range(8)], {"zonewright.boot": "b"}))
        assert sender.drain()
        asked.append(picky.asked - before)
    assert [number for number, count in enumerate(asked) if count > 1] == [0, 1, 2, 4, 8, 16, 32, 64]
    picky.refuses = lambda values: 3.0 in values
    for _ in range(32):
        agent.spool.put(encode([Point("a", "1", "gauge", float(n), n) for n in range(8)], {"zonewright.boot": "b"}))
        assert sender.drain()
    assert picky.taken[:7] == [0.0, 1.0, 2.0, 4.0, 5.0, 6.0, 7.0]


class Saying:
    """In the place of a connection: always the same answer."""

    is_open = False

    def __init__(self, status: int, body: bytes) -> None:
        self.status, self.body = status, body

    def post(self, _path: str, _body: bytes, _headers: dict[str, str], *, max_bytes: int) -> Answer:
        """One request."""
        return Answer(self.status, "x" * 60_000, {}, self.body[:max_bytes])

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("status", "body", "is_sent", "events"),
    [
        (200, b'{"partialSuccess":{}}', True, []),  # what OpenTelemetry's collector says of every batch
        (200, b'{"partialSuccess":{"rejectedDataPoints":"0"}}', True, []),
        (200, b'{"partialSuccess":{"rejectedDataPoints":"2"}}', True, ["set-aside"]),
        (200, b'{"partialSuccess":{"errorMessage":"old"}}', True, ["set-aside"]),
        (200, b'"partialSuccess' + b"[" * 65_000, True, ["set-aside"]),
        (500, b"[" * 65_000, False, ["not-sent"]),
        (500, b'{"message":"' + b"x" * 65_000 + b'"}', False, ["not-sent"]),
    ],
)
def test_whatever_a_receiver_says_ends_no_agent_and_fills_no_log(
    tmp_path: Path, status: int, body: bytes, events: list[str], capsys: pytest.CaptureFixture[str], *, is_sent: bool
) -> None:
    """An empty note is no event; what is nested or long is told in one short line, and the sender goes on."""
    agent = Agent(settings_of(tmp_path, 'receiver = "otlp"\n'), [])
    agent.spool.put(encode([Point("a", "1", "gauge", 1.0, 1)], {}))
    sender = Sender(agent.outlets[0].settings, agent.spool)
    setattr(sender, "_connection", Saying(status, body))  # noqa: B010 - in its place
    assert sender.drain() is is_sent
    lines = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["event"] for line in lines] == events
    assert all(len(line) < 2_000 for line in lines)


def test_an_answer_without_an_end_is_left() -> None:
    """Byte by byte, each within the time-out, an answer takes at most two time-outs; the sender counts as alive."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def dribble() -> None:
            with listening.accept()[0] as one, suppress(OSError):
                one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
                while True:
                    one.sendall(b"x")
                    time.sleep(0.02)

        thread = threading.Thread(target=dribble)
        thread.start()
        connection = Connection(f"http://127.0.0.1:{listening.getsockname()[1]}/", 0.1)
        with pytest.raises(OSError, match=r"took more than 0\.2 seconds|timed out"):
            connection.post("/", b"x", {}, max_bytes=65_536)
        thread.join()


def test_parts_of_a_batch_are_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that takes its time to refuse each of many parts does not make the agent end as broken."""
    now = [0.0]
    agent = Agent(settings_of(tmp_path, 'receiver = "otlp"\n'), [])
    agent.spool.put(encode([Point("a", "1", "gauge", float(n), n) for n in range(100)], {"zonewright.boot": "b"}))
    sender = Sender(agent.outlets[0].settings, agent.spool)
    alive: list[bool] = []

    def refuses(_values: list[float]) -> bool:
        now[0] += 15.0
        alive.append(time.monotonic() - sender._beat_s < 40)
        return True

    setattr(sender, "_connection", Picky(refuses))  # noqa: B010 - in its place
    monkeypatch.setattr("zonewright_agent.sender.time.monotonic", lambda: now[0])
    assert sender.drain()
    assert len(alive) > 32
    assert all(alive)


def test_the_other_receiver_takes_no_room_and_no_watchdog_from_the_service(tmp_path: Path) -> None:
    """On a full disk the batches of the other receiver go first; where only those fail, the agent goes on."""
    text = 'token_file = "t"\nalso_url = "http://127.0.0.1:2/otlp"\n'
    agent = Agent(settings_of(tmp_path, text), [])
    own, other = (one.spool for one in agent.outlets)
    point = [Point("a", "1", "gauge", 1.0, 1)]
    for _ in range(3):
        assert agent.keep(point)
    write = own._write

    def writes(name: str, content: bytes) -> None:
        if len(other):
            raise OSError(errno.ENOSPC, "No space left on device")
        write(name, content)

    setattr(own, "_write", writes)  # noqa: B010 - in its place
    own.put(b"{}")
    assert (len(own), own.dropped, len(other), other.dropped) == (4, 0, 0, 3)
    setattr(own, "_write", write)  # noqa: B010 - in its place

    def fails(_points: list[Point], _boot: str) -> None:
        raise OSError("the disk quota of this folder is used up")

    agent.kept_s = 0.0
    setattr(agent.outlets[1], "put", fails)  # noqa: B010 - in its place
    assert not agent.keep(point)
    assert agent.kept_s > 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('token_file = "t"\ntemporality = "delta"', "5: temporality: the service of zonewright takes deltas only"),
        ('receiver = "mimir"', "'token_file' is missing"),
        ('receiver = "mimir"\ntoken_file = "t"', "4: receiver: expected 'zonewright' or 'otlp', got 'mimir'"),
        ('token_file = "t"\nalso_url = "http://far/v1"', "5: also_url: expected https://"),
        (
            'token_file = "t"\nalso_url = "https://me:hunter2@far:443/v1"',
            "5: also_url: expected a URL without a user or password, which",
        ),
        ('token_file = "t"\nalso_token_file = "u"', "5: also_token_file: a token without 'also_url'"),
        (f'token_file = "t"\nrack = "{"r" * 300}"', "5: rack: expected at most 255 characters, got 300"),
    ],
)
def test_settings_of_receivers_that_cannot_be_are_told(tmp_path: Path, text: str, said: str) -> None:
    """Each with its line."""
    with pytest.raises(ConfigurationError) as caught:
        settings_of(tmp_path, text)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)
