"""Figures that doubt their readings: each ordinary mistake of metering, and what only looks like one."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.golden import compare_golden
from zonewright.cli import main
from zonewright.cli.reading_file import read_file
from zonewright.pue import evaluate, read_meters
from zonewright.pue.readings import time_us

CASES = sorted((Path(__file__).parents[1] / "cases" / "power").iterdir())
CODES = {"within": 0, "breach": 1, "undetermined": 3}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="run")
def _run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


@pytest.mark.parametrize("name", ["meter-read-twice", "swapped-in-a-hole"])
def test_older_decisions_are_judged_by_what_their_version_knew(name: str) -> None:
    """Evidence of a version that did not compare meters gives its figures again; what is decided now is doubted."""
    case = CASES[0].with_name(name)
    settings: dict[str, Any] = yaml.safe_load((case / "case.yaml").read_text(encoding="utf-8"))
    meters, _ = read_meters(yaml.safe_load((case / "meters.yaml").read_text(encoding="utf-8")))
    readings = read_file(case / "readings.csv", None, meters, now_us=2**60).readings
    window = {"start_us": time_us(settings["from"]), "end_us": time_us(settings["to"])}
    found = [evaluate(meters, readings, **window, limit=Fraction(5, 4), compares=one) for one in (False, True)]
    assert [(one.verdict, len(one.doubts)) for one in found] == [("within", 0), ("undetermined", 1)]
    assert found[0].ratio == found[1].ratio


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_a_mistake_of_metering(case: Path, run: Run) -> None:
    """The figure is not what the mistake makes of it, a finding names kind and meters, and each word was reviewed."""
    settings: dict[str, Any] = yaml.safe_load((case / "case.yaml").read_text(encoding="utf-8"))
    asked = (
        *("pue", "evaluate", case / "readings.csv", "--meters", case / "meters.yaml"),
        *("--from", settings["from"], "--to", settings["to"], "--limit", settings["limit"]),
    )
    code, out, err = run(*asked, "--format", "json")
    printed = json.loads(out)
    assert err == ""
    assert printed["verdict"] in settings["verdicts"]
    assert code == CODES[printed["verdict"]]
    found = {one["kind"]: one for one in printed.get("findings", [])}
    assert set(found) == ({settings["finding"]} if settings["finding"] else set())
    for one in found.values():
        assert sorted(one["meters"]) == settings["meters"]
        assert all(name in one["message"] for name in one["meters"])
        assert one["message"] in run(*asked)[1]
    compare_golden(f"power/{case.name}.txt", run(*asked)[1])
