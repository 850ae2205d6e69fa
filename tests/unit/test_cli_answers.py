"""`fit`, `explain`, `zone show`, `init` and `stack new --all` as a person meets them."""

import json
import re
import shlex
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from support.big_zone import write_big_zone
from support.judged import judge_once
from support.zone_project import REPOSITORY
from zonewright.cli import main, parser
from zonewright.declare.load import load_zone
from zonewright.place import judge_declaration
from zonewright.render.zone.zone_map import zone_map
from zonewright.render.zone.zone_table import zone_table

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, str, str]]
REFERENCE = str(REPOSITORY / "stacks" / "zones" / "reference")
FAULTY = str(REPOSITORY / "stacks" / "zones" / "reference-faulty")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(name="run")
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    judge_once(monkeypatch)

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(arguments)
        except SystemExit as leave:  # argparse
            code = int(str(leave.code or 0))
        shown = capsys.readouterr()
        assert "Traceback" not in shown.out + shown.err
        return code, shown.out, shown.err

    return run


def test_fit_names_rooms_and_what_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rooms that fit come first with their racks, then what others lack, and what a rule would say; in 60 columns."""
    monkeypatch.setenv("COLUMNS", "60")
    code, out, _ = run("fit", "--kw", "300", "--u", "40", "--zone", REFERENCE)
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "300 kW and 40 U fit into 7 rooms of 19"
    assert lines[3].split()[:2] == ["wj-dc1/b", "8"]  # 300 kW need 8 racks of 40 kW
    short = next(number for number, line in enumerate(lines) if line.startswith("js-edge-yz/hall"))
    assert lines[short + 1] == "    short of 50.0 kW"
    assert "fill-before-open: wj-dc1/a2 and wj-dc1/a3 are open and have space" in " ".join(out.split())
    assert max(map(len, lines)) <= 60


def test_fit_that_fits_nowhere_ends_with_one(run: Run) -> None:
    """Nothing has so much: exit 1, and the nearest room first."""
    wish = ("--kw", "9000", "--u", "1", "--class", "air", "--zone", REFERENCE)
    code, out, _ = run("fit", *wish, "--party", "tenant-ind")
    assert code == 1
    assert "fit nowhere for tenant-ind; nearest first" in out
    assert out.splitlines()[3].startswith("wj-dc1/a4")


@pytest.mark.parametrize("kw", ["0", "-5", "nan", "inf", "1e12"])
def test_fit_refuses_absurd_figures(run: Run, kw: str) -> None:
    """A figure that means nothing is misuse, in one sentence."""
    code, _, err = run("fit", f"--kw={kw}", "--u", "1", "--zone", REFERENCE)
    assert code == 2
    assert err.startswith("error: expected 0.001 to 1,000,000 kW")


def test_fit_as_json_adds_up(run: Run) -> None:
    """The JSON has every room of the class once, and free watts are never below those of the racks that it takes."""
    code, out, _ = run("fit", "--kw", "500", "--u", "20", "--class", "liquid", "--zone", REFERENCE, "--format", "json")
    document = json.loads(out)
    assert code == 0
    (room,) = document["rooms"]
    assert (room["room"], room["racks"], room["free_w"]) == ("wj-dc1/b", 13, 4_000_000)


def test_explain_counts_every_other_rack_of_the_site(run: Run) -> None:
    """Each rack of the site but its own is in one group, and those where nothing stops it come first."""
    code, out, _ = run("explain", "core-007", "--zone", REFERENCE, "--format", "json")
    document = json.loads(out)
    assert code == 0
    assert sum(item["racks"] for item in document["alternatives"]) == 3_120 - 1
    assert document["alternatives"][0]["reason"] == "nothing prevents it there"
    assert {item["room"]: item["racks"] for item in document["alternatives"] if "rooms" in item["reason"]} == {
        "qp-dc1/a": 1_000,
        "qp-dc1/b": 1_000,
        "qp-dc1/d": 120,
    } or any(item["reason"] == "not open for this party" for item in document["alternatives"])


def test_explain_says_who_chose_and_what_stops(run: Run) -> None:
    """A chosen place is told as one, and neighbours that stop a node are told without their names."""
    code, out, _ = run("explain", "archive-001", "--zone", REFERENCE)
    assert code == 0
    assert "its declaration chose the place" in out
    assert "protection level" in out
    assert "tenant-sme-pool" not in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("explain", "core-999", "--zone", REFERENCE), "no owner has a node of this name"),
        (("explain", "core-001"), "give either --stack NAME or --zone FOLDER"),
        (("explain", "core-001", "--zone", REFERENCE, "--owner", "tenant-ai"), "no owner has a node of this name"),
    ],
)
def test_explain_of_nothing_is_misuse(run: Run, arguments: tuple[str, ...], sentence: str) -> None:
    """A node that is not there is one sentence."""
    code, _, err = run(*arguments)
    assert code == 2
    assert sentence in err


def test_rules_are_read_in_60_columns(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a narrow terminal what does not fit beside stands below, and nothing is left out."""
    monkeypatch.setenv("COLUMNS", "60")
    shown = {words: run(*words)[1] for words in (("rules", "list"), ("rules", "show", "feed-failover"))}
    assert max(len(line) for text in shown.values() for line in text.splitlines()) <= 60
    assert "unit-overlap           mandatory\n    No rack unit of a face is taken twice.\n" in shown["rules", "list"]
    assert "at the level `no-worse`" in " ".join(shown["rules", "show", "feed-failover"].split())


