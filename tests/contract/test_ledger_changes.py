"""Plans, verdicts and what an admission makes of them: the same suite in process and over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.change_world import WEB, World, change_world
from support.planner import Planner
from support.roads import on_every_road, road_of
from support.signing import policy, zone_with
from support.zone_project import cluster
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.change_messages import ChangesRequest, PlanQuery, PlanRequest
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.model import Zone


@pytest.fixture(name="world")
def _world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with change_world(tmp_path, road_of(request)) as world:
        yield world


def refusal(planner: Planner, **fields: Any) -> str:
    """The sentence of a change that is refused for want of an approval; nothing of it is held."""
    before = planner.party.states()
    with pytest.raises(LedgerRefusedError) as caught:
        planner.admit(**fields)
    assert planner.party.states() == before
    return " | ".join(item.message for item in caught.value.findings if item.rule == "change-approval")


@on_every_road("world")
def test_planned_approved_by_two_and_admitted(world: World) -> None:
    """The whole way: refused without a plan, with one and with two approvals admitted; the journal names them."""
    tenant = world.planner()
    assert "it was never planned" in refusal(tenant, **WEB)
    plan, answer = tenant.plan(at=world.now[0], **WEB)
    assert (answer.state, plan.risk) == ("missing", "normal")
    assert "0 of 2 approvals from operators" in refusal(tenant, **WEB)
    tenant.verdict(plan, "ben", at=world.later())
    assert "1 of 2 approvals from operators" in refusal(tenant, **WEB)
    assert tenant.verdict(plan, "bea", at=world.later()).state == "approved"
    admission = tenant.admit(**WEB)
    assert admission.change_digest == plan.change_digest
    tenant.complete(admission)
    entries = world.client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries
    mine = [entry for entry in entries if entry.payload.get("plan") == plan.digest()]
    assert [entry.kind for entry in mine] == ["planned", "refused", "approved", "refused", "approved", "admitted"]
    assert mine[-1].payload["approved_by"] == ["bea", "ben"]


def test_a_party_without_a_policy_goes_on_as_before(world: World) -> None:
    """Where no policy matches, nothing has to be planned."""
    other = world.planner("tenant-c")
    other.admit(**WEB)
    assert other.party.states() == [("web-001", "admitted"), ("web-002", "admitted")]


def test_any_other_change_is_another_change(world: World) -> None:
    """An approval is for its places, its demand and its files; what differs is named."""
    tenant = world.planner()
    plan, _ = tenant.plan(at=world.now[0], **WEB)
    for signer in ("ben", "bea"):
        tenant.verdict(plan, signer, at=world.later())
    more = refusal(tenant, clusters={"web": cluster(3)})
    assert "the declaration was changed" in more
    assert "web-003 was planned at no place, but is at dc1/a/01/01 U3" in more
    proposal = tenant.party.propose(tenant.party.demand(**WEB))
    with pytest.raises(LedgerRefusedError) as caught:
        tenant.party.admit(proposal)  # with an empty manifest of files
    (missing,) = (item for item in caught.value.findings if item.rule == "change-approval")
    assert "dc1/" in missing.message
    assert "has other bytes" in missing.message
    tenant.admit(**WEB)


def test_an_approval_is_good_for_one_step(world: World) -> None:
    """After another change, the same bytes need a new approval: there is no way back with an old signature."""
    tenant = world.planner()
    plan, _ = tenant.plan(at=world.now[0], **WEB)
    for signer in ("ben", "bea"):
        tenant.verdict(plan, signer, at=world.later())
    tenant.complete(tenant.admit(**WEB))
    less, _ = tenant.plan(at=world.later(), clusters={"web": cluster(1)})
    for signer in ("ben", "bea"):
        tenant.verdict(less, signer, at=world.later())
    tenant.complete(tenant.admit(clusters={"web": cluster(1)}))
    assert f"no plan is for it; plan {less.digest()[7:19]} follows step 1, but" in refusal(tenant, **WEB)
    with pytest.raises(LedgerRefusedError, match="another change was admitted since it was planned"):
        tenant.party.client.call(
            verbs.PLAN, PlanRequest(stack_id=plan.stack_id, plan=plan.text(), envelope=envelope_of(tenant, plan))
        )


def envelope_of(tenant: Planner, plan: Any) -> str:
    """The author's envelope of a plan."""
    return tenant.party.client.call(verbs.PLAN_OF, PlanQuery(plan=plan.digest())).envelope


