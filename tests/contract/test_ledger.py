"""The ledger's contract: in this process, and where refusals, findings and the journal are carried over HTTP too."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler

from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.ledger_places import outside
from support.ledger_proxy import ledger_service
from support.roads import HTTP, on_every_road, road_of
from support.zone_project import cluster, facility
from zonewright.ledger import LedgerMisuseError, LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.deciding.facts import Facts, gather, have_moved
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import CompleteRequest, StandingRequest
from zonewright.ledger.protocol.capacity_messages import CapacityRequest
from zonewright.ledger.protocol.content_messages import ContentRequest, DeployRequest
from zonewright.ledger.protocol.holding_messages import Confirmation, ConfirmManyRequest, HoldingRequest
from zonewright.ledger.protocol.journal_messages import CheckpointRequest, HistoryRequest, SeenRequest
from zonewright.ledger.protocol.messages import Done, StackRequest
from zonewright.ledger.protocol.stack_messages import LOADED, InitRequest, LeaveRequest, RecoverRequest, ReportRequest
from zonewright.ledger.protocol.verbs import Verb
from zonewright.ledger.store import schema
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.engines import sqlite_words
from zonewright.ledger.store.engines.sqlite_file import compiled as shared
from zonewright.ledger.store.journal import verify, verify_checkpoint
from zonewright.ledger.store.recording import KEYS
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.rack_position import RackPosition

PLACE = RackPosition(rack="dc1/a/01/01", position=1)


@dataclass
class World:
    """A ledger, reached in one of the ways, with a clock that tests move."""

    client: LedgerClient
    path: Path
    now: list[datetime]

    def party(self, name: str, *, stack_id: str | None = None) -> Party:
        """A stack of a party."""
        return Party(self.client, stack_id or f"stack-of-{name}", name)

    def operator(self, racks: int = 1, **shape: Any) -> Party:
        """The operator, brought up."""
        return bring_up_racks(self.client, racks, **shape)


@pytest.fixture(name="world")
def _world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    path = tmp_path / "ledger.db"
    now = [datetime(2026, 11, 24, tzinfo=UTC)]
    with LedgerClient(f"sqlite:///{path}", create=True, clock=lambda: now[0]) as first:
        first.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
    if road_of(request) == HTTP:
        with ledger_service(path, clock=lambda: now[0]) as service, LedgerClient(service.url) as client:
            yield World(client, path, now)
        return
    with LedgerClient(f"sqlite:///{path}", clock=lambda: now[0]) as client:
        yield World(client, path, now)


def test_a_site_that_nobody_brought_in_is_told_with_its_operator(world: World) -> None:
    """Who is too early is told whom to wait for, and not to ask for less."""
    tenant = world.party("tenant-a")
    (found,) = tenant.propose(tenant.demand(clusters={"web": cluster(2)}), reserve=False).findings
    assert found.message == (
        "web-001 and 1 other node have no place: site dc1 is not in the ledger yet; operator brings it in"
    )
    assert found.fix == "have the site's operator run up first, or correct the name of the site"


def test_a_preview_holds_nothing(world: World) -> None:
    """A read-only proposal has places and premises, and leaves them free for others."""
    world.operator()
    tenant = world.party("tenant-a")
    proposal = tenant.propose(tenant.demand(clusters={"web": cluster(1)}), reserve=False)
    assert proposal.seats == {"web-001": PLACE}
    assert proposal.expires_at is None
    assert proposal.premises
    assert tenant.states() == []
    other = world.party("tenant-b")
    assert other.propose(other.demand(clusters={"db": cluster(1)})).seats == {"db-001": PLACE}


@on_every_road("world")
def test_a_reservation_blocks_others_until_it_is_used(world: World) -> None:
    """What is reserved is offered to nobody else; asking again gives the same; the admission converts exactly it."""
    world.operator()
    one, two = world.party("tenant-a"), world.party("tenant-b")
    one.enrol()
    demand = one.demand(clusters={"web": cluster(2)})
    proposal = one.propose(demand)
    assert one.propose(demand) == proposal
    assert set(two.propose(two.demand(clusters={"db": cluster(1)})).seats.values()).isdisjoint(proposal.seats.values())
    one.admit(proposal)
    assert one.states() == [("web-001", "admitted"), ("web-002", "admitted")]


@on_every_road("world")
def test_places_that_were_taken_meanwhile_are_refused_whole(world: World) -> None:
    """A proposal whose place another stack took is refused with the finding, journaled, and nothing is claimed."""
    world.operator()
    one, two = world.party("tenant-a"), world.party("tenant-b")
    one.enrol()
    proposal = one.propose(one.demand(clusters={"web": cluster(2)}), reserve=False)
    two.bring_up(clusters={"secret": cluster(1)})
    before = two.propose(two.demand(clusters={"secret": cluster(1)}), reserve=False).revision
    with pytest.raises(LedgerRefusedError) as caught:
        one.admit(proposal)
    after = two.propose(two.demand(clusters={"secret": cluster(1)}), reserve=False).revision
    assert after == before, "what was refused makes nobody look again"
    assert "unit-overlap" in {finding.rule for finding in caught.value.findings}
    assert "secret" not in json.dumps([finding.to_data() for finding in caught.value.findings])
    assert one.states() == []
    entries = world.client.call(verbs.HISTORY, HistoryRequest()).entries
    assert [entry.kind for entry in entries][-1] == "refused"


def test_a_node_is_not_admitted_without_an_address_of_a_full_pool(world: World) -> None:
    """Where a pool has nothing left, a client that asks for a place and no address is refused."""
    sites = facility(2)["sites"]
    sites["dc1"]["address_pools"] = {"v4": {"prefix": "10.80.0.0/30", "gateway": "10.80.0.1"}}
    world.party("operator").bring_up(sites=sites)
    mine = world.party("tenant-a")
    mine.enrol()
    offered = mine.propose(mine.demand(clusters={"web": cluster(1)}))
    assert "has no free address left" in offered.unplaced["web-001"]
    seats = {"web-001": RackPosition(rack="dc1/a/01/01", position=1)}
    with pytest.raises(LedgerRefusedError) as caught:
        mine.admit(offered.model_copy(update={"seats": seats, "addresses": {"web-001": {}}}))
    told = [finding.message for finding in caught.value.findings if finding.rule == "placement"]
    assert told == ["web-001 has no address: address pool v4 (10.80.0.0/30) of site dc1 has no free address left"]
    assert told == [finding.message for finding in offered.findings if finding.rule == "placement"]
    assert mine.states() == []


def test_a_tenant_gets_addresses_of_its_own_vlan_and_is_told_of_no_other(world: World) -> None:
    """A node has addresses of its tenant's VLAN, whatever a client asks for; another tenant's VLAN is not told."""
    sites = facility(2)["sites"]
    sites["dc1"] |= {
        "as_number": 65001,
        "vlans": {"first": {"vid": 110, "tenant": "tenant-a"}, "second": {"vid": 120, "tenant": "tenant-b"}},
        "address_pools": {
            "one": {"prefix": "10.80.1.0/24", "gateway": "10.80.1.1", "interface": "lan0", "vlan": "first"},
            "two": {"prefix": "10.80.2.0/24", "gateway": "10.80.2.1", "interface": "lan0", "vlan": "second"},
        },
    }
    operator = world.party("operator")
    operator.bring_up(sites=sites)
    told = operator.propose(operator.demand(sites=sites)).surroundings
    assert told is not None
    assert told.tenants == {"tenant-a": ("10.80.1.0/24",), "tenant-b": ("10.80.2.0/24",)}
    mine, other = world.party("tenant-a"), world.party("tenant-b")
    other.bring_up(clusters={"db": cluster(1)})
    mine.enrol()
    offered = mine.propose(mine.demand(clusters={"web": cluster(1)}))
    assert offered.addresses == {"web-001": {"one": "10.80.1.2/24"}}
    assert not {"tenant-b", "second", "two"} & set(re.findall(r"[a-z0-9-]+", offered.model_dump_json()))
    for asked in ({"two": "10.80.2.3/24"}, {"one": "10.80.1.2/24", "two": "10.80.2.2/24"}):
        with pytest.raises(LedgerRefusedError) as caught:
            mine.admit(offered.model_copy(update={"addresses": {"web-001": asked}}))
        sentences = [finding.message for finding in caught.value.findings if finding.rule == "address-unique"]
        assert any(f"address {asked['two']} is none that pool two gives to a node" in one for one in sentences)
    sites["dc1"]["vlans"]["second"]["tenant"] = "tenant-c"
    for later in (sites["dc1"]["address_pools"], {"new": sites["dc1"]["address_pools"]["two"]}):
        sites["dc1"]["address_pools"] = later
        with pytest.raises(LedgerRefusedError) as caught:
            operator.admit(operator.propose(operator.demand(sites=sites)))
        (held,) = caught.value.findings
        assert "would be tenant-c's alone, and 1 node of tenant-b has an address in it" in held.message
    other.bring_up()
    for name, _ in other.states():
        other.release(name, 1)
    operator.bring_up(sites=sites)


@pytest.mark.parametrize(
    "left", [{}, {"v4": {"prefix": "10.80.8.0/21", "gateway": "10.80.8.1"}}], ids=["gone", "smaller"]
)
def test_a_pool_stays_while_nodes_have_addresses_in_it(world: World, left: dict[str, Any]) -> None:
    """A pool goes, or becomes smaller, only without nodes in what goes, whoever came first; dividing it is no loss."""
    operator, tenant = world.operator(), world.party("tenant-a")
    sites = facility(2)["sites"]
    fewer = {"dc1": {**sites["dc1"], "address_pools": left}}
    tenant.enrol()
    offered = tenant.propose(tenant.demand(clusters={"web": cluster(1)}))
    less = operator.propose(operator.demand(sites=fewer))
    assert less.findings == []
    tenant.admit(offered)
    with pytest.raises(LedgerRefusedError) as caught:
        operator.admit(less)
    (held,) = caught.value.findings
    assert held.rule == "pool-in-use"
    assert held.message.endswith("pool v4 (10.80.0.0/20), and 1 node of tenant-a has an address in it")
    renamed = {"dc2": {**fewer["dc1"], "was": ["dc1"]}}
    with pytest.raises(LedgerRefusedError) as caught:
        operator.admit(operator.propose(operator.demand(sites=renamed)))
    assert "dc2/v4" in {one.subject for one in caught.value.findings if one.rule == "pool-in-use"}
    halves = {
        key: {"prefix": f"10.80.{third}.0/21", "gateway": f"10.80.{third}.1"} for key, third in (("a", 0), ("b", 8))
    }
    operator.bring_up(sites={"dc1": {**sites["dc1"], "address_pools": halves}})
    operator.bring_up(sites=sites)
    for name, _ in tenant.states():
        tenant.bring_up()
        tenant.release(name, 1)
    again = tenant.propose(tenant.demand(clusters={"web": cluster(1)}))
    operator.bring_up(sites=fewer)
    with pytest.raises(LedgerRefusedError):
        tenant.admit(again)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, "it has no address of pool v4"),
        ({"v4": "10.80.0.3/20"}, "address 10.80.0.3/20 of pool v4 was given to another node since"),
        ({"v4": "10.80.0.3/21"}, "address 10.80.0.3/21 is none that pool v4 gives to a node"),
        ({"v4": "10.80.0.1/20"}, "address 10.80.0.1/20 is none that pool v4 gives"),  # the gateway's
        ({"v4": "10.80.0.2/20"}, "address 10.80.0.2/20 is none that pool v4 gives"),  # a name server's
        ({"v4": "10.80.16.0/20"}, "address 10.80.16.0/20 is none that pool v4 gives"),
        ({"v4": "10.80.0.7"}, "address 10.80.0.7 is none that pool v4 gives"),
        ({"v4": "::a50:7/20"}, "address ::a50:7/20 is none that pool v4 gives"),
        ({"v4": "nonsense"}, "address nonsense is none that pool v4 gives"),
        ({"v4": "10.80.0.7/20", "v6": "10.80.0.8/20"}, "address 10.80.0.8/20 is none that pool v6 gives"),
        ({"v4": "10.80.0.5/20"}, "address 10.80.0.5/20 is none that pool v4 gives"),  # web-002 has it
    ],
)
def test_an_address_is_one_that_the_pool_gives(world: World, asked: dict[str, str], sentence: str) -> None:
    """Whatever a client asks for, a node has one free address of each pool of its site, and nobody else's."""
    world.operator()
    mine, other = world.party("tenant-a"), world.party("tenant-b")
    other.bring_up(clusters={"db": cluster(1)})
    mine.enrol()
    offered = mine.propose(mine.demand(clusters={"web": cluster(2)}))
    assert offered.addresses == {"web-001": {"v4": "10.80.0.4/20"}, "web-002": {"v4": "10.80.0.5/20"}}
    changed = offered.model_copy(update={"addresses": {**offered.addresses, "web-001": asked}})
    with pytest.raises(LedgerRefusedError) as caught:
        mine.admit(changed)
    told = [one for one in caught.value.findings if one.rule == "address-unique"]
    assert any(one.message.startswith(sentence) for one in told), told
    assert mine.states() == []
    free = offered.model_copy(update={"addresses": {**offered.addresses, "web-001": {"v4": "10.80.0.7/20"}}})
    mine.admit(free)


