"""OTLP metrics of any sender, in protobuf or JSON: they name a host and their points, and number no batches."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from zonewright.model.limits import POINTS, TELEMETRY_BODY, TELEMETRY_NAME
from zonewright.telemetry.otlp import MAX_NS, NO_VALUE, WHOLE_HOST, OtlpError
from zonewright.telemetry.sample import REGISTER, Sample

_HOSTS = ("host.name", "host.id", "service.instance.id")
"""Attributes of a resource that may say which host it is, the first one first."""
_OWN = "zonewright."
_QUALITY = "zonewright.quality"
_DIGEST = 16
_DEPTH = 32
_ATTRIBUTES = 128
"""Of a point or resource, as in OpenTelemetry's SDKs."""
_OBJECTS = 4 * POINTS.most
"""Of JSON, whose objects take about ten microseconds each, empty ones too."""
_GOOD, _UNKNOWN = "good", "unknown"


@dataclass(slots=True)
class AnyBatch:
    """What a request holds.

    Attributes:
        samples: by the host that they are of.
        rejected: how many points are none that can be kept.
    """

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    rejected: int = 0


def read_any(body: bytes, *, is_json: bool, host: Callable[[str], str | None] = lambda name: name) -> AnyBatch:
    """The samples of a request.

    Args:
        body: of the request.
        is_json: whether it is JSON, else protobuf.
        host: gives the host that a resource's own name stands for; None where its points are not taken.

    Raises:
        OtlpError: when it is no OTLP, or holds too much.
    """
    if len(body) > TELEMETRY_BODY.most:  # unpacked: each byte of it may take 35 in memory
        raise OtlpError(f"from this sender a batch has at most {TELEMETRY_BODY.most:,} bytes unpacked; send several")
    if is_json and body.count(b"{") > _OBJECTS:
        raise OtlpError(f"a batch in JSON has at most {_OBJECTS:,} objects; send several, or send protobuf")
    found, count, parts = AnyBatch(), 0, 0
    for resource in _parsed(body, is_json=is_json).resource_metrics:
        parts += 1 + len(resource.scope_metrics) + sum(len(scope.metrics) for scope in resource.scope_metrics)
        if parts > 3 * POINTS.most:
            raise OtlpError(f"a batch has at most {3 * POINTS.most:,} resources, scopes and metrics; send several")
        name = _host_of(resource.resource.attributes)
        known = host(name)
        samples = [] if known is None else found.samples.setdefault(known, [])
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                total, kept = _points_of(metric), 0
                count += total
                if count > POINTS.most:
                    raise OtlpError(f"a batch has at most {POINTS.most:,} points; send several")
                if known is not None:
                    before = len(samples)
                    samples += _samples(metric, known)
                    kept = len(samples) - before
                found.rejected += total - kept
    for known, samples in found.samples.items():
        found.samples[known] = _unambiguous(samples)
        found.rejected += len(samples) - len(found.samples[known])
    return found


def _parsed(body: bytes, *, is_json: bool) -> ExportMetricsServiceRequest:
    try:
        if is_json:
            message = ExportMetricsServiceRequest()
            text = body if body.lstrip()[:1] == b"{" else b""  # of a list it would make an empty message
            return json_format.Parse(text, message, ignore_unknown_fields=True, max_recursion_depth=_DEPTH)
        return ExportMetricsServiceRequest.FromString(body)
    except (DecodeError, json_format.ParseError, RecursionError, ValueError) as error:
        kind = "JSON" if is_json else "protobuf"
        raise OtlpError(f"expected OTLP metrics in {kind} ({type(error).__name__}: {str(error)[:100]})") from None


def _points_of(metric: Metric) -> int:
    kind = metric.WhichOneof("data")
    return 0 if kind is None else len(getattr(metric, kind).data_points)


