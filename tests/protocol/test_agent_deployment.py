"""AgentDeployment over the provider's protocol: what a preview tells, what is half done, what a delete forgives."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from pulumi.runtime.proto import engine_pb2, provider_pb2, status_pb2

from support.provider_process import ProviderProcess, urn
from support.ssh_hosts import new_key, ssh_hosts
from zonewright.fleet.agents.recipe import desired_of, recipe_of
from zonewright.fleet.fleet_file import read_fleet_file
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.rollout_messages import FleetLockRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.provider.values import from_struct, to_struct

STACK_ID = "operator-0123456789ab"
KIND, SITE = "AgentDeployment", "dc1"


@dataclass
class Fleet:
    """A fleet's file in the provider's folder; its hosts refuse connections until a test gives others."""

    folder: Path
    hosts: dict[str, dict[str, Any]]
    more: dict[str, Any] = field(default_factory=dict)

    def write(self, **more: Any) -> None:
        """Write the file."""
        document = {
            "party": "operator",
            "login": {"user": "operator", "keys": [str(self.folder / "key")]},
            "hosts": self.hosts,
            "agent": {"url": "http://127.0.0.1:1/v1/metrics", "prefix": "/home/operator/agent"},
            **self.more,
            **more,
        }
        (self.folder / "fleet.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")

    def inputs(self, *names: str) -> dict[str, Any]:
        """What a program gives for it."""
        settings = read_fleet_file(self.folder / "fleet.yaml").agent
        assert settings is not None
        desired = desired_of(recipe_of(settings, self.folder))
        return {
            "stackId": STACK_ID,
            "site": SITE,
            "fleet": "fleet.yaml",
            "version": desired.version,
            "artefactDigest": desired.artefact_digest,
            "configurationDigest": desired.configuration_digest,
            "hosts": dict.fromkeys(names or self.hosts, "as declared"),
        }


@pytest.fixture(name="fleet")
def _fleet(tmp_path: Path) -> Iterator[Fleet]:
    public = new_key(tmp_path / "key")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: it refuses
        access = {"address": "127.0.0.1", "port": taken.getsockname()[1], "host_keys": [public]}
        fleet = Fleet(tmp_path, {"core-002": dict(access), "core-001": dict(access)})
        fleet.write()
        yield fleet


def _said(provider: ProviderProcess, severity: "engine_pb2.LogSeverity.ValueType") -> str:
    return "\n".join(one.message for one in provider.engine.logged if one.severity == severity)


def _failed(raised: pytest.ExceptionInfo[grpc.RpcError]) -> provider_pb2.ErrorResourceInitFailed:
    """What the engine reads from the error."""
    metadata: Any = raised.value.trailing_metadata()
    status = status_pb2.Status.FromString(dict(metadata)["grpc-status-details-bin"])
    failed = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(failed)
    return failed


def test_faulty_inputs_are_all_told(provider: ProviderProcess, fleet: Fleet) -> None:
    """What is missing, of the wrong form or not known makes one failure."""
    inputs = fleet.inputs() | {"artefactDigest": "abc", "user": "root"}
    inputs.pop("hosts")
    with pytest.raises(ValueError, match="input 'user' is unknown") as raised:
        provider.check(KIND, SITE, inputs)
    assert "input 'hosts' is missing" in str(raised.value)
    assert "artefactDigest" in str(raised.value)


def test_a_preview_that_can_not_look_says_why_and_goes_on(provider: ProviderProcess, fleet: Fleet) -> None:
    """Refusing hosts are told one by one as a warning; the answer is a preview's, without what is not known yet."""
    id_, outputs = provider.create(KIND, SITE, fleet.inputs(), preview=True)
    assert (id_, outputs) == (f"{STACK_ID}/{SITE}", fleet.inputs())
    assert _said(provider, engine_pb2.INFO) == "hosts: 2 could not be inspected"
    warned = _said(provider, engine_pb2.WARNING)
    assert warned.count("refuses the connection") == 2
    assert warned.startswith("core-001: could not inspect it: ")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [("fleet.yaml", "party: [", "the fleet's file cannot be used"), ("key", "no key", "could not inspect any host")],
)
def test_a_preview_without_a_fleet_says_why_and_goes_on(
    provider: ProviderProcess, fleet: Fleet, name: str, text: str, said: str
) -> None:
    """A fleet's file or a key that cannot be used fails an update, not a preview."""
    inputs = fleet.inputs()
    (fleet.folder / name).write_text(text, encoding="utf-8")
    provider.create(KIND, SITE, inputs, preview=True)
    assert said in _said(provider, engine_pb2.WARNING)
    with pytest.raises(grpc.RpcError):
        provider.create(KIND, SITE, inputs)


def test_an_unknown_host_key_is_told_in_a_preview_and_forgiven_by_no_delete(
    provider: ProviderProcess, fleet: Fleet, tmp_path: Path
) -> None:
    """A real host whose key was never trusted: the preview says so, and a delete fails rather than leave its agent."""
    (tmp_path / "hosts").mkdir()
    with ssh_hosts(tmp_path / "hosts", 1) as (hosts, _key):
        fleet.hosts = {"core-001": {"address": hosts[0].address, "port": hosts[0].port}}
        fleet.write()
        provider.create(KIND, SITE, fleet.inputs(), preview=True)
        assert "zonewright fleet trust" in _said(provider, engine_pb2.WARNING)
        request = provider_pb2.DeleteRequest(
            id=f"{STACK_ID}/{SITE}",
            urn=urn(KIND, SITE),
            properties=to_struct({**fleet.inputs(), "releases": {"core-001": "1.0.0-0123456789ab"}}),
        )
        with pytest.raises(grpc.RpcError, match="core-001: unreachable: "):
            provider.stub.Delete(request)


