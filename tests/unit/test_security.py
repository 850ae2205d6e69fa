"""The threat model names tests that exist, and none of its rows is a promise without one."""

import ast
import re
from functools import cache

from support.zone_project import REPOSITORY

PAGE = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
MODEL = PAGE.split("## Threat model", 1)[1]
ROWS = [
    line.strip("| ").split(" | ") for line in MODEL.splitlines() if line.startswith("| ") and "shown by" not in line
]
NAMED = sorted(set(re.findall(r"`(tests/[^`:]+\.py)::([^`]+)`", MODEL)))


@cache
def functions_of(path: str) -> frozenset[str]:
    """Names of the functions at the top of a file."""
    tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_a_named_test_exists() -> None:
    """What is said to show that a promise holds is a test of that name in that file, and pytest collects it."""
    assert NAMED
    for path, name in NAMED:
        assert name.startswith("test_"), name
        assert (REPOSITORY / path).is_file(), path
        assert name in functions_of(path), (path, name)


def test_each_row_says_who_what_and_which_test() -> None:
    """No row is without somebody, something that stops them or is open, and a test; the model has all its promises."""
    assert len(re.findall(r"^### ", MODEL, re.MULTILINE)) >= 7
    assert len(ROWS) >= 30
    for row in ROWS:
        assert len(row) == 3, row
        assert all(row)
        assert re.fullmatch(r"`tests/\S+\.py::test_\w+`(, `tests/\S+\.py::test_\w+`)*", row[2]), row
