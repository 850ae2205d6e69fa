"""``zonewright fleet status`` and ``verify``: what runs on the hosts, and where it is not what was deployed."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zonewright.cli.fleet.work import Work
    from zonewright.fleet.apply import Progress
    from zonewright.fleet.inventory import Host
    from zonewright.fleet.plan import Plan
    from zonewright.fleet.transport import Session
    from zonewright.fleet.visit import Job, Outcome, Say


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands ``fleet status`` and ``fleet verify``."""
    from zonewright.cli.fleet.hosts import add_work_options

    status = commands.add_parser(
        "status",
        help="show which release runs on each host",
        description="Show for each host which release runs, whether it was found healthy, and which one came before.",
    )
    add_work_options(status)
    status.set_defaults(run=lambda arguments: _run(arguments, is_strict=False))
    verify = commands.add_parser(
        "verify",
        help="compare every managed file of the hosts with what was deployed",
        description=(
            "Compare the hash of every managed file, the unit, the key and the token of each host with what was "
            "deployed. Exit codes: 0 all as deployed, 1 something differs, 3 some hosts could not be looked at."
        ),
    )
    add_work_options(verify)
    verify.set_defaults(run=lambda arguments: _run(arguments, is_strict=True))


def _run(arguments: argparse.Namespace, *, is_strict: bool) -> int:
    from zonewright.cli.fleet.work import look_at

    return look_at(arguments, lambda work: _show(work, arguments.format, is_strict=is_strict))


def _show(work: "Work[Job]", style: str, *, is_strict: bool) -> int:
    from zonewright.cli.output import print_json
    from zonewright.fleet.plan import drift_of
    from zonewright.fleet.rollout import Pool
    from zonewright.fleet.visit import look, look_only
    from zonewright.fleet.waves import exit_code

    plans: dict[str, Plan] = {}

    def visit(host: "Host", progress: "Progress", _say: "Say") -> "Outcome":
        def see(session: "Session") -> None:
            plans[host.name] = look(host, work.job, session)

        return look_only(host, work.job, progress, see)

    pool = Pool(parallel=work.rollout.parallel, host_deadline_s=work.job.host_deadline_s, observe=lambda _event: None)
    outcomes = pool.visit(work.fleet.chosen, visit, wave=0, stop=lambda _outcomes: "")
    rows = []
    for one in outcomes:
        plan = plans.get(one.host)
        row = {"host": one.host, "state": one.state, "reason": one.sentence}
        if plan is not None:
            facts = plan.facts
            row |= {
                "state": "active" if facts.is_active else "stopped" if facts.current else "none",
                "release": facts.current,
                "previous": facts.previous,
                "proven": "yes" if facts.is_proven else "no",
                "drift": "; ".join(drift_of(plan)) if is_strict else "",
            }
        rows.append(row)
    if style == "json":
        print_json({"hosts": rows})
    else:
        size = max(len(row["host"]) for row in rows)
        for row in rows:
            print(f"{row['host']:<{size}}  {row['state']:<11}  {row.get('release', '')}".rstrip())
            for text in (row["reason"], *row.get("drift", "").split("; ")):
                if text:
                    print(f"    {text}")
    if is_strict and any(row.get("drift") for row in rows):
        return 1
    return exit_code(one.state for one in outcomes)
