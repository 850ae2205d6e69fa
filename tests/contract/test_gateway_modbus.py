"""Meters behind a real Modbus server, with the faults that meters have: what is delivered, and what is told."""

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from support.modbus_meter import Meter, served
from zonewright_gateway.device import Device
from zonewright_gateway.modbus.client import Line, ModbusMeter, WritingError, only_reading
from zonewright_gateway.modbus.maps import shipped_maps
from zonewright_gateway.polling import Polled, Poller

CHECKS = {"abb-b23": 231.4, "carlo-gavazzi-em24": 229.9}
RATING_W = 50_000.0


def family(name: str, **more: Any) -> Meter:
    """A meter of a family that works."""
    return Meter(shipped_maps()[name], check=CHECKS.get(name, 50.02), **more)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end."""
    asyncio.run(work)


class Watched:
    """A meter and the device that the gateway makes of it, asked one time after the other.

    Args:
        meter: the meter.
        port: where it is served.
        unit: its number there.
    """

    def __init__(self, meter: Meter, port: int, unit: int = 1, *, line: Line | None = None) -> None:
        self.meter, self.device = meter, Device("m", RATING_W)
        self.line = line or Line("127.0.0.1", port)
        reader = ModbusMeter(self.line, unit, meter.registers)
        self.polled = Polled(self.device, reader, "line", interval_s=10, timeout_s=0.3)
        self._poller = Poller([self.polled], parallel=1)

    async def ask(self, times: int = 1, *, change: Callable[[Meter], None] | None = None) -> list[tuple[str, float]]:
        """Ask so many times; gives what is delivered."""
        for _ in range(times):
            if change is not None:
                change(self.meter)
            await self._poller.once()
        return [(point.name, point.value) for point in self.device.collect() if point.value is not None]


@pytest.mark.parametrize("name", sorted(shipped_maps()))
def test_a_family_of_meters(name: str) -> None:
    """Each family is read with its words, scales and functions: joules and watts are what the meter measured."""

    async def work() -> None:
        meter = family(name, power_w=41_234.0, energy_wh=81_234_560.0)
        async with served({1: meter}) as port:
            watched = Watched(meter, port)
            await watched.ask()
            ((power, watts), (energy, joules)) = await watched.ask()
            assert (power, energy, watched.device.fault) == ("hw.power", "hw.energy", "")
            assert math.isclose(watts, 41_234.0, rel_tol=1e-6)
            assert math.isclose(joules, 81_234_560.0 * 3_600, rel_tol=1e-6)
            watched.line.close()

    run(work())


@pytest.mark.parametrize("name", sorted(shipped_maps()))
def test_exchanged_words_are_seen_at_once(name: str) -> None:
    """A meter that sends its words in the other order delivers nothing, and is told as such."""

    async def work() -> None:
        meter = family(name, exchanged=True)
        async with served({1: meter}) as port:
            watched = Watched(meter, port)
            assert await watched.ask(3) == []
            assert "are its words in another order?" in (watched.device.fault or "")
            watched.line.close()

    run(work())


def test_what_a_meter_shows_in_place_of_a_value() -> None:
    """All bits, and a float that is none, are no energy; the power beside them is delivered."""

    async def work() -> None:
        for name, raw in (("abb-b23", [0xFFFF] * 4), ("janitza-umg96", [0x7FC0, 0])):
            meter = family(name, raw=raw)
            async with served({1: meter}) as port:
                watched = Watched(meter, port)
                assert [one for one, _ in await watched.ask(2)] == ["hw.power", "hw.power"]
                assert watched.device.fault == "quarantined: energy: it shows no number"
                watched.line.close()

    run(work())


def test_a_meter_that_restarts_is_slow_refuses_and_comes_back() -> None:
    """Whatever a meter does in between, it is told with the reason, and afterwards delivers what it counted."""

    async def work() -> None:
        meter = family("eastron-sdm630", energy_wh=5_000.0, power_w=100.0)
        async with served({1: meter}) as port:
            watched = Watched(meter, port)
            await watched.ask(2)
            for change, says in (
                ({"delay_s": 1.0}, "no answer within 0.3 s"),
                ({"delay_s": 0.0, "refuses": True}, "register 52: it is busy"),
                ({"refuses": False, "energy_wh": 0.0}, "quarantined: energy: it stepped back from 5,000 to 0 Wh"),
                ({"energy_wh": 5_000.0}, ""),
            ):
                vars(meter).update(change)
                await watched.ask()
                assert watched.device.fault == says
            found = await watched.ask()
            assert math.isclose(dict(found)["hw.energy"], 5_000.0 * 3_600, rel_tol=1e-6)
            watched.line.close()

    run(work())


def test_a_meter_that_is_not_there() -> None:
    """An address where nobody listens, and one that speaks something else, are told; nothing is delivered."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n" * 20)
        await reader.read()
        writer.close()

    async def work() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        watched = Watched(family("eastron-sdm630"), port)
        assert await watched.ask(2) == []
        assert watched.device.fault
        watched.line.close()
        server.close()
        await asyncio.sleep(0.05)
        nobody = Watched(family("eastron-sdm630"), port)
        assert await nobody.ask() == []
        assert "no connection to 127.0.0.1" in (nobody.device.fault or "")

    run(work())


def test_two_meters_on_one_line() -> None:
    """Meters behind one address share a connection, and one that does not answer does not silence the other."""

    async def work() -> None:
        meters = {1: family("abb-b23"), 7: family("eastron-sdm630", delay_s=1.0)}
        async with served(meters) as port:
            line = Line("127.0.0.1", port)
            first, second = Watched(meters[1], port, 1, line=line), Watched(meters[7], port, 7, line=line)
            for _ in range(3):
                await second.ask()
                await first.ask()
            assert (first.device.fault, second.device.fault) == ("", "no answer within 0.3 s")
            line.close()

    run(work())


def test_nothing_that_writes_can_leave() -> None:
    """Every writing function of the library is stopped at the last place before the socket: the meter sees none."""

    async def work() -> None:
        meter = family("abb-b23")
        async with served({1: meter}) as port:
            line = Line("127.0.0.1", port)
            await line.read(3, 0x5B14, 2, 1)
            client, asked = line.client(), meter.asked
            for attempt in (
                lambda: client.write_register(1, 5),
                lambda: client.write_registers(1, [5, 6]),
                lambda: client.write_coil(1, True),  # noqa: FBT003 - pymodbus's form
                lambda: client.write_coils(1, [True]),
                lambda: client.mask_write_register(address=1),
                lambda: client.readwrite_registers(read_address=1, read_count=1, address=1, values=[1]),
                lambda: client.write_file_record([]),
                lambda: client.diag_restart_communication(True),  # noqa: FBT003 - pymodbus's form
            ):
                with pytest.raises(WritingError):
                    await attempt()  # type: ignore[no-untyped-call] # some of the library's are
            assert (meter.written, meter.asked) == ([], asked)
            await line.read(3, 0x5B14, 2, 1)
            line.close()

    run(work())
    for function in range(256):
        frame = bytes([0, 1, 0, 0, 0, 6, 1, function, 0, 0, 0, 1])
        if function in (1, 2, 3, 4):
            assert only_reading(True, frame) == frame  # noqa: FBT003 - pymodbus's form
        else:
            with pytest.raises(WritingError):
                only_reading(True, frame)  # noqa: FBT003 - pymodbus's form
