"""Check, proposal and admission agree: what `check` finds in the faulty zone, the ledger finds too, owner by owner."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.changes import ledger_of
from support.zone_project import REPOSITORY
from zonewright.changes.loading import load_owner
from zonewright.declare.load import load_zone
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import ProposeRequest
from zonewright.ledger.protocol.outage_messages import DrainRequest, OutageRequest
from zonewright.ledger.protocol.stack_messages import stack_id_of
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration
from zonewright.model.cluster import Place
from zonewright.model.demand import demand_of
from zonewright.place import judge_declaration
from zonewright.rules.lost import lost_by
from zonewright.rules.outage import outage_of

ZONES = REPOSITORY / "stacks" / "zones"
ORDER = ("operator-a", "operator-b", "operator-c", "carrier-a", "carrier-b", "carrier-c")
COMPARED = ("rule", "subject", "where", "value", "limit", "unit", "excess")


def declared(name: str) -> Declaration:
    """One of the two zones."""
    loaded = load_zone(ZONES / name)
    assert loaded.declaration is not None, loaded.problems
    return loaded.declaration


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ledger that has the whole clean zone."""
    folder, owners = tmp_path_factory.mktemp("ledger"), declared("reference").owners
    ledger_of(folder, *ORDER, *(owner for owner in owners if owner not in ORDER), has_people=False)
    return folder


@pytest.fixture(name="ledger", scope="module")
def _ledger(folder: Path) -> Iterator[LedgerClient]:
    with LedgerClient("sqlite:///ledger.db", root=folder) as client:
        yield client


def expected(file_of: str) -> list[dict[str, Any]]:
    """What must be found at the places of one file."""
    path: Path = ZONES / "reference-faulty" / "expected-findings.yaml"
    items = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [{key: item[key] for key in COMPARED} for item in items if item["where"].startswith(f"{file_of}.yaml:")]


def found(ledger: LedgerClient, faulty: Declaration, owner: str) -> list[dict[str, Any]]:
    """What the ledger says against the faulty declaration of an owner."""
    request = ProposeRequest(
        stack_id=stack_id_of(owner),
        party=owner,
        demand=demand_of(faulty, owner),
        sources=faulty.sources_of(owner),
    )
    told = ledger.call(verbs.PROPOSE, request).findings
    counting = [item.to_data() for item in told if item.refuses or item.rule == "single-loss"]
    return [{key: item[key] for key in COMPARED} for item in counting]


def by_rule(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In an order that does not matter."""
    return sorted(items, key=lambda item: (item["rule"], item["subject"]))


@pytest.mark.parametrize(
    ("owner", "file"),
    [
        ("carrier-b", "network-carrier-b"),  # F1
        ("operator-c", "facility-operator-c"),  # F2
        ("carrier-c", "network-carrier-c"),  # F3
        ("tenant-ind", "tenant-ind"),  # F6, F7, F8
    ],
)
def test_the_ledger_finds_what_check_finds(ledger: LedgerClient, owner: str, file: str) -> None:
    """Beside the clean zone of all others, an owner's faulty file has the findings of `check`, figure by figure."""
    of_owner = [item for item in expected(file) if item["rule"] != "zone-utilization"]
    assert of_owner
    assert by_rule(found(ledger, declared("reference-faulty"), owner)) == by_rule(of_owner)


def test_the_operator_that_builds_is_told_of_capacity_and_fill(ledger: LedgerClient) -> None:
    """F4: the second hall is over the grid's capacity, and under-fills the zone, with the figures of `check`."""
    figures = ("rule", "subject", "value", "limit", "excess")
    told = found(ledger, declared("reference-faulty"), "operator-a")
    of_fault = [*expected("facility-operator-a"), *expected("facility-operator-c")]
    wanted = [item for item in of_fault if item["rule"] in ("connection-capacity", "zone-utilization")]
    assert [{key: item[key] for key in figures} for item in by_rule(told)] == [
        {key: item[key] for key in figures} for item in by_rule(wanted)
    ]


def test_the_second_of_two_classes_is_refused(ledger: LedgerClient) -> None:
    """F5: the government's file is admitted, and then the pool that chose the same rack is refused."""
    faulty = declared("reference-faulty")
    load_owner(ledger, faulty, "tenant-gov")
    try:
        assert found(ledger, faulty, "tenant-sme-pool") == expected("tenant-sme-pool")
        with pytest.raises(LedgerRefusedError, match="1 finding; nothing was claimed or created"):
            load_owner(ledger, faulty, "tenant-sme-pool")
    finally:
        load_owner(ledger, declared("reference"), "tenant-gov")


def test_every_change_of_a_drain_is_admitted(folder: Path, tmp_path: Path) -> None:
    """Rows of two tenants are emptied by changes that are admitted in turn; then their outage hurts nobody."""
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(folder / "ledger.db")) as whole, closing(sqlite3.connect(path)) as copy:
        whole.backup(copy)
    drained = ["qp-dc1/c/01", "qp-edge-new/hall/01/01"]
    with LedgerClient(f"sqlite:///{path}") as client:
        assert client.call(verbs.OUTAGE, OutageRequest(subjects=drained)).report.down
        plan = client.call(verbs.DRAIN, DrainRequest(subjects=drained)).plan
        assert plan.stuck == ()
        assert {step.party for step in plan.steps} >= {"tenant-fin"}
        zone = declared("reference")
        for step in plan.steps:
            file = zone.owners[step.party]
            clusters = dict(file.clusters)
            for move in step.moves:
                cluster = clusters[move.cluster]
                places = {**cluster.places, move.number: Place(rack=move.new.rack, position=move.new.position)}
                clusters[move.cluster] = cluster.model_copy(update={"places": places})
            zone = replace(zone, owners={**zone.owners, step.party: file.model_copy(update={"clusters": clusters})})
            loaded = load_owner(client, zone, step.party)  # a refusal raises
            assert [one for one in loaded.findings if one.refuses] == []
        after = client.call(verbs.OUTAGE, OutageRequest(subjects=drained)).report
        assert after.down == ()
        assert client.call(verbs.DRAIN, DrainRequest(subjects=drained)).plan.steps == ()


def test_an_outage_is_the_same_in_a_folder_and_in_a_ledger(ledger: LedgerClient) -> None:
    """Who goes down and who stays, what is too weak, and which ways are left do not depend on where one asks."""
    world = judge_declaration(declared("reference"), on="2026-11-29").world
    for subject in ("qp-dc1/panel-a", "wj-dc1/b/01:A", "js-dc1/a/01", "d-01", "d-bridge-1"):
        mine = outage_of(world, lost_by(world, subject))
        theirs = ledger.call(verbs.OUTAGE, OutageRequest(subjects=[subject])).report
        assert (len(mine.down), len(mine.stays)) == (len(theirs.down), len(theirs.stays))
        assert set(mine.overloaded) == set(theirs.overloaded)
        assert (mine.links, mine.connections) == (theirs.links, theirs.connections)
