"""`GET /metrics`: what Prometheus reads of a site is what was imported, and the rendered rules act on it."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.asgi import Answer, call
from support.metrics_page import END, metered, page_of
from support.otlp_series import matches, selectors_of, series_of
from support.reference_sites import reference_files
from support.registers import METERS
from support.validators import installed_validator
from zonewright.render.formats.prometheus import PROMETHEUS
from zonewright.server.agents import Agents
from zonewright.server.application import service
from zonewright.telemetry.samples import Samples
from zonewright_agent.agent import Agent
from zonewright_agent.configuration import from_text
from zonewright_agent.points import Moment, Point
from zonewright_gateway.device import Device
from zonewright_gateway.values import Shown


@pytest.fixture(name="page")
def _page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The page of qp-dc1 after registers of 8,000 kW of IT were imported."""
    found = metered(tmp_path)
    monkeypatch.chdir(tmp_path)
    return found


def samples_of(page: str) -> dict[str, float]:
    """Value by series."""
    return {name: float(value) for name, value in re.findall(r"^(\w+\{.*\}) (\S+)$", page, re.MULTILINE)}


def test_the_page_has_exact_sums_and_times(page: str) -> None:
    """Energies of twelve months in joules, mean load, and the time of each meter; a site without readings is absent."""
    found = samples_of(page)
    labels = 'district="qingpu",site="qp-dc1"'
    it = found['zonewright_site_energy_joules{district="qingpu",side="it",site="qp-dc1"}']
    facility = found['zonewright_site_energy_joules{district="qingpu",side="facility",site="qp-dc1"}']
    start = END.replace(year=END.year - 1)
    assert it == 8_000_000 * (END - start).total_seconds()
    assert facility == pytest.approx(it * 1.26125, rel=1e-12)
    assert found[f"zonewright_site_it_load_watts{{{labels}}}"] == 8_000_000
    assert found[f"zonewright_site_readings_timestamp_seconds{{{labels}}}"] == END.timestamp()
    assert sum(name.startswith("zonewright_site_meter_timestamp_seconds") for name in found) == len(METERS)


def test_the_page_names_no_other_site(page: str, tmp_path: Path) -> None:
    """Asked for one site it tells of that one; asked for all, of those with readings; of an unknown one, nothing."""
    assert "qp-dc1" in page
    assert page_of(tmp_path, None) == page
    assert page_of(tmp_path, "qp-edge-zjj") == ""
    assert page_of(tmp_path, 'x"} 1') == ""


