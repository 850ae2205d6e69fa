"""The gateway as it runs: the agent of its host, which collects at each sampling what its devices have shown."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

from zonewright_agent.agent import Agent, up_point
from zonewright_agent.configuration import Configuration
from zonewright_agent.log import log
from zonewright_agent.points import Moment, Point
from zonewright_agent.sources import Source
from zonewright_gateway.polling import Polled, Poller

_REPORT_AGAIN_S = 60.0
"""Reports of health follow each other no faster."""
_MOST_LETTERS = 120
"""Of a fault in a report, which has to hold those of all devices."""


class DeviceSource:
    """A device as a source of the agent: what it gives was read before, in a thread of its own."""

    def __init__(self, polled: Polled) -> None:
        self._device = polled.device
        self.name = polled.device.name

    @property
    def fault(self) -> str | None:
        """What is wrong with it; None until it was asked."""
        return self._device.fault

    def read(self, _moment: Moment) -> list[Point]:
        """What was read since the last time."""
        return self._device.collect()


class Polling:
    """A thread that asks devices.

    Args:
        devices: all of them.
        parallel: how many are asked at once.
    """

    def __init__(self, devices: Sequence[Polled], *, parallel: int) -> None:
        self._devices, self._parallel = devices, parallel
        self._thread = threading.Thread(target=self._run, name="devices", daemon=True)
        self._runner: asyncio.Runner | None = None
        self.broken = ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def once(self) -> None:
        """Ask each device once, in the thread of the caller."""
        self._runner = self._runner or asyncio.Runner()  # connections belong to it
        self._runner.run(self._once())

    async def _once(self) -> None:
        await Poller(self._devices, parallel=self._parallel).once()

    def _run(self) -> None:
        try:
            asyncio.run(Poller(self._devices, parallel=self._parallel).run())
        except BaseException as error:  # noqa: BLE001 - the process ends for it, and says why
            self.broken = f"{type(error).__name__}: {error}"


class Gateway(Agent):
    """The agent of the host with its devices.

    Args:
        settings: of the agent.
        sources: what it reads of its own host.
        devices: what it reads for others.
        polling: who asks them.
        is_once: whether devices are asked at each sampling, and by nobody else.
        clock: gives the time of a sampling.
    """

    service_name = "zonewright-gateway"

    def __init__(
        self,
        settings: Configuration,
        sources: list[Source],
        devices: Sequence[Polled],
        polling: Polling,
        *,
        is_once: bool = False,
        clock: Callable[[], Moment] | None = None,
    ) -> None:
        super().__init__(settings, sources, clock=clock)
        self._polling, self._is_once = polling, is_once
        self._read_before = [DeviceSource(one) for one in devices]
        self._reported: dict[str, bool] | None = None
        self._report_from_s = 0.0

    def sample(self) -> list[Point]:
        """What the host shows now, and what devices showed since the last time.

        Raises:
            SystemExit: when nobody asks the devices any more.
        """
        if self._polling.broken:
            log("broken", error=f"devices are asked no more: {self._polling.broken}")
            raise SystemExit(1)
        if self._is_once:
            self._polling.once()
        points = super().sample()
        moment = self._clock()
        for one in self._read_before:
            points += one.read(moment)
            fault = one.fault
            if fault is not None:
                self._tell(one.name, fault, moment.monotonic_s)
                points.append(up_point(one.name, moment, is_up=not fault))
        return points

    def tell_health(self) -> bool:
        """Report when a device fails or recovers; gives False, since it may have to be told again."""
        faulty = {name: bool(fault) for name, (fault, _) in list(self._told.items())}
        now_s = time.monotonic()
        is_early = len(faulty) < len(self._sources) + len(self._read_before)
        if is_early or faulty == self._reported or now_s < self._report_from_s:
            return False
        if super().tell_health():
            self._reported, self._report_from_s = faulty, now_s + _REPORT_AGAIN_S
        return False

    def faults(self) -> dict[str, str]:
        """What is wrong with each source and device, cut where it is long: a report holds those of all devices."""
        return {name: fault[:_MOST_LETTERS] for name, fault in super().faults().items()}
