"""A zone's folder with every node in its place, found once in a process: it takes seconds, and many commands ask it."""

from functools import cache

import pytest

from zonewright.cli import zone

_judged = cache(zone.judged_folder)


def judge_once(patch: pytest.MonkeyPatch) -> None:
    """Let commands of a test have a folder as it was found before; for tests that change none."""
    patch.setattr(zone, "judged_folder", _judged)
