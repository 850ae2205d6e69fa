"""Series of Prometheus that batches of OTLP become there, by the rules that its receiver and its exporters share."""

import re
from collections.abc import Iterable

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

_UNITS = {"J": "joules", "W": "watts", "Wh": "Wh"}
_LABEL = re.compile(r'(\w+)(=~|=)"((?:[^"\\]|\\.)*)"')
_SELECTOR = re.compile(r"([a-z_A-Z][\w:]*)\{([^}]*)\}")


def series_of(batches: Iterable[bytes]) -> dict[str, float]:
    """The last value of each series, as `name{label="value"}`."""
    found: dict[str, float] = {}
    for batch in batches:
        for resource in json_format.Parse(batch, ExportMetricsServiceRequest()).resource_metrics:
            own = {one.key: one.value.string_value for one in resource.resource.attributes}
            base = {"job": own["service.name"], "instance": own["service.instance.id"]}
            for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                is_sum = metric.HasField("sum")
                unit = _UNITS.get(metric.unit, "" if is_sum else "ratio")
                words = [metric.name.replace(".", "_"), *([unit] if unit else []), *(["total"] if is_sum else [])]
                for point in metric.sum.data_points if is_sum else metric.gauge.data_points:
                    labels = {one.key.replace(".", "_"): one.value.string_value for one in point.attributes} | base
                    told = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
                    found[f"{'_'.join(words)}{{{told}}}"] = point.as_double
    return found


def selectors_of(text: str) -> set[tuple[str, tuple[tuple[str, str, str], ...]]]:
    """The selectors in an expression of PromQL: a name, and its matchers as label, sign and value."""
    return {(name, tuple(_LABEL.findall(inner))) for name, inner in _SELECTOR.findall(text)}


def matches(selector: tuple[str, tuple[tuple[str, str, str], ...]], series: str) -> bool:
    """Whether a series is one that a selector selects."""
    name, _, inner = series.partition("{")
    labels = {label: value for label, _, value in _LABEL.findall(inner)}
    wanted, matchers = selector
    return name == wanted and all(
        re.fullmatch(value, labels.get(label, "")) if sign == "=~" else labels.get(label, "") == value
        for label, sign, value in matchers
    )
