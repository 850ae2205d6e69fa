"""What commands that log in share: the job, the lease, the record and the exit code."""

import argparse
import getpass
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from zonewright.cli.fleet.hosts import Fleet, ledger_of, ledger_url_of, read_fleet, transport_of
from zonewright.cli.output import MISUSE, REFUSED, StoppedError

if TYPE_CHECKING:
    from zonewright.fleet.agents.enrolments import Enrolments
    from zonewright.fleet.agents.visit import AgentJob
    from zonewright.fleet.inventory import Host
    from zonewright.fleet.rollout.outcome import Outcome
    from zonewright.fleet.rollout.pool import Observer
    from zonewright.fleet.rollout.record import Share
    from zonewright.model.fleet import RollOut


JobT = TypeVar("JobT")


@dataclass(frozen=True, kw_only=True)
class Work(Generic[JobT]):
    """A command at work; what is done to each host is its job."""

    fleet: Fleet
    job: JobT
    rollout: "RollOut"
    sudo_password: str | None


@contextmanager
def working(arguments: argparse.Namespace, *, needs_ledger: bool = True) -> "Iterator[Work[AgentJob]]":
    """The job for the hosts that are meant; closes its connections.

    Args:
        arguments: of the command line.
        needs_ledger: whether nothing goes on without the ledger, which knows the keys that are enrolled.

    Raises:
        FleetFileError: when the file is faulty.
        StoppedError: when it does not say where agents report.
        ArtefactError: when there is nothing to roll out.
        LedgerError: when the ledger is needed and does not answer.
    """
    from zonewright.fleet.agents.recipe import recipe_of, whoami
    from zonewright.fleet.agents.visit import AgentJob
    from zonewright.server.agent_book import agent_book
    from zonewright.server.fleet_routes import ServiceForFleet

    fleet = read_fleet(arguments)
    if fleet.file.agent is None:
        sentence = f"{arguments.fleet}: agent is missing; declare where agents report: agent: {{url: ...}}"
        raise StoppedError(sentence, code=MISUSE)
    password, rollout = sudo_password(arguments), rollout_of(arguments, fleet)
    recipe = recipe_of(fleet.file.agent, fleet.folder)
    enrolments = _enrolments(arguments, fleet, needs_ledger=needs_ledger)
    transport = transport_of(fleet, sudo_password=password)
    book = agent_book(ledger_url_of(arguments, fleet.root), fleet.root, fleet.root / arguments.agents)
    service = ServiceForFleet(book, fleet.file.agent.url, enrolments=enrolments)
    job = AgentJob(
        transport=transport,
        recipe=recipe,
        service=service,
        host_deadline_s=rollout.host_deadline_s,
        health_s=rollout.health_s,
        holder=(fleet.file.party, whoami()),
    )
    try:
        yield Work(fleet=fleet, job=job, rollout=rollout, sudo_password=password)
    finally:
        service.close()
        transport.close()


def _enrolments(arguments: argparse.Namespace, fleet: Fleet, *, needs_ledger: bool) -> "Enrolments | None":
    from zonewright.fleet.agents.enrolments import Enrolments
    from zonewright.fleet.agents.recipe import whoami
    from zonewright.ledger import LedgerUnavailableError

    try:
        return Enrolments(lambda: ledger_of(arguments, fleet.root), party=fleet.file.party, who=whoami())
    except LedgerUnavailableError:
        if needs_ledger:
            raise
        return None


def sudo_password(arguments: argparse.Namespace) -> str | None:
    """What the person types, where it is asked for."""
    return getpass.getpass("password for sudo: ") if arguments.ask_sudo_password else None


def rollout_of(arguments: argparse.Namespace, fleet: Fleet) -> "RollOut":
    """How a change reaches the hosts."""
    rollout = fleet.file.rollout
    if arguments.parallel is None:
        return rollout
    return rollout.model_copy(update={"parallel": max(1, arguments.parallel)})


