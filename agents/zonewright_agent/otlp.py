"""Points as OTLP metrics in JSON (opentelemetry-proto 1.x, ``ExportMetricsServiceRequest``)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from zonewright_agent.points import Point

_TEMPORALITY = {"delta": 1, "register": 2}
"""AGGREGATION_TEMPORALITY_DELTA and _CUMULATIVE."""
_NO_VALUE = 1
"""DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK."""
_BOOT = "zonewright.boot"
_CHAIN = ("zonewright.previous", "zonewright.head", "zonewright.signature")


def encode(points: Iterable[Point], resource: dict[str, str], *, with_quality: bool = True) -> bytes:
    """One request with all points.

    Args:
        points: what was read.
        resource: attributes of the sender: agent, host, boot, sequence.
        with_quality: whether each point says how good it is. To a store that keeps attributes as labels, another
            quality would be another series.
    """
    by_name: dict[tuple[str, str, str], list[Point]] = {}
    for point in points:
        by_name.setdefault((point.name, point.unit, point.kind), []).append(point)
    metrics = [_metric(items, with_quality=with_quality) for _, items in sorted(by_name.items())]
    request = {
        "resourceMetrics": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeMetrics": [{"scope": {"name": "zonewright_agent"}, "metrics": metrics}],
            }
        ]
    }
    return _text(request)


def halves(batch: bytes) -> list[bytes]:
    """A batch that was refused, as two with half of its points each; none where it cannot be divided.

    They keep the number of the batch. So that the service does not take one for the other, the boot of each says which
    half it is. They are no batches of the chain.
    """
    try:
        (resource,) = json.loads(batch)["resourceMetrics"]
        (scope,) = resource["scopeMetrics"]
        points = [
            (metric, kind, point)
            for metric in scope["metrics"]
            for kind in ("gauge", "sum")
            for point in metric.get(kind, {}).get("dataPoints", ())
        ]
    except (ValueError, KeyError, TypeError):
        return []
    if len(points) < 2:  # noqa: PLR2004 - a single point has no halves
        return []
    middle = len(points) // 2
    return [_part(resource, scope, some, number) for number, some in enumerate((points[:middle], points[middle:]))]


def _part(
    resource: dict[str, Any],
    scope: dict[str, Any],
    points: list[tuple[dict[str, Any], str, dict[str, Any]]],
    number: int,
) -> bytes:
    metrics: dict[int, dict[str, Any]] = {}
    for metric, kind, point in points:
        own = metrics.setdefault(id(metric), {**metric, kind: {**metric[kind], "dataPoints": []}})
        own[kind]["dataPoints"].append(point)
    attributes = [
        {"key": _BOOT, "value": {"stringValue": f"{one['value']['stringValue']}/{number}"}}
        if one["key"] == _BOOT
        else one
        for one in resource["resource"]["attributes"]
        if one["key"] not in _CHAIN
    ]
    own_scope = {**scope, "metrics": list(metrics.values())}
    return _text({"resourceMetrics": [{"resource": {"attributes": attributes}, "scopeMetrics": [own_scope]}]})


def count_of(batch: bytes) -> int:
    """How many points a batch has; 0 where it cannot be read."""
    return batch.count(b'"timeUnixNano"')


def _text(request: dict[str, Any]) -> bytes:
    return json.dumps(request, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()


def _metric(points: list[Point], *, with_quality: bool) -> dict[str, Any]:
    first = points[0]
    data: dict[str, Any] = {"dataPoints": [_data_point(point, with_quality=with_quality) for point in points]}
    if first.kind == "gauge":
        return {"name": first.name, "unit": first.unit, "gauge": data}
    data.update({"aggregationTemporality": _TEMPORALITY[first.kind], "isMonotonic": True})
    return {"name": first.name, "unit": first.unit, "sum": data}


def _data_point(point: Point, *, with_quality: bool) -> dict[str, Any]:
    quality = {"zonewright.quality": point.quality} if with_quality else {}
    data: dict[str, Any] = {
        "timeUnixNano": str(point.time_ns),
        "attributes": _attributes({**point.attributes, **quality}),
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