@on_every_road("world")
def test_the_life_of_a_move(world: World) -> None:
    """The old place is releasing until the update confirms the new one; a late delete frees nothing."""
    world.operator(racks=2)
    tenant = world.party("tenant-a")
    first = tenant.bring_up(clusters={"web": cluster(1)})
    moved = {"web": cluster(1, places={"001": {"rack": "dc1/a/01/02", "position": 5}})}
    tenant.admit(tenant.propose(tenant.demand(clusters=moved)))
    assert tenant.states() == [("web-001", "admitted"), ("web-001", "releasing")]
    held = {
        item.state: item for item in world.client.call(verbs.REPORT, ReportRequest(stack_id=tenant.stack_id)).holdings
    }
    for name, holding in (("web-001", held["admitted"]), ("web-002", None)):
        request = HoldingRequest(stack_id=tenant.stack_id, kind="node", name=name)
        assert world.client.call(verbs.READ, request).holding == holding
    tenant.settle(first)
    assert tenant.states() == [("web-001", "admitted"), ("web-001", "releasing")], "the move is not done yet"
    with pytest.raises(LedgerRefusedError):
        tenant.confirm("web-001", 1, rack="dc1/a/01/01", position=1)
    assert tenant.confirm("web-001", 1, rack="dc1/a/01/02", position=5) == 2
    assert tenant.states() == [("web-001", "active")]
    assert not tenant.release("web-001", 1)
    assert tenant.states() == [("web-001", "active")]
    assert tenant.release("web-001", 2)


