"""The order of tests in a run of several processes."""

from types import SimpleNamespace
from typing import cast

import pytest

from support.order import long_first


def _items(names: list[str]) -> list[pytest.Item]:
    return [cast("pytest.Item", SimpleNamespace(nodeid=name)) for name in names]


def test_each_process_but_the_last_begins_with_its_share_of_the_long_modules() -> None:
    """No test is lost or doubled, a long module stays whole, and the last third of the list is of short tests."""
    long = [
        f"tests/{folder}/test_{name}.py::test_{n}" for folder, name in (("engine", "a"), ("hosts", "b")) for n in (1, 2)
    ]
    long.append("tests/engine/test_c.py::test_1")
    short = [f"tests/unit/test_{name}.py::test_{n}" for name in "xyz" for n in range(6)]
    given = _items([*short[:9], *long, *short[9:]])
    ordered = [item.nodeid for item in long_first(given, 3)]
    assert sorted(ordered) == sorted(item.nodeid for item in given)
    parts = [ordered[len(ordered) * at // 3 : len(ordered) * (at + 1) // 3] for at in range(3)]
    assert parts[0][:3] == [*long[:2], long[4]]
    assert parts[1][:2] == long[2:4]
    assert set(parts[2]) <= set(short)
    assert [name for name in ordered if name in short] == short
    dealt = [*long[:2], long[4], *long[2:4]]
    assert [item.nodeid for item in long_first(_items(long), 3)] == dealt  # more long ones than a part has room for
    assert [item.nodeid for item in long_first(_items([*short, *long]), 2)] == [*long, *short]
