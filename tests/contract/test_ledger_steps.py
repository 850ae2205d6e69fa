"""A step is a step: each admission, destroy and take-over has a number, and a plan is good for the next one only."""

import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.change_world import LANE, WEB, World, change_world
from support.ledger_places import outside
from support.older_ledger import before_schemas
from support.planner import Planner
from support.roads import on_every_road, road_of
from support.second_opinion import verified
from support.signing import key_of, policy, zone_with
from support.zone_project import cluster
from zonewright.audit.evidence.bundle import with_manifest
from zonewright.audit.evidence.gathering import each_entry
from zonewright.audit.evidence.signing import signed_plan, signed_verdict
from zonewright.audit.verify.population import population_checks
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.migrations.upgrade import upgrade
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import AdmissionAnswer, EvaluateRequest
from zonewright.ledger.protocol.change_messages import ChangesRequest, Plan, PlanQuery, PlanRequest
from zonewright.ledger.protocol.stack_messages import InitRequest, RecoverRequest
from zonewright.ledger.store.journal import entry_hash
from zonewright.model import Zone
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.rules.finding import Finding

APPROVAL = "change-approval"


@pytest.fixture(name="world")
def _world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with change_world(tmp_path, road_of(request)) as world:
        yield world


@pytest.fixture(name="near")
def _near(tmp_path: Path) -> Iterator[World]:
    """The same, only in process, for what is the same by each road."""
    with change_world(tmp_path, "in-process") as world:
        yield world


def approved_plan(world: World, tenant: Planner, **fields: Any) -> Plan:
    """A plan with both its approvals."""
    plan, _ = tenant.plan(at=world.later(), **fields)
    for signer in ("ben", "bea"):
        tenant.verdict(plan, signer, at=world.later())
    return plan


def admitted_by_plan(world: World, tenant: Planner) -> tuple[Plan, AdmissionAnswer]:
    """A change that was planned, approved, admitted and completed."""
    plan = approved_plan(world, tenant, **WEB)
    admission = tenant.admit(**WEB)
    tenant.complete(admission)
    return plan, admission


def messages_of(findings: list[Finding] | tuple[Finding, ...]) -> list[str]:
    """What is said about approvals."""
    return [one.message for one in findings if one.rule == APPROVAL]


def refused_everywhere(world: World, tenant: Planner) -> str:
    """What a proposal for `up`, an evaluation and an admission say, which is the same sentence; nothing is held."""
    offered = tenant.party.propose(tenant.party.demand(**WEB))
    assert offered.expires_at is None
    plan = next(one for one in world.client.call(verbs.CHANGES, ChangesRequest()).changes if one.plan)
    rendered = Plan.model_validate_json(record_of(world, plan.plan)).rendered_digest
    wanted = EvaluateRequest(
        stack_id=tenant.party.stack_id,
        party=tenant.party.party,
        lineage=tenant.party.lineage,
        demand_digest=offered.demand_digest,
        seats=offered.seats,
        addresses=offered.addresses,
        rendered_digest=rendered,
    )
    evaluated = world.client.call(verbs.EVALUATE, wanted)
    with pytest.raises(LedgerRefusedError) as caught:
        tenant.admit(**WEB)
    said = [messages_of(one) for one in (offered.findings, evaluated.findings, caught.value.findings)]
    assert said[0] == said[1] == said[2]
    (sentence,) = said[0]
    assert [state for _, state in tenant.party.states() if state == "admitted"] == []
    return sentence


def record_of(world: World, plan: str) -> str:
    """The text of a plan."""
    text = world.client.call(verbs.PLAN_OF, PlanQuery(plan=plan)).plan
    assert text is not None
    return text


def wrong(world: World, tenant: Planner) -> list[str]:
    """What ``audit verify`` of each plan's bundle and ``audit complete`` find wrong."""
    found = world.client.call(verbs.CHANGES, ChangesRequest())
    checks = [*population_checks(each_entry(world.client), found)]
    for one in found.changes:
        checks += verified(tenant.bundle(plan=one.plan)) if one.plan else ()
    return [check.line() for check in checks if check.verdict == "wrong"]


