"""The calls of a resource's life: what the engine sends, and what it must get back."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import engine_pb2, provider_pb2

from support.ledger_party import Party, node_inputs
from support.ledger_proxy import ledger_service
from support.provider_process import ADMISSION, ProviderProcess, provider_process, urn
from support.zone_project import LIMIT_S
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import RecoverRequest, ReportRequest
from zonewright.model.canonical import digest_of
from zonewright.provider.values import from_struct, to_struct

KINDS = provider_pb2.PropertyDiff
HELD = {"generation": 1}


def test_the_inputs_of_the_last_change_are_what_diff_compares(provider: ProviderProcess, tenant: Party) -> None:
    """Old inputs, not old outputs, are compared, also where an output has the name of an input."""
    inputs = node_inputs(tenant)
    _, made = provider.create("Node", "web-001", inputs)
    state = {**made, "rack": "elsewhere/a/01/01"}
    answer = provider.diff("Node", "web-001", old_inputs=inputs, state=state, new=inputs)
    assert answer.changes == provider_pb2.DiffResponse.DIFF_NONE
    assert answer.hasDetailedDiff


def test_a_difference_is_shown_by_property(provider: ProviderProcess, tenant: Party) -> None:
    """What changed is named one level deep, with its kind; a node's move is no replacement."""
    old = node_inputs(tenant, addresses={"v4": "10.80.0.3/20", "v6": "fd00::3/64"})
    new = {**old, "position": old["position"] + 1, "addresses": {"v4": "10.80.0.9/20", "lab": "10.1.0.1/24"}}
    answer = provider.diff("Node", "web-001", old_inputs=old, state={**old, **HELD}, new=new)
    assert {path: item.kind for path, item in answer.detailedDiff.items()} == {
        "position": KINDS.UPDATE,
        'addresses["v4"]': KINDS.UPDATE,
        'addresses["v6"]': KINDS.DELETE,
        'addresses["lab"]': KINDS.ADD,
    }
    assert all(item.inputDiff for item in answer.detailedDiff.values())
    assert sorted(answer.diffs) == ["addresses", "position"]
    assert not answer.replaces


def test_another_node_type_replaces(provider: ProviderProcess, tenant: Party) -> None:
    """A replacement is told twice, as the engine wants it: in `replaces` and by its kind."""
    old = node_inputs(tenant)
    answer = provider.diff("Node", "web-001", old_inputs=old, state={**old, **HELD}, new={**old, "nodeType": "two-u"})
    assert list(answer.replaces) == ["nodeType"]
    assert answer.detailedDiff["nodeType"].kind == KINDS.UPDATE_REPLACE
    assert not answer.deleteBeforeReplace  # the claim lets both stand; the old one's delete frees its place


def test_create_answers_with_id_and_generation(provider: ProviderProcess, tenant: Party) -> None:
    """A create confirms the claim; doing it again, as after a lost answer, adopts what is there."""
    inputs = node_inputs(tenant)
    id_, first = provider.create("Node", "web-001", inputs)
    again, second = provider.create("Node", "web-001", inputs)
    assert id_ == again == f"{tenant.stack_id}/web-001"
    assert first == {**inputs, "generation": 1, "holder": first["holder"]}
    assert second["generation"] == 2
    assert first["holder"] != second["holder"]
    assert ("web-001", "active") in tenant.states()


def test_an_import_gets_inputs_and_properties(provider: ProviderProcess, tenant: Party) -> None:
    """Read with an id alone gives all inputs, so that the next difference is empty."""
    inputs = node_inputs(tenant)
    id_, outputs = provider.create("Node", "web-001", inputs)
    answer = provider.read("Node", "web-001", id_)
    assert answer.id == id_
    assert from_struct(answer.inputs) == inputs
    read = from_struct(answer.properties)
    assert {**read, "holder": outputs["holder"]} == outputs
    assert read["holder"] != outputs["holder"], "an import holds nothing yet"


