"""Readings and samples in files beside a ledger, brought into its database."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from zonewright.ledger.protocol.errors import LedgerMisuseError
from zonewright.ledger.store.homes import Homes
from zonewright.ledger.store.telemetry_tables import metadata
from zonewright.telemetry.home import EVERYTHING, FileStatements, Statements, TelemetryFile
from zonewright.telemetry.samples import samples_file, samples_path
from zonewright.telemetry.tables import readings_file, telemetry_path

_PAGE = 20_000
_PATIENCE_MS = 2_000
_READINGS = (
    *("meter", "reading", "hourly", "daily", "trust", "stretch", "dip", "intake", "superseded", "pruning", "removal"),
    *("feeding", "bound", "delivery", "delivering", "moved", "moving"),
)
_SAMPLES = (
    *("batch", "batch_run", "series", "sample", "sample_hour", "arrival", "inbox", "quarantine"),
    *("chain_link", "chain_fork", "chain_head", "chain_run", "chain_event", "chain_seal"),
)
_COUNTED = ("arrival", "chain_run", "chain_event")
"""Tables whose numbers are never given twice, although their first rows are removed."""


def files_beside(ledger: Path) -> list[Path]:
    """The files of readings and samples that lie beside a ledger's place."""
    return [path for path in (telemetry_path(ledger), samples_path(ledger)) if path.is_file()]


def bring_files(ledger: Path, homes: Homes, within: Connection | None = None) -> list[Path]:
    """Copy all rows of the files beside a ledger's place into its database, in one transaction; the files stay.

    Nobody else writes readings or samples meanwhile, neither there nor here.

    Args:
        ledger: the ledger's file, or the name that files beside it are formed from.
        homes: of the database.
        within: a transaction of the ledger that is alone in the database; None for one of its own.

    Returns:
        The files.

    Raises:
        LedgerMisuseError: when the database has readings or samples already, or a file is in use; nothing was changed.
    """
    files = files_beside(ledger)
    if not files:
        return []
    require_unused(ledger)
    with ExitStack() as held:
        sources = [
            (held.enter_context(_held(file(path))), tables)
            for path, file, tables in (
                (telemetry_path(ledger), readings_file, _READINGS),
                (samples_path(ledger), samples_file, _SAMPLES),
            )
            if path in files
        ]
        joined = None if within is None else homes.samples.joined(within)
        with homes.samples.writing(EVERYTHING) if joined is None else nullcontext(joined) as target:
            for home in (homes.readings, homes.samples):
                if home.is_there():  # asked when all others have committed what they stored
                    raise LedgerMisuseError(
                        "copy",
                        f"{home.name} are there already, so {_names(files)} cannot be brought there; nothing was "
                        "changed; where an upgrade was ended after it had brought them, move them away; else import "
                        "what is missing with: zonewright pue import",
                    )
            for source, tables in sources:
                _bring(source, tables, target)
    return files


def require_unused(ledger: Path) -> None:
    """Refuse files beside a ledger's place that another process has open: what it stores next would be lost.

    Raises:
        LedgerMisuseError: names them.
    """
    kinds = ((telemetry_path(ledger), readings_file), (samples_path(ledger), samples_file))
    used = [path for path, file in kinds if path.is_file() and not _is_unused(file(path))]
    if used:
        raise LedgerMisuseError(
            "copy",
            f"another process has {_names(used)} open, and what it stores there from now on would be lost; nothing of "
            "it was brought; stop the service that uses it, and try again",
        )


def _is_unused(file: TelemetryFile) -> bool:
    """Whether nobody else has a file open; what lay beside it, not yet in it, is in it afterwards."""
    with file.opened() as connection:
        return _is_ours(connection)


def _is_ours(connection: FileStatements) -> bool:
    connection.execute(f"pragma busy_timeout = {_PATIENCE_MS}")
    try:  # SQLite leaves that way of writing only for who is alone
        return bool(connection.execute("pragma journal_mode = delete").fetchone()[0] == "delete")
    except sqlite3.OperationalError:
        return False


@contextmanager
def _held(file: TelemetryFile) -> Iterator[FileStatements]:
    """A file that nobody else reads or writes, in one piece, with the newest tables."""
    file.make()
    with file.opened() as connection:
        if not _is_ours(connection):
            raise LedgerMisuseError("copy", f"another process uses {file.path}; nothing was changed; stop it")
        connection.execute("begin exclusive")
        yield connection
        connection.execute("rollback")


def _names(files: Iterable[Path]) -> str:
    return ", ".join(map(str, files))


def _bring(source: FileStatements, tables: tuple[str, ...], target: Statements) -> None:
    for name in tables:
        target.execute(f"delete from {name}")  # noqa: S608 - such as the name of new samples
        more = ", rowid" if name == "quarantine" else ""
        rows: Iterator[tuple[object, ...]] = iter(source.execute(f"select *{more} from {name}"))  # noqa: S608
        while page := list(islice(rows, _PAGE)):
            target.add_rows(name, page)
        column = metadata.tables[name].autoincrement_column
        if column is not None:
            _go_on(target, name, column.name, source.last_number(name) if name in _COUNTED else 0)


def _go_on(target: Statements, name: str, column: str, given: int) -> None:
    """Have the numbers of new rows go on after the highest that was ever given."""
    highest = target.execute(f"select coalesce(max({column}), 0) from {name}").fetchone()[0]  # noqa: S608
    if (number := max(int(highest), given)) > 0:
        target.execute("select setval(pg_get_serial_sequence(?, ?), ?)", (name, column, number))