def zone_row(world: World, document: str) -> str:
    """Put another document into the zone's row behind the ledger's back; gives the one that was there."""
    with outside(world.path) as connection:
        (before,) = connection.execute("SELECT document FROM zone").fetchone()
        connection.execute("UPDATE zone SET document = ?", (document,))
    return str(before)


def test_a_zone_file_that_was_exchanged_for_one_change_is_noticed(near: World) -> None:
    """The zone's row without approvals, put back after an `up`: what it admitted names a file nobody registered."""
    tenant = near.planner()
    assert wrong(near, tenant) == []
    lax = canonical_json({**json.loads(zone_row(near, "{}")), "approvals": {}})
    before = canonical_json(near.zone.model_dump(mode="json", exclude_defaults=True))
    zone_row(near, lax)
    tenant.complete(tenant.admit(**WEB))
    zone_row(near, before)
    (line,) = wrong(near, tenant)
    entry = next(one for one in each_entry(near.client) if one.kind == "admitted" and one.party == "tenant-a")
    assert line == (
        f"wrong        zone files: entry {entry.sequence} (admitted) was decided by zone file {digest_of(lax)[7:19]}, "
        "which was never registered before it"
    )


def test_a_zone_file_that_was_replaced_decides_nothing_any_more(near: World) -> None:
    """An earlier registered file, put back behind the ledger's back for one change, is noticed with both entries."""
    strict = canonical_json(near.zone.model_dump(mode="json", exclude_defaults=True))
    near.register()
    tenant = near.planner()
    now = zone_row(near, strict)
    with pytest.raises(LedgerRefusedError):
        tenant.admit(**WEB)
    zone_row(near, now)
    (line,) = wrong(near, tenant)
    entries = list(each_entry(near.client))
    refused = next(one for one in entries if one.kind == "refused")
    _, since = (one.sequence for one in entries if one.kind == "zone-registered")
    assert line.endswith(
        f"entry {refused.sequence} (refused) was decided by zone file {digest_of(strict)[7:19]}, which entry 1 "
        f"registered, but entry {since} had registered another one since"
    )


def test_a_plan_is_decided_by_the_zone_file_that_it_names(near: World) -> None:
    """A bundle's decision under another file than the plan's is wrong, and one that names none is not checked."""
    tenant = near.planner()
    plan, _ = admitted_by_plan(near, tenant)
    bundle = tenant.bundle(plan=plan.digest())
    zone_checks = {one.name: one for one in verified(bundle)}
    assert zone_checks["zone file"].verdict == "good"
    for digest, verdict in ((f"sha256:{'0' * 64}", "wrong"), (None, "not-checked")):
        entries = [json.loads(line) for line in bundle["journal.jsonl"].splitlines()]
        for entry in entries:
            if entry["kind"] == "admitted":
                del entry["payload"]["zone_digest"]
                entry["payload"] |= {} if digest is None else {"zone_digest": digest}
        said = {one.name: one.verdict for one in verified(rechained(bundle, entries))}
        assert said["zone file"] == verdict


def test_a_zone_file_that_was_registered_after_the_plan_decides(near: World) -> None:
    """In a bundle whose journal registers another file before the decision, that one had to decide."""
    tenant = near.planner()
    plan, _ = admitted_by_plan(near, tenant)
    bundle = tenant.bundle(plan=plan.digest())
    for digest, verdict in ((f"sha256:{'0' * 64}", "wrong"), (plan.zone_digest, "good")):
        entries = [json.loads(line) for line in bundle["journal.jsonl"].splitlines()]
        where = next(number for number, entry in enumerate(entries) if entry["kind"] == "admitted")
        registered = {"kind": "zone-registered", "stack_id": "", "party": "", "payload": {"zone_digest": digest}}
        entries.insert(where, {**entries[where], **registered})
        for number, entry in enumerate(entries, entries[0]["sequence"]):
            entry["sequence"] = number
        said = {one.name: one for one in verified(rechained(bundle, entries))}
        assert said["zone file"].verdict == verdict
        if verdict == "wrong":
            at = entries[where]["sequence"]
            assert said["zone file"].detail == (
                f"entry {at + 1} (admitted) was decided by zone file {plan.zone_digest[7:19]}, but entry {at} had "
                "registered another one"
            )