@pytest.mark.parametrize("id_", ["tenant-a-0123456789ab/web-009", "tenant-a-0123456789ab/web-002"])
def test_what_is_not_there_has_no_properties_at_all(provider: ProviderProcess, tenant: Party, id_: str) -> None:
    """Read of a thing that is gone, not made yet or never was answers without structs: an import then fails."""
    assert tenant.states()
    answer = provider.read("Node", "web-009", id_)
    assert answer.id == ""
    assert not answer.HasField("inputs")
    assert not answer.HasField("properties")


@pytest.mark.parametrize("id_", ["nonsense", "a/b"])
def test_an_id_that_is_none_is_told_as_one(provider: ProviderProcess, id_: str) -> None:
    """An import by an id of another form ends with a sentence that says which form is expected."""
    with pytest.raises(grpc.RpcError) as told:
        provider.read("Node", "web-009", id_)
    assert id_ in str(told.value.details())


def test_delete_gets_what_only_the_inputs_hold(provider: ProviderProcess, tenant: Party) -> None:
    """A late delete of a replaced resource frees nothing; that of the present one does."""
    inputs = node_inputs(tenant)
    id_, replaced = provider.create("Node", "web-001", inputs)
    _, present = provider.create("Node", "web-001", inputs)

    def delete(outputs: dict[str, Any]) -> None:
        held = {name: outputs[name] for name in ("generation", "holder")}
        provider.delete("Node", "web-001", id_, inputs=inputs, outputs=held)

    delete(replaced)
    assert ("web-001", "active") in tenant.states()
    delete(present)
    assert "web-001" not in dict(tenant.states())


def test_only_the_holder_frees(provider: ProviderProcess, tenant: Party) -> None:
    """The delete of a second import frees nothing and says so, until an update made that one the holder."""
    inputs = node_inputs(tenant)
    id_, first = provider.create("Node", "web-001", inputs)
    second = from_struct(provider.read("Node", "second", id_).properties)
    provider.configure(tenant.client.url)
    provider.delete("Node", "second", id_, inputs=inputs, outputs=second)
    assert ("web-001", "active") in tenant.states()
    (line,) = provider.engine.logged
    assert line.urn == urn("Node", "second")
    assert "another resource holds it" in line.message
    adopted = provider.update("Node", "second", id_, state=second, new=inputs)
    provider.delete("Node", "web-001", id_, inputs=inputs, outputs=first)
    assert ("web-001", "active") in tenant.states(), "the former holder frees nothing"
    provider.delete("Node", "second", id_, inputs=inputs, outputs=adopted)
    assert "web-001" not in dict(tenant.states())


def test_an_import_is_adopted_by_the_next_run(provider: ProviderProcess, tenant: Party) -> None:
    """The run that imports finds no difference; the next one updates, for the ledger knows another holder."""
    inputs = node_inputs(tenant)
    id_, _ = provider.create("Node", "web-001", inputs)
    imported = from_struct(provider.read("Node", "web-001", id_).properties)

    def differences() -> list[str]:
        return list(provider.diff("Node", "web-001", old_inputs=inputs, state=imported, new=inputs).diffs)

    assert differences() == []
    provider.configure(tenant.client.url)
    assert differences() == ["rack"]
    imported = provider.update("Node", "web-001", id_, state=imported, new=inputs)
    provider.configure(tenant.client.url)
    assert differences() == []


@pytest.mark.parametrize(
    ("kind", "id_"),
    [
        ("Enrolment", "enrolment/tenant-a-0123456789ab"),
        ("Completion", "completion/tenant-a-0123456789ab"),
        ("Admission", "adm-0000000000000000"),
        ("SiteConfig", "tenant-a-0123456789ab/dc1"),
    ],
)
def test_what_has_no_holder_is_not_imported(provider: ProviderProcess, tenant: Party, kind: str, id_: str) -> None:
    """A second one of these would undo by its delete what the first one stands for, so an import finds nothing."""
    provider.create(
        "SiteConfig", "dc1", {"stackId": tenant.stack_id, "site": "dc1", "filesDigest": digest_of("{}"), "formats": {}}
    )
    for name, _ in tenant.states():
        tenant.confirm(name)
    digest = tenant.client.call(verbs.REPORT, ReportRequest(stack_id=tenant.stack_id)).change_digest
    provider.create("Completion", "completion", {"stackId": tenant.stack_id, "changeDigest": digest})
    assert not provider.read(kind, "second", id_).HasField("properties")


