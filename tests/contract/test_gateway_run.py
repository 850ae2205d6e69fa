"""The gateway as a process beside a real service: what its devices show becomes readings of the meters that name it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
import yaml

from support.modbus_meter import Meter, served
from support.soak import rounds, seeded
from support.telemetry_processes import Service, wait_for, write_settings
from support.zone_project import REPOSITORY
from zonewright.server.agents import issue_token
from zonewright.telemetry.sample import Sample
from zonewright.telemetry.samples import Samples
from zonewright_gateway.__main__ import main
from zonewright_gateway.modbus.maps import shipped_maps

_STEP_WH = 10.0
"""What the register of the simulated meter counts in."""
_READ_S = 5.0
"""From what a register shows to the time of its reading: as long as one may take, and a little."""


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


@contextmanager
def killed(settings: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A gateway that is killed at the end."""
    command = [sys.executable, "-m", "zonewright_gateway", "--config", str(settings)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "agents")}
    gateway = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield gateway
    finally:
        gateway.kill()
        gateway.wait()


@pytest.mark.soak
def test_kills_of_a_gateway_lose_and_repeat_nothing(tmp_path: Path) -> None:
    """Killed at any instant: each batch came once, and soon after each start the register shows all that flowed."""
    chance = seeded("gateway kills")
    (tmp_path / "token").write_text(issue_token(tmp_path / "agents.yaml", "gw-1", "gw-1"), encoding="ascii")
    service = Service(tmp_path)
    service.start()
    settings = write_settings(tmp_path, service.port, agent="gw-1")
    begun_ns, begin_wh, watts = time.time_ns(), 5_000.0, 72_000.0
    meter = Meter(
        shipped_maps()["abb-b23"], check=230.0, energy_wh=begin_wh, power_w=watts, running_since=time.monotonic()
    )

    def energies(since_ns: int = 0) -> list[Sample]:
        return [one for one in samples.samples("gw-1", since_ns) if one.name == "hw.energy"]

    async def work() -> int:
        async with served({1: meter}) as port:
            one = {"protocol": "modbus", "map": "abb-b23", "address": f"127.0.0.1:{port}", "rating_w": 100_000}
            (tmp_path / "devices.yaml").write_text(yaml.safe_dump({"devices": {"incomer-a": one}}), encoding="utf-8")
            starts = 0
            for number in rounds("gateway kills", 200, least=1):
                since_ns = time.time_ns()
                with killed(settings) as gateway:
                    if number % 3 == 0:  # it has read, kept and delivered; the others are killed while they begin
                        await asyncio.to_thread(partial(wait_for, partial(energies, since_ns), seconds=120))
                        starts += 1
                    await asyncio.sleep(chance.uniform(0, 1.2 if number % 3 == 0 else 4))
            since_ns = time.time_ns()
            with killed(settings) as gateway:
                await asyncio.to_thread(partial(wait_for, partial(energies, since_ns), seconds=120))
                await asyncio.to_thread(wait_for, lambda: not list((tmp_path / "spool").glob("0*")))
                gateway.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(gateway.wait, 20) == 0
            return starts + 1

    with closing(Samples(tmp_path / "l.samples.db")) as samples:
        try:
            starts = asyncio.run(work())
        finally:
            stopped = service.stop(signal.SIGTERM)
        numbers = samples.batches("gw-1")
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        stored = sorted((one.time_ns, one.value) for one in energies() if one.value is not None)
    assert len({time_ns for time_ns, _ in stored}) == len(stored) >= starts
    values = [value / 3_600 for _, value in stored]
    assert values == sorted(values)
    for time_ns, value in zip((time_ns for time_ns, _ in stored), values, strict=True):
        now_wh = begin_wh + watts * (time_ns - begun_ns) / 3_600e9
        assert now_wh - watts * _READ_S / 3_600 - _STEP_WH <= value <= now_wh + _STEP_WH, "all that flowed until then"
    assert stopped == 0


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
