"""A format that the zone gates, in the real `pulumi preview` and `up`: only a pass opens it."""

import os
from pathlib import Path

import pytest

from support.validators import installed_validator
from support.zone_project import ZONE, SmallZone, cluster
from zonewright import engine as engine_room
from zonewright.render.formats.nftables import NFTABLES

pytestmark = pytest.mark.engine

PACK = {"title": "p", "valid_from": "2026-01-01", "valid_until": "2035-12-31", "gated_formats": ["nftables"]}


def test_a_gated_format_opens_on_a_pass_only(engine: engine_room.Engine, tmp_path: Path) -> None:
    """Without the program preview and `up` refuse and nothing is claimed; with its pass the same `up` goes on."""
    validator = installed_validator(NFTABLES)
    zone = SmallZone(
        folder=tmp_path, engine=engine, zone={**ZONE, "rule_packs": {"p": PACK}, "rule_pack": "p"}
    ).create()
    zone.operator()  # a site has no file of this format, so nothing stands against it
    tenant = zone.stack("tenant-a")
    tenant.declare(clusters={"web": cluster(2)})
    path = tenant.environment.get("PATH", os.environ["PATH"]).split(os.pathsep)
    cache = {"ZONEWRIGHT_CACHE": str(tmp_path / "cache")}
    without = {**cache, "PATH": os.pathsep.join(one for one in path if not (Path(one) / "nft").exists())}
    shown = tenant.refused("preview", variables=without)
    assert "1 finding on gated formats; 'up' would refuse this" in shown
    assert "[validated-files] the zone gates files of nftables" in " ".join(shown.split())
    said = tenant.refused("up", "--yes", "--skip-preview", variables=without)
    assert "1 finding on gated formats; nothing was admitted" in said
    assert "nft is not installed (package nftables); the same for 1 other: " in said
    assert tenant.holdings() == []
    assert validator.is_installed()
    tenant.up(variables={**cache, "PATH": os.pathsep.join([*path, "/usr/sbin"])})
    assert len(tenant.holdings("active")) == 2
    assert zone.no_process_left() == []
