"""``zonewright check``: every fault and every finding of a zone's folder, or of one stack against the ledger."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from zonewright.cli.checking.found import Compared, Found
    from zonewright.model import Declaration
    from zonewright.place import JudgedZone
    from zonewright.render.formats.format_set import FormatSet
    from zonewright.rules.finding import Finding


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``check``."""
    parser = commands.add_parser(
        "check",
        help="check a zone's folder, or one stack against the ledger",
        description=(
            "Check a zone's folder as the whole world, or check one stack against everything that the ledger holds; "
            "the stack's configurations are rendered too. Of a folder, the zone's own formats are rendered. "
            "With --since, only what is new or worse than in a Git revision is shown and refuses."
        ),
    )
    parser.add_argument(
        "zone", nargs="?", type=Path, metavar="ZONE", help="folder with zone.yaml and the owners' files"
    )
    parser.add_argument("--stack", metavar="NAME", help="check this stack's own file against its ledger")
    parser.add_argument("--ledger", metavar="URL", help="a ledger other than the stack's own")
    parser.add_argument("--since", metavar="REV", help="compare with this Git revision of the zone's folder")
    parser.add_argument(
        "--repair",
        action="store_true",
        help="show one joint repair: places and counts with which less or nothing is refused",
    )
    parser.add_argument("--fix", action="store_true", help="show that repair, and write it into the owners' files")
    parser.add_argument("--format", choices=tuple(_FORMATS), default="text", help="how to print (default: text)")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import MISUSE, StoppedError

    if (arguments.zone is None) == (arguments.stack is None):
        raise StoppedError("give either a zone's folder or --stack NAME", code=MISUSE)
    if arguments.zone is not None and arguments.ledger is not None:
        raise StoppedError("--ledger goes with --stack; a zone's folder is checked as the whole world", code=MISUSE)
    if arguments.zone is None and arguments.since is not None:
        raise StoppedError("--since goes with a zone's folder; a ledger knows no revisions of a file", code=MISUSE)
    repair = arguments.repair or arguments.fix
    found = (
        _whole(arguments.zone, repair=repair)
        if arguments.zone
        else _stack(arguments.stack, arguments.ledger, repair=repair)
    )
    compared = None if arguments.since is None else _compared(arguments.zone, arguments.since, found)
    _FORMATS[arguments.format](found, compared)
    if repair:
        _repair(found, write=arguments.fix, on=sys.stdout if arguments.format == "text" else sys.stderr)
    return _code(found, compared)


def _repair(found: "Found", *, write: bool, on: TextIO) -> None:
    """Show the edits of a joint repair, and write them where that is wanted; the check itself stays as it was."""
    from zonewright.cli.checking.edit import EditError, write_edits
    from zonewright.cli.output import REFUSED, StoppedError
    from zonewright.place.repair import repair_text

    if not found.repairs:
        if any(one.refuses for one in found.findings):
            print("no joint repair of places and counts was found; see the fix of each finding", file=on)
        return
    for repair in found.repairs:
        print(f"{repair.path}: {repair_text(repair.edits, left=found.left)}", file=on)
    if write:
        try:
            write_edits(found.repairs)
        except EditError as error:
            raise StoppedError(str(error), code=REFUSED) from None
        for repair in found.repairs:
            print(f"written: {repair.path}", file=on)


def _whole(folder: Path, *, repair: bool = False) -> "Found":
    from datetime import UTC, datetime

    from zonewright.cli.checking.found import FileRepair, Found
    from zonewright.declare.load import load_zone
    from zonewright.model.format_file import TEMPLATES
    from zonewright.own_rules import evaluate_trusted
    from zonewright.place import judge_declaration
    from zonewright.rules.finding import worst_first

    on = datetime.now(UTC).date().isoformat()
    loaded = load_zone(folder, on=on)
    formats, problems = None, loaded.problems
    if (folder / TEMPLATES).is_dir():
        from zonewright.render.user_formats import load_formats

        formats, faults = load_formats(folder)
        problems = (*problems, *faults)
    if loaded.declaration is None or problems:
        return Found(problems=problems, findings=(), line="", folder=_from_here(folder))
    judged = judge_declaration(loaded.declaration, on=on, judge=evaluate_trusted)
    line = judged.line if loaded.declaration.owners else ""
    gated = () if formats is None else _own_formats(loaded.declaration, judged, formats)
    repairs: list[FileRepair] = []
    left = 0
    if repair:
        from zonewright.place.zone_repair import repair_declaration

        repaired = repair_declaration(loaded.declaration, judged, on=on, judge=evaluate_trusted)
        left = repaired.left
        repairs = [
            FileRepair(
                path=folder / loaded.declaration.file_of(owner), judged=loaded.declaration.owners[owner], edits=edits
            )
            for owner, edits in repaired.edits.items()
        ]
    return Found(
        problems=(),
        findings=worst_first((*judged.findings, *gated)),
        line=line,
        folder=_from_here(folder),
        repairs=repairs,
        left=left,
    )


def _own_formats(declaration: "Declaration", judged: "JudgedZone", formats: "FormatSet") -> "tuple[Finding, ...]":
    """What stands against the zone's own templates, rendered for all that the folder has; our own are tested."""
    from zonewright.render.formats.format_set import BUILT_IN, FormatSet

    own = tuple(one for one in formats.formats if one not in BUILT_IN.formats)
    if not own:
        return ()
    from zonewright.changes.whole_zone import contexts_of_zone
    from zonewright.render.errors import RenderError
    from zonewright.render.rendering import render_all
    from zonewright.render.validators.gate import unrendered

    try:
        render_all(contexts_of_zone(declaration, judged), FormatSet(own, formats.sources))
    except RenderError as error:
        return (unrendered(error),)
    return ()


