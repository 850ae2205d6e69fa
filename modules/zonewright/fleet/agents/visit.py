"""One host from connect to outcome: every way in which it can end has its own state."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from zonewright.fleet.agents.facts import measure, observe, read_texts
from zonewright.fleet.agents.installer import Installer
from zonewright.fleet.agents.plan import HostPlan, Recipe, hindered, plan_host, with_differences
from zonewright.fleet.agents.service import Service
from zonewright.fleet.inventory import Host
from zonewright.fleet.rollout.outcome import Outcome, Progress, Say
from zonewright.fleet.rollout.visit import Visit, put_back, soaked, visited
from zonewright.fleet.rollout.waves import HostState
from zonewright.fleet.ssh.transport import Session, Transport
from zonewright.fleet.turn import turn_arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentJob:
    """What is done to every host.

    Attributes:
        transport: how hosts are reached.
        recipe: what they should have.
        service: what their agents report to.
        host_deadline_s: for one host, all steps together.
        health_s: for an agent to report.
        clock: seconds since 1970.
        holder: the operator, and the person, for whom a host's turn is taken; empty takes none.
    """

    transport: Transport
    recipe: Recipe
    service: Service
    host_deadline_s: float
    health_s: float
    clock: Callable[[], float] = time.time
    holder: tuple[str, str] = ("", "")

    @property
    def turn(self) -> tuple[str, str, str]:
        """What takes a host's turn."""
        return turn_arguments(*self.holder, self.host_deadline_s)

    def deploy(self, host: Host, progress: Progress, say: Say) -> "Outcome":
        """Bring one host to what it should have."""
        return deploy(host, self, progress, say)

    def soaked(self, outcome: "Outcome", host: Host, progress: Progress, say: Say) -> "Outcome":
        """Look again at a host that was changed, at the end of the soak."""
        return soaked(outcome, host, self, progress, say)

    def put_back(self, outcome: "Outcome", host: Host, progress: Progress, say: Say, why: str) -> "Outcome":
        """Put back a host that was changed, because its wave is."""
        return put_back(outcome, host, self, progress, say, why)


def look(host: Host, job: AgentJob, session: Session, *, is_strict: bool = False) -> HostPlan:
    """The plan of a host, which changes nothing.

    Args:
        host: the host.
        job: what is wanted.
        session: with the host.
        is_strict: whether its clock is judged although nothing is to be done.

    Raises:
        LostError: when the connection broke.
        FleetError: when it cannot be looked at.
        RenderError: when a value must not get into its files.
    """
    plan, layout = _found(host, job, session), job.recipe.layout
    if not (plan.steps or plan.obstacles or is_strict):
        return plan
    return hindered(plan, measure(session, layout), prefix=layout.prefix, now_s=job.clock())


def _found(host: Host, job: AgentJob, session: Session) -> HostPlan:
    """The plan by what is on a host, whether its clock and disk let it be carried out or not."""
    facts = observe(session, job.recipe.layout, token_sha256=job.service.token_sha256(host.name))
    is_enrolled = job.service.knows(host.name, token_sha256=facts.token_sha256, public_key=facts.public_key)
    return plan_host(host.name, job.recipe, facts, is_enrolled=is_enrolled, place=(host.site, host.rack))


def look_closely(host: Host, job: AgentJob, session: Session) -> HostPlan:
    """The plan of a host with what changes in its files; see ``look``."""
    plan = look(host, job, session)
    if plan.release is None or not plan.steps:
        return plan
    return with_differences(plan, read_texts(session, job.recipe.layout, plan.release.texts))


def deploy(host: Host, job: AgentJob, progress: Progress, say: Say) -> Outcome:
    """Bring one host to what it should have."""

    def work(session: Session, visit: Visit) -> tuple[HostState, str]:
        progress.step = "look"
        plan = look(host, job, session)
        visit.before = plan.facts.current
        if plan.obstacles:
            return "failed", "; ".join(plan.obstacles)
        visit.after = plan.release.id if plan.release is not None else ""
        visit.sources = plan.facts.sources
        if not plan.steps:
            return "unchanged", ""
        visit.installer = installer = _made(job, session, plan, progress, say)
        installer.carry_out()
        visit.sources = installer.sources or visit.sources
        return "changed", ""

    return visited(host, job, progress, work)


def go_back(host: Host, job: AgentJob, progress: Progress, say: Say) -> Outcome:
    """Let the release before the current one run again on one host."""

    def work(session: Session, visit: Visit) -> tuple[HostState, str]:
        installer = _installer(host, job, session, progress, say, visit)
        visit.after = installer.go_back()
        return "changed", ""  # it was asked for, so nothing went wrong

    return visited(host, job, progress, work)


def uninstall(host: Host, job: AgentJob, progress: Progress, say: Say) -> Outcome:
    """Take everything of the agent off one host, and its token out of the service."""

    def work(session: Session, visit: Visit) -> tuple[HostState, str]:
        installer = _installer(host, job, session, progress, say, visit)
        is_there = bool(visit.before)
        installer.remove()
        job.service.forget(host.name)
        visit.after = ""
        return ("changed", "") if is_there else ("unchanged", "")

    return visited(host, job, progress, work)


def _installer(  # noqa: PLR0917 - what a visit has
    host: Host, job: AgentJob, session: Session, progress: Progress, say: Say, visit: Visit
) -> Installer:
    """What changes a host, whatever stands in the way of a new release there."""
    progress.step = "look"
    plan = _found(host, job, session)
    visit.before = plan.facts.current
    return _made(job, session, plan, progress, say)


def _made(job: AgentJob, session: Session, plan: HostPlan, progress: Progress, say: Say) -> Installer:
    """What carries out a plan."""
    return Installer(
        session,
        job.recipe.layout,
        plan,
        job.service,
        health_s=job.health_s,
        say=say,
        progress=progress,
        turn=job.turn,
    )
