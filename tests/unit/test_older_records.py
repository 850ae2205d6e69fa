"""What older versions wrote is read by today's code: ledgers, bundles and states under ``tests/fixtures/version-N``.

A fixture is never made again. Where a later version reads it in another way on purpose, its ``expected.json`` changes
and the commit says why.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from support.fixture_records import (
    BUNDLES,
    EXPECTED,
    bundle_checks,
    copy_ledger,
    files_of,
    ledger_records,
    state_records,
)
from support.second_opinion import require_second
from support.zone_project import REPOSITORY
from zonewright.audit.evidence.bundle import read_bundle
from zonewright.cli import main

FIXTURES = sorted((REPOSITORY / "tests" / "fixtures").glob("version-*"))
pytestmark = pytest.mark.parametrize("fixture", FIXTURES, ids=[path.name for path in FIXTURES])


def expected(fixture: Path) -> dict[str, Any]:
    """What is to be read."""
    document: dict[str, Any] = json.loads((fixture / EXPECTED).read_text(encoding="utf-8"))
    return document


def test_a_fixture_is_as_it_was_made(fixture: Path) -> None:
    """No byte of a fixture has changed since, and nothing lies beside it that a run left there."""
    assert files_of(fixture) == expected(fixture)["files"]


def test_the_ledger_of_an_older_version_is_read(fixture: Path, tmp_path: Path) -> None:
    """Enrolments, claims, assets, changes, deployed files, capacity and journal are those that were recorded."""
    records = ledger_records(fixture, tmp_path)
    assert records["wrong"] is None
    for name, wanted in expected(fixture)["ledger"].items():
        assert records[name] == wanted, name
    states = {item["state"] for stack in records["stacks"] for item in stack["holdings"]}
    assert states == {"active"}
    assert [len(stack["holdings"]) > 0 for stack in records["stacks"]] == [True, True, True, False]


def test_the_commands_open_what_an_older_version_wrote(
    fixture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``ledger verify``, ``audit complete`` and ``audit verify`` find nothing wrong, by a copy and what was kept."""
    copy_ledger(fixture, tmp_path)
    monkeypatch.chdir(tmp_path)
    kept, url = str(fixture / "checkpoint.json"), "sqlite:///ledger.db"
    assert main(["ledger", "verify", "--ledger", url, "--checkpoint", kept]) == 0
    assert "good: " in capsys.readouterr().out
    assert main(["audit", "complete", "--ledger", url, "--checkpoint", kept]) == 0
    assert "nothing is wrong" in capsys.readouterr().out
    bundle, keys = str(fixture / "change.tar"), str(fixture / "keys")
    require_second(read_bundle(Path(bundle)))
    assert main(["audit", "verify", bundle, "--keys", keys, "--checkpoint", kept]) == 0
    assert "nothing is wrong" in capsys.readouterr().out


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_of_an_older_version_is_verified(fixture: Path, name: str) -> None:
    """Every check of the bundle has the verdict that was recorded, and none is wrong."""
    checks = bundle_checks(fixture, name)
    assert [one.line() for one in checks if one.verdict == "wrong"] == []
    assert [f"{one.verdict}: {one.name}" for one in checks] == expected(fixture)["bundles"][name]


def test_the_states_of_an_older_version_are_read(fixture: Path) -> None:
    """Resources of each stack, their ids, inputs and outputs are those that were recorded; the destroyed has none."""
    states = {path.stem: state_records(path) for path in (fixture / "states").glob("*.json")}
    assert states == expected(fixture)["states"]
    assert [name for name, resources in states.items() if not resources] == ["tenant-b"]
