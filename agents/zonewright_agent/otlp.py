"""Points as OTLP metrics in JSON (opentelemetry-proto 1.x, ``ExportMetricsServiceRequest``)."""

import json
from collections.abc import Iterable
from typing import Any

from zonewright_agent.points import Point

_TEMPORALITY = {"delta": 1, "register": 2}
"""AGGREGATION_TEMPORALITY_DELTA and _CUMULATIVE."""
_NO_VALUE = 1
"""DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK."""


def encode(points: Iterable[Point], resource: dict[str, str]) -> bytes:
    """One request with all points.

    Args:
        points: what was read.
        resource: attributes of the sender: agent, host, boot, sequence.
    """
    by_name: dict[tuple[str, str, str], list[Point]] = {}
    for point in points:
        by_name.setdefault((point.name, point.unit, point.kind), []).append(point)
    metrics = [_metric(items) for _, items in sorted(by_name.items())]
    request = {
        "resourceMetrics": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeMetrics": [{"scope": {"name": "zonewright_agent"}, "metrics": metrics}],
            }
        ]
    }
    return json.dumps(request, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()


def _metric(points: list[Point]) -> dict[str, Any]:
    first = points[0]
    data: dict[str, Any] = {"dataPoints": [_data_point(point) for point in points]}
    if first.kind == "gauge":
        return {"name": first.name, "unit": first.unit, "gauge": data}
    data.update({"aggregationTemporality": _TEMPORALITY[first.kind], "isMonotonic": True})
    return {"name": first.name, "unit": first.unit, "sum": data}


def _data_point(point: Point) -> dict[str, Any]:
    data: dict[str, Any] = {
        "timeUnixNano": str(point.time_ns),
        "attributes": _attributes({**point.attributes, "zonewright.quality": point.quality}),
    }
    if point.start_ns is not None:
        data["startTimeUnixNano"] = str(point.start_ns)
    if point.value is None:
        data["flags"] = _NO_VALUE
    else:
        data["asDouble"] = point.value
    return data


def _attributes(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in sorted(values.items())]
