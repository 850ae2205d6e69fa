"""`check --repair` and `--fix`: a file changes in the words of the repair, and in nothing else, or not at all."""

import difflib
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from support.zone_project import REPOSITORY, ZONE, cluster, facility
from zonewright.cli import main
from zonewright.cli.checking.edit import EditError, edited, write_edits
from zonewright.cli.checking.found import FileRepair
from zonewright.declare.document import read_document
from zonewright.model import OwnerFile
from zonewright.place.repair import RepairEdit

TEXT = """\
# 上海: who may read this
---
owner:   tenant-a   # who

clusters:
    core:   {site: dc1, node_type: "one-u", count: 12}   # few
    wide:
        site: 'dc1'
        node_type: one-u
        count: 3   # of 7
        rooms:
        - a
        places:
            001:   {rack: "dc1/a/01/01",   position: 1}   # first
            # before the second
            "002":
                rack: dc1/a/01/02   # a rack only
        protection_level: 1


    last:
      site: dc1
      node_type: one-u
      count: 1
      places: {001: {rack: dc1/a/01/02, position: 40}, '002': {rack: 'dc1/a/01/02'}}"""
MOVES = [
    RepairEdit(cluster="wide", number="001", rack="dc1/a/01/09", position=24),
    RepairEdit(cluster="wide", number="002", rack="dc1/a/01/08", position=5),
    RepairEdit(cluster="last", number="001", rack="dc1/a/01/07", position=6),
    RepairEdit(cluster="last", number="002", rack="dc1/a/01/07", position=7),
    RepairEdit(cluster="core", count=7),
]
FORMS = {"plain": TEXT, "lines of Windows": TEXT.replace("\n", "\r\n"), "marked": f"\ufeff{TEXT}", "ended": f"{TEXT}\n"}

Check = Callable[..., tuple[int, str, str]]


def changes(before: str, after: str) -> list[str]:
    """The lines that went and came."""
    lines = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), n=0)
    return [line.rstrip("\r\n") for line in list(lines)[2:] if not line.startswith("@@")]


@pytest.mark.parametrize("form", FORMS)
def test_only_the_words_of_a_repair_change(form: str) -> None:
    """Comments, quotes, order, indents, line ends and the marks of a file stay; a place gets the position it lacked."""
    after = edited(FORMS[form], MOVES)
    assert changes(FORMS[form], after) == [
        '-    core:   {site: dc1, node_type: "one-u", count: 12}   # few',
        '+    core:   {site: dc1, node_type: "one-u", count: 7}   # few',
        '-            001:   {rack: "dc1/a/01/01",   position: 1}   # first',
        '+            001:   {rack: "dc1/a/01/09",   position: 24}   # first',
        "-                rack: dc1/a/01/02   # a rack only",
        "+                rack: dc1/a/01/08   # a rack only",
        "+                position: 5",
        "-      places: {001: {rack: dc1/a/01/02, position: 40}, '002': {rack: 'dc1/a/01/02'}}",
        "+      places: {001: {rack: dc1/a/01/07, position: 6}, '002': {rack: 'dc1/a/01/07', position: 7}}",
    ]
    assert after.count("\r\n") == (after.count("\n") if form == "lines of Windows" else 0)


@pytest.mark.parametrize("form", FORMS)
def test_a_place_that_is_taken_away_takes_its_line_only(form: str) -> None:
    """The last one of a cluster takes `places` with it, in a block and within braces; what is behind it stays."""
    gone = [RepairEdit(cluster=cluster, number=number) for cluster in ("wide", "last") for number in ("002", "001")]
    once = edited(FORMS[form], gone[:1] + gone[2:3])
    assert [line for line in changes(FORMS[form], once) if line.startswith("+")] == [
        "+      places: {001: {rack: dc1/a/01/02, position: 40}}"
    ]
    assert "# before the second" in once
    assert "protection_level: 1" in once
    whole = yaml.safe_load(edited(FORMS[form], gone))
    assert [sorted(one) for one in whole["clusters"].values() if "places" in one] == []
    assert whole["clusters"]["wide"]["protection_level"] == 1


@pytest.fixture(name="zone")
def _zone(tmp_path: Path) -> Path:
    """A zone whose two tenants chose one place for two nodes each."""
    twice = {one: {"rack": "dc1/a/01/01", "position": 1} for one in ("001", "002")}
    files = {"zone": ZONE, "facility-operator": facility(2, rated_w=3000)}
    files |= {
        f"tenant-{one}": {"owner": f"tenant-{one}", "clusters": {f"web-{one}": cluster(2, places=twice)}}
        for one in "ab"
    }
    for name, content in files.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.dump(dict(content), sort_keys=False))
    return tmp_path


