"""The agent as it runs: its sources made, its spool opened, and then sample, keep and send, again and again."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Callable

from zonewright_agent import __version__
from zonewright_agent.agent import Agent
from zonewright_agent.configuration import Configuration
from zonewright_agent.log import log
from zonewright_agent.notify import notify, watchdog_s
from zonewright_agent.points import Moment, Point
from zonewright_agent.sender import Sender, Senders
from zonewright_agent.sources import Source

_STOPPING = {signal.SIGTERM, signal.SIGINT}
_BROKEN = 1


def _host(_settings: Configuration) -> Source:
    from zonewright_agent.sources.host import Host  # noqa: PLC0415 - psutil is needed for this one only

    return Host()


def _hwmon(settings: Configuration) -> Source:
    from zonewright_agent.sources.hwmon import Hwmon  # noqa: PLC0415 - only what is used is loaded

    return Hwmon(settings.sys, settings.power_max_w, settings.interval_s)


def _rapl(settings: Configuration) -> Source:
    from zonewright_agent.sources.rapl import Rapl  # noqa: PLC0415

    return Rapl(settings.sys, settings.power_max_w)


def _amdgpu(settings: Configuration) -> Source:
    from zonewright_agent.sources.amdgpu import Amdgpu  # noqa: PLC0415

    return Amdgpu(settings.sys, settings.power_max_w, settings.interval_s)


def _nvml(settings: Configuration) -> Source:
    try:
        import pynvml  # noqa: PLC0415 - only hosts with such boards have it
    except ImportError as error:
        sentence = f"the library nvidia-ml-py is missing ({error}); install it, or leave out 'nvml'"
        raise ImportError(sentence) from None
    from zonewright_agent.sources.nvml import Nvml  # noqa: PLC0415

    return Nvml(pynvml, settings.power_max_w, settings.interval_s)


MAKERS: dict[str, Callable[[Configuration], Source]] = {
    "host": _host,
    "hwmon": _hwmon,
    "rapl": _rapl,
    "amdgpu": _amdgpu,
    "nvml": _nvml,
}


class _Unavailable:
    """A source that cannot even be loaded, such as psutil's without psutil."""

    def __init__(self, name: str, fault: str) -> None:
        self.name, self._fault = name, fault

    def read(self, _moment: Moment) -> list[Point]:
        """Fails."""
        raise ValueError(self._fault)


def make_sources(settings: Configuration) -> list[Source]:
    """The sources that the settings name."""
    made: list[Source] = []
    for name in settings.sources:
        try:
            made.append(MAKERS[name](settings))
        except ImportError as error:
            made.append(_Unavailable(name, str(error)))
    return made


def _agent(settings: Configuration) -> Agent:
    return Agent(settings, make_sources(settings))


def run(settings: Configuration, *, is_once: bool, make: Callable[[Configuration], Agent] = _agent) -> int:
    """Run until it is told to stop, or once; returns the exit code.

    Args:
        settings: of the agent.
        is_once: whether to sample twice, send and end.
        make: makes the agent, which may be one with more sources.
    """
    try:
        agent = make(settings)
    except OSError as error:
        print(f"error: the spool {settings.spool} cannot be used: {error}", file=sys.stderr)
        return 2
    gc.freeze()  # what is loaded stays
    gc.enable()  # the start goes without
    return _once(agent, settings) if is_once else _run(agent, settings)


def _once(agent: Agent, settings: Configuration) -> int:
    agent.sample()  # counters need two readings
    time.sleep(min(1.0, settings.interval_s))
    is_kept = agent.keep(agent.sample())
    agent.tell_health()
    are_sent = [Sender(one.settings, one.spool).drain() for one in agent.outlets]
    return 0 if all(are_sent) and is_kept else 3


def _run(agent: Agent, settings: Configuration) -> int:
    # Blocked, and asked for while waiting: no handler, so nothing is interrupted halfway.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    senders = Senders(
        Sender(one.settings, one.spool, first=agent.tell_health if one is agent.outlets[0] else None)
        for one in agent.outlets
    )
    senders.start()
    log("started", version=__version__, agent=settings.agent, pid=os.getpid(), waiting=len(agent.spool))
    tell_s, is_ready = watchdog_s(), False
    due_s = time.monotonic()
    while True:
        agent.keep(agent.sample())
        senders.wake()
        if not is_ready:
            notify("READY=1")
            is_ready = True
        due_s = max(due_s + settings.interval_s, time.monotonic())
        while (left_s := due_s - time.monotonic()) > 0:
            # The watchdog hears of progress, not of a process that runs: batches are kept, and the sender moves.
            if (
                tell_s is not None
                and senders.are_alive()
                and time.monotonic() - agent.kept_s < 3 * settings.interval_s + tell_s
            ):
                notify("WATCHDOG=1")
            if signal.sigtimedwait(_STOPPING, min(left_s, tell_s or left_s)) is not None:
                notify("STOPPING=1")
                senders.stop()
                log("stopped", pending=sum(len(one.spool) for one in agent.outlets))
                return 0
        if not senders.are_alive():
            log("broken", error="the sender has stopped working")
            return _BROKEN
