"""Each row of the gate's table in the real `pulumi up`, and `preview`: what is refused has no resource and no claim."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, chdir, closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.modbus_meter import Meter, served_beside
from support.registers import METERS, NOW, month_before, registers
from support.telemetry_processes import Service, wait_for, write_settings
from support.warm_python import warm_python
from support.zone_project import REPOSITORY, SmallZone, Stack
from zonewright import engine as engine_room
from zonewright.cli import main
from zonewright.server.agents import issue_token
from zonewright.telemetry.samples import Samples
from zonewright_gateway.modbus.maps import shipped_maps

pytestmark = pytest.mark.engine

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
class Gated:
    """The zone with its data centres in the ledger, and a tenant's stack."""

    zone: SmallZone
    stack: Stack = field(init=False)

    def facility(self, racks_in_use: int, *, sites: tuple[str, ...] = ("dc1",)) -> None:
        """Bring the operator's sites in, each with so many racks of 200 kW in use, without an engine."""
        file = {"owner": "operator", "sites": {name: data_centre(racks_in_use) for name in sites}}
        path = self.zone.folder / "zone" / "facility-operator.yaml"
        path.write_text(yaml.safe_dump(file, sort_keys=False), encoding="utf-8")
        self.command("ledger", "load", "zone")
        self.stack = self.zone.stack("tenant-a")

    def metered_live(self, sites: tuple[str, ...]) -> None:
        """The sites with a gateway for what comes in and one for the UPS, whose meters name them."""
        file = {"owner": "operator", "sites": {name: _with_gateways(name, data_centre(40)) for name in sites}}
        path = self.zone.folder / "zone" / "facility-operator.yaml"
        path.write_text(yaml.safe_dump(file, sort_keys=False), encoding="utf-8")
        self.command("ledger", "load", "zone")
        self.stack = self.zone.stack("tenant-a")

    def command(self, *arguments: str) -> None:
        """Our command line on the shared ledger, in this process."""
        said = io.StringIO()
        with chdir(self.zone.folder), redirect_stdout(said), redirect_stderr(said):
            code = main([*arguments, "--ledger", self.zone.ledger_url])
        assert code == 0, said.getvalue()

    def bring(self, it_kw: float, *, site: str = "dc1", months_ago: int = 0) -> datetime:
        """Import flat registers of a site, up to the last full month or some months before; gives their begin."""
        end = month_before(NOW)
        for _ in range(months_ago):
            end = month_before(end - timedelta(hours=1))
        path = self.zone.folder / "registers.csv"
        path.write_text(registers(it_kw, end=end), encoding="utf-8")
        self.command("pue", "import", str(path), "--zone", "zone", "--site", site)
        return datetime.fromisoformat(path.read_text(encoding="utf-8").splitlines()[1].split(",")[2])

    def previewed(self, **clusters: Any) -> str:
        """What a preview says of a declaration that must pass."""
        self.stack.declare(clusters=clusters)
        return self.stack.run("preview").stdout

    def admitted(self, **clusters: Any) -> None:
        """Bring a declaration up that must pass."""
        self.stack.declare(clusters=clusters)
        self.stack.up()
        self.stack.settled()
        assert len(self.stack.places()) == sum(one["count"] for one in clusters.values())

    def refused(self, level: str, *says: str, in_preview: bool = False, **clusters: Any) -> None:
        """An up, or a preview too, of what must not pass, for the reasons given; nothing of it exists then."""
        held = self.stack.places()
        self.stack.declare(clusters=clusters)
        for arguments in (*([("preview",)] if in_preview else []), ("up", "--yes", "--skip-preview")):
            text = " ".join(self.stack.refused(*arguments).split())
            assert "[pue-gate]" in text
            for part in ("nothing was claimed or created", *says):
                assert part in text, text
            assert ("this change needs an approval" in text) == (level == "approval")
        assert self.stack.places() == held
        self.stack.settled()


MODBUS = "dc1"
"""The site whose meters are read over Modbus; those of the others are files."""


def _with_gateways(name: str, site: dict[str, Any]) -> dict[str, Any]:
    sides = {f"{name}-gw-in": METERS[:3], f"{name}-gw-ups": METERS[3:]}
    site["hosts"] = {host: {"devices": [f"{name}-{meter}" for meter in some]} for host, some in sides.items()}
    for host, some in sides.items():
        for meter in some:
            unit = {} if name == MODBUS else {"unit": "Wh"}
            site["meters"][meter]["source"] = {"host": host, "device": f"{name}-{meter}", **unit}
    return site


