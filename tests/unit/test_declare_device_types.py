"""Node types are read from NetBox device-type files, and what is wrong with one is said like any other fault."""

import json
import shutil
from pathlib import Path

import pytest

from zonewright.audit.evidence.gathering import inputs_of
from zonewright.cli import main
from zonewright.declare.device_types import OVERLAY, ReadTypes, read_device_types, type_texts
from zonewright.declare.load import load_zone
from zonewright.model import NodeType
from zonewright.model.expand import node_draw
from zonewright.model.power import FEEDS
from zonewright.model.secret_scan import suspicions

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


def put(zone: Path, name: str, text: str) -> None:
    """Write a file below the zone's folder."""
    (zone / name).parent.mkdir(parents=True, exist_ok=True)
    (zone / name).write_text(text, encoding="utf-8")


def use(zone: Path, *slugs: str) -> None:
    """Give a tenant a cluster of each type."""
    clusters = "".join(
        f"  c{number}: {{site: qp-dc1, node_type: {slug}, count: 1}}\n" for number, slug in enumerate(slugs)
    )
    put(zone, "tenant-fin.yaml", f"owner: tenant-fin\nclusters:\n{clusters}")


def types(zone: Path) -> ReadTypes:
    """What the folder of device types holds."""
    return read_device_types(zone, None, whole=True)


def test_what_is_wrong_with_a_type_is_said_where_a_cluster_uses_it(zone: Path) -> None:
    """A faulty file stops nobody who does not use it; used, each has its sentences, beside those of other files."""
    put(zone, "device-types/a.yaml", GOOD.replace("weight: 44.1\n", ""))
    put(zone, "device-types/b.yaml", GOOD.replace("u_height: 2", "u_height: two").replace("1000", "2000"))
    dark = GOOD.replace(", maximum_draw: 800, allocated_draw: 250", "").replace("1000", "3000")
    put(zone, "device-types/Maker/c.yml", dark)
    put(zone, "device-types/d.yaml", GOOD.replace("u_height: 2", "u_height: 0").replace("1000", "4000"))
    assert load_zone(zone).problems == ()
    use(zone, "acme-example-1000", "acme-example-2000", "acme-example-3000", "acme-example-4000")
    found = "\n".join(sentences(zone))
    assert "device-types/a.yaml: slug: a device type without a weight: " in found
    line = "'acme-example-1000: {weight_kg: KG, source: TEXT}'"
    assert f"add under 'types:' of device-types.overlay.yaml: {line}" in found
    assert "device-types/b.yaml:6: u_height: " in found
    assert "device-types/Maker/c.yml: slug: a device type without a draw: " in found
    assert "device-types/d.yaml: slug: a device type that no cluster can use: " in found
    assert "an unknown node type" not in found


def test_the_line_that_is_told_mends_it(zone: Path) -> None:
    """The overlay's line of the sentence, with its figures filled in, makes the type usable."""
    put(
        zone,
        "device-types/a.yaml",
        GOOD.replace("weight: 44.1\n", "").replace("maximum_draw: 800, allocated_draw: 250", ""),
    )
    use(zone, "acme-example-1000")
    (problem,) = [one for one in load_zone(zone).problems if one.file.startswith("device-types/")]
    line = problem.fix.partition(": '")[2].rstrip("'")
    put(zone, OVERLAY, f"types:\n  {line}\n".replace("KG", "20").replace("WATTS", "500").replace("TEXT", "data sheet"))
    assert "acme-example-1000" in types(zone).node_types
    assert not [one for one in load_zone(zone).problems if "device-type" in one.file]


@pytest.mark.parametrize("weight", ["weight: 0.4", "weight: 0.0001"])
def test_what_weighs_next_to_nothing_weighs_a_gram(zone: Path, weight: str) -> None:
    """A weight that is rounded to the gram does not become none, which no node type may have."""
    assert (
        read(zone, GOOD.replace("weight: 44.1", weight).replace("weight_unit: lb", "weight_unit: g")).weight_kg == 0.001
    )


def test_a_line_of_a_text_is_not_the_slug(zone: Path) -> None:
    """A comment with a line that looks like a slug gives the type no other id."""
    read(
        zone, 'comments: "see also\nslug: acme-other\nbelow"\n' + GOOD.replace("---\n", "").replace("comments", "part")
    )