def test_all_faults_of_the_inputs_are_one_failure(provider: ProviderProcess, tenant: Party) -> None:
    """The engine prints one failure once; so every fault stands in it, each with what was expected and got."""
    inputs = node_inputs(tenant, face="top", position="3", colour="red")
    del inputs["rack"]
    with pytest.raises(ValueError, match="input 'colour' is unknown") as raised:
        provider.check("Node", "web-001", inputs)
    assert str(raised.value).splitlines()[1:] == [
        "input 'rack' is missing: expected rack as site/room/row/rack",
        "input 'position': expected integer, lowest rack unit, counted from 1 at the bottom; got '3'",
        "input 'face': expected string, front or rear; got 'top'",
    ]


def test_a_refused_create_is_a_sentence(provider: ProviderProcess, tenant: Party) -> None:
    """A node without an admitted claim is not created, and the error says what to run."""
    with pytest.raises(grpc.RpcError) as raised:
        provider.create("Node", "web-001", node_inputs(tenant, position=40))
    assert raised.value.code() == grpc.StatusCode.UNKNOWN
    sentence = str(raised.value.details())
    assert "no admitted claim for node web-001 at dc1/a/01/01 U40" in sentence
    assert "run pulumi up without --target" in sentence
    assert "Traceback" not in sentence


def test_an_unknown_type_is_told_with_those_there_are(provider: ProviderProcess) -> None:
    """A misspelt type is one sentence with the list."""
    with pytest.raises(ValueError, match=r"no resource type zonewright:index:Rack; it has: .*zonewright:index:Node"):
        provider.check("Rack", "r", {})


def test_the_type_is_the_last_of_a_childs_types(provider: ProviderProcess, tenant: Party) -> None:
    """A resource below a component has both types in its URN, and is found by its own."""
    nested = urn("TenantCluster$zonewright:index:Node", "web-001")
    answer = provider.stub.Check(provider_pb2.CheckRequest(urn=nested, news=to_struct(node_inputs(tenant))))
    assert not answer.failures


def test_a_lineage_is_minted_from_the_seed_and_kept(provider: ProviderProcess) -> None:
    """The seed of the engine makes the lineage, so a plan is repeatable; the old inputs' one is carried over."""
    new = {"stackId": "tenant-b-0123456789ab", "party": "tenant-b"}
    minted = provider.check("Enrolment", "enrolment", new)
    assert minted == provider.check("Enrolment", "enrolment", new)
    kept = provider.check("Enrolment", "enrolment", {**new, "lineage": "forged"}, old={**new, "lineage": "kept"})
    assert kept["lineage"] == "kept"


def test_a_line_of_the_log_hangs_on_its_resource(provider: ProviderProcess) -> None:
    """Information arrives at the engine with the resource's URN and its severity."""
    provider.create("Admission", "admission", ADMISSION, preview=True)
    (line,) = provider.engine.logged
    assert line.urn == urn("Admission", "admission")
    assert line.severity == engine_pb2.INFO
    assert line.message.startswith("would be admitted")


def test_calls_do_not_wait_for_each_other(tmp_path: Path, ledger_path: Path, tenant: Party) -> None:
    """While one create waits for the ledger, another is answered: no call holds the event loop."""
    with ledger_service(ledger_path) as service, provider_process(tmp_path) as provider:
        provider.configure(service.url)
        first, second = (node_inputs(tenant, name) for name in ("web-001", "web-002"))
        service.door.hold(verbs.CONFIRM.name, call=1)
        with ThreadPoolExecutor(1) as pool:
            held = pool.submit(provider.create, "Node", "web-001", first)
            assert service.door.holding.wait(30)
            assert provider.check("Node", "web-002", second) == second
            assert provider.create("Node", "web-002", second, preview=True)[1] == second
            assert not held.done()
            service.door.clear()
            assert held.result(30)[1]["generation"] == 1


