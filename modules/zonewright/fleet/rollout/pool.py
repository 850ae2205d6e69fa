"""Many hosts visited at once; what takes too long is given up.

Workers talk to this loop by one queue and take no lock; it alone prints, counts and decides. A host whose time is over
is given up from here, even when its thread hangs in something that has no timeout, such as a resolver.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zonewright.fleet.inventory import Host
from zonewright.fleet.rollout.outcome import Outcome, Progress, Say
from zonewright.fleet.rollout.waves import HostState

_GRACE_S = 10.0


_TICK_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened.

    Attributes:
        host: to which host; empty for the run as a whole.
        step: at which step, or ``done``.
        detail: why, or how it ended.
        outcome: how it ended, where it has.
        wave: the wave, from 1.
    """

    host: str
    step: str
    detail: str
    outcome: Outcome | None = None
    wave: int = 0


Observer = Callable[[Event], None]
"""Told of everything, in the thread of the loop."""


VisitHost = Callable[[Host, Progress, Say], Outcome]


class Pool:
    """Visits many hosts at once, and gives up what takes too long.

    Args:
        parallel: hosts at the same time.
        host_deadline_s: after which a host should have ended by itself.
        observe: told of each step and outcome.
        tick: called now and then; a sentence stops the run.
    """

    def __init__(
        self, *, parallel: int, host_deadline_s: float, observe: Observer, tick: Callable[[], str] = lambda: ""
    ) -> None:
        self._parallel, self._host_deadline_s = parallel, host_deadline_s
        self._observe, self._tick = observe, tick

    def visit(
        self, hosts: Sequence[Host], visit: VisitHost, *, wave: int, stop: Callable[[Sequence[Outcome]], str]
    ) -> list[Outcome]:
        """Visit the hosts in their order.

        Args:
            hosts: all of them.
            visit: what is done with each.
            wave: number of the wave, for those who are told.
            stop: given the outcomes so far, a sentence when no further host may be begun.
        """
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        waiting, running, done = list(hosts), dict[str, tuple[Progress, float]](), dict[str, Outcome]()
        why = ""
        while waiting or running:
            why = why or self._tick() or stop(list(done.values()))
            if why:
                for host in waiting:
                    done[host.name] = Outcome(host=host.name, state="skipped", sentence=why)
                    self._observe(Event(host=host.name, step="done", detail=why, outcome=done[host.name], wave=wave))
                waiting = []
            while waiting and len(running) < self._parallel:
                host = waiting.pop(0)
                running[host.name] = (Progress(), time.monotonic())
                self._begin(host, visit, running[host.name][0], events, wave)
            for event in self._events(events, is_idle=not running):
                if event.outcome is not None and event.host in running:
                    done[event.host] = event.outcome
                    del running[event.host]
                    self._observe(event)
                elif event.host in running:
                    self._observe(event)
            for outcome in self._overdue(running):
                done[outcome.host] = outcome
                self._observe(
                    Event(host=outcome.host, step="done", detail=outcome.sentence, outcome=outcome, wave=wave)
                )
        return [done[host.name] for host in hosts]

    def unhindered(self) -> "Pool":
        """The same without a reason to stop: what was begun is looked at again, or put back, in any case."""
        return Pool(parallel=self._parallel, host_deadline_s=self._host_deadline_s, observe=self._observe)

    @staticmethod
    def _begin(host: Host, visit: VisitHost, progress: Progress, events: "queue.SimpleQueue[Event]", wave: int) -> None:
        def say(step: str, detail: str) -> None:
            events.put(Event(host=host.name, step=step, detail=detail, wave=wave))

        def work() -> None:
            try:
                outcome = visit(host, progress, say)
            except Exception as error:  # noqa: BLE001 - a fault of ours must not leave the loop waiting for ever
                state: HostState = "unknown" if progress.is_changing else "failed"
                sentence = f"zonewright has a fault at step {progress.step} ({type(error).__name__}: {error})"
                outcome = Outcome(host=host.name, state=state, sentence=sentence, step=progress.step)
            events.put(Event(host=host.name, step="done", detail=outcome.sentence, outcome=outcome, wave=wave))

        threading.Thread(target=work, name=f"zonewright-{host.name}", daemon=True).start()

    @staticmethod
    def _events(events: "queue.SimpleQueue[Event]", *, is_idle: bool) -> list[Event]:
        """What happened; waits a moment for the first."""
        found = []
        try:
            found.append(events.get(timeout=0.001 if is_idle else _TICK_S))
            while True:
                found.append(events.get_nowait())
        except queue.Empty:
            return found

    def _overdue(self, running: dict[str, tuple[Progress, float]]) -> list[Outcome]:
        """Hosts whose thread should have ended and did not: they are given up."""
        found = []
        for name, (progress, began) in list(running.items()):
            elapsed_s = time.monotonic() - began
            if elapsed_s > self._host_deadline_s + _GRACE_S:
                del running[name]
                state: HostState = "unknown" if progress.is_changing else "unreachable"
                sentence = f"it did not finish: the last step was {progress.step}, {elapsed_s:.0f} s after the start"
                found.append(
                    Outcome(host=name, state=state, sentence=sentence, step=progress.step, elapsed_s=elapsed_s)
                )
        return found
