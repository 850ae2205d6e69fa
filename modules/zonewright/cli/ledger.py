"""``zonewright ledger``: register a zone's file, look at the ledger, verify its journal."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from zonewright.ledger.protocol.holding_messages import HoldingKind
    from zonewright.ledger.protocol.journal_messages import Checkpoint, JournalEntry
    from zonewright.ledger.transport.client import LedgerClient
    from zonewright.model import Declaration

DEFAULT = "sqlite:///.zonewright/ledger.db"
KEEP_DAYS = 430
"""As long as the readings of meters are kept, which the evidence of decisions rests on."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``ledger``."""
    parser = commands.add_parser(
        "ledger", help="register a zone, read the ledger, verify its journal", description=("Work with a ledger.")
    )
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
        ("backup", _backup, "copy a ledger's file, and the readings beside it, while they are in use"),
        ("restore", _restore, "put a backup in the place of a ledger's file, which is kept aside"),
        ("prune", _prune, "remove texts that nothing in force and no decision since a date needs; the journal says so"),
        ("upgrade", _upgrade, "bring a ledger's file of an older version to this version, after a backup"),
    ):
        verb = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        verb.add_argument("--ledger", default=DEFAULT, metavar="URL", help=f"the ledger's URL (default: {DEFAULT})")
        if name in ("init", "load", "unload"):
            verb.add_argument("zone", type=Path, metavar="ZONE", help="the zone's folder")
        if name in ("backup", "restore"):
            verb.add_argument("backup", type=Path, metavar="FILE", help="the backup's file")
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
                help="also compare every row with what the journal says of it; needs the ledger's file",
            )
            verb.add_argument(
                "--public-key", metavar="BASE64", help=("the ledger's public key, from a source that you trust")
            )
        verb.set_defaults(run=function)


def _open(arguments: argparse.Namespace, *, create: bool = False) -> "LedgerClient":
    from zonewright.cli.connection import open_ledger
    from zonewright.declare.stack_file import project_root

    return open_ledger(arguments.ledger, project_root(Path.cwd()), create=create)


def _init(arguments: argparse.Namespace) -> int:
    from zonewright.declare import load_zone
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
    from collections import Counter

    from zonewright.changes.loading import load_owner
    from zonewright.cli.garbage import seldom_collected
    from zonewright.cli.output import MISUSE, StoppedError, findings_text, width
    from zonewright.declare import load_zone
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
    refused = 0
    with _open(arguments, create=True) as client, seldom_collected():
        client.call(verbs.INIT, InitRequest(zone=declaration.zone))
        for owner in _in_order(declaration, arguments.only):
            try:
                held = load_owner(client, declaration, owner, formats).holdings
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
            print(f"{owner}: {_counted(Counter(item.kind for item in held)) or 'nothing'}")
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


def _in_order(declaration: "Declaration", only: list[str]) -> list[str]:
    """Sites before the links between them, and both before the nodes that need them."""
    files = declaration.owners
    chosen = [owner for owner in files if owner in only or not only]
    return sorted(chosen, key=lambda owner: (not files[owner].sites, not files[owner].links, owner))


