"""What a host signed, from its agent to an auditor without a server: the whole way, and whatever is changed on it."""

import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from support.asgi import call
from support.ledger_party import ZONE_FILE
from support.parts import keygen
from support.signed_host import Key, SignedHost, received
from support.ssh_hosts import new_key
from support.zone_project import REPOSITORY
from zonewright.audit.evidence.checks import Check
from zonewright.audit.evidence.signed_file import SignedBatch, SignedFile, read_signed, write_signed
from zonewright.audit.verify.telemetry import signed_checks
from zonewright.cli import main
from zonewright.ledger.protocol import rollout_messages, verbs
from zonewright.ledger.protocol.journal_messages import CheckpointRequest, HistoryRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.store.journal import entry_hash
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.canonical import canonical_json
from zonewright.model.merkle import leaf_of
from zonewright.seal.keys import key_id
from zonewright.server.agents import issue_tokens, load_agents
from zonewright.server.application import service
from zonewright.server.health import HealthReports
from zonewright.telemetry.samples import Samples, samples_path
from zonewright_agent.agent import Agent
from zonewright_agent.configuration import Configuration
from zonewright_agent.health import document, sign
from zonewright_agent.points import Moment, Point

URL, AGENT, NOW_NS = "sqlite:///ledger.db", "gw-1", 1_900_000_000 * 10**9


class World:
    """A ledger in the working directory, with the samples beside it and one agent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with self.ledger(create=True) as client:
            client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
            self.id = client.call(verbs.CHECKPOINT, CheckpointRequest()).ledger
        self.samples = Samples(samples_path(folder / "ledger.db"))
        self.host = SignedHost(AGENT, ledger=self.id)

    def ledger(self, *, create: bool = False) -> LedgerClient:
        """The ledger."""
        return LedgerClient(URL, root=self.folder, create=create)

    def enrol(self, key: str) -> None:
        """A roll-out enrols a key, or takes the agent's away."""
        entry = rollout_messages.EnrolledKeys(who="ada@desk", agents={AGENT: key and key_id(key)})
        request = rollout_messages.RecordRequest(kind="fleet-enrolment", party="operator", entry=entry.model_dump())
        with self.ledger() as client:
            client.call(verbs.RECORD, request)

    def take(self, count: int, host: SignedHost | None = None, now_ns: int = NOW_NS) -> None:
        """So many batches come in."""
        host = host or self.host
        for _ in range(count):
            points = [Point("hw.power", "W", "gauge", 1.0, NOW_NS + host.sequence, attributes={"hw.id": "m"})]
            batch = received(host.next(points), key=host.key.public, ledger=self.id)
            self.samples.append(batch, now_ns)

    def checks(self) -> dict[str, Check]:
        """What an auditor says of the file that is exported now."""
        held, each = read_signed(self.export())
        return {one.name: one for one in signed_checks(held, each, known=None, ledger_key=None)}

    def export(self, name: str = "gw.xz", *options: str) -> Path:
        """What the agent signed, in a file."""
        main(["pue", "signed", "--agent", AGENT, "--out", name, "--ledger", URL, *options])
        return self.folder / name


@pytest.fixture(name="world")
def _world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.chdir(tmp_path)
    found = World(tmp_path)
    with closing(found.samples):
        yield found


