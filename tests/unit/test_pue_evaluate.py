"""Energy ratios equal the vectors, which an independent program computed in exact arithmetic; faults are all told."""

import json
import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from zonewright.cli import main
from zonewright.pue import MeterSpec, Reading, evaluate, read_meters, read_readings
from zonewright.pue.printing import decimals, figure_data

CASES = sorted((Path(__file__).parents[1] / "cases" / "pue").iterdir())
HOUR_US = 3_600 * 10**6
CODES = {"within": 0, "breach": 1, "undetermined": 3}
METERS = "meters:\n  main: {role: total, kind: register}\n  it-1: {role: it, kind: register}\n"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="run")
def _run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_a_vector(case: Path, run: Run) -> None:
    """The command prints the fields of the vector, equal as text, and ends with the code of its verdict."""
    settings = yaml.safe_load((case / "case.yaml").read_text(encoding="utf-8"))
    code, out, err = run(
        *("pue", "evaluate", case / "readings.csv", "--meters", case / "meters.yaml", "--format", "json"),
        *("--from", settings["from"], "--to", settings["to"], "--limit", settings["limit"]),
    )
    expected = json.loads((case / "expect.json").read_text(encoding="utf-8"))
    printed = json.loads(out)
    assert err == ""
    assert {key: printed[key] for key in expected} == expected
    assert code == CODES[expected["verdict"]]


def figure(total: str, it: str, *, main_class: float | None, it_class: float | None) -> dict[str, object]:
    """The figure of a year with one register on each side."""
    meters, faults = read_meters(
        {
            "meters": {
                "main": {"role": "total", "kind": "register", "accuracy_class": main_class},
                "it-1": {"role": "it", "kind": "register", "accuracy_class": it_class},
            }
        }
    )
    assert faults == []
    year = 365 * 24 * HOUR_US
    readings = {
        "main": [Reading(None, 0, Fraction(0), 1), Reading(None, year, Fraction(total), 2)],
        "it-1": [Reading(None, 0, Fraction(0), 1), Reading(None, year, Fraction(it), 2)],
    }
    found = evaluate(meters, readings, start_us=0, end_us=year, limit=Fraction("1.25"))
    return figure_data(found)


@pytest.mark.parametrize(("accuracy", "width"), [(0.2, 0.00408), (0.5, 0.01021), (1.0, 0.02041), (2.0, 0.04082)])
def test_classes_of_meters_widen_the_ratio(accuracy: float, width: float) -> None:
    """V14: two meters of one class at 1.25 (k = 2), and the verdict that follows beside the legal one."""
    found = figure("1250000", "1000000", main_class=accuracy, it_class=accuracy)
    assert abs(float(str(found["meter_half_width"])) - width) < 0.000005
    assert (found["verdict"], found["meter_verdict"]) == ("within", "undetermined")


def test_the_highest_ratio_that_is_surely_within() -> None:
    """V14: with class 0.5 on both meters 1.25 / 1.008165 = 1.239877 is the highest ratio that is surely within."""
    assert figure("1239870", "1000000", main_class=0.5, it_class=0.5)["meter_verdict"] == "within"
    assert figure("1239880", "1000000", main_class=0.5, it_class=0.5)["meter_verdict"] == "undetermined"
    assert figure("1270000", "1000000", main_class=0.5, it_class=0.5)["meter_verdict"] == "breach"
    assert "meter_verdict" not in figure("1270000", "1000000", main_class=0.5, it_class=None)
    assert "meter_verdict" not in figure("0", "1000000", main_class=0.5, it_class=0.5)


def test_faults_are_all_told_with_their_lines(tmp_path: Path, run: Run) -> None:
    """Each faulty row has one sentence with file and line, and nothing is evaluated."""
    (tmp_path / "m.yaml").write_text(METERS + "  bill: {role: total, kind: interval}\n", encoding="utf-8")
    rows = [
        "meter,start,time,value",
        "main,,2025-01-01T00:00:00+00:00,0",
        "main,,2025-01-01T00:00:00+00:00,1",
        "main,,2025-01-02T00:00:00,5",
        "other,,2025-01-02T00:00:00+00:00,5",
        "it-1,,2025-01-02T00:00:00+00:00,-5",
        "it-1,,2025-01-03T00:00:00+00:00,nan",
        "it-1,,2025-01-04T00:00:00+00:00,1e999999",
        "it-1,2025-01-04T00:00:00+00:00,2025-01-05T00:00:00+00:00,5",
        "bill,,2025-01-05T00:00:00+00:00,5",
        "bill,2025-01-01T00:00:00+00:00,2025-02-01T00:00:00+00:00,5",
        "bill,2025-01-31T00:00:00+00:00,2025-03-01T00:00:00+00:00,5",
        "bill,2025-05-01T00:00:00+00:00,2025-04-01T00:00:00+00:00,5",
        "main,,never,5",
        "main,5",
    ]
    (tmp_path / "r.csv").write_text("\n".join(rows), encoding="utf-8")
    code, out, err = run(
        *("pue", "evaluate", tmp_path / "r.csv", "--meters", tmp_path / "m.yaml", "--limit", "0.9"),
        *("--from", "2025-01-01", "--to", "2025-01-01T00:00:00+00:00"),
    )
    assert (code, out) == (2, "")
    lines = [line.split(":")[1] for line in err.splitlines() if line.startswith(str(tmp_path / "r.csv"))]
    assert [int(line) for line in lines] == [3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15]
    assert "--from: expected ISO 8601 with an offset" in err
    assert "--limit: expected a ratio from 1 to 10, got '0.9'" in err
    assert err.endswith("14 faults; nothing was evaluated\n")
    assert "Traceback" not in err


