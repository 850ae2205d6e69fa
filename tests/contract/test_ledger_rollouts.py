"""What the ledger promises to those who roll out: one at a time, and an entry of the journal for what they did."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.ledger_party import Party
from support.ledger_proxy import ledger_service
from support.planner import Planner
from support.roads import HTTP, on_every_road, road_of
from support.signing import policy, zone_with
from support.zone_project import cluster, facility
from zonewright.ledger import LedgerMisuseError, LedgerRefusedError
from zonewright.ledger.protocol import rollout_messages, verbs
from zonewright.ledger.protocol.content_messages import ContentQuery
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.protocol.stack_messages import InitRequest, LeaveRequest
from zonewright.ledger.store.journal import verify
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.canonical import digest_of

ZONE_FILE = Zone.model_validate(zone_with(one=policy({"operators": 1}, parties=["tenant-a"])))


@dataclass
class World:
    """A ledger with a clock that tests move."""

    client: LedgerClient
    now: list[datetime]

    def lease(self, holder: str, seconds: int = 60) -> rollout_messages.FleetLock:
        """Ask for the lease of the fleet."""
        request = rollout_messages.FleetLockRequest(
            fleet="operator", holder=holder, who=f"{holder}@desk", seconds=seconds
        )
        return self.client.call(verbs.LEASE, request)


@pytest.fixture(name="world")
def _world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    path = tmp_path / "ledger.db"
    now = [datetime(2026, 11, 24, tzinfo=UTC)]
    with LedgerClient(f"sqlite:///{path}", create=True, clock=lambda: now[0]) as first:
        first.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
    if road_of(request) == HTTP:
        with ledger_service(path, clock=lambda: now[0]) as service, LedgerClient(service.url) as client:
            yield World(client, now)
        return
    with LedgerClient(f"sqlite:///{path}", clock=lambda: now[0]) as client:
        yield World(client, now)


@on_every_road("world")
def test_the_second_is_told_who_holds_the_lease(world: World) -> None:
    """While one holds it, another one gets his name and until when; the holder may renew."""
    assert world.lease("one").is_mine
    other = world.lease("two")
    assert (other.is_mine, other.who, other.expires_at) == (False, "one@desk", "2026-11-24T00:01:00.000000+00:00")
    world.now[0] += timedelta(seconds=50)
    renewed = world.lease("one")
    assert (renewed.is_mine, renewed.since) == (True, "2026-11-24T00:00:00.000000+00:00")
    world.now[0] += timedelta(seconds=50)
    assert not world.lease("two").is_mine


def test_a_lease_ends_when_it_is_given_back_or_expires(world: World) -> None:
    """Whoever comes after that gets it; somebody else's is not given back."""
    assert world.lease("one").is_mine
    assert not world.lease("two", seconds=0).is_mine
    assert world.lease("one", seconds=0).is_mine
    assert world.lease("two").is_mine
    world.now[0] += timedelta(seconds=60)
    assert world.lease("three").is_mine


def test_entries_are_in_the_journal(world: World) -> None:
    """What was done to a fleet stands in the chain of the journal."""
    request = rollout_messages.RecordRequest(kind="fleet-run", party="operator", entry={"run": "r1", "changed": 3})
    world.client.call(verbs.RECORD, request)
    entries = world.client.call(verbs.HISTORY, HistoryRequest()).entries
    assert (entries[-1].kind, entries[-1].party, entries[-1].payload) == ("fleet-run", "operator", request.entry)
    assert verify(entries) is None


def test_a_run_is_kept_under_the_change_that_it_brought(world: World) -> None:
    """The journal names its record by the plan or by the stack's present change; the record is there by its digest."""
    Party(world.client, "stack-of-operator", "operator", zone=ZONE_FILE).bring_up(sites=facility(2)["sites"])
    party = Party(world.client, "stack-of-tenant-a", "tenant-a", zone=ZONE_FILE)
    party.enrol()
    planner = Planner(party)
    plan, _ = planner.plan(at=world.now[0], clusters={"web": cluster(2)})
    planner.verdict(plan, "ben", at=world.now[0])
    planner.admit(clusters={"web": cluster(2)})
    record = planner.roll_out(plan)
    by_stack = record.model_copy(update={"run": "second", "files": {}})
    changes = [
        rollout_messages.ChangeRun(stack_id=stack_id, record=by_stack)
        for stack_id in (party.stack_id, "stack-of-operator", "stack-of-nobody")
    ]
    request = rollout_messages.RecordRequest(kind="fleet-run", party="tenant-a", entry={"run": "2"}, changes=changes)
    world.client.call(verbs.RECORD, request)
    for fleet in (
        "operator",
        "tenant-a",
    ):  # nothing of the change is at a site of this party, nor is the record its own
        of_another = [rollout_messages.ChangeRun(plan=plan.digest(), record=record.model_copy(update={"fleet": fleet}))]
        with pytest.raises(LedgerRefusedError, match="has no files at a site of 'operator'"):
            world.client.call(verbs.RECORD, request.model_copy(update={"party": "operator", "changes": of_another}))
    entries = world.client.call(verbs.HISTORY, HistoryRequest()).entries
    assert verify(entries) is None
    kept = [entry for entry in entries if entry.kind == rollout_messages.ROLLED_OUT]
    assert [(entry.stack_id, entry.party, entry.payload["plan"]) for entry in kept] == [
        (party.stack_id, "tenant-a", plan.digest())
    ] * 2
    for entry, one in zip(kept, (record, by_stack), strict=True):
        assert entry.payload["record"] == digest_of(one.text())
        assert entry.payload["counts"] == {"changed": 1, "unreachable": 1}
        digests = [entry.payload["record"]]
        assert world.client.call(verbs.FETCH, ContentQuery(digests=digests)).texts == {digests[0]: one.text()}


