"""A ledger's file kept, and put back: both while others use it, and only what proves to be whole.

What a stack saw after the backup is not in a restored ledger, so the stack is refused until it says so itself.
"""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, select
from sqlalchemy.exc import DatabaseError, OperationalError

from zonewright.errors import reason_of
from zonewright.ledger.protocol.errors import LedgerMisuseError, LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.protocol.journal_messages import JournalEntry, JournalHead
from zonewright.ledger.store import journal, schema, tables
from zonewright.ledger.store.clock import Clock, utc_now
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.heads import has, present_head
from zonewright.ledger.store.paging import paged
from zonewright.ledger.store.state import verify_state

RESTORED = "restored"
"""Of an entry that follows the last one of a backup that was put back: how many entries were given up, and of whom."""
ACCESS_KINDS = frozenset({"access-granted", "access-rotated", "access-revoked"})
"""Of entries by which a principal's access changed."""
_PAGE = 1000
_FILES = ("", "-wal", "-shm")
"""Ends of the names of the files of an SQLite database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore did.

    Attributes:
        head: the last entry of the backup.
        aside: copy of the ledger that was there; None where there was none.
        lost: how many of its entries the backup does not have; None where they cannot be counted.
        stacks: ids of the stacks that these are about: they recover before they go on.
        principals: whose access was given, renewed or ended by them: it is as it was in the backup.
    """

    head: JournalHead
    aside: Path | None = None
    lost: int | None = 0
    stacks: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()


def back_up(path: Path, backup: Path) -> JournalHead:
    """Copy a ledger as it is at one moment, whoever writes to it meanwhile.

    Args:
        path: its file.
        backup: where the copy goes; readable by its owner only.

    Returns:
        The last entry of the copy.

    Raises:
        LedgerMisuseError: when there is something at that place already.
        LedgerUnavailableError: when there is no ledger, or the copy cannot be written; none is left then.
    """
    with closing(Database(path, lock_wait_s=0)):
        copy_database(path, backup)
    with closing(Database(backup, lock_wait_s=0)) as copy, copy.reading() as connection:
        return present_head(connection)


def require_free(*targets: Path) -> None:
    """Refuse to write where something is.

    Raises:
        LedgerMisuseError: names the first that is there.
    """
    for target in targets:
        if target.exists():
            raise LedgerMisuseError("backup", f"{target} is there already; nothing was written; name a new file")


def copy_database(path: Path, target: Path) -> None:
    """Copy an SQLite database as it is at one moment, into a new file that only its owner may read.

    Raises:
        LedgerMisuseError: when there is something at that place already.
        LedgerUnavailableError: when it cannot be read or written; no copy is left then.
    """
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        require_free(target)
        raise
    except OSError as error:
        raise _unwritten(path, target, error) from error
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    except (OSError, sqlite3.Error) as error:
        target.unlink(missing_ok=True)
        raise _unwritten(path, target, error) from error


def _unwritten(path: Path, target: Path, error: Exception) -> LedgerUnavailableError:
    return LedgerUnavailableError(
        "backup",
        f"the copy {target} of {path} cannot be written: {reason_of(error)}; nothing was changed; make room there, or "
        "name a file in another folder",
    )


