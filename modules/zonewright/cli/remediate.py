"""``zonewright remediate``: from what runs on switches to what was rendered for them."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli.options import add_format

if TYPE_CHECKING:
    from zonewright.remediation.remedy import Remedy


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``remediate``."""
    parser = commands.add_parser(
        "remediate",
        help="show what brings switches from what they run to what was rendered",
        description=(
            "Compare what switches run with the files that were rendered for them, and print what is to be pasted: "
            "lines for EOS, a JSON Patch for SONiC. Nothing is sent to a switch."
        ),
        epilog="Exit codes follow git: 0; 1 with --exit-code if something is to be done; 2 or more for errors.",
    )
    parser.add_argument(
        "running",
        type=Path,
        metavar="RUNNING",
        help="what a switch runs, in a file SWITCH.cfg (EOS) or SWITCH.json (SONiC); or a folder of such files",
    )
    parser.add_argument(
        "--intended",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help="a folder that `zonewright render --out` wrote; repeat it for each stack that has files of these switches",
    )
    parser.add_argument(
        "--whole",
        action="store_true",
        help="the folders have all files of these switches: also take away ports and VLANs that are in none of them",
    )
    parser.add_argument("--exit-code", action="store_true", help="exit with 1 if something is to be done")
    add_format(parser)
    parser.set_defaults(run=_run, extra="network")


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import GOOD, REFUSED, print_json
    from zonewright.remediation.remedies import remedies

    running, intended = _read(arguments.running, arguments.intended)
    found = remedies(running, intended, is_whole=arguments.whole)
    if arguments.format == "json":
        print_json(
            {
                one.switch: {"dialect": one.dialect, "text": one.text, "left_alone": list(one.left_alone)}
                for one in found
            }
        )
    else:
        for one in found:
            _show(one)
    return REFUSED if arguments.exit_code and any(one.text for one in found) else GOOD


def _read(running: Path, folders: list[Path]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """What runs, and what was rendered, by name of the file; everything that cannot be read is named."""
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.remediation.remedies import SUFFIXES

    faults: list[str] = []
    ours: dict[str, list[str]] = {}
    sites: dict[str, set[str]] = {}
    for folder in folders:
        held = [one for one in sorted(folder.glob("**/switches/*")) if one.suffix in SUFFIXES]
        if not held:
            faults.append(f"{folder} has no files of switches; write some with `zonewright render --out {folder}`")
        for one in sorted(held, key=lambda path: "sites" not in path.parts):
            ours.setdefault(one.name, []).append(_text(one, faults))
            sites.setdefault(one.name, set()).add(_site(one))
    if running.is_dir():
        files = [one for one in sorted(running.iterdir()) if one.is_file() and not one.name.startswith(".")]
        if not files:
            faults.append(f"{running} has no files; save what each switch runs as SWITCH.cfg or SWITCH.json")
    else:
        files = [running]
    theirs = {one.name: _text(one, faults) for one in files}
    for name in theirs:
        known = sorted(sites.get(name, set()) - {""})
        if len(known) > 1:
            faults.append(
                f"{name}: there are switches of this name at {' and at '.join(known)}; "
                f"name the folders of one site, such as --intended {folders[0] / 'sites' / known[0]}"
            )
    if faults:
        raise StoppedError(*faults, code=MISUSE)
    return theirs, ours


def _site(path: Path) -> str:
    """Whose switch a file is of: `sites/SITE/switches/…` or `groups/SITE/PARTY/switches/…`; empty elsewhere."""
    parts = path.absolute().parts[:-2]
    if parts[-2:-1] == ("sites",):
        return parts[-1]
    return parts[-2] if parts[-3:-2] == ("groups",) else ""


def _text(path: Path, faults: list[str]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        faults.append(f"{path} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        faults.append(f"{path} is no UTF-8 text")
    return ""


def _show(one: "Remedy") -> None:
    mark = "!" if one.dialect == "eos" else "#"
    print(f"{mark} {one.switch}{'' if one.text else ': nothing to do'}")
    for what in one.left_alone:
        print(f"{mark} in none of the files, and left alone: {what}")
    print(one.text, end="")
