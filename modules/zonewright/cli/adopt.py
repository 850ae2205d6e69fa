"""``zonewright adopt``: an estate that an inventory knows, as declarations; run again, what has changed."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zonewright.estate.folder import FileState
    from zonewright.estate.inventory.server import InventoryServer
    from zonewright.estate.taking import TakenOver

TOKEN = "ZONEWRIGHT_NETBOX_TOKEN"  # noqa: S105 - the name of a variable
NAUTOBOT_TOKEN = "ZONEWRIGHT_NAUTOBOT_TOKEN"  # noqa: S105 - as above
_SHOWN = 40


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``adopt``."""
    parser = commands.add_parser(
        "adopt",
        help="take over an estate that NetBox, Nautobot or a table knows",
        description=(
            "Write the racks, power feeds, devices, prefixes and tenants of an inventory as declarations, one file an "
            "owner. Run it again to see what has changed there. Files that you edited are never overwritten, unless "
            "you say --overwrite. What the inventory does not say stands in assumptions.yaml."
        ),
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the zone's folder; it is made")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--netbox", metavar="URL", help="a NetBox 4.2 or newer")
    source.add_argument("--nautobot", metavar="URL", help="a Nautobot 3.0 or newer")
    source.add_argument("--json", type=Path, metavar="EXPORTS", help="a folder with what its API answers, a file each")
    source.add_argument("--csv", type=Path, metavar="FILE", help="a table of devices")
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"a file with the token (default: the variable {TOKEN} or {NAUTOBOT_TOKEN})",
    )
    parser.add_argument(
        "--site-type",
        metavar="NAME",
        help="of Nautobot: the location type whose locations are sites (default: Site)",
    )
    parser.add_argument(
        "--operator",
        action="append",
        default=[],
        metavar="[SITE=]PARTY",
        help="the party that operates a site, or all other sites (default: the site's tenant); may be repeated",
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would be written")
    parser.add_argument(
        "--overwrite", action="store_true", help="take the inventory's word where a file was edited by hand too"
    )
    parser.set_defaults(run=_run, extra="netbox")


def _run(arguments: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from zonewright.cli.output import GOOD, MISUSE, REFUSED, StoppedError
    from zonewright.estate.folder import compared, write
    from zonewright.estate.taking import ASSUMPTIONS, take_over

    folder: Path = arguments.folder
    if folder.exists() and not folder.is_dir():
        raise StoppedError(f"{folder} is a file; name a folder", code=MISUSE)
    if arguments.site_type is not None and arguments.nautobot is None:
        raise StoppedError("--site-type is of --nautobot; leave it out", code=MISUSE)
    operators = _operators(arguments.operator)
    answers, source = _answers(arguments)
    today = datetime.now(UTC).date().isoformat()
    taken = take_over(answers, folder, source=source, operators=operators, today=today)
    states = compared(folder, taken.files, overwrite=arguments.overwrite, merged={ASSUMPTIONS})
    if not arguments.dry_run:
        write(folder, taken.files, states)
    _print(taken, states, folder, dry_run=arguments.dry_run)
    is_open = any(one.state == "conflict" for one in states)
    has_faults = bool(taken.faults) or any(one.is_fault for one in taken.adopted.notes)
    return REFUSED if is_open or has_faults or taken.growing else GOOD


def _operators(words: Sequence[str]) -> "Mapping[str, str]":
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.estate.naming import id_of

    found = {
        site: party for site, _, party in (("", "", word) if "=" not in word else word.partition("=") for word in words)
    }
    wrong = [party for party in found.values() if id_of(party, "") != party]
    if wrong:
        raise StoppedError(f"--operator: expected the id of a party, got {', '.join(map(repr, wrong))}", code=MISUSE)
    return found


def _answers(arguments: argparse.Namespace) -> "tuple[Mapping[str, Sequence[object]], str]":
    from zonewright.estate.reading import KINDS

    endpoints = [endpoint for endpoint, _ in KINDS.values()]
    if arguments.json is not None:
        from zonewright.estate.inventory.export_folder import read_folder

        return read_folder(arguments.json, endpoints), f"exports in {arguments.json.name}"
    if arguments.csv is not None:
        from zonewright.estate.inventory.table import read_table

        return read_table(arguments.csv), f"table {arguments.csv.name}"
    if arguments.nautobot is not None:
        return _of_nautobot(arguments)
    from zonewright.estate.inventory.server import read_all

    netbox = open_netbox(arguments.netbox, arguments.token_file)
    return _counted(netbox, read_all(netbox, endpoints))


def _of_nautobot(arguments: argparse.Namespace) -> "tuple[Mapping[str, Sequence[object]], str]":
    from zonewright.estate.inventory.nautobot import SITE_TYPE, Nautobot, read_nautobot

    token = _token(arguments.token_file, NAUTOBOT_TOKEN, Nautobot.product)
    nautobot = Nautobot(url=arguments.nautobot, token=token)
    return _counted(nautobot, read_nautobot(nautobot, arguments.site_type or SITE_TYPE))


def _counted(
    server: "InventoryServer", answers: "Mapping[str, Sequence[object]]"
) -> "tuple[Mapping[str, Sequence[object]], str]":
    count = sum(len(objects) for objects in answers.values())
    print(f"read {count:,} objects of {server.product} {server.version} in {server.requests} requests")
    return answers, f"{server.product} {server.version} at {server.url}"


def open_netbox(url: str, token_file: Path | None) -> Any:
    """A NetBox with the token of the environment or of a file; a token is never an argument."""
    from zonewright.estate.inventory.netbox import Netbox

    return Netbox(url=url, token=_token(token_file, TOKEN, Netbox.product))


def _token(token_file: Path | None, variable: str, product: str) -> str:
    """A token, of the environment or of a file."""
    import os

    from zonewright.cli.output import MISUSE, StoppedError

    try:
        token = (token_file.read_text(encoding="utf-8") if token_file else os.environ.get(variable, "")).strip()
    except UnicodeDecodeError:
        token = "\0"  # noqa: S105 - none, and not empty
    if not token or not token.isascii() or not token.isprintable():
        where = (
            f"in {token_file}" if token_file else f"in the variable {variable}, or in a file that --token-file names"
        )
        got = "something else" if token else "none"
        raise StoppedError(f"expected a token of {product} {where}, got {got}", code=MISUSE)
    return token


def _print(taken: "TakenOver", states: "Sequence[FileState]", folder: Path, *, dry_run: bool) -> None:
    from zonewright.rules.words import count_of

    adopted = taken.adopted
    told = [f"fault: {one}" for one in taken.faults]
    told += [f"fault: {one.kind}: {one.subject} {one.text}" for one in adopted.notes if one.is_fault]
    more = [f"{len(told) - _SHOWN:,} more faults"] if len(told) > _SHOWN else []
    for line in (*told[:_SHOWN], *more):
        print(line)
    parts = ", ".join(f"{count:,} {fate}" for fate, count in sorted(adopted.fates.items()))
    print(f"devices: {sum(adopted.fates.values()):,}: {parts or 'none'}")
    entries = (getattr(adopted.assumptions, name) for name in type(adopted.assumptions).model_fields)
    open_ = count_of(sum(len(one.open) for one in entries), "assumption")
    print(f"to work off: {open_} in assumptions.yaml; adopted.md has {len(adopted.notes):,} notes")
    for finding in taken.growing:
        print(f"breaks more than when it was taken over: {finding.rule}: {finding.message}")
    words = {
        "new": "new",
        "changed": "changed",
        "gone": "gone",
        "edited": "kept as you edited it",
        "conflict": "CONFLICT",
    }
    shown = [one for one in states if one.state in words and one.name != "adopted.json"]
    for one in shown:
        print(f"{one.name}: {words[one.state]}")
        if one.name.startswith(("facility", "tenant", "zone")):
            print("\n".join(f"  {line}" for line in one.difference[2 : _SHOWN + 2]), end="\n" if one.difference else "")
        for line in one.open[:_SHOWN]:
            print(f"  open: {line}")
    if not any(one.state != "edited" for one in shown):
        print("no difference")
    if any(one.state == "conflict" for one in states):
        print("a file in conflict stays as it is: put into it what is open, or run again with --overwrite")
    if dry_run:
        print("nothing was written")
    elif shown:
        print(f"next: zonewright check {folder} && zonewright ledger load {folder}")
