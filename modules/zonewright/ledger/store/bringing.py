"""Readings and samples in files beside a ledger, brought into its database."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from zonewright.ledger.protocol.errors import LedgerMisuseError
from zonewright.ledger.store.homes import Homes
from zonewright.ledger.store.telemetry_tables import metadata
from zonewright.telemetry.home import Statements, TelemetryFile
from zonewright.telemetry.samples import samples_file, samples_path
from zonewright.telemetry.tables import readings_file, telemetry_path

_PAGE = 20_000
_READINGS = (
    *("meter", "reading", "hourly", "daily", "trust", "stretch", "dip", "intake", "superseded", "pruning", "removal"),
    *("feeding", "bound", "delivery", "delivering"),
)
_SAMPLES = ("batch", "batch_run", "series", "sample", "sample_hour", "arrival", "inbox", "quarantine")


def files_beside(ledger: Path) -> list[Path]:
    """The files of readings and samples that lie beside a ledger's place."""
    return [path for path in (telemetry_path(ledger), samples_path(ledger)) if path.is_file()]


def bring_files(ledger: Path, homes: Homes) -> list[Path]:
    """Copy all rows of the files beside a ledger's place into its database, in one transaction; the files stay.

    Args:
        ledger: the ledger's file, or the name that files beside it are formed from.
        homes: of the database.

    Returns:
        The files.

    Raises:
        LedgerMisuseError: when the database has readings or samples already; nothing was changed.
    """
    files = files_beside(ledger)
    if not files:
        return []
    for home in (homes.readings, homes.samples):
        if home.is_there():
            raise LedgerMisuseError(
                "copy",
                f"{home.name} are there already, so {', '.join(map(str, files))} cannot be brought there; nothing was "
                "changed; import what is missing with: zonewright pue import",
            )
    with homes.samples.writing("*") as target:
        for file, tables in ((readings_file, _READINGS), (samples_file, _SAMPLES)):
            path = telemetry_path(ledger) if tables is _READINGS else samples_path(ledger)
            if path in files:
                _bring(file(path), tables, target)
    return files


def _bring(file: TelemetryFile, tables: tuple[str, ...], target: Statements) -> None:
    file.make()  # one of an older version has its newest tables first
    with file.reading() as source:
        for name in tables:
            target.execute(f"delete from {name}")  # noqa: S608 - such as the name of new samples
            more = ", rowid" if name == "quarantine" else ""
            rows: Iterator[tuple[object, ...]] = iter(source.execute(f"select *{more} from {name}"))  # noqa: S608
            while page := list(islice(rows, _PAGE)):
                target.add_rows(name, page)
            column = metadata.tables[name].autoincrement_column
            if column is not None:
                _go_on(target, name, column.name, source.last_number(name) if name == "arrival" else 0)


def _go_on(target: Statements, name: str, column: str, given: int) -> None:
    """Have the numbers of new rows go on after the highest that was ever given."""
    highest = target.execute(f"select coalesce(max({column}), 0) from {name}").fetchone()[0]  # noqa: S608
    if (number := max(int(highest), given)) > 0:
        target.execute("select setval(pg_get_serial_sequence(?, ?), ?)", (name, column, number))
