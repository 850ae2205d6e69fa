"""A stack of an older version goes on: its state, ledger and declarations under the program and provider of today."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.fixture_maker import Project
from support.fixture_records import copy_ledger
from support.warm_python import warm_python
from support.zone_project import REPOSITORY
from zonewright import engine as engine_room

pytestmark = pytest.mark.engine
FIXTURES = sorted((REPOSITORY / "tests" / "fixtures").glob("version-*"))
FROM_OLDER = pytest.mark.parametrize("fixture", FIXTURES, ids=[path.name for path in FIXTURES])


def _taken_up(engine: engine_room.Engine, folder: Path, fixture: Path, stack: str) -> Project:
    """A project with the declarations, the ledger and the state of one stack of an older version."""
    shutil.copytree(fixture / "zone", folder / "zone")
    copy_ledger(fixture, folder)
    project = Project(folder, engine)
    file = folder / "Pulumi.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text(encoding="utf-8")), "runtime": "python"}))
    project.environment |= warm_python().variables()
    project.run("pulumi", "--non-interactive", "stack", "init", stack)
    project.pulumi(stack, "stack", "import", "--file", str(fixture / "states" / f"{stack}.json"))
    return project


def _status(project: Project) -> str:
    """What the ledger holds for the tenant."""
    return project.run(warm_python().path(), "-m", "zonewright.cli", "ledger", "status", "--stack", "tenant-a")


def _inputs(project: Project, stack: str, kind: str) -> dict[str, dict[str, Any]]:
    """Inputs of the resources of one type, with their generation, by name."""
    state = json.loads(project.pulumi(stack, "stack", "export"))["deployment"]["resources"]
    found = [item for item in state if item["type"] == f"zonewright:index:{kind}"]
    return {
        item["urn"].rpartition("::")[2]: {**item["inputs"], "generation": item["outputs"]["generation"]}
        for item in found
    }


@FROM_OLDER
def test_older_ducts_and_links_have_nothing_to_do(engine: engine_room.Engine, tmp_path: Path, fixture: Path) -> None:
    """What a state has with a digest only is as declared; the run that changes nothing adds its numbers."""
    project = _taken_up(engine, tmp_path, fixture, "carrier")
    before = _inputs(project, "carrier", "Duct")
    project.pulumi("carrier", "up", "--yes", "--skip-preview", "--expect-no-changes")
    after = _inputs(project, "carrier", "Duct")
    assert before.keys() == after.keys() != set()
    assert all("bores" not in inputs for inputs in before.values())
    assert all(inputs["bores"] > 0 for inputs in after.values())


@FROM_OLDER
def test_older_rows_stay_when_their_site_changes(engine: engine_room.Engine, tmp_path: Path, fixture: Path) -> None:
    """Meters get the rating that is asked for by now: the site is updated in place, and no row is touched."""
    project = _taken_up(engine, tmp_path, fixture, "operator")
    path = tmp_path / "zone" / "facility-operator.yaml"
    path.write_text(re.sub(r"(point: [a-z-]+)", r"\1, rating_w: 4000000", path.read_text(encoding="utf-8")))
    before = _inputs(project, "operator", "Row")
    output = project.pulumi("operator", "up", "--yes", "--skip-preview")
    after = _inputs(project, "operator", "Row")
    assert "~ 4 updated" in output, output  # the site, the Completion, and what this version's templates give two sites
    assert "+-1 replaced" in output, "the Admission, as in every change"
    assert {name: inputs["generation"] for name, inputs in before.items()} == {
        name: inputs["generation"] for name, inputs in after.items()
    }
    assert all(inputs["racks"] > 0 and inputs["feeds"] for inputs in after.values())


@FROM_OLDER
def test_an_older_stack_has_nothing_to_do_and_can_be_destroyed(
    engine: engine_room.Engine, tmp_path: Path, fixture: Path
) -> None:
    """On copies, an `up` brings this version's files and touches no node, the next one nothing; a destroy frees all."""
    project = _taken_up(engine, tmp_path, fixture, "tenant-a")
    project.pulumi("tenant-a", "refresh", "--yes", "--skip-preview")
    before = _inputs(project, "tenant-a", "Node")
    assert len(before) > 0
    output = project.pulumi("tenant-a", "up", "--yes", "--skip-preview")
    assert "~ 4 updated" in output, output  # files, Completion and two clusters, which show their fields now
    assert _inputs(project, "tenant-a", "Node") == before
    project.pulumi("tenant-a", "up", "--yes", "--skip-preview", "--expect-no-changes")
    assert "active" in _status(project)
    project.pulumi("tenant-a", "destroy", "--yes", "--skip-preview")
    assert "active" not in _status(project)
