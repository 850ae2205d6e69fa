"""One of the cases of one answer by the real engine: what `check` says of a file, preview and `up` say too."""

from pathlib import Path

import pytest

from support.zone_project import SmallZone, cluster, facility
from zonewright import engine as engine_room

pytestmark = pytest.mark.engine
POOL = {"v4": {"prefix": "10.80.0.0/29", "gateway": "10.80.0.1"}}


def test_the_engine_says_what_check_says(engine: engine_room.Engine, tmp_path: Path) -> None:
    """Preview and `up` refuse what has no address with the sentence and the fix of `check --stack`; nothing is held."""
    zone = SmallZone(folder=tmp_path, engine=engine).create()
    operator, tenant = zone.stack("operator"), zone.stack("tenant-a")
    sites = facility(1)["sites"]
    sites["dc1"]["address_pools"] = POOL
    operator.declare(sites=sites)
    loaded = operator.zonewright("ledger", "load", str(zone.folder / "zone"), "--ledger", zone.ledger_url)
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    tenant.declare(clusters={"web": cluster(5)})  # a /29 has six hosts, without the gateway and a name server four
    for arguments in (("preview",), ("up", "--yes", "--skip-preview")):
        said = " ".join(tenant.refused(*arguments).split())
        expected = "[placement] web-005 has no address: address pool v4 (10.80.0.0/29) of site dc1 has no free address"
        assert f"{expected} left" in said
        assert "or ask the site's operator for a larger pool" in said
    assert tenant.holdings() == []
    assert zone.no_process_left() == []
