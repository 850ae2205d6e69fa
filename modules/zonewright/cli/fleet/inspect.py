"""``zonewright fleet status`` and ``verify``: what runs on the hosts, and where it is not what was deployed."""

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zonewright.cli.fleet.work import Work
    from zonewright.fleet.agents.plan import HostPlan
    from zonewright.fleet.agents.visit import AgentJob
    from zonewright.fleet.inventory import Host
    from zonewright.fleet.ssh.transport import Session


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands ``fleet status`` and ``fleet verify``."""
    from zonewright.cli.fleet.hosts import add_work_options

    status = commands.add_parser(
        "status",
        help="show which release runs on each host, and which configurations are in force",
        description=(
            "Show for each host which release runs, whether it was healthy, which release came before it, and which "
            "version of each configuration is in force. Exit codes: 0 all could be inspected, 3 some could not."
        ),
    )
    add_work_options(status)
    status.set_defaults(run=lambda arguments: _run(arguments, is_strict=False))
    verify = commands.add_parser(
        "verify",
        help="compare every managed file of the hosts with what was deployed",
        description=(
            "Compare every host with what was deployed: the hash of every managed file, the unit, the key and "
            "the token. Compare the service's keys with the enrolled keys of the ledger, and every rendered "
            "configuration with the ledger's digest. Exit codes: 0 all as deployed, 1 something differs, 3 some "
            "hosts could not be inspected."
        ),
    )
    add_work_options(verify)
    verify.set_defaults(run=lambda arguments: _run(arguments, is_strict=True))


def _run(arguments: argparse.Namespace, *, is_strict: bool) -> int:
    from zonewright.cli.fleet import configs
    from zonewright.cli.fleet.hosts import read_fleet
    from zonewright.cli.fleet.work import look_at
    from zonewright.cli.output import GOOD, NOT_DECIDED
    from zonewright.ledger.protocol.errors import LedgerError

    fleet = read_fleet(arguments)
    see = configs.drift if is_strict else configs.versions
    configured, is_whole = {}, True
    if configs.meant(fleet):
        try:
            configured = see(arguments)
        except LedgerError as error:
            if is_strict or fleet.file.agent is None:
                raise
            print(f"configurations were not inspected: {error}", file=sys.stderr)
            is_whole = False
    if configured and fleet.file.agent is None:
        rows = [{**row, "release": ""} for _host, row in sorted(configured.items())]
        return _print_rows(rows, arguments.format)
    code = look_at(
        arguments,
        lambda work: _show(work, arguments, configured, is_strict=is_strict),
        needs_ledger=is_strict,
    )
    return code or (GOOD if is_whole else NOT_DECIDED)


def _show(
    work: "Work[AgentJob]",
    arguments: argparse.Namespace,
    configured: "Mapping[str, Mapping[str, str]]",
    *,
    is_strict: bool,
) -> int:
    from zonewright.cli.fleet import configs
    from zonewright.cli.fleet.work import tell_power
    from zonewright.fleet.agents.plan import drift_of
    from zonewright.fleet.agents.visit import look
    from zonewright.fleet.rollout.inspect import inspect_all

    def see(host: "Host", session: "Session") -> "HostPlan":
        return look(host, work.job, session, is_strict=is_strict)

    plans, outcomes = inspect_all(work.fleet.chosen, work.job, see, parallel=work.rollout.parallel)
    rows = []
    for one in outcomes:
        plan = plans.get(one.host)
        row: dict[str, str] = {"host": one.host, "state": one.state, "reason": one.sentence}
        if plan is not None:
            facts = plan.facts
            row |= {
                "state": "active" if facts.is_active else "stopped" if facts.current else "none",
                "release": facts.current,
                "previous": facts.previous,
                "proven": "yes" if facts.is_proven else "no",
                "sources": " ".join(facts.sources),
                "drift": "; ".join(drift_of(plan)) if is_strict else "",
            }
        foreign = work.job.service.foreign_key(one.host) if is_strict else ""
        row["drift"] = "; ".join(text for text in (row.get("drift", ""), foreign) if text)
        own = configured.get(one.host, {})
        row["reason"] = row["reason"] or own.get("reason", "")
        row["configurations"] = own.get("configurations", "")
        if plan is not None and own.get("state") in ("failed", "unreachable", "unknown", configs.NOT_RESOLVED):
            row["state"] = own["state"]
        row["drift"] = "; ".join(text for text in (row.get("drift", ""), own.get("drift", "")) if text)
        rows.append(row)
    sources = {name: plan.facts.sources for name, plan in plans.items() if plan.facts.is_active}
    code, is_dark = _print_rows(rows, arguments.format), tell_power(arguments, work.fleet, sources)
    return code or is_dark


def _print_rows(rows: "list[dict[str, str]]", style: str) -> int:
    from zonewright.cli.fleet import configs
    from zonewright.cli.output import NOT_DECIDED, print_json
    from zonewright.fleet.rollout.waves import STATES, exit_code

    if style == "json":
        print_json({"hosts": rows})
    else:
        size = max(len(row["host"]) for row in rows)
        for row in rows:
            print(f"{row['host']:<{size}}  {row['state']:<11}  {row.get('release', '')}".rstrip())
            more = f"{row.get('configurations', '')}; {row.get('drift', '')}".split("; ")
            for text in (row["reason"], *more):
                if text:
                    print(f"    {text}")
    if any(row.get("drift") for row in rows):
        return 1
    found = {row["state"] for row in rows}
    if configs.NOT_RESOLVED in found and not found & {"failed", "rolled-back"}:
        return NOT_DECIDED
    return exit_code(state for state in STATES if state in found)
