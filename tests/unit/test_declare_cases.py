"""Each case file gives the sentences that stand beside it, with either of PyYAML's parsers.

``ZONEWRIGHT_UPDATE_GOLDEN=1`` writes the sentences again; read the difference before it is committed.
"""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
import yaml

from zonewright.declare.load import load_zone
from zonewright.declare.registered import zone_problems
from zonewright.declare.yaml_text.compose import FAST_LOADER
from zonewright.model import Zone

CASES = Path(__file__).parents[1] / "cases" / "declare"
REPLACED = {
    "zone": "zone.yaml",
    "facility": "facility-operator-b.yaml",
    "network": "network-carrier-a.yaml",
    "tenant": "tenant-fin.yaml",
}
ON = "2026-07-01"
FILES = sorted(path for kind in REPLACED for path in (CASES / kind).glob("*.yaml"))
LOADERS = {"libyaml": FAST_LOADER, "pure": yaml.SafeLoader}


def load_case(case: Path, folder: Path, loader: type = FAST_LOADER) -> tuple[str, ...]:
    """The sentences for a case: its file in place of the file of that kind in the base zone."""
    shutil.copytree(CASES / "base", folder, dirs_exist_ok=True)
    shutil.copyfile(case, folder / REPLACED[case.parent.name])
    loaded = load_zone(folder, on=ON, loader=loader)
    assert loaded.declaration is None
    return tuple(str(problem) for problem in loaded.problems)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("case", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_case_gives_its_sentences(case: Path, loader: str, tmp_path: Path) -> None:
    """A faulty file gives exactly the sentences that stand beside it."""
    expected = case.with_suffix(".txt")
    sentences = "".join(f"{sentence}\n" for sentence in load_case(case, tmp_path, LOADERS[loader]))
    if os.environ.get("ZONEWRIGHT_UPDATE_GOLDEN") and loader == "libyaml":
        expected.write_text(sentences, encoding="utf-8")
    assert sentences == expected.read_text(encoding="utf-8")


def test_a_zone_that_comes_from_no_file_gets_the_same_sentences() -> None:
    """Whoever registers a zone past the files is told what a check of its file tells, but for lines and defaults."""
    for name in ("extent-inside-out", "reserved-party", "rule-pack-loosens-its-parent", "rule-packs-in-a-circle"):
        case = CASES / "zone" / f"{name}.yaml"
        content = json.loads(json.dumps(yaml.safe_load(case.read_text(encoding="utf-8")), default=str))
        said = sorted(str(problem) for problem in zone_problems(Zone.model_validate(content), ON))
        lines = case.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
        lines = [line for line in lines if ".uncertain: " not in line]  # says the default, which is not registered
        assert said == sorted(re.sub(r"^zone\.yaml:\d+:", "zone.yaml:", line) for line in lines)


def test_a_good_zone_has_no_fault_when_a_message_brings_it() -> None:
    """A message names every field of every pack: what no file says of trust is no fault of a pack that extends it."""
    loaded = load_zone(CASES.parents[2] / "stacks" / "zones" / "reference", on=ON).declaration
    assert loaded is not None
    assert zone_problems(Zone.model_validate_json(loaded.zone.model_dump_json()), ON) == ()


def test_the_base_zone_has_no_fault() -> None:
    """The zone that cases are put into is good, so a case shows its own fault only."""
    loaded = load_zone(CASES / "base", on=ON)
    assert loaded.problems == ()
    assert loaded.declaration is not None


def test_every_sentence_file_has_its_case() -> None:
    """No file of sentences is left over from a case that was renamed."""
    texts = {path.with_suffix(".yaml") for kind in REPLACED for path in (CASES / kind).glob("*.txt")}
    assert texts == set(FILES)


def test_other_files_may_name_a_site_and_a_row_as_they_were(tmp_path: Path) -> None:
    """In a folder, what an operator says of former ids is followed in the files of others."""
    shutil.copytree(CASES / "base", tmp_path, dirs_exist_ok=True)
    facility = tmp_path / REPLACED["facility"]
    declared = yaml.safe_load(facility.read_text(encoding="utf-8"))
    site = declared["sites"].pop("qp-dc1")
    declared["sites"]["hall"] = {**site, "was": ["qp-dc1"]}
    facility.write_text(yaml.safe_dump(declared), encoding="utf-8")
    loaded = load_zone(tmp_path, on=ON)
    assert loaded.problems == ()
    assert loaded.declaration is not None
    assert {one.site for one in loaded.declaration.owners["tenant-fin"].clusters.values()} == {"hall"}