Action = Callable[[Work[JobT], "Sequence[Host]", "Observer", Callable[[], str]], "list[Outcome]"]


def carry_out(arguments: argparse.Namespace, *, what: str, action: "Action[AgentJob]") -> int:
    """Do something to agents that changes hosts; see ``recorded``."""
    return recorded(arguments, working(arguments), what=lambda _job: what, action=action)


def recorded(
    arguments: argparse.Namespace,
    opened: AbstractContextManager[Work[JobT]],
    *,
    what: Callable[[JobT], str],
    action: Action[JobT],
    shares: "Callable[[Work[JobT]], Sequence[Share]]" = lambda _work: (),
) -> int:
    """Do something that changes hosts: under the lease, shown, recorded, and told by the exit code.

    Args:
        arguments: of the command line.
        opened: gives the work.
        what: the command, for the record.
        action: what is done.
        shares: what of it belongs to which change, for the changes' evidence.
    """
    from zonewright.fleet.rollout.run import touching_refused

    with opened as work:
        with ledger_of(arguments, work.fleet.root) as ledger:
            reason = touching_refused(ledger, work.rollout)
        if reason:
            raise StoppedError(reason, code=REFUSED)
        return _recorded(arguments, work, what=what(work.job), action=action, shares=shares(work))


def _recorded(
    arguments: argparse.Namespace, work: Work[JobT], *, what: str, action: Action[JobT], shares: "Sequence[Share]"
) -> int:
    from zonewright.cli.fleet.display import Display, summary
    from zonewright.fleet.agents.recipe import whoami
    from zonewright.fleet.rollout.lease import FleetLease
    from zonewright.fleet.rollout.run import new_run, running
    from zonewright.fleet.rollout.waves import exit_code

    party, run, who = work.fleet.file.party, new_run(), whoami()
    with (
        ledger_of(arguments, work.fleet.root) as ledger,
        running(
            ledger,
            run=run,
            root=work.fleet.root,
            party=party,
            rollout=work.rollout,
            what=what,
            who=who,
            lease=FleetLease(ledger, fleet=party, holder=run, who=who),
            sudo_password=work.sudo_password,
        ) as at_work,
    ):
        with Display([host.name for host in work.fleet.chosen], style=arguments.format, log=at_work.log) as display:
            outcomes = action(work, work.fleet.chosen, display.observe, at_work.tick)
        at_work.end(outcomes, shares)
    if arguments.format == "text":
        print(summary(outcomes, where=at_work.where))
    sources = {one.host: one.sources for one in outcomes if one.sources is not None}
    is_dark = tell_power(arguments, work.fleet, sources)
    return exit_code(one.state for one in outcomes) or is_dark


def tell_power(arguments: argparse.Namespace, fleet: Fleet, sources: "Mapping[str, Sequence[str]]") -> int:
    """Say how many hosts tell their power, by source; gives 1 where none does although one should.

    Args:
        arguments: of the command line.
        fleet: the hosts that are meant.
        sources: by host what its agent reads.
    """
    from zonewright.fleet.agents.power import power_told

    if fleet.file.agent is None:
        return 0
    told = power_told(fleet.chosen, sources, usual=fleet.file.agent.power)
    if told is None:
        return 0
    print(told.sentence, file=sys.stdout if arguments.format == "text" and not told.is_dark else sys.stderr)
    return REFUSED if told.is_dark else 0


def look_at(
    arguments: argparse.Namespace, show: "Callable[[Work[AgentJob]], int]", *, needs_ledger: bool = False
) -> int:
    """Do something that changes nothing.

    Args:
        arguments: of the command line.
        show: what is done.
        needs_ledger: whether it is worth nothing without the ledger.
    """
    with working(arguments, needs_ledger=needs_ledger) as work:
        return show(work)


def limited(work: Work[JobT], waves: int | None) -> Work[JobT]:
    """The work with its first waves only."""
    if waves is None:
        return work
    return replace(work, rollout=work.rollout.model_copy(update={"waves": work.rollout.waves[: max(1, waves)]}))
