"""A zone with a gate on the energy ratio: data centres of 16 MW, registers that are imported, and blocks of 100 kW."""

import io
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from support.registers import METERS, NOW, month_before, registers
from zonewright.cli import main

PANELS = {"pa": {"substation": "sub-1"}, "pb": {"substation": "sub-2"}}
FEEDS = {name: {"power_panel": panel, "rated_w": 250_000} for name, panel in (("A", "pa"), ("B", "pb"))}
BASELINE = {"position": 1, "u_height": 20, "allocated_draw": 200_000}
POINTS = ("utility", "utility", "generator", "ups-output", "ups-output")
LIMIT = {"source": "a clause"}
GATED_ZONE: dict[str, Any] = {
    "zone": "gated",
    "title": "A zone with a gate",
    "districts": {"north": {"title": "North"}},
    "parties": {
        "operator": {"title": "Operator", "roles": ["facility-operator"]},
        "tenant-a": {"title": "Tenant", "roles": ["tenant"]},
    },
    "node_types": {
        "block": {
            "manufacturer": "Acme",
            "model": "Block",
            "u_height": 20,
            "weight_kg": 500,
            "maximum_draw": 100_000,
            "allocated_draw": 100_000,
        }
    },
    "rule_pack": "pack",
    "rule_packs": {
        "pack": {
            "title": "Pack",
            "valid_from": "2026-01-01",
            "valid_until": "2035-12-31",
            "trusted": ["signed", "authenticated", "imported"],
            "limits": {"design-pue": {"value": 1.25, **LIMIT}, "figure-age-days": {"value": 45, **LIMIT}},
            "levels": {"fill-before-open": "advisory"},
        }
    },
}


def data_centre(racks_in_use: int) -> dict[str, Any]:
    """A site of 16 MW in room a, racks of 200 kW; 1,050 kW and 0.13 of overhead, rooms d and e beside it."""
    row = {"racks": 40, "feeds": FEEDS, "max_weight_kg": 2000}
    full = {**row, "baseline": {"old": {"racks": f"01..{racks_in_use:02}", **BASELINE}}}
    return {
        "title": "Data centre",
        "district": "north",
        "overhead": {"plant_kw": 600, "slope": 0.13},
        "power_panels": PANELS,
        "rooms": {
            "a": {"fixed_kw": 450, "rows": {"01": full if racks_in_use else row, "02": row}},
            "d": {"fixed_kw": 150, "rows": {"01": {**row, "racks": 4}}},
            "e": {"fixed_kw": 78.75, "rows": {"01": {**row, "racks": 4}}},
        },
        "meters": {name: {"point": point, "rating_w": 50_000_000} for name, point in zip(METERS, POINTS, strict=True)},
        "boundary": {"category": "PUE1", "facility": list(METERS[:3]), "it": list(METERS[3:])},
    }


def blocks(count: int, room: str = "a", site: str = "dc1") -> dict[str, Any]:
    """So many nodes of 100 kW."""
    return {"site": site, "node_type": "block", "count": count, "rooms": [room]}


@dataclass
class GatedLedger:
    """The zone's folder, and a ledger in which it is registered.

    Attributes:
        folder: where both are.
        url: the ledger's.
    """

    folder: Path
    url: str

    def load(self, sites: Mapping[str, Any]) -> None:
        """Bring the operator's sites in, without an engine."""
        file = {"owner": "operator", "sites": dict(sites)}
        path = self.folder / "zone" / "facility-operator.yaml"
        path.write_text(yaml.safe_dump(file, sort_keys=False), encoding="utf-8")
        self.command("ledger", "load", "zone")

    def command(self, *arguments: str) -> None:
        """Our command line on the ledger, in this process."""
        said = io.StringIO()
        with chdir(self.folder), redirect_stdout(said), redirect_stderr(said):
            code = main([*arguments, "--ledger", self.url])
        assert code == 0, said.getvalue()

    def bring(self, it_kw: float, *, site: str = "dc1", months_ago: int = 0) -> datetime:
        """Import flat registers of a site, up to the last full month or some months before; gives their begin."""
        end = month_before(NOW)
        for _ in range(months_ago):
            end = month_before(end - timedelta(hours=1))
        path = self.folder / "registers.csv"
        path.write_text(registers(it_kw, end=end), encoding="utf-8")
        self.command("pue", "import", str(path), "--zone", "zone", "--site", site)
        return datetime.fromisoformat(path.read_text(encoding="utf-8").splitlines()[1].split(",")[2])
