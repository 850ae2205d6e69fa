"""Environments of the wheel's tests are kept between runs, and not for ever."""

import os
import time
from pathlib import Path

import pytest
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


def test_one_that_nobody_may_touch_is_used_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole environment of somebody else, or on a disk that cannot be written to, is no fault."""

    def refused(*_args: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refused)
    assert kept_environment.ready(tmp_path)
