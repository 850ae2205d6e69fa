"""Hosts that go back to the configurations that they had before: only to versions that somebody has approved.

What lies on the host says which version that is, and nothing more: its files are taken from the ledger again, so the
version has its name from the texts that were approved, and from the places, owner, mode and secrets of today.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from zonewright.fleet.configs.choice import Tell, twice, wanted_one
from zonewright.fleet.configs.desired import ApprovedFiles, Placed, Wanted
from zonewright.fleet.configs.facts import ConfigFacts, ConfigPlan
from zonewright.fleet.configs.fill import Filler
from zonewright.fleet.configs.visit import ConfigJob
from zonewright.fleet.inventory import Host
from zonewright.fleet.rollout.outcome import Outcome, Progress, Say
from zonewright.fleet.ssh.transport import Session
from zonewright.model.configuration import Configuration
from zonewright.render.formats.format_set import FormatSet

FoundConfigurations = Mapping[str, Mapping[str, ConfigFacts]]
"""By host and configuration what was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A version that a host goes back to.

    Attributes:
        wanted: the version.
        plans: the plan that approves each of its files, by path.
    """

    wanted: Wanted
    plans: Mapping[str, str]


Goals = Mapping[str, Mapping[str, Goal]]
"""By host and configuration the version to go back to; one that is not there cannot be gone back to."""


def goals_of(
    hosts: Sequence[Host],
    seen: FoundConfigurations,
    steps: Iterable[ApprovedFiles],
    *,
    configurations: Mapping[str, Configuration],
    formats: FormatSet,
    fill: Filler,
    tell: Tell,
) -> Goals:
    """Find the versions that hosts had before among the approved steps of their stacks.

    Args:
        hosts: the hosts.
        seen: what was found on them.
        steps: what the ledger offers of each step, the newest first; no more are taken than are needed.
        configurations: of the fleet's file.
        formats: the zone's formats.
        fill: puts the values of secrets into files.
        tell: makes sentences of what is wrong with the fleet's file.
    """
    known = {host.name: host for host in hosts}
    goals: dict[str, dict[str, Goal]] = {name: {} for name in seen}
    open_ = [(host, name) for host, found in seen.items() for name, facts in found.items() if not _nowhere(facts)]
    remaining = iter(steps)
    while open_ and (offer := next(remaining, None)) is not None:
        for host, name in list(open_):
            wanted, against = wanted_one(
                known[host], name, configurations[name], formats, offer, needs_approval=True, fill=fill, tell=tell
            )
            if wanted is not None and not against and wanted.id == seen[host][name].previous:
                plans = {one.source: offer.plans[one.source] for one in wanted.files}
                goals[host][name] = Goal(wanted=wanted, plans=plans)
                open_.remove((host, name))
    return goals


def _nowhere(facts: ConfigFacts) -> str:
    """Why there is no version to go back to, as far as the host says; empty where there is one."""
    if not facts.previous:
        return f"it has no version before {facts.current}" if facts.current else "it was never installed there"
    if facts.previous == facts.current:
        return f"the version before {facts.current} has the same content: the last run only repaired drift"
    return ""


def against(found: Mapping[str, ConfigFacts], goals: Mapping[str, Goal], tell: Tell) -> tuple[str, ...]:
    """What stands against going back, in sentences.

    Args:
        found: what was found of each configuration of a host.
        goals: the versions that it can go back to.
        tell: makes sentences of what is wrong with the fleet's file.
    """
    told = []
    for name, facts in found.items():
        why = _nowhere(facts)
        if not why and name not in goals:
            why = (
                f"the previous version {facts.previous} is in no approved change that was carried out, or its "
                "places, owner, mode or secrets have changed since"
            )
        told += [f"configuration {name}: {why}"] if why else []
    return (*told, *twice([goal.wanted for goal in goals.values()], tell))


@dataclass(frozen=True, slots=True, kw_only=True)
class BackJob(ConfigJob):
    """Goes back instead of to what is deployed.

    Attributes:
        seen: what was found on the hosts.
        goals: the versions to go back to.
        unseen: how it ended for hosts that could not be looked at.
    """

    seen: FoundConfigurations
    goals: Goals
    unseen: Mapping[str, Outcome]

    def wanted(self, host: Host, *, needs_approval: bool = True) -> tuple[tuple[Wanted, ...], tuple[str, ...]]:
        """What a host goes back to, and what stands against it; an approval is needed in any case."""
        del needs_approval
        goals = self.goals.get(host.name, {})
        return tuple(goal.wanted for goal in goals.values()), against(self.seen.get(host.name, {}), goals, self.tell)

    def plan_of(self, host: Host, wanted: Wanted, file: Placed) -> str:
        """The plan that approved a file."""
        return self.goals[host.name][wanted.name].plans[file.source]

    def look(self, host: Host, session: Session, *, is_close: bool = False) -> tuple[ConfigPlan, ...]:
        """What would be done on a host; the one reason is that it goes back."""
        plans = ConfigJob.look(self, host, session, is_close=is_close)
        return tuple(replace(plan, reasons=(_reason(plan),)) if plan.reasons else plan for plan in plans)

    def deploy(self, host: Host, progress: Progress, say: Say) -> Outcome:
        """Let one host go back."""
        return self.unseen.get(host.name) or ConfigJob.deploy(self, host, progress, say)


def back_job(job: ConfigJob, *, seen: FoundConfigurations, goals: Goals, unseen: Mapping[str, Outcome]) -> BackJob:
    """The job of going back, which reaches the same hosts in the same way.

    Args:
        job: what would be done without it.
        seen: what was found on the hosts.
        goals: the versions to go back to.
        unseen: how it ended for hosts that could not be looked at.
    """
    return BackJob(
        transport=job.transport,
        configurations=job.configurations,
        formats=job.formats,
        offer=job.offer,
        host_deadline_s=job.host_deadline_s,
        fill=job.fill,
        tell=job.tell,
        holder=job.holder,
        seen=seen,
        goals=goals,
        unseen=unseen,
    )


def _reason(plan: ConfigPlan) -> str:
    return f"back from {plan.facts.current or 'nothing'} to the previous approved version"
