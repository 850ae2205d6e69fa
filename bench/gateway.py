"""A gateway with 300 Modbus meters, 150 PDUs and 50 BMCs: what one reading of all costs of a core."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import yaml

from bench.figures import Figure
from support.modbus_meter import Meter, served
from support.redfish_server import PASSWORD, ROOT, USER, Tree, bmc, chassis, chassis_list
from support.snmp_agent import COMMUNITY, Objects, pdu
from zonewright_gateway.declared import from_text
from zonewright_gateway.making import make
from zonewright_gateway.modbus.maps import shipped_maps
from zonewright_gateway.polling import Polled, Poller

INTERVAL_S = 10
_COUNTS = {"meter": 300, "pdu": 150, "bmc": 50}
_LINES, _AGENTS, _SERVERS = 30, 5, 5
_DECLARED = {"meter": 300, "pdu": _AGENTS, "bmc": _SERVERS}
"""How many are simulated; what one reading of a PDU or BMC costs does not depend on how many others there are."""
_APC = "1.3.6.1.4.1.318.1.1.26."
_OBJECTS = {
    _APC + "4.3.1.5.1": 412,
    _APC + "4.3.1.9.1": 98_765,
    **{_APC + f"6.3.1.7.{phase}": 137 for phase in (1, 2, 3)},
    **{_APC + f"9.4.3.1.7.{outlet}": 105 for outlet in range(1, 6)},
}
_ROUNDS = 3


def figures(_runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """What the gateway takes of one core, by protocol and in all."""
    with tempfile.TemporaryDirectory() as name, _simulators(Path(name)) as ports:
        polled = make(from_text(_declared(Path(name), ports), "devices.yaml"), interval_s=INTERVAL_S)
        names = sorted(_COUNTS)  # as they are declared, in the order of their names
        at = [0, *(sum(_DECLARED[one] for one in names[: index + 1]) for index in range(len(names)))]
        kinds = {kind: polled[low:high] for kind, low, high in zip(names, at[:-1], at[1:], strict=True)}
        each = asyncio.run(_rounds(kinds))
    found = [Figure(f"one reading of a {kind}", 1000 * each[kind], "ms CPU") for kind in kinds]
    share = sum(each[kind] * count for kind, count in _COUNTS.items()) / INTERVAL_S
    return [*found, Figure("300 meters, 150 PDUs, 50 BMCs every 10 s", 100 * share, "% core", 100)]


async def _rounds(kinds: dict[str, list[Polled]]) -> dict[str, float]:
    """CPU seconds of this process for one reading of one of a kind, after a first one that connects."""
    found = {}
    for kind, polled in kinds.items():
        poller = Poller(polled, parallel=32)
        await poller.once()
        begun = time.process_time()
        for _ in range(_ROUNDS):
            await poller.once()
        found[kind] = (time.process_time() - begun) / _ROUNDS / len(polled)
        faults = {one.device.fault for one in polled if one.device.fault}
        if faults:
            raise RuntimeError(f"{kind}: {'; '.join(sorted(faults))}")
        for one in polled:
            one.reader.close()
    return found


def _declared(folder: Path, ports: dict[str, list[tuple[int, str]]]) -> str:
    """The devices' file."""
    secrets = folder / "credentials.yaml"
    secrets.write_text(
        yaml.safe_dump({"bmcs": {"user": USER, "password": PASSWORD}, "pdus": {"community": COMMUNITY}}),
        encoding="utf-8",
    )
    secrets.chmod(0o600)
    devices: dict[str, dict[str, object]] = {}
    for number in range(_DECLARED["meter"]):
        port, _ = ports["modbus"][number % _LINES]
        own = {"protocol": "modbus", "map": "abb-b23", "unit": 1 + number // _LINES}
        devices[f"meter-{number}"] = {**own, "address": f"127.0.0.1:{port}", "rating_w": 100_000}
    for number, (port, _) in enumerate(ports["snmp"]):
        own = {"protocol": "snmp", "family": "apc-rpdu2", "credentials": "pdus"}
        devices[f"pdu-{number}"] = {**own, "address": f"127.0.0.1:{port}", "rating_w": 20_000}
    for number, (port, digest) in enumerate(ports["redfish"]):
        own = {"protocol": "redfish", "certificate": digest, "credentials": "bmcs"}
        devices[f"bmc-{number}"] = {**own, "address": f"127.0.0.1:{port}", "rating_w": 3_000}
    for one in devices.values():
        one["timeout_s"] = 60
    return yaml.safe_dump({"credentials_file": str(secrets), "devices": devices})


class _simulators:  # noqa: N801 - used as a function
    """All simulated devices, in a process of their own; gives their ports by protocol."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> dict[str, list[tuple[int, str]]]:
        paths = os.pathsep.join(path for path in sys.path if path)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.gateway", str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
        )
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        found: dict[str, list[tuple[int, str]]] = json.loads(self._process.stdout.readline())
        return found

    def __exit__(self, *_raised: object) -> None:
        self._process.kill()
        self._process.wait()


async def _simulate(folder: Path) -> None:
    registers = shipped_maps()["abb-b23"]
    tree = Tree(
        {
            **chassis_list("1"),
            **chassis("1", EnvironmentMetrics=f"{ROOT}/1/EnvironmentMetrics"),
            f"{ROOT}/1/EnvironmentMetrics": {"PowerWatts": {"Reading": 612.0}, "EnergykWh": {"LifetimeReading": 5.0}},
        }
    )
    async with AsyncExitStack() as stack:
        with ExitStack() as servers:
            ports: dict[str, list[tuple[int, str]]] = {"modbus": [], "snmp": [], "redfish": []}
            for _ in range(_LINES):
                meters = {unit: Meter(registers, check=230.0) for unit in range(1, _DECLARED["meter"] // _LINES + 1)}
                ports["modbus"].append((await stack.enter_async_context(served(meters)), ""))
            for _ in range(_AGENTS):
                ports["snmp"].append((await stack.enter_async_context(pdu(Objects(dict(_OBJECTS)))), ""))
            for number in range(_SERVERS):
                own = folder / str(number)
                own.mkdir()
                ports["redfish"].append(servers.enter_context(bmc(tree, own)))
            print(json.dumps(ports), flush=True)
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_simulate(Path(sys.argv[1])))
