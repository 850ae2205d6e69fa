"""Lines are right: after comments, in anchors, merges, CRLF and BOM, and for each row of a range."""

import shutil
from pathlib import Path

import pytest

from zonewright.declare.load import load_stack, load_zone
from zonewright.model import Declaration, Source

CASES = Path(__file__).parents[1] / "cases" / "declare"
TENANT = "tenant-fin.yaml"


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    """A copy of the base zone."""
    return Path(shutil.copytree(CASES / "base", tmp_path / "zone"))


def loaded(folder: Path) -> Declaration:
    """The declaration of a folder that has no fault."""
    result = load_zone(folder)
    assert result.problems == ()
    assert result.declaration is not None
    return result.declaration


def line_with(path: Path, text: str) -> int:
    """The first line of a file that holds a text."""
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def test_sources_name_the_line_of_the_key(zone: Path) -> None:
    """A source is the file and line of the key, under its owner and path, and that of zone.yaml under ``zone``."""
    sources = loaded(zone).sources
    assert sources["tenant-fin/clusters.core.places.002"] == Source(file=TENANT, line=line_with(zone / TENANT, '"002"'))
    assert str(sources["zone/districts.jiashan"]) == f"zone.yaml:{line_with(zone / 'zone.yaml', 'jiashan')}"
    assert sources["tenant-fin/clusters.core.without.0"].line == line_with(zone / TENANT, "without")


def test_each_row_of_a_range_has_the_line_of_the_range(zone: Path) -> None:
    """Rows 01 to 05 and what is below them have the lines of the range that declares them."""
    sources = loaded(zone).sources
    file = zone / "facility-operator-b.yaml"
    for row in ("01", "05", "01..05"):
        path = f"operator-b/sites.qp-dc1.rooms.a.rows.{row}"
        assert sources[path].line == line_with(file, "01..05")
        assert sources[f"{path}.baseline.old"].line == line_with(file, "old:")
    assert "operator-b/sites.qp-dc1.rooms.a.rows.06" not in sources


def test_every_listed_source_can_be_looked_up(zone: Path) -> None:
    """Iterating gives paths that all have a source, the same as looked up, and a name without one is a KeyError."""
    sources = loaded(zone).sources
    assert len(sources) == len(dict(sources)) > 100
    assert dict(sources.items()) == {name: sources[name] for name in sources}
    assert "tenant-fin.yaml" in repr(sources)
    for name in (
        "tenant-fin",
        "nobody/clusters",
        "tenant-fin/clusters.core.nothing",
        "tenant-fin/clusters.core.rooms.9",
    ):
        assert name not in sources


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
def test_line_endings_and_byte_order_mark_change_no_line(zone: Path, ending: str, start: bytes) -> None:
    """CRLF, CR and a byte order mark give the same declaration and the same lines as plain LF."""
    before = loaded(zone)
    for path in zone.glob("*.yaml"):
        path.write_bytes(start + path.read_text().replace("\n", ending).encode())
    after = loaded(zone)
    assert (after.zone, after.owners) == (before.zone, before.owners)
    assert dict(after.sources) == dict(before.sources)


def test_a_fault_in_an_anchor_has_the_line_where_it_is_written(zone: Path) -> None:
    """A wrong value that an alias or a merge key brings in is reported once, where it is written."""
    path = zone / TENANT
    path.write_text(
        "owner: tenant-fin\n"
        "clusters:\n"
        "  one: &one\n"
        "    site: qp-dc1\n"
        "    node_type: general-1u\n"
        "    count: 0\n"
        "  two: *one\n"
        "  three:\n"
        "    <<: *one\n"
        "    count: none\n"
    )
    problems = load_zone(zone).problems
    assert [(one.line, one.path) for one in problems] == [(6, "clusters.one.count"), (10, "clusters.three.count")]


def test_a_key_beside_a_merge_wins_and_the_first_of_several_merges(zone: Path) -> None:
    """Merge keys fill in what is not there, an earlier mapping before a later one, wherever they stand."""
    (zone / TENANT).write_text(
        "owner: tenant-fin\n"
        "clusters:\n"
        "  one: &one {site: qp-dc1, node_type: general-1u, count: 1}\n"
        "  two: &two {<<: *one, count: 2, feed: B}\n"
        "  three: {<<: [*one, *two], face: rear}\n"
        "  four: {count: 4, <<: *two}\n"
    )
    clusters = loaded(zone).owners["tenant-fin"].clusters
    assert [clusters[name].count for name in ("one", "two", "three", "four")] == [1, 2, 1, 4]
    assert (clusters["three"].feed, clusters["three"].face, clusters["four"].feed) == ("B", "rear", "B")


def test_a_quoted_merge_sign_is_an_ordinary_key(zone: Path) -> None:
    """``"<<"`` in quotes is a field like any other, so it is an unknown one."""
    path = zone / TENANT
    path.write_text(path.read_text().replace("    count: 12\n", '    "<<": {count: 12}\n    count: 12\n'))
    assert [problem.what for problem in load_zone(zone).problems] == ["unknown field of a cluster"]


@pytest.mark.parametrize("count", [1, 7])
def test_comment_lines_shift_lines_by_their_number(zone: Path, count: int) -> None:
    """Comment lines at the top move every source down by exactly that many lines."""
    before = loaded(zone).sources
    path = zone / TENANT
    path.write_text("# a comment: with [signs\n" * count + path.read_text())
    after = loaded(zone).sources
    for name, source in before.items():
        shift = count if source.file == TENANT else 0
        assert after[name] == Source(file=source.file, line=source.line + shift)


def test_a_stack_has_its_own_file_and_the_zone(zone: Path) -> None:
    """A stack reads its own file with zone.yaml beside it, and takes what stands elsewhere to exist."""
    (zone / "facility-operator-b.yaml").write_text("not: [read\n")
    result = load_stack(zone / TENANT)
    assert result.problems == ()
    assert result.declaration is not None
    assert list(result.declaration.owners) == ["tenant-fin"]
    assert result.declaration.sources["tenant-fin/clusters.core"].line == 3