def confirm_many(tenant: Party, *confirms: Confirmation) -> list[int]:
    """The resources exist."""
    request = ConfirmManyRequest(stack_id=tenant.stack_id, confirms=list(confirms))
    return tenant.client.call(verbs.CONFIRM_MANY, request).generations


def test_many_confirms_are_one_step(world: World) -> None:
    """Claims and assets are confirmed in one batch, in any order, with what a confirm of each would have done."""
    operator = world.party("operator")
    operator.enrol()
    admitted = operator.admit(operator.propose(operator.demand(sites=facility(2)["sites"])))
    row, site = (
        Confirmation(kind="row", name="dc1/a/01", generation=0),
        Confirmation(kind="site", name="dc1", generation=0),
    )
    assert confirm_many(operator, row, site) == [1, 1]
    world.client.call(verbs.COMPLETE, CompleteRequest(stack_id=operator.stack_id, change_digest=admitted.change_digest))
    tenant = world.party("tenant-a")
    tenant.bring_up(clusters={"web": cluster(2)})
    places = {"001": {"rack": "dc1/a/01/02", "position": 5}}
    tenant.admit(tenant.propose(tenant.demand(clusters={"web": cluster(2, places=places)})))
    assert tenant.states() == [("web-001", "admitted"), ("web-001", "releasing"), ("web-002", "active")]
    holder = "00000000000000aa"
    moved = Confirmation(kind="node", name="web-001", generation=1, holder=holder, expect=places["001"])
    stays = Confirmation(kind="node", name="web-002", generation=4, holder=holder)
    assert confirm_many(tenant, stays, moved) == [5, 2]
    assert tenant.states() == [("web-001", "active"), ("web-002", "active")]
    report = world.client.call(verbs.REPORT, ReportRequest(stack_id=tenant.stack_id))
    assert [(one.generation, one.data["rack"]) for one in report.holdings] == [(2, "dc1/a/01/02"), (5, PLACE.rack)]


