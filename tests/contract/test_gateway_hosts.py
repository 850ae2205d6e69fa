"""BMCs over Redfish and IPMI, and upsd: what is delivered of what they show, and what is told."""

import asyncio
import getpass
import hashlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.parts import require, skip_or_fail
from support.redfish_server import PASSWORD, ROOT, USER, Tree, bmc, chassis, chassis_list
from support.telemetry_processes import wait_for
from support.tls import certificate
from support.zone_project import REPOSITORY
from zonewright_gateway.declared import from_text
from zonewright_gateway.making import make
from zonewright_gateway.polling import Polled, Poller

SUPPLY = f"{ROOT}/1/PowerSubsystem/PowerSupplies"


def declared(folder: Path, protocol: str, port: int, password: str = PASSWORD, **own: Any) -> Polled:
    """A device as the gateway makes it from its file."""
    secrets = folder / "credentials.yaml"
    secrets.write_text(yaml.safe_dump({"bmcs": {"user": USER, "password": password}}), encoding="utf-8")
    secrets.chmod(0o600)
    one = {"protocol": protocol, "address": f"127.0.0.1:{port}", "rating_w": 3_000, "timeout_s": 10, **own}
    if protocol != "bacnet":
        one["credentials"] = "bmcs"
    text = yaml.safe_dump({"credentials_file": str(secrets), "devices": {"b": one}})
    return make(from_text(text, "devices.yaml"), interval_s=10)[0]


async def asked(polled: Polled, times: int = 2) -> dict[str, float]:
    """What is delivered after so many readings: watts, and energy in watt-hours."""
    poller = Poller([polled], parallel=1)
    for _ in range(times):
        await poller.once()
    polled.reader.close()
    found = {}
    for one in polled.device.collect():
        assert one.value is not None
        key = f"{one.name} of {one.attributes['hw.id']}"
        found[key] = one.value / (3_600 if one.name == "hw.energy" else 1)
    return found


def metrics(
    watts: float, kwh: float | None = None, *, power: str = "PowerWatts", name: str = "Reading"
) -> dict[str, Any]:
    """A resource with power and energy."""
    return {power: {"Reading": watts}, **({} if kwh is None else {"EnergykWh": {name: kwh}})}


def modern() -> Tree:
    """A BMC with two chassis, of which one shows power and energy by EnvironmentMetrics, and two power supplies."""
    path = f"{ROOT}/1"
    links = {"EnvironmentMetrics": f"{path}/EnvironmentMetrics", "PowerSubsystem": f"{path}/PowerSubsystem"}
    psu = {"@odata.id": SUPPLY}
    return Tree(
        {
            **chassis_list("Riser", "1"),
            **chassis("Riser"),
            **chassis("1", **links),
            f"{path}/EnvironmentMetrics": metrics(612.0, 5_123.4, name="LifetimeReading"),
            f"{path}/PowerSubsystem": {"PowerSupplies": psu},
            SUPPLY: {"Members": [{"@odata.id": f"{SUPPLY}/0"}, {"@odata.id": f"{SUPPLY}/1"}]},
            f"{SUPPLY}/0": {"Metrics": {"@odata.id": f"{SUPPLY}/0/Metrics"}},
            f"{SUPPLY}/1": {},
            f"{SUPPLY}/0/Metrics": metrics(320.0, 2_600.0, power="InputPowerWatts"),
        }
    )


def test_redfish_with_energy_and_supplies(tmp_path: Path) -> None:
    """EnvironmentMetrics gives watts and the energy of a life; each supply that has metrics is a part. All by GET."""
    tree = modern()
    with bmc(tree, tmp_path) as (port, digest):
        polled = declared(tmp_path, "redfish", port, certificate=digest, parts=["supplies"])
        found = asyncio.run(asked(polled))
        assert found == {
            "hw.power of b": 612.0,
            "hw.energy of b": 5_123_400.0,
            "hw.power of b-psu-0": 320.0,
            "hw.energy of b-psu-0": 2_600_000.0,
        }
        assert polled.device.fault == ""
        assert tree.asked.count(ROOT) == 1, "what there is, is looked for once"
        assert tree.methods == {"GET"}


