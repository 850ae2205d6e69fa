"""Rendered configurations on hosts: what would change, the roll-out, and how hosts drifted from the ledger's files."""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from zonewright.cli.fleet.hosts import ledger_of, read_fleet, transport_of
from zonewright.cli.fleet.work import Work, recorded, rollout_of, sudo_password

if TYPE_CHECKING:
    from zonewright.cli.fleet.hosts import Fleet
    from zonewright.cli.fleet.work import Action
    from zonewright.fleet.configs.desired import ApprovedFiles
    from zonewright.fleet.configs.facts import ConfigPlan
    from zonewright.fleet.configs.rollback import BackJob
    from zonewright.fleet.configs.visit import ConfigJob
    from zonewright.fleet.inventory import Host
    from zonewright.fleet.rollout.outcome import Outcome
    from zonewright.fleet.rollout.record import Share
    from zonewright.fleet.ssh.transport import Session
    from zonewright.render.formats.format_set import FormatSet

ConfigJobT = TypeVar("ConfigJobT", bound="ConfigJob")
NOT_RESOLVED = "not resolved"
"""State of a host with files that were not compared, because the values of their secrets cannot be had here."""


def deploy(arguments: argparse.Namespace, action: "Action[ConfigJob]") -> int:
    """Bring approved configurations to the hosts; nothing is begun while one of them lacks its approval."""
    from zonewright.cli.output import REFUSED, StoppedError

    @contextmanager
    def approved() -> "Iterator[Work[ConfigJob]]":
        with opened(arguments) as work:
            against = [text for host in work.fleet.chosen for text in work.job.wanted(host)[1]]
            if against:
                raise StoppedError(*dict.fromkeys(against), code=REFUSED)
            yield work

    def what(job: "ConfigJob") -> str:
        return _what("deploy --configs", job.offer.plans.values())

    return recorded(arguments, approved(), what=what, action=action, shares=_shares)


def go_back(arguments: argparse.Namespace, action: "Action[BackJob]") -> int:
    """Let hosts go back to the versions that they had before; one that cannot is failed, and the others go on."""

    def what(job: "BackJob") -> str:
        goals = [goal for found in job.goals.values() for goal in found.values()]
        return _what("rollback --configs", (plan for goal in goals for plan in goal.plans.values()))

    return recorded(arguments, going_back(arguments), what=what, action=action, shares=_shares)


@contextmanager
def going_back(arguments: argparse.Namespace) -> "Iterator[Work[BackJob]]":
    """The job of going back, which rests on a first look at the hosts; closes its connections.

    Raises:
        StoppedError: when no configuration is for any of the hosts.
    """
    from zonewright.fleet.configs.offer import earlier_offers
    from zonewright.fleet.configs.rollback import back_job, goals_of
    from zonewright.fleet.configs.visit import host_seconds

    with opened(arguments, only=arguments.configuration) as work:
        job, hosts = work.job, work.fleet.chosen
        plans, outcomes = _look(work, is_close=False)
        seen = {host: {plan.wanted.name: plan.facts for plan in found} for host, found in plans.items()}
        with ledger_of(arguments, work.fleet.root) as ledger:
            goals = goals_of(
                hosts,
                seen,
                earlier_offers(ledger, (host.site for host in hosts)),
                configurations=job.configurations,
                formats=job.formats,
                fill=job.fill,
                tell=job.tell,
            )
        unseen = {one.host: one for one in outcomes if one.host not in plans}
        back = back_job(job, seen=seen, goals=goals, unseen=unseen)
        longest = max(host_seconds(back.wanted(host)[0], work.rollout.host_deadline_s) for host in hosts)
        yield Work(
            fleet=work.fleet,
            job=replace(back, host_deadline_s=longest),
            rollout=work.rollout,
            sudo_password=work.sudo_password,
        )


def _shares(work: "Work[ConfigJobT]") -> "Sequence[Share]":
    return work.job.shares(work.fleet.chosen)


def _what(command: str, approving: "Iterable[str]") -> str:
    plans = sorted({plan[7:19] for plan in approving})
    return f"{command}, approved by {'plan' if len(plans) == 1 else 'plans'} {', '.join(plans) or 'none'}"


