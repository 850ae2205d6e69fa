"""Exports of buildings are read by a map: each layout to its readings, each fault with file and line."""

import json
from pathlib import Path

import pytest
import yaml

from zonewright.cli import main
from zonewright.cli.reading_file import ReadingFile, read_file, shown
from zonewright.declare.csv_map import read_csv_map
from zonewright.pue import MeterSpec, read_meters, read_readings

CASES = sorted((Path(__file__).parents[1] / "cases" / "exports").iterdir())
METERS = {
    "main": MeterSpec(role="total", kind="register"),
    "gauge": MeterSpec(role="total", kind="gauge", interval_s=900),
    "load": MeterSpec(role="it", kind="interval"),
}
HEAD = 'delimiter: ";"\ndecimal: ","\nthousands: "."\n'
TIME = 'time: {column: t, format: "%d.%m.%Y %H:%M", zone: Europe/Berlin}\n'


def meters_of(case: Path) -> dict[str, MeterSpec]:
    """The meters of a case."""
    meters, faults = read_meters(yaml.safe_load((case / "meters.yaml").read_text(encoding="utf-8")))
    assert faults == []
    return meters


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_an_export_reads_as_its_readings(case: Path) -> None:
    """Each export of the field gives the readings that another program wrote out for it."""
    meters = meters_of(case)
    found = read_file(case / "export.csv", case / "meters-csv.yaml", meters, now_us=None)
    assert found.faults == []
    expected, faults = read_readings((case / "readings.csv").read_text(encoding="utf-8"), meters)
    assert faults == []
    assert {
        name: [(one.start_us, one.time_us, one.value) for one in items] for name, items in found.readings.items()
    } == {name: [(one.start_us, one.time_us, one.value) for one in items] for name, items in expected.items()}


def read(tmp_path: Path, rows: str, layout: str) -> ReadingFile:
    """Read rows by a map."""
    (tmp_path / "e.csv").write_text(rows, encoding="utf-8")
    (tmp_path / "m.yaml").write_text(layout, encoding="utf-8")
    return read_file(tmp_path / "e.csv", tmp_path / "m.yaml", METERS, now_us=None)


def faults(tmp_path: Path, rows: str, layout: str) -> list[str]:
    """The faults of rows, without the folder."""
    return [fault.removeprefix(f"{tmp_path}/") for fault in read(tmp_path, rows, layout).faults]


def test_all_faults_of_cells_are_told_in_one_run(tmp_path: Path) -> None:
    """Wrong numbers, times, signs, short rows and a cut-off exponent are each a sentence with its line."""
    rows = [
        "t;a;b",
        "01.01.2026 00:00;1.000,5;1",
        "01.01.2026 00:15;10.00,5;2",
        "31.02.2026 00:30;1;2",
        "01.01.2026 24:15;1;2",
        "01.01.2026 01:00;-3;2",
        "01.01.2026 01:15;8,12E+10;2",
        "01.01.2026 01:30;3",
        "01.01.2026 24:00;4;kaputt",
    ]
    found = faults(
        tmp_path,
        "\n".join(rows) + "\n",
        HEAD + TIME + "wide:\n  a: {meter: main, unit: kWh}\n  b: {meter: gauge, unit: kW}\n",
    )
    assert [fault.split(":")[1] for fault in found] == ["3", "4", "5", "6", "7", "8", "9"]
    for fault, words in zip(
        found,
        [
            "main: expected a number with decimal sign ',' and thousands '.', got '10.00,5'",
            "expected a time as '%d.%m.%Y %H:%M', got '31.02.2026 00:30'",
            "got '01.01.2026 24:15'",
            "a register cannot be negative, got -3",
            "shows 3 of 11 digits, so the rest is lost",
            "expected at least 3 columns, got 2",
            "gauge: expected a number",
        ],
        strict=True,
    ):
        assert words in fault


