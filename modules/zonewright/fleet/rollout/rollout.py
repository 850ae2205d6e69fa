"""A roll-out over all hosts: wave by wave, many at once, stopped by limits, a wave that fails put back.

Workers talk to this loop by one queue and take no lock; it alone prints, counts and decides. A host whose time is over
is given up from here, even when its thread hangs in something that has no timeout, such as a resolver.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from zonewright.fleet.inventory import Host
from zonewright.fleet.rollout.outcome import Outcome, Progress, Say
from zonewright.fleet.rollout.pool import Event, Observer, Pool
from zonewright.fleet.rollout.waves import exceeded, split
from zonewright.model.fleet import RollOut


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
        return tick() or ("the run has used all its time (run_deadline_s)" if time.monotonic() > end else "")

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
