"""``zonewright diff``: deployed configurations against those that the declaration stands for now."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli.options import add_format

if TYPE_CHECKING:
    from zonewright.audit.diff.differences import FileDiff
    from zonewright.audit.diff.grouping import DiffGroup
    from zonewright.audit.diff.views import DiffView
    from zonewright.fleet.secrets.fingerprints import SecretStanding
    from zonewright.ledger.protocol.admission_messages import Impact
    from zonewright.render.validators.verdict import Judged

MOST_VALIDATED = 20


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``diff``."""
    parser = commands.add_parser(
        "diff",
        help="show what would change in the rendered configurations of a stack",
        description=(
            "Compare the deployed configurations with those of the present declaration. Show what the change "
            "does to each site, and the verdicts of native validators on the changed files."
        ),
        epilog=("Exit codes follow git: 0; 1 with --exit-code if there is a difference; 2 or more for errors."),
    )
    parser.add_argument("--stack", required=True, metavar="NAME", help="name of the stack")
    parser.add_argument("--ledger", metavar="URL", help="a ledger other than the stack's own")
    parser.add_argument("--exit-code", action="store_true", help=("exit with 1 if there is a difference"))
    parser.add_argument(
        "--view",
        choices=("unified", "side", "tree", "summary"),
        default="unified",
        help=(
            "unified: lines as git shows them; side: side by side; tree: by path as programs read it; summary: "
            "counts (default: unified)"
        ),
    )
    parser.add_argument(
        "--secrets",
        action="store_true",
        help=("read the secrets of the files on this machine, and say whether each has changed"),
    )
    parser.add_argument(
        "--every-file",
        action="store_true",
        help=("show each file on its own, also where many have the same difference"),
    )
    add_format(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import MISUSE, REFUSED
    from zonewright.errors import ZonewrightError

    try:
        return _compare(arguments)
    except ZonewrightError as error:
        if error.exit_code == REFUSED:
            error.exit_code = MISUSE  # 1 would say that there is a difference
        raise


def _compare(arguments: argparse.Namespace) -> int:
    from zonewright.audit.diff.differences import file_diffs
    from zonewright.audit.diff.grouping import group_differences
    from zonewright.audit.diff.owned import owned_by, owned_held
    from zonewright.audit.diff.views import group_view, view
    from zonewright.audit.evidence.fetching import texts_of
    from zonewright.changes.rendering import rendered_files
    from zonewright.cli.connection import stack_and_ledger
    from zonewright.cli.output import GOOD, MISUSE, StoppedError, width
    from zonewright.cli.proposal import load_with_formats, note_refusal
    from zonewright.cli.secret import standing_lines
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.messages import StackRequest
    from zonewright.ledger.protocol.stack_messages import ReportRequest
    from zonewright.model.demand import demand_of
    from zonewright.render.validators.validate import validate_all

    root, stack, ledger = stack_and_ledger(arguments.stack, arguments.ledger)
    with ledger:
        loaded, proposal, formats = load_with_formats(root, stack, ledger)
        if proposal is None or loaded.declaration is None:
            raise StoppedError(*map(str, loaded.problems), code=MISUSE)
        deployed = ledger.call(verbs.DEPLOYED, StackRequest(stack_id=stack.stack_id)).sites
        held = ledger.call(verbs.REPORT, ReportRequest(stack_id=stack.stack_id)).holdings if deployed else []
        digests = {path: digest for files in deployed.values() for path, digest in files.items()}
        texts = texts_of(ledger, set(digests.values()))
    note_refusal(proposal, stack.name)
    old = {path: texts[digest] for path, digest in digests.items() if digest in texts}
    owner = next(iter(loaded.declaration.owners))
    new = rendered_files(demand_of(loaded.declaration, owner), proposal, formats)
    before = owned_held((one.name, one.data) for one in held if one.kind == "node")
    after = owned_by(proposal.seats, proposal.addresses)
    groups = group_differences(old, new, before=before, after=after)
    changed = {member.path for group in groups for member in group.members if member.after}
    # All files of a node or site are needed for a verdict on one of its formats.
    verdicts = validate_all(new, formats=formats, changed=changed, most=MOST_VALIDATED)
    secrets = _secrets(new, root) if arguments.secrets else ()
    if arguments.format == "json":
        _show_json(file_diffs(old, new), groups, proposal.impact, verdicts, secrets)
    else:
        for line in standing_lines(secrets):
            print(f"# {line}")
        how: DiffView = arguments.view
        if arguments.every_file:
            shown = [view(one, how, columns=width()) for one in file_diffs(old, new)]
        else:
            shown = [group_view(one, how, columns=width()) for one in groups]
        _show(shown, proposal.impact, verdicts)
    is_changed = groups or proposal.impact or any(one.changed != "no" for one in secrets)
    return 1 if arguments.exit_code and is_changed else GOOD


def _secrets(new: Mapping[str, str], root: Path) -> "Sequence[SecretStanding]":
    """Whether the secrets have changed since files were last installed."""
    from zonewright.cli.secret import RECORD, standings_here
    from zonewright.fleet.secrets.filling import references_of

    references = references_of({path: text.encode() for path, text in new.items()})
    return standings_here([one.text for one in references], root / RECORD)


def _show_json(
    differences: "Sequence[FileDiff]",
    groups: "Sequence[DiffGroup]",
    impact: "Mapping[str, Impact]",
    judged: "Sequence[Judged]",
    secrets: "Sequence[SecretStanding]",
) -> None:
    from zonewright.audit.diff.views import diff_data, group_data
    from zonewright.changes.validated import verdict_data
    from zonewright.cli.output import print_json

    print_json(
        {
            "files": [diff_data(item) for item in differences],
            "groups": [group_data(item) for item in groups],
            "impact": {site: item.model_dump() for site, item in impact.items()},
            "verdicts": [verdict_data(item) for item in judged],
            "secrets": [{"reference": one.reference, "changed": one.changed} for one in secrets],
        }
    )


def _show(shown: "Sequence[str]", impact: "Mapping[str, Impact]", judged: "Sequence[Judged]") -> None:
    from zonewright.audit.report.describe import impact_text
    from zonewright.cli.output import width
    from zonewright.cli.verdicts import verdict_lines

    for site, item in impact.items():
        print(f"# {site}: {impact_text(item)}")
    for line in verdict_lines(judged, columns=width() - 2):
        print(f"# {line}")
    print("".join(shown), end="")
