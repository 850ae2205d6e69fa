"""The page on architecture leads to files that are there."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "explanation" / "architecture.md"
ROOTS = (REPOSITORY, REPOSITORY / "modules" / "zonewright")
_CODE_FILES = 4


def _rows() -> list[tuple[str, str]]:
    """What is added and the code to touch, of each row of "Where a change goes"."""
    section = PAGE.read_text("utf-8").split("## Where a change goes")[1].split("\n## ")[0]
    cells = [line.split(" | ") for line in section.splitlines() if line.startswith("| a")]
    return [(row[0].strip("| "), row[1]) for row in cells]


def _paths(text: str) -> list[str]:
    return [path for path in re.findall(r"`([^`]+)`", text) if "/" in path]


def test_each_way_to_change_something_names_files_that_are_there() -> None:
    """Every path of the table is a file or folder of the checkout, so that a newcomer who follows it arrives."""
    missing = [
        f"{what}: {path}"
        for what, code in _rows()
        for path in _paths(code)
        if not any((root / path).exists() for root in ROOTS)
    ]
    assert missing == []


def test_no_change_needs_more_than_four_files_of_code() -> None:
    """The house is ordered by what changes together: no row names more than four files of code."""
    assert len(_rows()) > 10
    assert [what for what, code in _rows() if len(_paths(code)) > _CODE_FILES] == []