def rechained(bundle: dict[str, bytes], entries: list[dict[str, Any]]) -> dict[str, bytes]:
    """A bundle with altered entries whose chain is whole again, as one who has the ledger could make it."""
    previous = entries[0]["previous"]
    for entry in entries:
        entry["previous"] = previous
        entry["hash"] = previous = entry_hash(entry)
    files = {path: content for path, content in bundle.items() if path not in ("manifest.json", "checkpoint.json")}
    files["journal.jsonl"] = "".join(f"{canonical_json(entry)}\n" for entry in entries).encode()
    return with_manifest(files)


@on_every_road("world")
def test_signatures_are_not_good_again_after_a_destroy(world: World) -> None:
    """Plan, two approvals, up, destroy, up: the second is refused with both steps and the way on, by whichever verb."""
    tenant = world.planner()
    plan, admission = admitted_by_plan(world, tenant)
    tenant.destroy(admission)
    tenant.party.enrol()
    told = refused_everywhere(world, tenant)
    name = plan.digest()[7:19]
    assert told == (
        f"this change needs an approval: plan {name} follows step 0, but the stack is at step 2; "
        "make a new plan with: zonewright change plan --stack NAME --key FILE"
    )
    again = approved_plan(world, tenant, **WEB)
    assert (plan.follows, again.follows) == (0, 2)
    assert again.change_digest == plan.change_digest
    tenant.complete(tenant.admit(**WEB))
    assert wrong(world, tenant) == []


def test_a_change_that_nobody_planned_is_told_so(world: World) -> None:
    """After a plan was carried out another change has no plan: that is said, and not how it differs from that plan."""
    tenant = world.planner()
    plan, _ = admitted_by_plan(world, tenant)
    with pytest.raises(LedgerRefusedError) as caught:
        tenant.admit(clusters={"web": cluster(15)})
    (told,) = messages_of(caught.value.findings)
    assert told == (
        f"this change needs an approval: no plan is for it; plan {plan.digest()[7:19]} follows step 0, but the "
        "stack is at step 1; make a new plan with: zonewright change plan --stack NAME --key FILE"
    )


def test_a_destroy_that_nobody_began_is_a_step(near: World) -> None:
    """A change that was never completed has no guard: what ends its admission is the step, and its plan is spent."""
    tenant = near.planner()
    approved_plan(near, tenant, **WEB)
    tenant.destroy(tenant.admit(**WEB), is_guarded=False)
    tenant.party.enrol()
    assert "follows step 0, but the stack is at step 2;" in refused_everywhere(near, tenant)


def test_a_take_over_is_a_step(world: World) -> None:
    """What was approved before a take-over is not good after it, although the present admission is the same."""
    tenant = world.planner()
    admitted_by_plan(world, tenant)
    more: dict[str, Any] = {"clusters": {"web": cluster(3)}}
    before = approved_plan(world, tenant, **more)
    world.client.call(
        verbs.RECOVER, RecoverRequest(stack_id=tenant.party.stack_id, party="tenant-a", state_is_empty=False)
    )
    tenant.party.enrol()
    (record,) = (
        one for one in world.client.call(verbs.CHANGES, ChangesRequest()).changes if one.plan == before.digest()
    )
    assert record.state == "expired"
    with pytest.raises(LedgerRefusedError) as caught:
        tenant.admit(**more)
    (told,) = messages_of(caught.value.findings)
    assert "follows step 1, but the stack is at step 2; make a new plan with: zonewright change plan" in told
    approved_plan(world, tenant, **more)
    tenant.admit(**more)
    assert wrong(world, tenant) == []


