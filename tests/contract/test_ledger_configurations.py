"""Which deployed files the ledger says are approved, and what the others lack: in this process and over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.config_world import LEDGER, ONE, TWO, Facility
from support.ledger_party import Party
from support.ledger_proxy import ledger_service
from support.planner import Planner
from support.roads import IN_PROCESS, on_every_road, road_of
from support.signing import policy, zone_with
from zonewright.fleet.configs.offer import earlier_offers
from zonewright.ledger.protocol import rollout_messages, verbs
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.canonical import digest_of

ZONE = "sites/dc1/etc/bind/zones/site.zone"
NAMED = "sites/dc1/etc/bind/named.conf"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FREEZE = {"first": "2026-12-20", "last": "2027-01-06", "time_zone": "UTC", "reason": "end of the year"}
PACK = {
    "title": "Zone rules",
    "valid_from": "2026-01-01",
    "valid_until": "2030-12-31",
    "gated_formats": ["bind"],
    "freeze": [FREEZE],
}


class World:
    """A ledger with a clock that tests move, and the operator's stack."""

    def __init__(self, client: LedgerClient, now: list[datetime], zone: Zone) -> None:
        self.client, self.now = client, now
        party = Party(client, "stack-of-operator", "operator", zone=zone)
        party.enrol()
        self.facility = Facility(client, Planner(party, "ben"), party, clock=lambda: now[0])

    def answer(self) -> rollout_messages.ConfigurationsAnswer:
        """What the ledger says of the site."""
        return self.client.call(verbs.CONFIGURATIONS, rollout_messages.ConfigurationsRequest(sites=["dc1"]))

    def stack(self) -> rollout_messages.Configurations:
        """What it says of the only stack."""
        (found,) = self.answer().stacks
        return found

    def back(self) -> list[str]:
        """Plan and digest of the zone's file of each approved step; the same in one page and in pages of one step."""
        found, before = list[str](), dict[str, int]()
        while page := self._steps(before, limit=1):
            (one,) = page
            assert (one.missing, set(one.approved)) == ({}, set(one.files))
            found.append(f"{one.approved[ZONE][7:19]} {one.files[ZONE]}")
            before = {one.stack_id: one.step}
        assert [f"{one.approved[ZONE][7:19]} {one.files[ZONE]}" for one in self._steps({}, limit=100)] == found
        return found

    def _steps(self, before: dict[str, int], limit: int) -> list[rollout_messages.Configurations]:
        request = rollout_messages.ConfigurationsRequest(sites=["dc1"], before=before, limit=limit)
        return self.client.call(verbs.CONFIGURATIONS, request).stacks

    def ask_for(self, count: int) -> None:
        """Another number of approvals is needed from now on."""
        zone = zone_of(count)
        self.client.call(verbs.INIT, InitRequest(zone=zone))
        self.facility.party.zone = zone

    def step(self, title: str, *signers: str) -> str:
        """Carry a step out, then have it approved; gives what ``back`` says of it."""
        files = self.facility.deploy(title)
        plan = self.facility.plan(title)
        for signer in signers:
            self.facility.planner.verdict(plan, signer, at=self.now[0])
        return f"{plan.digest()[7:19]} {digest_of(files[ZONE])}"


def zone_of(count: int) -> Zone:
    """The zone, whose changes of low risk need so many approvals."""
    fields: dict[str, Any] = zone_with(north=policy({"safety": count}, risks=["low"], valid_hours=10))
    return Zone.model_validate({**fields, "rule_packs": {"pack": PACK}, "rule_pack": "pack"})


@pytest.fixture(name="world")
def _world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    (tmp_path / ".zonewright").mkdir()
    now = [NOW]
    zone = zone_of(1)
    with LedgerClient(LEDGER, root=tmp_path, create=True, clock=lambda: now[0]) as first:
        first.call(verbs.INIT, InitRequest(zone=zone))
        if road_of(request) == IN_PROCESS:
            yield World(first, now, zone)
            return
    path = tmp_path / ".zonewright" / "ledger.db"
    with ledger_service(path, clock=lambda: now[0]) as service, LedgerClient(service.url) as client:
        yield World(client, now, zone)


@on_every_road("world")
def test_approvals_of_deployed_files(world: World) -> None:
    """Never planned, not approved yet, approved, too old, changed since: each file has its plan or what it lacks."""
    files = world.facility.deploy(ONE)
    found = world.stack()
    assert (found.stack_id, found.party, set(found.files)) == ("stack-of-operator", "operator", set(files))
    assert found.approved == {}
    assert found.missing[NAMED].startswith("stack stack-of-operator: it was never planned; plan it: ")
    assert world.answer().gated == ["bind"]

    plan = world.facility.plan(ONE)
    name = plan.digest()[7:19]
    told = f"stack stack-of-operator: plan {name}: policy north: 0 of 1 approvals from safety"
    assert world.stack().missing[NAMED] == told
    world.facility.approve(plan)
    assert world.stack().approved == dict.fromkeys(files, plan.digest())
    assert world.stack().missing == {}

    world.now[0] = NOW + timedelta(hours=11)
    assert "is older than 10 h" in world.stack().missing[NAMED]
    world.now[0] = NOW
    world.facility.deploy(TWO)
    found = world.stack()
    assert found.approved == {}
    assert f"plan {name}, the last one, has another content for it; " in found.missing[ZONE]
    assert f"plan {name} was approved for another step of the stack; " in found.missing[NAMED]


