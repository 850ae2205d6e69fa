"""One host from connect to outcome: every way in which it can end has its own state."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from zonewright.fleet.apply import Installer, Progress
from zonewright.fleet.facts import measure, observe, read_texts
from zonewright.fleet.inventory import Host
from zonewright.fleet.plan import Plan, Recipe, hindered, plan_host, with_differences
from zonewright.fleet.service import Service, ServiceError
from zonewright.fleet.transport import (
    AlgorithmError,
    DroppedError,
    FleetError,
    HostKeyError,
    LoginError,
    LostError,
    Session,
    Transport,
    UnreachableError,
)
from zonewright.fleet.waves import State
from zonewright.render.errors import RenderError

Say = Callable[[str, str], None]
_ANSWERS = (HostKeyError, LoginError, AlgorithmError, DroppedError)


class Undo(Protocol):
    """What can put a host back that was changed."""

    progress: Progress

    def use(self, session: Session) -> None:
        """Go on in another session with the same host."""
        ...

    def let_go(self) -> None:
        """The session is closed; nothing of it is kept."""
        ...

    def verify_again(self, session: Session) -> None:
        """After the soak: it is still as it was found good."""
        ...

    def roll_back(self) -> str:
        """Put back what was there before; gives what that is."""
        ...


class Reach(Protocol):
    """How hosts are reached, and for how long."""

    @property
    def transport(self) -> Transport:
        """How hosts are reached."""
        ...

    @property
    def host_deadline_s(self) -> float:
        """For one host, all steps together."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is done to every host.

    Attributes:
        transport: how hosts are reached.
        recipe: what they should have.
        service: what their agents report to.
        host_deadline_s: for one host, all steps together.
        health_s: for an agent to report.
        clock: seconds since 1970.
    """

    transport: Transport
    recipe: Recipe
    service: Service
    host_deadline_s: float
    health_s: float
    clock: Callable[[], float] = time.time

    def deploy(self, host: Host, progress: Progress, say: Say) -> "Outcome":
        """Bring one host to what it should have."""
        return deploy(host, self, progress, say)

    def soaked(self, outcome: "Outcome", host: Host, progress: Progress, say: Say) -> "Outcome":
        """Look again at a host that was changed, at the end of the soak."""
        return soaked(outcome, host, self, progress, say)

    def put_back(self, outcome: "Outcome", host: Host, progress: Progress, say: Say, why: str) -> "Outcome":
        """Put back a host that was changed, because its wave is."""
        return put_back(outcome, host, self, progress, say, why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How it ended for one host.

    Attributes:
        host: its name.
        state: in one word.
        sentence: why, where it is not as wanted.
        before: the release that ran before.
        after: the release that is meant to run now.
        step: the last step.
        elapsed_s: how long it took.
        installer: what can put it back, where it was changed.
        is_absent: whether nothing that speaks SSH answers there.
    """

    host: str
    state: State
    sentence: str = ""
    before: str = ""
    after: str = ""
    step: str = ""
    elapsed_s: float = 0.0
    installer: Undo | None = field(default=None, repr=False, compare=False)
    is_absent: bool = False


@dataclass(slots=True)
class Visit:
    """What is known while it lasts."""

    before: str = ""
    after: str = ""
    installer: Undo | None = None


def look(host: Host, job: Job, session: Session, *, is_strict: bool = False) -> Plan:
    """The plan of a host, which changes nothing.

    Args:
        host: the host.
        job: what is wanted.
        session: with the host.
        is_strict: whether its clock is judged although nothing is to be done.

    Raises:
        LostError: when the connection broke.
        FleetError: when it can not be looked at.
        RenderError: when a value must not get into its files.
    """
    plan, layout = _found(host, job, session), job.recipe.layout
    if not (plan.steps or plan.obstacles or is_strict):
        return plan
    return hindered(plan, measure(session, layout), prefix=layout.prefix, now_s=job.clock())


def _found(host: Host, job: Job, session: Session) -> Plan:
    """The plan by what is on a host, whether its clock and disk let it be carried out or not."""
    facts = observe(session, job.recipe.layout, token_sha256=job.service.token_sha256(host.name))
    is_enrolled = job.service.knows(host.name, token_sha256=facts.token_sha256, public_key=facts.public_key)
    return plan_host(host.name, job.recipe, facts, is_enrolled=is_enrolled)


def look_closely(host: Host, job: Job, session: Session) -> Plan:
    """The plan of a host with what changes in its files; see ``look``."""
    plan = look(host, job, session)
    if plan.release is None or not plan.steps:
        return plan
    return with_differences(plan, read_texts(session, job.recipe.layout, plan.release.texts))