def test_readings_of_the_future_are_faults(tmp_path: Path, run: Run) -> None:
    """A year that has not been yet has no readings: a file that has them is refused with the line."""
    (tmp_path / "m.yaml").write_text(METERS, encoding="utf-8")
    rows = ["meter,start,time,value", "main,,2025-01-01T00:00:00+00:00,0", "main,,9025-01-01T00:00:00+00:00,1"]
    (tmp_path / "r.csv").write_text("\n".join(rows), encoding="utf-8")
    window = ("--from", "2025-01-01T00:00:00+00:00", "--to", "9025-01-01T00:00:00+00:00")
    code, _, err = run("pue", "evaluate", tmp_path / "r.csv", "--meters", tmp_path / "m.yaml", *window)
    assert code == 2
    assert "r.csv:3: meter 'main' has a reading of the future" in err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[]", "expected a mapping 'meters'"),
        ("meters: {a: {role: total, kind: gauge}}", "a gauge needs interval_s"),
        ("meters: {a: {role: total, kind: register}}", "no meter has the role 'it'"),
        ("meters: {a: {role: all, kind: register, raiting_w: 5}}", "meters.a.raiting_w: Extra inputs"),
        ("meters: {a: {role: it, kind: register, rating_w: -5}}", ", got -5; correct it"),
        ("meters: {a: {kind: register}}", "meters.a.role: Field required; correct it"),
        ("meters: [", "cannot be read"),
    ],
)
def test_faults_of_meters(text: str, sentence: str, tmp_path: Path, run: Run) -> None:
    """A list of meters that cannot be used is one sentence, not a traceback."""
    (tmp_path / "m.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "r.csv").write_text("meter,start,time,value\n", encoding="utf-8")
    window = ("--from", "2025-01-01T00:00:00+00:00", "--to", "2026-01-01T00:00:00+00:00")
    code, _, err = run("pue", "evaluate", tmp_path / "r.csv", "--meters", tmp_path / "m.yaml", *window)
    assert code == 2
    assert sentence in err


def test_a_file_of_faults_is_not_told_to_its_end() -> None:
    """After a thousand faults the rest of the rows is not read, and a sentence says that more may follow."""
    meters, _ = read_meters(
        {"meters": {"a": {"role": "total", "kind": "register"}, "b": {"role": "it", "kind": "register"}}}
    )
    rows = ["meter,start,time,value", *["a,,never,1"] * 1_001]
    _, faults = read_readings("\n".join(rows), meters)
    assert len(faults) == 1_001
    assert faults[-1] == "1002: more faults follow; correct those named above first"
    assert len(read_readings("\n".join(rows[:-1]), meters)[1]) == 1_000


def test_text_for_people(run: Run) -> None:
    """Without JSON the verdict comes first, with its limit and period."""
    case = next(path for path in CASES if path.name == "one-wh-over")
    window = ("--from", "2025-01-01T00:00:00+00:00", "--to", "2026-01-01T00:00:00+00:00")
    code, out, _ = run("pue", "evaluate", case / "readings.csv", "--meters", case / "meters.yaml", *window)
    assert code == 1
    assert out.startswith("breach: energy ratio 1.250000, limit 1.25 (annual)\n")


@given(
    values=st.lists(st.integers(0, 10**9), min_size=2, max_size=30),
    cut=st.integers(1, 99),
    seed=st.integers(0, 1000),
)
def test_a_window_is_the_sum_of_its_parts(values: list[int], cut: int, seed: int) -> None:
    """Energies of two windows that meet add up to that of both, whatever the order of rows; and bounds hold."""
    meters = {
        "main": MeterSpec(role="total", kind="register", rating_w=10**7),
        "it-1": MeterSpec(role="it", kind="gauge", interval_s=3600, rating_w=10**9),
    }
    level = 0
    rows = []
    for index, value in enumerate(values):
        level += value
        moment = f"2025-01-01T{index % 24:02}:00:00+00:00" if index < 24 else f"2025-01-02T{index - 24:02}:00:00+00:00"
        rows += [f"main,,{moment},{level}", f"it-1,,{moment},{value}"]
    random.Random(seed).shuffle(rows)
    readings, faults = read_readings("meter,start,time,value\n" + "\n".join(rows), meters)
    assert faults == []
    start = readings["main"][0].time_us
    end = readings["main"][-1].time_us
    middle = start + (end - start) * cut // 100
    limit = Fraction("1.25")

    def part(low: int, high: int) -> tuple[Fraction, Fraction]:
        if low == high:
            return Fraction(), Fraction()
        found = evaluate(meters, readings, start_us=low, end_us=high, limit=limit)
        if found.ratio is not None and found.coverage == 1:
            assert found.low == found.high == found.ratio
        if None not in (found.low, found.high):
            assert found.low is not None
            assert found.high is not None
            assert found.low <= found.high
        return found.energy_total_wh, found.energy_it_wh

    whole, first, second = part(start, end), part(start, middle), part(middle, end)
    assert (first[0] + second[0], first[1] + second[1]) == whole


def test_halves_are_rounded_to_even() -> None:
    """A half in the last place goes to the even digit, as accountants expect."""
    assert [decimals(Fraction(n, 2000), 3) for n in (1, 3, 5, -1, -3)] == ["0.000", "0.002", "0.002", "0.000", "-0.002"]
