"""A ledger whose site qp-dc1 has imported readings, and the page of figures that a service makes of it."""

import shutil
from contextlib import chdir
from pathlib import Path

from support.changes import ledger_of
from support.once import made_once
from support.registers import NOW, ZONE, month_before, registers
from zonewright.cli import main
from zonewright.ledger.store.database import Database
from zonewright.server.metrics import metrics_page
from zonewright.telemetry.tables import readings_file

END = month_before(NOW)


def metered(folder: Path) -> str:
    """Make it below a folder, with registers of 8,000 kW of IT; gives the page of the site."""

    def make(at: Path) -> None:
        ledger_of(at / ".zonewright", "operator-b", has_people=False)
        with chdir(at):
            Path("registers.csv").write_text(registers(8_000, end=END), encoding="utf-8")
            assert main(["pue", "import", "registers.csv", "--zone", str(ZONE), "--site", "qp-dc1"]) == 0
        (at / "page").write_text(page_of(at, "qp-dc1"), encoding="utf-8")

    shutil.copytree(made_once(f"page-{NOW:%H}", make), folder, dirs_exist_ok=True)
    return (folder / "page").read_text(encoding="utf-8")


def page_of(folder: Path, site: str | None) -> str:
    """The page as the service makes it."""
    database = Database(folder / ".zonewright" / "ledger.db", lock_wait_s=5)
    try:
        return metrics_page(database, readings_file(folder / ".zonewright" / "ledger.telemetry.db"), NOW, site)
    finally:
        database.close()
