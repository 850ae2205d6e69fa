"""A format that the zone gates, in the real `pulumi preview` and `up`: only a pass opens it."""

import os
from pathlib import Path
from typing import Any

import pytest

from support.validators import installed_validator
from support.zone_project import ZONE, SmallZone, cluster, facility
from zonewright import engine as engine_room
from zonewright.render.formats.nftables import NFTABLES

pytestmark = pytest.mark.engine

GATED = ["nftables", "eos", "eos-ports"]
PACK = {"title": "p", "valid_from": "2026-01-01", "valid_until": "2035-12-31", "gated_formats": GATED}


def _switched(site: dict[str, Any]) -> None:
    """The site's pool is in a VLAN, and a switch has the ports of its first rack."""
    site |= {"as_number": 4_200_000_001, "vlans": {"servers": {"vid": 20}}}
    site["address_pools"]["v4"] |= {"interface": "lan0", "vlan": "servers"}
    ports = {"Ethernet1..40": {"rack": "a/01/01", "positions": "01..40"}, "Ethernet49": {"router": "lan0"}}
    site["switches"] = {"leaf-1": {"role": "leaf", "platform": "eos", "interfaces": ports}}


def test_a_gated_format_opens_on_a_pass_only(engine: engine_room.Engine, tmp_path: Path) -> None:
    """Without the program preview and `up` refuse and nothing is claimed; with its pass the same `up` goes on.

    A switch with ports to the nodes is in the same stacks: its files are judged, gated and handed over too.
    """
    validator = installed_validator(NFTABLES)
    zone = SmallZone(
        folder=tmp_path, engine=engine, zone={**ZONE, "rule_packs": {"p": PACK}, "rule_pack": "p"}
    ).create()
    declared = facility(2)
    _switched(declared["sites"]["dc1"])
    operator = zone.stack("operator")
    operator.declare(sites=declared["sites"])
    operator.up()  # a site has no file of nftables, so nothing stands against it
    tenant = zone.stack("tenant-a")
    tenant.declare(clusters={"web": cluster(2)})
    path = tenant.environment.get("PATH", os.environ["PATH"]).split(os.pathsep)
    cache = {"ZONEWRIGHT_CACHE": str(tmp_path / "cache")}
    without = {**cache, "PATH": os.pathsep.join(one for one in path if not (Path(one) / "nft").exists())}
    shown = tenant.refused("preview", variables=without)
    assert "1 finding on gated formats; 'up' would refuse this" in shown
    assert "[validated-files] the zone gates files of eos, eos-ports and nftables" in " ".join(shown.split())
    said = tenant.refused("up", "--yes", "--skip-preview", variables=without)
    assert "1 finding on gated formats; nothing was admitted" in said
    assert "nft is not installed (package nftables); the same for 1 other: " in said
    assert tenant.holdings() == []
    assert validator.is_installed()
    tenant.up(variables={**cache, "PATH": os.pathsep.join([*path, "/usr/sbin"])})
    assert len(tenant.holdings("active")) == 2
    for stack, format_ in ((operator, "eos"), (tenant, "eos-ports")):
        assert stack.resources("SiteConfig")[0]["inputs"]["formats"][format_]["files"] == 1
    assert zone.no_process_left() == []