@pytest.fixture(name="check")
def _check(zone: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(("check", str(zone), *arguments))
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def texts(zone: Path) -> dict[str, bytes]:
    """All files of the folder."""
    return {path.name: path.read_bytes() for path in zone.iterdir()}


def test_a_repair_is_shown_and_nothing_is_written(check: Check, zone: Path) -> None:
    """`--repair` names each edit of both files, refuses as before, and writes nothing."""
    before = texts(zone)
    code, out, _ = check("--repair")
    assert code == 1
    assert out.count("admissible by the same rules:\n  clusters.web-") == 2
    assert texts(zone) == before


def test_what_is_fixed_is_good_in_one_round(check: Check, zone: Path) -> None:
    """`--fix` says what it wrote; the next check finds nothing, and has nothing to write."""
    code, out, _ = check("--fix")
    assert code == 1
    assert [line for line in out.splitlines() if line.startswith("written: ")]
    assert check()[0] == 0
    fixed = texts(zone)
    assert fixed.keys() == {"zone.yaml", "facility-operator.yaml", "tenant-a.yaml", "tenant-b.yaml"}
    code, out, _ = check("--fix")
    assert (code, texts(zone)) == (0, fixed)
    assert "repair" not in out


def test_the_repair_does_not_enter_a_document(check: Check) -> None:
    """With another format the document stays alone on its stream."""
    _, out, err = check("--repair", "--format", "json")
    assert yaml.safe_load(out)["findings"]
    assert "one repair, " in err


def test_the_commands_of_the_page_work(zone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The how-to shows, writes and checks: two refusals, and then a good zone."""
    page = (REPOSITORY / "docs" / "how-to" / "read-a-finding.md").read_text(encoding="utf-8")
    zone = zone.rename(zone.with_name("my-zone"))
    monkeypatch.chdir(zone.parent)
    lines = "".join(re.findall(r"```console\n(.*?)```", page, re.DOTALL)).splitlines()
    assert [main(shlex.split(line)[2:]) for line in lines] == [1, 1, 0]


def repair_of(path: Path, *edits: RepairEdit) -> FileRepair:
    """A repair of a file as it is now."""
    judged = read_document(path, OwnerFile).content
    assert isinstance(judged, OwnerFile)
    return FileRepair(path=path, judged=judged, edits=edits)


MOVE_A = RepairEdit(cluster="web-a", number="002", rack="dc1/a/01/02", position=1)
MOVE_B = RepairEdit(cluster="web-b", number="002", rack="dc1/a/01/02", position=2)


def test_a_file_that_changed_meanwhile_is_not_written_and_no_other_either(zone: Path) -> None:
    """The second file has one node more than was judged: both stay as they are, and the sentence says which."""
    repairs = [repair_of(zone / "tenant-a.yaml", MOVE_A), repair_of(zone / "tenant-b.yaml", MOVE_B)]
    path = zone / "tenant-b.yaml"
    path.write_text(path.read_text().replace("count: 2", "count: 3"))
    before = texts(zone)
    with pytest.raises(EditError, match=r"tenant-b\.yaml: has changed since it was checked; check it again"):
        write_edits(repairs)
    assert texts(zone) == before


def test_a_place_that_two_clusters_share_is_left_to_people(zone: Path) -> None:
    """An alias would move the other cluster's node too; a merged place is not there to edit. Nothing is written."""
    path = zone / "tenant-a.yaml"
    shared = (
        "owner: tenant-a\nclusters:\n  web-a: &one {site: dc1, node_type: one-u, count: 2, places: &p %s}\n  two: %s\n"
    )
    place = '{"002": {rack: dc1/a/01/01, position: 1}}'
    for second in ("{site: dc1, node_type: one-u, count: 2, places: *p}", "{<<: *one, count: 3}"):
        path.write_text(shared % (place, second))
        before = texts(zone)
        edit = RepairEdit(cluster="two", number="002", rack="dc1/a/01/02", position=1)
        with pytest.raises(EditError, match=r"tenant-a\.yaml: the repair .*; edit the file by hand"):
            write_edits([repair_of(path, edit)])
        assert texts(zone) == before


def test_a_link_to_a_file_stays_a_link_and_keeps_its_rights(zone: Path) -> None:
    """The file behind the link is exchanged, with the permissions that it had."""
    path, real = zone / "tenant-a.yaml", zone / "elsewhere.txt"
    path.rename(real)
    real.chmod(0o640)
    path.symlink_to(real)
    write_edits([repair_of(path, MOVE_A)])
    assert path.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert "dc1/a/01/02" in real.read_text()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_must_not_be_written_is_told(zone: Path) -> None:
    """One sentence, and no file is half done."""
    repairs = [repair_of(zone / "tenant-a.yaml", MOVE_A)]
    zone.chmod(0o500)
    with pytest.raises(EditError, match="cannot be written: Permission denied"):
        write_edits(repairs)
    zone.chmod(0o700)
