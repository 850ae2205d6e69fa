"""``zonewright ledger``: register a zone's file, look at the ledger, verify its journal."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli import ledger_find, ledger_forecast, ledger_offers, ledger_upkeep
from zonewright.cli.ledger_upkeep import KEEP_DAYS
from zonewright.cli.trust import add_witness

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator

    from zonewright.ledger.protocol.holding_messages import HoldingKind
    from zonewright.ledger.protocol.journal_messages import Checkpoint, JournalEntry
    from zonewright.ledger.transport.client import LedgerClient

DEFAULT = "sqlite:///.zonewright/ledger.db"


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``ledger``."""
    parser = commands.add_parser(
        "ledger", help="register a zone, read the ledger, verify its journal", description=("Work with a ledger.")
    )
    parser.set_defaults(extra="ledger")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for name, function, text in (
        ("init", _init, ("make the ledger if it does not exist, and register the administrator's zone.yaml")),
        (
            "load",
            _load,
            ("register a zone and bring in everything that its owners declare, for demonstrations and tests"),
        ),
        ("unload", _unload, "take out of the ledger what a load of a zone's owners brought in"),
        ("status", _status, "show free capacity by site, or everything that one stack holds"),
        ("who", _who, "show who stands at a place, runs through a duct, or has an address or a name"),
        ("history", _history, "print the journal, one JSON line for each decision"),
        ("checkpoint", _checkpoint, "print the journal's signed head, to keep outside the ledger"),
        ("verify", _verify, "verify the journal, against a checkpoint if one is given"),
        ("backup", ledger_upkeep.backup, "copy a ledger's file, and the readings beside it, while they are in use"),
        ("restore", ledger_upkeep.restore, "put a backup in the place of a ledger's file, which is kept aside"),
        ("copy", ledger_upkeep.copy, "copy a ledger's file to PostgreSQL, and verify both sides"),
        (
            "prune",
            ledger_upkeep.prune,
            "remove texts that nothing in force and no decision since a date needs, and journal it",
        ),
        ("upgrade", ledger_upkeep.upgrade, "bring a ledger's file of an older version to this version, after a backup"),
    ):
        verb = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        verb.add_argument("--ledger", default=DEFAULT, metavar="URL", help=f"the ledger's URL (default: {DEFAULT})")
        if name in ("init", "load", "unload"):
            verb.add_argument("zone", type=Path, metavar="ZONE", help="the zone's folder")
        if name in ("backup", "restore"):
            verb.add_argument("backup", type=Path, metavar="FILE", help="the backup's file")
        if name == "copy":
            verb.add_argument(
                "target", metavar="TARGET", help="postgresql://HOST/DATABASE of a database without tables"
            )
        if name in ("load", "unload"):
            which = "bring in" if name == "load" else "take out"
            verb.add_argument(
                "--only",
                action="append",
                default=[],
                metavar="OWNER",
                help=f"{which} only this owner; may be repeated",
            )
        if name == "who":
            what = "a site, room, row, rack, power panel, substation, duct, link, address, or name of a node"
            verb.add_argument("subject", metavar="SUBJECT", help=what)
            verb.add_argument("--format", choices=("text", "json"), default="text", help="how to print")
        if name == "status":
            verb.add_argument("--stack", metavar="NAME", help="show this stack's claims and assets")
            verb.add_argument("--rows", action="store_true", help="show each row of racks, whatever its state")
            verb.add_argument("--format", choices=("text", "json"), default="text", help="how to print")
        if name == "prune":
            verb.add_argument(
                "--before",
                metavar="DATE",
                help=f"a day such as 2026-01-31; later decisions keep their evidence (default: {KEEP_DAYS} days ago)",
            )
            verb.add_argument("--dry-run", action="store_true", help="only say what would be removed")
        if name == "verify":
            verb.add_argument(
                "--checkpoint", type=Path, metavar="FILE", help=("a checkpoint that you kept outside the ledger")
            )
            verb.add_argument(
                "--state",
                action="store_true",
                help="also compare every row with what the journal says of it; needs the ledger itself, not a service",
            )
            verb.add_argument(
                "--public-key", metavar="BASE64", help=("the ledger's public key, from a source that you trust")
            )
            verb.add_argument(
                "--journal",
                type=Path,
                metavar="FILE",
                help="verify what ledger history printed into this file; no ledger and no network is asked",
            )
            add_witness(verb)
        verb.set_defaults(run=function)
    ledger_find.add_verbs(verbs, DEFAULT, _open)
    ledger_offers.add_verb(verbs, DEFAULT, _open)
    ledger_forecast.add_verb(verbs, DEFAULT, _open)


def _open(arguments: argparse.Namespace, *, create: bool = False) -> "LedgerClient":
    from zonewright.cli.connection import open_ledger
    from zonewright.declare.stack_file import project_root

    return open_ledger(arguments.ledger, project_root(Path.cwd()), create=create)


