"""The file of agents as a roll-out changes it: many hosts at once, each with its own token and key."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zonewright.model.canonical import digest_of
from zonewright.server.agents import AgentsFileError, issue_token, read_agents
from zonewright.server.for_fleet import ServiceForFleet


@pytest.fixture(name="service")
def _service(tmp_path: Path) -> Iterator[ServiceForFleet]:
    with contextlib.closing(ServiceForFleet(tmp_path / "agents.yaml", "http://127.0.0.1:9/v1/metrics")) as service:
        yield service


def test_hosts_that_come_at_once_get_a_token_each(service: ServiceForFleet, tmp_path: Path) -> None:
    """Each of many hosts gets its own token, which the file has by digest with its own key; older agents stay."""
    issue_token(tmp_path / "agents.yaml", "older", "older")
    names = [f"host-{number:03}" for number in range(200)]
    with ThreadPoolExecutor(50) as pool:
        tokens = dict(zip(names, pool.map(lambda name: service.issue(name, f"ssh-ed25519 {name}"), names), strict=True))
    entries = read_agents(tmp_path / "agents.yaml")
    assert set(entries) == {"older", *names}
    assert len(set(tokens.values())) == len(names)
    for name in names:
        assert entries[name].token_digest == digest_of(tokens[name])
        assert entries[name].public_key == f"ssh-ed25519 {name}"


def test_a_host_with_a_fault_keeps_no_other_from_its_token(service: ServiceForFleet) -> None:
    """Of many that come at once only the one whose name is no id is refused."""
    names = [f"host-{number:03}" for number in range(40)]
    names[20] = "No Id"

    def issued(name: str) -> str:
        try:
            return service.issue(name, "key")
        except AgentsFileError as error:
            return f"refused: {error}"

    with ThreadPoolExecutor(40) as pool:
        found = dict(zip(names, pool.map(issued, names), strict=True))
    refused = {name: said for name, said in found.items() if said.startswith("refused")}
    assert list(refused) == ["No Id"]
    assert "is no id of an agent" in refused["No Id"]