def test_zone_show_prints_sites_links_and_shared_risks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table has the sums that the zone states, in 60 columns, and what two links of the faulty zone share."""
    monkeypatch.setenv("COLUMNS", "60")
    code, out, _ = run("zone", "show", REFERENCE)
    assert code == 0
    assert "data centres: 39,450 of 58,000 kW, 68.0 % by power" in out
    assert out.rstrip().endswith("(without sites):\n  none")
    assert max(map(len, out.splitlines())) <= 60
    assert "wujiang: wj-dc1, wj-edge-lili, wj-edge-sl, wj-edge-sz" in out
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run("zone", "show", FAULTY)
    assert max(map(len, out.splitlines())) <= 80
    assert code == 0
    assert "  bridge bridge-1: l03, l04\n  duct d-bridge-1: l03, l04" in out


def test_the_map_is_one_valid_file(run: Run, tmp_path: Path) -> None:
    """The SVG is well-formed, names every site and link, shows the shared duct, and loads nothing from elsewhere."""
    code, _, _ = run("zone", "show", FAULTY, "--svg", "map.svg")
    text = (tmp_path / "map.svg").read_text(encoding="utf-8")
    root = ET.fromstring(text)
    assert code == 0
    titles = " ".join(element.text or "" for element in root.iter(f"{SVG}title"))
    labels = [element.text for element in root.iter(f"{SVG}text")]
    assert {f"l{number:02}" for number in range(1, 15)} <= set(labels)
    assert "d-bridge-1: l03, l04" in labels
    assert titles.count(" kW, ") == 12
    assert len([one for one in root.iter(f"{SVG}polyline") if one.get("class") == "shared"]) == 1
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_a_title_adds_nothing_to_the_map(tmp_path: Path) -> None:
    """Text of a declaration is escaped in the map, and a zone without coordinates still has one."""
    write_big_zone(tmp_path / "z", sites=6, nodes=60)
    zone = tmp_path / "z" / "zone.yaml"
    document = yaml.safe_load(zone.read_text(encoding="utf-8"))
    zone.write_text(yaml.safe_dump({**document, "title": '<script x="1">&'}), encoding="utf-8")
    facility = tmp_path / "z" / "facility-operator.yaml"
    sites = yaml.safe_load(facility.read_text(encoding="utf-8"))
    del sites["sites"]["dc01"]["location"]
    facility.write_text(yaml.safe_dump(sites), encoding="utf-8")
    loaded = load_zone(tmp_path / "z")
    declaration = loaded.declaration
    assert declaration is not None, loaded.problems
    judged = judge_declaration(declaration, on="2026-07-01")
    assert judged.world.zone is not None
    root = ET.fromstring(zone_map(judged.world.zone, zone_table(judged.world)))
    assert next(element.text for element in root.iter(f"{SVG}title")) == '<script x="1">&'
    assert any((element.text or "") == "without coordinates: dc01" for element in root.iter(f"{SVG}text"))


def test_a_generated_zone_checks(tmp_path: Path) -> None:
    """A zone of many sites that nobody wrote by hand has no finding, with two disjoint paths for each tenant."""
    write_big_zone(tmp_path / "z", sites=6, nodes=1_200)
    loaded = load_zone(tmp_path / "z", on="2026-07-01")
    assert loaded.declaration is not None, loaded.problems
    judged = judge_declaration(loaded.declaration, on="2026-07-01")
    assert judged.findings == ()
    assert judged.line == "480 racks, 1,200 nodes, 6 links, 8 owners"


def test_init_overwrites_nothing(run: Run, tmp_path: Path) -> None:
    """A second init in the same folder names what is there and writes nothing; a file is no folder."""
    assert run("init", "mine")[0] == 0
    before = {path: path.read_bytes() for path in (tmp_path / "mine").rglob("*") if path.is_file()}
    code, _, err = run("init", "mine")
    assert code == 1
    assert "Pulumi.yaml, __main__.py, provider/PulumiPlugin.yaml, provider/__main__.py, zone/zone.yaml" in err
    assert {path: path.read_bytes() for path in (tmp_path / "mine").rglob("*") if path.is_file()} == before
    assert run("check", "mine/zone") == (0, "good: 20 racks, 6 nodes, 0 links, 2 owners\n", "")
    code, _, err = run("init", "mine/Pulumi.yaml")
    assert (code, "is a file" in err) == (2, True)


@pytest.mark.parametrize("folder", ["123", "1e3", "no", "2026-11-29", "Zürich Süd"])
def test_a_new_zone_is_good_whatever_its_folder_is_called(run: Run, folder: str) -> None:
    """A folder whose name YAML takes for a number, a truth or a date gives a zone of that name all the same."""
    assert run("init", folder)[0] == 0
    assert run("check", f"{folder}/zone") == (0, "good: 20 racks, 6 nodes, 0 links, 2 owners\n", "")


@pytest.mark.parametrize(("system", "name"), [("github", ".github/workflows/zone.yml"), ("gitlab", ".gitlab-ci.yml")])
def test_a_pipeline_calls_commands_that_there_are(run: Run, tmp_path: Path, system: str, name: str) -> None:
    """What `init --ci` writes is YAML, its head names all that it needs, and the parser takes each command of ours."""
    assert run("init", "mine", "--ci", system)[0] == 0
    text = (tmp_path / "mine" / name).read_text(encoding="utf-8")
    assert isinstance(yaml.safe_load(text), dict)
    head = "".join(line for line in text.splitlines() if line.startswith("#"))
    for needed in ("zone:ledger", "ZONE_STACK", "ZONE_AUDIENCE", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"):
        assert needed in head
    commands = re.findall(r"(?:- |run: )(zonewright [^\n>]+)", text)
    assert len(commands) >= 2
    for command in commands:
        parser().parse_args(shlex.split(re.sub(r"\$\{\{.*?\}\}", "x", command))[1:])


def test_a_stack_of_a_new_zone_finds_its_declaration(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`stack new` looks where `init` writes; of none, or of several files, the sentence says which there are."""
    assert run("init", "mine")[0] == 0
    monkeypatch.chdir(tmp_path / "mine")
    assert run("stack", "new", "second", "--party", "operator")[0] == 0
    assert "zone/facility-operator.yaml" in Path("Pulumi.second.yaml").read_text(encoding="utf-8")
    code, _, err = run("stack", "new", "third", "--party", "nobody")
    assert (code, "got none beside zone.yaml, */zone.yaml" in err) == (2, True)
    Path("zone/copy.yaml").write_text(Path("zone/facility-operator.yaml").read_text(encoding="utf-8"))
    code, _, err = run("stack", "new", "third", "--party", "operator")
    assert (code, "got zone/copy.yaml, zone/facility-operator.yaml; name the file" in err) == (2, True)


