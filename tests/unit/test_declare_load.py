"""Loading never raises: files that are missing, unreadable, no text or not the right ones give a sentence each."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from zonewright.declare.checks.references import check
from zonewright.declare.load import load_stack, load_zone
from zonewright.declare.problem import Problem
from zonewright.declare.yaml_text.text import MAX_BYTES
from zonewright.model import Declaration
from zonewright.place import judge_declaration

CASES = Path(__file__).parents[1] / "cases" / "declare"
REFERENCE = Path(__file__).parents[2] / "stacks" / "zones" / "reference"
TENANT = "tenant-fin.yaml"


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    """A copy of the base zone."""
    return Path(shutil.copytree(CASES / "base", tmp_path / "zone"))


def only_problem(folder: Path) -> Problem:
    """The one problem of a folder."""
    result = load_zone(folder)
    assert result.declaration is None
    (problem,) = result.problems
    return problem


def test_a_problem_prints_as_one_line() -> None:
    """The printed form is file, line, path, what, expected, got and fix; line and path only where there are any."""
    problem = Problem(file="a.yaml", line=3, path="b.c", what="out of range", expected="1", got="2", fix="write 1")
    assert str(problem) == "a.yaml:3: b.c: out of range: expected 1, got 2; write 1"
    whole = Problem(file="a.yaml", line=0, path="", what="no file", expected="one", got="none", fix="create it")
    assert str(whole) == "a.yaml: no file: expected one, got none; create it"
    assert problem.to_data()["line"] == 3


@pytest.mark.parametrize(
    ("raw", "line", "says"),
    [
        (b"owner: x\nclusters: {}\n# \x00\n", 3, "a NUL character"),
        (b"owner: x\n# \x1b[31m\n", 2, "an escape character"),
        (b"owner: x # \xe2\x80\xae\n", 1, "the invisible character U+202E"),
        (b"owner: x\n# \xc2\x85\n", 2, "the control character U+0085"),
        (b"owner: x\n\n# \xff\n", 3, "the byte 0xFF"),
        ("owner: x\n".encode("utf-16"), 1, "UTF-16"),
        (b"owner: x\n# \xef\xbb\xbf\n", 2, "a byte order mark within the text"),
        (b'owner: "a\\u0000"\n', 1, "a NUL character"),
        (b'owner: "a\\u2028b"\n', 1, "the invisible character U+2028"),
        (b'"own\\u0007er": a\n', 1, "the control character U+0007"),
    ],
)
def test_what_cannot_be_seen_is_refused_with_its_line(zone: Path, raw: bytes, line: int, says: str) -> None:
    """Control characters, invisible ones and bytes that are no UTF-8 are named with their line."""
    (zone / TENANT).write_bytes(raw)
    problem = load_stack(zone / TENANT).problems[0]
    assert (problem.file, problem.line, problem.got) == (TENANT, line, says)


def test_a_missing_folder_is_a_sentence(tmp_path: Path) -> None:
    """A folder that does not exist, or is a file, is said to be so."""
    assert only_problem(tmp_path / "none").got == "no such folder"
    (tmp_path / "file").touch()
    assert only_problem(tmp_path / "file").got == "a file"


def test_an_empty_folder_lacks_zone_yaml(tmp_path: Path) -> None:
    """A folder without zone.yaml says that the file is missing."""
    assert str(only_problem(tmp_path)).startswith("zone.yaml: the file is missing")


def a_folder(path: Path) -> None:
    """Put a folder where a file is expected."""
    path.mkdir()


def a_pipe(path: Path) -> None:
    """Put a pipe, which would block a reader, where a file is expected."""
    os.mkfifo(path)


def too_large(path: Path) -> None:
    """Put a file that is larger than the limit."""
    path.write_bytes(b"#" * (MAX_BYTES + 1))


def a_dead_link(path: Path) -> None:
    """Put a link to nothing."""
    path.symlink_to("nothing")


def a_loop(path: Path) -> None:
    """Put a link to itself."""
    path.symlink_to(path.name)


@pytest.mark.parametrize("make", [a_folder, a_pipe, too_large, a_dead_link, a_loop])
def test_what_is_no_ordinary_file_is_a_sentence(zone: Path, make: Callable[[Path], None]) -> None:
    """Folders, pipes, dead links and files beyond the limit are refused without being read."""
    (zone / TENANT).unlink()
    make(zone / TENANT)
    problem = only_problem(zone)
    assert (problem.file, problem.line) == (TENANT, 0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_a_sentence(zone: Path) -> None:
    """A file without read permission says so."""
    (zone / TENANT).chmod(0)
    assert only_problem(zone).what == "the file cannot be read"


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("zone.yml", "rename it to zone.yaml"),
        ("tenant-x.yml", "rename it to tenant-x.yaml"),
        ("tennant-x.yaml", "rename it to tenant-x.yaml"),
        ("Facility-x.yaml", "rename it to facility-x.yaml"),
    ],
)
def test_a_file_that_would_not_be_read_is_named(zone: Path, name: str, fix: str) -> None:
    """A file whose name is nearly that of a declaration is not passed over in silence."""
    (zone / name).touch()
    assert (only_problem(zone).file, only_problem(zone).fix) == (name, fix)


def test_other_files_are_left_alone(zone: Path) -> None:
    """Files with other names, such as expected findings, are nobody's declaration."""
    (zone / "expected-findings.yaml").write_text("- not: [read")
    (zone / "README.md").touch()
    assert load_zone(zone).problems == ()