def test_a_run_under_a_plan_that_there_is_not_is_refused(world: World) -> None:
    """The sentence names plan and run, and nothing of the request gets into the journal."""
    record = rollout_messages.RunRecord(
        run="r1", fleet="operator", who="ada@desk", what="deploy", began="", ended="", hosts=[], files={}
    )
    change = rollout_messages.ChangeRun(plan=f"sha256:{'a' * 64}", record=record)
    request = rollout_messages.RecordRequest(kind="fleet-run", party="operator", entry={}, changes=[change])
    before = len(world.client.call(verbs.HISTORY, HistoryRequest()).entries)
    with pytest.raises(LedgerRefusedError, match="has no plan aaaaaaaaaaaa, so run r1 was not recorded under it"):
        world.client.call(verbs.RECORD, request)
    assert len(world.client.call(verbs.HISTORY, HistoryRequest()).entries) == before


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("first", "second"), [(("operator", ""), ("tenant-a", "")), (("operator", "x"), ("operator", "y"))]
)
def test_an_agent_is_of_whoever_enrolled_it_first(
    world: World, first: tuple[str, str], second: tuple[str, str], order: int
) -> None:
    """Of two parties, and of two stacks of one, whichever comes first has the name, until it lets go of it."""
    (party, stack), other = [first, second][::order]
    stacks = {name: f"stack-{name}-0123456789ab" if name else "" for name in (stack, other[1])}
    for stack_id in filter(None, stacks.values()):
        Party(world.client, stack_id, "operator").enrol()

    def enrol(who: tuple[str, str], key: str) -> None:
        entry = {"who": "ada@desk", "agents": {"web-001": key}, "stack_id": stacks[who[1]]}
        request = rollout_messages.RecordRequest(kind="fleet-enrolment", party=who[0], entry=entry)
        world.client.call(verbs.RECORD, request)

    enrol((party, stack), "SHA256:a")
    enrol((party, stack), "SHA256:b")
    before = len(world.client.call(verbs.HISTORY, HistoryRequest()).entries)
    for key in ("SHA256:c", ""):
        with pytest.raises(LedgerRefusedError, match="agent web-001 is another stack's or party's") as refused:
            enrol(other, key)
        assert party not in str(refused.value), "whose it is stays untold"
    assert len(world.client.call(verbs.HISTORY, HistoryRequest()).entries) == before
    enrol((party, stack), "")
    enrol(other, "SHA256:c")


@pytest.mark.parametrize("party", ["operator", "tenant-a"])
def test_the_agents_of_a_stack_that_left_are_free(world: World, party: str) -> None:
    """A stack whose state was lost would have their names for good, against its own party and others."""
    owners = {"x": "operator", "y": party}
    stacks = [Party(world.client, f"stack-{name}-0123456789ab", owner) for name, owner in owners.items()]
    for stack in stacks:
        stack.enrol()
        if stack is stacks[1]:
            world.client.call(verbs.LEAVE, LeaveRequest(stack_id=stacks[0].stack_id, lineage=stacks[0].lineage))
        entry = {"who": "ada@desk", "agents": {"web-001": "SHA256:a"}, "stack_id": stack.stack_id}
        request = rollout_messages.RecordRequest(kind="fleet-enrolment", party=stack.party, entry=entry)
        world.client.call(verbs.RECORD, request)
    if party != "operator":
        late = rollout_messages.RecordRequest(kind="fleet-enrolment", party="operator", entry={**entry, "stack_id": ""})
        with pytest.raises(LedgerRefusedError, match="agent web-001 is another"):
            world.client.call(verbs.RECORD, late)  # what it had once makes it no owner of today


def test_keys_of_agents_are_those_that_were_enrolled_last(world: World) -> None:
    """The journal says which key, for which agent, by whom and when; one that is gone counts no longer."""

    def enrol(party: str, **agents: str) -> None:
        entry = {"who": "ada@desk", "agents": {name.replace("_", "-"): key for name, key in agents.items()}}
        request = rollout_messages.RecordRequest(kind="fleet-enrolment", party=party, entry=entry)
        world.client.call(verbs.RECORD, request)

    def keys(party: str) -> dict[str, str]:
        found = world.client.call(verbs.AGENT_KEYS, rollout_messages.AgentKeysRequest(party=party)).agents
        assert {(one.who, one.at[:10]) for one in found.values()} <= {("ada@desk", "2026-11-24")}
        return {name: one.fingerprint for name, one in found.items()}

    assert keys("operator") == {}
    enrol("operator", host_001="SHA256:a", host_002="SHA256:b")
    enrol("operator", host_001="SHA256:c")
    enrol("another", host_003="SHA256:d")
    assert keys("operator") == {"host-001": "SHA256:c", "host-002": "SHA256:b"}
    enrol("operator", host_002="")
    assert (keys("operator"), keys("another")) == ({"host-001": "SHA256:c"}, {"host-003": "SHA256:d"})
    for entry in ({"agents": {"host-001": "SHA256:e"}}, {"who": "ada", "agents": {}}, {"who": "ada", "agents": "all"}):
        request = rollout_messages.RecordRequest(kind="fleet-enrolment", party="operator", entry=entry)
        with pytest.raises(
            LedgerMisuseError, match=r"an enrolment of keys needs 'who' and 'agents'; (who|agents) is wrong"
        ):
            world.client.call(verbs.RECORD, request)
