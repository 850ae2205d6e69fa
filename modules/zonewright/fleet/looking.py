"""A look at many hosts at once, which changes nothing on them and tells nobody."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from zonewright.fleet.apply import Progress
from zonewright.fleet.inventory import Host
from zonewright.fleet.rollout import Pool
from zonewright.fleet.transport import Session
from zonewright.fleet.visit import Outcome, Reach, Say, look_only

FoundT = TypeVar("FoundT")


def look_at_all(
    hosts: Sequence[Host], job: Reach, see: Callable[[Host, Session], FoundT], *, parallel: int
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

        return look_only(host, job, progress, keep)

    pool = Pool(parallel=parallel, host_deadline_s=job.host_deadline_s, observe=lambda _event: None)
    return found, pool.visit(hosts, visit, wave=0, stop=lambda _outcomes: "")
