"""What the ledger promises to those who roll out: one at a time, and an entry of the journal for what they did."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.ledger_party import ZONE_FILE
from support.ledger_proxy import ledger_service
from zonewright.ledger import messages as m
from zonewright.ledger import rollout_messages, verbs
from zonewright.ledger.client import LedgerClient
from zonewright.ledger.journal import verify


@dataclass
class World:
    """A ledger with a clock that tests move."""

    client: LedgerClient
    now: list[datetime]

    def lease(self, holder: str, seconds: int = 60) -> rollout_messages.Lease:
        """Ask for the lease of the fleet."""
        request = rollout_messages.LeaseRequest(fleet="operator", holder=holder, who=f"{holder}@desk", seconds=seconds)
        return self.client.call(verbs.LEASE, request)


@pytest.fixture(name="world", params=["in-process", "http"])
def _world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    path = tmp_path / "ledger.db"
    now = [datetime(2026, 11, 24, tzinfo=UTC)]
    with LedgerClient(f"sqlite:///{path}", create=True) as first:
        first.call(verbs.INIT, m.InitRequest(zone=ZONE_FILE))
    if request.param == "http":
        with ledger_service(path, clock=lambda: now[0]) as service, LedgerClient(service.url) as client:
            yield World(client, now)
        return
    with LedgerClient(f"sqlite:///{path}", clock=lambda: now[0]) as client:
        yield World(client, now)


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
    entries = world.client.call(verbs.HISTORY, m.HistoryRequest()).entries
    assert (entries[-1].kind, entries[-1].party, entries[-1].payload) == ("fleet-run", "operator", request.entry)
    assert verify(entries) is None