def _samples(metric: Metric, host: str) -> Iterator[Sample]:
    """What can be kept of a metric: gauges and sums with a number and a time."""
    if metric.HasField("gauge"):
        points, kind = metric.gauge.data_points, "gauge"
    elif metric.HasField("sum"):
        points, kind = metric.sum.data_points, _kind_of(metric)
    else:
        return
    name, unit = _checked(metric.name), _checked(metric.unit)
    for point in points if kind else ():
        missing = bool(point.flags & NO_VALUE)
        of_value = point.WhichOneof("value")
        if not 0 < point.time_unix_nano < MAX_NS or point.start_time_unix_nano >= MAX_NS or not (missing or of_value):
            continue
        texts = _texts_of(point.attributes)
        value = None if missing or of_value is None else float(getattr(point, of_value))
        begin_ns = point.start_time_unix_nano
        if kind == "gauge" or (kind == "register" and begin_ns >= point.time_unix_nano):
            begin_ns = 0  # the first value of a sum whose begin nobody knows has that of its own time
        start_ns = begin_ns or None
        quality = REGISTER if kind == "register" else _quality_of(texts, is_known=value is not None)
        yield Sample(name, _part_of(texts, name, host), unit, point.time_unix_nano, start_ns, value, quality)


def _quality_of(texts: Mapping[str, str], *, is_known: bool) -> str:
    """What an agent said of it, if a collector passes it on: a value that is uncertain stays so."""
    said = texts.get(_QUALITY, "")
    return _checked(said) if said and (is_known or said != _GOOD) else _GOOD if is_known else _UNKNOWN


def _unambiguous(samples: Sequence[Sample]) -> list[Sample]:
    """Those whose series has one value at a time: two phases of one ``hw.id`` are not two readings of it."""
    first: dict[tuple[str, ...], dict[int, Sample]] = {}
    several = set()
    for one in samples:
        series = (one.name, one.part, one.unit)
        if first.setdefault(series, {}).setdefault(one.time_ns, one) != one:
            several.add((series, one.time_ns))
    return [one for one in samples if ((one.name, one.part, one.unit), one.time_ns) not in several]


def _kind_of(metric: Metric) -> str:
    """What a sum is: a register, an energy between two times, or a gauge where it may fall; empty for none of them."""
    temporality, rises = metric.sum.aggregation_temporality, metric.sum.is_monotonic
    if temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE:
        return "register" if rises else "gauge"
    return "delta" if rises and temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA else ""


def _part_of(texts: Mapping[str, str], metric: str, host: str) -> str:
    """What of the host a point is of: ``hw.id``, or all attributes of a sender that has no such name."""
    attributes = {key: text for key, text in texts.items() if not key.startswith(_OWN)}
    part = attributes.get("hw.id")
    if part is not None and metric.startswith(WHOLE_HOST) and part in (host, "host"):
        return ""
    if part is None:
        part = ",".join(f"{_plain(key)}={_plain(value)}" for key, value in sorted(attributes.items()))
    return _checked(part)


def _plain(text: str) -> str:
    """A text that cannot be taken for two attributes."""
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ',="') else text


def _host_of(attributes: Sequence[KeyValue]) -> str:
    known = _texts_of(attributes)
    return next((known[name] for name in _HOSTS if known.get(name)), "")


def _texts_of(attributes: Sequence[KeyValue]) -> dict[str, str]:
    if len(attributes) > _ATTRIBUTES:
        raise OtlpError(f"a point or resource has at most {_ATTRIBUTES} attributes, got {len(attributes):,}")
    return {one.key: _text_of(one.value) for one in attributes}


def _text_of(value: AnyValue) -> str:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind in ("bool_value", "int_value", "double_value"):
        return str(getattr(value, kind))
    return "" if kind is None else sha256(value.SerializeToString(deterministic=True)).hexdigest()[:_DIGEST]


def _checked(text: str) -> str:
    """A text as it is kept: long ones end in a digest, so that two of them stay two.

    Raises:
        OtlpError: when no database keeps it.
    """
    if "\0" in text:
        raise OtlpError("expected texts without the character NUL, which no database keeps")
    if len(text) <= TELEMETRY_NAME.most:
        return text
    return f"{text[: TELEMETRY_NAME.most - _DIGEST - 1]}#{sha256(text.encode()).hexdigest()[:_DIGEST]}"
