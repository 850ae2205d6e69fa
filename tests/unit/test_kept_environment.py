"""Environments of the wheel's tests are kept between runs, and not for ever."""

import os
import time
from pathlib import Path

from tools import kept_environment

STEP_S = 0.75 * 3600


def test_those_that_nobody_used_for_long_are_removed(tmp_path: Path) -> None:
    """Six stay, the ones used last, and each that was used within six hours; one that is not whole is none."""
    now = time.time()
    for steps in range(1, 12):
        folder = tmp_path / f"used-{steps:02}"
        folder.mkdir()
        (folder / "complete").touch()
        os.utime(folder / "complete", (now - steps * STEP_S,) * 2)
    (tmp_path / "torn").mkdir()
    os.utime(tmp_path / "torn", (now - 50 * STEP_S,) * 2)
    assert not kept_environment.ready(tmp_path / "none")
    assert not kept_environment.ready(tmp_path / "torn")
    assert len(list(tmp_path.iterdir())) == 12
    assert kept_environment.ready(tmp_path / "used-11")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *(f"used-{steps:02}" for steps in range(1, 8)),
        "used-11",
    ]
