"""The package's sources, parsed once in a process: many tests look at every file, and parsing is what they cost."""

import ast
from functools import cache
from pathlib import Path

import zonewright

ROOT_FOLDER = Path(zonewright.__file__).parent


@cache
def parsed() -> dict[str, tuple[str, tuple[ast.AST, ...]]]:
    """Text and all nodes, breadth first, of each file by its path in the package; not to be changed."""
    found = {}
    for path in sorted(ROOT_FOLDER.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found[path.relative_to(ROOT_FOLDER).as_posix()] = (text, tuple(ast.walk(ast.parse(text))))
    return found
