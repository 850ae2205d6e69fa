"""A real Prometheus with the rendered scrape and rules, beside the real service and a gateway that sends it OTLP."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from support.metrics_page import metered
from support.modbus_meter import Meter, served
from support.reference_sites import reference_files
from support.telemetry_processes import Service, wait_for, write_settings
from support.zone_project import REPOSITORY
from zonewright.server.agents import issue_token
from zonewright_gateway.modbus.maps import shipped_maps

VARIABLE = "ZONEWRIGHT_PROMETHEUS"
"""The program, where that of PATH has no receiver for OTLP: Debian's 2.42 has none, 3.0 and newer have one."""


def prometheus() -> str:
    """A Prometheus that takes OTLP; without one the test is skipped, and says how to get one."""
    program = os.environ.get(VARIABLE) or shutil.which("prometheus")
    if program is not None:
        told = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
        if "web.enable-otlp-receiver" in told.stdout + told.stderr:
            return program
    pytest.skip(
        "no Prometheus with a receiver for OTLP: build one (500 s of one core) with "
        "'go install -tags remove_all_sd github.com/prometheus/prometheus/cmd/prometheus@v0.316.0', "
        f"and name it in {VARIABLE}"
    )


class Engine:
    """One Prometheus that runs."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self.otlp = f"{self._base}/api/v1/otlp/v1/metrics"

    def values(self, expression: str) -> dict[str, float]:
        """The present value of each series of an expression, by its labels."""
        url = f"{self._base}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                found = json.load(answer)["data"]["result"]
        except OSError:
            return {}
        return {json.dumps(one["metric"], sort_keys=True): float(one["value"][1]) for one in found}

    def firing(self) -> dict[str, int]:
        """How many alerts of each name fire."""
        found: dict[str, int] = {}
        for labels in self.values('ALERTS{alertstate="firing"}'):
            name = json.loads(labels)["alertname"]
            found[name] = found.get(name, 0) + 1
        return found


@contextmanager
def running(folder: Path, service_port: int) -> Iterator[Engine]:
    """The rendered configuration of qp-dc1 in a real Prometheus, with seconds in the place of its minutes."""
    program = prometheus()
    files = reference_files()
    below = "sites/qp-dc1/etc/prometheus/"
    config = re.sub(r'"service[^"]*:443"', f'"127.0.0.1:{service_port}"', files[f"{below}prometheus.yml"])
    config = config.replace('scheme: "https"', "scheme: http").replace("interval: 60s", "interval: 1s")
    rules = re.sub(r"for: \d+m", "for: 0s", files[f"{below}rules/zonewright.yml"])
    (folder / "rules").mkdir()
    (folder / "prometheus.yml").write_text(config, encoding="utf-8")
    (folder / "rules" / "zonewright.yml").write_text(rules, encoding="utf-8")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    options = [f"--web.listen-address=127.0.0.1:{port}", "--web.enable-otlp-receiver", "--query.lookback-delta=10s"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb", *options],
            stderr=log,
        )
        try:
            yield Engine(port)
        finally:
            process.terminate()
            process.wait(timeout=30)


def host_with_meter(folder: Path) -> str:
    """The root of a sysfs with the power meter of a host."""
    meter = folder / "sys" / "class" / "hwmon" / "hwmon0"
    meter.mkdir(parents=True)
    (meter / "name").write_text("power_meter", encoding="ascii")
    (meter / "power1_average").write_text("312000000", encoding="ascii")
    return str(folder / "sys")


@pytest.mark.soak
def test_rules_have_data_and_alerts_fire(tmp_path: Path) -> None:
    """Every rule reads what arrives; what is over a limit is told, what is well is not, and silence is told."""
    metered(tmp_path)
    (tmp_path / "token").write_text(issue_token(tmp_path / "agents.yaml", "gw-1", "gw-1"), encoding="ascii")
    service = Service(tmp_path, "--ledger", ".zonewright/ledger.db")
    service.start()
    maps = shipped_maps()
    meters = {n: Meter(maps["abb-b23"], check=230.0, power_w=watts) for n, watts in ((1, 3_000.0), (2, 40_000.0))}

    async def work(engine: Engine) -> None:
        async with served(meters) as port:
            one = {"protocol": "modbus", "address": f"127.0.0.1:{port}", "rating_w": 50_000, "map": "abb-b23"}
            place = {"rack": "qp-dc1/a/01/01"}
            devices = {
                "pdu-a": {**one, **place, "feed": "A", "unit": 1},
                "pdu-b": {**one, **place, "feed": "B", "unit": 2},
            }
            (tmp_path / "devices.yaml").write_text(yaml.safe_dump({"devices": devices}), encoding="utf-8")
            more = {"sys": host_with_meter(tmp_path), "site": "qp-dc1", "rack": "qp-dc1/a/01/02"}
            settings = write_settings(
                tmp_path, service.port, agent="gw-1", sources=["hwmon"], also_url=engine.otlp, **more
            )
            gateway = subprocess.Popen(  # noqa: ASYNC220 - it starts at once
                [sys.executable, "-m", "zonewright_gateway", "--config", str(settings)],
                env={**os.environ, "PYTHONPATH": str(REPOSITORY / "agents")},
                stderr=subprocess.DEVNULL,
            )
            try:
                recorded = (
                    "site:energy_ratio:trailing",
                    "site:hw_host_power_watts:sum",
                    "site:hw_host_energy_joules:increase1h",
                )
                await asyncio.to_thread(wait_for, lambda: all(map(engine.values, recorded)), seconds=120)
                alerts = {"EnergyRatioAboveLimit", "FeedPowerOverLimit", "FeedFailoverOverLimit"}
                await asyncio.to_thread(wait_for, lambda: alerts <= engine.firing().keys(), seconds=60)
                assert engine.firing().keys() == alerts
                assert list(engine.values("site:hw_host_power_watts:sum").values()) == [312.0]
                (energy,) = engine.values('increase(hw_host_energy_joules_total{hw_id="host"}[1h])').values()
                assert energy > 0
            finally:
                gateway.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(gateway.wait, 20) == 0
        assert service.stop(signal.SIGTERM) == 0
        silence = {"FeedPowerMissing", "ServiceUnreachable", "EnergyRatioUnknown", "MeterMissing"}
        await asyncio.to_thread(wait_for, lambda: silence <= engine.firing().keys(), seconds=60)

    try:
        with running(tmp_path, service.port) as engine:
            asyncio.run(work(engine))
    finally:
        if service.process is not None and service.process.poll() is None:
            service.stop(signal.SIGKILL)
