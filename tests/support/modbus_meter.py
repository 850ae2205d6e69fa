"""A simulated meter behind a real Modbus server of pymodbus, with the faults that meters have."""

import asyncio
import struct
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from zonewright_gateway.modbus.maps import Field, RegisterMap

_FORMS = {"uint16": ">H", "int16": ">h", "uint32": ">I", "int32": ">i", "uint64": ">Q", "int64": ">q", "float32": ">f"}


@dataclass
class Meter:
    """What a meter measures, and what is wrong with it.

    Attributes:
        registers: its family.
        power_w: what flows.
        energy_wh: its register.
        check: the value by which exchanged words show.
        exchanged: whether it sends words in the other order.
        raw: words that it shows in place of its energy.
        running_since: since when its register goes on with its power, in seconds of the monotonic clock; None stands.
        delay_s: how long it takes to answer.
        refuses: whether it answers with an exception.
        written: functions and values that somebody wrote.
        asked: how often it was asked.
    """

    registers: RegisterMap
    power_w: float = 3_600.0
    energy_wh: float = 1_000_000.0
    check: float = 50.0
    exchanged: bool = False
    raw: list[int] | None = None
    delay_s: float = 0.0
    refuses: bool = False
    running_since: float | None = None
    written: list[Any] = field(default_factory=list)
    asked: int = 0

    def words(self) -> dict[int, int]:
        """What its registers hold."""
        found: dict[int, int] = {}
        running_s = 0.0 if self.running_since is None else time.monotonic() - self.running_since
        energy_wh = self.energy_wh + self.power_w * running_s / 3_600
        values = {"check": self.check, "power": self.power_w, "energy": energy_wh}
        for one in self.registers.fields:
            words = self.raw if self.raw is not None and one.quantity == "energy" else self._packed(one, values)
            found.update(enumerate(words, one.address))
        return found

    def _packed(self, one: Field, values: dict[str, float]) -> list[int]:
        raw = values[one.quantity] / one.scale
        form = _FORMS[one.form]
        data = struct.pack(form, raw if one.form == "float32" else round(raw))
        words = list(struct.unpack(f">{len(data) // 2}H", data))
        return words[::-1] if self.registers.is_low_first != self.exchanged else words

    async def action(
        self, _function: int, start: int, address: int, count: int, current: list[int], set_values: Any
    ) -> ExcCodes | None:
        """Called by the server at each access."""
        self.asked += 1
        if set_values is not None:
            self.written.append(set_values)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.refuses:
            return ExcCodes.DEVICE_BUSY
        words = self.words()
        for place in range(address, address + count):
            current[place - start] = words.get(place, 0)
        return None


@asynccontextmanager
async def served(meters: dict[int, Meter], port: int = 0) -> AsyncIterator[int]:
    """Serve meters by unit on one port of this host; gives the port."""
    devices = [
        SimDevice(id=unit, simdata=[SimData(0, count=65_536, datatype=DataType.REGISTERS)], action=one.action)
        for unit, one in meters.items()
    ]
    server = ModbusTcpServer(devices, address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        assert isinstance(server.transport, asyncio.Server)
        yield server.transport.sockets[0].getsockname()[1]
    finally:
        server.close()


@contextmanager
def served_beside(meters: dict[int, Meter]) -> Iterator[int]:
    """The same from a thread, for a test that waits for processes; gives the port."""
    ready: list[int] = []
    begun, ended = threading.Event(), threading.Event()

    async def work() -> None:
        async with served(meters) as port:
            ready.append(port)
            begun.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=asyncio.run, args=(work(),), daemon=True)
    thread.start()
    assert begun.wait(30)
    try:
        yield ready[0]
    finally:
        ended.set()
        thread.join(30)
