"""The ledger's clock never goes back: what is decided is not before the last entry, whoever asks and by which road."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.ledger_party import Party, bring_up_racks
from support.ledger_proxy import ledger_service
from support.planner import Planner
from support.roads import HTTP, on_every_road, road_of
from support.zone_project import cluster
from zonewright.ledger import LedgerUnavailableError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import CompleteRequest, EvaluateRequest
from zonewright.ledger.protocol.capacity_messages import CapacityRequest
from zonewright.ledger.protocol.change_messages import ChangesRequest, Snapshot
from zonewright.ledger.protocol.content_messages import ContentQuery
from zonewright.ledger.protocol.journal_messages import CheckpointRequest, HistoryRequest, JournalEntry, SeenRequest
from zonewright.ledger.protocol.rollout_messages import FleetLockRequest, HoursRequest
from zonewright.ledger.protocol.stack_messages import InitRequest, RecoverRequest, ReportRequest
from zonewright.ledger.store import journal
from zonewright.ledger.store.clock import stamp
from zonewright.ledger.store.database import Database
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.limits import CLOCK_BEHIND

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
WEB: dict[str, Any] = {"clusters": {"web": cluster(2)}}


@dataclass
class World:
    """A ledger, reached in one of the ways, with a clock that tests move."""

    client: LedgerClient
    now: list[datetime]

    def entries(self) -> list[JournalEntry]:
        """The journal."""
        return self.client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries


@pytest.fixture(name="world")
def _world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """The small zone with two racks, all of one moment."""
    path, now = tmp_path / "ledger.db", [START]
    with LedgerClient(f"sqlite:///{path}", create=True, clock=lambda: now[0]) as first:
        first.call(verbs.INIT, InitRequest(zone=Party(first, "x", "y").zone))
        bring_up_racks(first)
    if road_of(request) == HTTP:
        with ledger_service(path, clock=lambda: now[0]) as service, LedgerClient(service.url) as client:
            yield World(client, now)
        return
    with LedgerClient(f"sqlite:///{path}", clock=lambda: now[0]) as client:
        yield World(client, now)


def deciding(world: World) -> dict[str, Callable[[], object]]:
    """Everything that a tenant and a fleet may have decided, by name; a first change is admitted and made."""
    tenant = Planner(Party(world.client, "stack-of-tenant-a", "tenant-a"))
    tenant.party.enrol()
    offered = tenant.party.propose(tenant.party.demand(**WEB), reserve=False)
    admission = tenant.admit(**WEB)
    tenant.make(admission)
    named = {"stack_id": tenant.party.stack_id, "party": "tenant-a"}
    wanted = EvaluateRequest(
        **named,
        lineage=tenant.party.lineage,
        demand_digest=offered.demand_digest,
        seats=offered.seats,
        addresses=offered.addresses,
    )
    done = CompleteRequest(stack_id=tenant.party.stack_id, change_digest=admission.change_digest)
    return {
        "propose": lambda: tenant.party.propose(tenant.party.demand(**WEB), reserve=False),
        "reserve": lambda: tenant.party.propose(tenant.party.demand(**WEB)),
        "evaluate": lambda: world.client.call(verbs.EVALUATE, wanted),
        "admit": lambda: tenant.party.admit(offered),
        "confirm": lambda: tenant.party.confirm("web-001"),
        "complete": lambda: world.client.call(verbs.COMPLETE, done),
        "settle": lambda: tenant.party.settle(admission),
        "destroy": lambda: world.client.call(verbs.GUARD_DESTROY, SeenRequest(stack_id=tenant.party.stack_id)),
        "recover": lambda: world.client.call(verbs.RECOVER, RecoverRequest(**named, state_is_empty=False)),
        "enrol": lambda: Party(world.client, "stack-of-tenant-b", "tenant-b").enrol(),
        "lease": lambda: world.client.call(verbs.LEASE, FleetLockRequest(fleet="f", holder="h", who="w", seconds=60)),
        "hours": lambda: world.client.call(verbs.HOURS, HoursRequest()),
        "checkpoint": lambda: world.client.call(verbs.CHECKPOINT, CheckpointRequest()),
    }


@on_every_road("world")
def test_a_clock_of_2020_decides_nothing_after_entries_of_2026(world: World) -> None:
    """Each verb that decides is refused with both times, and neither the journal nor what is held changes."""
    asked = deciding(world)
    tenant = Party(world.client, "stack-of-tenant-a", "tenant-a")
    before, held = world.entries(), tenant.states()
    world.now[0] = datetime(2020, 1, 1, tzinfo=UTC)
    for name, ask in asked.items():
        with pytest.raises(LedgerUnavailableError) as caught:
            ask()
        told = caught.value.sentence
        assert caught.value.code == "clock", name
        assert "2020-01-01T00:00:00Z" in told, name
        assert "2026-11-24T12:00:00Z" in told, name
        assert f"at most {CLOCK_BEHIND.most} s" in told, name
    assert (world.entries(), tenant.states()) == (before, held)


@on_every_road("world")
def test_a_clock_that_is_behind_prevents_nobody_from_looking(world: World) -> None:
    """Holdings, changes and capacity are shown as of the last entry."""
    deciding(world)
    world.now[0] = datetime(2020, 1, 1, tzinfo=UTC)
    report = world.client.call(verbs.REPORT, ReportRequest(stack_id="stack-of-tenant-a"))
    assert len(report.holdings) == 2
    assert len(world.client.call(verbs.CHANGES, ChangesRequest(stack_id="stack-of-tenant-a")).changes) == 1
    assert world.client.call(verbs.CAPACITY, CapacityRequest()).sites


@pytest.mark.parametrize("behind", [1, CLOCK_BEHIND.most])
def test_within_the_tolerance_the_last_entrys_moment_is_used(world: World, behind: int) -> None:
    """A clock that was set back a little decides at the moment of the last entry, so that times never go back."""
    asked = deciding(world)
    last = world.entries()[-1]
    world.now[0] = START - timedelta(seconds=behind)
    asked["complete"]()
    (done,) = world.entries()[last.sequence :]
    assert (done.kind, done.at) == ("completed", last.at)
    world.now[0] = START - timedelta(seconds=CLOCK_BEHIND.most + 1)
    with pytest.raises(LedgerUnavailableError):
        asked["enrol"]()


def test_reservations_and_leases_end_by_the_ledgers_clock(world: World) -> None:
    """Their ends are counted from the moment of the decision, which is the last entry's where the clock is behind."""
    asked = deciding(world)
    world.now[0] = START - timedelta(seconds=60)
    tenant = Party(world.client, "stack-of-tenant-b", "tenant-b")
    offered = tenant.propose(tenant.demand(**WEB))
    assert offered.expires_at == (START + timedelta(seconds=300)).isoformat(timespec="microseconds")
    taken = asked["lease"]()
    wanted = FleetLockRequest(fleet="f", holder="other", who="w", seconds=60)
    world.now[0] = START + timedelta(seconds=59)
    assert not world.client.call(verbs.LEASE, wanted).is_mine
    world.now[0] = START + timedelta(seconds=60)
    assert world.client.call(verbs.LEASE, wanted).is_mine, taken


