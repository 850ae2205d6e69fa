"""A public name of a class or type means one thing in the package."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import zonewright

PACKAGE = Path(zonewright.__file__).parent
SAME_THING_TWICE = {
    "Asset": "what a demand wants of an asset, and the Pulumi resource that stands for it",
    "FoundT": "a type variable of its own in each module",
    "HostPath": "the same pattern of a declared path, in two files that must not import each other",
    "JobT": "a type variable of its own in each module",
    "Node": "a declared node, and the Pulumi resource that stands for it",
}
"""Names that stand in two modules, each with the reason."""


def _names(module: ast.Module) -> set[str]:
    found = {node.name for node in module.body if isinstance(node, ast.ClassDef)}
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        found |= {target.id for target in targets if isinstance(target, ast.Name) and not target.id.isupper()}
    return {name for name in found if name[0].isupper()}


def test_a_public_type_is_named_once() -> None:
    """No class or type of one module has the name of another module's, so that a reader who finds one has found it."""
    homes = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for name in _names(ast.parse(path.read_text("utf-8"))):
            homes[name].append(path.relative_to(PACKAGE).as_posix())
    twice = {name: places for name, places in homes.items() if len(places) > 1}
    assert {name: places for name, places in twice.items() if name not in SAME_THING_TWICE} == {}
    assert sorted(SAME_THING_TWICE.keys() - twice.keys()) == []


def test_each_name_for_programs_is_there_with_its_types() -> None:
    """What a program may use of the package by its name is what the stubs declare, and all of it can be had."""
    stubs = ast.parse((PACKAGE / "__init__.pyi").read_text("utf-8"))
    (names,) = (
        ast.literal_eval(node.value)
        for node in stubs.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__"
    )
    assert sorted(names) == sorted(zonewright.PLACES)
    assert set(names) <= set(dir(zonewright))
    for name in names:
        assert getattr(zonewright, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Cloud'"):
        zonewright.Cloud  # type: ignore[attr-defined] # noqa: B018
