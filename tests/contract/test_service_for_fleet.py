"""The file of agents as a roll-out changes it: many hosts at once, each with its own token and key."""

import base64
import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.fleet_world import agents_service
from support.ledger_party import ZONE_FILE
from support.ssh_hosts import new_key
from zonewright.fleet.agents.enrolments import Enrolments
from zonewright.fleet.agents.service import ServiceError
from zonewright.fleet.ssh.public_keys import PublicKey
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.journal_messages import HistoryRequest, JournalEntry
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.canonical import digest_of
from zonewright.server.agents import AgentsFileError, issue_token, issue_tokens, read_agents
from zonewright.server.fleet_routes import ServiceForFleet
from zonewright_agent import health


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
    assert "is not an agent's id" in refused["No Id"]


def key_of(number: int) -> str:
    """A public key, another one for each number."""
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + number.to_bytes(32, "big")
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


@dataclass
class Enrolled:
    """A service whose keys the ledger enrols."""

    folder: Path

    def ledger(self) -> LedgerClient:
        """The ledger."""
        return LedgerClient("sqlite:///ledger.db", root=self.folder)

    @contextlib.contextmanager
    def service(self, party: str = "operator") -> Iterator[ServiceForFleet]:
        """The service as a new run of a party's fleet sees it."""
        enrolments = Enrolments(self.ledger, party=party, who="ada@desk")
        path = self.folder / "agents.yaml"
        with contextlib.closing(ServiceForFleet(path, "http://127.0.0.1:9/v1/metrics", enrolments=enrolments)) as made:
            yield made

    def entries(self) -> list[JournalEntry]:
        """What the journal says of enrolments."""
        with self.ledger() as client:
            entries = client.call(verbs.HISTORY, HistoryRequest()).entries
        return [entry for entry in entries if entry.kind == "fleet-enrolment"]


