"""A stack of an older version goes on: its state, ledger and declarations under the program and provider of today."""

import shutil
from pathlib import Path

import pytest

from support.fixture_maker import Project
from support.fixture_records import copy_ledger
from support.zone_project import REPOSITORY
from zonewright import engine as engine_room

pytestmark = pytest.mark.engine
FIXTURES = sorted((REPOSITORY / "tests" / "fixtures").glob("version-*"))


@pytest.mark.parametrize("fixture", FIXTURES, ids=[path.name for path in FIXTURES])
def test_an_older_stack_has_nothing_to_do_and_can_be_destroyed(
    engine: engine_room.Engine, tmp_path: Path, fixture: Path
) -> None:
    """On copies, an `up` changes nothing, and a destroy frees what the old version claimed."""
    shutil.copytree(fixture / "zone", tmp_path / "zone")
    copy_ledger(fixture, tmp_path)
    project = Project(tmp_path, engine)
    project.run("pulumi", "--non-interactive", "stack", "init", "tenant-a")
    project.pulumi("tenant-a", "stack", "import", "--file", str(fixture / "states" / "tenant-a.json"))
    project.pulumi("tenant-a", "up", "--yes", "--skip-preview", "--expect-no-changes")
    assert "active" in project.ours("ledger", "status", "--stack", "tenant-a")
    project.pulumi("tenant-a", "destroy", "--yes", "--skip-preview")
    assert "active" not in project.ours("ledger", "status", "--stack", "tenant-a")