def test_a_clock_that_is_set_back_during_an_admission_leaves_no_facts_of_a_later_moment(tmp_path: Path) -> None:
    """Facts are read before the lock is taken: where the clock was set back since, they are read again."""
    now, back = [START], [timedelta(0)]

    def clock() -> datetime:
        now[0] -= back[0]
        return now[0]

    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True, clock=clock) as client:
        client.call(verbs.INIT, InitRequest(zone=Party(client, "x", "y").zone))
        bring_up_racks(client)
        tenant = Party(client, "stack-of-tenant-a", "tenant-a")
        tenant.enrol()
        offered = tenant.propose(tenant.demand(**WEB))
        now[0], back[0] = START + timedelta(minutes=30), timedelta(minutes=1)
        tenant.admit(offered)
        last = client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries[-1]
        named = str(last.payload["snapshot"])
        text = client.call(verbs.FETCH, ContentQuery(digests=[named])).texts[named]
    assert START < datetime.fromisoformat(last.at) < START + timedelta(minutes=30)
    assert Snapshot.model_validate_json(text).at[:16] == last.at[:16]


def test_no_entry_is_written_before_the_last_one(tmp_path: Path) -> None:
    """Whoever writes an entry of an earlier moment than the last one is stopped by the journal itself."""
    database = Database(tmp_path / "ledger.db", create=True, lock_wait_s=5)
    with database.writing() as connection:
        journal.append(connection, at=stamp(START), kind="left", stack_id="s", party="p", payload={})
    with database.writing() as connection, pytest.raises(ValueError, match="cannot follow entry 1"):
        journal.append(
            connection, at=stamp(START - timedelta(seconds=1)), kind="left", stack_id="s", party="p", payload={}
        )
    database.close()