def test_an_auditor_verifies_it_years_later(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The file alone proves whose batches they are; a kept checkpoint rules out that all was written anew."""
    world.enrol(world.host.key.public)
    world.take(8)
    path = world.export()
    with world.ledger() as client:
        kept = client.call(verbs.CHECKPOINT, CheckpointRequest())
        (sealed,) = [one for one in client.call(verbs.HISTORY, HistoryRequest()).entries if one.kind == "sealed"]
    assert (sealed.payload["agents"], sealed.payload["heads"], sealed.payload["events"]) == (1, 2, {"begun": 1})
    (world.folder / "kept.json").write_text(kept.model_dump_json(), encoding="utf-8")
    capsys.readouterr()
    assert main(["audit", "telemetry", str(path), "--checkpoint", "kept.json"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "6 of 8 batches are the host's own" in out
    assert "the last 2, since batch 7, are authenticated only" in out
    assert "nothing is wrong" in out
    assert main(["pue", "signed", "--ledger", URL]) == 0
    assert "authenticated since 2030-03-17T17:46:40Z (2 batches)" in capsys.readouterr().out


def test_a_file_does_not_tell_what_is_about_others(world: World) -> None:
    """Entries about other things are hashes that lead to the signed head; the whole journal shows what they are."""
    world.enrol(world.host.key.public)
    with world.ledger() as client:
        entry = {"host": "gw-1", "who": "ada@desk"}
        client.call(verbs.RECORD, rollout_messages.RecordRequest(kind="fleet-trust", party="operator", entry=entry))
    world.take(8)
    found = {}
    for options in ((), ("--whole-journal",)):
        held, each = read_signed(world.export("gw.xz", *options))
        checks = {one.name: one.verdict for one in signed_checks(held, each, known=None, ledger_key=None)}
        found[options] = (
            [one.kind for one in held.journal],
            checks.get("revocations"),
            checks["journal"],
            checks["signed"],
        )
    kinds = ["fleet-enrolment", "fleet-trust", "sealed"]
    assert found[()] == ([kinds[0], "withheld", kinds[2]], "not-checked", "good", "good")
    assert found["--whole-journal",] == (kinds, None, "good", "good")
    held, each = read_signed(world.export())
    held.journal[1] = held.journal[1].model_copy(update={"hash": f"sha256:{'0' * 64}"})
    wrong = [one.name for one in signed_checks(held, each, known=None, ledger_key=None) if one.verdict == "wrong"]
    assert wrong == ["journal"]


def test_an_entry_that_is_a_hash_alone_proves_nothing_before_it(world: World) -> None:
    """Who writes entries of his own and lets a hash follow them, up to the signed head, is found; so is a kept head."""
    world.enrol(world.host.key.public)
    with world.ledger() as client:
        entry = {"host": "gw-1", "who": "ada@desk"}
        client.call(verbs.RECORD, rollout_messages.RecordRequest(kind="fleet-trust", party="operator", entry=entry))
        world.take(8)
        client.call(verbs.RECORD, rollout_messages.RecordRequest(kind="fleet-trust", party="operator", entry=entry))
        world.export()
        kept = client.call(verbs.CHECKPOINT, CheckpointRequest())
    held, each = read_signed(world.export())
    batches = list(each)
    honest = {one.name: one.verdict for one in signed_checks(held, batches, known=kept, ledger_key=kept.public_key)}
    assert set(honest.values()) == {"good", "not-checked"}
    assert honest["kept checkpoint"] == "not-checked"
    forger = SignedHost(AGENT, Key(5), ledger=held.ledger)
    forged = [SignedBatch(sequence=n, received_ns=1, body=forger.next()) for n in range(1, 9)]
    first, last = held.journal[0], held.journal[-1]
    enrolled = first.model_copy(update={"payload": {"who": "eve", "agents": {AGENT: key_id(forger.key.public)}}})
    enrolled = enrolled.model_copy(update={"hash": entry_hash(enrolled.model_dump())})
    alone = held.journal[1].model_copy(update={"previous": enrolled.hash})
    held.journal[:2] = [enrolled, alone]
    assert (last.sequence, last.hash) == (kept.sequence, kept.hash)
    for vouched in (held.vouched, None, held.vouched and held.vouched.model_copy(update={"entries": [
        (one.sequence, one.hash) for one in held.journal
    ]})):  # fmt: skip
        held.vouched = vouched
        checks = {one.name: one for one in signed_checks(held, forged, known=kept, ledger_key=kept.public_key)}
        assert checks["journal"].verdict == "wrong"
        assert f"nothing shows that entry {first.sequence} is the ledger's" in checks["journal"].detail


def test_a_bundle_beside_it_is_verified_too(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Evidence that was written anew proves nothing: one byte of the bundle is wrong, whatever its readings say."""
    world.enrol(world.host.key.public)
    world.take(8)
    path, kept = world.export(), REPOSITORY / "tests" / "fixtures" / "version-1"
    options = ["--keys", str(kept / "keys"), "--format", "json"]
    for is_whole in (True, False):
        bundle = world.folder / f"bundle-{is_whole}"
        with tarfile.open(kept / "change.tar") as tar:
            for member in tar:
                content = tar.extractfile(member)
                if content is not None:
                    (bundle / member.name).parent.mkdir(parents=True, exist_ok=True)
                    (bundle / member.name).write_bytes(content.read())
        if not is_whole:
            (bundle / "before.json").write_bytes((bundle / "before.json").read_bytes() + b" ")
        capsys.readouterr()
        assert main(["audit", "telemetry", str(path), "--bundle", str(bundle), *options]) == (0 if is_whole else 1)
        found = {one["name"]: one["verdict"] for one in json.loads(capsys.readouterr().out)["checks"]}
        assert found["chain"] == "good"
        assert ("wrong" in found.values()) is not is_whole


Change = Callable[[SignedFile, list[SignedBatch], World], None]


def left_out(_held: SignedFile, batches: list[SignedBatch], _world: World) -> None:
    """A batch is missing."""
    del batches[2]


def flipped(_held: SignedFile, batches: list[SignedBatch], _world: World) -> None:
    """A value is another one."""
    batches[2] = replace(batches[2], body=batches[2].body.replace(b'"asDouble":1.0', b'"asDouble":2.0'))


def reordered(_held: SignedFile, batches: list[SignedBatch], _world: World) -> None:
    """Two batches are exchanged."""
    batches[2], batches[3] = batches[3], batches[2]


def numbered_anew(_held: SignedFile, batches: list[SignedBatch], _world: World) -> None:
    """A batch has another number than it says itself."""
    batches[-1] = replace(batches[-1], sequence=batches[-1].sequence + 1)


def there_twice(_held: SignedFile, batches: list[SignedBatch], _world: World) -> None:
    """A batch comes twice."""
    batches.insert(3, batches[2])


def of_another_host(held: SignedFile, _batches: list[SignedBatch], _world: World) -> None:
    """A head is that of another host."""
    other = SignedHost("gw-2", held_key := Key(1), ledger=held.ledger)
    other.next()
    head = other.head()
    held.heads[0] = replace(held.heads[0], text=head["zonewright.head"], signature=head["zonewright.signature"])
    assert held_key.public == held.heads[0].key


def in_another_ledger(held: SignedFile, _batches: list[SignedBatch], _world: World) -> None:
    """The file says that it is of another ledger."""
    held.ledger = "b" * 32


def signed_anew(held: SignedFile, batches: list[SignedBatch], _world: World) -> None:
    """Somebody else makes a chain of other values, and signs it with a key of his own."""
    forger = SignedHost(AGENT, Key(5), ledger=held.ledger)
    batches[:] = [SignedBatch(sequence=n, received_ns=1, body=forger.next()) for n in range(1, 9)]
    forger.sequence, head = 8, forger.head()
    text, signature = head["zonewright.head"], head["zonewright.signature"]
    held.heads = [replace(held.heads[0], text=text, signature=signature, key=forger.key.public)]


def without_its_record(held: SignedFile, _batches: list[SignedBatch], _world: World) -> None:
    """The journal's entry on the heads was changed."""
    entry = next(one for one in held.journal if one.kind == "sealed")
    entry.payload["root"] = f"sha256:{'0' * 64}"


def of_another_shape(held: SignedFile, _batches: list[SignedBatch], _world: World) -> None:
    """Who writes a journal of his own has it name what is none."""
    text = canonical_json({"agent": AGENT, "events": [1], "heads": [[1]], "seal": held.seals[0].number})
    held.seals[0] = replace(held.seals[0], text=text, index=0, count=1, path=())
    entry = next(one for one in held.journal if one.kind == "sealed")
    entry.payload.update(root=f"sha256:{leaf_of(text.encode()).hex()}", agents=1)


def enrolled_otherwise(held: SignedFile, _batches: list[SignedBatch], _world: World) -> None:
    """An enrolment has no keys."""
    held.journal[0].payload["agents"] = [AGENT]


def beyond_all_numbers(held: SignedFile, _batches: list[SignedBatch], _world: World) -> None:
    """A head names a batch of no number."""
    text = held.heads[0].text.replace('"sequence":"3"', '"sequence":1e999')
    assert text != held.heads[0].text
    held.heads[0] = replace(held.heads[0], text=text, signature=Key().sign(text))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (left_out, "chain"),
        (flipped, "chain"),
        (reordered, "batches"),
        (numbered_anew, "batches"),
        (there_twice, "batches"),
        (of_another_host, "heads"),
        (in_another_ledger, "head"),
        (signed_anew, "heads"),
        (without_its_record, "record"),
        (of_another_shape, "record"),
        (enrolled_otherwise, "journal"),
        (beyond_all_numbers, "heads"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_what_was_changed_in_a_file_is_found(change: Change, name: str, world: World) -> None:
    """A batch left out, changed or exchanged, a head of another host, another ledger, another key: each is wrong."""
    world.enrol(world.host.key.public)
    world.take(8)
    held, each = read_signed(world.export())
    batches = list(each)
    assert {one.verdict for one in signed_checks(held, batches, known=None, ledger_key=None)} == {"good", "not-checked"}
    change(held, batches, world)
    write_signed(world.folder / "other.xz", held, batches)
    held, each = read_signed(world.folder / "other.xz")
    wrong = [one.name for one in signed_checks(held, each, known=None, ledger_key=None) if one.verdict == "wrong"]
    assert name in wrong


def test_a_key_that_was_revoked_later_still_counts(world: World) -> None:
    """What the journal has before the key was revoked stays good; a head that it gets afterwards does not count."""
    world.enrol(world.host.key.public)
    world.take(4)
    world.export()
    world.enrol("")
    world.take(4)
    checks = world.checks()
    assert checks["signed"].detail.startswith("3 of 8 batches are the host's own")
    assert "was revoked by entry" in checks["heads"].detail
    assert {one.verdict for one in checks.values()} == {"good", "not-checked"}


def test_what_counted_before_a_key_was_replaced_counts_for_the_auditor_too(world: World) -> None:
    """Heads that wait for the journal go on record before the entry that takes their key away."""
    world.enrol(world.host.key.public)
    world.take(8)
    world.enrol(Key(2).public)
    checks = world.checks()
    assert checks["signed"].detail.startswith("6 of 8 batches are the host's own")
    assert checks["heads"].detail == "2 count"


def test_what_is_left_after_old_samples_were_removed_is_still_proved(world: World) -> None:
    """An entry of the journal is about several agents: its heads stay until the last of them is old enough."""
    world.enrol(world.host.key.public)
    world.take(8, SignedHost("gw-2", Key(2), ledger=world.id), NOW_NS - 3_600 * 10**9)
    world.take(4)
    world.export()
    world.take(4)
    world.samples.prune(NOW_NS)
    assert [one.sequence for one in world.samples.chains.batches("gw-2")] == [8]
    checks = world.checks()
    assert {one.verdict for one in checks.values()} == {"good", "not-checked"}, checks
    assert checks["heads"].detail == "2 count"
    world.take(3, now_ns=NOW_NS + 10)
    world.export()
    world.samples.prune(NOW_NS + 5)
    assert [one.sequence for one in world.samples.chains.heads(AGENT)] == [3, 9]  # with 3 is the last one of gw-2
    assert world.checks()["signed"].verdict == "good"


def test_an_agent_signs_what_the_service_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real agent with ssh-keygen: after a restart its chain goes on, and what it signed counts."""
    keygen()
    monkeypatch.chdir(tmp_path)
    world = World(tmp_path)
    file, key = tmp_path / "agents.yaml", tmp_path / "agent_key"
    token = issue_tokens(file, {AGENT: new_key(key)})[AGENT]
    reports = HealthReports(tmp_path / "health")
    app = service(lambda: load_agents(file), world.samples, health_reports=reports, ledger_id=lambda: world.id)
    settings = Configuration(
        agent=AGENT, url="http://127.0.0.1:9/v1/metrics", token_file=None, spool=str(tmp_path / "spool"),
        key_file=str(key), sources=(),
    )  # fmt: skip
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    def sent(agent: Agent) -> None:
        for number, body in agent.spool.pending():
            assert call(app, "POST", "/v1/metrics", content=body, headers=headers).status_code == 200
            agent.spool.acknowledge(number)

    report = sign(document(agent=AGENT, version="1", boot_id="b", faults={}), key)
    told = call(app, "POST", "/v1/agent-health", content=report, headers=headers).json()
    assert told == {"kept": True, "ledger": world.id}
    for _ in range(2):
        agent = Agent(settings, [], clock=lambda: Moment(NOW_NS, 1.0, "b"))
        agent.outlets[0].name_ledger(told["ledger"])
        for number in range(3):
            assert agent.keep([Point("hw.host.power", "W", "gauge", 1.0, NOW_NS + number)])
            signer = agent.outlets[0]._chain._signer  # type: ignore[union-attr]
            if signer is not None:
                signer._process.wait()
            sent(agent)
    chain = world.samples.chains
    assert [one.kind for one in chain.events(AGENT)] == ["begun"]
    assert [bool(one.head) for one in chain.batches(AGENT)] == [True] * 4 + [False] * 2
    assert {json.loads(one.head)["ledger"] for one in chain.heads(AGENT)} == {world.id}
    world.samples.close()