def _init(arguments: argparse.Namespace) -> int:
    from zonewright.declare.load import load_zone
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.stack_messages import InitRequest

    loaded = load_zone(arguments.zone, owners=())
    if loaded.declaration is None or loaded.problems:
        for problem in loaded.problems:
            print(problem)
        return 1
    with _open(arguments, create=True) as client:
        answer = client.call(verbs.INIT, InitRequest(zone=loaded.declaration.zone))
    state = "registered" if answer.changed else "is registered already"
    print(f"zone {answer.zone} {state}: {answer.zone_digest}")
    return 0


def _load(arguments: argparse.Namespace) -> int:
    from contextlib import closing, nullcontext
    from functools import partial

    from zonewright.changes.ahead import rendering_ahead
    from zonewright.changes.loading import load_owner, loading_order
    from zonewright.cli.garbage import seldom_collected
    from zonewright.cli.output import MISUSE, StoppedError, findings_text, width
    from zonewright.declare.load import load_zone
    from zonewright.declare.stack_file import project_root
    from zonewright.ledger import LedgerRefusedError
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.stack_messages import InitRequest
    from zonewright.render.errors import RenderError
    from zonewright.render.user_formats import load_formats

    declaration = (loaded := load_zone(arguments.zone)).declaration
    unknown = sorted(set(arguments.only) - set(declaration.owners if declaration is not None else arguments.only))
    if unknown:
        raise StoppedError(f"no file of {', '.join(unknown)} in {arguments.zone}", code=MISUSE)
    formats, problems = load_formats(arguments.zone)
    if declaration is None or loaded.problems or problems:
        for problem in (*loaded.problems, *problems):
            print(problem)
        return 1
    refused, order = 0, loading_order(declaration.owners, arguments.only)
    with (
        seldom_collected(),
        rendering_ahead(partial(_open, arguments), declaration, order, formats) as ahead,
        _open(arguments, create=True) as client,
        nullcontext() if ahead is None else closing(ahead),
    ):
        client.call(verbs.INIT, InitRequest(zone=declaration.zone))
        for owner in order:
            try:
                held = load_owner(client, declaration, owner, formats, root=project_root(Path.cwd()), ahead=ahead)
            except RenderError as error:
                refused += 1
                print(f"{owner}: nothing was rendered: {error}")
                continue
            except LedgerRefusedError as error:
                refused += 1
                print(f"{owner}: refused: {error}")
                if error.findings:
                    print(findings_text(error.findings, columns=width()))
                continue
            print(f"{owner}: {_counted(held.counts) or 'nothing'}")
            if held.findings:
                print(findings_text(held.findings, columns=width()))
    return 1 if refused else 0


def _counted(counts: "Counter[HoldingKind]") -> str:
    from zonewright.changes.loading import ORDER
    from zonewright.rules.words import count_of

    return ", ".join(count_of(counts[kind], kind) for kind in ORDER if counts[kind])


def _unload(arguments: argparse.Namespace) -> int:
    from zonewright.changes.loading import unload_owner, unloading_order
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.declare.load import owner_files
    from zonewright.ledger import LedgerRefusedError

    owners = owner_files(arguments.zone)
    unknown = sorted(set(arguments.only) - set(owners))
    if unknown or not owners:
        raise StoppedError(f"no file of {', '.join(unknown) or 'any owner'} in {arguments.zone}", code=MISUSE)
    refused = 0
    with _open(arguments) as client:
        for owner in unloading_order(client, arguments.only or owners):
            try:
                gone = unload_owner(client, owner)
            except LedgerRefusedError as error:
                refused += 1
                print(f"{owner}: refused: {error}")
                continue
            print(f"{owner}: {f'took out {_counted(gone)}' if gone else 'nothing was loaded'}")
    return 1 if refused else 0


def _status(arguments: argparse.Namespace) -> int:
    from zonewright.cli.ledger_status import status_lines
    from zonewright.cli.output import print_json
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.capacity_messages import CapacityRequest

    if arguments.stack:
        return _stack_status(arguments)
    with _open(arguments) as client:
        answer = client.call(verbs.CAPACITY, CapacityRequest(rows=True))
    if arguments.format == "json":
        print_json(answer.model_dump())
        return 0
    for line in status_lines(answer, has_rows=arguments.rows):
        print(line)
    return 0


def _stack_status(arguments: argparse.Namespace) -> int:
    from zonewright.cli.connection import stack_and_ledger
    from zonewright.cli.output import print_json
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.stack_messages import ReportRequest

    _, stack, client = stack_and_ledger(arguments.stack, None)
    with client:
        report = client.call(verbs.REPORT, ReportRequest(stack_id=stack.stack_id))
    if arguments.format == "json":
        print_json(report.model_dump())
        return 0
    print(
        f"stack id {report.stack_id}, party {report.party or 'not enrolled'}, admission {report.admission_id or 'none'}"
    )
    for item in report.holdings:
        place = f"{item.data['rack']} U{item.data['position']}" if item.kind == "node" else item.data["summary"]
        print(f"{item.state:<10} {item.kind:<5} {item.name:<24} generation {item.generation:<4} {place}")
    return 0


