"""The gate in the real `pulumi up`, and `preview`: what is refused has no resource and no claim.

Each row of its table is decided in the ledger: tests/contract/test_gate_table.py.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.gated_zone import GATED_ZONE, GatedLedger, blocks, data_centre
from support.modbus_meter import Meter, served_beside
from support.registers import METERS
from support.telemetry_processes import Service, wait_for, write_settings
from support.warm_python import warm_python
from support.zone_project import REPOSITORY, SmallZone, Stack
from zonewright import engine as engine_room
from zonewright.server.agents import issue_token
from zonewright.telemetry.samples import Samples
from zonewright_gateway.modbus.maps import shipped_maps

pytestmark = pytest.mark.engine


@dataclass
class Gated:
    """The zone with its data centres in the ledger, and a tenant's stack."""

    zone: SmallZone
    ledger: GatedLedger = field(init=False)
    stack: Stack = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = GatedLedger(self.zone.folder, self.zone.ledger_url)

    def facility(self) -> None:
        """Bring the operator's site in, with 40 racks of 200 kW in use."""
        self.ledger.load({"dc1": data_centre(40)})
        self.stack = self.zone.stack("tenant-a")

    def metered_live(self, sites: tuple[str, ...]) -> None:
        """The sites with a gateway for what comes in and one for the UPS, whose meters name them."""
        self.ledger.load({name: _with_gateways(name, data_centre(40)) for name in sites})
        self.stack = self.zone.stack("tenant-a")

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


def test_a_breach_that_gets_worse_or_better(gated: Gated) -> None:
    """Measured at 1.26125: worse is refused, better needs an approval, and both say on what they rest."""
    gated.facility()
    gated.ledger.bring(8_000)
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


def test_what_agents_delivered_decides(gated: Gated) -> None:
    """Stale imports open nothing; what agents deliver opens the site that is within, and not the one in breach."""
    loads = {"dc1": 9_000.0, "dc2": 8_000.0}
    gated.metered_live(tuple(loads))
    since = {site: gated.ledger.bring(it_kw, site=site, months_ago=2) for site, it_kw in loads.items()}
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
    gated.facility()
    gated.ledger.bring(9_000)
    gated.admitted(more=blocks(6))
    (gated.zone.folder / "ledger.telemetry.db").unlink()
    gated.ledger.bring(7_000)
    place = {"places": {"001": {"rack": "dc1/a/02/40", "position": 21}}}
    gated.admitted(more={**blocks(6), **place})
    assert gated.stack.places()["more-001"] == "dc1/a/02/40 U21"
    fewer = {**blocks(3), **place}
    preview = " ".join(gated.previewed(more=fewer).split())
    gated.admitted(more=fewer)
    assert "-300.0 kW would move its energy ratio" in preview
    assert "nothing is added" in preview