def test_one_owner_has_one_file(zone: Path) -> None:
    """The same owner in two files is a problem at the second one's owner."""
    shutil.copy(zone / TENANT, zone / "tenant-fin2.yaml")
    problem = only_problem(zone)
    assert (problem.file, problem.line, problem.path) == ("tenant-fin2.yaml", 1, "owner")


def test_two_owners_cannot_declare_one_site(zone: Path) -> None:
    """A site id is unique in the zone, and its pools do not overlap those of any site."""
    text = (zone / "facility-operator-b.yaml").read_text()
    (zone / "facility-operator-c.yaml").write_text(text.replace("operator-b", "operator-c"))
    zone_text = (zone / "zone.yaml").read_text()
    extra = "parties:\n  operator-c: {title: Operator C, roles: [facility-operator]}\n"
    (zone / "zone.yaml").write_text(zone_text.replace("parties:\n", extra))
    assert [(problem.file, problem.what) for problem in load_zone(zone).problems] == [
        ("facility-operator-c.yaml", "a site that two owners declare"),
        ("facility-operator-c.yaml", "address pools that overlap"),
    ]


def test_who_reserved_a_site_keeps_it(zone: Path) -> None:
    """Of two owners that declare one site, the one that zone.yaml reserves it for is told nothing about the site."""
    text = (zone / "facility-operator-b.yaml").read_text()
    (zone / "facility-operator-c.yaml").write_text(text.replace("operator-b", "operator-c"))
    zone_text = (zone / "zone.yaml").read_text()
    extra = "parties:\n  operator-c: {title: Operator C, roles: [facility-operator], names: {sites: [qp-*]}}\n"
    (zone / "zone.yaml").write_text(zone_text.replace("parties:\n", extra))
    told = [problem for problem in load_zone(zone).problems if problem.what == "a site that two owners declare"]
    assert [(problem.file, problem.got) for problem in told] == [
        ("facility-operator-b.yaml", "'qp-dc1', which operator-c declares too")
    ]


def test_a_folder_is_judged_by_what_the_zone_reserves(zone: Path) -> None:
    """``check`` of a folder says what the ledger would: a name that is reserved for another party, by file and line."""
    zone_text = (zone / "zone.yaml").read_text()
    reserved = "roles: [tenant], names: {sites: [qp-*], prefixes: [10.80.0.0/16]}}"
    (zone / "zone.yaml").write_text(zone_text.replace("roles: [tenant]}", reserved))
    declaration = load_zone(zone).declaration
    assert declaration is not None
    found = judge_declaration(declaration, on="2026-11-24").findings
    told = [(item.subject, item.where.partition(":")[0]) for item in found if item.rule == "name-owner"]
    assert told[0] == ("10.80.16.0/20", "facility-operator-b.yaml")
    assert told[-1] == ("qp-dc1", "facility-operator-b.yaml")