def test_each_file_of_a_new_zone_names_its_schema(run: Run, tmp_path: Path) -> None:
    """The first line of each declaration leads to a schema that `init` wrote."""
    assert run("init", "mine")[0] == 0
    files = sorted((tmp_path / "mine" / "zone").glob("*.yaml"))
    assert len(files) == 3
    for path in files:
        named = path.read_text(encoding="utf-8").splitlines()[0].partition("$schema=")[2]
        assert json.loads((path.parent / named).read_text(encoding="utf-8"))["$schema"].endswith("2020-12/schema")


def test_stacks_for_all_owners_keep_their_ids(run: Run, tmp_path: Path) -> None:
    """`stack new --all` writes one configuration for each owner, and a second time changes none."""
    assert run("init")[0] == 0
    for name in ("operator", "tenant-one"):
        (tmp_path / f"Pulumi.{name}.yaml").unlink()
    code, out, _ = run("stack", "new", "--all", "zone")
    assert code == 0
    assert "wrote Pulumi.operator.yaml\nwrote Pulumi.tenant-one.yaml\n" in out
    written = (tmp_path / "Pulumi.operator.yaml").read_bytes()
    code, out, _ = run("stack", "new", "--all", "zone")
    assert (code, "exists and keeps its id" in out) == (0, True)
    assert (tmp_path / "Pulumi.operator.yaml").read_bytes() == written
    code, _, err = run("stack", "new", "--all", REFERENCE)
    assert (code, "is outside" in err) == (2, True)
    assert run("stack", "new", "x")[0] == 2


def test_load_brings_in_the_owners_that_are_named(run: Run) -> None:
    """`ledger load --only` brings in one owner; an unknown one is misuse."""
    assert run("init")[0] == 0
    code, out, _ = run("ledger", "load", "zone", "--only", "operator")
    assert (code, out) == (0, "operator: 1 site, 2 rows\n")
    code, _, err = run("ledger", "load", "zone", "--only", "nobody")
    assert (code, err) == (2, "error: no file of nobody in zone\n")
    code, out, _ = run("fit", "--kw", "4", "--u", "10")
    assert code == 0
    assert "dc1/hall" in out
