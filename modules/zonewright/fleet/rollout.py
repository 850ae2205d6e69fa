"""A roll-out over all hosts: wave by wave, many at once, stopped by limits, a wave that fails put back.

Workers talk to this loop by one queue and take no lock; it alone prints, counts and decides. A host whose time is over
is given up from here, even when its thread hangs in something that has no timeout, such as a resolver.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from zonewright.fleet.apply import Progress
from zonewright.fleet.inventory import Host
from zonewright.fleet.visit import Outcome, Say
from zonewright.fleet.waves import State, exceeded, split
from zonewright.model.fleet import RollOut

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
Visit = Callable[[Host, Progress, Say], Outcome]


class Task(Protocol):
    """What is done to every host of a roll-out, with agents or with configurations."""

    @property
    def host_deadline_s(self) -> float:
        """For one host, all steps together."""
        ...

    def deploy(self, host: Host, progress: Progress, say: Say) -> Outcome:
        """Bring one host to what it should have."""
        ...

    def soaked(self, outcome: Outcome, host: Host, progress: Progress, say: Say) -> Outcome:
        """Look again at a host that was changed, at the end of the soak."""
        ...

    def put_back(self, outcome: Outcome, host: Host, progress: Progress, say: Say, why: str) -> Outcome:
        """Put back a host that was changed, because its wave is."""
        ...


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
        self, hosts: Sequence[Host], visit: Visit, *, wave: int, stop: Callable[[Sequence[Outcome]], str]
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
    def _begin(host: Host, visit: Visit, progress: Progress, events: "queue.SimpleQueue[Event]", wave: int) -> None:
        def say(step: str, detail: str) -> None:
            events.put(Event(host=host.name, step=step, detail=detail, wave=wave))

        def work() -> None:
            try:
                outcome = visit(host, progress, say)
            except Exception as error:  # noqa: BLE001 - a fault of ours must not leave the loop waiting for ever
                state: State = "unknown" if progress.is_changing else "failed"
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
                state: State = "unknown" if progress.is_changing else "unreachable"
                sentence = f"it does not end: the last step was {progress.step}, {elapsed_s:.0f} s after its begin"
                found.append(
                    Outcome(host=name, state=state, sentence=sentence, step=progress.step, elapsed_s=elapsed_s)
                )
        return found


def roll_out(
    hosts: Sequence[Host],
    job: Task,
    rollout: RollOut,
    *,
    observe: Observer,
    tick: Callable[[], str] = lambda: "",
    sleep: Callable[[float], None] = time.sleep,
) -> list[Outcome]:
    """Bring all hosts to what they should have, in waves.

    Args:
        hosts: all of them, in order; the first are the canary.
        job: what is done to each.
        rollout: waves, limits and deadlines.
        observe: told of everything.
        tick: called now and then; a sentence, such as a lease that was lost, lets no further host begin.
        sleep: waits through a soak.
    """
    end = time.monotonic() + rollout.run_deadline_s

    def late() -> str:
        return tick() or ("the time for the whole run is over" if time.monotonic() > end else "")

    pool = Pool(parallel=rollout.parallel, host_deadline_s=job.host_deadline_s, observe=observe, tick=late)
    by_name = {host.name: host for host in hosts}
    outcomes: dict[str, Outcome] = {}
    why = ""
    waves = split([host.name for host in hosts], rollout.waves)
    for number, names in enumerate(waves, 1):
        members = [by_name[name] for name in names]
        if why:
            outcomes |= {name: Outcome(host=name, state="skipped", sentence=why) for name in names}
            for name in names:
                observe(Event(host=name, step="done", detail=why, outcome=outcomes[name], wave=number))
            continue
        observe(Event(host="", step="wave", detail=f"wave {number} of {len(waves)}, hosts: {len(names)}", wave=number))
        soak_s = rollout.waves[min(number, len(rollout.waves)) - 1].soak_s
        found, why = _wave(pool, members, job, rollout, outcomes, number=number, soak_s=soak_s, sleep=sleep)
        outcomes |= found
        if why:
            observe(Event(host="", step="stop", detail=why, wave=number))
    return [outcomes[host.name] for host in hosts]


def _wave(
    pool: Pool,
    hosts: Sequence[Host],
    job: Task,
    rollout: RollOut,
    before: Mapping[str, Outcome],
    *,
    number: int,
    soak_s: float,
    sleep: Callable[[float], None],
) -> tuple[dict[str, Outcome], str]:
    """One wave; gives its outcomes, and why no further one may begin."""

    def stop(outcomes: Sequence[Outcome]) -> str:
        return exceeded(rollout.stop, [one.state for one in (*before.values(), *outcomes)])

    found = {one.host: one for one in pool.visit(hosts, job.deploy, wave=number, stop=stop)}
    changed = [host for host in hosts if found[host.name].state == "changed"]
    if soak_s and changed and not stop(list(found.values())):
        sleep(soak_s)

        def again(host: Host, progress: Progress, say: Say) -> Outcome:
            return job.soaked(found[host.name], host, progress, say)

        found |= {one.host: one for one in pool.unhindered().visit(changed, again, wave=number, stop=lambda _: "")}
        changed = [host for host in hosts if found[host.name].state == "changed"]
    skipped = next((one.sentence for one in found.values() if one.state == "skipped"), "")
    why = stop(list(found.values()))
    if why and changed:

        def back(host: Host, progress: Progress, say: Say) -> Outcome:
            return job.put_back(found[host.name], host, progress, say, f"its wave was stopped: {why}")

        found |= {one.host: one for one in pool.unhindered().visit(changed, back, wave=number, stop=lambda _: "")}
    return found, why or skipped