def _status(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import print_json
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.capacity_messages import CapacityRequest

    if arguments.stack:
        return _stack_status(arguments)
    with _open(arguments) as client:
        answer = client.call(verbs.CAPACITY, CapacityRequest())
    if arguments.format == "json":
        print_json(answer.model_dump())
        return 0
    print(f"{'site':<20}{'racks':>8}{'free U':>10}{'free kW':>12}{'used kW':>12}")
    for site, item in answer.sites.items():
        print(f"{site:<20}{item.racks:>8,}{item.free_u:>10,}{item.free_kw:>12,.1f}{item.used_kw:>12,.1f}")
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
        since = f" since {one.since[:16]}Z" if one.since else ""
        where = f" at {one.place}" if one.place and one.place != one.name else ""
        print(f"{one.kind} {one.name}{where}: {one.party} ({people}), stack {one.stack_id}, {one.state}{since}")
    if answer.more:
        print(f"and {answer.more:,} more; ask for a smaller place")
    if answer.hidden:
        print(f"{answer.hidden:,} of other parties, which you may not see")
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
    from zonewright.audit.evidence.gathering import each_entry
    from zonewright.cli.garbage import seldom_collected
    from zonewright.cli.trust import kept_checkpoint
    from zonewright.ledger.store.journal import verify, verify_checkpoint

    checkpoint = kept_checkpoint(arguments.checkpoint)
    wrong = verify_checkpoint(checkpoint, public_key=arguments.public_key) if checkpoint is not None else None
    last = 0

    def passing() -> "Iterator[JournalEntry]":
        nonlocal last
        for entry in each_entry(client):
            last = entry.sequence
            yield entry

    with _open(arguments) as client, seldom_collected():
        wrong = wrong or verify(passing(), checkpoint)
    count = "1 entry" if last == 1 else f"{last:,} entries form one chain"
    print(f"wrong: {wrong}" if wrong else f"good: {count}")
    faults = _verify_state(arguments, checkpoint) if arguments.state else 0
    return 1 if wrong or faults else 0


def _verify_state(arguments: argparse.Namespace, checkpoint: "Checkpoint | None") -> int:
    """Print what the tables say otherwise than the journal; gives how many sentences that took."""
    from contextlib import closing

    from zonewright.cli.connection import ledger_file
    from zonewright.ledger.store.database import Database
    from zonewright.ledger.store.state import verify_state
    from zonewright.rules.words import count_of

    with (
        closing(Database(ledger_file(arguments.ledger), lock_wait_s=30)) as database,
        database.reading() as connection,
    ):
        report = verify_state(connection, checkpoint)
    for fault in report.faults:
        print(f"wrong: {fault}")
    if not report.faults:
        print(f"good: {count_of(report.rows, 'row')}, each as the journal says")
    return len(report.faults)


def _backup(arguments: argparse.Namespace) -> int:
    from zonewright.cli.connection import ledger_file
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.ledger.deciding.measuring import telemetry_path
    from zonewright.ledger.store.backup import back_up, copy_database, require_free

    path = ledger_file(arguments.ledger)
    if not arguments.backup.name:
        raise StoppedError(f"expected the name of a new file, got '{arguments.backup}'", code=MISUSE)
    require_free(arguments.backup, telemetry_path(arguments.backup))
    head = back_up(path, arguments.backup)
    if telemetry_path(path).is_file():
        copy_database(telemetry_path(path), telemetry_path(arguments.backup))
        print(f"readings: {telemetry_path(arguments.backup)}")
    print(f"backup of ledger {head.ledger[:12]} up to entry {head.sequence:,} ({head.hash[7:19]}): {arguments.backup}")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    from zonewright.cli.connection import ledger_file
    from zonewright.ledger.deciding.measuring import telemetry_path
    from zonewright.ledger.store.backup import copy_database, restore

    path = ledger_file(arguments.ledger)
    done = restore(arguments.backup, path)
    kept = telemetry_path(arguments.backup)
    if kept.is_file() and not telemetry_path(path).exists():
        copy_database(kept, telemetry_path(path))
        print(f"readings: {telemetry_path(path)}")
    print(f"the ledger is as it was at entry {done.head.sequence:,} ({done.head.hash[7:19]})")
    if done.aside is not None:
        print(f"what was there before: {done.aside}")
    if done.lost is None:
        print("it could not be read, so nobody knows what the backup lacks")
    elif done.lost:
        print(f"the backup lacks the last {done.lost:,} of its entries")
    for stack in done.stacks:
        print(f"stack {stack} has seen some of them; its owner runs: zonewright recover --stack NAME --ledger-restored")
    for name in done.principals:
        print(
            f"principal {name} has the access of the backup again: see zonewright access list, and grant or revoke it"
        )
    return 0


def _prune(arguments: argparse.Namespace) -> int:
    from contextlib import closing
    from datetime import UTC, date, datetime, timedelta

    from zonewright.cli.connection import ledger_file
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.ledger.store.context import Context
    from zonewright.ledger.store.database import Database
    from zonewright.ledger.verbs.text_pruning import prune_texts
    from zonewright.rules.words import count_of

    today = datetime.now(UTC)
    try:
        day = date.fromisoformat(arguments.before) if arguments.before else today.date() - timedelta(days=KEEP_DAYS)
        before = datetime(day.year, day.month, day.day, tzinfo=UTC)
    except ValueError:
        before = None
    if before is None or before > today:
        raise StoppedError(
            f"--before: expected a day of the past such as 2026-01-31, got {arguments.before}", code=MISUSE
        )
    with closing(Database(ledger_file(arguments.ledger), lock_wait_s=30)) as database:
        found = prune_texts(Context(database=database), before, dry_run=arguments.dry_run)
    word, stay = "would remove" if arguments.dry_run else "removed", count_of(found.kept, "text")
    print(f"{word} {count_of(found.texts, 'text')} ({found.size / 1e6:,.1f} MB), {stay} kept")
    print(f"kept: what is in force, and the evidence of decisions since {before:%Y-%m-%d}")
    if found.sequence:
        print(f"entry {found.sequence} of the journal has the digest of their list; the file stays as large")
    return 0


def _upgrade(arguments: argparse.Namespace) -> int:
    from zonewright.cli.connection import ledger_file
    from zonewright.ledger.migrations.upgrade import upgrade
    from zonewright.rules.words import count_of

    done = upgrade(ledger_file(arguments.ledger))
    if done.backup is None:
        print(f"nothing to do: the ledger has schema {done.after}, the newest")
        return 0
    print(
        f"schema {done.before} is now {done.after}; the journal accounts for {count_of(done.rows, 'row')} from here on"
    )
    print(f"backup: {done.backup}")
    return 0
