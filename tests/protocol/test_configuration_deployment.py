"""ConfigurationDeployment over the provider's protocol: what an update tells of hosts that leave."""

from pulumi.runtime.proto import engine_pb2, provider_pb2

from support.provider_process import ProviderProcess, urn
from zonewright.model.canonical import digest_of
from zonewright.provider.values import to_struct

STACK_ID = "operator-0123456789ab"
KIND, SITE = "ConfigurationDeployment", "dc1"


def test_a_host_that_leaves_keeps_its_files_and_is_told(provider: ProviderProcess) -> None:
    """An update without a host of the state warns that its files stay in force; one with all hosts says nothing."""
    digest = digest_of("other files than are deployed")
    inputs = {"stackId": STACK_ID, "site": SITE, "fleet": "fleet.yaml", "zone": "."}
    inputs |= {"filesDigest": digest, "settingsDigest": digest}
    state = {**inputs, "hosts": dict.fromkeys(("core-001", "core-002", "core-003"), "as declared"), "versions": {}}
    for staying in (("core-001", "core-002", "core-003"), ("core-002",)):
        request = provider_pb2.UpdateRequest(
            id=f"{STACK_ID}/{SITE}/configurations",
            urn=urn(KIND, SITE),
            olds=to_struct(state),
            news=to_struct({**inputs, "hosts": dict.fromkeys(staying, "as declared")}),
            preview=True,
        )
        provider.stub.Update(request)
    told = [one.message for one in provider.engine.logged if one.severity == engine_pb2.WARNING]
    assert told == ["the configurations of core-001, core-003 stay in force"]
