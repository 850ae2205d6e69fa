"""The types as a consumer sees them: three installed packages that say they are typed.

What `mypy --strict` says to a consumer of the wheel `tools/test_wheel.py` shows, in `.ci/run` too.
"""

from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.mark.parametrize("package", ["zonewright", "zonewright_templates", "zonewright_agent"])
def test_each_package_says_that_it_is_typed(package: str) -> None:
    """`py.typed` lies in each of the packages of the wheel."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).with_name("py.typed").exists()
