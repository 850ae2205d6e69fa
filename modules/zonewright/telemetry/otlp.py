"""OTLP metrics in JSON (``ExportMetricsServiceRequest``) become samples; what is no OTLP is refused with a sentence."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pydantic_core import from_json

from zonewright.errors import Exit, ZonewrightError
from zonewright.model.limits import POINTS, TELEMETRY_NAME
from zonewright.telemetry.chain import ChainError, ChainLink, link_of
from zonewright.telemetry.sample import REGISTER, Sample

NO_VALUE = 1
MAX_NS = 2**62
WHOLE_HOST = "hw.host."
"""Of the whole host, which is no part of it."""
_MAX_TEXT = TELEMETRY_NAME.most
_NUL = b"\\u0000"
"""As JSON writes it."""
NUMBERED = b'"zonewright.sequence"'
"""What a batch of an agent has, whose sender numbers its batches."""
_CUMULATIVE = (2, "2", "AGGREGATION_TEMPORALITY_CUMULATIVE")


class OtlpError(ZonewrightError, ValueError):
    """The request is no OTLP; ``str()`` is a sentence."""

    exit_code = Exit.MISUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One request of one agent."""

    agent: str
    boot: str
    sequence: int
    dropped: int
    samples: tuple[Sample, ...]
    link: ChainLink | None


def read_batch(body: bytes) -> Batch:
    """The batch of a request.

    Raises:
        OtlpError: when it is none, or its resource does not say agent, boot and sequence.
    """
    try:
        document = from_json(body, cache_strings="keys")  # half as long as the standard library takes
        resources = document["resourceMetrics"]
        resource = _attributes(resources[0]["resource"]["attributes"])
        each = (
            sample
            for one in resources
            for scope in one["scopeMetrics"]
            for metric in scope["metrics"]
            for sample in _samples(metric)
        )
        samples = tuple(islice(each, POINTS.most + 1))
        sequence, dropped = int(resource["zonewright.sequence"]), int(resource.get("zonewright.dropped", "0"))
        agent, boot = resource["service.instance.id"], resource["zonewright.boot"]
        link = link_of(resource, body)
    except ChainError as error:
        raise OtlpError(str(error)) from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        what = f"{type(error).__name__}: {str(error)[:100]}"
        raise OtlpError(
            f"expected OTLP metrics in JSON with agent, boot and sequence in the resource ({what})"
        ) from None
    if len(resources) != 1 or not 0 < sequence < MAX_NS or not 0 <= dropped < MAX_NS:
        raise OtlpError("expected one resource, with a sequence number from 1 on")
    if len(samples) > POINTS.most:
        raise OtlpError(f"a batch has at most {POINTS.most:,} points; send several")
    if _NUL in body and any("\0" in text for text in _texts(boot, samples)):
        raise OtlpError("expected texts without the character NUL, which no database keeps")
    return Batch(agent=agent, boot=boot[:_MAX_TEXT], sequence=sequence, dropped=dropped, samples=samples, link=link)


def _texts(boot: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield boot
    for one in samples:
        yield from (one.name, one.part, one.unit, one.quality)


def _attributes(items: list[dict[str, Any]]) -> dict[str, str]:
    return {str(item["key"]): str(item["value"]["stringValue"]) for item in items if "stringValue" in item["value"]}


def _samples(metric: Mapping[str, Any]) -> Iterator[Sample]:
    data = metric.get("sum") or metric.get("gauge") or {}
    is_register = data.get("aggregationTemporality") in _CUMULATIVE  # since its begin, which may be years ago
    name, unit = str(metric["name"])[:_MAX_TEXT], str(metric.get("unit", ""))[:_MAX_TEXT]
    for point in data.get("dataPoints", ()):
        part, quality = "", REGISTER if is_register else "good"
        for item in point.get("attributes", ()):  # of each point two are of interest; a mapping of all takes as long
            if item["key"] == "hw.id":
                part = str(item["value"]["stringValue"])[:_MAX_TEXT]
                part = "" if part == "host" and name.startswith(WHOLE_HOST) else part
            elif item["key"] == "zonewright.quality" and not is_register:
                quality = str(item["value"]["stringValue"])[:_MAX_TEXT]
        if "flags" in point and int(point["flags"]) & NO_VALUE:
            number = None
        else:
            number = float(point["asDouble"] if "asDouble" in point else point["asInt"])
        start_ns = None if is_register else _nanoseconds(point.get("startTimeUnixNano", 0)) or None  # 0 is unknown
        yield Sample(name, part, unit, _nanoseconds(point["timeUnixNano"]), start_ns, number, quality)


def _nanoseconds(text: str | int) -> int:
    value = int(text)
    if not 0 <= value < MAX_NS:
        raise ValueError(f"no time: {value}")
    return value
