"""``zonewright fleet rollback`` and ``uninstall``: the release before, or none at all."""

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zonewright.cli.fleet.work import Work
    from zonewright.fleet.apply import Progress
    from zonewright.fleet.inventory import Host
    from zonewright.fleet.rollout import Observer
    from zonewright.fleet.visit import Job, Outcome, Say


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands ``fleet rollback`` and ``fleet uninstall``."""
    from zonewright.cli.fleet.hosts import add_work_options

    rollback = commands.add_parser(
        "rollback",
        help="let the release before the current one run again",
        description="Let the release before the current one run again on the hosts, and wait until it reports healthy.",
    )
    add_work_options(rollback)
    rollback.set_defaults(run=_rollback)
    uninstall = commands.add_parser(
        "uninstall",
        help="take the agent off the hosts",
        description="Stop the agent, take everything of it off the hosts, and let its token count no longer.",
    )
    add_work_options(uninstall)
    uninstall.set_defaults(run=_uninstall)


def _rollback(arguments: argparse.Namespace) -> int:
    from zonewright.fleet.visit import go_back

    return _all(arguments, "rollback", go_back)


def _uninstall(arguments: argparse.Namespace) -> int:
    from zonewright.fleet.visit import uninstall

    return _all(arguments, "uninstall", uninstall)


def _all(arguments: argparse.Namespace, what: str, visit: "Callable[[Host, Job, Progress, Say], Outcome]") -> int:
    from zonewright.cli.fleet.work import carry_out
    from zonewright.fleet.rollout import Pool

    def action(
        work: "Work[Job]", hosts: "Sequence[Host]", observe: "Observer", tick: Callable[[], str]
    ) -> "list[Outcome]":
        pool = Pool(
            parallel=work.rollout.parallel, host_deadline_s=work.job.host_deadline_s, observe=observe, tick=tick
        )
        return pool.visit(
            hosts, lambda host, progress, say: visit(host, work.job, progress, say), wave=0, stop=lambda _outcomes: ""
        )

    return carry_out(arguments, what=what, action=action)
