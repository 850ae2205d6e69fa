"""How counts are held against the committed ones: an excess fails with the figure, was, now and what to do."""

import json
from pathlib import Path

from support.speed_guard import ADVICE, GUARD, UPDATE_VARIABLE, compare, figures_of, state_bytes


def test_a_count_that_rises_by_one_is_an_excess_and_says_how_to_go_on() -> None:
    """One more call is told with its name and both numbers, then the command; a figure that is new was 0."""
    committed = {"program calls of propose": 1, "provider calls of confirm": 200}
    verdict = compare(committed, {**committed, "provider calls of confirm": 201, "new": 3}, {}, action="up")
    assert verdict.worse == ["up, new: was 0, now 3.", "up, provider calls of confirm: was 200, now 201."]
    assert UPDATE_VARIABLE in ADVICE
    assert compare(committed, committed, {}, action="up") == compare({}, {}, {}, action="up")


def test_slack_is_only_for_the_figure_that_names_it() -> None:
    """Two percent of slack let 102 of 100 pass, not 103, and not another figure."""
    committed, slack = {"bytes": 100, "calls": 100}, {"bytes": 2}
    assert compare(committed, {"bytes": 102, "calls": 100}, slack, action="up").worse == []
    assert "with 2 % of slack" in compare(committed, {"bytes": 103, "calls": 100}, slack, action="up").worse[0]
    assert len(compare(committed, {"bytes": 100, "calls": 101}, slack, action="up").worse) == 1


def test_what_is_better_by_more_than_ten_percent_is_told() -> None:
    """From 100 to 89 is told, to 90 is not; a figure that is gone is told too."""
    committed = {"a": 100, "b": 100, "c": 1}
    verdict = compare(committed, {"a": 89, "b": 90}, {}, action="preview")
    assert verdict.worse == []
    assert [sentence.partition(".")[0] for sentence in verdict.better] == [
        "preview, a: was 100, now 89",
        "preview, c: was 1, now 0",
    ]


def test_tallies_are_summed_and_modules_counted_once(tmp_path: Path) -> None:
    """Calls of two providers add up, a module that both look for is one, and our own are apart."""
    lines = "module zonewright.model\nmodule json\ncall confirm\ncommit\nstatement\n"
    for process in (1, 2):
        (tmp_path / f"provider-{process}").write_text(lines, encoding="utf-8")
    assert figures_of(tmp_path) == {
        "provider calls of confirm": 2,
        "provider commits of the ledger": 2,
        "provider other modules": 1,
        "provider own modules": 1,
        "provider processes": 2,
        "provider statements of the ledger": 2,
    }


def test_the_size_of_a_state_does_not_depend_on_machine_or_moment() -> None:
    """Folders of source files, of the zone and moments do not count; everything else does."""
    inputs = {"ledger": "sqlite:////short/ledger.db"}
    here = {"urn": "u", "created": "2026", "sourcePosition": "project:///a/b/c.py#1", "inputs": inputs}
    far = {"ledger": "sqlite:////much/longer/ledger.db"}
    there = {**here, "created": "20261", "sourcePosition": "project:///x/c.py#1", "inputs": far}
    size = state_bytes([here], Path("/short"))
    assert size == state_bytes([there], Path("/much/longer"))
    assert size < state_bytes([{**here, "inputs": {**inputs, "n": 1}}], Path("/short"))


def test_the_committed_numbers_have_both_actions() -> None:
    """The file has figures of a preview and of an up, and slack only for figures that it has."""
    document = json.loads(GUARD.read_text(encoding="utf-8"))
    figures = document["figures"]
    assert set(figures) == {"preview", "up"}
    assert set(document["slack_percent"]) <= {name for one in figures.values() for name in one}


def test_a_preview_asks_the_ledger_a_handful_of_times() -> None:
    """So a service that is 20 ms away costs tenths of a second: a connection and an answer for each call, at most."""
    counts = json.loads(GUARD.read_text(encoding="utf-8"))["figures"]["preview"]
    calls = sum(count for name, count in counts.items() if " calls of " in name)
    assert 2 * calls * 0.02 < 0.3, "a thousand nodes may take 1.3 times as long as here, which is a second more"
