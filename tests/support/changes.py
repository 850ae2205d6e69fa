"""A planned change of the reference zone with everything a report can show, for tests and benchmarks."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from support.ledger_party import Party
from support.once import made_once
from support.planner import Planner
from support.registers import NOW, month_before, registers
from support.signing import key_of
from support.zone_project import REPOSITORY
from zonewright.audit.evidence.bundle import read_bundle
from zonewright.changes.loading import load_owner
from zonewright.declare.load import load_zone
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import LOADED, InitRequest, stack_id_of
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration, Zone
from zonewright.model.approval import ApprovalPolicy, Signer
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.demand import demand_of
from zonewright.pue import read_readings
from zonewright.telemetry import Store
from zonewright.telemetry.site_meters import meters_of

ZONE = REPOSITORY / "stacks" / "zones" / "reference"
OWNERS = ("operator-a", "operator-b", "operator-c", "carrier-a", "carrier-b", "carrier-c", "tenant-ai")


def people(zone: Zone) -> Zone:
    """The zone with an author at tenant-fin and an approver at the administration, for changes of high risk.

    Its small servers have the ports of the bank's database systems, as tenant-fin's networks need them.
    """
    signers = {
        "anna": Signer(title="Anna", party="tenant-fin", keys=(key_of("anna").public,)),
        "ben": Signer(title="Ben", party="zone-administration", groups=("energy",), keys=(key_of("ben").public,)),
    }
    policy = ApprovalPolicy(title="Energy", risks=("high",), needs={"energy": 1})
    like = zone.node_types["database-20u"]
    small = zone.node_types["general-1u"].model_copy(update={"interfaces": like.interfaces, "bonds": like.bonds})
    types = {**zone.node_types, "general-1u": small}
    return zone.model_copy(update={"signers": signers, "approvals": {"energy": policy}, "node_types": types})


def databases(count: int, **more: Any) -> dict[str, Any]:
    """A demand of so many systems of 5 kW in room b of qp-dc1."""
    wanted = {"site": "qp-dc1", "node_type": "database-20u", "count": count, "rooms": ["b"], **more}
    return {"clusters": {"more": wanted}}


def servers(count: int, **more: Any) -> dict[str, Any]:
    """A cluster of so many small servers."""
    return {"web": {"site": "qp-dc1", "node_type": "general-1u", "count": count, **more}}


@cache
def declared() -> Declaration:
    """The reference zone; nothing in it can be changed."""
    loaded = load_zone(ZONE).declaration
    assert loaded is not None
    return loaded


@cache
def declared_with_people() -> Declaration:
    """The reference zone with an author and an approver."""
    return Declaration(zone=people(declared().zone), owners=declared().owners)


def ledger_of(folder: Path, *owners: str, has_people: bool = True) -> None:
    """Put ``ledger.db`` with the facilities and networks of some owners into a folder; it is made once in a run."""

    def make(at: Path) -> None:
        declaration = declared_with_people() if has_people else declared()
        with LedgerClient("sqlite:///ledger.db", root=at, create=True) as client:
            client.call(verbs.INIT, InitRequest(zone=declaration.zone))
            for owner in owners:
                load_owner(client, declaration, owner)

    folder.mkdir(parents=True, exist_ok=True)
    name = "-".join(("ledger", *(["people"] if has_people else []), *owners))
    shutil.copytree(made_once(name, make), folder, dirs_exist_ok=True)


def rename_site(client: LedgerClient, old: str, new: str) -> None:
    """What operator-b does to call a site otherwise; nothing is rendered."""
    zone, file = declared_with_people().zone, declared_with_people().owners["operator-b"]
    sites = {new if name == old else name: site for name, site in file.sites.items()}
    sites[new] = sites[new].model_copy(update={"was": (old,)})
    owners = {"operator-b": file.model_copy(update={"sites": sites})}
    party = Party(client, stack_id_of("operator-b"), "operator-b", lineage=LOADED, zone=zone)
    party.admit(party.propose(demand_of(Declaration(zone=zone, owners=owners), "operator-b")))


@contextmanager
def reference_ledger(folder: Path) -> Iterator[tuple[LedgerClient, Declaration]]:
    """A ledger with the owners of the reference zone that tenant-fin is judged beside, without readings.

    Args:
        folder: where ``ledger.db`` comes to lie.
    """
    ledger_of(folder, *OWNERS)
    with LedgerClient("sqlite:///ledger.db", root=folder) as client:
        yield client, declared_with_people()


def store_readings(folder: Path, declaration: Declaration) -> None:
    """A year of readings of qp-dc1 beside the ledger of a folder; from then on the gate judges by them."""
    meters = meters_of(declaration.owners["operator-b"].sites["qp-dc1"])
    readings, faults = read_readings(registers(8_000, end=month_before(NOW)), meters)
    assert faults == []
    Store(folder / "ledger.telemetry.db", create=True).append("qp-dc1", meters, readings, trust="imported")


def _begin_rich(folder: Path) -> None:
    """A first change of tenant-fin, carried out: four databases and six servers, over the limit of the site."""
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
        (folder / "web-002").write_text(plan.places["web-002"], encoding="utf-8")


def rich_bundle(folder: Path, *, reason: str = "more databases", nodes: int = 12) -> dict[str, bytes]:
    """The bundle of a change that was approved and admitted: new, moved and gone nodes, over the limit of a site.

    What came before it is made once in a run, and so is the change with the usual reason.

    Args:
        folder: where the ledger comes to lie.
        reason: of the change.
        nodes: how many databases it wants in all.
    """

    def make(at: Path) -> None:
        shutil.copytree(made_once("rich-before", _begin_rich), at, dirs_exist_ok=True)
        (at / "bundle").mkdir()
        with LedgerClient("sqlite:///ledger.db", root=at) as client:
            tenant = Planner(Party(client, "stack-of-fin", "tenant-fin", zone=declared_with_people().zone))
            place = (at / "web-002").read_text(encoding="utf-8").split(" U")[0]
            then = databases(nodes)
            then["clusters"] |= servers(5, places={"002": {"rack": place, "position": 20}})
            plan, _ = tenant.plan(at=NOW - timedelta(minutes=30), reason=reason, **then)
            tenant.verdict(plan, "ben", at=NOW - timedelta(minutes=20))
            tenant.admit(**then)
            tenant.roll_out(plan)
            tenant.bundle(at / "bundle")

    made = made_once(f"rich-{digest_of(canonical_json([reason, nodes]))[7:19]}", make)
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return read_bundle(folder / "bundle")