def show_plans(arguments: argparse.Namespace, work: "AbstractContextManager[Work[ConfigJobT]]") -> int:
    """What would change on each host, with the differences of files.

    Args:
        arguments: of the command line.
        work: what is to be done.
    """
    from zonewright.cli.output import print_json
    from zonewright.fleet.configs.facts import config_plan_data, config_plan_text
    from zonewright.fleet.rollout.waves import exit_code

    with work as at_work:
        plans, outcomes = _look(at_work, is_close=True)
        against = {host.name: at_work.job.wanted(host)[1] for host in at_work.fleet.chosen}
    unseen = {one.host: one.sentence for one in outcomes if one.host not in plans}
    if arguments.format == "json":
        documents = [config_plan_data(name, found, against[name]) for name, found in plans.items()]
        print_json({"plans": documents, "not_seen": unseen})
    else:
        for one in outcomes:
            if one.host in plans:
                print(config_plan_text(one.host, plans[one.host], against[one.host]))
            else:
                print(f"{one.host}: could not inspect it: {one.sentence}")
    return 1 if any(against.values()) else exit_code(one.state for one in outcomes)


def drift(arguments: argparse.Namespace) -> dict[str, dict[str, str]]:
    """How each host that has configurations differs from the ledger's files, as a row by host.

    Raises:
        FleetFileError: when the fleet's file is faulty.
    """
    from zonewright.fleet.configs.facts import drift_of

    with opened(arguments) as work:
        plans, outcomes = _look(work, is_close=False)
        faults = {host.name: work.job.wanted(host, needs_approval=False)[1] for host in work.fleet.chosen}
    rows = {}
    for one in outcomes:
        wanted = [plan.wanted for plan in plans.get(one.host, ())]
        unresolved = dict.fromkeys(why for each in wanted for why in each.unresolved)
        found = [text for text in faults[one.host] if text not in unresolved]
        found += [text for plan in plans.get(one.host, ()) for text in drift_of(plan.wanted, plan.facts)]
        looked = "differs" if found else NOT_RESOLVED if unresolved else "as deployed"
        state = looked if one.state == "unchanged" else one.state
        reason = "; ".join((*filter(None, (one.sentence,)), *unresolved))
        rows[one.host] = {"host": one.host, "state": state, "reason": reason, "drift": "; ".join(found)}
    return rows


def versions(arguments: argparse.Namespace) -> dict[str, dict[str, str]]:
    """Which version of each configuration is in force on each host that has one, as a row by host.

    Raises:
        FleetFileError: when the fleet's file is faulty.
    """
    with opened(arguments, resolves=False) as work:
        plans, outcomes = _look(work, is_close=False)
        against = {host.name: work.job.wanted(host, needs_approval=False) for host in work.fleet.chosen}
    rows = {}
    for one in outcomes:
        told = [_version(plan) for plan in plans.get(one.host, ())]
        wanted, faults = against[one.host]
        unresolved = {why for each in wanted for why in each.unresolved}
        reasons = [text for text in (one.sentence, *faults) if text and text not in unresolved]
        looked = "unknown" if reasons else "in force" if any(version for _, version in told) else "none"
        lines = "; ".join(f"{name}: {version or 'no version'}" for name, version in told)
        rows[one.host] = {
            "host": one.host,
            "state": looked if one.state == "unchanged" else one.state,
            "reason": "; ".join(reasons),
            "configurations": lines,
        }
    return rows


def _version(plan: "ConfigPlan") -> tuple[str, str]:
    """The configuration's name, and which version is in force; empty where none is."""
    facts = plan.facts
    before = f", before it {facts.previous}" if facts.previous else ""
    return plan.wanted.name, f"{facts.current}{before}" if facts.current else ""


def _look(work: "Work[ConfigJobT]", *, is_close: bool) -> "tuple[Mapping[str, tuple[ConfigPlan, ...]], list[Outcome]]":
    from zonewright.fleet.rollout.inspect import inspect_all

    def see(host: "Host", session: "Session") -> "tuple[ConfigPlan, ...]":
        return work.job.look(host, session, is_close=is_close)

    return inspect_all(work.fleet.chosen, work.job, see, parallel=work.rollout.parallel)


