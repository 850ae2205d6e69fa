"""The folder of an estate: what was edited by hand stays, and what the inventory changed is told."""

from pathlib import Path

import pytest

from zonewright.estate.folder import compared, write
from zonewright.estate.inventory.errors import InventoryMisuseError
from zonewright.estate.inventory.export_folder import read_folder
from zonewright.estate.inventory.table import read_table
from zonewright.estate.text import yaml_text

FIRST = {"a.yaml": yaml_text({"owner": "a", "x": {"one": 1, "two": 2}}, "made")}


def _written(folder: Path) -> Path:
    write(folder, FIRST, compared(folder, FIRST))
    return folder / "a.yaml"


def _state(folder: Path, files: dict[str, str], *, overwrite: bool = False) -> str:
    (one,) = compared(folder, files, overwrite=overwrite)
    return one.state


def test_a_second_run_of_the_same_writes_nothing(tmp_path: Path) -> None:
    """The same inventory twice is no difference."""
    path = _written(tmp_path)
    assert path.read_text("utf-8") == FIRST["a.yaml"]
    assert _state(tmp_path, FIRST) == "same"


def test_an_edited_file_is_never_overwritten_in_silence(tmp_path: Path) -> None:
    """What both changed is a conflict that names the path; the edit stays until it is put right, or --overwrite."""
    path = _written(tmp_path)
    path.write_text(path.read_text("utf-8").replace("one: 1", "one: 7") + "# mine\n", "utf-8")
    assert _state(tmp_path, FIRST) == "edited"
    now = {"a.yaml": yaml_text({"owner": "a", "x": {"one": 1, "two": 3}}, "made")}
    states = compared(tmp_path, now)
    assert states[0].state == "conflict"
    assert states[0].open == ["x.two: 3 in the inventory, 2 in the file"]
    write(tmp_path, now, states)
    assert "one: 7" in path.read_text("utf-8")
    assert _state(tmp_path, now) == "conflict"
    path.write_text(path.read_text("utf-8").replace("two: 2", "two: 3"), "utf-8")
    assert _state(tmp_path, now) == "edited"
    assert _state(tmp_path, now, overwrite=True) == "changed"
    write(tmp_path, now, compared(tmp_path, now, overwrite=True))
    assert path.read_text("utf-8") == now["a.yaml"]


def test_a_file_of_nothing_any_more_is_deleted_unless_it_was_edited(tmp_path: Path) -> None:
    """An owner that has left the inventory takes its file along; one that somebody edited stays."""
    path = _written(tmp_path)
    assert _state(tmp_path, {}) == "gone"
    path.write_text("owner: a\n", "utf-8")
    assert _state(tmp_path, {}) == "edited"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("dc,,1", "t.csv:2: expected a site and a rack"),
        ("dc,r1,two", "t.csv:2: position: expected a number such as 42, got 'two'"),
        ("dc,r1,-1", "t.csv:2: position: expected a number such as 42, got '-1'"),
    ],
)
def test_a_wrong_row_of_a_table_is_named_by_its_line(tmp_path: Path, line: str, says: str) -> None:
    """Each fault of a table has file and line, what was expected and what was found."""
    path = tmp_path / "t.csv"
    path.write_text(f"site,rack,position,device\n{line},d\n", "utf-8")
    with pytest.raises(InventoryMisuseError) as caught:
        read_table(path)
    assert says in str(caught.value)


def test_unknown_columns_and_missing_ones_are_told_together(tmp_path: Path) -> None:
    """A header with two faults is told whole, with the nearest known column."""
    path = tmp_path / "t.csv"
    path.write_text("site,racks\n", "utf-8")
    with pytest.raises(InventoryMisuseError) as caught:
        read_table(path)
    assert "did you mean 'rack'?" in str(caught.value)
    assert "expected a column 'rack'" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "dcim.racks.json: is no JSON"),
        (
            '{"count": 3, "next": null, "results": [{"id": 1}]}',
            "expected all 3 objects, got 1: it is one of several pages",
        ),
        ("{}", "dcim.racks.json: expected a list of objects"),
    ],
)
def test_an_export_that_is_not_whole_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """One page of several, or a file that is none, is told with what to save instead."""
    for name in ("sites", "devices", "device-types"):
        (tmp_path / f"dcim.{name}.json").write_text("[]", "utf-8")
    (tmp_path / "dcim.racks.json").write_text(text, "utf-8")
    with pytest.raises(InventoryMisuseError) as caught:
        read_folder(tmp_path, ["dcim/sites", "dcim/racks", "ipam/vlans"])
    assert says in str(caught.value)
