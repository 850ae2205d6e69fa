"""The verbs of ``zonewright ledger`` that work on the ledger itself: its file, or its database."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEEP_DAYS = 430
"""As long as the readings of meters are kept, which the evidence of decisions rests on."""


def backup(arguments: argparse.Namespace) -> int:
    """Copy the ledger, and the readings beside it."""
    from zonewright.cli.connection import ledger_file
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.ledger.store.backup import back_up, copy_database, require_free
    from zonewright.telemetry.tables import telemetry_path

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


def restore(arguments: argparse.Namespace) -> int:
    """Put a backup in the ledger's place, and say who has seen more than it has."""
    from zonewright.cli.connection import ledger_file
    from zonewright.ledger.store.backup import copy_database, restore
    from zonewright.telemetry.tables import telemetry_path

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


def copy(arguments: argparse.Namespace) -> int:
    """Bring a ledger's file to PostgreSQL, with what lies beside it."""
    from contextlib import closing

    from zonewright.cli.connection import ledger_file, ledger_place
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.declare.private_file import make_private
    from zonewright.ledger.store.bringing import bring_files, require_unused
    from zonewright.ledger.store.copying import copy_ledger
    from zonewright.ledger.store.database import Database
    from zonewright.ledger.store.homes import homes_of
    from zonewright.ledger.transport.client import lock_wait_s

    path, (beside, url) = ledger_file(arguments.ledger), ledger_place(arguments.target)
    if not url:
        raise StoppedError(
            f"expected postgresql://HOST/DATABASE, got {arguments.target}; a file is copied with: zonewright ledger "
            "backup",
            code=MISUSE,
        )
    require_unused(path)
    with (
        closing(Database(path, lock_wait_s=lock_wait_s())) as source,
        closing(Database(beside, url, create=True, lock_wait_s=lock_wait_s())) as target,
        closing(homes_of(target)) as homes,
    ):
        brought: list[Path] = []
        head = copy_ledger(source, target, lambda new: brought.extend(bring_files(path, homes, new)))
    print(f"ledger {head.ledger[:12]} up to entry {head.sequence:,} ({head.hash[7:19]}), verified on both sides")
    for file in brought:
        print(f"all rows of {file} are in the database too")
    beside.parent.mkdir(exist_ok=True)
    key, kept = path.with_suffix(".key"), beside.with_suffix(".key")
    if key.is_file() and kept.exists() and kept.read_bytes() != key.read_bytes():
        print(f"not copied, since another key is there already: {kept}; checkpoints would have another signature")
    elif key.is_file() and not kept.exists():
        make_private(kept)
        kept.write_bytes(key.read_bytes())
        print(f"beside it: {kept}")
    print(f"move {path} away now: whoever still writes to it has another ledger from here on")
    return 0


def prune(arguments: argparse.Namespace) -> int:
    """Remove texts that nothing needs any more, or say what would go."""
    from contextlib import closing
    from datetime import UTC, date, datetime, timedelta

    from zonewright.cli.connection import ledger_place
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.ledger.store.context import Context
    from zonewright.ledger.store.database import Database
    from zonewright.ledger.transport.client import lock_wait_s
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
    with closing(Database(*ledger_place(arguments.ledger), lock_wait_s=lock_wait_s())) as database:
        found = prune_texts(Context(database=database), before, dry_run=arguments.dry_run)
    word, stay = "would remove" if arguments.dry_run else "removed", count_of(found.kept, "text")
    print(f"{word} {count_of(found.texts, 'text')} ({found.size / 1e6:,.1f} MB), {stay} kept")
    print(f"kept: what is in force, and the evidence of decisions since {before:%Y-%m-%d}")
    if found.sequence:
        print(f"entry {found.sequence} of the journal has the digest of their list; the file stays as large")
    return 0


def upgrade(arguments: argparse.Namespace) -> int:
    """Bring the ledger to this version."""
    from zonewright.cli.connection import ledger_place
    from zonewright.ledger.migrations.upgrade import upgrade
    from zonewright.rules.words import count_of

    place = ledger_place(arguments.ledger)
    done = upgrade(*place)
    for file in _brought(*place):
        print(f"all rows of {file} are in the database now; it is not used any more, and has this name: {file}.brought")
    if done.before == done.after:
        print(f"nothing to do: the ledger has schema {done.after}, the newest")
        return 0
    print(
        f"schema {done.before} is now {done.after}; the journal accounts for {count_of(done.rows, 'row')} from here on"
    )
    if done.backup is not None:
        print(f"backup: {done.backup}")
    return 0


def _brought(path: "Path", url: str) -> "list[Path]":
    """The files beside a ledger on PostgreSQL whose rows were brought into its database; they get another name."""
    from contextlib import closing

    from zonewright.ledger.store.bringing import bring_files, files_beside
    from zonewright.ledger.store.database import Database
    from zonewright.ledger.store.homes import homes_of
    from zonewright.ledger.transport.client import lock_wait_s

    if not url or not files_beside(path):
        return []
    with closing(Database(path, url, lock_wait_s=lock_wait_s())) as database, closing(homes_of(database)) as homes:
        files = bring_files(path, homes)
    for file in files:
        file.rename(f"{file}.brought")
    return files