def test_up_keeps_to_the_approved_places(world: World) -> None:
    """While its places are free, the change that is offered is the approved one, whatever else is nearer now."""
    first = world.planner("tenant-c")
    first.admit(clusters={"db": cluster(2)})
    tenant = world.planner()
    plan, _ = tenant.plan(at=world.now[0], **WEB)
    assert plan.places["web-001"].startswith("dc1/a/01/01 U3")
    first.admit(clusters={"db": cluster(1)})
    for signer in ("ben", "bea"):
        tenant.verdict(plan, signer, at=world.later())
    tenant.admit(**WEB)


def test_a_premise_that_fails_is_named(world: World) -> None:
    """Somebody else took the approved place: the refusal names the inequality, and what is the case now."""
    tenant = world.planner()
    plan, _ = tenant.plan(at=world.now[0], **WEB)
    for signer in ("ben", "bea"):
        tenant.verdict(plan, signer, at=world.later())
    place = {"rack": "dc1/a/01/01", "position": 2}
    world.planner("tenant-c").admit(clusters={"db": cluster(1, places={"001": place})})
    told = refusal(tenant, **WEB)
    assert "web-002 was planned at dc1/a/01/01 U2" in told
    assert "U1 to U2 of rack dc1/a/01/01 is free on both faces; now U2 taken" in told


def test_approvals_run_out(world: World) -> None:
    """After the policy's hours an approval is void."""
    tenant = world.planner()
    plan, _ = tenant.plan(at=world.now[0], **WEB)
    for signer in ("ben", "bea"):
        tenant.verdict(plan, signer, at=world.later())
    world.later(73)
    assert "is older than 72 h" in refusal(tenant, **WEB)


@on_every_road("world")
def test_verdicts_that_do_not_count_are_refused_at_once(world: World) -> None:
    """The author, another zone's key, a plan that nobody knows: refused with a sentence, and not journaled."""
    tenant = world.planner()
    plan, _ = tenant.plan(at=world.now[0], **WEB)
    before = len(world.client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries)
    for signer, other, sentence in (
        ("anna", plan, "anna is the author"),
        ("somebody", plan, "no signer of this zone has that key"),
        ("ben", plan.model_copy(update={"reason": "another"}), "the ledger has no plan"),
        ("ben", plan.model_copy(update={"stack_id": "stack-of-tenant-b"}), "the ledger has no plan"),
    ):
        with pytest.raises(LedgerRefusedError, match=sentence):
            tenant.verdict(other, signer, at=world.now[0])
    assert len(world.client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries) == before


def test_a_plan_may_not_say_what_the_ledger_does_not_find(world: World) -> None:
    """A plan with another digest, party or base is not registered; nor one that somebody else's person signed."""
    tenant = world.planner()
    plan, _ = tenant.plan(at=world.now[0], **WEB)
    with pytest.raises(LedgerRefusedError, match="ben acts for operator"):
        Planner(tenant.party, "ben").plan(at=world.now[0], reason="x", **WEB)
    for update, sentence in (
        ({"change_digest": f"sha256:{'0' * 64}"}, "its change digest does not match"),
        ({"replaces": "adm-0"}, "another change was admitted"),
        ({"zone_digest": f"sha256:{'0' * 64}"}, "zone.yaml was registered again"),
        ({"snapshot": f"sha256:{'0' * 64}"}, "has not taken its snapshot"),
        ({"files": plan.files | {"x.yaml": f"sha256:{'0' * 64}"}}, "lacks 1 text of its evidence, such as sha256:000"),
    ):
        text = plan.model_copy(update=update).text()
        with pytest.raises(LedgerRefusedError, match=sentence):
            world.client.call(
                verbs.PLAN,
                PlanRequest(stack_id=plan.stack_id, plan=text, envelope=envelope_of(tenant, plan)),
            )
    with pytest.raises(LedgerRefusedError, match="canonical form"):
        world.client.call(
            verbs.PLAN,
            PlanRequest(stack_id=plan.stack_id, plan=f"{plan.text()} ", envelope=envelope_of(tenant, plan)),
        )


