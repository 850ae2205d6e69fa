"""PDUs behind snmpsim, a simulator that is not ours: each family from a recording, and what goes wrong with one."""

import asyncio
import getpass
import grp
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec

import pytest
from pysnmp.hlapi.v3arch.asyncio import (
    CommunityData,
    ContextData,
    Gauge32,
    ObjectIdentity,
    ObjectType,
    SnmpEngine,
    UdpTransportTarget,
    get_cmd,
    set_cmd,
)

from support.parts import skip_or_fail
from support.pdus import EATON, SEEN, asked, twice
from zonewright_gateway.credentials import Secret
from zonewright_gateway.polling import Poller

POWER, ENERGY = f"{EATON}3.5.1.4.0.1", f"{EATON}3.5.1.5.0.1"
START = """
import sys, types
pysmi = types.ModuleType("pysmi")
pysmi.__version__ = "none"
sys.modules["pysmi"] = pysmi
from snmpsim.commands.responder import main
sys.exit(main())
"""
"""It needs pysmi for the version that its help shows, and does not bring it; with that one installed pysnmp warns."""
FAULTY: dict[str, dict[str, str]] = {
    "slow": {POWER: "66:delay|value=812,wait=3000"},
    "refusing": {POWER: "66:error|op=get,status=genError,value=812"},
    "garbage": {POWER: "4|812 W", ENERGY: "4x|ff00ff"},
    "too fast": {ENERGY: "66:numeric|rate=100000,initial=777000,max=4000000000"},
    "restarting": {ENERGY: "66:writecache|value=777000"},
}
"""Of a PDU of Eaton: the objects that are otherwise than in its recording, in the words of snmpsim."""
TOLD = {
    "slow": "No SNMP response|no answer within 1 s",
    "refusing": "it answers with error genErr",
    "garbage": "it has no object .* is it of another family",
    "too fast": "quarantined: energy: .* rating",
}


def recording(values: Mapping[str, int], other: Mapping[str, str]) -> str:
    """A file of snmpsim, whose lines are in the order of their numbers."""
    lines = {name: f"{2 if value < 0 else 66}|{value}" for name, value in values.items()} | dict(other)
    order = sorted(lines, key=lambda name: tuple(map(int, name.split("."))))
    return "".join(f"{name}|{lines[name]}\n" for name in order)


async def answers(port: int) -> bool:
    """Whether it answers at last; the first questions may come before it has read its recordings."""
    target = await UdpTransportTarget.create(("127.0.0.1", port), timeout=1, retries=30)
    item = ObjectType(ObjectIdentity(POWER))
    engine = SnmpEngine()
    failed, *_ = await get_cmd(engine, CommunityData("eaton-g3"), target, ContextData(), item)
    engine.close_dispatcher()  # else its socket is found open by whichever test runs when it is collected
    return failed is None


@pytest.fixture(name="port", scope="module")
def _port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The simulator, with a PDU for each community."""
    if find_spec("snmpsim") is None:
        skip_or_fail("snmpsim is not installed (make setup): PDUs of a simulator that is not ours are NOT tested")
    folder = tmp_path_factory.mktemp("snmpsim")
    (folder / "data").mkdir()
    for family, (values, _) in SEEN.items():
        (folder / "data" / f"{family}.snmprec").write_text(recording(values, {}), encoding="ascii")
    for name, other in FAULTY.items():
        (folder / "data" / f"{name}.snmprec").write_text(recording(SEEN["eaton-g3"][0], other), encoding="ascii")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [
        *(sys.executable, "-c", START, f"--agent-udpv4-endpoint=127.0.0.1:{port}"),
        *(f"--data-dir={folder / 'data'}", f"--cache-dir={folder / 'cache'}"),
        *(f"--process-user={getpass.getuser()}", f"--process-group={grp.getgrgid(os.getgid()).gr_name}"),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 60
        while b"Listening at UDP/IPv4" not in (said := (folder / "log").read_bytes()):
            assert process.poll() is None, said.decode()
            assert time.monotonic() < until, said.decode()
            time.sleep(0.1)
        assert asyncio.run(answers(port)), "it listens, and says nothing"
        yield port
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("family", sorted(SEEN))
def test_a_family_of_a_simulator(family: str, port: int) -> None:
    """What a recording of each family shows is delivered, as it is of our own simulated PDUs."""
    polled = asked(family, port, Secret("x", {"community": family}))
    assert asyncio.run(twice(polled)) == SEEN[family][1]
    assert polled.device.fault == ""


@pytest.mark.parametrize("name", sorted(TOLD))
def test_what_goes_wrong_with_one(name: str, port: int) -> None:
    """One that is slow, refuses, shows garbage or counts too fast is told with the reason, and delivers none of it."""
    # While it makes one wait, this simulator answers for no other either.
    timeout_s = 1 if name == "slow" else 20
    polled = asked("eaton-g3", port, Secret("x", {"community": name}), (), timeout_s=timeout_s)
    found = asyncio.run(twice(polled))
    assert re.search(TOLD[name], polled.device.fault or ""), polled.device.fault
    assert [one for one in found if one.startswith("hw.energy")] == []


def test_one_that_restarts(port: int) -> None:
    """A register that somebody sets to zero is quarantined, and what it counted before is delivered."""
    polled = asked("eaton-g3", port, Secret("x", {"community": "restarting"}), ())

    async def work() -> None:
        poller = Poller([polled], parallel=1)
        await poller.once()
        await poller.once()
        target = await UdpTransportTarget.create(("127.0.0.1", port), timeout=20)
        item = ObjectType(ObjectIdentity(ENERGY), Gauge32(0))
        engine = SnmpEngine()
        failed, status, *_ = await set_cmd(engine, CommunityData("restarting"), target, ContextData(), item)
        engine.close_dispatcher()
        assert (failed, int(status)) == (None, 0)
        assert (await twice(polled))["hw.energy of p"] == 777_000.0

    asyncio.run(work())
    assert polled.device.fault == "quarantined: energy: it stepped back from 777,000 to 0 Wh"
