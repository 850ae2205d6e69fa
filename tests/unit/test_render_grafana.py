"""Dashboards of Grafana: what Grafana's schema asks for, and queries that Prometheus takes and rules agree with."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from support.golden import compare_golden
from support.otlp_series import selectors_of
from support.reference_sites import reference_files, reference_sites
from support.validators import installed_validator
from zonewright.render import render_all
from zonewright.render.formats.grafana import GRAFANA
from zonewright.render.formats.prometheus import PROMETHEUS

NAMES = ("energy", "power", "telemetry")
_TEXT: dict[str, Any] = {"type": "string"}
_WHOLE: dict[str, Any] = {"type": "integer", "minimum": 0}


def _object(required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": required.split(), "properties": properties}


_SOURCE = _object("type uid", type={"const": "prometheus"}, uid={"const": "${datasource}"})
_OPTION = _object("text value", text=_TEXT, value=_TEXT)
_PANEL = _object(
    "id title type datasource gridPos fieldConfig options targets",
    id={"type": "integer", "minimum": 1},
    title=_TEXT,
    type={"enum": ["stat", "timeseries", "state-timeline", "table"]},
    datasource=_SOURCE,
    gridPos=_object(
        "x y w h", x={**_WHOLE, "maximum": 23}, y=_WHOLE, w={"enum": [6, 12, 24]}, h={"type": "integer", "minimum": 1}
    ),
    fieldConfig=_object(
        "defaults overrides",
        defaults=_object("unit", unit={"enum": ["none", "watt", "joule", "s"]}),
        overrides={"type": "array", "maxItems": 0},
    ),
    options={"type": "object"},
    targets={
        "type": "array",
        "minItems": 1,
        "items": _object("refId expr legendFormat", refId=_TEXT, expr=_TEXT, legendFormat=_TEXT),
    },
)
SCHEMA = _object(
    "title schemaVersion templating annotations panels",  # the first and the last are ours to require
    title={**_TEXT, "maxLength": 189},
    description=_TEXT,
    tags={"type": "array", "items": _TEXT},
    timezone=_TEXT,
    schemaVersion={"type": "integer"},
    editable={"const": False},
    graphTooltip={"enum": [0, 1, 2]},
    refresh=_TEXT,
    time=_object("from to", **{"from": _TEXT, "to": _TEXT}),
    annotations=_object("list", list={"type": "array"}),
    links={
        "type": "array",
        "items": _object(
            "title type icon tooltip tags asDropdown targetBlank includeVars keepTime",
            **dict.fromkeys(("title", "icon", "tooltip"), _TEXT),
            type={"const": "dashboards"},
            tags={"type": "array", "items": _TEXT},
            **{key: {"type": "boolean"} for key in ("asDropdown", "targetBlank", "includeVars", "keepTime")},
        ),
    },
    templating=_object(
        "list",
        list={
            "type": "array",
            "items": _object(
                "name type", name=_TEXT, label=_TEXT, query=_TEXT, current=_OPTION,
                type={"enum": ["datasource", "constant"]}, hide={"enum": [0, 1, 2]},
            ),
        },
    ),
    panels={"type": "array", "items": _PANEL, "minItems": 5},
)  # fmt: skip
"""What our dashboards use of the schema that Grafana publishes for dashboards of its version 1."""


def dashboards(site: str) -> dict[str, Any]:
    """The dashboards of a site by name."""
    files = reference_files()
    return {name: json.loads(files[f"sites/{site}/etc/grafana/dashboards/zonewright-{name}.json"]) for name in NAMES}


def test_dashboards_are_the_committed_ones() -> None:
    """Those of one site, byte for byte."""
    for file in GRAFANA.files:
        compare_golden(f"grafana/{Path(file.path).name}", reference_files()[f"sites/qp-dc1/{file.path}"])


def test_dashboards_are_what_grafana_takes() -> None:
    """Each of every site with meters is good by the schema; panels have ids of their own and do not overlap."""
    sites = {path.split("/")[1] for path in reference_files() if "/etc/grafana/" in path}
    assert len(sites) > 1
    for site in sites:
        for name, one in dashboards(site).items():
            jsonschema_rs.validate(SCHEMA, one)
            cells: list[tuple[int, int]] = []
            for panel in one["panels"]:
                at = panel["gridPos"]
                assert at["x"] + at["w"] <= 24, (site, name, panel["title"])
                cells += [(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])]
            assert len(cells) == len(set(cells)), (site, name)
            assert len({panel["id"] for panel in one["panels"]}) == len(one["panels"])
            assert one["templating"]["list"][1]["current"]["value"] == site


def test_queries_are_promql_over_series_that_rules_and_telemetry_know(tmp_path: Path) -> None:
    """Promtool takes every query; each series is one that a rule reads or records, an alert, or a source's state."""
    queries = [
        target["expr"]
        for one in dashboards("qp-dc1").values()
        for panel in one["panels"]
        for target in panel["targets"]
    ]
    rules = [{"record": f"q:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "q", "rules": rules}]}), encoding="utf-8")
    program = installed_validator(PROMETHEUS).check.program
    done = subprocess.run(
        [program, "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ours = yaml.safe_load(reference_files()["sites/qp-dc1/etc/prometheus/rules/zonewright.yml"])
    known = {"ALERTS", "zonewright_source_up_ratio", "zonewright_site_energy_ratio", "zonewright_site_it_load_watts"}
    for rule in (rule for group in ours["groups"] for rule in group["rules"]):
        known |= {name for name, _ in selectors_of(rule["expr"])} | {rule.get("record", "ALERTS")}
    asked = {name for query in queries for name, _ in selectors_of(query)}
    assert len(asked) > 9
    assert asked <= known


@pytest.mark.parametrize("title", ['a "quoted" name', "a\\b", "{{ label }} ${x}"])
def test_a_name_of_a_site_stays_a_text(title: str) -> None:
    """Whatever a title holds, the file is JSON and has it as it is."""
    files = render_all([replace(reference_sites()["wj-edge-lili"], title=title)])
    found = json.loads(files["sites/wj-edge-lili/etc/grafana/dashboards/zonewright-power.json"])
    assert (found["title"], found["description"]) == ("zonewright power: wj-edge-lili", title)