def test_a_removed_key_ends_its_approvals(world: World) -> None:
    """When the administrator takes a signer away, plans and approvals from before are void."""
    tenant = world.planner()
    plan, _ = tenant.plan(at=world.now[0], **WEB)
    for signer in ("ben", "bea"):
        tenant.verdict(plan, signer, at=world.later())
    data = zone_with(two=policy({"operators": 1}, parties=["tenant-a"]))
    del data["signers"]["ben"], data["signers"]["bea"]["keys"][0]
    data["signers"]["bea"]["keys"] = [data["signers"].pop("carl")["keys"][0]]
    world.zone = Zone.model_validate(data)
    world.client.call(verbs.INIT, InitRequest(zone=world.zone))
    changed = world.planner()
    assert "the declaration was changed" in refusal(changed, **WEB)
    fresh, _ = changed.plan(at=world.now[0], **WEB)
    with pytest.raises(LedgerRefusedError, match="no signer of this zone has that key now"):
        changed.verdict(fresh, "ben", at=world.now[0])


def test_an_emergency_applies_at_once_and_must_be_reviewed(world: World) -> None:
    """The emergency lane passes on the author's signature; without a review in time the next change is refused."""
    tenant = world.planner()
    plan, answer = tenant.plan(at=world.now[0], emergency=True, reason="feed down", **WEB)
    assert answer.state == "emergency"
    admission = tenant.admit(**WEB)
    tenant.complete(admission)
    (record,) = world.client.call(verbs.CHANGES, ChangesRequest(stack_id=plan.stack_id)).changes
    assert (record.state, record.emergency, record.review_by[:13]) == ("applied", True, "2026-11-25T12")
    world.later(25)
    tenant.plan(at=world.now[0], emergency=True, clusters={"web": cluster(1)})
    with pytest.raises(LedgerRefusedError) as caught:
        tenant.admit(clusters={"web": cluster(1)})
    assert [item.rule for item in caught.value.findings] == ["emergency-review"]
    for signer in ("ben", "bea"):
        tenant.verdict(plan, signer, at=world.later())
    tenant.admit(clusters={"web": cluster(1)})


def test_the_population_is_that_of_the_journal(world: World) -> None:
    """Every plan, admission and refusal is in the list once, with its state, and the counts are the journal's."""
    operator_first = world.client.call(verbs.CHANGES, ChangesRequest()).admissions
    tenant, other = world.planner(), world.planner("tenant-c")
    refusal(tenant, **WEB)
    plan, _ = tenant.plan(at=world.later(), **WEB)
    refusal(tenant, **WEB)
    other.admit(clusters={"db": cluster(1)})
    rejected, _ = tenant.plan(at=world.later(), clusters={"web": cluster(5)})
    tenant.verdict(rejected, "ben", at=world.later(), word="reject")
    for signer in ("ben", "bea"):
        tenant.verdict(plan, signer, at=world.later())
    found = world.client.call(verbs.CHANGES, ChangesRequest())
    states = {(one.stack_id, one.state): one for one in found.changes}
    assert states["stack-of-tenant-a", "approved"].refusals == 1
    assert states["stack-of-tenant-a", "rejected"].sentences == ["rejected by ben: looked at"]
    assert ("stack-of-tenant-a", "refused") in states
    assert ("stack-of-tenant-c", "admitted") in states
    entries = world.client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries
    assert found.admissions == sum(entry.kind == "admitted" for entry in entries) == operator_first + 1
    assert found.refusals == sum(entry.kind == "refused" for entry in entries) == 2
    only = world.client.call(verbs.CHANGES, ChangesRequest(state="rejected")).changes
    assert [one.plan for one in only] == [rejected.digest()]
