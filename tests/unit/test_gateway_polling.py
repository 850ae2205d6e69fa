"""Devices are asked in their own time, on a clock that jumps: the dead delay nobody."""

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise

from support.jumping_loop import run
from zonewright_gateway.device import Device
from zonewright_gateway.polling import Polled, Poller
from zonewright_gateway.values import DeviceError, Shown

TIMEOUT_S = 3.0


@dataclass
class Scripted:
    """A device that answers after a while, or not at all, or breaks."""

    takes_s: float = 0.01
    error: Exception | None = None
    at_s: list[float] = field(default_factory=list)
    closed: int = 0

    async def read(self) -> list[Shown]:
        """What it shows."""
        loop = asyncio.get_running_loop()
        self.at_s.append(loop.time())
        await asyncio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error
        return [Shown("", "power", 100.0)]

    def close(self) -> None:
        """Give up its connection."""
        self.closed += 1


def polled(name: str, reader: Scripted, *, line: str = "") -> Polled:
    """A device that is asked every ten seconds."""
    return Polled(Device(name, 1_000.0), reader, line or name, interval_s=10.0, timeout_s=TIMEOUT_S)


async def _for(devices: list[Polled], seconds: float, parallel: int = 20) -> None:
    task = asyncio.create_task(Poller(devices, parallel=parallel).run())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_the_dead_delay_nobody() -> None:
    """Beside 60 devices that hang, 20 others are read every ten seconds for ten minutes, to the tenth of a second."""
    dead = [Scripted(takes_s=1e6) for _ in range(60)]
    good = [Scripted() for _ in range(20)]
    devices = [polled(f"dead-{number}", one) for number, one in enumerate(dead)]
    devices += [polled(f"good-{number}", one) for number, one in enumerate(good)]
    run(_for(devices, 600, parallel=10))
    for one in good:
        gaps = [after - before for before, after in pairwise(one.at_s[3:])]
        assert len(one.at_s) >= 58
        assert max(gaps) < 10.1
    assert all(one.device.fault == "no answer within 3 s" for one in devices[:60])
    assert all(one.device.fault == "" for one in devices[60:])


def test_whoever_does_not_answer_is_asked_less_often() -> None:
    """The pauses double up to five minutes, and the first answer ends that."""
    reader = Scripted(error=DeviceError("it is busy"))
    one = polled("m", reader)

    async def work() -> None:
        task = asyncio.create_task(_for([one], 4_000))
        await asyncio.sleep(2_000)
        reader.error = None
        await task

    run(work())
    pauses = [round(after - before) for before, after in pairwise(reader.at_s)]
    assert pauses[:7] == [10, 20, 40, 80, 160, 300, 300]
    assert pauses[-1] == 10
    assert one.device.fault == ""


def test_devices_on_one_line_are_asked_in_turn() -> None:
    """Nobody asks a line while another waits there, and what breaks in a library is a fault of its device."""
    readers = [
        Scripted(takes_s=2.0),
        Scripted(takes_s=2.0),
        Scripted(takes_s=2.0),
        Scripted(error=ZeroDivisionError("odd")),
    ]
    devices = [polled(f"m{number}", one, line="10.0.0.9:502") for number, one in enumerate(readers)]
    run(_for(devices, 60))
    moments = sorted(moment for one in readers[:3] for moment in one.at_s)
    assert min(after - before for before, after in pairwise(moments)) >= 2.0
    assert devices[3].device.fault == "ZeroDivisionError: odd"
    assert readers[3].closed >= len(readers[3].at_s)


def test_the_dead_on_a_line_do_not_hold_it() -> None:
    """A meter that shares a converter with a dead one is read every ten seconds, however many dead ones there are."""
    devices = [polled(f"dead-{number}", Scripted(takes_s=1e6)) for number in range(150)]
    good = Scripted()
    devices += [polled("dead", Scripted(takes_s=1e6), line="converter"), polled("good", good, line="converter")]
    run(_for(devices, 900))
    gaps = [after - before for before, after in pairwise(good.at_s[3:])]
    assert max(gaps) < 10.0 + 2 * TIMEOUT_S
