"""Whatever comes to the verbs and to telemetry is answered with a sentence, soon, and in little memory."""

import json
import os
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.ledger_sums import require_sums
from support.zone_project import ZONE, cluster, facility
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.state import verify_state
from zonewright.ledger.transport.answering import answered
from zonewright.ledger.verbs.table import FUNCTIONS
from zonewright.model import Declaration, OwnerFile, Zone
from zonewright.model.demand import demand_of, zone_digest
from zonewright.telemetry.otlp import OtlpError, read_batch
from zonewright.telemetry.sample import SampleBatch
from zonewright.telemetry.samples import Samples

CPU_S, MEMORY_BYTES = 1.0, 100_000_000
SHARE = settings(
    max_examples=34_000 if os.environ.get("ZONEWRIGHT_SOAK") else 120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
NOW_NS = 1_800_000_000 * 10**9
ZONE_FILE = Zone.model_validate(ZONE)
DIGEST = "sha256:" + "0" * 64
_OWNERS = {
    "operator": OwnerFile.model_validate(facility(2)),
    "tenant-a": OwnerFile.model_validate({"owner": "tenant-a", "clusters": {"web": cluster(10_000)}}),
}
DEMANDS = {
    owner: demand_of(Declaration(zone=ZONE_FILE, owners=_OWNERS), owner).model_dump(mode="json") for owner in _OWNERS
}
DEMAND = DEMANDS["operator"]
LONG = 100_000
"""Bytes of a request that is as long as many are, and may take no more than a short one."""
SEAT = {"rack": "dc1/a/01/01", "position": 1}
KNOWN: dict[str, Any] = {
    "stack_id": "stack-000001",
    "party": "operator",
    "lineage": "lineage-1",
    "demand": DEMAND,
    "demand_digest": DIGEST,
    "rendered_digest": DIGEST,
    "change_digest": DIGEST,
    "seats": {"web-001": SEAT},
    "addresses": {"web-001": {"ipv4": "10.0.0.5/24"}},
    "kind": "node",
    "name": "web-001",
    "node": "web-001",
    "generation": 0,
    "expect": {},
    "confirms": [{"kind": "node", "name": "web-001", "generation": 0}],
    "admission_id": "a",
    "zone": ZONE,
    "site": "dc1",
    "files": {"a": DIGEST},
    "texts": ["{}"],
    "digests": [DIGEST],
    "sites": ["dc1"],
    "watts": 100,
    "units": 1,
    "plan": "{}",
    "envelope": "{}",
    "state_is_empty": False,
    "fleet": "f",
    "holder": "h",
    "who": "w",
    "seconds": 1,
    "entry": {"who": "w", "agents": {"a": "b"}},
}
STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 2**31, 2**34, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30, 4_000_000_000]),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(
        ["", "a" * 5000, "/" * 500, "..", "\x00", "\n", "é", "%", "?", "sha256:", "{", "[" * 500, "1" * 5000]
    ),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