def test_approved_steps_back(world: World) -> None:
    """Only steps that were approved, before or after they were carried out, newest first; a rejected one is none."""
    zones = [world.facility.deploy(ONE)[ZONE]]
    assert world.back() == []
    first = world.facility.plan(ONE)
    world.facility.approve(first)
    zones.append(world.facility.deploy(TWO)[ZONE])
    second = world.facility.plan(TWO)
    world.facility.approve(second)
    world.facility.planner.verdict(second, "carl", at=world.now[0] + timedelta(seconds=1), word="reject")
    zones.append(world.facility.deploy("10.80.0.4")[ZONE])
    third = world.facility.plan("10.80.0.4")
    world.facility.approve(third)
    world.now[0] += timedelta(hours=1000)
    assert world.back() == [
        f"{third.digest()[7:19]} {digest_of(zones[2])}",
        f"{first.digest()[7:19]} {digest_of(zones[0])}",
    ]
    other = rollout_messages.ConfigurationsRequest(sites=["dc2"], before={})
    assert world.client.call(verbs.CONFIGURATIONS, other).stacks == []


def test_a_step_is_judged_by_the_zone_of_its_time(world: World) -> None:
    """A policy that asks for less today approves nothing of then, and one that asks for more takes no approval back."""
    world.ask_for(2)
    world.step(ONE, "carl")
    both = world.step(TWO, "carl", "bea")
    loosened = world.step("10.80.0.4", "carl")
    world.ask_for(1)
    assert world.back() == [loosened, both]
    one = world.step("10.80.0.5", "carl")
    world.step("10.80.0.6")
    world.ask_for(2)
    assert world.back() == [one, loosened, both]
    for page in (1, 2, 3, 20):
        offers = list(earlier_offers(world.client, ["dc1", ""], page=page))
        assert [offer.files[ZONE] for offer in offers] == [step.split()[1] for step in (one, loosened, both)]


def test_without_a_policy_nothing_is_approved(world: World) -> None:
    """Where no policy asks for an approval of a change none is there: hosts get approved files only."""
    fields: dict[str, Any] = zone_with(north=policy({"safety": 1}, risks=["high"]))
    zone = Zone.model_validate({**fields, "rule_packs": {"pack": PACK}, "rule_pack": "pack"})
    world.client.call(verbs.INIT, InitRequest(zone=zone))
    world.facility.party.zone = zone
    world.step(ONE, "carl")
    found = world.stack()
    assert found.approved == {}
    assert "zone.yaml has no approval policy for changes of risk low by operator" in found.missing[ZONE]
    world.step(TWO)
    assert world.back() == []


def test_a_step_that_was_not_carried_out_is_none(world: World) -> None:
    """A change that was approved and admitted, and neither completed nor rolled out, is no step to go back to."""
    facility = world.facility
    first = world.step(ONE, "carl")
    planned = facility.plan(TWO)
    facility.approve(planned)
    facility.planner.admit(sites=facility.declare(TWO))
    again = facility.plan(TWO)
    facility.approve(again)
    third = world.step("10.80.0.4", "carl")
    assert world.back() == [third, first]
    facility.planner.roll_out(again)
    assert [one.split()[0] for one in world.back()] == [third.split()[0], again.digest()[7:19], first.split()[0]]


def test_a_step_without_files_ends_no_search(world: World) -> None:
    """A stack that had nothing at the site for a while gives the steps from before; the same files twice are one."""
    first = world.step(ONE, "carl")
    planner = world.facility.planner
    plan, _ = planner.plan(at=world.now[0], sites={})
    world.facility.approve(plan)
    planner.complete(planner.admit(sites={}))
    last = world.step(TWO, "carl")
    world.facility.deploy(TWO)  # a step of its own, which that plan covers
    assert world.back() == [last, first]


def test_hours_are_those_of_the_ledgers_clock(world: World) -> None:
    """The zone's packs say whether hosts may be touched, judged where the ledger is."""
    assert world.client.call(verbs.HOURS, rollout_messages.HoursRequest()).closed == ""
    world.now[0] = datetime(2026, 12, 24, tzinfo=UTC)
    assert world.client.call(verbs.HOURS, rollout_messages.HoursRequest()).closed == (
        "rule pack Zone rules: changes are frozen from 2026-12-20 to 2027-01-06 (UTC): end of the year"
    )


def test_what_a_change_does_not_touch_stays_approved(tmp_path: Path) -> None:
    """Files of an admitted and approved change count as long as no later change touches them."""
    (tmp_path / ".zonewright").mkdir()
    zone = Zone.model_validate(zone_with(north=policy({"safety": 1})))
    with LedgerClient(LEDGER, root=tmp_path, create=True, clock=lambda: NOW) as client:
        client.call(verbs.INIT, InitRequest(zone=zone))
        world = World(client, [NOW], zone)
        world.facility.approved(ONE)
        first = world.stack().approved
        open_zone = zone.model_copy(update={"approvals": {}})
        client.call(verbs.INIT, InitRequest(zone=open_zone))
        world.facility.party.zone = open_zone
        world.facility.deploy(TWO)
        found = world.stack()
        assert found.approved == {path: plan for path, plan in first.items() if path not in found.missing}
        assert NAMED in found.approved
        assert set(found.missing) == {ZONE, "sites/dc1/etc/bind/zones/reverse/10.80.0.zone"}
