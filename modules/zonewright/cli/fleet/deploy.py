"""``zonewright fleet plan`` and ``deploy``: what would be done on each host, and doing it in waves."""

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from zonewright.cli.fleet.work import Work
    from zonewright.fleet.agents.plan import HostPlan
    from zonewright.fleet.agents.visit import AgentJob
    from zonewright.fleet.inventory import Host
    from zonewright.fleet.rollout.outcome import Outcome
    from zonewright.fleet.rollout.pool import Observer
    from zonewright.fleet.rollout.rollout import Task
    from zonewright.fleet.ssh.transport import Session

TaskT = TypeVar("TaskT", bound="Task")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands ``fleet plan`` and ``fleet deploy``."""
    from zonewright.cli.fleet.hosts import add_work_options

    plan = commands.add_parser(
        "plan",
        help="show what would be done on each host",
        description=("Inspect each host and change nothing. Show the steps with their reasons, and how files change."),
    )
    add_work_options(plan)
    plan.set_defaults(run=_plan)
    deploy = commands.add_parser(
        "deploy",
        help="bring the agent to the hosts, in waves",
        description=(
            "Bring the declared agent to the hosts, wave by wave; with --configs, bring the rendered "
            "configurations. A host that does not become healthy goes back to its previous release. When too "
            "many hosts go wrong, the wave goes back and the other hosts are not touched. Exit codes: 0 every "
            "host is as declared, 1 some failed or were rolled back, 2 misuse, 3 some could not be reached or "
            "were not touched."
        ),
    )
    add_work_options(deploy)
    deploy.add_argument("--dry-run", action="store_true", help="only show what would be done, as plan does")
    deploy.add_argument(
        "--configs",
        action="store_true",
        help=(
            "bring the approved rendered configurations instead of the agent; each host validates and tries "
            "them, and otherwise restores the old ones"
        ),
    )
    deploy.add_argument("--wave", type=int, metavar="N", help="only the first N waves")
    deploy.set_defaults(run=_deploy)


def _deploy(arguments: argparse.Namespace) -> int:
    from zonewright.cli.fleet import configs
    from zonewright.cli.fleet.work import carry_out

    if arguments.configs:
        if arguments.dry_run:
            return configs.show_plans(arguments, configs.opened(arguments))
        return configs.deploy(
            arguments, lambda work, hosts, observe, tick: _waves(arguments, work, hosts, observe, tick)
        )
    if arguments.dry_run:
        return _plan(arguments)
    return carry_out(
        arguments,
        what="deploy",
        action=lambda work, hosts, observe, tick: _waves(arguments, work, hosts, observe, tick),
    )


def _waves(
    arguments: argparse.Namespace,
    work: "Work[TaskT]",
    hosts: "Sequence[Host]",
    observe: "Observer",
    tick: Callable[[], str],
) -> "list[Outcome]":
    """All waves, or the first ones; sizes count over all hosts that are meant in either case."""
    from zonewright.cli.fleet.work import limited
    from zonewright.fleet.rollout.rollout import roll_out
    from zonewright.fleet.rollout.waves import split

    if arguments.wave is not None:
        reached = split([host.name for host in hosts], work.rollout.waves)[: max(1, arguments.wave)]
        hosts = hosts[: sum(len(names) for names in reached)]
    waves = limited(work, arguments.wave).rollout.waves
    sizes = [len(names) for names in split([host.name for host in work.fleet.chosen], work.rollout.waves)]
    ends = [sum(sizes[: number + 1]) for number in range(min(len(waves), len(sizes)))]
    counted = tuple(
        wave.model_copy(update={"hosts": end, "percent": None}) for wave, end in zip(waves, ends, strict=False)
    )
    rollout = work.rollout.model_copy(update={"waves": counted})
    return roll_out(hosts, work.job, rollout, observe=observe, tick=tick)


def _plan(arguments: argparse.Namespace) -> int:
    from zonewright.cli.fleet.work import look_at

    return look_at(arguments, lambda work: _show_plans(work, arguments.format))


def _show_plans(work: "Work[AgentJob]", style: str) -> int:
    from zonewright.cli.output import print_json
    from zonewright.fleet.agents.plan import plan_data, plan_text
    from zonewright.fleet.agents.visit import look_closely
    from zonewright.fleet.rollout.inspect import inspect_all
    from zonewright.fleet.rollout.waves import exit_code

    def see(host: "Host", session: "Session") -> "HostPlan":
        return look_closely(host, work.job, session)

    plans, outcomes = inspect_all(work.fleet.chosen, work.job, see, parallel=work.rollout.parallel)
    wrong = [one for one in outcomes if one.host not in plans]
    if style == "json":
        documents = [plan_data(plans[one.host]) for one in outcomes if one.host in plans]
        print_json({"plans": documents, "not_seen": {one.host: one.sentence for one in wrong}})
    else:
        for one in outcomes:
            print(
                plan_text(plans[one.host]) if one.host in plans else f"{one.host}: could not inspect it: {one.sentence}"
            )
    blocked = [one.host for one in outcomes if one.host in plans and plans[one.host].obstacles]
    return 1 if blocked else exit_code(one.state for one in outcomes)
