"""``zonewright fleet run``: one command on many hosts, each with its own outcome."""

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zonewright.fleet.inventory import Host
    from zonewright.fleet.rollout.outcome import Outcome, Progress, Say
    from zonewright.fleet.ssh.transport import CompletedCommand, Session


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``fleet run``."""
    from zonewright.cli.fleet.hosts import add_work_options

    parser = commands.add_parser(
        "run",
        help="run one command on the hosts",
        description=(
            "Run one command on the hosts as the user who logs in. Each host's shell reads the command. Exit "
            "codes: 0 it exited with 0 everywhere, 1 it exited with another code somewhere, 3 some hosts could "
            "not be reached or were lost."
        ),
    )
    add_work_options(parser)
    parser.add_argument("--command", required=True, metavar="TEXT", help="the command")
    parser.add_argument("--root", action="store_true", help=("run it as root, through sudo if the user is not root"))
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.cli.fleet.work import working
    from zonewright.cli.output import print_json
    from zonewright.fleet.rollout.pool import Pool
    from zonewright.fleet.rollout.visit import inspect_host
    from zonewright.fleet.rollout.waves import exit_code

    ended: dict[str, CompletedCommand] = {}
    with working(arguments) as work:

        def visit(host: "Host", progress: "Progress", _say: "Say") -> "Outcome":
            def see(session: "Session") -> None:
                progress.step, progress.is_changing = "run", True
                ended[host.name] = session.run(["sh", "-c", arguments.command], as_root=arguments.root)

            return inspect_host(host, work.job, progress, see)

        pool = Pool(
            parallel=work.rollout.parallel, host_deadline_s=work.job.host_deadline_s, observe=lambda _event: None
        )
        outcomes = pool.visit(work.fleet.chosen, visit, wave=0, stop=lambda _outcomes: "")
    if arguments.format == "json":
        rows = [_row(one, ended.get(one.host)) for one in outcomes]
        print_json({"hosts": rows})
    else:
        for one in outcomes:
            _print(one, ended.get(one.host))
    if any(done.code for done in ended.values()):
        return 1
    return exit_code(one.state for one in outcomes)


def _row(outcome: "Outcome", done: "CompletedCommand | None") -> dict[str, object]:
    if done is None:
        return {"host": outcome.host, "state": outcome.state, "reason": outcome.sentence}
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    return {"host": outcome.host, "state": "ended", "code": done.code, "stdout": out, "stderr": err}


def _print(outcome: "Outcome", done: "CompletedCommand | None") -> None:
    if done is None:
        print(f"{outcome.host}: {outcome.state}: {outcome.sentence}", file=sys.stderr)
        return
    head = f"{outcome.host}: " + ("" if done.code == 0 else f"[{done.code}] ")
    for line in (done.stdout + done.stderr).decode("utf-8", "replace").splitlines() or [""]:
        print(f"{head}{line if line.isprintable() else repr(line)}".rstrip())
