"""`GET /metrics`: what Prometheus reads of a site is what was imported, and the rendered rules act on it."""

import re
import shutil
import subprocess
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.asgi import Answer, call
from support.changes import ledger_of
from support.once import made_once
from support.reference_sites import reference_files
from support.registers import METERS, NOW, ZONE, month_before, registers
from support.validators import installed_validator
from zonewright.cli import main
from zonewright.ledger.store.database import Database
from zonewright.render.formats.prometheus import PROMETHEUS
from zonewright.server.agents import Agents
from zonewright.server.application import service
from zonewright.server.metrics import metrics_page
from zonewright.telemetry.samples import Samples
from zonewright.telemetry.tables import readings_file

END = month_before(NOW)


@pytest.fixture(name="page")
def _page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The page of qp-dc1 after registers of 8,000 kW of IT were imported."""

    def make(at: Path) -> None:
        ledger_of(at / ".zonewright", "operator-b", has_people=False)
        with chdir(at):
            Path("registers.csv").write_text(registers(8_000, end=END), encoding="utf-8")
            assert main(["pue", "import", "registers.csv", "--zone", str(ZONE), "--site", "qp-dc1"]) == 0
        (at / "page").write_text(page_of(at, "qp-dc1"), encoding="utf-8")

    shutil.copytree(made_once(f"page-{NOW:%H}", make), tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Path("page").read_text(encoding="utf-8")


def page_of(folder: Path, site: str | None) -> str:
    """The page as the service makes it."""
    database = Database(folder / ".zonewright" / "ledger.db", lock_wait_s=5)
    try:
        return metrics_page(database, readings_file(folder / ".zonewright" / "ledger.telemetry.db"), NOW, site)
    finally:
        database.close()


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
    rack = 'site="qp-dc1",rack="qp-dc1/a/01/01"'
    power = [(f'hw_power_watts{{{rack},feed="A"}}', 3000.0), (f'hw_power_watts{{{rack},feed="B"}}', 1_000_000.0)]
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
        ("FeedPowerMissing", power[:1], 1),
        ("FeedPowerMissing", power, 0),
        ("FeedPowerOverLimit", power, 1),
        ("FeedFailoverOverLimit", power, 1),
        ("FeedPowerOverLimit", power[:1], 0),
    ]
    for name, series, count in cases:
        assert fired(program, rules, name, series) == count, (name, series)


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
