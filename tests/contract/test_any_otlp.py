"""OTLP of any sender: protobuf and JSON, with the token of a principal, of the hosts that its party's sites declare."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from pulumi.runtime.proto.status_pb2 import Status

from support.asgi import Answer, call
from support.ledger_copy import brought_once
from support.ledger_party import Party
from support.served_ledger import open_settings
from support.zone_project import ZONE, facility
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.access_messages import GrantRequest
from zonewright.ledger.protocol.rights import DELIVER
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.ledger.verbs.live import feed
from zonewright.model import Zone
from zonewright.model.limits import POINTS, SERIES
from zonewright.server.agents import issue_token
from zonewright.server.any_otlp import read_any
from zonewright.server.assembly import Assembly
from zonewright.telemetry import Appended, Store
from zonewright.telemetry.otlp import OtlpError
from zonewright.telemetry.sample import REGISTER, Sample, SampleBatch
from zonewright.telemetry.samples import Samples
from zonewright.telemetry.summing import HOUR_US

NOW_NS = 1_790_000_000 * 10**9
METER = {"point": "utility", "rating_w": 10_000_000}
SITE = facility(1)["sites"]["dc1"] | {
    "hosts": {"bms": {"devices": ["main", "ups"]}},
    "meters": {
        "utility": {**METER, "source": {"host": "bms", "device": "main", "unit": "kWh"}},
        "ups": {
            **METER,
            "point": "ups-output",
            "source": {"host": "bms", "device": "ups", "metric": "pm.energy", "unit": "Wh"},
        },
    },
    "boundary": {"category": "PUE1", "facility": ["utility"], "it": ["ups"]},
}
GRANTS: tuple[tuple[str, str, str, list[str]], ...] = (
    ("bms", "operator", "facility-operator", [DELIVER]),
    ("runner", "operator", "facility-operator", ["admit"]),
    ("tenant", "tenant-a", "tenant", []),
    ("other", "second", "facility-operator", []),
)


@dataclass
class Door:
    """The service, and the tokens of some principals and of an agent."""

    assembly: Assembly
    tokens: dict[str, str]

    def send(self, request: ExportMetricsServiceRequest, who: str, *, as_json: bool = False) -> Answer:
        """One request."""
        kind = "application/json" if as_json else "application/x-protobuf"
        content = json_format.MessageToJson(request).encode() if as_json else request.SerializeToString()
        headers = {"authorization": f"Bearer {self.tokens[who]}", "content-type": kind}
        return call(self.assembly.app, "POST", "/v1/metrics", content=content, headers=headers)

    def kept(self, sender: str = "principal bms") -> list[tuple[Any, ...]]:
        """What is kept of a sender: name, part, unit, value and quality."""
        found = self.assembly.samples.samples(sender)
        return [(one.name, one.part, one.unit, one.value, one.quality) for one in found]


@pytest.fixture(name="door")
def _door(tmp_path: Path) -> Iterator[Door]:
    zone = Zone.model_validate({**ZONE, "parties": {**ZONE["parties"], "second": ZONE["parties"]["operator"]}})
    with LedgerClient("sqlite:///l.db", root=tmp_path, create=True) as local:
        local.call(verbs.INIT, InitRequest(zone=zone))
        brought_once(
            local,
            "any otlp",
            lambda: Party(local, "stack-of-operator", "operator", zone=zone).bring_up(sites={"dc1": SITE}),
        )
        tokens = {
            name: local.call(
                verbs.GRANT,
                GrantRequest.model_validate(
                    {"principal": name, "party": party, "kind": "agent", "roles": [role], "verbs": only, "days": 30}
                ),
            ).token
            for name, party, role, only in GRANTS
        }
    tokens["agent"] = issue_token(tmp_path / "agents.yaml", "gw-1", "bms")
    with Assembly(open_settings(tmp_path), say=print) as assembly:
        yield Door(assembly, tokens)


def request_of(*metrics: Any, host: str = "bms") -> ExportMetricsServiceRequest:
    """Metrics of a host, as (name, unit, kind, attributes, value, seconds)."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.add(key="host.name").value.string_value = host
    scope = resource.scope_metrics.add()
    for name, unit, kind, attributes, value, seconds in metrics:
        metric = scope.metrics.add(name=name, unit=unit)
        if kind == "gauge":
            point = metric.gauge.data_points.add()
        else:
            metric.sum.aggregation_temporality = AggregationTemporality.ValueType(
                {"delta": 1, "cumulative": 2, "none": 0}[kind]
            )
            metric.sum.is_monotonic = True
            point = metric.sum.data_points.add(start_time_unix_nano=NOW_NS - 10**12)
        point.time_unix_nano = NOW_NS + seconds * 10**9
        for key, text in attributes.items():
            point.attributes.add(key=key).value.string_value = text
        if value is None:
            point.flags = 1
        elif isinstance(value, int):
            point.as_int = value
        else:
            point.as_double = value
    return request


