"""Node types are read from NetBox device-type files, and what is wrong with one is said like any other fault."""

import shutil
from pathlib import Path

import pytest

from zonewright.declare import load_zone
from zonewright.model import NodeType

BASE = Path(__file__).parents[1] / "cases" / "declare" / "base"
GOOD = """---
manufacturer: Acme
model: Example 1000
slug: acme-example-1000
part_number: EX-1000
u_height: 2
is_full_depth: true
airflow: bottom-to-top
weight: 44.1
weight_unit: lb
comments: '[Datasheet](https://example.org)'
power-ports:
  - {name: PSU1, type: iec-60320-c14, maximum_draw: 800, allocated_draw: 250}
  - {name: PSU2, type: iec-60320-c14, maximum_draw: 800, allocated_draw: 250}
interfaces:
  - {name: eth0, type: 25gbase-x-sfp28}
"""


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    """The base zone with a folder for device types."""
    shutil.copytree(BASE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "device-types").mkdir()
    return tmp_path


def sentences(zone: Path) -> list[str]:
    """All faults of the zone."""
    return [str(problem) for problem in load_zone(zone).problems]


def read(zone: Path, text: str = GOOD) -> NodeType:
    """The node type that a file gives."""
    (zone / "device-types" / "example.yaml").write_text(text, encoding="utf-8")
    loaded = load_zone(zone)
    assert loaded.problems == ()
    assert loaded.declaration is not None
    return loaded.declaration.zone.node_types["acme-example-1000"]


def test_a_library_file_becomes_a_node_type(zone: Path) -> None:
    """Weight is converted, draws are summed up, and fields that have no meaning here are passed over."""
    found = read(zone)
    assert (found.manufacturer, found.model, found.u_height, found.airflow) == ("Acme", "Example 1000", 2, "mixed")
    assert found.weight_kg == 20.003
    assert (found.power_supplies, found.power_supplies_required) == (2, 1)
    assert (found.maximum_draw, found.allocated_draw) == (800, 500)


def test_a_budget_that_is_not_stated_is_the_nameplate(zone: Path) -> None:
    """Without allocated_draw the nameplate counts: too much is safe, too little is not."""
    found = read(zone, GOOD.replace(", allocated_draw: 250", ""))
    assert (found.maximum_draw, found.allocated_draw) == (800, 800)


def test_supplies_that_cannot_carry_the_budget_keep_their_rating(zone: Path) -> None:
    """Where half of the supplies are rated below the budget of all ports, the weakest one's rating is in the type."""
    assert read(zone).power_supply_w is None
    weak = GOOD.replace("800, allocated_draw: 250", "65, allocated_draw: 52")
    assert (read(zone, weak).power_supply_w, read(zone, weak).allocated_draw) == (65, 104)
    assert read(zone, weak.replace("allocated_draw: 52", "allocated_draw: 32")).power_supply_w is None


def test_all_that_is_wrong_is_said(zone: Path) -> None:
    """Each faulty file has its sentences, beside those of other files."""
    (zone / "device-types" / "a.yaml").write_text(GOOD.replace("weight: 44.1\n", ""), encoding="utf-8")
    half = GOOD.replace("u_height: 2", "u_height: 1.5").replace("slug: acme-example-1000", "slug: Acme 1000")
    (zone / "device-types" / "b.yaml").write_text(half, encoding="utf-8")
    dark = GOOD.replace(", maximum_draw: 800, allocated_draw: 250", "")
    (zone / "device-types" / "c.yaml").write_text(dark, encoding="utf-8")
    (zone / "device-types" / "d.yaml").write_text(GOOD.replace("acme-example-1000", "general-1u"), encoding="utf-8")
    found = sentences(zone)
    assert any(text.startswith("a.yaml:2: a device type lacks 'weight'") for text in found), found
    assert any("b.yaml:6: u_height" in text for text in found), found
    assert any("b.yaml:4: slug" in text and "acme-1000" in text for text in found), found
    assert any("c.yaml: power-ports: a power port without maximum_draw" in text for text in found), found
    assert any("d.yaml: slug: a node type that is declared twice" in text for text in found), found


def test_two_files_with_one_slug(zone: Path) -> None:
    """The second file of a slug is told of the first."""
    for name in ("a", "b"):
        (zone / "device-types" / f"{name}.yaml").write_text(GOOD, encoding="utf-8")
    (problem,) = sentences(zone)
    assert "b.yaml: slug: a slug that two files have: expected a slug that a.yaml does not have" in problem
