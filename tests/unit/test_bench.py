"""The benchmarks run and say when a limit is missed; their figures are nobody's test."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench.__main__ import main
from bench.figures import Figure, percentile, table
from bench.pace import paced

from support.zone_project import REPOSITORY


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m bench` from the checkout."""
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def test_a_subject_runs_and_writes_its_figures(tmp_path: Path) -> None:
    """One run of the smallest subject prints a table and writes the same figures as JSON."""
    written = tmp_path / "figures.json"
    result = bench("start", "--runs", "1", "--json", str(written))
    assert result.returncode in (0, 1), result.stderr
    document = json.loads(written.read_text(encoding="utf-8"))
    assert document["version"] == 1
    assert all(figure["name"] in result.stdout and figure["value"] > 0 for figure in document["figures"])


def test_an_unknown_subject_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt subject is misuse, with the list of those there are."""
    monkeypatch.setattr(sys, "argv", ["bench", "nods"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert "no subject nods; there are: start, core, rows, nodes" in capsys.readouterr().err


def test_a_missed_limit_is_marked() -> None:
    """A figure above its limit stands out in the table; one at its limit is met."""
    missed, met = Figure("up", 1.6, "times", 1.5), Figure("preview", 1.5, "times", 1.5)
    assert not missed.is_met
    assert met.is_met
    marked = table([missed, met]).splitlines()
    assert marked[0].endswith("limit 1.5  MISSED")
    assert marked[1].endswith("limit 1.5")


def test_a_percentile_is_one_of_the_values() -> None:
    """The 99th percentile of few values is the largest; the 50th of an odd number is the middle one."""
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0


def test_limits_in_seconds_go_with_the_pace_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that is half as fast a second may be two; ratios, sizes and what has no limit stay."""
    monkeypatch.setattr("bench.pace.pace", lambda: 2.0)
    figures = [
        Figure("a", 1.5, "s", 1.0),
        Figure("b", 30, "ms", 10),
        Figure("c", 1.5, "times", 1.0),
        Figure("d", 9, "s"),
    ]
    assert [one.limit for one in paced(figures)] == [2.0, 20, 1.0, None]
    assert [one.is_met for one in paced(figures)] == [True, False, False, True]
