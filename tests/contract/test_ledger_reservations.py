"""Reservations need a stack of the party that asks, and a party holds so many at once; in process and over HTTP."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.ledger_proxy import ledger_service
from support.roads import HTTP, on_every_road, road_of
from support.zone_project import cluster
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import Proposal
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.limits import RESERVATIONS, UNENROLLED

WEB = {"web": cluster(1)}


@dataclass
class World:
    """A ledger with two racks, and a clock that tests move."""

    client: LedgerClient
    now: list[datetime]

    def stack(self, number: int, party: str = "tenant-a") -> Party:
        """One of a party's stacks."""
        return Party(self.client, f"stack-{number:02}-of-{party}", party)


@pytest.fixture(name="world")
def _world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    path, now = tmp_path / "ledger.db", [datetime(2026, 11, 24, tzinfo=UTC)]
    with LedgerClient(f"sqlite:///{path}", create=True, clock=lambda: now[0]) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client)
        if road_of(request) != HTTP:
            yield World(client, now)
            return
    with ledger_service(path, clock=lambda: now[0]) as service, LedgerClient(service.url) as client:
        yield World(client, now)


def reserve(stack: Party) -> Proposal:
    """What an ``up`` of a small cluster asks for."""
    return stack.propose(stack.demand(clusters=WEB))


@on_every_road("world")
def test_a_first_up_reserves_before_it_is_enrolled(world: World) -> None:
    """A new stack reserves, is enrolled and admitted with exactly that, in this order."""
    stack = world.stack(1)
    proposal = reserve(stack)
    assert proposal.expires_at is not None
    stack.enrol()
    stack.admit(proposal)
    assert stack.states() == [("web-001", "admitted")]


def test_a_name_that_the_zone_does_not_know_reserves_nothing(world: World) -> None:
    """A stranger is refused, and the units stay free for others."""
    with pytest.raises(LedgerRefusedError, match="no party 'stranger'"):
        reserve(world.stack(1, "stranger"))
    assert reserve(world.stack(1)).seats["web-001"].position == 1


@pytest.mark.parametrize("is_up", [True, False])
@pytest.mark.parametrize("is_enrolled", [True, False])
def test_another_partys_stack_is_nobodys_to_reserve_for(world: World, *, is_enrolled: bool, is_up: bool) -> None:
    """Who proposes under the id of another party's stack neither reserves nor takes its reservation away."""
    mine = world.stack(1)
    held = reserve(mine)
    if is_enrolled:
        mine.enrol()
    other = Party(world.client, mine.stack_id, "tenant-b")
    with pytest.raises(LedgerRefusedError, match="belongs to another party than 'tenant-b'"):
        other.propose(other.demand(clusters={"db": cluster(2)}), reserve=is_up)
    assert reserve(mine) == held
    mine.enrol()
    mine.admit(held)


def test_a_party_has_few_reservations_of_stacks_that_are_not_enrolled(world: World) -> None:
    """One too many is refused with what holds them; an enrolled stack is not kept out, and an end makes room."""
    for number in range(UNENROLLED.most):
        reserve(world.stack(number))
    one_more = world.stack(99)
    with pytest.raises(LedgerRefusedError) as caught:
        reserve(one_more)
    assert str(caught.value) == (
        "party 'tenant-a' has 4 reservations of stacks that are not enrolled yet, of at most 4: those of "
        "stack-00-of-tenant-a, stack-01-of-tenant-a, stack-02-of-tenant-a and stack-03-of-tenant-a; nothing was "
        "reserved; run pulumi up again when one of them has been admitted, or after 2026-11-24T00:05:00Z, when the "
        "first of them ends"
    )
    assert one_more.propose(one_more.demand(clusters=WEB), reserve=False).seats
    assert reserve(world.stack(0)).expires_at is not None, "the same question again takes nothing more"
    assert reserve(world.stack(1, "tenant-b")).expires_at is not None, "another party has its own"
    enrolled = world.stack(50)
    enrolled.enrol()
    assert reserve(enrolled).expires_at is not None
    world.stack(2).enrol()
    assert reserve(one_more).expires_at is not None, "who was enrolled meanwhile counts no more"
    with pytest.raises(LedgerRefusedError, match="not enrolled yet"):
        reserve(world.stack(98))
    world.now[0] += timedelta(seconds=301)
    assert reserve(world.stack(98)).expires_at is not None


def test_a_party_has_so_many_reservations_at_once(world: World) -> None:
    """Beyond the quota nothing is held, also for enrolled stacks; an admission makes room."""
    stacks = [world.stack(number) for number in range(RESERVATIONS.most + 1)]
    for stack in stacks:
        stack.enrol()
    proposals = [reserve(stack) for stack in stacks[:-1]]
    with pytest.raises(LedgerRefusedError, match=r"has 32 reservations, of at most 32: those of .* and 28 more;"):
        reserve(stacks[-1])
    stacks[0].admit(proposals[0])
    assert reserve(stacks[-1]).expires_at is not None