@on_every_road("world")
def test_of_many_confirms_all_are_carried_out_or_none(world: World) -> None:
    """One that is not admitted refuses the whole batch, by name; one claim twice, or nothing, is misuse."""
    world.operator()
    tenant = world.party("tenant-a")
    tenant.enrol()
    tenant.admit(tenant.propose(tenant.demand(clusters={"web": cluster(2)})))
    first, second, wrong = (Confirmation(kind="node", name=f"web-00{n}", generation=0) for n in (1, 2, 3))
    with pytest.raises(LedgerRefusedError) as caught:
        confirm_many(tenant, first, wrong, second)
    assert caught.value.code == "not-admitted"
    assert caught.value.sentence.startswith(
        "none of 3 confirms was carried out: this stack's present change has no admitted claim for node web-003; "
    )
    elsewhere = first.model_copy(update={"expect": {"rack": "dc1/a/01/02", "position": 1}})
    with pytest.raises(LedgerRefusedError, match="for node web-001 at dc1/a/01/02 U1"):
        confirm_many(tenant, second, elsewhere)
    with pytest.raises(LedgerMisuseError, match="node web-001 stands twice"):
        confirm_many(tenant, first, second, first)
    assert tenant.states() == [("web-001", "admitted"), ("web-002", "admitted")]


def test_what_no_resource_is_made_from_follows_at_once(world: World) -> None:
    """Another feed is no property of a node's resource: the active claim takes it over, and no row waits."""
    world.operator()
    tenant = world.party("tenant-a")
    tenant.bring_up(clusters={"web": cluster(2)})
    tenant.admit(tenant.propose(tenant.demand(clusters={"web": cluster(2, feed="B")})))
    report = world.client.call(verbs.REPORT, ReportRequest(stack_id=tenant.stack_id))
    assert [(item.state, item.generation, item.data["feed"]) for item in report.holdings] == [("active", 1, "B")] * 2
    made_from = ["addresses", "cluster", "digest", "face", "feed", "node_type", "node_type_id", "position", "rack"]
    assert sorted(report.holdings[0].data) == made_from, "and nothing that is as it is for everybody"


def test_going_back_before_the_move_was_done(world: World) -> None:
    """A change that is taken back makes the old claim active again, without a new resource."""
    world.operator(racks=2)
    tenant = world.party("tenant-a")
    tenant.bring_up(clusters={"web": cluster(1)})
    away = {"web": cluster(1, places={"001": {"rack": "dc1/a/01/02", "position": 5}})}
    tenant.admit(tenant.propose(tenant.demand(clusters=away)))
    back = {"web": cluster(1, places={"001": {"rack": "dc1/a/01/01", "position": 1}})}
    tenant.admit(tenant.propose(tenant.demand(clusters=back)))
    assert tenant.states() == [("web-001", "active")]


def test_a_dropped_claim(world: World) -> None:
    """Without a resource it is free at once; with one it is releasing until its delete or the settling."""
    world.operator()
    tenant = world.party("tenant-a")
    tenant.enrol()
    first = tenant.admit(tenant.propose(tenant.demand(clusters={"web": cluster(3)})))
    tenant.confirm("web-001")
    tenant.confirm("web-002")
    second = tenant.admit(tenant.propose(tenant.demand(clusters={"web": cluster(1)})))
    assert tenant.states() == [("web-001", "active"), ("web-002", "releasing")]
    assert (first.summary.partition("(")[2], second.summary.partition("(")[2]) == (
        "3 new, 0 moved, 0 leaving)", "0 new, 0 moved, 2 leaving)",
    )  # fmt: skip
    report = world.client.call(verbs.REPORT, ReportRequest(stack_id=tenant.stack_id))
    assert (report.admission_id, report.completed) == (second.admission_id, False)
    tenant.settle(first)
    assert tenant.states() == [("web-001", "active")]


def test_a_node_that_comes_back_is_a_new_load(world: World) -> None:
    """Whoever left and comes back draws from then on; who moves within its site draws on as before."""
    world.operator(racks=2)
    tenant = world.party("tenant-a")
    tenant.bring_up(clusters={"web": cluster(2)})
    tenant.admit(tenant.propose(tenant.demand(clusters={"web": cluster(1)})))
    assert tenant.release("web-002", 1)
    moved = cluster(2, places={"001": {"rack": "dc1/a/01/02", "position": 5}})
    world.now[0] += timedelta(days=1)
    tenant.admit(tenant.propose(tenant.demand(clusters={"web": moved})))
    with outside(world.path) as connection:
        rows = connection.execute(
            "SELECT name, active_since FROM claim WHERE state = 'admitted' ORDER BY name"
        ).fetchall()
    assert [(name, since and since[:10]) for name, since in rows] == [("web-001", "2026-11-24"), ("web-002", None)]


def test_what_moves_the_ground_of_a_decision(world: World) -> None:
    """A change is looked at again when its sites or its own nodes moved on; what others confirm changes nothing."""
    world.operator()
    mine, other = world.party("tenant-a"), world.party("tenant-b")
    for tenant, name in ((mine, "web"), (other, "db")):
        tenant.enrol()
        tenant.admit(tenant.propose(tenant.demand(clusters={name: cluster(1)})))
    demand, now = mine.demand(clusters={"web": cluster(1)}), world.now[0].isoformat()
    with closing(Database(world.path, lock_wait_s=5)) as database:

        def facts() -> Facts:
            with database.reading() as connection:
                return gather(connection, stack_id=mine.stack_id, demand=demand, now=now)

        def moved(before: Facts) -> bool:
            with database.reading() as connection:
                return have_moved(connection, before, stack_id=mine.stack_id, demand=demand)

        before = facts()
        assert not moved(before)
        other.confirm("db-001")
        assert not moved(before)
        mine.confirm("web-001")
        assert moved(before)
        before = facts()
        assert not moved(before)
        there = {"db": cluster(1, places={"001": {"rack": "dc1/a/01/01", "position": 9}})}
        other.admit(other.propose(other.demand(clusters=there)))
        assert moved(before)
        before = facts()
        other.confirm("db-001", 1)
        assert moved(before), "what the move leaves is free now"


