"""The pages on day two are true: their commands run, and their declarations are good."""

import json
import re
import textwrap
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.zone_project import REPOSITORY, ZONE, cluster, facility
from zonewright.cli import main
from zonewright.declare.load import load_zone

PAGES = ("rename.md", "plan-an-outage.md", "drain-racks.md")
NODE_TYPES = {**ZONE["node_types"], "compute-1u": ZONE["node_types"]["one-u"]}


def _blocks(page: str, language: str) -> list[str]:
    text = (REPOSITORY / "docs" / "how-to" / page).read_text(encoding="utf-8")
    return [textwrap.dedent(one) for one in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)]


def _write(folder: Path, *, site: dict[str, Any], clusters: dict[str, Any]) -> None:
    """A zone as the pages have it: panels panel-a and panel-b, rows 01 and 02 of 8 racks."""
    made = facility(8)
    made["sites"]["dc1"] |= {
        "power_panels": {"panel-a": {"substation": "sub-1"}, "panel-b": {"substation": "sub-2"}},
        **site,
    }
    rows = made["sites"]["dc1"]["rooms"]["a"]["rows"]
    for name in ("A", "B"):
        rows["01"]["feeds"][name]["power_panel"] = f"panel-{name.lower()}"
    rows["02"] = deepcopy(rows["01"])
    parts = {
        "zone": {**ZONE, "node_types": NODE_TYPES},
        "facility-operator": made,
        "tenant-tenant-a": {"owner": "tenant-a", "clusters": clusters},
    }
    folder.mkdir()
    for name, data in parts.items():
        (folder / f"{name}.yaml").write_text(json.dumps(data, indent=1), encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_commands_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each command of a page does its work in the folder that the page speaks of, one after the other."""
    works = [yaml.safe_load(one) for one in _blocks(page, "yaml") if "works:" in one]
    places = {"001": {"rack": "dc1/a/01/07", "position": 4}}
    site = works[0]["sites"]["dc1"] if works else {}
    _write(tmp_path / "my-zone", site=site, clusters={"web": cluster(2, places=places)})
    monkeypatch.chdir(tmp_path)
    for block in _blocks(page, "console"):
        for line in block.splitlines():
            assert line.startswith("$ zonewright ")
            code = main(line.split()[2:])
            said = capsys.readouterr()
            assert (said.err, bool(said.out)) == ("", True), line
            assert code in (0, 1), line


@pytest.mark.parametrize("page", PAGES)
def test_declarations_are_good(page: str, tmp_path: Path) -> None:
    """Each piece of a declaration on a page has no fault where it belongs."""
    for number, block in enumerate(_blocks(page, "yaml")):
        data = yaml.safe_load(block)
        clusters = {name: {**cluster(9), **part} for name, part in data.get("clusters", {}).items()}
        site = data.get("sites", {}).get("dc1", {})
        _write(tmp_path / str(number), site=site, clusters=clusters or {"web": cluster(1)})
        assert load_zone(tmp_path / str(number), on="2026-07-01").problems == ()
