"""``zonewright fleet rollback`` and ``uninstall``: the release before, or none at all."""

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from zonewright.cli.fleet.work import Action, Work
    from zonewright.fleet.inventory import Host
    from zonewright.fleet.rollout.outcome import HostAccess, Outcome, Progress, Say
    from zonewright.fleet.rollout.pool import Observer

ReachT = TypeVar("ReachT", bound="HostAccess")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands ``fleet rollback`` and ``fleet uninstall``."""
    from zonewright.cli.fleet.hosts import add_work_options

    rollback = commands.add_parser(
        "rollback",
        help="go back to the previous release",
        description=(
            "Go back to the previous release on the hosts, and wait until it reports healthy. With --configs, go "
            "back to the previous rendered configurations: only to versions that were approved, with validation "
            "and trial as in deploy --configs."
        ),
    )
    add_work_options(rollback)
    rollback.add_argument(
        "--configs", action="store_true", help=("go back with rendered configurations, not with the agent")
    )
    rollback.add_argument(
        "--configuration",
        action="append",
        default=[],
        metavar="NAME",
        help="with --configs: only this configuration of fleet.yaml; repeat for more",
    )
    rollback.add_argument("--dry-run", action="store_true", help="with --configs: only show what would be done")
    rollback.set_defaults(run=_rollback)
    uninstall = commands.add_parser(
        "uninstall",
        help="remove the agent from the hosts",
        description=("Stop the agent, remove everything of it from the hosts, and make its token invalid."),
    )
    add_work_options(uninstall)
    uninstall.set_defaults(run=_uninstall)


def _rollback(arguments: argparse.Namespace) -> int:
    from zonewright.cli.fleet import configs
    from zonewright.cli.fleet.work import carry_out
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.fleet.agents.visit import go_back

    if not arguments.configs and (arguments.dry_run or arguments.configuration):
        name = "--dry-run" if arguments.dry_run else "--configuration"
        raise StoppedError(f"{name} needs --configs; zonewright fleet status shows the previous releases", code=MISUSE)
    if arguments.configs and arguments.dry_run:
        return configs.show_plans(arguments, configs.going_back(arguments))
    if arguments.configs:
        return configs.go_back(arguments, _everywhere(lambda host, job, progress, say: job.deploy(host, progress, say)))
    return carry_out(arguments, what="rollback", action=_everywhere(go_back))


def _uninstall(arguments: argparse.Namespace) -> int:
    from zonewright.cli.fleet.work import carry_out
    from zonewright.fleet.agents.visit import uninstall

    return carry_out(arguments, what="uninstall", action=_everywhere(uninstall))


def _everywhere(visit: "Callable[[Host, ReachT, Progress, Say], Outcome]") -> "Action[ReachT]":
    """Visit all hosts without waves."""
    from zonewright.fleet.rollout.pool import Pool

    def action(
        work: "Work[ReachT]", hosts: "Sequence[Host]", observe: "Observer", tick: Callable[[], str]
    ) -> "list[Outcome]":
        pool = Pool(
            parallel=work.rollout.parallel, host_deadline_s=work.job.host_deadline_s, observe=observe, tick=tick
        )
        return pool.visit(
            hosts, lambda host, progress, say: visit(host, work.job, progress, say), wave=0, stop=lambda _outcomes: ""
        )

    return action