def test_who_is_not_enrolled_is_not_admitted(world: World) -> None:
    """A proposal is made for anybody, and an admission needs the stack's enrolment, also while it is recovered."""
    world.operator()
    tenant = world.party("tenant-a")
    proposal = tenant.propose(tenant.demand(clusters={"web": cluster(1)}))
    with pytest.raises(LedgerRefusedError, match="stack-of-tenant-a is not enrolled in this ledger"):
        tenant.admit(proposal)
    tenant.enrol()
    request = RecoverRequest(stack_id=tenant.stack_id, party="tenant-a", state_is_empty=True)
    world.client.call(verbs.RECOVER, request)
    with pytest.raises(LedgerRefusedError, match="stack-of-tenant-a is being recovered"):
        tenant.admit(proposal)


@on_every_road("world")
def test_identity(world: World) -> None:
    """Another lineage or party of the same stack id is refused; a recovery binds again and keeps the claims."""
    world.operator()
    tenant = world.party("tenant-a")
    tenant.bring_up(clusters={"web": cluster(1)})
    clone = Party(world.client, tenant.stack_id, "tenant-a", lineage="lineage-2")
    with pytest.raises(LedgerRefusedError, match="second checkout") as caught:
        clone.enrol(dry_run=True)
    assert caught.value.code == "another-lineage"
    with pytest.raises(LedgerRefusedError, match="another party"):
        Party(world.client, tenant.stack_id, "tenant-b").enrol()
    with pytest.raises(LedgerRefusedError, match="still has 1 claims"):
        world.client.call(verbs.LEAVE, LeaveRequest(stack_id=tenant.stack_id, lineage="lineage-1"))
    request = RecoverRequest(stack_id=tenant.stack_id, party="tenant-a", state_is_empty=True)
    world.client.call(verbs.RECOVER, request)
    assert tenant.states() == [("web-001", "admitted")]
    clone.bring_up(clusters={"web": cluster(1)})
    assert clone.states() == [("web-001", "active")]


@on_every_road("world")
def test_a_run_that_a_take_over_replaced_confirms_nothing(world: World) -> None:
    """What is admitted for the new state the old run does not confirm, alone or in a group; the new one does."""
    world.operator()
    old = world.party("tenant-a")
    old.enrol()
    admitted = old.admit(old.propose(old.demand(clusters={"web": cluster(2)})))
    old.confirm("web-001", step=admitted.step)
    world.client.call(verbs.RECOVER, RecoverRequest(stack_id=old.stack_id, party="tenant-a", state_is_empty=True))
    new = Party(world.client, old.stack_id, "tenant-a", lineage="lineage-2")
    for goes_on in (lambda: None, new.enrol, lambda: new.admit(new.propose(new.demand(clusters={"web": cluster(2)})))):
        goes_on()
        with pytest.raises(
            LedgerRefusedError, match=r"^node web-002: this run is not the stack's present one any more"
        ):
            old.confirm("web-002", step=admitted.step)
        batch = [Confirmation(kind="node", name=name, generation=0) for name in ("web-001", "web-002")]
        request = ConfirmManyRequest(stack_id=old.stack_id, step=admitted.step, confirms=batch)
        with pytest.raises(LedgerRefusedError, match=r"^none of 2 confirms was carried out: node web-001: this run"):
            world.client.call(verbs.CONFIRM_MANY, request)
        assert set(dict(new.states()).values()) == {"admitted"}
    again = admitted.step + 2
    assert [new.confirm(name, step=again) for name in ("web-001", "web-002")] == [2, 1]


@on_every_road("world")
def test_a_state_that_was_taken_over_destroys_nothing(world: World) -> None:
    """Its destroy is refused at its first step, before the stack's rows are closed to others; the new one is not."""
    world.operator()
    old = world.party("tenant-a")
    seen = old.bring_up(clusters={"web": cluster(1)}).head
    world.client.call(verbs.RECOVER, RecoverRequest(stack_id=old.stack_id, party="tenant-a", state_is_empty=True))
    new = Party(world.client, old.stack_id, "tenant-a", lineage="lineage-2")
    later = new.bring_up(clusters={"web": cluster(1)}).head
    with pytest.raises(LedgerRefusedError, match="another state has taken over stack stack-of-tenant-a since this one"):
        world.client.call(verbs.GUARD_DESTROY, SeenRequest(stack_id=old.stack_id, seen=seen))
    kinds = [entry.kind for entry in world.client.call(verbs.HISTORY, HistoryRequest()).entries]
    assert "destroy-begun" not in kinds
    world.client.call(verbs.GUARD_DESTROY, SeenRequest(stack_id=new.stack_id, seen=later))
    assert world.client.call(verbs.HISTORY, HistoryRequest()).entries[-1].kind == "destroy-begun"