def test_the_steps_of_a_stack_only_rise_by_one(near: World) -> None:
    """The journal has each step with its number, of each stack on its own, also across a destroy."""
    tenant, other = near.planner(), near.planner("tenant-c")
    _, admission = admitted_by_plan(near, tenant)
    other.admit(**WEB)
    tenant.destroy(admission)
    tenant.party.enrol()
    approved_plan(near, tenant, **WEB)
    tenant.admit(**WEB)
    near.client.call(
        verbs.RECOVER, RecoverRequest(stack_id=tenant.party.stack_id, party="tenant-a", state_is_empty=True)
    )
    found: dict[str, list[tuple[str, int]]] = {}
    for entry in each_entry(near.client):
        if "step" in entry.payload:
            found.setdefault(entry.stack_id, []).append((entry.kind, entry.payload["step"]))
    assert found["stack-of-tenant-a"] == [("admitted", 1), ("destroy-begun", 2), ("admitted", 3), ("taken-over", 4)]
    assert found["stack-of-tenant-c"] == [("admitted", 1)]


def test_an_up_that_changes_nothing_keeps_its_plan(near: World) -> None:
    """The plan that made what stands is behind the step that it made: a proposal for the same has no finding on it."""
    zone = near.register(all=policy({"operators": 2}, risks=["low", "normal", "high"], parties=["tenant-a"]))
    assert "all" in zone.approvals
    tenant = near.planner()
    admitted_by_plan(near, tenant)
    offered = tenant.party.propose(tenant.party.demand(**WEB))
    assert messages_of(offered.findings) == []
    assert offered.expires_at is not None


def test_a_spent_plan_is_in_nobodys_way_where_none_is_needed(near: World) -> None:
    """A plan that was made although nothing asks for one is spent after its step, and the next `up` needs no other."""
    near.register(grave=policy({"operators": 2}, risks=["high"]))
    tenant = near.planner()
    tenant.plan(at=near.later(), **WEB)
    tenant.destroy(tenant.admit(**WEB), is_guarded=False)
    tenant.party.enrol()
    offered = tenant.party.propose(tenant.party.demand(**WEB))
    assert messages_of(offered.findings) == []
    assert offered.expires_at is not None


def test_a_plan_that_names_another_step_or_none_is_not_registered(near: World) -> None:
    """A plan names the step that its stack is at, also where its author would rather have it otherwise."""
    tenant = near.planner()
    plan, _ = tenant.plan(at=near.now[0], **WEB)
    for update, sentence in (
        ({"follows": 1}, "it follows step 1, but the stack is at step 0; plan again"),
        ({"follows": None, "format": 1}, "it names no step that it follows, because an older version made it"),
    ):
        other = plan.model_copy(update=update)
        envelope = signed_plan(other, key_of("anna"), signer="anna")
        with pytest.raises(LedgerRefusedError, match=re.escape(sentence)):
            near.client.call(verbs.PLAN, PlanRequest(stack_id=plan.stack_id, plan=other.text(), envelope=envelope))
    for text in (
        plan.text().replace('"format":2', '"format":1'),
        plan.model_copy(update={"follows": None}).text(),
    ):
        with pytest.raises(LedgerRefusedError, match="this is not a plan"):
            near.client.call(verbs.PLAN, PlanRequest(stack_id=plan.stack_id, plan=text, envelope="{}"))


def as_older(world: World, plan: Plan) -> Plan:
    """Put a plan and verdicts of an older version in the place of those that there are: they name no step."""
    older = plan.model_copy(update={"format": 1, "follows": None})
    author = signed_plan(older, key_of("anna"), signer="anna")
    with outside(world.path) as connection:
        connection.execute(
            "UPDATE change SET plan = ?, document = ?, envelope = ?", (older.digest(), older.text(), author)
        )
        for number, signer in enumerate(("ben", "bea"), 1):
            text = signed_verdict(
                older, key_of(signer), signer=signer, verdict="approve", comment="", at=plan.planned_at
            )
            connection.execute(
                "UPDATE verdict SET plan = ?, envelope = ? WHERE number = ?", (older.digest(), text, number)
            )
    return older