def test_a_run_that_was_taken_over_makes_nothing_more(tmp_path: Path, ledger_path: Path, tenant: Party) -> None:
    """Confirms that wait, and later ones, are refused once another state took the stack over; a new run goes on."""
    with ledger_service(ledger_path) as service, provider_process(tmp_path) as provider, ThreadPoolExecutor(1) as pool:
        provider.configure(service.url)
        standing = {"stackId": tenant.stack_id, "party": tenant.party, "lineage": tenant.lineage}
        provider.check("Enrolment", "enrolment", standing, old=standing)
        service.door.hold(verbs.CONFIRM.name, call=1)
        waits = pool.submit(provider.create, "Node", "web-001", node_inputs(tenant))
        assert service.door.holding.wait(30)
        recover = RecoverRequest(stack_id=tenant.stack_id, party=tenant.party, state_is_empty=True)
        tenant.client.call(verbs.RECOVER, recover)
        tenant.enrol()
        service.door.clear()
        confirms: list[Callable[[], object]] = [
            waits.result,
            partial(provider.create, "Node", "web-002", node_inputs(tenant, "web-002")),
        ]
        for confirm in confirms:
            with pytest.raises(grpc.RpcError) as told:
                confirm()
            assert "this run is not the stack's present one any more" in str(told.value.details())
        assert set(dict(tenant.states()).values()) == {"admitted"}
        provider.configure(service.url)
        provider.check("Enrolment", "enrolment", standing, old=standing)
        assert provider.create("Node", "web-001", node_inputs(tenant))[1]["generation"] == 1


def test_cancel_ends_what_waits_within_two_seconds(tmp_path: Path, ledger_path: Path, tenant: Party) -> None:
    """What waits for a ledger, or for its group, ends on Cancel; what the ledger then still does is adopted later."""
    with ledger_service(ledger_path) as service, provider_process(tmp_path) as provider:
        provider.configure(service.url)
        inputs = {name: node_inputs(tenant, name) for name in ("web-001", "web-002")}
        service.door.hold(verbs.CONFIRM.name, call=1)
        creates = [
            provider.stub.Create.future(
                provider_pb2.CreateRequest(urn=urn("Node", name), properties=to_struct(given)), timeout=LIMIT_S
            )
            for name, given in inputs.items()
        ]
        assert service.door.holding.wait(30)
        provider.check("Node", "web-001", inputs["web-001"])  # what was sent before it has arrived
        begun = time.monotonic()
        provider.stub.Cancel(Empty())
        assert all(isinstance(create.exception(), grpc.RpcError) for create in creates)  # waits for its end
        assert [create.code() for create in creates] == [grpc.StatusCode.CANCELLED] * 2
        assert time.monotonic() - begun < 2
        service.door.clear()
        for name, given in inputs.items():
            assert provider.create("Node", name, given)[0].endswith(name)
        assert dict(tenant.states()) == dict.fromkeys(inputs, "active")


def test_a_provider_with_a_waiting_call_still_ends(tmp_path: Path, ledger_path: Path, tenant: Party) -> None:
    """SIGTERM ends the process although a thread of it waits for a ledger that does not answer."""
    with ledger_service(ledger_path) as service, ThreadPoolExecutor(1) as pool:
        with provider_process(tmp_path) as provider:
            provider.configure(service.url)
            inputs = node_inputs(tenant)
            service.door.hold(verbs.CONFIRM.name, call=1)
            held = pool.submit(provider.create, "Node", "web-001", inputs)
            assert service.door.holding.wait(30)
            begun = time.monotonic()
            assert provider.process is not None
            provider.process.terminate()
            provider.process.wait(30)
            assert time.monotonic() - begun < 5
        assert isinstance(held.exception(30), grpc.RpcError)
