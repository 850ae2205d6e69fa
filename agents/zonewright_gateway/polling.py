"""Asks every device in its own time: one that is slow, dead or on a busy line delays no other.

Devices that answer share many places, those that do not answer a few of their own: however many are dead, they wait for
each other only. Devices behind one address, such as meters on one serial line, are asked in turn.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from zonewright_gateway.device import Device
from zonewright_gateway.values import DeviceError, Reader

FAILING_PLACES = 8
"""How many of the devices that do not answer are asked at once."""
_LONGEST_S = 300.0
"""Between two questions to a device that does not answer."""
_SPREAD = 1000
_START_S = 10.0
"""Within which all devices are asked for the first time."""


@dataclass(slots=True)
class Polled:
    """A device, how it is read, and how often.

    Attributes:
        device: what becomes of its readings.
        reader: its protocol.
        line: address that only one is asked at at a time.
        interval_s: seconds between two readings.
        timeout_s: seconds that one reading may take.
    """

    device: Device
    reader: Reader
    line: str
    interval_s: float
    timeout_s: float
    asked: int = field(default=0)

    @property
    def delay_s(self) -> float:
        """Seconds to the next reading: more and more while it does not answer."""
        longer_s = self.interval_s * 2.0 ** min(max(self.device.failures - 1, 0), 16)
        return max(self.interval_s, min(longer_s, _LONGEST_S))


class Poller:
    """Reads devices until it is cancelled.

    Args:
        devices: all of them.
        parallel: how many that answer are asked at once.
        wall_ns: the time of a reading, in nanoseconds since 1970.
    """

    def __init__(self, devices: Sequence[Polled], *, parallel: int, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._devices, self._wall_ns = devices, wall_ns
        self._places = asyncio.Semaphore(parallel)
        self._failing = asyncio.Semaphore(FAILING_PLACES)
        self._lines = {one.line: asyncio.Lock() for one in devices}

    async def run(self) -> None:
        """Read on and on."""
        try:
            async with asyncio.TaskGroup() as group:
                for one in self._devices:
                    group.create_task(self._follow(one))
        finally:
            for one in self._devices:
                one.reader.close()

    async def once(self) -> None:
        """Read each device once."""
        await asyncio.gather(*(self._ask(one) for one in self._devices))

    async def _follow(self, one: Polled) -> None:
        clock = asyncio.get_running_loop().time
        # Spread, always in the same way, so that not all are asked at the same moment.
        due_s = clock() + min(one.interval_s, _START_S) * (crc32(one.device.name.encode()) % _SPREAD) / _SPREAD
        while True:
            await asyncio.sleep(due_s - clock())
            await self._ask(one)
            due_s = max(due_s + one.delay_s, clock())

    async def _ask(self, one: Polled) -> None:
        line = self._lines[one.line]
        # One that does not answer waits for its place first: nobody else on its line waits along with it.
        first, second = (self._failing, line) if one.device.failures else (line, self._places)
        async with first, second:
            one.asked += 1
            try:
                async with asyncio.timeout(one.timeout_s):
                    shown = await one.reader.read()
            except TimeoutError:
                one.device.failed(f"no answer within {one.timeout_s:g} s")
            except (DeviceError, OSError) as error:
                one.device.failed(str(error) or type(error).__name__)
            except Exception as error:  # noqa: BLE001 - whatever a device makes of its library, the others go on
                one.device.failed(f"{type(error).__name__}: {error}")
            else:
                at_s = asyncio.get_running_loop().time()
                one.device.took(shown, time_ns=self._wall_ns(), at_s=at_s)
                return
            one.reader.close()