class Gateways:
    """Agents and gateways beside a real service, with registers that go on from what was imported.

    Those of one site are real gateways, which read simulated incomers and UPSs over Modbus.

    Args:
        folder: of the zone and its ledger.
        hosts: the gateways.
    """

    def __init__(self, folder: Path, hosts: Iterable[str]) -> None:
        self.service = Service(folder, "--ledger", "ledger.db", python=warm_python().path())
        self.service.start()
        registers = shipped_maps()["abb-b23"]
        self.meters = {unit: Meter(registers, check=230.0) for unit in range(1, len(METERS) + 1)}
        self._served = ExitStack()
        self._port = self._served.enter_context(served_beside(self.meters))
        self._agents = []
        for host in hosts:
            own = folder / "gateways" / host
            own.mkdir(parents=True)
            (own / "token").write_text(issue_token(folder / "agents.yaml", host, host), encoding="ascii")
            settings = write_settings(own, self.service.port, agent=host)
            command = [warm_python().path(), "-m", "support.simulated_gateway", str(settings), str(own)]
            if host.startswith(MODBUS):
                command = [sys.executable, "-m", "zonewright_gateway", "--config", str(settings)]
                self._write_devices(own / "devices.yaml", METERS[:3] if host.endswith("in") else METERS[3:])
            path = f"{REPOSITORY / 'tests'}:{REPOSITORY / 'agents'}"
            self._agents.append(subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}))
        self.folders = {host: folder / "gateways" / host for host in hosts}

    def show(self, site: str, it_kw: float, since: datetime) -> None:
        """Have the registers of a site show what they would after this load since a time."""
        hours = (datetime.now(UTC) - since).total_seconds() / 3600
        total, it = (1_050 + 1.13 * it_kw) * 1000 * hours, it_kw * 1000 * hours
        values = (total / 2, total / 2, 0, it / 2, it / 2)
        if site == MODBUS:
            for unit, value in enumerate(values, 1):
                self.meters[unit].energy_wh, self.meters[unit].power_w = value, value / hours
                self.meters[unit].running_since = time.monotonic()
            return
        for meter, value in zip(METERS, values, strict=True):
            host = f"{site}-gw-{'in' if meter in METERS[:3] else 'ups'}"
            temporary = self.folders[host] / "new"
            temporary.write_text(f"{value:.3f}", encoding="ascii")
            temporary.replace(self.folders[host] / f"{site}-{meter}.wh")

    def _write_devices(self, path: Path, meters: Iterable[str]) -> None:
        one = {"protocol": "modbus", "address": f"127.0.0.1:{self._port}", "map": "abb-b23", "rating_w": 50_000_000}
        devices = {f"{MODBUS}-{meter}": {**one, "unit": METERS.index(meter) + 1} for meter in meters}
        path.write_text(yaml.safe_dump({"devices": devices}), encoding="utf-8")

    def stop(self) -> None:
        """Stop agents and service."""
        self._served.close()
        for agent in self._agents:
            agent.send_signal(signal.SIGTERM)
            assert agent.wait(timeout=30) == 0
        assert self.service.stop(signal.SIGTERM) == 0


@pytest.fixture(name="gated")
def _gated(engine: engine_room.Engine, tmp_path: Path) -> Iterator[Gated]:
    made = Gated(SmallZone(folder=tmp_path, engine=engine, zone=GATED_ZONE).create())
    yield made
    assert made.zone.no_process_left() == []


def test_within_and_stays_within(gated: Gated) -> None:
    """A site measured at 1.24667 takes 600 kW in its open room."""
    gated.facility(40)
    gated.bring(9_000)
    gated.admitted(more=blocks(6))


def test_within_and_crosses_the_limit(gated: Gated) -> None:
    """At 8,760 kW a new room for 100 kW takes the site beyond the limit: refused."""
    gated.facility(40)
    gated.bring(8_760)
    gated.refused("mandatory", "+100.0 kW and opens room d", "from 1.24987", "beyond the limit", more=blocks(1, "d"))


def test_within_and_beyond_the_limit_either_way(gated: Gated) -> None:
    """By design within, with 8,000 kW claimed: what makes it better needs an approval, the worse is refused."""
    gated.facility(40)
    says = ("trigger: within by design; metering and load model declared", "from 1.26125 to 1.25210")
    gated.refused("approval", *says, more=blocks(6))
    gated.refused("mandatory", "this makes it worse", more=blocks(1, "d"))