def listens(port: int) -> bool:
    """Whether somebody does."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def test_redfish_of_a_simulator(tmp_path: Path) -> None:
    """sushy-static serves the same tree from files, by another HTTP: what it shows now is delivered, or told."""
    if find_spec("sushy_tools") is None:
        skip_or_fail("sushy-tools is not installed (make setup): a BMC of a simulator that is not ours is NOT tested")
    files, tree = certificate(tmp_path, "127.0.0.1"), tmp_path / "mockup"

    def show(path: str, resource: Any) -> None:
        file = tree / path.removeprefix("/redfish/v1/") / "index.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(resource if isinstance(resource, str) else json.dumps(resource), encoding="utf-8")

    for path, resource in modern().resources.items():
        show(path, resource)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = "import sys; from sushy_tools.static.main import main; sys.exit(main())"
    command = [sys.executable, "-c", start, "-i", "127.0.0.1", "-p", str(port), "-m", str(tree)]
    command += ["-c", str(files[0]), "-k", str(files[1])]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as simulator:
        try:
            wait_for(lambda: listens(port))
            digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(files[0].read_text(encoding="ascii"))).hexdigest()
            polled = declared(tmp_path, "redfish", port, certificate=digest, parts=["supplies"])
            poller = Poller([polled], parallel=1)
            found = asyncio.run(asked(polled))
            assert (found["hw.power of b"], found["hw.energy of b-psu-0"]) == (612.0, 2_600_000.0)
            environment = f"{ROOT}/1/EnvironmentMetrics"
            for resource, told in (
                (metrics(655.0, 5_123.5, name="LifetimeReading"), ""),
                (metrics(655.0, 0.0, name="LifetimeReading"), "it stepped back"),
                ("<html>busy</html>", "expected a resource of Redfish"),
            ):
                show(environment, resource)
                asyncio.run(poller.once())
                assert told in (polled.device.fault or ""), polled.device.fault
            values = [one.value for one in polled.device.collect() if one.attributes["hw.id"] == "b"]
            assert values == [655.0, 5_123_500.0 * 3_600, 655.0]
        finally:
            simulator.kill()


def test_redfish_of_before_and_what_is_wrong(tmp_path: Path) -> None:
    """The older Power is read; another certificate, a wrong password, chassis, tree or answer is told in words."""
    old = {"PowerControl": [{"PowerConsumedWatts": 344}]}
    tree = Tree({**chassis_list("Self"), **chassis("Self", Power=f"{ROOT}/Self/Power"), f"{ROOT}/Self/Power": old})
    with bmc(tree, tmp_path) as (port, digest):
        assert asyncio.run(asked(declared(tmp_path, "redfish", port, certificate=digest))) == {"hw.power of b": 344.0}
        cases: Sequence[tuple[dict[str, Any], str]] = (
            ({"certificate": "0" * 64}, "its certificate is not the one that is known"),
            ({}, "its certificate is not the one that is known"),
            ({"certificate": digest, "password": "another"}, "it refuses credentials 'bmcs' (401)"),
            ({"certificate": digest, "chassis": "1"}, "it has no chassis '1'; there are: Self"),
        )
        for own, says in cases:
            polled = declared(tmp_path, "redfish", port, **own)
            assert asyncio.run(asked(polled)) == {}
            assert says in (polled.device.fault or "")
        tree.garbage = True
        polled = declared(tmp_path, "redfish", port, certificate=digest)
        assert asyncio.run(asked(polled)) == {}
        assert "expected a resource of Redfish" in (polled.device.fault or "")


def test_a_bmc_that_drips_and_one_that_falls_silent(tmp_path: Path) -> None:
    """An endless answer costs one thread, for which nobody waits; a reading that is gone is told, and is not good."""
    tree = modern()
    with bmc(tree, tmp_path) as (port, digest):
        tree.drips = True
        polled = declared(tmp_path, "redfish", port, certificate=digest, timeout_s=0.5)
        assert asyncio.run(asked(polled, times=3)) == {}
        assert polled.device.fault == "it is still busy with what it was asked before"
        asking = [one for one in threading.enumerate() if one.name.startswith("redfish")]
        assert [one.daemon for one in asking] == [True]
        assert len(tree.asked) <= 1
        tree.drips = False
        asking[0].join(10)
        polled = declared(tmp_path, "redfish", port, certificate=digest)
        asyncio.run(Poller([polled], parallel=1).once())
        tree.resources[f"{ROOT}/1/EnvironmentMetrics"] = {"PowerWatts": {"Reading": None}}
        asyncio.run(Poller([polled], parallel=1).once())
        assert [one.name for one in polled.device.collect()] == ["hw.power"]
        assert "has no reading" in (polled.device.fault or "")


def test_dcmi_by_ipmitool(tmp_path: Path) -> None:
    """A real ipmitool reads a simulated BMC over RMCP+; what is deactivated or 65,535 W is no reading."""
    require("ipmitool", "ipmitool", "power over IPMI")
    for watts, state, expected, says in (
        (512, 0x40, {"hw.power of b": 512.0}, ""),
        (512, 0x00, {}, "its power reading is deactivated"),
        (65_535, 0x40, {}, "it shows 65,535 W, which is no reading"),
    ):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "support.fake_bmc", str(port), str(watts), str(state)]
        served = subprocess.Popen(command, cwd=REPOSITORY / "tests", stdout=subprocess.PIPE)
        try:
            assert served.stdout is not None
            served.stdout.readline()
            polled = declared(tmp_path, "ipmi", port, timeout_s=30)
            assert asyncio.run(asked(polled, times=1)) == expected
            assert says in (polled.device.fault or "")
        finally:
            served.kill()
            served.communicate()


@asynccontextmanager
async def upsd(variables: dict[str, str]) -> AsyncIterator[int]:
    """A server that speaks as upsd does; gives the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := (await reader.readline()).decode().strip():
            word, _, rest = line.partition(" ")
            if word in ("USERNAME", "PASSWORD"):
                writer.write(b"OK\n" if rest in (USER, PASSWORD) else b"ERR ACCESS-DENIED\n")
            elif line == "LIST VAR rack-ups":
                rows = "".join(f'VAR rack-ups {name} "{value}"\n' for name, value in variables.items())
                writer.write(f"BEGIN LIST VAR rack-ups\n{rows}END LIST VAR rack-ups\n".encode())
            else:
                writer.write(b"ERR UNKNOWN-UPS\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0.05)


def test_a_ups_behind_upsd(tmp_path: Path) -> None:
    """Real power of the whole and of outlets is read; volt-amperes never are, and what is wrong is told."""

    async def work() -> None:
        (tmp_path / "lines").write_text("a\nINSTCMD rack-ups load.off\n", encoding="ascii")
        variables = {"ups.power": "900", "ups.realpower": "810", "outlet.1.realpower": "55.5", "ups.status": "OL"}
        async with upsd(variables) as port:
            polled = declared(tmp_path, "nut", port, name="rack-ups")
            assert await asked(polled, 1) == {"hw.power of b": 810.0, "hw.power of b-outlet-1": 55.5}
            for own, change, says in (
                ({"name": "other-ups"}, {}, "upsd: unknown ups"),
                ({"password": "another"}, {}, "upsd refuses credentials 'bmcs'"),
                ({"password": f"ref+file://{tmp_path}/lines"}, {}, "'bmcs': password has more than printable letters"),
                ({}, {"ups.realpower": "n/a"}, "ups.realpower: expected a number, got 'n/a'"),
            ):
                variables.update(change)
                polled = declared(tmp_path, "nut", port, **{"name": "rack-ups", **own})
                assert await asked(polled, 1) == {}
                assert says in (polled.device.fault or "")
            del variables["ups.realpower"]
            polled = declared(tmp_path, "nut", port, name="rack-ups")
            assert await asked(polled, 1) == {}
            assert "it may know volt-amperes only" in (polled.device.fault or "")

    asyncio.run(work())


NUT = Path("/lib/nut")


@contextmanager
def real_upsd(folder: Path, variables: dict[str, str]) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """Network UPS Tools' own upsd with its driver of simulated devices; gives the port and the driver."""
    if not (NUT / "upsd").exists():
        skip_or_fail("upsd is not installed (Debian package nut-server): a UPS behind the real one is NOT tested")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    files = {
        "ups.conf": "[rack-ups]\ndriver = dummy-ups\nport = rack.dev\nmode = dummy-once\n",
        "rack.dev": "".join(f"{name}: {value}\n" for name, value in variables.items()),
        "upsd.conf": f"LISTEN 127.0.0.1 {port}\nMAXAGE 4\n",
        "upsd.users": f'[{USER}]\npassword = "{PASSWORD}"\n',
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="ascii")
        (folder / name).chmod(0o640)
    names = ("NUT_CONFPATH", "NUT_STATEPATH", "NUT_ALTPIDPATH")
    environment = {**os.environ, **dict.fromkeys(names, str(folder))}
    user = getpass.getuser()
    with (folder / "nut.log").open("wb") as log, ExitStack() as stack:

        def start(*command: str) -> "subprocess.Popen[bytes]":
            process = subprocess.Popen([*command, "-u", user, "-D"], env=environment, stdout=log, stderr=log)
            stack.callback(process.wait, 10)
            stack.callback(process.kill)
            return process

        driver = start(str(NUT / "dummy-ups"), "-a", "rack-ups")
        wait_until((folder / "dummy-ups-rack-ups").exists)
        start(str(NUT / "upsd"))
        wait_until(lambda: b"Connected to UPS" in (folder / "nut.log").read_bytes())
        yield port, driver


def wait_until(is_so: Callable[[], bool]) -> None:
    """Until something is so, half a minute at most."""
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError("it never was")


def test_a_ups_behind_the_real_upsd(tmp_path: Path) -> None:
    """What Network UPS Tools itself answers is read; a name it does not have, and a driver that died, are told."""
    variables = {"ups.status": "OL", "ups.realpower": "1830", "ups.power": "2100", "outlet.1.realpower": "420.5"}
    with real_upsd(tmp_path, variables) as (port, driver):

        def seen() -> dict[str, float]:
            return asyncio.run(asked(declared(tmp_path, "nut", port, name="rack-ups"), 1))

        wait_until(lambda: bool(seen()))  # it answers before its driver has told it all
        assert seen() == {"hw.power of b": 1830.0, "hw.power of b-outlet-1": 420.5}
        polled = declared(tmp_path, "nut", port, name="other-ups")
        assert asyncio.run(asked(polled, 1)) == {}
        assert polled.device.fault == "upsd: unknown ups"
        driver.kill()
        driver.wait(10)
        wait_until(lambda: not seen())
        polled = declared(tmp_path, "nut", port, name="rack-ups")
        assert asyncio.run(asked(polled, 1)) == {}
        assert polled.device.fault in ("upsd: driver not connected", "upsd: data stale")


def test_a_chiller_over_bacnet(tmp_path: Path) -> None:
    """Present values are read in the units that the device names; what is in fault, elsewhere or absent is told."""
    # Half a second for whoever collects this file.
    from bacpypes3.ipv4.app import NormalApplication  # noqa: PLC0415
    from bacpypes3.local.analog import AnalogInputObject  # noqa: PLC0415
    from bacpypes3.local.device import DeviceObject  # noqa: PLC0415
    from bacpypes3.pdu import IPv4Address  # noqa: PLC0415

    from zonewright_gateway.bacnet import BuildingDevice  # noqa: PLC0415

    async def work() -> None:
        ports = []
        for _ in range(2):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind(("127.0.0.1", 0))
                ports.append(probe.getsockname()[1])
        own = DeviceObject(objectIdentifier=("device", 7), objectName="chiller", vendorIdentifier=0)
        chiller = NormalApplication(own, IPv4Address(f"127.0.0.1/24:{ports[0]}"))
        power, energy, outside = (
            AnalogInputObject(
                objectIdentifier=("analog-input", number),
                objectName=f"input {number}",
                presentValue=value,
                units=units,
                eventState="normal",
                statusFlags=[0, 0, 0, 0],
                outOfService=False,
            )
            for number, value, units in (
                (1, 2.5, "kilowatts"),
                (2, 912.5, "kilowatt-hours"),
                (3, 21.0, "degrees-celsius"),
            )
        )
        for one in (power, energy, outside):
            chiller.add_object(one)
        local = {"local": f"127.0.0.1/24:{ports[1]}"}
        good = declared(tmp_path, "bacnet", ports[0], **local, power="analog-input,1", energy="analog-input,2")
        assert await asked(good) == {"hw.power of b": 2_500.0, "hw.energy of b": 912_500.0}
        there = declared(tmp_path, "bacnet", ports[0], **local, temperature="analog-input,3")
        there.reader._client = good.reader._client  # type: ignore[attr-defined] # its port is taken
        assert await asked(there, 1) == {"hw.temperature of b": 21.0}
        power.outOfService = True
        assert await asked(good, 1) == {"hw.energy of b": 912_500.0}
        assert good.device.fault == "quarantined: power: it shows no number"
        assert isinstance(good.reader, BuildingDevice)
        for number, says in ((3, "is in degrees-celsius, expected a unit of power"), (9, "unknown-object")):
            one = declared(tmp_path, "bacnet", ports[0], **local, power=f"analog-input,{number}")
            one.reader._client = good.reader._client  # type: ignore[attr-defined] # its port is taken
            assert await asked(one, 1) == {}
            assert says in (one.device.fault or "")
        good.reader._client.close()
        chiller.close()
        await asyncio.sleep(0.05)

    asyncio.run(work())


def test_a_protocol_that_cannot_be_spoken_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its program a device has a fault, and the others go on."""
    monkeypatch.setenv("PATH", str(tmp_path))
    polled = declared(tmp_path, "ipmi", 623)
    assert asyncio.run(asked(polled, 1)) == {}
    assert polled.device.fault == "protocol ipmi: there is no program ipmitool"