@pytest.mark.tampers
def test_a_plan_of_an_older_version_is_good_once(near: World) -> None:
    """A plan that was approved before plans named steps is admitted by the old rule, and not a second time."""
    tenant = near.planner()
    older = as_older(near, approved_plan(near, tenant, **WEB))
    admission = tenant.admit(**WEB)
    tenant.complete(admission)
    tenant.destroy(admission)
    tenant.party.enrol()
    name = older.digest()[7:19]
    assert refused_everywhere(near, tenant) == (
        f"this change needs an approval: plan {name} was carried out already, as {admission.admission_id}; "
        "make a new plan with: zonewright change plan --stack NAME --key FILE"
    )


def test_steps_of_an_older_ledger_are_counted(near: World) -> None:
    """The upgrade counts them from the journal; the next step goes on from there."""
    tenant = near.planner()
    _, admission = admitted_by_plan(near, tenant)
    before_schemas(near.path)
    upgrade(near.path, clock=lambda: near.now[0])
    plan, _ = tenant.plan(at=near.later(), clusters={"web": cluster(1)})
    assert plan.follows == 1
    tenant.destroy(admission)
    tenant.party.enrol()
    plan, _ = tenant.plan(at=near.later(), **WEB)
    assert plan.follows == 2
    with sqlite3.connect(near.path) as connection:
        rows = connection.execute("SELECT stack_id, number FROM step ORDER BY stack_id").fetchall()
    connection.close()
    assert rows == [("stack-of-operator", 1), ("stack-of-tenant-a", 2)]


def served(world: World, person: str, **dates: str) -> Planner:
    """A tenant of the zone where a signer's signatures count on some days only."""
    data = zone_with(two=policy({"operators": 2}, parties=["tenant-a"], emergency=LANE))
    data["signers"][person] |= dates
    world.zone = Zone.model_validate(data)
    world.client.call(verbs.INIT, InitRequest(zone=world.zone))
    return world.planner()


@pytest.mark.parametrize("person", ["anna", "ben"])
def test_a_signer_who_leaves_afterwards_voids_no_export(near: World, person: str) -> None:
    """What was signed, received and admitted in time is good in each later export, whoever has left since."""
    tenant = served(near, person, valid_until="2026-11-24")
    admitted_by_plan(near, tenant)
    near.now[0] = datetime(2026, 12, 20, tzinfo=UTC)
    checks = {check.name: check for check in verified(tenant.bundle())}
    assert [check.line() for check in checks.values() if check.verdict == "wrong"] == []
    assert checks["approval"].detail == "approved by bea and ben when it was admitted"


def test_a_verdict_that_is_dated_back_is_not_received(near: World) -> None:
    """After a signer's last day a verdict is refused, whatever moment it names."""
    tenant = served(near, "ben", valid_until="2026-11-24")
    plan, _ = tenant.plan(at=near.now[0], **WEB)
    signed_at = near.later()
    tenant.verdict(plan, "bea", at=signed_at)
    near.now[0] += timedelta(days=1)
    with pytest.raises(
        LedgerRefusedError, match="signatures of ben are valid from ever until 2026-11-24, not on 2026-11-25"
    ):
        tenant.verdict(plan, "ben", at=signed_at)


def test_a_review_stays_done_when_its_reviewer_has_left(near: World) -> None:
    """An emergency that was reviewed in time does not stop its stack later, and its bundle says so."""
    tenant = served(near, "bea", valid_until="2026-11-24")
    plan, _ = tenant.plan(at=near.now[0], emergency=True, reason="feed down", **WEB)
    tenant.complete(tenant.admit(**WEB))
    for signer in ("ben", "bea"):
        tenant.verdict(plan, signer, at=near.later())
    near.now[0] += timedelta(days=7)
    less: dict[str, Any] = {"clusters": {"web": cluster(1)}}
    tenant.plan(at=near.now[0], emergency=True, reason="again", **less)
    tenant.admit(**less)
    checks = {check.name: check for check in verified(tenant.bundle(plan=plan.digest()))}
    assert checks["review"].detail == "the full policy was met afterwards"
    assert [check.line() for check in checks.values() if check.verdict == "wrong"] == []
