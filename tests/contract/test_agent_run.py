"""The agent beside a simulated host whose delivered energy is known, reporting to a running service."""

from pathlib import Path

import pytest

from support.agent_run import agent_run
from support.soak import is_full, shares_s


@pytest.mark.soak
def test_the_store_has_what_the_counters_delivered(tmp_path: Path) -> None:
    """Through wraps and a killed service, what is stored is what was delivered, within the counters' resolution."""
    run = agent_run(tmp_path, 300.0 if is_full() else shares_s()["agent run"])
    assert {part.name: part.wraps >= 1 for part in run.parts[:-1]} == {
        "package-0": True,
        "package-0/dram": True,
        "package-1": True,
    }
    for part in run.parts:
        assert abs(part.stored - part.delivered) <= part.bound, part
    assert run.unsure == 0
    assert run.batches >= run.elapsed_s * 0.8
