"""A planned change of the reference zone with everything a report can show, for tests and benchmarks."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from support.ledger_party import Party
from support.planner import Planner
from support.registers import NOW, month_before, registers
from support.signing import key_of
from support.zone_project import REPOSITORY
from zonewright.changes.loading import load_owner
from zonewright.declare import load_zone
from zonewright.ledger.protocol import messages as m
from zonewright.ledger.protocol import verbs
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration, Zone
from zonewright.model.approval import ApprovalPolicy, Signer
from zonewright.pue import read_readings
from zonewright.telemetry import Store
from zonewright.telemetry.figures import meters_of

ZONE = REPOSITORY / "stacks" / "zones" / "reference"
OWNERS = ("operator-a", "operator-b", "operator-c", "carrier-a", "carrier-b", "carrier-c", "tenant-ai")


def people(zone: Zone) -> Zone:
    """The zone with an author at tenant-fin and an approver at the administration, for changes of high risk."""
    signers = {
        "anna": Signer(title="Anna", party="tenant-fin", keys=(key_of("anna").public,)),
        "ben": Signer(title="Ben", party="zone-administration", groups=("energy",), keys=(key_of("ben").public,)),
    }
    policy = ApprovalPolicy(title="Energy", risks=("high",), needs={"energy": 1})
    return zone.model_copy(update={"signers": signers, "approvals": {"energy": policy}})


def databases(count: int, **more: Any) -> dict[str, Any]:
    """A demand of so many systems of 5 kW in room b of qp-dc1."""
    wanted = {"site": "qp-dc1", "node_type": "database-20u", "count": count, "rooms": ["b"], **more}
    return {"clusters": {"more": wanted}}


def servers(count: int, **more: Any) -> dict[str, Any]:
    """A cluster of so many small servers."""
    return {"web": {"site": "qp-dc1", "node_type": "general-1u", "count": count, **more}}


@contextmanager
def reference_ledger(folder: Path) -> Iterator[tuple[LedgerClient, Declaration]]:
    """A ledger with the owners of the reference zone that tenant-fin is judged beside, without readings.

    Args:
        folder: where ``ledger.db`` comes to lie.
    """
    loaded = load_zone(ZONE).declaration
    assert loaded is not None
    declaration = Declaration(zone=people(loaded.zone), owners=loaded.owners)
    with LedgerClient("sqlite:///ledger.db", root=folder, create=True) as client:
        client.call(verbs.INIT, m.InitRequest(zone=declaration.zone))
        for owner in OWNERS:
            load_owner(client, declaration, owner)
        yield client, declaration


def store_readings(folder: Path, declaration: Declaration) -> None:
    """A year of readings of qp-dc1 beside the ledger of a folder; from then on the gate judges by them."""
    meters = meters_of(declaration.owners["operator-b"].sites["qp-dc1"])
    readings, faults = read_readings(registers(8_000, end=month_before(NOW)), meters)
    assert faults == []
    Store(folder / "ledger.telemetry.db", create=True).append("qp-dc1", meters, readings, trust="imported")


def rich_bundle(folder: Path, *, reason: str = "more databases", nodes: int = 12) -> dict[str, bytes]:
    """The bundle of a change that was approved and admitted: new, moved and gone nodes, over the limit of a site."""
    with reference_ledger(folder) as (client, declaration):
        store_readings(folder, declaration)
        party = Party(client, "stack-of-fin", "tenant-fin", zone=declaration.zone)
        party.enrol()
        tenant = Planner(party)
        first = databases(4)
        first["clusters"] |= servers(6)
        plan, _ = tenant.plan(at=NOW - timedelta(minutes=50), **first)
        tenant.verdict(plan, "ben", at=NOW - timedelta(minutes=40))
        tenant.complete(tenant.admit(**first))
        place = plan.places["web-002"].split(" U")[0]
        then = databases(nodes)
        then["clusters"] |= servers(5, places={"002": {"rack": place, "position": 20}})
        plan, _ = tenant.plan(at=NOW - timedelta(minutes=30), reason=reason, **then)
        tenant.verdict(plan, "ben", at=NOW - timedelta(minutes=20))
        tenant.admit(**then)
        tenant.roll_out(plan)
        return tenant.bundle()
