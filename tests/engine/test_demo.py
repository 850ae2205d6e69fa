"""`make demo` is also a test: it fails when any of its steps does not do what it says."""

import subprocess
import sys

import pytest

from support.postgresql import programs
from support.warm_python import warm_python
from support.zone_project import REPOSITORY

pytestmark = pytest.mark.engine


def test_the_demo_tells_a_refusal_and_a_correction() -> None:
    """The demo ends well, shows a refused change, and leaves the checkout as it was."""
    before = _changes()
    result = subprocess.run(
        [sys.executable, "tools/demo.py", warm_python().path()],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "nothing was claimed or created" in result.stdout
    assert "good:" in result.stdout
    assert "\n  $ pulumi up --yes --skip-preview --stack facility-b\n" in result.stdout, (
        "each step is named as it begins"
    )
    assert "checks: nothing is wrong" in result.stdout
    assert "plan.json was altered" in result.stdout
    assert "renamed)" in result.stdout
    assert "all have moved" in result.stdout
    assert "stay up with one feed less" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()) <= 140
    assert _changes() == before


def _changes() -> str:
    command = ["git", "status", "--porcelain"]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout


def test_the_demo_of_the_service_tells_two_parties_story() -> None:
    """Two tokens and states on one PostgreSQL: a race, a lease, a reservation, a revoked token, an altered row."""
    programs()
    result = subprocess.run(
        [sys.executable, "tools/demo_service.py", warm_python().path()],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "a node of another party is there" in result.stdout
    assert "reserved for another party" in result.stdout
    assert "lease-term" in result.stdout
    assert "nothing is reserved for days" in result.stdout
    assert "the token is missing, unknown, revoked or expired" in result.stdout
    assert "their order was checked, their content was not, so entries before " in result.stdout
    assert "wrong: " in result.stdout