def meant(fleet: "Fleet") -> "tuple[Host, ...]":
    """The chosen hosts that some configuration is for."""
    from zonewright.fleet.configs.choice import is_meant

    configurations = fleet.file.configurations.values()
    return tuple(host for host in fleet.chosen if any(is_meant(host, one) for one in configurations))


@contextmanager
def opened(
    arguments: argparse.Namespace, only: "Sequence[str]" = (), *, resolves: bool = True
) -> "Iterator[Work[ConfigJob]]":
    """The job for the hosts that some configuration is for; closes its connections.

    Args:
        arguments: of the command line.
        only: configurations that are meant; all where it is empty.
        resolves: whether values of secrets are asked for.

    Raises:
        FleetFileError: when the file is faulty.
        StoppedError: when no configuration is for any of the hosts.
    """
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.fleet.agents.recipe import whoami
    from zonewright.fleet.configs.fill import Filler
    from zonewright.fleet.configs.visit import ConfigJob, host_seconds
    from zonewright.fleet.secrets.fingerprints import key_file_here, read_keys
    from zonewright.fleet.secrets.sources import sources_here

    fleet, where = read_fleet(arguments), arguments.fleet
    configurations = fleet.file.configurations
    unknown = [
        f"there is no configuration {name!r}; there are {', '.join(configurations)}"
        for name in only
        if name not in configurations
    ]
    if unknown and configurations:
        raise StoppedError(*(f"{where}: {sentence}" for sentence in unknown), code=MISUSE)
    if only:
        configurations = {name: one for name, one in configurations.items() if name in only}
        fleet = replace(fleet, file=fleet.file.model_copy(update={"configurations": configurations}))
    if not configurations:
        raise StoppedError(f"{where}: configurations is missing; declare which files go to which hosts", code=MISUSE)
    hosts = meant(fleet)
    if not hosts:
        sentence = f"{where}: no configuration is for any of these hosts; see its hosts, sites and labels"
        raise StoppedError(sentence, code=MISUSE)
    fleet = replace(fleet, chosen=hosts)
    formats, offer = _formats(arguments, fleet), _offer(arguments, fleet)
    password, rollout = sudo_password(arguments), rollout_of(arguments, fleet)
    transport = transport_of(fleet, sudo_password=password)
    job = ConfigJob(
        transport=transport,
        configurations=configurations,
        formats=formats,
        offer=offer,
        host_deadline_s=rollout.host_deadline_s,
        fill=Filler(sources_here(), lambda: read_keys(key_file_here())) if resolves else Filler(),
        tell=fleet.document.told,
        holder=(fleet.file.party, whoami()),
        fellows=fleet.hosts,
    )
    longest = max(host_seconds(job.wanted(host)[0], rollout.host_deadline_s) for host in hosts)
    try:
        yield Work(fleet=fleet, job=replace(job, host_deadline_s=longest), rollout=rollout, sudo_password=password)
    finally:
        transport.close()


def _formats(arguments: argparse.Namespace, fleet: "Fleet") -> "FormatSet":
    """The zone's formats where its folder is known by the stack, and zonewright's own."""
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.declare.stack_file import read_stack_file
    from zonewright.render.formats.format_set import BUILT_IN
    from zonewright.render.user_formats import load_formats

    if not arguments.stack:
        return BUILT_IN
    stack = read_stack_file(fleet.root, arguments.stack)
    formats, problems = load_formats((fleet.root / stack.declaration).parent)
    if problems:
        raise StoppedError(*map(str, problems), code=MISUSE)
    return formats


def _offer(arguments: argparse.Namespace, fleet: "Fleet") -> "ApprovedFiles":
    """What the ledger offers for the sites of the hosts."""
    from zonewright.fleet.configs.offer import offer_from

    with ledger_of(arguments, fleet.root) as ledger:
        return offer_from(ledger, (host.site for host in fleet.chosen))