def restore(backup: Path, path: Path, *, lock_wait_s: float = 30, clock: Clock = utc_now) -> Restored:
    """Put a backup in the place of a ledger, which is kept aside. Others may have it open: they see the backup next.

    Everything that can fail is done on copies before the ledger's file is touched, which happens in one step.

    Args:
        backup: a ledger's file.
        path: the ledger's file; there may be none.
        lock_wait_s: how long to wait for other writers.
        clock: gives the moment of the entry.

    Raises:
        LedgerMisuseError: when both are the same file.
        LedgerRefusedError: when the backup is damaged, or is another ledger's; nothing was changed.
        LedgerUnavailableError: when one of the two cannot be used; nothing was changed.
    """
    if path.exists() and backup.exists() and path.samefile(backup):
        raise LedgerMisuseError("backup", f"{backup} is the ledger itself; nothing was changed; name its backup")
    head = _whole(backup)
    stamped = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    ready = path.with_name(f"{path.name}.restoring-{stamped}")
    aside = path.with_name(f"{path.name}.before-restore-{stamped}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        database = Database(path, create=True, lock_wait_s=lock_wait_s, check_schema=False)
        with closing(database), database.turn():
            if not path.stat().st_size:  # there was none
                done = Restored(head=head)
                _prepare(backup, ready, done, clock)
                _put(ready, path, aside)
                return done
            lost = _lost(database, head)
            done = replace(lost or Restored(head=head, lost=None), aside=aside)
            _prepare(backup, ready, done, clock)
            if lost is None:  # no database any more, so nobody reads it
                database.close()
                _put(ready, path, aside)
                return done
            copy_database(path, aside)
            with closing(sqlite3.connect(ready)) as source, closing(sqlite3.connect(path)) as target:
                source.backup(target)  # one transaction of the ledger's file
            return done
    finally:
        for end in (*_FILES, ".lock"):
            ready.with_name(f"{ready.name}{end}").unlink(missing_ok=True)
        if path.exists() and not path.stat().st_size:
            path.unlink()  # it was made to wait for one's turn


def _put(ready: Path, path: Path, aside: Path) -> None:
    """Put a database in a file's place, and what belongs to that file aside: SQLite would add a log that is left."""
    for end in _FILES:
        file = path.with_name(f"{path.name}{end}")
        if file.exists() and (end or file.stat().st_size):
            file.rename(path.with_name(f"{aside.name}{end}"))
    ready.replace(path)


def _prepare(backup: Path, ready: Path, done: Restored, clock: Clock) -> None:
    """A copy of the backup that ends with the entry of its restore."""
    copy_database(backup, ready)
    with closing(Database(ready, lock_wait_s=0)) as database:
        context = Context(database=database, clock=clock)
        with context.writing() as connection:
            payload = {"lost": done.lost, "stacks": list(done.stacks), "principals": list(done.principals)}
            now = context.now(connection)
            journal.append(connection, at=now, kind=RESTORED, stack_id="", party="", payload=payload)


def _whole(backup: Path) -> JournalHead:
    """The last entry of a backup whose chain and tables agree."""
    with closing(Database(backup, lock_wait_s=0)) as database, database.reading() as connection:
        wrong = journal.verify(_entries(connection))
        faults = [wrong] if wrong else verify_state(connection).faults
        if faults:
            raise LedgerRefusedError(
                "damaged",
                f"the backup {backup} is damaged: {faults[0]}; nothing was changed; take another backup",
            )
        return present_head(connection)


def _entries(connection: Connection) -> Iterator[JournalEntry]:
    rows = paged(connection, select(tables.journal).order_by("sequence"), _PAGE)
    return (journal.entry_of(dict(row)) for row in rows)


def _lost(database: Database, head: JournalHead) -> Restored | None:
    """How many entries of a ledger come after a backup's last one, and whom they are about.

    None where the file is no database that can be read.
    """
    try:
        with database.reading() as connection:
            database.require_present(schema.version_of(connection))
            return _after(connection, database.path, head)
    except LedgerUnavailableError as error:
        is_broken = isinstance(error.__cause__, DatabaseError) and not isinstance(error.__cause__, OperationalError)
        if is_broken:
            return None
        raise


def _after(connection: Connection, path: Path, head: JournalHead) -> Restored:
    own = present_head(connection)
    if own.ledger != head.ledger or not has(connection, head):
        raise LedgerRefusedError(
            "another-ledger",
            f"the backup is of ledger {head.ledger[:12]}, entry {head.sequence}, and {path} is ledger "
            f"{own.ledger[:12]}, which does not have that entry; nothing was changed; correct one of the two, or "
            "move the file away first",
        )
    columns = tables.journal.c.stack_id, tables.journal.c.kind, tables.journal.c.payload
    stacks, principals = set(), set()
    for row in connection.execute(select(*columns).where(tables.journal.c.sequence > head.sequence)):
        stacks |= {row.stack_id} - {""}
        principals |= {str(json.loads(row.payload).get("principal"))} if row.kind in ACCESS_KINDS else set()
    return Restored(
        head=head,
        lost=own.sequence - head.sequence,
        stacks=tuple(sorted(stacks)),
        principals=tuple(sorted(principals)),
    )