@pytest.mark.parametrize(
    ("choice", "hours"),
    [("first", [0, 1, 2]), ("second", [1, 2, 2]), ("in-order", None), ("refuse", None)],
)
def test_the_repeated_hour_is_said(tmp_path: Path, choice: str, hours: list[int] | None) -> None:
    """A time that comes twice in autumn is the one that the map says; where nothing says it, it is refused."""
    rows = "t;a\n26.10.2025 02:00;1\n26.10.2025 02:45;2\n26.10.2025 03:00;3\n"
    layout = (
        HEAD + TIME.replace("Berlin}", f"Berlin, repeated_hour: {choice}}}") + "wide: {a: {meter: main, unit: Wh}}\n"
    )
    found = read(tmp_path, rows, layout)
    if hours is None:
        words = "do not pass through it twice" if choice == "in-order" else "comes twice in Europe/Berlin"
        assert words in found.faults[0]
        assert ":2: 2025-10-26 02:00" in found.faults[0]
        return
    assert found.taken is not None
    assert [one.time_us // 10**6 % 86_400 // 3600 for one in found.readings["main"]] == [hours[0], hours[0], 2]
    assert list(found.taken.choices.values()) == [[2, 3]]


@pytest.mark.parametrize(("choice", "count"), [("refuse", 0), ("leave-out", 3), ("shift", 4)])
def test_the_missing_hour_is_said(tmp_path: Path, choice: str, count: int) -> None:
    """A time that spring leaves out is refused, left out or shifted; its begin is the moment of the change itself."""
    rows = "t;a\n29.03.2026 01:45;1\n29.03.2026 02:00;2\n29.03.2026 02:30;3\n29.03.2026 03:45;4\n"
    layout = (
        HEAD + TIME.replace("Berlin}", f"Berlin, missing_hour: {choice}}}") + "wide: {a: {meter: main, unit: Wh}}\n"
    )
    found = read(tmp_path, rows, layout)
    if choice == "refuse":
        assert [fault.split(": ", 1)[1][:24] for fault in found.faults] == ["2026-03-29 02:30 does no"]
        return
    assert found.faults == []
    assert found.taken is not None
    minutes = [one.time_us // (60 * 10**6) % 1440 for one in found.readings["main"]]
    assert minutes == ([45, 60, 105] if choice == "leave-out" else [45, 60, 90, 105])
    assert [4] in [*found.taken.left_out.values(), *found.taken.choices.values()]
    assert len(minutes) == count


def test_rows_of_the_other_order_are_refused(tmp_path: Path) -> None:
    """Rows that run from new to old under a map that says otherwise would exchange the two hours of autumn."""
    rows = "t;a\n26.10.2025 04:00;3\n26.10.2025 01:00;1\n"
    found = faults(tmp_path, rows, HEAD + TIME + "wide: {a: {meter: main, unit: Wh}}\n")
    assert found == ["e.csv:2: the rows do not run oldest-first, as the map says; write order: newest-first, or any"]


@pytest.mark.parametrize(("choice", "value"), [("refuse", None), ("first", 1), ("last", 2)])
def test_two_values_at_one_time(tmp_path: Path, choice: str, value: int | None) -> None:
    """Of two values at one time the map says which counts, and the other one is told with its line."""
    rows = "t;a\n01.01.2026 00:00;1\n01.01.2026 00:00;2\n01.01.2026 01:00;5\n01.01.2026 01:00;5\n"
    found = read(tmp_path, rows, HEAD + f"duplicates: {choice}\n" + TIME + "wide: {a: {meter: main, unit: Wh}}\n")
    if value is None:
        assert "meter 'main' has another value at that time on line 2" in found.faults[0]
        assert len(found.faults) == 1
        return
    assert [one.value for one in found.readings["main"]] == [value, 5]
    assert found.taken is not None
    assert list(found.taken.left_out.values()) == [[3 if choice == "first" else 2]]


def test_a_daily_counter_that_drops_within_a_day(tmp_path: Path) -> None:
    """What restarts at noon leaves that step unknown; a value at midnight ends a day unless it is lower."""
    rows = [
        "01.01.2026 06:00;6",
        "01.01.2026 12:00;2",
        "01.01.2026 18:00;5",
        "02.01.2026 00:00;0",
        "02.01.2026 06:00;7",
    ]
    layout = HEAD + TIME + "wide: {a: {meter: load, unit: kWh, restarts: daily}}\n"
    found = read(tmp_path, "t;a\n" + "\n".join(rows) + "\n", layout)
    assert found.faults == []
    hour_us = 3600 * 10**6
    first = found.readings["load"][0].start_us or 0
    spans = [((one.start_us or 0) - first, one.time_us - first, one.value) for one in found.readings["load"]]
    assert [(low // hour_us, high // hour_us, int(value)) for low, high, value in spans] == [
        (0, 6, 6000),
        (12, 18, 3000),
        (24, 30, 7000),
    ]
    assert found.taken is not None
    assert found.taken.left_out == {"load restarts within a day: the time before it is not known": [3]}


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        (
            "t;a\n01.01.2026 00:00;1\n",
            "{a: {meter: main, unit: kW}}",
            "2: meter 'main' is a register, and power is none",
        ),
        (
            "t;a\n01.01.2026 00:00;1\n",
            "{a: {meter: gauge, unit: kWh}}",
            "2: meter 'gauge' is a gauge, and energy is none",
        ),
        ("t;a\n01.01.2026 00:00;1\n", "{a: {meter: load, unit: kWh}}", "2: meter 'load' counts intervals, and the map"),
        (
            "t;a\n01.01.2026 00:00;1\n",
            "{b: {meter: main, unit: kWh}}",
            "1: expected a column 'b' on the header, got 't', 'a'",
        ),
        (
            "t;a;a\n01.01.2026 00:00;1;2\n",
            "{a: {meter: main, unit: Wh}}",
            "1: the header has 2 columns 'a'; name one by",
        ),
        (
            "t;a\n01.01.2026 00:00;1\n",
            "{a: {meter: other, unit: Wh}}",
            "1: meter 'other' is not declared (there are: gauge",
        ),
        ("t;a\n01.01.2026 00:00;1\n", "{a: {meter: main, unit: cell}}", "2: main: expected a number with its unit"),
        ("t;a\n01.01.2026 00:00;1 mWh\n", "{a: {meter: main, unit: cell}}", "2: main: expected a unit of Wh, kWh"),
        ("t;a\n", "{a: {meter: main, unit: Wh}}", "2: the file has no row with values"),
        ('t;a\n01.01.2026 00:00;"1\n', "{a: {meter: main, unit: Wh}}", "2: the row cannot be read"),
        (
            "t;a\n01.01.2026 00:00;1 kWh\n01.01.2026 01:00;1 kW\n",
            "{a: {meter: main, unit: cell}}",
            "2: meter 'main' has power on some lines and energy on others, such as 3",
        ),
    ],
)
def test_what_does_not_fit_the_map(tmp_path: Path, rows: str, columns: str, words: str) -> None:
    """A column, a unit or a meter that is not what the map says is one sentence, at the header or the first row."""
    found = faults(tmp_path, rows, HEAD + TIME + f"wide: {columns}\n")
    assert len(found) == 1
    assert found[0].startswith(f"e.csv:{words}")


def test_all_faults_of_a_map_are_told_with_their_lines(tmp_path: Path) -> None:
    """A map that does not fit together is refused with one sentence for each place, and the export is not looked at."""
    (tmp_path / "m.yaml").write_text(
        """decimal: ","
thousands: ","
header_line: 0
colour: red
order: any
time:
  column: "#1"
  format: "%d.%m. %Q"
  zone: Europe/Berlni
  repeated_hour: in-order
interval: {length_s: 900, calendar: day}
wide:
  Haupt: {meter: main, unit: kWh}
  "#3": {meter: gauge, unit: kVAh}
  "#4": {meter: load}
""",
        encoding="utf-8",
    )
    found = read_csv_map(tmp_path / "m.yaml")
    assert found.content is None
    told = [(one.line, one.path) for one in found.problems]
    assert told == [
        (2, "thousands"),
        (4, "colour"),
        (8, "time.format"),
        (9, "time.zone"),
        (10, "time.repeated_hour"),
        (11, "interval"),
        (13, "wide.Haupt"),
        (14, "wide.'#3'.unit"),
        (15, "wide.'#4'"),
    ]
    assert all(str(one).startswith(f"{tmp_path}/m.yaml:") for one in found.problems)


@pytest.mark.parametrize(
    ("raw", "encoding", "words"),
    [
        ("t;a\nä".encode("latin-1"), "utf-8", "2: byte 0xe4 is no utf-8; write the encoding"),
        ("t;a\n".encode("utf-16"), "utf-8", "1: the file begins with the mark of utf-16, and the map says utf-8"),
    ],
)
def test_another_encoding_is_a_fault(tmp_path: Path, raw: bytes, encoding: str, words: str) -> None:
    """A file in another encoding than the map says is not guessed."""
    (tmp_path / "e.csv").write_bytes(raw)
    (tmp_path / "m.yaml").write_text(
        HEAD + f"encoding: {encoding}\n" + TIME + "wide: {a: {meter: main, unit: Wh}}\n", encoding="utf-8"
    )
    found = read_file(tmp_path / "e.csv", tmp_path / "m.yaml", METERS, now_us=None)
    assert found.faults[0].startswith(f"{tmp_path}/e.csv:{words}")


def test_what_would_be_taken_is_shown() -> None:
    """Rows, meters, span, units, first and last values, and what is left out with its lines."""
    case = next(case for case in CASES if case.name == "building-trend-log")
    meters = meters_of(case) | {"spare": MeterSpec(role="total", kind="register")}
    found = read_file(case / "export.csv", case / "meters-csv.yaml", meters, now_us=None)
    assert list(shown(found, meters)) == [
        "18 rows with values: 16 readings of 2 meters",
        "  cooling (gauge): 8 from 2026-03-28 23:00Z to 2026-03-29 02:30Z, stated in kW; first 412000 W, last 422500 W",
        (
            "  ups-a (register): 8 from 2026-03-28 23:00Z to 2026-03-29 02:30Z, stated in MWh; first 70000000000 Wh, "
            "last 70002450000 Wh"
        ),
        "  without readings: spare",
        "  left out: name 'S1'ROOM'Temp' is not in the map: line 14",
        "  columns that the map does not name: Quality",
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_maps_name_their_schema(case: Path) -> None:
    """The first line of each map of these cases names the published schema, as an editor looks for it."""
    first = (case / "meters-csv.yaml").read_text(encoding="utf-8").splitlines()[0]
    path = case / first.removeprefix("# yaml-language-server: $schema=")
    assert json.loads(path.read_text(encoding="utf-8"))["title"] == "CsvMap"


HOSTILE = "\x1b[2J\n9: no fault at all\u202e"


@pytest.mark.parametrize(
    ("rows", "layout"),
    [
        (f't;a\n01.01.2026 00:00;"{HOSTILE}"\n', "wide: {a: {meter: main, unit: kWh}}"),
        (f't;a\n01.01.2026 00:00;"{HOSTILE} kWh"\n', "wide: {a: {meter: main, unit: cell}}"),
        (f't;a\n01.01.2026 00:00;"1 {HOSTILE}"\n', "wide: {a: {meter: main, unit: cell}}"),
        (f't;a\n"{HOSTILE}";1\n', "wide: {a: {meter: main, unit: kWh}}"),
        (f't;"{HOSTILE}"\n01.01.2026 00:00;1\n'.replace("\n9", "9", 1), "wide: {a: {meter: main, unit: kWh}}"),
        (f't;m;v\n01.01.2026 00:00;"{HOSTILE}";1\n', "long: {meter: m, value: v, unit: kWh}"),
    ],
)
def test_no_fault_says_what_a_cell_makes_a_terminal_do(tmp_path: Path, rows: str, layout: str) -> None:
    """A fault is one line that can be read, whatever stands in a file from elsewhere."""
    found = faults(tmp_path, rows, HEAD + TIME + layout)
    assert found
    assert all(fault.isprintable() for fault in found)


def test_names_of_a_file_make_no_terminal_do_anything(tmp_path: Path) -> None:
    """What a dry run shows of columns and names that the map leaves out can be read, and is not endless."""
    columns = ";".join(["\x1b[2J", *(f"c{number}" for number in range(5_000))])
    layout = "long: {meter: m, value: v, unit: kWh, meters: {x: {meter: main}}}"
    rows = f"t;m;v;{columns}\n01.01.2026 00:00;x;1{';' * 5_001}\n01.01.2026 00:00;\x1b[2J;1{';' * 5_001}\n"
    told = list(shown(read(tmp_path, rows, HEAD + TIME + layout), METERS))
    assert all(line.isprintable() for line in told)
    assert "left out: name '\\x1b[2J' is not in the map: line 3" in told[-2]
    assert told[-1].startswith("  columns that the map does not name: '\\x1b[2J', c0, c1, ")
    assert told[-1].endswith(", c98, and 4,901 more")


def test_more_footer_lines_than_rows_leave_no_row(tmp_path: Path) -> None:
    """An export of an hour without values has sums only, which are no values."""
    rows = "t;a\n01.01.2026 00:00;1\n01.01.2026 00:15;2\n"
    found = faults(tmp_path, rows, HEAD + TIME + "footer_lines: 3\nwide: {a: {meter: main, unit: kWh}}\n")
    assert found == ["e.csv:2: the file has no row with values; correct first_line or footer_lines"]


def test_readings_of_our_own_form_are_shown_as_text() -> None:
    """A file as zonewright writes it is from elsewhere too."""
    rows = [
        "meter,start,time,value",
        "\x1b[2J,,2026-01-01T00:00:00Z,1",
        "main,,2026\x1b,1",
        "main,,2026-01-01T00:00:00Z,\x1b",
    ]
    _, found = read_readings("\n".join(rows) + "\n", METERS)
    assert len(found) == 3
    assert all(fault.isprintable() for fault in found)


def test_a_dry_run_refuses_what_the_import_would_refuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a file that contradicts what is stored, a dry run does not say that it would be taken."""
    folder = Path(__file__).parents[2] / "stacks" / "zones" / "reference"
    layout = tmp_path / "m.yaml"
    layout.write_text(HEAD + TIME + "wide: {a: {meter: ups-a, unit: kWh}}\n", encoding="utf-8")
    ledger = f"sqlite:///{tmp_path}/ledger.db"

    def run(last: int, *more: str) -> tuple[int, str, str]:
        (tmp_path / "e.csv").write_text(f"t;a\n01.01.2026 00:00;1\n01.01.2026 00:15;{last}\n", encoding="utf-8")
        options = ("--map", str(layout), "--zone", str(folder), "--site", "qp-dc1", "--ledger", ledger)
        code = main(["pue", "import", str(tmp_path / "e.csv"), *options, *more])
        return code, *capsys.readouterr()

    code, out, _ = run(2, "--dry-run")
    assert (code, "beside what is stored" in out, list(tmp_path.glob("*.db*"))) == (0, False, [])
    assert run(2)[0] == 0
    code, out, _ = run(2, "--dry-run")
    assert (code, out.splitlines()[-1]) == (0, "beside what is stored: 0 new, 2 already known")
    code, out, err = run(3, "--dry-run")
    assert (code, out) == (1, "")
    assert "already has another reading at the time of line 3" in err