@pytest.fixture(name="enrolled")
def _enrolled(tmp_path: Path) -> Enrolled:
    with LedgerClient("sqlite:///ledger.db", root=tmp_path, create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
    return Enrolled(tmp_path)


def test_the_journal_has_the_key_of_every_agent(enrolled: Enrolled) -> None:
    """Hosts that come at once are few entries, each key by its fingerprint; it counts until its agent is forgotten."""
    names = {f"host-{number:03}": key_of(number) for number in range(100)}
    with enrolled.service() as service:
        with ThreadPoolExecutor(50) as pool:
            tokens = dict(zip(names, pool.map(lambda name: service.issue(name, names[name]), names), strict=True))
        for name, token in tokens.items():
            assert service.knows(name, token_sha256=digest_of(token)[7:], public_key=names[name])
    entries = enrolled.entries()
    found = {name: key for entry in entries for name, key in entry.payload["agents"].items()}
    assert found == {name: PublicKey.parse(key).fingerprint for name, key in names.items()}
    assert {entry.payload["who"] for entry in entries} == {"ada@desk"}
    assert len(entries) < len(names) / 2
    with enrolled.service() as again:
        token_sha256 = digest_of(tokens["host-007"])[7:]
        assert again.knows("host-007", token_sha256=token_sha256, public_key=key_of(7))
        again.forget("host-007")
        assert not again.knows("host-007", token_sha256=token_sha256, public_key=key_of(7))
    assert enrolled.entries()[-1].payload["agents"] == {"host-007": ""}


def test_the_token_of_anothers_agent_stays_good(enrolled: Enrolled) -> None:
    """Two parties may have a `web-001`: the second gets no token for it, and its own hosts get theirs all the same."""
    with enrolled.service() as service:
        token_sha256 = digest_of(service.issue("web-001", key_of(1)))[7:]
    with enrolled.service("tenant-a") as other:
        with ThreadPoolExecutor(2) as pool:
            asked = {name: pool.submit(other.issue, name, key_of(2)) for name in ("web-001", "web-002")}
        with pytest.raises(ServiceError, match="agent web-001 is another stack's or party's"):
            asked["web-001"].result()
        assert other.knows("web-002", token_sha256=digest_of(asked["web-002"].result())[7:], public_key=key_of(2))
        other.forget("web-001")
    with enrolled.service() as service:
        assert service.knows("web-001", token_sha256=token_sha256, public_key=key_of(1))


def test_a_key_that_was_planted_does_not_count(enrolled: Enrolled) -> None:
    """A key that came into the file of agents by another way is not known, and both fingerprints are told."""
    with enrolled.service() as service:
        token = service.issue("host-001", key_of(1))
        assert service.foreign_key("host-001") == ""
    issue_tokens(enrolled.folder / "agents.yaml", {"host-002": key_of(2)})
    text = (enrolled.folder / "agents.yaml").read_text(encoding="utf-8")
    (enrolled.folder / "agents.yaml").write_text(text.replace(key_of(1), key_of(3)), encoding="utf-8")
    with enrolled.service() as service:
        assert not service.knows("host-001", token_sha256=digest_of(token)[7:], public_key=key_of(3))
        mine, other = (PublicKey.parse(key_of(number)).fingerprint for number in (1, 3))
        told = f"its key {other} is not enrolled: the ledger has {mine}, by ada@desk at "
        assert service.foreign_key("host-001").startswith(told)
        assert service.foreign_key("host-002").endswith("is not enrolled: the ledger has none")
        assert service.foreign_key("host-003") == ""


def test_without_the_ledger_no_key_is_enrolled(enrolled: Enrolled) -> None:
    """When the ledger is gone in mid-run the host's outcome says so, and no service lets its agent report."""
    with enrolled.service() as service:
        (enrolled.folder / "ledger.db").rename(enrolled.folder / "elsewhere.db")
        with pytest.raises(ServiceError, match="the ledger refuses to enrol its key: there is no ledger"):
            service.issue("host-001", key_of(1))
        assert read_agents(enrolled.folder / "agents.yaml") == {}


def test_a_token_digest_that_is_none_is_not_asked_for(service: ServiceForFleet, tmp_path: Path) -> None:
    """A file of agents with a malformed digest makes no host look as if it had its token."""
    (tmp_path / "agents.yaml").write_text(
        "agents:\n  host-001: {node: host-001, token_digest: 'sha256:abc'}\n", encoding="utf-8"
    )
    assert service.token_sha256("host-001") == ""


def test_it_waits_for_another_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over real HTTP: none, the first one as it comes, then the next one, and the known one after a wait in vain."""
    monkeypatch.setattr("zonewright.server.health._LOOK_AGAIN_S", 60.0)
    monkeypatch.setattr("zonewright.server.health.MAX_WAIT_S", 60.0)
    new_key(tmp_path / "key")
    with agents_service(tmp_path) as url, contextlib.closing(ServiceForFleet(tmp_path / "agents.yaml", url)) as service:
        token = service.issue("host-001", (tmp_path / "key.pub").read_text(encoding="ascii").rsplit(" ", 1)[0])
        assert service.token_sha256("host-001") == digest_of(token).removeprefix("sha256:")
        assert service.token_sha256("host-002") == ""
        assert service.last_report(token) is None
        bodies = [signed_report(tmp_path / "key", time_ns) for time_ns in (1, 2)]
        known = None
        for body in bodies:
            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(service.last_report, token, known=known, wait_s=60.0)
                time.sleep(0.2)
                assert not waiting.done()
                health.send(body, url=url, token=token, timeout_s=5)
                assert waiting.result(20) == body
            known = body
        assert service.last_report(token, known=known, wait_s=1.0) == known
        assert service.last_report(token, known=bodies[0], wait_s=60.0) == known


def signed_report(key: Path, time_ns: int) -> bytes:
    """A report of host-001."""
    made = health.document(agent="host-001", version="1.0.0", boot_id="b", faults={})
    return health.sign({**made, "time_ns": str(time_ns)}, key)