def test_the_first_state_takes_over_what_was_loaded(world: World) -> None:
    """A lineage binds a stack of the same party that a load made, and no other; what it loaded is adopted."""
    world.operator()
    loaded = Party(world.client, "loaded-tenant-a", "tenant-a", lineage=LOADED)
    loaded.bring_up(clusters={"web": cluster(2)})
    stranger = Party(world.client, "loaded-tenant-a", "tenant-b")
    with pytest.raises(LedgerRefusedError, match="another party"):
        stranger.enrol()
    real = Party(world.client, "loaded-tenant-a", "tenant-a")
    real.enrol(dry_run=True)
    assert real.states() == [("web-001", "active"), ("web-002", "active")]
    real.enrol()
    assert real.states() == [("web-001", "admitted"), ("web-002", "admitted")]
    real.bring_up(clusters={"web": cluster(2)})
    assert real.states() == [("web-001", "active"), ("web-002", "active")]
    with pytest.raises(LedgerRefusedError, match="from another state"):
        loaded.enrol()
    second = Party(world.client, "loaded-tenant-a", "tenant-a", lineage="lineage-2")
    with pytest.raises(LedgerRefusedError, match="from another state"):
        second.enrol()


def test_another_zone_file_is_refused(world: World) -> None:
    """A demand made for another copy of zone.yaml is refused, and the sentence says what to do."""
    world.operator()
    tenant = world.party("tenant-a")
    demand = tenant.demand(clusters={"web": cluster(1)}).model_copy(update={"zone_digest": digest_of("x")})
    with pytest.raises(LedgerRefusedError, match=r"zone\.yaml differs"):
        tenant.propose(demand)


def test_assets_under_others(world: World) -> None:
    """Others place on active rows only; a row cannot go or shrink under them, nor a destroy begin."""
    operator = world.party("operator")
    operator.enrol()
    operator.admit(operator.propose(operator.demand(sites=facility(2)["sites"])))
    tenant = world.party("tenant-a")
    early = tenant.propose(tenant.demand(clusters={"web": cluster(1)}))
    assert early.seats == {}
    assert early.unplaced
    operator.confirm("dc1", kind="site")
    operator.confirm("dc1/a/01", kind="row")
    on_second = {"web": cluster(1, places={"001": {"rack": "dc1/a/01/02", "position": 1}})}
    tenant.bring_up(clusters=on_second)
    with pytest.raises(LedgerRefusedError) as caught:
        operator.admit(operator.propose(operator.demand(sites=facility(1)["sites"])))
    assert "web" not in json.dumps([finding.to_data() for finding in caught.value.findings])
    with pytest.raises(LedgerRefusedError, match="1 claim of other parties stands in 1 rack"):
        world.client.call(verbs.GUARD_DESTROY, SeenRequest(stack_id=operator.stack_id))
    with pytest.raises(LedgerRefusedError, match="1 claim of other parties"):
        operator.release("dc1/a/01", 1, kind="row")


def test_a_swap_is_admitted(world: World) -> None:
    """Two own nodes may take each other's place in one change."""
    world.operator()
    tenant = world.party("tenant-a")
    one, two = {"rack": "dc1/a/01/01", "position": 1}, {"rack": "dc1/a/01/01", "position": 2}
    tenant.bring_up(clusters={"web": cluster(2, places={"001": one, "002": two})})
    tenant.admit(tenant.propose(tenant.demand(clusters={"web": cluster(2, places={"001": two, "002": one})})))
    tenant.confirm("web-001", 1)
    tenant.confirm("web-002", 1)
    assert tenant.states() == [("web-001", "active"), ("web-002", "active")]


@on_every_road("world")
@pytest.mark.tampers
def test_drift_is_seen_and_named(world: World) -> None:
    """A claim that was changed behind the ledger's back is named by `standing`."""
    world.operator()
    tenant = world.party("tenant-a")
    admission = tenant.bring_up(clusters={"web": cluster(2)})
    request = StandingRequest(stack_id=tenant.stack_id, admission_id=admission.admission_id)
    assert world.client.call(verbs.STANDING, request).current
    with outside(world.path) as connection:
        connection.execute("DELETE FROM claim WHERE name = 'web-002'")
    standing = world.client.call(verbs.STANDING, request)
    assert not standing.current
    assert standing.drifted == ["web-002"]


def test_what_changed_since_the_preview(world: World) -> None:
    """A reservation that differs from the last preview of the same demand says old and new."""
    world.operator()
    one, two = world.party("tenant-a"), world.party("tenant-b")
    demand = one.demand(clusters={"web": cluster(1)})
    one.propose(demand, reserve=False)
    two.bring_up(clusters={"db": cluster(1)})
    changed = one.propose(demand).changed
    assert changed == {"web-001": (PLACE, RackPosition(rack="dc1/a/01/01", position=2))}


@on_every_road("world")
def test_the_journal_is_chained_and_signed(world: World) -> None:
    """Entries follow from each other; one that is altered, missing or cut off is named."""
    world.operator()
    checkpoint = world.client.call(verbs.CHECKPOINT, CheckpointRequest())
    entries = world.client.call(verbs.HISTORY, HistoryRequest()).entries
    assert verify_checkpoint(checkpoint) is None
    assert verify(entries, checkpoint) is None
    altered = [*entries[:1], entries[1].model_copy(update={"party": "tenant-a"}), *entries[2:]]
    assert "entry 2 was altered" in str(verify(altered, checkpoint))
    assert "entry 2 is missing" in str(verify([entries[0], *entries[2:]], checkpoint))
    assert "missing or out of order" in str(verify(list(reversed(entries)), checkpoint))
    assert "truncated" in str(verify(entries[:-1], checkpoint))
    forged = checkpoint.model_copy(update={"sequence": 1})
    assert "does not match" in str(verify_checkpoint(forged))


