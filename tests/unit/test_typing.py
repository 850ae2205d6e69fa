"""The types as a consumer sees them: three installed packages that say they are typed, and none of our settings."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CONSUMER = Path(__file__).resolve().parents[1] / "typing" / "api.py"
CACHE = Path(os.environ.get("MYPY_CACHE_DIR") or CONSUMER.parents[2] / ".mypy_cache") / "consumer"
"""Without it mypy reads all packages anew, 13 s of CPU; it may be of another clone, since mypy compares contents."""


def test_a_consumer_is_told_right_and_wrong(tmp_path: Path) -> None:
    """`mypy --strict` passes a program that uses the public names, and finds the mistakes that it makes on purpose."""
    shutil.copy(CONSUMER, tmp_path)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--cache-dir",
        str(CACHE),
        "api.py",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "Success: no issues found in 1 source file\n", done.stdout + done.stderr


@pytest.mark.parametrize("package", ["zonewright", "zonewright_templates", "zonewright_agent"])
def test_each_package_says_that_it_is_typed(package: str) -> None:
    """`py.typed` lies in each of the packages of the wheel."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).with_name("py.typed").exists()