def look_only(host: Host, job: Reach, progress: Progress, see: Callable[[Session], None]) -> Outcome:
    """Do something with one host that changes nothing."""

    def work(session: Session, _visit: Visit) -> tuple[State, str]:
        progress.step = "look"
        see(session)
        return "unchanged", ""

    return visited(host, job, progress, work)


def deploy(host: Host, job: Job, progress: Progress, say: Say) -> Outcome:
    """Bring one host to what it should have."""

    def work(session: Session, visit: Visit) -> tuple[State, str]:
        progress.step = "look"
        plan = look(host, job, session)
        visit.before = plan.facts.current
        if plan.obstacles:
            return "failed", "; ".join(plan.obstacles)
        visit.after = plan.release.id if plan.release is not None else ""
        if not plan.steps:
            return "unchanged", ""
        visit.installer = Installer(
            session, job.recipe.layout, plan, job.service, health_s=job.health_s, say=say, progress=progress
        )
        visit.installer.carry_out()
        return "changed", ""

    return visited(host, job, progress, work)


def go_back(host: Host, job: Job, progress: Progress, say: Say) -> Outcome:
    """Let the release before the current one run again on one host."""

    def work(session: Session, visit: Visit) -> tuple[State, str]:
        installer = _installer(host, job, session, progress, say, visit)
        visit.after = installer.go_back()
        return "changed", ""  # it was asked for, so nothing went wrong

    return visited(host, job, progress, work)


def uninstall(host: Host, job: Job, progress: Progress, say: Say) -> Outcome:
    """Take everything of the agent off one host, and its token out of the service."""

    def work(session: Session, visit: Visit) -> tuple[State, str]:
        installer = _installer(host, job, session, progress, say, visit)
        is_there = bool(visit.before)
        installer.remove()
        job.service.forget(host.name)
        visit.after = ""
        return ("changed", "") if is_there else ("unchanged", "")

    return visited(host, job, progress, work)


def _installer(  # noqa: PLR0917 - what a visit has
    host: Host, job: Job, session: Session, progress: Progress, say: Say, visit: Visit
) -> Installer:
    """What changes a host, whatever stands in the way of a new release there."""
    progress.step = "look"
    plan = _found(host, job, session)
    visit.before = plan.facts.current
    return Installer(session, job.recipe.layout, plan, job.service, health_s=job.health_s, say=say, progress=progress)


def put_back(outcome: Outcome, host: Host, job: Reach, progress: Progress, say: Say, why: str) -> Outcome:  # noqa: PLR0917
    """Put back a host that was changed, because its wave is."""
    installer = outcome.installer
    if installer is None:
        return outcome
    installer.progress = progress
    progress.is_changing = True

    def work(session: Session, _visit: Visit) -> tuple[State, str]:
        say("roll-back", why)
        installer.use(session)
        previous = installer.roll_back()
        return "rolled-back", f"{why}; {previous or 'nothing'} runs again"

    done = visited(host, job, progress, work)
    return _with(done, before=outcome.before, after=outcome.after)


def soaked(outcome: Outcome, host: Host, job: Reach, progress: Progress, say: Say) -> Outcome:
    """Look once more at a host that was changed, at the end of the soak."""
    installer = outcome.installer
    if installer is None:
        return outcome
    installer.progress = progress
    progress.is_changing = True

    def work(session: Session, visit: Visit) -> tuple[State, str]:
        say("soak", "it must still be healthy")
        visit.installer, progress.is_switched = installer, True
        installer.verify_again(session)
        return "changed", ""

    done = visited(host, job, progress, work)
    return _with(done, before=outcome.before, after=outcome.after)


def _with(outcome: Outcome, *, before: str, after: str) -> Outcome:
    return Outcome(
        host=outcome.host,
        state=outcome.state,
        sentence=outcome.sentence,
        before=before,
        after=after,
        step=outcome.step,
        elapsed_s=outcome.elapsed_s,
        installer=outcome.installer,
    )


def visited(host: Host, job: Reach, progress: Progress, work: Callable[[Session, Visit], tuple[State, str]]) -> Outcome:
    """Connect, work, and say how it ended."""
    began, visit = time.monotonic(), Visit()
    state: State
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
    except (FleetError, ServiceError, RenderError) as error:
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
    )


def _failed(installer: Undo | None, progress: Progress, sentence: str) -> tuple[State, str]:
    """A step failed; where another release runs already, the one before is put back."""
    step = progress.step
    if installer is None or not progress.is_switched:
        return "failed", sentence
    try:
        previous = installer.roll_back()
    except LostError as error:
        return "unknown", f"{sentence}; and while it was put back: {error}"
    except (FleetError, ServiceError) as error:
        return "failed", f"{sentence}; and it could not be put back: {error}"
    progress.step = step
    return "rolled-back", f"{sentence}; {previous or 'nothing'} runs again"
