"""``zonewright diff``: deployed configurations against those that the declaration stands for now."""

import argparse
import sys
from typing import TYPE_CHECKING

from zonewright.cli.options import add_format

if TYPE_CHECKING:
    from zonewright.ledger.messages import Impact


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``diff``."""
    parser = commands.add_parser(
        "diff",
        help="show what would change in the rendered configurations of a stack",
        description="Compare the configurations that are deployed with those that the declaration stands for now.",
        epilog="Exit codes follow git: 0, or 1 with --exit-code when there is a difference.",
    )
    parser.add_argument("--stack", required=True, metavar="NAME", help="name of the stack")
    parser.add_argument("--ledger", metavar="URL", help="another ledger than the stack's own")
    parser.add_argument("--exit-code", action="store_true", help="exit 1 when there is a difference")
    add_format(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from zonewright.cli.connection import stack_and_ledger
    from zonewright.cli.output import print_json
    from zonewright.cli.proposal import load_and_propose
    from zonewright.ledger import verbs
    from zonewright.ledger.messages import ContentQuery, StackRequest
    from zonewright.model.demand import demand_of
    from zonewright.program.rendering import rendered_files
    from zonewright.render.difference import file_differences
    from zonewright.rules.finding import Finding

    root, stack, ledger = stack_and_ledger(arguments.stack, arguments.ledger)
    with ledger:
        loaded, proposal = load_and_propose(root, stack, ledger)
        if proposal is None or loaded.declaration is None:
            for problem in loaded.problems:
                print(problem)
            return 1
        deployed = ledger.call(verbs.DEPLOYED, StackRequest(stack_id=stack.stack_id)).sites
        digests = {path: digest for files in deployed.values() for path, digest in files.items()}
        texts = ledger.call(verbs.FETCH, ContentQuery(digests=sorted(set(digests.values())))).texts
    if any(Finding.from_data(item).refuses for item in proposal.findings):
        print(f"note: as declared, the change is refused; see: zonewright check --stack {stack.name}", file=sys.stderr)
    old = {path: texts[digest] for path, digest in digests.items() if digest in texts}
    owner = next(iter(loaded.declaration.owners))
    new = rendered_files(demand_of(loaded.declaration, owner), proposal)
    differences = file_differences(old, new)
    if arguments.format == "json":
        impact = {site: item.model_dump() for site, item in proposal.impact.items()}
        print_json({"files": [asdict(item) for item in differences], "impact": impact})
    else:
        for site, item in proposal.impact.items():
            print(f"# {site}: {_impact(item)}")
        for difference in differences:
            print(difference.text, end="")
    return 1 if differences and arguments.exit_code else 0


def _impact(item: "Impact") -> str:
    ratio = ""
    if item.ratio_after is not None and item.ratio_after != item.ratio_before:
        before = item.ratio_before or "no load"
        ratio = f", energy ratio of the next twelve months {before} -> {item.ratio_after}"
    return f"{item.kw:+,.1f} kW, {item.units:+,} U{ratio}"
