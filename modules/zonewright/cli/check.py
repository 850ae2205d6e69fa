"""``zonewright check``: every fault and every finding of a zone's folder, or of one stack against the ledger."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zonewright.cli.options import add_format

if TYPE_CHECKING:
    from zonewright.declare import Problem
    from zonewright.rules.finding import Finding


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``check``."""
    parser = commands.add_parser(
        "check",
        help="check a zone's folder, or one stack against the ledger",
        description=(
            "Check a zone's folder as the whole world, or check one stack against everything that the ledger holds."
        ),
    )
    parser.add_argument(
        "zone", nargs="?", type=Path, metavar="ZONE", help="folder with zone.yaml and the owners' files"
    )
    parser.add_argument("--stack", metavar="NAME", help="check this stack's own file against its ledger")
    parser.add_argument("--ledger", metavar="URL", help="a ledger other than the stack's own")
    add_format(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import MISUSE, StoppedError

    if (arguments.zone is None) == (arguments.stack is None):
        raise StoppedError("give either a zone's folder or --stack NAME", code=MISUSE)
    if arguments.zone is not None and arguments.ledger is not None:
        raise StoppedError("--ledger goes with --stack; a zone's folder is checked as the whole world", code=MISUSE)
    problems, findings, line = _whole(arguments.zone) if arguments.zone else _stack(arguments.stack, arguments.ledger)
    return _show(problems, findings, line, as_json=arguments.format == "json")


def _whole(folder: Path) -> "tuple[Sequence[Problem], Sequence[Finding], str]":
    from datetime import UTC, datetime

    from zonewright.declare import load_zone
    from zonewright.place import judge_declaration
    from zonewright.render.user_formats import load_formats

    on = datetime.now(UTC).date().isoformat()
    loaded = load_zone(folder, on=on)
    problems = (*loaded.problems, *load_formats(folder)[1])
    if loaded.declaration is None or problems:
        return problems, (), ""
    judged = judge_declaration(loaded.declaration, on=on)
    return (), judged.findings, judged.line


def _stack(name: str, url: str | None) -> "tuple[Sequence[Problem], Sequence[Finding], str]":
    from zonewright.cli.connection import stack_and_ledger
    from zonewright.cli.proposal import load_and_propose

    root, stack, ledger = stack_and_ledger(name, url)
    with ledger:
        loaded, proposal = load_and_propose(root, stack, ledger)
    if proposal is None:
        return loaded.problems, (), ""
    findings = tuple(proposal.findings)
    return (), findings, f"stack {name}: {len(proposal.seats)} nodes placed against the ledger"


def _show(problems: "Sequence[Problem]", findings: "Sequence[Finding]", line: str, *, as_json: bool) -> int:
    from zonewright.cli.output import GOOD, REFUSED, findings_text, print_json, width

    against = [finding for finding in findings if finding.refuses]
    if as_json:
        document: dict[str, Any] = {
            "problems": [problem.to_data() for problem in problems],
            "findings": [finding.to_data() for finding in findings],
        }
        print_json(document)
    else:
        for problem in problems:
            print(problem)
        if findings:
            print(findings_text(findings, columns=width()))
        if problems:
            print(
                f"\n{len(problems)} fault{'s' if len(problems) != 1 else ''} in the declaration; the rules did not run"
            )
        elif not against:
            print(f"good: {line}")
    return REFUSED if problems or against else GOOD