def _who(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import print_json
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.who_messages import WhoRequest

    with _open(arguments) as client:
        answer = client.call(verbs.WHO, WhoRequest(subject=arguments.subject))
    if arguments.format == "json":
        print_json(answer.model_dump())
        return 0
    for one in answer.found:
        people = ", ".join(text for text in (one.title, one.contact) if text)
        since = f" since {one.since[:16]}Z" if one.since else f" until {one.until[:16]}Z" if one.until else ""
        where = f" at {one.place}" if one.place and one.place != one.name else ""
        print(f"{one.kind} {one.name}{where}: {one.party} ({people}), stack {one.stack_id}, {one.state}{since}")
    if answer.more:
        print(f"and {answer.more:,} more; ask for a smaller place")
    if answer.hidden:
        print(f"{answer.hidden:,} of other parties, which you may not see")
    for end in answer.reserved_until:
        print(f"reserved for another party until {end[:16]}Z")
    if not (answer.found or answer.hidden):
        print(f"nothing in the ledger has {arguments.subject}")
    return 0


def _history(arguments: argparse.Namespace) -> int:
    from zonewright.audit.evidence.gathering import each_entry

    with _open(arguments) as client:
        for entry in each_entry(client):
            print(entry.model_dump_json())
    return 0


def _checkpoint(arguments: argparse.Namespace) -> int:
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.journal_messages import CheckpointRequest

    with _open(arguments) as client:
        print(client.call(verbs.CHECKPOINT, CheckpointRequest()).model_dump_json(indent=2))
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from zonewright.audit.evidence.checks import wrong as wrong_check
    from zonewright.audit.evidence.gathering import each_entry
    from zonewright.audit.verify.witnesses import heads_fault, seen
    from zonewright.cli.garbage import seldom_collected
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.cli.trust import kept_by_witnesses, kept_checkpoint, kept_entries
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.journal_messages import WITHHELD, HistoryRequest
    from zonewright.ledger.store.journal import verify, verify_checkpoint

    if arguments.journal is not None and arguments.state:
        raise StoppedError("expected --journal or --state: a file of entries has no rows to compare", code=MISUSE)
    checkpoint = kept_checkpoint(arguments.checkpoint)
    witnesses, stamp_faults = kept_by_witnesses(arguments.witness, arguments.timestamp_ca)
    asked = {head.sequence for heads in witnesses.values() for head in heads}
    hashes: dict[int, str] = {}
    wrong = verify_checkpoint(checkpoint, public_key=arguments.public_key) if checkpoint is not None else None
    last = withheld = last_withheld = 0

    def passing(entries: "Iterable[JournalEntry]") -> "Iterator[JournalEntry]":
        nonlocal last, withheld, last_withheld
        for entry in entries:
            last = entry.sequence
            if entry.kind == WITHHELD:
                withheld, last_withheld = withheld + 1, last
            if entry.sequence in asked:
                hashes[entry.sequence] = entry.hash
            yield entry

    if arguments.journal is not None:
        with seldom_collected():  # whether some are withheld its reader knows, and is told how many
            wrong = wrong or verify(passing(kept_entries(arguments.journal)), checkpoint, may_withhold=True)
    else:
        with _open(arguments) as client, seldom_collected():
            is_partial = client.call(verbs.HISTORY, HistoryRequest(limit=1)).is_partial
            wrong = wrong or verify(passing(each_entry(client)), checkpoint, may_withhold=is_partial)
    count = "1 entry" if last == 1 else f"{last:,} entries form one chain"
    told = (
        f"; {withheld:,} of them are about other parties: their order was checked, their content was not, so entries "
        f"before {last_withheld:,} are as the service tells them"
    )
    print(f"wrong: {wrong}" if wrong else f"good: {count}{told if withheld else ''}")
    faults = _verify_state(arguments, checkpoint) if arguments.state else 0
    for name, heads in witnesses.items():
        check = (
            wrong_check(f"witness {name}", fault)
            if (fault := stamp_faults.get(name) or heads_fault(heads, arguments.public_key))
            else seen(name, heads, hashes, last, is_of_now=True, is_stamped=name in stamp_faults)
        )
        print(f"{check.verdict}: {check.name} {check.detail}")
        faults += check.verdict == "wrong"
    return 1 if wrong or faults else 0


def _verify_state(arguments: argparse.Namespace, checkpoint: "Checkpoint | None") -> int:
    """Print what the tables say otherwise than the journal; gives how many sentences that took."""
    from contextlib import closing

    from zonewright.cli.connection import ledger_place
    from zonewright.ledger.store.database import Database
    from zonewright.ledger.store.state import verify_state
    from zonewright.ledger.transport.client import lock_wait_s
    from zonewright.rules.words import count_of

    with (
        closing(Database(*ledger_place(arguments.ledger), lock_wait_s=lock_wait_s())) as database,
        database.reading() as connection,
    ):
        report = verify_state(connection, checkpoint)
    for fault in report.faults:
        print(f"wrong: {fault}")
    if not report.faults:
        print(f"good: {count_of(report.rows, 'row')}, each as the journal says")
    return len(report.faults)
