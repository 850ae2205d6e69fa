"""Which Python `make setup` makes the environment with."""

import os
import subprocess
from pathlib import Path

import pytest

SETUP = Path(__file__).resolve().parents[2] / "tools" / "setup.sh"
PYTHON = """#!/bin/sh
case $1 in
-c) [ {pace} -gt 0 ] && echo {pace} ;;
--version) echo Python 3.11.0 ;;
*) exit 1 ;;
esac
"""
"""Says how many milliseconds it needs, nothing if it is too old, and makes no environment."""


@pytest.mark.parametrize(
    ("paces", "named", "chosen"),
    [
        ([40, 26], "", "1"),
        ([40, 35], "", "0"),
        ([0, 40, 40], "", "1"),
        ([40, 26], "0", "0"),
    ],
)
def test_the_first_python_is_taken_unless_another_is_much_faster(
    tmp_path: Path, paces: list[int], named: str, chosen: str
) -> None:
    """One that needs less than 17/20 of the CPU is worth it, one too old is none, and one that is named is taken."""
    for number, pace in enumerate(paces):
        python = tmp_path / str(number) / "python3"
        python.parent.mkdir()
        python.write_text(PYTHON.format(pace=pace), encoding="utf-8")
        python.chmod(0o755)
    path = os.pathsep.join(str(tmp_path / str(number)) for number in range(len(paces)))
    more = {"PYTHON": str(tmp_path / named / "python3")} if named else {}
    done = subprocess.run(
        ["/bin/sh", SETUP], env={"PATH": path, **more}, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == f"setup: making .venv with {tmp_path}/{chosen}/python3, Python 3.11.0\n", done.stderr
    assert "cannot make .venv" in done.stderr
