"""The policy pack through the servicer of Pulumi's SDK for policies: what the engine sends, and what it is told."""

import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from google.protobuf import json_format
from pulumi.runtime import proto
from pulumi_policy import EnforcementLevel
from pulumi_policy.policy import _PolicyAnalyzerServicer

from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.policy_resources import registered
from support.zone_project import cluster, facility
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.policy import policies as of_pack
from zonewright.policy.judging import BEYOND
from zonewright.policy.policies import policies
from zonewright.policy.stack_resources import StackResource

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
STACK_ID = "tenant-a-0123456789ab"
TWICE = {f"{number:03}": {"rack": "dc1/a/01/01", "position": 1} for number in (1, 2)}
Told = list[tuple[str, str, str]]
"""Policy, level and message of violations."""


@pytest.fixture(name="pack")
def _pack() -> Any:
    """The pack, as a process of its own has it."""
    of_pack._RUN = of_pack._Run()
    return _PolicyAnalyzerServicer("zonewright", "0.0.1", policies(), EnforcementLevel.ADVISORY)


@pytest.fixture(name="tenant")
def _tenant(tmp_path: Path) -> Iterator[Party]:
    """A tenant of a ledger with racks."""
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client)
        yield Party(client, STACK_ID, "tenant-a")


def resources(tenant: Party, **clusters: Any) -> list[StackResource]:
    """What the program of a tenant registers in a preview."""
    demand = tenant.demand(clusters=clusters)
    proposal = tenant.propose(demand, reserve=False)
    return registered(demand, proposal, stack_id=STACK_ID, ledger=tenant.client.url)


def told(pack: Any, given: Iterable[StackResource], **outputs: dict[str, Any]) -> Told:
    """What the pack tells of resources: of each by its inputs, then of the stack by their outputs, as the engine asks.

    Args:
        pack: the pack.
        given: the resources with their inputs.
        outputs: outputs by name of the resource; without them, its inputs.
    """
    found: Told = []
    whole = proto.AnalyzeStackRequest()
    for one in given:
        request = proto.AnalyzeRequest(type=one.type, name=one.name, urn=one.urn)
        json_format.ParseDict(dict(one.properties), request.properties)
        if one.ledger:
            request.provider.type = "pulumi:providers:zonewright"
            json_format.ParseDict({"ledger": one.ledger}, request.provider.properties)
        found += _violations(pack.Analyze(request, None))
        inside = whole.resources.add(type=one.type, name=one.name, urn=one.urn, provider=request.provider)
        json_format.ParseDict(outputs.get(one.name, dict(one.properties)), inside.properties)
    return found + _violations(pack.AnalyzeStack(whole, None))


def _violations(response: Any) -> Told:
    names = {proto.MANDATORY: "mandatory", proto.ADVISORY: "advisory"}
    return [(one.policyName, names[one.enforcementLevel], one.message) for one in response.diagnostics]


def test_a_good_stack_has_no_violation(pack: Any, tenant: Party) -> None:
    """Where the ledger finds nothing, nothing is told; the engine shows the stack policies outputs, without places."""
    good = resources(tenant, web=cluster(2))
    assert told(pack, good, admission={"summary": "2 U"}, web={}) == []


def test_what_the_ledger_refuses_is_mandatory(pack: Any, tenant: Party) -> None:
    """A finding that refuses comes from the policy on the Admission, with its fix; nothing else is told beside it."""
    ((policy, level, message),) = told(pack, resources(tenant, web=cluster(2, places=TWICE)))
    assert (policy, level) == ("zone-rules", "mandatory")
    assert (
        "[unit-overlap] web-002 would take U1 of rack dc1/a/01/01, but web-001 is there: 1 U overlap\nfix: " in message
    )


def test_without_a_ledger_the_stack_is_judged_alone(pack: Any, tenant: Party) -> None:
    """Where the ledger cannot be asked, rules that need only the stack refuse; the others are named as not checked."""
    given = resources(tenant, web=cluster(2, places=TWICE))
    nowhere = [replace(one, ledger="sqlite:///none.db") for one in given]
    (refused, skipped) = told(pack, nowhere)
    assert refused[:2] == ("zone-resources", "mandatory")
    assert "[unit-overlap]" in refused[2]
    assert skipped[:2] == ("zone-not-checked", "advisory")
    assert all(rule in skipped[2] for rule in BEYOND)
    assert "none.db" in skipped[2]


def test_an_operator_is_judged_by_what_rows_show(pack: Any, tenant: Party) -> None:
    """Without a ledger, a row whose own equipment overloads its feeds is refused, at the row."""
    operator = Party(tenant.client, "operator-0123456789ab", "operator")
    sites = facility(2, rated_w=100)["sites"]
    heavy = {"racks": "01", "position": 1, "u_height": 2, "allocated_draw": 5_000, "weight_kg": 20}
    sites["dc1"]["rooms"]["a"]["rows"]["01"]["baseline"] = {"old": heavy}
    demand = operator.demand(sites=sites)
    proposal = operator.propose(demand, reserve=False)
    found = told(pack, registered(demand, proposal, stack_id=operator.stack_id, ledger=""))
    assert ("zone-resources", "mandatory") in {one[:2] for one in found}
    assert any("[feed-capacity]" in message or "[feed-failover]" in message for _, _, message in found)


def test_what_no_admission_has_is_refused(pack: Any, tenant: Party) -> None:
    """A node beside the Admission's, or at another place than admitted, or not known yet, is refused by name."""
    good = resources(tenant, web=cluster(2))
    admission = next(one for one in good if one.kind == "Admission")
    node = next(one for one in good if one.kind == "Node")

    def beside(**changed: Any) -> list[StackResource]:
        return [*good, replace(node, name="x", urn="urn:x", properties={**node.properties, **changed})]

    def said(given: list[StackResource]) -> str:
        return " ".join(message for policy, level, message in told(pack, given) if level == "mandatory")

    assert "node web-009 would stand at" in said(beside(claim="web-009"))
    assert "but the Admission of this stack has it at" in said(beside(position=40))
    assert "Node x cannot be judged: rack: not known before the update" in said(beside(rack=UNKNOWN))
    assert "has no Admission in this stack" in said([one for one in good if one is not admission])
    assert "Node x cannot be judged: property" in said(beside(face="top"))


def test_the_pack_starts_with_the_policies() -> None:
    """The folder that `zonewright policy` names starts a pack with all policies, each with a name of its own."""
    folder = Path(of_pack.__file__).parent / "pack"
    with mock.patch("pulumi_policy.PolicyPack") as made:
        spec = importlib.util.spec_from_file_location("pack", folder / "__main__.py")
        assert spec is not None
        assert spec.loader is not None
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    given = made.call_args.kwargs["policies"]
    assert [one.name for one in given] == ["zone-rules", "zone-advice", "zone-resources", "zone-not-checked"]
    assert "runtime: python" in (folder / "PulumiPolicy.yaml").read_text(encoding="utf-8")
