"""One host from connect to outcome: every way in which it can end has its own state."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from zonewright.fleet.inventory import Host
from zonewright.fleet.rollout.outcome import HostAccess, Outcome, Progress, Say, Undo
from zonewright.fleet.rollout.waves import HostState
from zonewright.fleet.ssh.transport import (
    AlgorithmError,
    DroppedError,
    FleetError,
    HostKeyError,
    LoginError,
    LostError,
    Session,
    UnreachableError,
)
from zonewright.render.errors import RenderError

_ANSWERS = (HostKeyError, LoginError, AlgorithmError, DroppedError)


@dataclass(slots=True)
class Visit:
    """What is known while it lasts."""

    before: str = ""
    after: str = ""
    installer: Undo | None = None
    sources: tuple[str, ...] | None = None


def inspect_host(host: Host, job: HostAccess, progress: Progress, see: Callable[[Session], None]) -> Outcome:
    """Do something with one host that changes nothing."""

    def work(session: Session, _visit: Visit) -> tuple[HostState, str]:
        progress.step = "look"
        see(session)
        return "unchanged", ""

    return visited(host, job, progress, work)


def put_back(outcome: Outcome, host: Host, job: HostAccess, progress: Progress, say: Say, why: str) -> Outcome:  # noqa: PLR0917
    """Put back a host that was changed, because its wave is."""
    installer = outcome.installer
    if installer is None:
        return outcome
    installer.progress = progress
    progress.is_changing = True

    def work(session: Session, _visit: Visit) -> tuple[HostState, str]:
        say("roll-back", why)
        installer.use(session)
        previous = installer.roll_back()
        return "rolled-back", f"{why}; {previous or 'nothing'} runs again"

    done = visited(host, job, progress, work)
    return replace(done, before=outcome.before, after=outcome.after)


def soaked(outcome: Outcome, host: Host, job: HostAccess, progress: Progress, say: Say) -> Outcome:
    """Look once more at a host that was changed, at the end of the soak."""
    installer = outcome.installer
    if installer is None:
        return outcome
    installer.progress = progress
    progress.is_changing = True

    def work(session: Session, visit: Visit) -> tuple[HostState, str]:
        say("soak", "it must still be healthy")
        visit.installer, progress.is_switched = installer, True
        installer.verify_again(session)
        return "changed", ""

    done = visited(host, job, progress, work)
    return replace(done, before=outcome.before, after=outcome.after, sources=outcome.sources)


def visited(
    host: Host, job: HostAccess, progress: Progress, work: Callable[[Session, Visit], tuple[HostState, str]]
) -> Outcome:
    """Connect, work, and say how it ended."""
    began, visit = time.monotonic(), Visit()
    state: HostState
    try:
        session = job.transport.connect(host.target, deadline=began + job.host_deadline_s)
    except UnreachableError as error:
        state = "unknown" if progress.is_changing else "unreachable"  # it was changed before this visit
        elapsed_s = time.monotonic() - began
        is_absent = not isinstance(error, _ANSWERS)
        return Outcome(
            host=host.name,
            state=state,
            sentence=str(error),
            step="connect",
            elapsed_s=elapsed_s,
            is_absent=is_absent,
        )
    try:
        state, sentence = work(session, visit)
    except LostError as error:
        state, sentence = ("unknown" if progress.is_changing else "unreachable"), str(error)
    except (FleetError, RenderError) as error:
        state, sentence = _failed(visit.installer, progress, str(error))
    finally:
        session.close()
        if visit.installer is not None:
            visit.installer.let_go()
    return Outcome(
        host=host.name,
        state=state,
        sentence=sentence,
        before=visit.before,
        after=visit.after,
        step=progress.step,
        elapsed_s=time.monotonic() - began,
        installer=visit.installer if state == "changed" else None,
        sources=visit.sources if state in ("changed", "unchanged") else None,
    )


def _failed(installer: Undo | None, progress: Progress, sentence: str) -> tuple[HostState, str]:
    """A step failed; where another release runs already, the one before is put back."""
    step = progress.step
    if installer is None or not progress.is_switched:
        return "failed", sentence
    try:
        previous = installer.roll_back()
    except LostError as error:
        return "unknown", f"{sentence}; error while the previous version was restored: {error}"
    except FleetError as error:
        return "failed", f"{sentence}; the previous version could not be restored: {error}"
    progress.step = step
    return "rolled-back", f"{sentence}; {previous or 'nothing'} runs again"