def test_two_files_with_one_slug(zone: Path) -> None:
    """The second file of a slug is told of the first; and a slug of zone.yaml is declared twice."""
    for name in ("a", "b"):
        put(zone, f"device-types/{name}.yaml", GOOD)
    put(zone, "device-types/d.yaml", GOOD.replace("acme-example-1000", "general-1u"))
    use(zone, "acme-example-1000")
    found = "\n".join(sentences(zone))
    assert "b.yaml: slug: a slug that two files have: expected a slug that device-types/a.yaml does not have" in found
    assert "device-types/d.yaml: slug: a node type that is declared twice" in found


def test_fields_without_a_use_are_passed_over_whatever_they_hold(zone: Path) -> None:
    """A link in comments is no secret, a number in another form no fault, and neither goes into a bundle."""
    odd = "  Password: hunter2hunter2 at https://u:secret@example.org\n  ghp_abcdefghijklmnopqrstuvwxyz0123456789"
    text = GOOD.replace("comments:", f"part: 007\nremarks: |\n{odd}\ncomments:").replace("name: eth0", "name: 010")
    text = text.replace("type: iec-60320-c14", "type: 0777")
    read(zone, text)
    ((name, kept),) = type_texts(zone, {"acme-example-1000"}).items()
    assert name == "device-types/example.yaml"
    assert not any(word in kept for word in ("hunter2", "ghp_", "Datasheet", "eth0"))
    assert kept.count("\n") == text.count("\n")
    put(zone, name, kept)
    assert types(zone).node_types["acme-example-1000"] == read(zone, text)


LINK = "https://example.org/product/file/d3cab58619e13eedda9def507a9a9b57.pdf"


@pytest.mark.parametrize("comments", [f"See {LINK}", f"|\n\n  See\n  {LINK}\n", f"'password: hunter22\n  {LINK}'"])
def test_comments_are_never_taken_for_a_secret(zone: Path, comments: str) -> None:
    """Text in ``comments`` goes nowhere, so it is not looked at."""
    assert read(zone, GOOD.replace("'[Datasheet](https://example.org)'", comments)).manufacturer == "Acme"
    assert not suspicions(inputs_of(zone / "tenant-fin.yaml", {"acme-example-1000"}))