@pytest.mark.parametrize("wanted", ["tenant-fin", "tenant-fin.yaml"])
def test_only_the_owners_wanted_are_loaded(zone: Path, wanted: str) -> None:
    """With ``owners``, other files are left out, also faulty ones, and what they declare is taken to exist."""
    (zone / "facility-operator-b.yaml").write_text("owner: [")
    result = load_zone(zone, owners=[wanted])
    assert result.problems == ()
    assert result.declaration is not None
    assert list(result.declaration.owners) == ["tenant-fin"]


def test_an_owner_without_a_file_is_named(zone: Path) -> None:
    """An owner that is wanted and has no file is a problem that names the nearest one."""
    (problem,) = load_zone(zone, owners=["tenant-fni"]).problems
    assert problem.fix == "did you mean 'tenant-fin'?"


def test_all_faults_of_all_files_come_in_one_run(zone: Path) -> None:
    """A syntax error stops only its own file; other files and other parts of a file are checked all the same."""
    (zone / "facility-operator-b.yaml").write_text("owner: [\n")
    path = zone / TENANT
    path.write_text(
        path.read_text().replace("count: 12", "count: 0") + "  web: {site: qp-dc1, node_type: no, count: 1}\n"
    )
    zone_text = (zone / "zone.yaml").read_text()
    (zone / "zone.yaml").write_text(zone_text.replace("weight_kg: 17.5", "weight_kg: heavy"))
    said = [(problem.file, problem.path) for problem in load_zone(zone).problems]
    assert said == [
        ("facility-operator-b.yaml", ""),
        (TENANT, "clusters.core.count"),
        (TENANT, "clusters.web.node_type"),
        ("zone.yaml", "node_types.general-1u.weight_kg"),
    ]


def test_a_faulty_part_is_not_said_to_be_missing(zone: Path) -> None:
    """What refers to a thing that is there but faulty is no fault of its own."""
    path = zone / "facility-operator-b.yaml"
    path.write_text(path.read_text().replace("racks: 8", "racks: 80").replace("{substation: sub-b1}", "{}"))
    assert {problem.path for problem in load_zone(zone).problems} == {
        "sites.qp-dc1.power_panels.panel-a",
        "sites.qp-dc1.rooms.a.rows.01..05.racks",
    }


def test_problems_are_limited(zone: Path) -> None:
    """A file that is wrong throughout gives a thousand sentences and the number of the others, quickly."""
    (zone / TENANT).write_text("owner: tenant-fin\n" + "".join(f"key{number}: 1\n" for number in range(5_000)))
    problems = load_zone(zone).problems
    assert len(problems) == 1_001
    assert "4,000 more problems in this file" in {problem.what for problem in problems}


def test_what_refers_to_nothing_is_limited_too(zone: Path) -> None:
    """Twenty thousand names that refer to nothing give a thousand sentences and say that there are more."""
    sites = "".join(f"  s{number}: {{title: a, district: none, time_zone: No/Zone}}\n" for number in range(10_000))
    (zone / "facility-operator-b.yaml").write_text(f"owner: operator-b\nsites:\n{sites}")
    problems = load_zone(zone).problems
    assert len(problems) == 1_001
    assert "more problems of this kind" in {problem.what for problem in problems}


def test_the_reference_zone_has_no_fault() -> None:
    """The reference zone loads, as a whole and as each owner's stack, and has the racks that its page states."""
    result = load_zone(REFERENCE)
    assert result.problems == ()
    assert isinstance(result.declaration, Declaration)
    site = result.declaration.owners["operator-b"].sites["qp-dc1"]
    assert {name: len(room.rows) for name, room in site.rooms.items()} == {"a": 1, "b": 2, "c": 1, "d": 1}
    for path in REFERENCE.glob("[ft]*-*.yaml"):
        assert load_stack(path).problems == ()


def test_a_declaration_built_in_python_gets_the_same_cross_checks() -> None:
    """``check`` finds what does not fit together without any file, and names the owner instead."""
    declaration = load_zone(CASES / "base").declaration
    assert declaration is not None
    owners = {name: file for name, file in declaration.owners.items() if name != "operator-b"}
    built = Declaration(zone=declaration.zone, owners=owners)
    assert check(built, whole=False) == ()
    (problem,) = check(built, whole=True)
    assert (problem.file, problem.path) == ("tenant-fin", "clusters.core.site")
    located = Declaration(zone=declaration.zone, owners=owners, sources=declaration.sources)
    assert [(one.file, one.line) for one in check(located, whole=True)] == [(TENANT, 4)]