def test_what_is_half_done_stays_in_the_state(provider: ProviderProcess, fleet: Fleet, ledger_path: Path) -> None:
    """Hosts that could not be reached make an initialisation error, whose inputs show the next difference."""
    with pytest.raises(grpc.RpcError) as raised:
        provider.create(KIND, SITE, fleet.inputs())
    failed = _failed(raised)
    assert failed.id == f"{STACK_ID}/{SITE}"
    assert [reason.split(": ")[:2] for reason in failed.reasons] == [
        ["core-001", "unreachable"],
        ["core-002", "unreachable"],
    ]
    assert not any("127.0.0.1" in reason for reason in failed.reasons)
    inputs = from_struct(failed.inputs)
    assert inputs["hosts"] == {"core-001": "unreachable", "core-002": "unreachable"}
    answer = provider.diff(KIND, SITE, old_inputs=inputs, state=from_struct(failed.properties), new=fleet.inputs())
    assert sorted(answer.detailedDiff) == ['hosts["core-001"]', 'hosts["core-002"]']
    assert not answer.replaces
    with LedgerClient(f"sqlite:///{ledger_path}") as ledger:
        request = FleetLockRequest(fleet="operator", holder="another", who="another", seconds=0)
        assert ledger.call(verbs.LEASE, request).who == ""
    (record,) = (fleet.folder / ".zonewright" / "runs").glob("*/record.json")
    assert from_struct(failed.properties)["run"] == record.parent.name


def test_a_delete_forgives_what_is_gone(provider: ProviderProcess, fleet: Fleet) -> None:
    """Hosts where nothing answers have no agent any more; each is told."""
    request = provider_pb2.DeleteRequest(
        id=f"{STACK_ID}/{SITE}", urn=urn(KIND, SITE), properties=to_struct({**fleet.inputs(), "releases": {}})
    )
    provider.stub.Delete(request)
    assert _said(provider, engine_pb2.WARNING).count("does not answer, so nothing was uninstalled") == 2


def test_how_hosts_are_reached_is_no_difference(provider: ProviderProcess, fleet: Fleet) -> None:
    """Another port, user, key or wave leaves the inputs as they are; another setting of the agent does not."""
    before = fleet.inputs()
    fleet.hosts["core-001"] |= {"port": 22, "user": "root", "address": "core.example"}
    fleet.write(login={"user": "root", "port": 2222, "use_agent": True}, rollout={"parallel": 3})
    assert fleet.inputs() == before
    fleet.write(agent={"url": "http://127.0.0.1:1/v1/metrics", "interval_s": 3, "prefix": "/home/operator/agent"})
    answer = provider.diff(KIND, SITE, old_inputs=before, state=before, new=fleet.inputs())
    assert list(answer.diffs) == ["configurationDigest"]
    assert not answer.replaces


def test_a_file_that_was_changed_meanwhile_is_refused(provider: ProviderProcess, fleet: Fleet) -> None:
    """What the program declared is rolled out, or nothing."""
    inputs = fleet.inputs()
    fleet.write(agent={"url": "http://127.0.0.1:2/v1/metrics"})
    with pytest.raises(grpc.RpcError, match="was changed while this ran, so nothing was changed"):
        provider.create(KIND, SITE, inputs)


def test_frozen_days_refuse_before_any_host(provider: ProviderProcess, fleet: Fleet) -> None:
    """On days of a freeze an update is refused with its reason."""
    fleet.write(
        rollout={
            "freeze": [{"first": "2000-01-01", "last": "2099-12-31", "time_zone": "UTC", "reason": "end of the year"}]
        }
    )
    with pytest.raises(grpc.RpcError, match="end of the year; nothing was changed"):
        provider.create(KIND, SITE, fleet.inputs())


def test_a_second_deployer_is_told_who_is_at_work(provider: ProviderProcess, fleet: Fleet, ledger_path: Path) -> None:
    """The lease of the fleet is the same one that ``zonewright fleet deploy`` takes."""
    with LedgerClient(f"sqlite:///{ledger_path}") as ledger:
        request = FleetLockRequest(fleet="operator", holder="run-1", who="ada@desk", seconds=60)
        assert ledger.call(verbs.LEASE, request).is_mine
    with pytest.raises(grpc.RpcError, match="ada@desk has been changing this fleet"):
        provider.create(KIND, SITE, fleet.inputs())


def test_it_can_not_be_imported(provider: ProviderProcess, fleet: Fleet) -> None:
    """Only a program says which fleet it is."""
    assert fleet.hosts
    assert not provider.read(KIND, SITE, f"{STACK_ID}/{SITE}").HasField("properties")


def test_a_stack_without_agents_loads_no_ssh() -> None:
    """The provider's start is light: SSH, its service and tables are loaded where a stack has agents."""
    command = (
        "import sys, zonewright.provider.server, zonewright.program.deployment; "
        "print([m for m in ('paramiko', 'rich', 'starlette', 'zonewright.fleet.inventory') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