def test_a_secret_in_a_field_that_counts_is_still_found(zone: Path) -> None:
    """Only what is passed over is not looked at."""
    put(
        zone,
        "device-types/a.yaml",
        GOOD.replace("model: Example 1000", "model: ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
    )
    use(zone, "acme-example-1000")
    found = [one for one in load_zone(zone).problems if one.file == "device-types/a.yaml"]
    assert [one.what for one in found] == ["a value that looks like a secret"]
    assert "ghp_" not in str(found)


def test_supplies_in_module_bays_count(zone: Path) -> None:
    """Bays for power supplies are counted; the module type that the overlay names says what each is rated for."""
    bays = "module-bays:\n" + "".join(
        f"  - {{name: {name}}}\n" for name in ("PSU-1", "PS 2", "PCIe-1", "Fan 1", "PEM0")
    )
    put(zone, "device-types/a.yaml", GOOD.partition("power-ports")[0] + bays)
    assert "without a draw" in str(types(zone).unusable["acme-example-1000"])
    put(zone, "module-types/Other/x.yaml", "manufacturer: Other\nmodel: P9\npower-ports: [{maximum_draw: 1}]\n")
    put(
        zone,
        "module-types/Acme/p9.yml",
        "manufacturer: Acme\nmodel: X\npart_number: P9\npower-ports: [{maximum_draw: 900}]",
    )
    put(zone, OVERLAY, "types:\n  acme-example-1000: {power_supply: P9, source: order 12}\n")
    made = types(zone).derived["acme-example-1000"]
    assert made.node_type is not None
    assert (made.node_type.power_supplies, made.node_type.power_supplies_required) == (3, 2)
    assert (made.node_type.maximum_draw, made.node_type.allocated_draw) == (1800, 1800)
    assert "order 12, module type X" in made.figures["maximum_draw"].origin
    assert set(type_texts(zone, {"acme-example-1000"})) == {
        OVERLAY,
        "device-types/a.yaml",
        "module-types/Acme/p9.yml",
        "module-types/Other/x.yaml",
    }


@pytest.mark.parametrize("key", ["acme-example-1000", '"acme-*"'])
@pytest.mark.parametrize("module", ["", "manufacturer: Acme\nmodel: P9\n"])
def test_a_power_supply_that_is_not_there_is_not_passed_over(zone: Path, key: str, module: str) -> None:
    """A module type that the overlay names, and that has no file or no rating, gives way to no class default."""
    bays = "module-bays: [{name: PSU1}, {name: PSU2}]\n"
    put(zone, "device-types/a.yaml", GOOD.partition("power-ports")[0] + bays)
    if module:
        put(zone, "module-types/p9.yaml", module)
    put(
        zone,
        OVERLAY,
        f"types:\n  {key}: {{power_supply: P9, source: order 12}}\n"
        '  "*": {weight_kg: 20, maximum_draw: 100, power_supplies: 2, source: class}\n',
    )
    (problem,) = types(zone).unusable["acme-example-1000"]
    assert (problem.expected, problem.got) == ("module type 'P9' with a maximum_draw", "none")
    assert "correct power_supply in device-types.overlay.yaml" in problem.fix


def test_an_entry_of_its_own_replaces_and_a_pattern_fills_in(zone: Path) -> None:
    """A figure is taken from the slug's entry, then the file, then the first pattern that has it."""
    overlay = """types:
  "*-1000": {weight_kg_per_u: 9, maximum_draw_per_u: 90, source: class}
  "acme-*": {weight_kg: 77, maximum_draw: 777, source: maker}
  acme-example-1000: {allocated_draw: 300, airflow: passive, source: measured}
"""
    put(zone, OVERLAY, overlay)
    full = read(zone)
    assert (full.weight_kg, full.maximum_draw, full.allocated_draw, full.airflow) == (20.003, 800, 300, "passive")
    bare = GOOD.replace("weight: 44.1\n", "").replace("maximum_draw: 800, allocated_draw: 250", "")
    made = read(zone, bare)
    assert (made.weight_kg, made.maximum_draw, made.allocated_draw) == (18, 180 + 120, 300)
    assert types(zone).derived["acme-example-1000"].figures["weight_kg"].origin == "overlay *-1000: class"


def test_ports_are_those_of_the_first_entry_that_has_some(zone: Path) -> None:
    """Ports and bonds come from one entry: the slug's before a pattern's; those of the file are labels."""
    put(
        zone,
        OVERLAY,
        """types:
  "*-1000": {interfaces: [{name: eno1}], bonds: [{name: uplink, mode: 802.3ad}], source: class}
  acme-example-1000: {weight_kg: 3, source: measured}
""",
    )
    made = read(zone)
    assert ([one.name for one in made.interfaces], [one.mode for one in made.bonds]) == (["eno1"], ["802.3ad"])
    put(
        zone,
        OVERLAY,
        'types:\n  "*": {interfaces: [{name: eno1}], source: x}\n  acme-example-1000: '
        "{interfaces: [{name: eno7}], source: measured}\n",
    )
    made = read(zone)
    assert ([one.name for one in made.interfaces], made.bonds) == (["eno7"], ())


def test_an_entry_for_a_type_that_is_not_there_is_said(zone: Path) -> None:
    """A misspelt slug in the overlay is a fault; a pattern that fits nothing is none."""
    put(zone, "device-types/a.yaml", GOOD)
    put(zone, OVERLAY, 'types:\n  acme-exmple-1000: {weight_kg: 1, source: x}\n  "hp-*": {weight_kg: 1, source: x}\n')
    (sentence,) = sentences(zone)
    assert "types.acme-exmple-1000" in sentence
    assert "did you mean 'acme-example-1000'?" in sentence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("types: {a: {weight_kg: 1}}", "lacks 'source'"),
        ("types: {a: {weight_kg: 1, weight_kg_per_u: 2, source: x}}", "not both"),
        ("types: {A_b: {weight_kg: 1, source: x}}", "a pattern of slugs such as 'dell-*'"),
        ("types: {a: {wieght_kg: 1, source: x}}", "did you mean 'weight_kg'?"),
        ("types: {a: {interfaces: [{name: e}, {name: e}], source: x}}", "two interfaces with the name e"),
        ("types: {a: {bonds: [{name: storage}], source: x}}", "bond storage has no port"),
        ("types: [a", "YAML"),
    ],
)
def test_faults_of_the_overlay_are_said(zone: Path, text: str, expected: str) -> None:
    """What is wrong with the overlay is said whether or not a type is used."""
    put(zone, OVERLAY, text)
    assert any(one.startswith(OVERLAY) and expected in one for one in sentences(zone)), sentences(zone)


