"""The gateway as a process beside a real service: what its devices show becomes readings of the meters that name it."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from support.modbus_meter import Meter, served
from support.soak import rounds, seeded
from support.telemetry_processes import Service, wait_for, write_settings
from support.zone_project import REPOSITORY
from zonewright.server.agents import issue_token
from zonewright.telemetry.samples import Samples
from zonewright_gateway.__main__ import main
from zonewright_gateway.modbus.maps import shipped_maps


def test_devices_are_delivered_and_told(tmp_path: Path) -> None:
    """Good devices are stored by their id, one that is dead and one with exchanged words are told as down."""
    (tmp_path / "token").write_text(issue_token(tmp_path / "agents.yaml", "gw-1", "gw-1"), encoding="ascii")
    service = Service(tmp_path)
    service.start()
    settings = write_settings(tmp_path, service.port, agent="gw-1")
    maps = shipped_maps()
    meters = {
        1: Meter(maps["abb-b23"], check=230.0, energy_wh=5_000.0),
        2: Meter(maps["eastron-sdm630"], exchanged=True),
    }

    async def work() -> None:
        async with served(meters) as port:
            one = {"protocol": "modbus", "address": f"127.0.0.1:{port}", "rating_w": 50_000, "timeout_s": 0.5}
            devices = {
                "incomer-a": {**one, "map": "abb-b23"},
                "incomer-b": {**one, "map": "eastron-sdm630", "unit": 2},
                "incomer-c": {**one, "map": "abb-b23", "address": "127.0.0.1:1"},
            }
            (tmp_path / "devices.yaml").write_text(yaml.safe_dump({"devices": devices}), encoding="utf-8")
            environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "agents")}
            command = [sys.executable, "-m", "zonewright_gateway", "--config", str(settings)]
            with (tmp_path / "log").open("wb") as log:
                gateway = subprocess.Popen(command, env=environment, stderr=log)  # noqa: ASYNC220 - it starts at once
            with closing(Samples(tmp_path / "l.samples.db")) as samples:

                def seen() -> set[tuple[str, str]]:
                    return {(one.name, one.part) for one in samples.series()}

                await asyncio.to_thread(wait_for, lambda: ("hw.energy", "incomer-a") in seen())
                gateway.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(gateway.wait, 20) == 0
                assert seen() == {("hw.energy", "incomer-a"), ("hw.power", "incomer-a")}
                up = {one.part: one.value for one in samples.samples("gw-1") if one.name == "zonewright.source.up"}
                stored = [one for one in samples.samples("gw-1") if one.name == "hw.energy"]
            assert up == {"host": 1.0, "incomer-a": 1.0, "incomer-b": 0.0, "incomer-c": 0.0}
            assert {(one.unit, one.value, one.quality) for one in stored} == {("J", 5_000.0 * 3_600, "register")}

    asyncio.run(work())
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "are its words in another order?" in log
    assert log.count('"source": "incomer-c"') == 1
    assert service.stop(signal.SIGTERM) == 0


@pytest.mark.soak
def test_kills_of_a_gateway_lose_and_repeat_nothing(tmp_path: Path) -> None:
    """Killed at any instant, its numbers go on: each batch came once, and each value is one that was shown."""
    chance = seeded("gateway kills")
    (tmp_path / "token").write_text(issue_token(tmp_path / "agents.yaml", "gw-1", "gw-1"), encoding="ascii")
    service = Service(tmp_path)
    service.start()
    settings = write_settings(tmp_path, service.port, agent="gw-1")
    meter = Meter(shipped_maps()["abb-b23"], check=230.0, energy_wh=5_000.0)
    command = [sys.executable, "-m", "zonewright_gateway", "--config", str(settings)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "agents")}
    shown = {5_000.0}

    async def work(samples: Samples) -> None:
        async with served({1: meter}) as port:
            one = {"protocol": "modbus", "map": "abb-b23", "address": f"127.0.0.1:{port}", "rating_w": 500_000}
            (tmp_path / "devices.yaml").write_text(yaml.safe_dump({"devices": {"incomer-a": one}}), encoding="utf-8")
            for _ in rounds("gateway kills", 200, least=1):
                before = len(samples.batches("gw-1"))
                gateway = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)  # noqa: ASYNC220 - as above
                while len(samples.batches("gw-1")) < before + 3:  # it has read, kept and delivered
                    await asyncio.sleep(0.05)
                    meter.energy_wh += 1
                    shown.add(round(meter.energy_wh / 10) * 10)  # its register counts tens of watt-hours
                await asyncio.sleep(chance.uniform(0, 1.2))
                gateway.kill()
                await asyncio.to_thread(gateway.wait)
            gateway = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)  # noqa: ASYNC220 - as above
            before = len(samples.batches("gw-1"))
            await asyncio.to_thread(wait_for, lambda: len(samples.batches("gw-1")) > before)
            await asyncio.to_thread(wait_for, lambda: not list((tmp_path / "spool").glob("0*")))
            gateway.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(gateway.wait, 20) == 0

    with closing(Samples(tmp_path / "l.samples.db")) as samples:
        asyncio.run(work(samples))
        numbers = samples.batches("gw-1")
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        stored = [(one.time_ns, one.value) for one in samples.samples("gw-1") if one.name == "hw.energy"]
    assert len({time_ns for time_ns, _ in stored}) == len(stored) >= 1
    values = [value / 3_600 for _, value in sorted(stored) if value is not None]
    assert values == sorted(values)
    assert set(values) <= shown
    assert service.stop(signal.SIGTERM) == 0


def test_settings_and_devices_are_checked_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All faults of both files are told in one run."""
    (tmp_path / "agent.toml").write_text('agent = "gw-1"\nurl = "http://example.org"\n', encoding="utf-8")
    (tmp_path / "devices.yaml").write_text("devices:\n  a: {protocol: modbus}\n", encoding="utf-8")
    assert main(["--config", str(tmp_path / "agent.toml"), "--check-config"]) == 2
    said = capsys.readouterr().err
    for part in (
        "agent.toml:2: url: expected https",
        "'spool' is missing",
        "devices.yaml:2: devices.a: 'map' is missing",
    ):
        assert part in said