def test_a_breach_that_gets_worse_or_better(gated: Gated) -> None:
    """Measured at 1.26125: worse is refused, better needs an approval, and both say on what they rest."""
    gated.facility(40)
    gated.bring(8_000)
    rests = (
        "trailing twelve months 1.26125 breach",
        "projection of the year 1.26125 breach",
        "coverage 100.0 %",
        "days old, PUE1, imported readings",
        "load model declared",
    )
    gated.refused(
        "mandatory", "from 1.26125 to 1.26954", "this makes it worse", *rests, in_preview=True, more=blocks(6, "d")
    )
    gated.refused(
        "approval", "from 1.26125 to 1.25210", "this makes it better", *rests, in_preview=True, more=blocks(6)
    )


def test_a_breach_and_a_change_inside_the_interval(gated: Gated) -> None:
    """What is neither better nor worse for certain needs an approval."""
    gated.facility(40)
    gated.bring(8_000)
    gated.refused(
        "approval", "the load model is too uncertain to tell better from worse", "between -0.0", more=blocks(6, "e")
    )


def test_a_pack_that_refuses_what_is_uncertain(engine: engine_room.Engine, tmp_path: Path) -> None:
    """Where the pack says so, the same is refused."""
    pack = {**GATED_ZONE["rule_packs"]["pack"], "uncertain": "refused"}
    strict = {**GATED_ZONE, "rule_packs": {"pack": pack}}
    gated = Gated(SmallZone(folder=tmp_path, engine=engine, zone=strict).create())
    gated.facility(40)
    gated.bring(8_000)
    gated.refused("mandatory", "the load model is too uncertain to tell better from worse", more=blocks(6, "e"))
    assert gated.zone.no_process_left() == []


def test_figures_that_are_undetermined(gated: Gated) -> None:
    """Registers that are too old are never taken as good, although they were within the limit."""
    gated.facility(40)
    gated.bring(9_000, months_ago=2)
    rests = ("trigger: undetermined", "the limit is 45 days")
    gated.refused("approval", *rests, more=blocks(6))
    gated.refused("mandatory", *rests, more=blocks(6, "d"))


def test_what_agents_delivered_decides(gated: Gated) -> None:
    """Stale imports open nothing; what agents deliver opens the site that is within, and not the one in breach."""
    loads = {"dc1": 9_000.0, "dc2": 8_000.0}
    gated.metered_live(tuple(loads))
    since = {site: gated.bring(it_kw, site=site, months_ago=2) for site, it_kw in loads.items()}
    gated.refused("approval", "trigger: undetermined", "the limit is 45 days", more=blocks(6))
    gateways = Gateways(gated.zone.folder, [f"{site}-gw-{side}" for site in loads for side in ("in", "ups")])
    for site, it_kw in loads.items():
        gateways.show(site, it_kw, since[site])
    with closing(Samples(gated.zone.folder / "ledger.samples.db")) as samples:
        # Four of them, ten registers; what is on the way when they stop was not acknowledged, and lies in their spools.
        wait_for(lambda: sum(1 for one in samples.series() if one.name == "hw.energy") == 2 * len(METERS))
    gateways.stop()
    gated.refused("approval", "trailing twelve months 1.2612", "0.0 days old", more=blocks(6, site="dc2"))
    assert "undetermined" not in gated.previewed(more=blocks(6))
    gated.admitted(more=blocks(6))


def test_removal_and_repair_are_never_stopped(gated: Gated) -> None:
    """At a site in breach, a node moves within its room and others leave, the latter with their numbers."""
    gated.facility(40)
    gated.bring(9_000)
    gated.admitted(more=blocks(6))
    (gated.zone.folder / "ledger.telemetry.db").unlink()
    gated.bring(7_000)
    place = {"places": {"001": {"rack": "dc1/a/02/40", "position": 21}}}
    gated.admitted(more={**blocks(6), **place})
    assert gated.stack.places()["more-001"] == "dc1/a/02/40 U21"
    fewer = {**blocks(3), **place}
    preview = " ".join(gated.previewed(more=fewer).split())
    gated.admitted(more=fewer)
    assert "-300.0 kW would move its energy ratio" in preview
    assert "nothing is added" in preview


def test_a_move_between_sites(gated: Gated) -> None:
    """Each site is judged on its own: leaving dc1 is free, but dc2 is in breach and would need an approval."""
    gated.facility(40, sites=("dc1", "dc2"))
    gated.bring(9_000)
    gated.admitted(more=blocks(6))
    gated.bring(8_000, site="dc2")
    says = ("dc2: +600.0 kW", "from 1.26125 to 1.25210")
    gated.refused("approval", *says, more=blocks(6, site="dc2"))
    assert {place.split("/")[0] for place in gated.stack.places().values()} == {"dc1"}