def _from_here(folder: Path) -> str:
    """A folder as programs name it that start where this command does."""
    here, whole = Path.cwd(), Path(os.path.normpath(folder.absolute()))
    return (whole.relative_to(here) if whole.is_relative_to(here) else whole).as_posix()


def _stack(name: str, url: str | None, *, repair: bool = False) -> "Found":
    from zonewright.cli.checking.found import FileRepair, Found
    from zonewright.cli.connection import stack_and_ledger
    from zonewright.cli.proposal import file_findings, load_with_formats
    from zonewright.rules.finding import worst_first

    root, stack, ledger = stack_and_ledger(name, url)
    with ledger:
        loaded, proposal, formats = load_with_formats(root, stack, ledger, repair=repair)
    folder = _from_here((root / stack.declaration).parent)
    if proposal is None:
        return Found(problems=tuple(loaded.problems), findings=(), line="", folder=folder)
    line = f"stack {name}: {len(proposal.seats)} nodes placed against the ledger"
    gated = file_findings(loaded, proposal, formats, root)
    repairs: list[FileRepair] = []
    if proposal.repair and loaded.declaration is not None:
        (judged,) = loaded.declaration.owners.values()
        repairs.append(FileRepair(path=root / stack.declaration, judged=judged, edits=proposal.repair))
    return Found(
        problems=(),
        findings=worst_first((*proposal.findings, *gated)),
        line=line,
        folder=folder,
        repairs=repairs,
        left=sum(one.refuses for one in gated),
    )


def _compared(folder: Path, revision: str, found: "Found") -> "Compared | None":
    """How what was found compares with an earlier revision; None where that one is none, or has faults: all is new."""
    from zonewright.cli.checking.found import compare
    from zonewright.cli.checking.revision import folder_at
    from zonewright.rules.words import count_of

    if found.problems:
        return None  # no rule has run, so nothing is fixed
    with folder_at(folder, revision) as earlier:
        before = _whole(earlier) if earlier else None
    if before is None:
        print(f"note: {revision} has no zone.yaml in {folder}, so everything is new", file=sys.stderr)
        return None
    if before.problems:
        faults = count_of(len(before.problems), "fault")
        print(f"note: {revision} has {faults}, so nothing can be compared with it", file=sys.stderr)
        return None
    return compare(before.findings, found.findings, revision=revision)


def _code(found: "Found", compared: "Compared | None") -> int:
    """Refused, where something refuses that an earlier revision did not have, or not as much of it."""
    from zonewright.cli.output import GOOD, REFUSED

    states = compared.states if compared else ("new",) * len(found.findings)
    counts = [one.refuses and state in {"new", "worse"} for one, state in zip(found.findings, states, strict=True)]
    return REFUSED if found.problems or any(counts) else GOOD


def _print_text(found: "Found", compared: "Compared | None") -> None:
    from zonewright.cli.output import findings_text, is_coloured, width
    from zonewright.rules.words import count_of

    for problem in found.problems:
        print(problem)
    if found.problems:
        print(f"\n{count_of(len(found.problems), 'fault')} in the declaration; the rules did not run")
        return
    shown = found.findings
    if compared is not None:
        shown = tuple(one for one, state in zip(shown, compared.states, strict=True) if state in {"new", "worse"})
    if shown:
        print(findings_text(shown, columns=width(), coloured=is_coloured(sys.stdout)))
    if compared is not None:
        print(_since_line(compared))
    if not found.line:
        print("nothing was checked: beside zone.yaml there is no file of an owner, such as facility-NAME.yaml")
    elif not any(one.refuses for one in shown):
        known = sum(one.refuses for one in found.findings)
        print(
            f"nothing new refuses, {count_of(known, 'finding')} of before still would"
            if known
            else f"good: {found.line}"
        )


def _since_line(compared: "Compared") -> str:
    from zonewright.rules.words import listed

    parts = [f"{count} {state}" for state, count in compared.counts().items()]
    subjects = sorted({one.subject for one in compared.fixed})
    named = f" ({listed(subjects)})" if subjects else ""
    return f"since {compared.revision}: {', '.join(parts)}, {len(compared.fixed)} fixed{named}"


def _print_json(found: "Found", compared: "Compared | None") -> None:
    from zonewright.cli.output import print_json

    document: dict[str, Any] = {
        "problems": [problem.to_data() for problem in found.problems],
        "findings": [finding.to_data() for finding in found.findings],
    }
    if compared is not None:
        for data, state in zip(document["findings"], compared.states, strict=True):
            data["state"] = state
        document["since"] = compared.revision
        document["fixed"] = [finding.to_data() for finding in compared.fixed]
    print_json(document)


def _print_sarif(found: "Found", compared: "Compared | None") -> None:
    from zonewright.cli.checking.sarif import sarif_text

    print(sarif_text(found, compared), end="")


def _print_junit(found: "Found", compared: "Compared | None") -> None:
    from zonewright.cli.checking.junit import junit_text

    print(junit_text(found, compared), end="")


_FORMATS = {"text": _print_text, "json": _print_json, "sarif": _print_sarif, "junit": _print_junit}
