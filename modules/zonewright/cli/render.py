"""``zonewright render``: the configurations that a stack's declaration stands for now, and their verdicts."""

import argparse
from pathlib import Path

from zonewright.cli.options import add_format


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``render``."""
    parser = commands.add_parser(
        "render",
        help="render the configurations of a stack, and have them validated",
        description=(
            "Render the configurations of a stack from its present declaration. Write them to a folder, or have "
            "them judged by the programs that will read them."
        ),
        epilog=(
            "Exit codes: 0 rendered, 1 faults in the declaration or a failed verdict, 2 misuse, 3 not decided. "
            "Files that could not be validated are named; they have no pass."
        ),
    )
    parser.add_argument("--stack", required=True, metavar="NAME", help="name of the stack")
    parser.add_argument("--ledger", metavar="URL", help="a ledger other than the stack's own")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help=("write the files to this folder; it must be new or empty")
    )
    parser.add_argument("--validate", action="store_true", help=("have the files judged, one by one and as a network"))
    parser.add_argument(
        "--verdicts",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="with --validate: signed verdicts from another machine; may be repeated",
    )
    parser.add_argument(
        "--sign-verdicts",
        type=Path,
        metavar="DIR",
        help=("with --validate: write the verdicts to this folder, signed by --key"),
    )
    parser.add_argument(
        "--key", type=Path, metavar="KEY", help=("private key file, or a public one whose key is in your ssh-agent")
    )
    parser.add_argument(
        "--explain", metavar="FILE:LINE", help="say which template line and which declaration a line comes from"
    )
    add_format(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.changes.rendering import contexts_of
    from zonewright.cli.connection import stack_and_ledger
    from zonewright.cli.output import MISUSE, REFUSED, StoppedError
    from zonewright.cli.proposal import load_with_formats, note_refusal
    from zonewright.cli.rendered import Rendered, explain, show
    from zonewright.model.demand import demand_of
    from zonewright.render.rendering import render_all

    fault = _misuse(arguments)
    if fault:
        raise StoppedError(fault, code=MISUSE)
    root, stack, ledger = stack_and_ledger(arguments.stack, arguments.ledger)
    with ledger:
        loaded, proposal, formats = load_with_formats(root, stack, ledger)
    if proposal is None or loaded.declaration is None:
        for problem in loaded.problems:
            print(problem)
        return REFUSED
    note_refusal(proposal, stack.name)
    contexts = contexts_of(demand_of(loaded.declaration, next(iter(loaded.declaration.owners))), proposal)
    rendered = Rendered(
        contexts=contexts,
        formats=formats,
        files={} if arguments.explain else render_all(contexts, formats),
        declaration=loaded.declaration,
        folder=(root / stack.declaration).parent,
        root=root,
    )
    return explain(arguments, rendered) if arguments.explain else show(arguments, rendered)


def _misuse(arguments: argparse.Namespace) -> str:
    """What is wrong with the arguments, or nothing."""
    if arguments.out is not None and arguments.out.exists() and not _is_empty(arguments.out):
        return f"{arguments.out} is not an empty folder; name a new one with --out"
    if (arguments.verdicts or arguments.sign_verdicts) and not arguments.validate:
        return "--verdicts and --sign-verdicts go with --validate"
    if bool(arguments.sign_verdicts) != bool(arguments.key):
        return "--sign-verdicts DIR and --key KEY go together"
    if arguments.explain and not arguments.explain.rpartition(":")[2].isdecimal():
        return f"expected --explain FILE:LINE, such as sites/dc1/etc/frr/frr.conf:12, got {arguments.explain!r}"
    return ""


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())
