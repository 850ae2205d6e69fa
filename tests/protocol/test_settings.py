"""The provider itself: its settings, its schema, how it is attached to and what it says when it was not set up."""

import json
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import engine_pb2_grpc, plugin_pb2, provider_pb2

from support.ledger_party import Party, node_inputs
from support.provider_process import ADMISSION, EngineThatListens, ProviderProcess, urn
from zonewright import __version__
from zonewright.provider.components import StackComponent
from zonewright.provider.functions import FUNCTIONS
from zonewright.provider.resources import RESOURCES
from zonewright.provider.values import to_struct

DIFF = provider_pb2.DiffResponse


def _settings_diff(provider: ProviderProcess, old: dict[str, str], new: dict[str, str]) -> provider_pb2.DiffResponse:
    request = provider_pb2.DiffRequest(
        urn=urn("x", "ledger"), id="i", old_inputs=to_struct(old), olds=to_struct(old), news=to_struct(new)
    )
    answer: provider_pb2.DiffResponse = provider.stub.DiffConfig(request)
    return answer


def test_a_changed_setting_is_a_difference(unconfigured: ProviderProcess) -> None:
    """Another ledger URL is DIFF_SOME with its name (the SDK's own provider says DIFF_NONE), and never replaces."""
    answer = _settings_diff(unconfigured, {"ledger": "sqlite:///a.db"}, {"ledger": "https://ledger.example"})
    assert answer.changes == DIFF.DIFF_SOME
    assert list(answer.diffs) == ["ledger"]
    assert answer.detailedDiff["ledger"].kind == provider_pb2.PropertyDiff.UPDATE
    assert not answer.replaces


def test_settings_are_taken_as_they_are(unconfigured: ProviderProcess) -> None:
    """CheckConfig gives the settings back unchanged; what else the environment holds does not get into the state."""
    given = to_struct({"ledger": "sqlite:///a.db", "version": "0.1.0"})
    answer = unconfigured.stub.CheckConfig(provider_pb2.CheckRequest(news=given))
    assert answer.inputs == given
    assert not answer.failures


def test_an_equal_setting_is_none(unconfigured: ProviderProcess) -> None:
    """The same settings are DIFF_NONE, whatever version of the package wrote them."""
    answer = _settings_diff(
        unconfigured, {"ledger": "sqlite:///a.db", "version": "0.1.0"}, {"ledger": "sqlite:///a.db"}
    )
    assert answer.changes == DIFF.DIFF_NONE
    assert not answer.diffs


def test_the_handshake_takes_the_engines_address(unconfigured: ProviderProcess) -> None:
    """The answer takes secrets, which a provider of components must, but no references and outputs."""
    answer = unconfigured.stub.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address="127.0.0.1:1"))
    assert answer.accept_secrets
    assert not answer.accept_resources
    assert not answer.accept_outputs


def test_attach_sends_the_log_to_the_new_engine(provider: ProviderProcess, tenant: Party) -> None:
    """A provider that runs under a debugger takes another engine, and logs to that one."""
    second = EngineThatListens()
    server = grpc.server(ThreadPoolExecutor(1))
    engine_pb2_grpc.add_EngineServicer_to_server(second, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    provider.stub.Attach(plugin_pb2.PluginAttach(address=f"127.0.0.1:{port}"))
    provider.stub.Configure(provider_pb2.ConfigureRequest(args=to_struct({"ledger": tenant.client.url})))
    provider.create("Admission", "admission", ADMISSION, preview=True)
    server.stop(None)
    assert [line.message.split(":")[0] for line in second.logged] == ["would be admitted"]
    assert provider.engine.logged == []


def test_the_schema_names_what_the_provider_takes(unconfigured: ProviderProcess) -> None:
    """The schema is JSON of this version, with each resource's inputs, and its required ones."""
    schema = json.loads(unconfigured.stub.GetSchema(provider_pb2.GetSchemaRequest()).schema)
    assert schema["version"] == __version__ == unconfigured.stub.GetPluginInfo(Empty()).version
    component = schema["resources"].pop(StackComponent.token)
    assert component["isComponent"]
    assert component["requiredInputs"] == ["party"]
    assert schema["resources"].keys() == RESOURCES.keys()
    assert schema["functions"].keys() == FUNCTIONS.keys()
    for token, resource in RESOURCES.items():
        described = schema["resources"][token]
        assert described["inputProperties"].keys() == resource.inputs.keys()
        assert set(described["requiredInputs"]) == {name for name, item in resource.inputs.items() if item.required}


def test_without_settings_every_call_is_one_sentence(unconfigured: ProviderProcess, tenant: Party) -> None:
    """A provider that was not configured says what to give it."""
    with pytest.raises(ValueError, match=r"the provider has no ledger; expected a URL"):
        unconfigured.check("Node", "web-001", node_inputs(tenant))


def test_a_ledger_url_is_needed(unconfigured: ProviderProcess, tenant: Party) -> None:
    """A default provider may have none; the first call that needs the ledger says the form of a URL."""
    unconfigured.stub.Configure(provider_pb2.ConfigureRequest(args=to_struct({})))
    with pytest.raises(ValueError, match="expected a URL such as sqlite:///"):
        unconfigured.check("Node", "web-001", node_inputs(tenant))


@pytest.mark.parametrize("method", ["Parameterize", "GetMapping", "GetMappings", "Call"])
def test_what_is_not_offered_is_unimplemented(unconfigured: ProviderProcess, method: str) -> None:
    """Methods that the provider does not have answer as the engine expects of an older plugin."""
    requests = {
        "Parameterize": provider_pb2.ParameterizeRequest(),
        "GetMapping": provider_pb2.GetMappingRequest(),
        "GetMappings": provider_pb2.GetMappingsRequest(),
        "Call": provider_pb2.CallRequest(),
    }
    with pytest.raises(grpc.RpcError) as raised:
        getattr(unconfigured.stub, method)(requests[method])
    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_what_is_unknown_to_functions_and_components_is_a_sentence(unconfigured: ProviderProcess) -> None:
    """A function or component that there is not is told with those that there are."""
    answer = unconfigured.stub.Invoke(provider_pb2.InvokeRequest(tok="zonewright:index:getCloud"))
    assert "no function zonewright:index:getCloud; it has: zonewright:index:getCapacity" in answer.failures[0].reason
    with pytest.raises(grpc.RpcError) as raised:
        unconfigured.stub.Construct(provider_pb2.ConstructRequest(type="zonewright:index:Cloud"))
    assert (
        raised.value.details() == "zonewright has no component zonewright:index:Cloud; it has: zonewright:index:Stack"
    )