@on_every_road("world")
def test_misuse_is_told_from_refusal(world: World) -> None:
    """A request that is wrong in form is misuse; files outside the admitted change are refused."""
    world.operator()
    tenant = world.party("tenant-a")
    tenant.bring_up(clusters={"web": cluster(1)})
    with pytest.raises(LedgerMisuseError, match="stack_id"):
        world.client.call(verbs.REPORT, ReportRequest.model_construct(stack_id="?"))
    request = DeployRequest(stack_id=tenant.stack_id, site="dc1", files_digest=digest_of("x"))
    with pytest.raises(LedgerRefusedError, match="not those of the change"):
        world.client.call(verbs.DEPLOY, request)


def test_an_unreachable_ledger_decides_nothing() -> None:
    """Nobody listens: the sentence says so, and that nothing was decided."""
    with (
        LedgerClient("http://127.0.0.1:1") as client,
        pytest.raises(LedgerUnavailableError, match="nothing was decided"),
    ):
        client.call(verbs.CAPACITY, CapacityRequest())


@pytest.mark.parametrize("url", ["ftp://x", "http://example.org", "https://user:secret@host", "sqlite:/x"])
def test_a_url_that_is_none(url: str) -> None:
    """A URL that is no ledger's, or carries a password, is misuse, and the password is not repeated."""
    with pytest.raises(LedgerMisuseError) as caught:
        LedgerClient(url)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_ledger(tmp_path: Path) -> None:
    """Random bytes and a missing file are told in sentences, and nothing is made."""
    with pytest.raises(LedgerUnavailableError, match="there is no ledger"):
        LedgerClient(f"sqlite:///{tmp_path / 'missing.db'}")
    assert list(tmp_path.iterdir()) == []
    noise = tmp_path / "noise.db"
    noise.write_bytes(bytes(range(256)) * 40)
    with pytest.raises(LedgerUnavailableError, match="cannot be used"):
        LedgerClient(f"sqlite:///{noise}")


def test_expiry(world: World) -> None:
    """A reservation frees itself when its time is over."""
    world.operator()
    one, two = world.party("tenant-a"), world.party("tenant-b")
    one.propose(one.demand(clusters={"web": cluster(1)}))
    demand = two.demand(clusters={"db": cluster(1)})
    assert two.propose(demand, reserve=False).seats["db-001"] != PLACE
    world.now[0] += timedelta(seconds=301)
    assert two.propose(demand, reserve=False).seats["db-001"] == PLACE


@on_every_road("world")
def test_a_wrong_request_is_said_in_the_same_words_on_every_road(world: World) -> None:
    """A verb that nobody knows and a field that does not fit are misuse, with one sentence that names them."""
    one = StackRequest(stack_id="stack-of-one")
    with pytest.raises(LedgerMisuseError, match=r"^the ledger has no verb /v1/nothing$"):
        world.client.call(Verb("nothing", StackRequest, Done), one)
    wrong = HoldingRequest.model_construct(stack_id="x", kind="node", name="web-001")
    with pytest.raises(LedgerMisuseError, match=r"^request field 'stack_id': String should match pattern"):
        world.client.call(verbs.READ, wrong)


@on_every_road("world")
def test_a_change_stays_open_while_something_of_it_is_only_admitted(world: World) -> None:
    """Nothing closes a change whose node, moved node, asset or files have no resource, and nothing is made on it."""
    operator = world.party("operator")
    operator.enrol()
    admitted = operator.admit(operator.propose(operator.demand(sites=facility(2)["sites"])))
    closing = CompleteRequest(stack_id=operator.stack_id, change_digest=admitted.change_digest)
    with pytest.raises(LedgerRefusedError, match="row dc1/a/01 comes after site dc1, of which this run made no"):
        operator.confirm("dc1/a/01", kind="row")
    operator.confirm("dc1", kind="site")
    with pytest.raises(LedgerRefusedError, match="stays open: row dc1/a/01 waits for a resource that this run left"):
        world.client.call(verbs.COMPLETE, closing)
    operator.confirm("dc1/a/01", kind="row")
    world.client.call(verbs.COMPLETE, closing)
    tenant = world.party("tenant-a")
    tenant.bring_up(clusters={"web": cluster(2)})
    report = ReportRequest(stack_id=tenant.stack_id, holdings=False)
    assert not world.client.call(verbs.REPORT, report).is_open
    places = {"001": {"rack": "dc1/a/01/02", "position": 5}}
    text = canonical_json({"nodes/dc1/web-001/motd": digest_of("motd")})
    world.client.call(verbs.STORE, ContentRequest(texts=["motd"]))
    moved = tenant.admit(tenant.propose(tenant.demand(clusters={"web": cluster(3, places=places)})), text)
    closing = CompleteRequest(stack_id=tenant.stack_id, change_digest=moved.change_digest)
    waiting = "stays open: node web-001, node web-003 and configuration of dc1 wait for"
    with pytest.raises(LedgerRefusedError, match=waiting):
        world.client.call(verbs.COMPLETE, closing)
    assert world.client.call(verbs.REPORT, report).is_open
    tenant.confirm("web-003")
    tenant.confirm("web-001", generation=1)
    assert not world.client.call(verbs.REPORT, report).is_open
    with pytest.raises(LedgerRefusedError, match="stays open: configuration of dc1 waits"):
        world.client.call(verbs.COMPLETE, closing)
    files = digest_of(text)
    elsewhere = DeployRequest(stack_id=tenant.stack_id, site="dc2", files_digest=files)
    with pytest.raises(LedgerRefusedError, match="files of site dc2 are not those of the change"):
        world.client.call(verbs.DEPLOY, elsewhere)
    world.client.call(verbs.DEPLOY, DeployRequest(stack_id=tenant.stack_id, site="dc1", files_digest=files))
    standing = StandingRequest(stack_id=tenant.stack_id, admission_id=moved.admission_id)
    assert world.client.call(verbs.STANDING, standing).deployed == {"dc1": files}
    world.client.call(verbs.COMPLETE, closing)
    assert world.client.call(verbs.STANDING, standing).completed


