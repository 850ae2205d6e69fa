"""OTLP metrics in JSON (``ExportMetricsServiceRequest``) become samples; what is no OTLP is refused with a sentence."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zonewright.telemetry.samples import Sample

_NO_VALUE = 1
_MAX_NS = 2**62


class OtlpError(ValueError):
    """The request is no OTLP; ``str()`` is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One request of one agent."""

    agent: str
    boot: str
    sequence: int
    samples: tuple[Sample, ...]


def read_batch(body: bytes) -> Batch:
    """The batch of a request.

    Raises:
        OtlpError: when it is none, or its resource does not say agent, boot and sequence.
    """
    try:
        document = json.loads(body)
        resources = document["resourceMetrics"]
        resource = _attributes(resources[0]["resource"]["attributes"])
        samples = tuple(
            sample
            for one in resources
            for scope in one["scopeMetrics"]
            for metric in scope["metrics"]
            for sample in _samples(metric)
        )
        sequence = int(resource["zonewright.sequence"])
        agent, boot = resource["service.instance.id"], resource["zonewright.boot"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        what = f"{type(error).__name__}: {str(error)[:100]}"
        raise OtlpError(
            f"expected OTLP metrics in JSON with agent, boot and sequence in the resource ({what})"
        ) from None
    if len(resources) != 1 or not 0 < sequence < _MAX_NS:
        raise OtlpError("expected one resource, with a sequence number from 1 on")
    return Batch(agent=agent, boot=boot, sequence=sequence, samples=samples)


def _attributes(items: list[dict[str, Any]]) -> dict[str, str]:
    return {str(item["key"]): str(item["value"]["stringValue"]) for item in items if "stringValue" in item["value"]}


def _samples(metric: Mapping[str, Any]) -> Iterator[Sample]:
    data = metric.get("sum") or metric.get("gauge") or {}
    for point in data.get("dataPoints", ()):
        attributes = _attributes(point.get("attributes", []))
        missing = bool(int(point.get("flags", 0)) & _NO_VALUE)
        number = None if missing else float(point["asDouble"] if "asDouble" in point else point["asInt"])
        start = point.get("startTimeUnixNano")
        yield Sample(
            name=str(metric["name"]),
            part=attributes.get("hw.id", ""),
            unit=str(metric.get("unit", "")),
            time_ns=_nanoseconds(point["timeUnixNano"]),
            start_ns=None if start is None else _nanoseconds(start),
            value=number,
            quality=attributes.get("zonewright.quality", "good"),
        )


def _nanoseconds(text: str | int) -> int:
    value = int(text)
    if not 0 <= value < _MAX_NS:
        raise ValueError(f"no time: {value}")
    return value
