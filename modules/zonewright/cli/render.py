"""``zonewright render``: the configurations that a stack's declaration stands for now, and their verdicts."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from zonewright.cli.options import add_format


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``render``."""
    parser = commands.add_parser(
        "render",
        help="render the configurations of a stack, and have them validated",
        description=(
            "Render the configurations that a stack's declaration stands for now, write them to a folder, have them "
            "judged by the programs that will read them."
        ),
        epilog="Exit codes: 0 rendered, 1 faults in the declaration or a failed verdict, 2 misuse, 3 not decided. "
        "What could not be validated is said, and is no pass.",
    )
    parser.add_argument("--stack", required=True, metavar="NAME", help="name of the stack")
    parser.add_argument("--ledger", metavar="URL", help="another ledger than the stack's own")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the files to this folder, new or empty")
    parser.add_argument("--validate", action="store_true", help="run the native validators on the files")
    add_format(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.cli.connection import stack_and_ledger
    from zonewright.cli.output import GOOD, MISUSE, REFUSED, print_json, width
    from zonewright.cli.proposal import load_and_propose, note_refusal
    from zonewright.cli.verdicts import verdict_data, verdict_lines
    from zonewright.model.canonical import digest_of
    from zonewright.model.demand import demand_of
    from zonewright.program.rendering import rendered_files
    from zonewright.render.validate import validate_all

    if arguments.out is not None and arguments.out.exists() and not _is_empty(arguments.out):
        print(f"error: {arguments.out} is not an empty folder; name a new one with --out", file=sys.stderr)
        return MISUSE
    root, stack, ledger = stack_and_ledger(arguments.stack, arguments.ledger)
    with ledger:
        loaded, proposal = load_and_propose(root, stack, ledger)
    if proposal is None or loaded.declaration is None:
        for problem in loaded.problems:
            print(problem)
        return REFUSED
    note_refusal(proposal, stack.name)
    files = rendered_files(demand_of(loaded.declaration, next(iter(loaded.declaration.owners))), proposal)
    if arguments.out is not None:
        _write(arguments.out, files)
    judged = validate_all(files) if arguments.validate else ()
    if arguments.format == "json":
        digests = {path: digest_of(text) for path, text in files.items()}
        print_json({"files": digests, "verdicts": [verdict_data(item) for item in judged]})
    else:
        for path in files if arguments.out is None else ():
            print(path)
        where = "" if arguments.out is None else f" in {arguments.out}"
        print(f"{len(files)} file{'' if len(files) == 1 else 's'}{where}")
        for line in verdict_lines(judged, columns=width()):
            print(line)
    return REFUSED if any(item.verdict.status == "fail" for item in judged) else GOOD


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