MAIN = [("hw.energy", "kW.h", "cumulative", {"hw.id": "main"}, 1_000 + n, 3_600 * n) for n in range(3)]
UPS = [("pm.energy", "Wh", "cumulative", {"hw.id": "ups"}, 5e5 + 800 * n, 3_600 * n) for n in range(3)]


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("who", ["bms", "agent"])
def test_what_a_sender_reports_are_readings_of_the_meters_that_name_it(door: Door, who: str, *, as_json: bool) -> None:
    """Protobuf and JSON, by a principal or an agent: once each, in the unit that the meter says, under its own name."""
    for _ in range(2):
        answer = door.send(request_of(*MAIN, *UPS), who, as_json=as_json)
        assert (answer.status_code, answer.content) == (200, b"{}" if as_json else b"")
    context = door.assembly.context
    assert context is not None
    assert context.telemetry is not None
    feed(context)
    with Store(context.telemetry).opened() as connection:
        query = "select name, micro from reading join meter on id = meter order by name, time_us"
        found = [(name, micro // 10**6) for name, micro in connection.execute(query)]
    assert found == [
        *(("ups", 500_000 + 800 * n) for n in range(3)),
        *(("utility", 1_000_000 + 1_000 * n) for n in range(3)),
    ]
    assert len(door.kept("gw-1" if who == "agent" else "principal bms")) == 6


@pytest.mark.parametrize("at_once", [True, False])
def test_a_sum_that_began_again_is_no_small_rise(door: Door, *, at_once: bool) -> None:
    """One that restarted and passed its old value would count too little: its begin tells, and the step is unknown."""
    values = ((0, 100.0, -1_000), (3_600, 200.0, -1_000), (7_200, 900.0, 4_000), (10_800, 1_000.0, 4_000))
    requests = []
    for seconds, value, begin in values:
        request = request_of(("pm.energy", "Wh", "cumulative", {"hw.id": "ups"}, value, seconds))
        (point,) = request.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points
        point.start_time_unix_nano = NOW_NS + begin * 10**9
        requests.append(request)
    context = door.assembly.context
    assert context is not None
    assert context.telemetry is not None
    for request in requests:
        assert door.send(request, "bms").status_code == 200
        if not at_once:
            feed(context)
    feed(context)
    store, start_us = Store(context.telemetry), NOW_NS // 1_000
    with store.opened() as connection:
        rows = connection.execute(
            "select (time_us - ?) / 1000000, micro / 1000000 from reading", (start_us,)
        ).fetchall()
    assert rows == [(0, 100), (3_600, 200), (4_000, 0), (7_200, 900), (10_800, 1_000)]
    found = store.sums("dc1", start_us // HOUR_US * HOUR_US, start_us + 4 * HOUR_US)["ups"]
    assert (found.energy_mj, found.covered_us) == (200 * 3_600_000, 2 * HOUR_US)


@pytest.mark.parametrize(
    ("who", "host", "status", "said"),
    [
        ("runner", "bms", 403, "may not call deliver: its access is for admit"),
        ("tenant", "bms", 403, "may not call deliver: expected one of the roles facility-operator"),
        ("other", "bms", 403, "points of 'bms' were not taken"),
        ("bms", "elsewhere", 403, "points of 'elsewhere' were not taken"),
    ],
)
def test_nobody_reports_of_what_is_anothers(door: Door, who: str, host: str, status: int, said: str) -> None:
    """A principal needs the right, and the host must stand at a site of its party; else nothing is kept."""
    answer = door.send(request_of(*MAIN, host=host), who)
    assert answer.status_code == status
    assert said in Status.FromString(answer.content).message
    assert door.kept(f"principal {who}") == []


def test_what_cannot_be_kept_is_counted_and_the_rest_is(door: Door) -> None:
    """Other hosts, other kinds, sums without a kind, points without a time: rejected, by number and with a reason."""
    request = request_of(
        ("hw.power", "W", "gauge", {"hw.id": "main"}, 5.5, 0),
        ("hw.power", "W", "gauge", {"hw.id": "main"}, None, 10),
        ("hw.host.power", "W", "gauge", {"hw.id": "bms"}, 7, 0),
        ("queue.length", "1", "gauge", {"b": "2", "a": "1"}, 3, 0),
        ("hw.energy", "J", "none", {"hw.id": "main"}, 1, 0),
        ("hw.power", "W", "gauge", {"hw.id": "main"}, -1.0, 20),
    )
    no_time = request.resource_metrics[0].scope_metrics[0].metrics.add(name="x").gauge.data_points.add()
    no_time.as_double = 1
    histogram = request.resource_metrics[0].scope_metrics[0].metrics.add(name="y").histogram.data_points.add()
    histogram.count = 1
    request.resource_metrics.append(request_of(*MAIN, host="elsewhere").resource_metrics[0])
    answer = ExportMetricsServiceResponse.FromString(door.send(request, "bms").content).partial_success
    assert answer.rejected_data_points == 4 + len(MAIN)
    assert "points of 'elsewhere' were not taken" in answer.error_message
    assert sorted(door.kept(), key=str) == [
        ("hw.host.power", "", "W", 7.0, "good"),
        ("hw.power", "main", "W", 5.5, "good"),
        ("hw.power", "main", "W", None, "unknown"),
        ("queue.length", "a=1,b=2", "1", 3.0, "good"),
    ]


def test_one_part_has_one_value_at_a_time() -> None:
    """Phases of one part that differ are rejected all, what is the same twice is not; attributes are never mixed up."""
    phases = [("hw.energy", "kW.h", "cumulative", {"hw.id": "main", "phase": p}, n, 0) for n, p in enumerate("abc", 1)]
    same = [("hw.power", "W", "gauge", {"hw.id": "main", "phase": phase}, 5, 0) for phase in "ab"]
    apart = [("x", "1", "gauge", {"a": "1,b=2"}, 1, 0), ("x", "1", "gauge", {"a": "1", "b": "2"}, 2, 0)]
    found = read_any(request_of(*phases, *same, *apart).SerializeToString(), is_json=False)
    assert found.rejected == 3
    assert [(one.name, one.value) for one in found.samples["bms"]] == [
        ("hw.power", 5),
        ("hw.power", 5),
        ("x", 1),
        ("x", 2),
    ]


def test_what_an_agent_doubts_stays_in_doubt() -> None:
    """A quality that a collector passes on is kept; only one that says good without a value is not believed."""
    doubt = {"hw.id": "main", "zonewright.quality": "clock-stepped"}
    good = {"hw.id": "ups", "zonewright.quality": "good"}
    request = request_of(("hw.energy", "J", "delta", doubt, 9, 0), ("hw.energy", "J", "delta", good, None, 0))
    samples = read_any(request.SerializeToString(), is_json=False).samples["bms"]
    assert [(one.part, one.quality) for one in samples] == [("main", "clock-stepped"), ("ups", "unknown")]


def test_a_sender_has_so_many_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attribute with ever new values ends at a limit; what is known goes on, and an agent has no such limit."""
    monkeypatch.setattr("zonewright.telemetry.samples.SERIES", replace(SERIES, most=3))
    samples = Samples(tmp_path / "s.db")
    for second in range(2):
        points = tuple(Sample("x", f"request={n}", "1", NOW_NS + second, None, 1.0, "good") for n in range(5))
        found = samples.append(SampleBatch(agent="principal bms", node="bms", samples=points), NOW_NS)
        assert (found.stored, found.beyond, found.quarantined) == (3, 2, 0)
    assert samples.append(SampleBatch(agent="gw-1", node="gw-1", sequence=1, samples=points), NOW_NS).stored == 5
    samples.close()


def test_a_host_that_changes_hands_leaves_its_readings(door: Door) -> None:
    """What another party's principal sent while the host was its own feeds no meter of who has the host now."""
    context = door.assembly.context
    assert context is not None
    for sender, value in (("principal other", 7), ("principal gone", 8), ("principal bms", 9)):
        sample = Sample("hw.energy", "main", "kW.h", NOW_NS + value * 10**9, None, float(value), REGISTER)
        report = SampleBatch(agent=sender, node="bms", samples=(sample,))
        door.assembly.samples.append(report, NOW_NS + 10**11)
    fed = feed(context)
    assert fed is not None
    assert fed.appended == Appended(added=1)


@pytest.mark.parametrize("as_json", [False, True])
def test_no_otlp_and_too_much_of_it_is_refused(*, as_json: bool) -> None:
    """What is no OTLP, holds NUL, or has more points or bytes than are taken is refused with a sentence."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="x")
    point = metric.gauge.data_points.add(time_unix_nano=1, as_int=1)

    def fault() -> str:
        content = json_format.MessageToJson(request, indent=None).encode() if as_json else request.SerializeToString()
        with pytest.raises(OtlpError) as caught:
            read_any(content, is_json=as_json)
        return str(caught.value)

    if not as_json:  # which is counted when it was read, so the same in both
        metric.gauge.data_points.extend([point] * POINTS.most)
        assert "at most 50,000 points" in fault()
        del metric.gauge.data_points[1:]
    if as_json:
        with pytest.raises(OtlpError, match="at most 200,000 objects"):
            read_any(b'{"resourceMetrics":[' + b"{}," * 200_000 + b"{}]}", is_json=True)
    else:
        with pytest.raises(OtlpError, match="at most 150,000 resources, scopes and metrics"):
            read_any(b"\x0a\x00" * 150_001, is_json=False)
        metric.gauge.data_points[0].attributes.extend([KeyValue(key="a")] * 129)
        assert "at most 128 attributes" in fault()
        del metric.gauge.data_points[0].attributes[:]
    metric.name = "\0"
    assert "without the character NUL" in fault()
    metric.name = "x" * 5 * 1024**2
    assert "at most 4,194,304 bytes" in fault()
    with pytest.raises(OtlpError, match="expected OTLP metrics in"):
        read_any(b"{" * 1_000, is_json=as_json)  # a group within a group: deeper ones need a process without Pulumi


def test_a_message_however_deep_ends_no_service() -> None:
    """The service loads no SDK of Pulumi, which lifts protobuf's limit of depth for the whole process."""
    code = (
        "import sys\nfrom zonewright.server.any_otlp import read_any\n"
        "try: read_any(b'{' * 4_000_000, is_json=False)\n"
        "except ValueError as error: print('pulumi' in sys.modules, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:37]) == (0, "False expected OTLP metrics in protobuf"[:37]), done.stderr


def test_long_names_stay_apart() -> None:
    """Two parts that differ beyond what is kept are two, and not one series with two values at a time."""
    request = request_of(*(("x", "1", "gauge", {"hw.id": "p" * 300 + end}, 1, 0) for end in "ab"))
    found = read_any(request.SerializeToString(), is_json=False).samples["bms"]
    assert len({one.part for one in found}) == 2
    assert {len(one.part) for one in found} == {200}
