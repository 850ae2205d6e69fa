"""The zone's file is registered again: what a stack has stands as it was admitted, and what is new is decided."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.change_world import World, change_world
from support.planner import Planner
from support.signing import policy, zone_with
from support.zone_project import cluster
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import EvaluateRequest, Evaluation
from zonewright.ledger.protocol.change_messages import Plan
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.model import Zone

_RACK = "dc1/a/01/01"
WEB: dict[str, Any] = {
    "clusters": {
        "web": cluster(
            2, protection_level=3, places={"001": {"rack": _RACK, "position": 3}, "002": {"rack": _RACK, "position": 4}}
        )
    }
}
BESIDE = {"clusters": {"db": cluster(1, places={"001": {"rack": _RACK, "position": 9}})}}
"""A node of level 1 in the same rack."""
APPROVALS = {"all": policy({"operators": 2}, risks=["low", "normal", "high"], parties=["tenant-a"])}
"""Whatever this tenant does needs two operators."""


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    with change_world(tmp_path, "in-process") as world:
        yield world


def zone_of(title: str, *, level: str = "", gated: tuple[str, ...] = ()) -> dict[str, Any]:
    """A zone's file; with a level, nodes of level 3 beside others are a finding of that level."""
    pack: dict[str, Any] = {"title": "P", "valid_from": "2026-01-01", "valid_until": "2030-01-01"}
    if level:
        pack["limits"] = {"separated-protection-level": {"value": 3, "source": "zone order 3"}}
        pack["levels"] = {"class-separation": level}
    pack["gated_formats"] = list(gated)
    return {**zone_with(**APPROVALS), "title": title, "rule_pack": "p", "rule_packs": {"p": pack}}


def register(world: World, planner: Planner, content: dict[str, Any]) -> None:
    """The administrator's new file, which the tenant takes too."""
    planner.party.zone = world.zone = Zone.model_validate(content)
    world.client.call(verbs.INIT, InitRequest(zone=world.zone))


def approved_plan(world: World, tenant: Planner) -> Plan:
    """The tenant's change, planned and approved by two."""
    plan, _ = tenant.plan(at=world.later(), **WEB)
    for signer in ("ben", "bea"):
        tenant.verdict(plan, signer, at=world.later())
    return plan


def carried_out(world: World, tenant: Planner) -> Plan:
    """The same, admitted and closed."""
    plan = approved_plan(world, tenant)
    tenant.complete(tenant.admit(**WEB))
    return plan


def judged(tenant: Planner, plan: Plan, *, demand_digest: str = "", **fields: Any) -> Evaluation:
    """What a preview of the same files is told."""
    offered = tenant.party.propose(tenant.party.demand(**{**WEB, **fields}), reserve=False)
    request = EvaluateRequest(
        stack_id=tenant.party.stack_id,
        party=tenant.party.party,
        lineage=tenant.party.lineage,
        demand_digest=demand_digest or offered.demand_digest,
        seats=offered.seats,
        addresses=offered.addresses,
        rendered_digest=plan.rendered_digest,
    )
    return tenant.party.client.call(verbs.EVALUATE, request)


def rules_of(evaluation: Evaluation) -> list[str]:
    """Rules whose findings refuse."""
    return sorted(finding.rule for finding in evaluation.findings if finding.refuses)


def test_what_stands_needs_no_new_decision(world: World) -> None:
    """After a new zone file the same declaration, places and files ask for no approval; anything else is a change."""
    tenant = world.planner()
    register(world, tenant, zone_of("first"))
    plan = carried_out(world, tenant)
    assert judged(tenant, plan).stands_as is None, "the very same demand: there is nothing to be told"
    register(world, tenant, zone_of("second"))
    same = judged(tenant, plan)
    assert (same.stands_as, rules_of(same)) == (plan.demand_digest, [])
    by_its_name = judged(tenant, plan, demand_digest=plan.demand_digest)
    assert (by_its_name.stands_as, rules_of(by_its_name)) == (plan.demand_digest, [])
    level = judged(tenant, plan, clusters={"web": {**WEB["clusters"]["web"], "protection_level": 2}})
    assert (level.stands_as, rules_of(level)) == (None, ["change-approval"])
    other_files = judged(tenant, plan.model_copy(update={"rendered_digest": plan.demand_digest}))
    assert (other_files.stands_as, rules_of(other_files)) == (None, ["change-approval"])
    again = approved_plan(world, tenant)
    planned = judged(tenant, again)
    assert (planned.stands_as, rules_of(planned)) == (None, []), "its party wants it decided by the new file"
    register(world, tenant, zone_of("third"))
    assert judged(tenant, plan).stands_as == plan.demand_digest, "that plan was for the second file"
    tenant.party.release("web-002", 1)
    assert judged(tenant, plan).stands_as is None, "what it holds is not what was admitted"


def test_what_the_new_file_says_is_decided(world: World) -> None:
    """A finding that nobody has accepted asks for a decision; once it is accepted, the next file does not ask again."""
    tenant = world.planner()
    register(world, tenant, zone_of("first"))
    plan = carried_out(world, tenant)
    other = world.planner("tenant-c", "carl")
    other.party.zone = world.zone
    other.deploy(**BESIDE)
    register(world, tenant, zone_of("a rule on trial", level="advisory"))
    assert judged(tenant, plan).stands_as == plan.demand_digest
    register(world, tenant, zone_of("a gate", gated=("chrony",)))
    assert "validated-files" in rules_of(judged(tenant, plan))
    register(world, tenant, zone_of("a rule", level="mandatory"))
    assert (judged(tenant, plan).stands_as, "class-separation" in rules_of(judged(tenant, plan))) == (None, True)
    register(world, tenant, zone_of("a rule with approval", level="approval"))
    asked = judged(tenant, plan)
    assert (asked.stands_as, rules_of(asked)) == (None, ["change-approval", "class-separation"])

    accepted = carried_out(world, tenant)
    assert [one.rule for one in accepted.accepts] == ["class-separation"]
    register(world, tenant, zone_of("another title", level="approval"))
    assert judged(tenant, accepted).stands_as == accepted.demand_digest
