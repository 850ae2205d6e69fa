"""A look at many hosts at once, which changes nothing on them and tells nobody."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from zonewright.fleet.inventory import Host
from zonewright.fleet.rollout.outcome import HostAccess, Outcome, Progress, Say
from zonewright.fleet.rollout.pool import Pool
from zonewright.fleet.rollout.visit import inspect_host
from zonewright.fleet.ssh.transport import Session

FoundT = TypeVar("FoundT")


def inspect_all(
    hosts: Sequence[Host], job: HostAccess, see: Callable[[Host, Session], FoundT], *, parallel: int
) -> tuple[dict[str, FoundT], list[Outcome]]:
    """What is on some hosts, by name, and how the look ended for each of them.

    Args:
        hosts: the hosts.
        job: how they are reached, and for how long.
        see: looks at one.
        parallel: how many at the same time.
    """
    found: dict[str, FoundT] = {}

    def visit(host: Host, progress: Progress, _say: Say) -> Outcome:
        def keep(session: Session) -> None:
            found[host.name] = see(host, session)

        return inspect_host(host, job, progress, keep)

    pool = Pool(parallel=parallel, host_deadline_s=job.host_deadline_s, observe=lambda _event: None)
    return found, pool.visit(hosts, visit, wave=0, stop=lambda _outcomes: "")
