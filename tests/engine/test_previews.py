"""What a preview says to people, to scripts and to policies: watts and numbers, not digests."""

import json
from typing import Any

import pytest

from support.zone_project import SmallZone, cluster, facility

pytestmark = pytest.mark.engine
FEED = ("availableW", "ratedW")


def test_a_preview_tells_a_changed_feed_in_watts(operated: SmallZone) -> None:
    """A rating from 12,500 to 14,000 W stands in the difference as that; no digest, no other property of the row."""
    operator = operated.opened("operator")
    operator.declare(sites=facility(2, rated_w=14_000)["sites"])
    output = operator.run("preview", "--diff").stdout
    assert "~ ratedW    : 12500 => 14000" in output
    assert "~ availableW: 10000 => 11200" in output
    row = output.partition("zonewright:index:Row: (update)")[2].partition("zonewright:index:")[0]
    assert "sha256:" not in row, row
    assert len(output.splitlines()) < 40
    steps = json.loads(operator.run("preview", "--json").stdout)["steps"]
    (step,) = (step for step in steps if step["urn"].endswith("::dc1/a/01"))
    assert step["op"] == "update"
    assert step["newState"]["inputs"]["feeds"]["A"] == {
        "availableW": 11_200,
        "maxUtilization": 0.8,
        "powerPanel": "pa",
        "ratedW": 14_000,
    }
    assert set(step["detailedDiff"]) == {f'feeds["{feed}"]["{name}"]' for feed in "AB" for name in FEED}
    operator.up()
    operator.settled()


def test_a_preview_counts_files(settled: SmallZone) -> None:
    """Files that change are numbers by format, and how many are new, changed and gone; `up` says it too."""
    tenant = settled.opened("tenant-a")
    tenant.declare(clusters={"web": cluster(4)})
    output = tenant.run("preview", "--diff").stdout
    assert "~ files: 3 => 4" in output
    assert "files of dc1: 3 new, 6 changed, 0 gone" in output, output
    assert "etc/netplan" not in output
    output = tenant.up()
    assert "files of dc1: 3 new, 6 changed, 0 gone" in output, output
    (config,) = tenant.resources("SiteConfig")
    formats: dict[str, Any] = config["inputs"]["formats"]
    assert sum(size["files"] for size in formats.values()) == config["outputs"]["count"]
    assert formats["netplan"]["files"] == 4
    assert formats["netplan"]["bytes"] > 1_000


def test_a_policy_can_judge_a_watt(operated: SmallZone) -> None:
    """Inputs and outputs of a row in the state are numbers, which is what a policy pack reads."""
    (row,) = operated.opened("operator").resources("Row")
    for part in ("inputs", "outputs"):
        assert row[part]["feeds"]["B"]["ratedW"] == 12_500
        assert row[part]["racks"] == 2
