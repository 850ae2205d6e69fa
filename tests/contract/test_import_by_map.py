"""Exports of buildings come into the store by a map: shown first, all or nothing, told to the journal with the map."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.changes import ledger_of
from support.judged import judge_once
from support.registers import ZONE
from support.zone_project import REPOSITORY
from zonewright.cli import main
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.canonical import digest_of
from zonewright.telemetry import Store

STORE = Path(".zonewright/ledger.telemetry.db")
MAP = """delimiter: ";"
decimal: ","
thousands: "."
time: {column: Zeit, format: "%d.%m.%Y %H:%M", zone: Asia/Shanghai}
wide:
  "USV A [kWh]": {meter: ups-a, unit: kWh}
"""
EXPORT = "Zeit;USV A [kWh];Netz [Hz]\n01.02.2026 00:00;1.234.567,5;50,0\n02.02.2026 00:00;1.254.567,5;50,0\n"


@pytest.fixture(name="ledger")
def _ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LedgerClient]:
    """A ledger with the facility qp-dc1, an export and its map."""
    monkeypatch.chdir(tmp_path)
    judge_once(monkeypatch)
    ledger_of(tmp_path / ".zonewright", "operator-b", has_people=False)
    Path("m.yaml").write_text(MAP, encoding="utf-8")
    Path("e.csv").write_text(EXPORT, encoding="utf-8")
    with LedgerClient("sqlite:///.zonewright/ledger.db", root=tmp_path) as client:
        yield client


def pue(verb: str, *more: str) -> int:
    """Run a verb on the export of qp-dc1."""
    return main(["pue", verb, "e.csv", "--map", "m.yaml", "--zone", str(ZONE), "--site", "qp-dc1", *more])


def told(ledger: LedgerClient) -> list[tuple[str, str]]:
    """What the journal has on readings: what came, and by which map."""
    found = ledger.call(verbs.HISTORY, HistoryRequest()).entries
    return [(one.payload["what"], one.payload["map"]) for one in found if one.kind == "readings"]


def test_a_dry_run_shows_and_takes_nothing(ledger: LedgerClient, capsys: pytest.CaptureFixture[str]) -> None:
    """What would be taken is shown with span, unit and values; there is no store, and no entry of the journal."""
    assert pue("import", "--dry-run") == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "qp-dc1: nothing was stored; from e.csv would be taken:\n2 rows with values: 2 readings of 1 meter"
    )
    assert (
        "  ups-a (register): 2 from 2026-01-31 16:00Z to 2026-02-01 16:00Z, stated in kWh; first 1234567500 Wh, "
        "last 1254567500 Wh\n" in out
    )
    assert "  columns that the map does not name: Netz [Hz]\n" in out
    assert not STORE.exists()
    assert told(ledger) == []


def test_the_journal_names_the_map(ledger: LedgerClient) -> None:
    """An import, a correction and a withdrawal by a map are in the journal with the digest of the map's bytes."""
    digest = digest_of(MAP)
    assert pue("import") == 0
    assert Store(STORE).last("qp-dc1")["ups-a"][1] == "imported"
    Path("e.csv").write_text(EXPORT.replace("254", "255"), encoding="utf-8")
    assert pue("correct", "--by", "anna", "--reason", "misread") == 0
    assert pue("correct", "--by", "anna", "--reason", "all wrong", "--withdraw") == 0
    assert told(ledger) == [("imported", digest), ("corrected", digest), ("withdrawn", digest)]


def test_nothing_is_stored_of_a_file_with_a_fault(ledger: LedgerClient, capsys: pytest.CaptureFixture[str]) -> None:
    """One wrong cell, or a wrong map, and nothing of the file comes in; the sentence has file and line."""
    Path("e.csv").write_text(EXPORT + "03.02.2026 00:00;kaputt;50,0\n", encoding="utf-8")
    assert pue("import") == 2
    assert "e.csv:4: ups-a: expected a number" in capsys.readouterr().err
    Path("m.yaml").write_text(MAP + "colour: red\n", encoding="utf-8")
    assert pue("import", "--dry-run") == 2
    error = capsys.readouterr().err
    assert error.startswith("m.yaml:7: colour: unknown field")
    assert error.endswith("1 fault; nothing was stored\n")
    assert not STORE.exists()
    assert told(ledger) == []


def test_a_figure_takes_the_same_map(ledger: LedgerClient, capsys: pytest.CaptureFixture[str]) -> None:
    """`pue evaluate` reads an export by the map that the import reads it by."""
    Path("meters.yaml").write_text(
        "meters:\n  ups-a: {role: it, kind: register}\n  main: {role: total, kind: register}\n", encoding="utf-8"
    )
    Path("m.yaml").write_text(MAP + '  "Netz [Hz]": {meter: main, unit: MWh}\n', encoding="utf-8")
    Path("e.csv").write_text(EXPORT.replace("50,0", "74,0").replace("74,0", "50,0", 1), encoding="utf-8")
    window = ("--from", "2026-02-01T00:00:00+08:00", "--to", "2026-02-02T00:00:00+08:00")
    code = main(["pue", "evaluate", "e.csv", "--map", "m.yaml", "--meters", "meters.yaml", *window, "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    assert (code, found["energy_it_wh"], found["energy_total_wh"]) == (0, "20000000.000", "24000000.000")
    assert ledger is not None


def test_the_how_to_is_true(ledger: LedgerClient, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands of the page, on its export and its map, print what the page shows and store it."""
    page = (REPOSITORY / "docs" / "how-to" / "read-a-buildings-export.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL)
    (export, shown), (csv_map,) = ([text for kind, text in blocks if kind == wanted] for wanted in ("text", "yaml"))
    Path("export.csv").write_text(export, encoding="utf-8")
    Path("meters-csv.yaml").write_text(csv_map, encoding="utf-8")
    dry, real = (text.replace("FOLDER", str(ZONE)).split()[1:] for kind, text in blocks if kind == "sh")
    assert main(dry) == 0
    assert capsys.readouterr().out == shown
    assert main(real) == 0
    assert capsys.readouterr().out == "qp-dc1: 2 readings stored, 0 already known, trust class imported\n"
    assert told(ledger) == [("imported", digest_of(csv_map))]