@contextmanager
def bounded() -> Iterator[None]:
    """Fails when what stands in it takes more than a second of processor time, or 100 MB."""
    tracemalloc.start()
    begin = time.process_time()
    try:
        yield
        took, peak = time.process_time() - begin, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert took < CPU_S * 4  # tracemalloc makes everything that many times slower
    assert peak < MEMORY_BYTES


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of all values within JSON."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def changed(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    """The same JSON with another value at a path."""
    if not path:
        return new
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@pytest.fixture(name="context")
def _context(tmp_path: Path) -> Iterator[Context]:
    """A ledger with a zone, in which a stack is enrolled."""
    database = Database(tmp_path / "ledger.db", create=True, lock_wait_s=1)
    context = Context(database=database)
    assert answered(context, "init", json.dumps({"zone": ZONE}).encode())[0] == 200
    for demand in DEMANDS.values():
        demand["zone_digest"] = zone_digest(ZONE_FILE)
    enrol = {name: KNOWN[name] for name in ("stack_id", "party", "lineage")}
    assert answered(context, "enrol", json.dumps(enrol).encode())[0] == 200
    yield context
    database.close()
    require_sums([tmp_path / "ledger.db"])


@pytest.mark.soak
@SHARE
@given(data=st.data())
def test_no_request_breaks_a_verb(context: Context, data: st.DataObject) -> None:
    """A request that is right but for one value, wherever it is, gets an answer or a refusal that is a sentence."""
    verb = data.draw(st.sampled_from(sorted(FUNCTIONS, key=lambda one: one.name)))
    fields = verb.request.model_fields
    request = {name: KNOWN[name] for name in fields if name in KNOWN}
    path = data.draw(st.sampled_from(sorted(places(request), key=repr)))
    body = json.dumps(changed(request, path, data.draw(STRANGE))).encode()
    with bounded():
        status, answer = answered(context, verb.name, body)
    assert status in (200, 400, 409, 503)
    assert status == 200 or json.loads(answer)["sentence"]
    _require_sum(context)


def _require_sum(context: Context) -> None:
    """Whatever was asked, the tables are the sum of the journal after it."""
    with context.database.reading() as connection:
        assert verify_state(connection).faults == []


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    """What stands at a path of JSON."""
    return reduce(getitem, path, value)


def swollen(value: Any, path: tuple[str | int, ...]) -> Any:
    """The same JSON with the list, mapping or text at a path made so long that all of it has some 100 kB."""
    found = at(value, path)
    times = max(2, LONG // max(1, len(json.dumps(found))))
    if isinstance(found, dict):
        return changed(value, path, {f"{key}-{time}": one for time in range(times) for key, one in found.items()})
    return changed(value, path, found * times)


@pytest.mark.soak
@settings(SHARE, max_examples=SHARE.max_examples // 4)
@given(data=st.data())
def test_no_long_request_costs_much(context: Context, data: st.DataObject) -> None:
    """A request with very many of something, wherever it is, is answered within the same time and memory."""
    verb = data.draw(st.sampled_from(sorted(FUNCTIONS, key=lambda one: one.name)))
    party = data.draw(st.sampled_from(sorted(DEMANDS)))
    known = {**KNOWN, "party": party, "demand": DEMANDS[party]}
    request = {name: known[name] for name in verb.request.model_fields if name in known}
    long = [path for path in places(request) if path and isinstance(at(request, path), dict | list | str)]
    if not long:
        return
    path = data.draw(st.sampled_from(sorted(long, key=repr)))
    body = json.dumps(swollen(request, path)).encode()
    with bounded():
        status, answer = answered(context, verb.name, body)
    assert status in (200, 400, 409, 503)
    assert status == 200 or (json.loads(answer)["sentence"] and len(answer) < 2_000)
    _require_sum(context)


@pytest.mark.soak
@SHARE
@given(name=st.sampled_from(sorted(verb.name for verb in FUNCTIONS)), body=st.binary(max_size=300))
def test_no_bytes_break_a_verb(context: Context, name: str, body: bytes) -> None:
    """What is no JSON, or none of a request, is refused with a sentence."""
    status, answer = answered(context, name, body)
    assert status in (200, 400, 409)
    assert status == 200 or json.loads(answer)["sentence"]


def batch(point: dict[str, Any], **metric: Any) -> dict[str, Any]:
    """A batch of one point of energy."""
    attributes = {"service.instance.id": "a", "zonewright.boot": "b", "zonewright.sequence": "1"}
    resource = {"attributes": [{"key": key, "value": {"stringValue": text}} for key, text in attributes.items()]}
    sum_ = {
        "name": "hw.host.energy",
        "unit": "J",
        "sum": {"aggregationTemporality": 1, "dataPoints": [point], **metric},
    }
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [sum_]}]}]}


POINT = {"startTimeUnixNano": str(NOW_NS - 60 * 10**9), "timeUnixNano": str(NOW_NS), "asDouble": 1000.0, "flags": 0}


def stored(samples: Samples, content: bytes, sequence: int) -> int:
    """How many samples of a batch were set aside; -1 where it was refused."""
    try:
        found = read_batch(content)
    except OtlpError as error:
        assert len(str(error)) < 400  # noqa: PT017
        return -1
    report = SampleBatch(agent="a", node="n", boot=found.boot, sequence=sequence, samples=found.samples)
    return samples.append(report, NOW_NS).quarantined


@pytest.mark.soak
@SHARE
@given(data=st.data())
def test_no_batch_breaks_telemetry(tmp_path: Path, data: st.DataObject) -> None:
    """A batch with one strange value is stored, set aside in part, or refused with a sentence."""
    right = batch(POINT)
    path = data.draw(st.sampled_from(sorted(places(right), key=repr)))
    content = json.dumps(changed(right, path, data.draw(STRANGE))).encode()
    samples = Samples(tmp_path / "samples.db")
    try:
        with bounded():
            stored(samples, content, data.draw(st.integers(min_value=1, max_value=2**62)))
    finally:
        samples.close()


@pytest.mark.parametrize(("seconds", "aside"), [(7200, 0), (7201, 1), (1_799_999_999, 1)])
def test_a_delta_of_energy_spans_at_most_two_hours(seconds: int, aside: int, tmp_path: Path) -> None:
    """A point that begins in 1970 is set aside: spread over 500,000 hours it held the writer's lock for 6 s."""
    samples = Samples(tmp_path / "samples.db")
    point = {**POINT, "startTimeUnixNano": str(NOW_NS - seconds * 10**9)}
    with bounded():
        assert stored(samples, json.dumps(batch(point)).encode(), 1) == aside
    assert bool(samples.energy("a")) is not bool(aside)
    if aside:
        assert samples.quarantined("a") == [("hw.host.energy", "a delta of energy spans at most 2 hours")]
    samples.close()


@pytest.mark.parametrize("temporality", [2, "AGGREGATION_TEMPORALITY_CUMULATIVE"])
def test_a_cumulative_point_is_a_reading_of_a_register(temporality: object, tmp_path: Path) -> None:
    """It is kept as it is, since whenever it counts, and no hour gets energy of it."""
    samples = Samples(tmp_path / "samples.db")
    point = {**POINT, "startTimeUnixNano": "0", "asDouble": 9e12}
    with bounded():
        assert stored(samples, json.dumps(batch(point, aggregationTemporality=temporality)).encode(), 1) == 0
    (kept,) = samples.samples("a")
    assert (kept.value, kept.start_ns, kept.quality) == (9e12, None, "register")
    assert samples.energy("a") == {}
    samples.close()


def test_a_batch_has_so_many_points() -> None:
    """More points than the limit are refused with a sentence."""
    content = batch(POINT)
    content["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["sum"]["dataPoints"] = [POINT] * 50_001
    with pytest.raises(OtlpError, match="at most 50,000 points"):
        read_batch(json.dumps(content).encode())