@on_every_road("world")
def test_a_change_is_completed_once(world: World) -> None:
    """Completing again adds no entry; what was not admitted cannot be completed; the standing says what is."""
    world.operator()
    tenant = world.party("tenant-a")
    request = CompleteRequest(stack_id=tenant.stack_id, change_digest=digest_of("another"))
    with pytest.raises(LedgerRefusedError, match="the ledger last admitted another change"):
        world.client.call(verbs.COMPLETE, request)
    tenant.enrol()
    admission = tenant.admit(tenant.propose(tenant.demand(clusters={"web": cluster(1)})))
    standing = StandingRequest(stack_id=tenant.stack_id, admission_id=admission.admission_id)
    assert not world.client.call(verbs.STANDING, standing).completed
    request = request.model_copy(update={"change_digest": admission.change_digest})
    tenant.confirm("web-001")
    world.client.call(verbs.COMPLETE, request)
    world.client.call(verbs.COMPLETE, request)
    assert world.client.call(verbs.STANDING, standing).completed
    with outside(world.path) as connection:
        kinds = connection.scalars("SELECT kind FROM journal WHERE stack_id = ?", (tenant.stack_id,))
    assert kinds.count("completed") == 1


def test_a_statement_is_compiled_once_in_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second ledger in a process runs the statements that were compiled for the first."""
    compiled: list[str] = []
    compile_ = SQLiteCompiler.__init__

    def counted(compiler: SQLiteCompiler, *given: Any, **named: Any) -> None:
        compile_(compiler, *given, **named)
        if compiler.statement is not None:  # there is none where a table is made
            compiled.append(str(compiler.string))

    monkeypatch.setattr(SQLiteCompiler, "__init__", counted)
    shared.cache_clear()
    counts = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        with LedgerClient(f"sqlite:///{folder / 'ledger.db'}", create=True) as client:
            client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
            Party(client, "stack-of-operator", "operator").bring_up(sites=facility(2)["sites"])
        counts.append(len(compiled))
        compiled.clear()
    assert counts[0] > 20
    assert counts[1] == 0


def test_a_connection_is_watched_from_its_first_write_on(tmp_path: Path) -> None:
    """Who only reads does not pay for the triggers; whoever writes has them before its first statement."""
    query = "SELECT count(*) FROM sqlite_temp_master WHERE type = 'trigger'"
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True):
        pass
    with closing(Database(tmp_path / "ledger.db", lock_wait_s=5)) as database:
        with database.reading() as connection:
            assert connection.exec_driver_sql(query).scalar() == 0
        with database.writing() as connection:
            watched = connection.exec_driver_sql(query).scalar()
            assert watched == 3 * len(KEYS)
        with database.writing() as connection:
            assert connection.exec_driver_sql(query).scalar() == watched


def test_racks_that_are_copied_are_those_that_the_verbs_bring(tmp_path: Path) -> None:
    """What tests get as a copy has the journal of what it was copied from, and an id and a future of its own."""
    entries, heads = [], []
    for name in ("first", "second"):
        clock = datetime(2026, 11, 24, 5, tzinfo=UTC)
        url = f"sqlite:///{tmp_path / f'{name}.db'}"
        with LedgerClient(url, create=True, clock=lambda now=clock: now) as client:  # type: ignore[misc]
            client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
            bring_up_racks(client, 3)
            entries.append(client.call(verbs.HISTORY, HistoryRequest()).entries)
            tenant = Party(client, "stack-of-tenant-a", "tenant-a")
            heads.append(tenant.bring_up(clusters={"web": cluster(1)}).head)
    assert entries[0] == entries[1]
    assert heads[0].ledger != heads[1].ledger
    with outside(tmp_path / "second.db") as own:
        assert own.scalars("SELECT id FROM identity") == [heads[1].ledger]


def test_a_second_ledger_of_a_process_has_all_that_the_first_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables, indexes, and the triggers that guard them are made by the words of the first, with nothing left out."""
    monkeypatch.setattr(sqlite_words, "_made", [])
    found = []
    for name in ("first", "second"):
        engine = create_engine(f"sqlite+pysqlite:///{tmp_path / name}")
        with engine.begin() as connection:
            schema.make(connection)
            query = "SELECT type, name, tbl_name, sql FROM sqlite_master"
            found.append({tuple(row) for row in connection.exec_driver_sql(query)})
        engine.dispose()
    assert found[0] == found[1]
    assert {kind for kind, *_ in found[0]} == {"table", "index", "trigger"}


def test_a_row_that_is_decommissioned_keeps_its_power_in_the_sums(world: World) -> None:
    """What runs in racks that take no new nodes counts as used, so that the sums of a site close; free they are not."""
    sites = facility(2)["sites"]
    operator, tenant = world.party("operator"), world.party("tenant-a")
    operator.bring_up(sites=sites)
    tenant.bring_up(clusters={"web": cluster(3)})
    before = world.client.call(verbs.CAPACITY, CapacityRequest()).sites["dc1"]
    sites["dc1"]["rooms"]["a"]["rows"]["01"]["status"] = "decommissioning"
    operator.admit(operator.propose(operator.demand(sites=sites)))
    after = world.client.call(verbs.CAPACITY, CapacityRequest()).sites["dc1"]
    assert (before.racks, before.used_kw) == (2, 0.6)
    assert (after.racks, after.free_u, after.free_kw, after.used_kw) == (0, 0, 0.0, 0.6)
    assert after.rooms["a"].used_kw == 0.6
