"""A few of the cases of one answer by the real engine: what `check` says of a file, preview and `up` say too."""

from pathlib import Path
from typing import Any

import pytest

from support.zone_project import SmallZone, cluster, facility
from zonewright import engine as engine_room

pytestmark = pytest.mark.engine
POOL = {"v4": {"prefix": "10.80.0.0/29", "gateway": "10.80.0.1"}}
TWICE = {f"{number:03}": {"rack": "dc1/a/01/01", "position": 1} for number in (1, 2)}


@pytest.mark.parametrize(
    ("clusters", "sentence", "fix"),
    [
        (
            # A /29 has six hosts, without the gateway and a name server four.
            {"web": cluster(5)},
            "[placement] web-005 has no address: address pool v4 (10.80.0.0/29) of site dc1 has no free address left",
            "or ask the site's operator for a larger pool",
        ),
        (
            {"web": cluster(2, places=TWICE)},
            "[unit-overlap] web-002 would take U1 of rack dc1/a/01/01, but web-001 is there: 1 U overlap",
            "move web-002 to another place; there is room at position 2 of rack dc1/a/01/01",
        ),
    ],
    ids=["address", "place"],
)
def test_the_engine_says_what_check_says(
    engine: engine_room.Engine, tmp_path: Path, clusters: dict[str, Any], sentence: str, fix: str
) -> None:
    """Preview and `up` refuse with the sentence and the fix of `check --stack`; nothing is held after it."""
    zone = SmallZone(folder=tmp_path, engine=engine).create()
    operator = zone.stack("operator")
    sites = facility(1)["sites"]
    sites["dc1"]["address_pools"] = POOL
    operator.declare(sites=sites)
    operator.up()
    tenant = zone.stack("tenant-a")
    tenant.declare(clusters=clusters)
    for arguments in (("preview",), ("up", "--yes", "--skip-preview")):
        said = " ".join(tenant.refused(*arguments).split())
        assert sentence in said
        assert fix in said
    assert tenant.holdings() == []
    tenant.declare(clusters={"web": cluster(4)})
    tenant.up()
    assert len(tenant.holdings("active")) == 4
    assert zone.no_process_left() == []