def test_promtool_takes_the_page(page: str) -> None:
    """The form and the names of the series are as Prometheus wants them."""
    program = installed_validator(PROMETHEUS).check.program
    result = subprocess.run([program, "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_service_serves_it_where_it_has_a_ledger(tmp_path: Path) -> None:
    """`GET /metrics?site=S` is the page of that site; a service without a ledger knows no sites."""

    def get(**more: Any) -> Answer:
        return call(service(lambda: Agents({}), Samples(tmp_path / "s.db"), **more), "GET", "/metrics?site=a")

    answer = get(figures=lambda site: f"page of {site}\n")
    assert (answer.status_code, answer.text) == (200, "page of a\n")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert get().status_code == 404


def test_rules_act_on_what_the_page_has(page: str, tmp_path: Path) -> None:
    """Promtool runs the rendered rules: 1.26125 is told, 1.25 exactly is not; so are a meter and a feed."""
    program = installed_validator(PROMETHEUS).check.program
    rules = tmp_path / "rules.yml"
    rules.write_text(reference_files()["sites/qp-dc1/etc/prometheus/rules/zonewright.yml"], encoding="utf-8")
    energies = [(name, value) for name, value in samples_of(page).items() if "_energy_joules" in name]
    it = next(value for name, value in energies if 'side="it"' in name)
    exact = [
        ('zonewright_site_energy_joules{district="qingpu",side="it",site="qp-dc1"}', it),
        ('zonewright_site_energy_joules{district="qingpu",side="facility",site="qp-dc1"}', it * 1.25),
    ]
    power = [one for one in sent(tmp_path, {"A": 3_000.0, "B": 1_000_000.0}).items() if "hw_power" in one[0]]
    of_feed_a = [one for one in power if 'feed="B"' not in one[0]]
    cases = [
        ("EnergyRatioAboveLimit", energies, 1),
        ("EnergyRatioAboveLimit", exact, 0),
        ("EnergyReadingsStale", energies, 1),
        ("MeterMissing", [], len(METERS)),
        ("EnergyRatioUnknown", [], 2),
        ("EnergyRatioUnknown", energies, 0),
        ("ServiceUnreachable", [], 1),
        ("ServiceUnreachable", [('up{job="zonewright",site="qp-dc1"}', 1.0)], 0),
        ("FeedPowerMissing", [], 2),
        ("FeedPowerMissing", of_feed_a, 1),
        ("FeedPowerMissing", power, 0),
        ("FeedPowerOverLimit", power, 1),
        ("FeedFailoverOverLimit", power, 1),
        ("FeedPowerOverLimit", of_feed_a, 0),
    ]
    for name, series, count in cases:
        assert fired(program, rules, name, series) == count, (name, series)


class Host:
    """A source with the power and energy of a host, and what a gateway reads of the PDUs of feeds A and B."""

    name = "hwmon"

    def __init__(self, watts: Mapping[str, float]) -> None:
        self._pdus = [
            (Device(f"pdu-{feed.lower()}", 10**7, {"rack": "qp-dc1/a/01/01", "feed": feed}), value)
            for feed, value in watts.items()
        ]

    def read(self, moment: Moment) -> list[Point]:
        """Everything once."""
        at, found = moment.time_ns, []
        for device, watts in self._pdus:
            device.took([Shown("", "power", watts), Shown("outlet-1", "power", watts)], time_ns=at, at_s=0)
            found += device.collect()
        attributes = {"hw.id": "host"}
        energy = Point("hw.host.energy", "J", "delta", 3_000.0, at, at - 10**10, "good", attributes)
        return [*found, energy, Point("hw.host.power", "W", "gauge", 300.0, at, None, "good", attributes)]


def sent(folder: Path, watts: Mapping[str, float]) -> dict[str, float]:
    """The series that a gateway's report becomes in a Prometheus that it is sent to as well."""
    text = 'agent = "gw-1"\nurl = "http://127.0.0.1:1/v1/metrics"\ntoken_file = "t"\nsite = "qp-dc1"\n'
    more = f'rack = "qp-dc1/a/01/02"\nalso_url = "http://127.0.0.1:2/otlp"\nspool = "{folder}/spool-{len(watts)}"\n'
    agent = Agent(from_text(text + more, "agent.toml"), [Host(watts)])
    agent.keep(agent.sample())
    return series_of(batch for _, batch in agent.outlets[1].spool.pending())


def test_every_rule_reads_what_is_sent(page: str, tmp_path: Path) -> None:
    """Each selector of the rendered rules selects a series of the page, of the scrape, or of what gateways send."""
    files = reference_files()
    rules = yaml.safe_load(files["sites/qp-dc1/etc/prometheus/rules/zonewright.yml"])
    scrape = yaml.safe_load(files["sites/qp-dc1/etc/prometheus/prometheus.yml"])["scrape_configs"][0]
    labels = {"job": scrape["job_name"], **scrape["static_configs"][0]["labels"]}
    scraped = "up{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
    there = [scraped, *samples_of(page), *sent(tmp_path, {"A": 3_000.0, "B": 2_000.0})]
    wanted = {
        selector
        for group in rules["groups"]
        for rule in group["rules"]
        for selector in selectors_of(rule["expr"])
        if "rack" not in dict.fromkeys(label for label, _, _ in selector[1])  # of racks that have no PDU here
    }
    assert {name for name, _ in wanted} == {
        "up",
        "zonewright_site_energy_joules",
        "zonewright_site_readings_timestamp_seconds",
        "zonewright_site_meter_timestamp_seconds",
        "hw_host_power_watts",
        "hw_host_energy_joules_total",
        "hw_power_watts",
    }
    assert [one for one in wanted if not any(matches(one, series) for series in there)] == []


def fired(program: str, rules: Path, name: str, series: list[tuple[str, float]]) -> int:
    """How many alerts of a name there are after half an hour of constant series."""
    document = {
        "rule_files": [rules.name],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": label, "values": f"{value!r}x60"} for label, value in series],
                "promql_expr_test": [
                    {
                        "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}}) or vector(0)',
                        "eval_time": "30m",
                        "exp_samples": [{"labels": "{}", "value": -1}],
                    }
                ],
            }
        ],
    }
    test = rules.with_name("test.yml")
    test.write_text(yaml.safe_dump(document), encoding="utf-8")
    result = subprocess.run([program, "test", "rules", str(test)], capture_output=True, text=True, check=False)
    found = re.search(r"got:\S*\s*(?:\{\} )?(\d+)", result.stdout + result.stderr)
    assert found is not None, result.stdout + result.stderr
    return int(found[1])