@pytest.mark.parametrize("name", ["device-types.overlay.yml", "device-type.overlay.yaml", "device-types-overlay.yaml"])
def test_an_overlay_with_another_name_is_said(zone: Path, name: str) -> None:
    """A file that was meant to be the overlay is not passed over in silence."""
    put(zone, name, "types: {}\n")
    (sentence,) = sentences(zone)
    assert sentence.startswith(f"{name}: a file that is not read: ")
    assert sentence.endswith("rename it to device-types.overlay.yaml")


def test_a_budget_beyond_half_of_the_supplies_needs_more_of_them(zone: Path) -> None:
    """104 W do not hang on one supply of 65 W: both are needed, and that is said."""
    made = read(zone, GOOD.replace("maximum_draw: 800, allocated_draw: 250", "maximum_draw: 65, allocated_draw: 52"))
    assert (made.maximum_draw, made.allocated_draw, made.power_supply_w) == (104, 104, 65)
    assert types(zone).derived["acme-example-1000"].notes == ("its budget of 104 W needs 2 power supplies of 65 W",)


def test_what_draws_no_power_has_no_supplies(zone: Path) -> None:
    """A patch panel has a place and a weight, and hangs on no feed."""
    text = GOOD.partition("power-ports")[0].replace("weight: 44.1", "weight: 500") + "is_powered: false\n"
    made = read(zone, text.replace("weight_unit: lb", "weight_unit: g").replace("u_height: 2", "u_height: 0.5"))
    assert (made.u_height, made.weight_kg, made.maximum_draw, made.power_supplies) == (1, 0.5, 0, 0)
    draw = node_draw(made, "A")
    both = frozenset(FEEDS)
    assert dict(draw.live(both)) == dict(draw.live_at_worst(both)) == {"A": 0, "B": 0}
    assert draw.after_loss("A", both) == 0


def test_a_zone_offers_only_the_types_that_it_lists(zone: Path) -> None:
    """With device_types in zone.yaml other files are not even read, and a cluster of such a type is told so."""
    put(zone, "device-types/a.yaml", GOOD)
    put(zone, "device-types/b.yaml", GOOD.replace("1000", "2000").replace("u_height: 2", "u_height: [2"))
    text = (zone / "zone.yaml").read_text(encoding="utf-8")
    put(zone, "zone.yaml", f"{text}device_types: ['*-1000']\n")
    loaded = load_zone(zone)
    assert loaded.declaration is not None
    assert "acme-example-1000" in loaded.declaration.zone.node_types
    use(zone, "acme-example-2000")
    (problem,) = [one for one in load_zone(zone).problems if one.file == "device-types/b.yaml"]
    assert (problem.what, problem.fix) == (
        "a device type that the zone does not offer",
        "add 'acme-example-2000' to it",
    )


def test_types_are_printed_with_the_source_of_each_figure(zone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`zone types` prints figures with their origins, what is missing, and the same as JSON."""
    put(zone, "device-types/a.yaml", GOOD)
    put(zone, "device-types/b.yaml", GOOD.replace("weight: 44.1\n", "").replace("1000", "2000"))
    assert main(["zone", "types", str(zone), "acme-*"]) == 0
    said = capsys.readouterr().out
    assert "  20.003 kg                file: 44.1 lb" in said
    assert "1 type can be used; 1 cannot be used yet" in said
    assert main(["zone", "types", str(zone), "acme-*", "amce-*", "x"]) == 2
    assert "no type of the zone fits 'amce-*', 'x'; all that it has: zonewright zone types" in capsys.readouterr().err
    assert main(["zone", "types", str(zone), "--unusable"]) == 0
    assert "acme-example-2000: {weight_kg: KG, source: TEXT}" in capsys.readouterr().out
    assert main(["zone", "types", str(zone), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["types"]
    assert found["acme-example-1000"]["origins"]["weight_kg"] == "file: 44.1 lb"
    assert found["general-1u"]["file"] == "zone.yaml"
