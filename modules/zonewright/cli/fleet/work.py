"""What commands that log in share: the job, the lease, the record and the exit code."""

import argparse
import getpass
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli.fleet.hosts import Fleet, Refused, ledger_of, read_fleet, tell, transport_of, who
from zonewright.cli.output import MISUSE

if TYPE_CHECKING:
    from zonewright.fleet.inventory import Host
    from zonewright.fleet.plan import Recipe
    from zonewright.fleet.rollout import Observer
    from zonewright.fleet.visit import Job, Outcome
    from zonewright.model.fleet import RollOut


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A command at work."""

    fleet: Fleet
    job: "Job"
    rollout: "RollOut"
    sudo_password: str | None


@contextmanager
def working(arguments: argparse.Namespace) -> Iterator[Work]:
    """The job for the hosts that are meant; closes its connections.

    Raises:
        Refused: when the file is faulty, or there is nothing to roll out.
    """
    from zonewright.fleet.visit import Job
    from zonewright.server.for_fleet import ServiceForFleet

    fleet = read_fleet(arguments)
    if fleet.file.agent is None:
        raise Refused([f"{arguments.fleet}: agent is missing; say where agents report: agent: {{url: ...}}"], MISUSE)
    password = getpass.getpass("password for sudo: ") if arguments.ask_sudo_password else None
    rollout = fleet.file.rollout
    if arguments.parallel is not None:
        rollout = rollout.model_copy(update={"parallel": max(1, arguments.parallel)})
    recipe = _recipe(fleet)
    transport = transport_of(fleet, sudo_password=password)
    service = ServiceForFleet(fleet.root / arguments.agents, fleet.file.agent.url)
    job = Job(
        transport=transport,
        recipe=recipe,
        service=service,
        host_deadline_s=rollout.host_deadline_s,
        health_s=rollout.health_s,
    )
    try:
        yield Work(fleet=fleet, job=job, rollout=rollout, sudo_password=password)
    finally:
        service.close()
        transport.close()


def _recipe(fleet: Fleet) -> "Recipe":
    from zonewright.fleet.artefact import ArtefactError, agent_sources, make_artefact, read_wheels
    from zonewright.fleet.layout import system_layout, user_layout
    from zonewright.fleet.plan import Recipe

    settings = fleet.file.agent
    if settings is None:
        raise ValueError("no agent is declared")
    try:
        sources = agent_sources()
        if settings.psutil == "distribution":
            artefacts = {"any": make_artefact(sources, {})}
        else:
            wheels = read_wheels(fleet.folder / Path(settings.psutil).expanduser())
            artefacts = {kind: make_artefact(sources, library) for kind, library in wheels.items()}
    except (ArtefactError, OSError) as error:
        raise Refused([str(error)], MISUSE) from None
    layout = system_layout() if settings.prefix is None else user_layout(settings.prefix)
    return Recipe(settings=settings, artefacts=artefacts, layout=layout)


Action = Callable[[Work, "Sequence[Host]", "Observer", Callable[[], str]], "list[Outcome]"]


def carry_out(arguments: argparse.Namespace, *, what: str, action: Action) -> int:
    """Do something that changes hosts: under the lease, shown, recorded, and told by the exit code."""
    from zonewright.fleet.waves import closed

    try:
        with working(arguments) as work:
            reason = closed(work.rollout, datetime.now().astimezone())
            if reason:
                print(f"error: {reason}", file=sys.stderr)
                return 1
            return _recorded(arguments, work, what=what, action=action)
    except Refused as refused:
        return tell(refused)


def _recorded(arguments: argparse.Namespace, work: Work, *, what: str, action: Action) -> int:
    from zonewright.cli.fleet.display import Display, summary
    from zonewright.fleet.lease import FleetLease
    from zonewright.fleet.record import RUNS, RunLog, utc_now
    from zonewright.fleet.waves import closed, exit_code
    from zonewright.ledger import messages, verbs

    run, began = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}", utc_now()
    folder = work.fleet.root / RUNS / run
    party = work.fleet.file.party
    with ledger_of(arguments, work.fleet.root) as ledger:
        lease = FleetLease(ledger, fleet=party, holder=run, who=who())
        lease.take()
        log = RunLog(folder, run, secrets=(work.sudo_password or "",))
        try:
            with Display([host.name for host in work.fleet.chosen], style=arguments.format, log=log) as display:

                def tick() -> str:
                    return lease.tick() or closed(work.rollout, datetime.now().astimezone())

                outcomes = action(work, work.fleet.chosen, display.observe, tick)
            releases = {one.after: one.after.rpartition("-")[2] for one in outcomes if one.after}
            entry = log.close(outcomes, who=who(), what=what, began=began, releases=releases)
            ledger.call(verbs.RECORD, messages.RecordRequest(kind="fleet-run", party=party, entry=entry))
        finally:
            lease.give_back()
    if arguments.format == "text":
        print(summary(outcomes, where=str(RUNS / run / "record.json")))
    return exit_code(one.state for one in outcomes)


def look_at(arguments: argparse.Namespace, show: Callable[[Work], int]) -> int:
    """Do something that changes nothing."""
    try:
        with working(arguments) as work:
            return show(work)
    except Refused as refused:
        return tell(refused)


def limited(work: Work, waves: int | None) -> Work:
    """The work with its first waves only."""
    if waves is None:
        return work
    return replace(work, rollout=work.rollout.model_copy(update={"waves": work.rollout.waves[: max(1, waves)]}))
