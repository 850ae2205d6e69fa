"""Heads of the journal that others keep: in a repository of Git and at another party's service; a rewrite is seen."""

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from support.asgi import Answer, call
from support.authority import authority
from support.ledger_copy import brought_once
from support.ledger_party import Party
from support.served_ledger import open_settings
from support.timestamp_authority import TimestampAuthority, timestamp_authority
from support.zone_project import ZONE, facility
from zonewright.audit.evidence.stamped import StampedHead, stamp_fault, stamped_bytes
from zonewright.audit.verify.witnesses import heads_fault, seen
from zonewright.cli import main
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.access_messages import GrantRequest
from zonewright.ledger.protocol.journal_messages import Checkpoint, CheckpointRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.store.journal import is_late
from zonewright.ledger.transport.client import LedgerClient
from zonewright.ledger.transport.posted import Posted
from zonewright.model import Zone
from zonewright.seal.timestamps import request_for, roots_of
from zonewright.server.agents import issue_token
from zonewright.server.assembly import Assembly
from zonewright.server.timestamping import TimestampWitness
from zonewright.server.witness_file import WitnessFileError, read_witnesses
from zonewright.server.witnesses import GitWitness, HeadWitness, ServiceWitness, WitnessError, Witnessing

ZONE_FILE = Zone.model_validate(ZONE)


@pytest.fixture(name="ledger")
def _ledger(tmp_path: Path) -> Iterator[LedgerClient]:
    """A ledger with an operator's racks."""
    with LedgerClient("sqlite:///l.db", root=tmp_path, create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        operator = Party(client, "stack-of-operator", "operator", zone=ZONE_FILE)
        brought_once(client, "witnesses", lambda: operator.bring_up(**facility(1)))
        yield client


def head_of(ledger: LedgerClient) -> Checkpoint:
    """The signed head of now."""
    return ledger.call(verbs.CHECKPOINT, CheckpointRequest())


def further(ledger: LedgerClient, name: str = "one") -> None:
    """One more entry."""
    wanted = GrantRequest(principal=name, party="operator", kind="person", roles=["authority"], days=1)
    ledger.call(verbs.GRANT, wanted)


@pytest.fixture(name="repository")
def _repository(tmp_path: Path) -> Path:
    """A repository that is another host's."""
    path = tmp_path / "far.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch", "main", str(path)], check=True)
    return path


def kept_in(repository: Path, ledger: str) -> list[Checkpoint]:
    """What the repository has."""
    show = ["git", "-C", str(repository), "show", f"main:{ledger}.jsonl"]
    text = subprocess.run(show, check=True, capture_output=True, text=True).stdout
    return [Checkpoint.model_validate_json(line) for line in text.splitlines()]


def test_a_repository_keeps_each_head_once(ledger: LedgerClient, repository: Path, tmp_path: Path) -> None:
    """Each head is a commit after those that are there, also where somebody else pushed meanwhile."""
    first = head_of(ledger)
    here, there = (GitWitness(str(repository), "main", tmp_path / name) for name in ("here", "there"))
    here.keep(first)
    here.keep(first)
    further(ledger)
    second = head_of(ledger)
    there.keep(second)
    further(ledger, "two")
    here.keep(head_of(ledger))
    found = kept_in(repository, first.ledger)
    assert [one.sequence for one in found] == [first.sequence, second.sequence, second.sequence + 1]
    count = subprocess.run(
        ["git", "-C", str(repository), "rev-list", "--count", "main"], capture_output=True, check=True
    )
    assert int(count.stdout) == 3


def test_a_witness_that_is_away_keeps_no_other_from_it(ledger: LedgerClient, repository: Path, tmp_path: Path) -> None:
    """It is told in a sentence, and gets the head of the next round."""
    said: list[str] = []
    taken: list[tuple[str, int]] = []
    away = GitWitness(str(tmp_path / "nowhere.git"), "main", tmp_path / "away")
    other = GitWitness(str(repository), "main", tmp_path / "copy")
    given: list[tuple[str, HeadWitness]] = [("away", away), ("hub", other)]
    witnessing = Witnessing(
        lambda: head_of(ledger), given, every_s=60, say=said.append, told=lambda *one: taken.append(one)
    )
    assert witnessing.once() == {"away": "missed", "hub": "kept"}
    assert taken == [("hub", head_of(ledger).sequence)]
    (sentence,) = said
    assert sentence.startswith(f"witness away did not take entry {head_of(ledger).sequence}: git ls-remote failed")


def test_a_push_that_is_refused_is_no_head_that_is_kept(ledger: LedgerClient, repository: Path, tmp_path: Path) -> None:
    """Also to a repository that has nothing yet, and as often as it is tried; later it gets all of them."""
    hook = repository / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
    hook.chmod(0o755)
    witness, first = GitWitness(str(repository), "main", tmp_path / "copy"), head_of(ledger)
    for _ in range(2):
        with pytest.raises(WitnessError, match="git push failed"):
            witness.keep(first)
    hook.unlink()
    witness.keep(first)
    assert kept_in(repository, first.ledger) == [first]


def test_a_witness_that_moved_gets_the_heads_at_its_new_place(
    ledger: LedgerClient, repository: Path, tmp_path: Path
) -> None:
    """The working copy of before knows the old place; the file of witnesses decides."""
    first, moved = head_of(ledger), tmp_path / "moved.git"
    GitWitness(str(repository), "main", tmp_path / "copy").keep(first)
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch", "main", str(moved)], check=True)
    further(ledger)
    second = head_of(ledger)
    GitWitness(str(moved), "main", tmp_path / "copy").keep(second)
    assert kept_in(moved, first.ledger)[-1] == second
    assert kept_in(repository, first.ledger) == [first]


def test_services_of_one_ledger_do_not_look_like_a_rewritten_journal(
    ledger: LedgerClient, repository: Path, other: tuple[Assembly, str, Path], tmp_path: Path
) -> None:
    """A head that another service overtook says nothing more; one that goes back later is refused, and kept apart."""
    first = head_of(ledger)
    further(ledger)
    second = head_of(ledger)
    witness = GitWitness(str(repository), "main", tmp_path / "copy")
    for head in (second, first):
        witness.keep(head)
        assert send(other, head).json() == {"kept": head == second}
    assert kept_in(repository, first.ledger) == [second]
    assert not other[2].with_name("zone-small.refused.jsonl").exists()
    forked = first.model_copy(update={"hash": "sha256:" + "1" * 64, "at": second.at})
    assert not is_late(first.model_copy(update={"at": "2099-01-01T00:00:00.000000Z"}), second)
    assert is_late(forked, second)


def test_services_on_one_host_share_a_working_copy(ledger: LedgerClient, repository: Path, tmp_path: Path) -> None:
    """They begin at the same time, in the same folder, and none is in the other's way."""
    head = head_of(ledger)
    witnesses = [GitWitness(str(repository), "main", tmp_path / "copy") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: one.keep(head), witnesses))
    assert kept_in(repository, head.ledger) == [head]


def test_no_fault_ends_the_sending_of_heads(ledger: LedgerClient, tmp_path: Path) -> None:
    """A folder that cannot be made, and a key that cannot be read, are sentences; the next round comes."""
    said: list[str] = []
    (tmp_path / "file").write_text("", encoding="ascii")
    given: list[tuple[str, HeadWitness]] = [("hub", GitWitness("far", "main", tmp_path / "file" / "copy"))]
    assert Witnessing(lambda: head_of(ledger), given, every_s=60, say=said.append).once() == {"hub": "missed"}

    def sign() -> Checkpoint:
        raise PermissionError(13, "Permission denied")

    assert Witnessing(sign, given, every_s=60, say=said.append).once() == {}
    assert said[0].endswith("it is sent again next time")
    assert said[1] == "no head could be signed for the witnesses: permission denied; it is tried again next time"


@pytest.fixture(name="other")
def _other(tmp_path: Path) -> Iterator[tuple[Assembly, str, Path]]:
    """Another party's service, without a ledger of its own, the token that it issued, and what it keeps."""
    folder = tmp_path / "other"
    folder.mkdir()
    token = issue_token(folder / "agents.yaml", "zone-small", "zone-small")
    with Assembly(open_settings(folder), say=print) as assembly:
        yield assembly, token, folder / "witnessed" / "zone-small.jsonl"


def send(other: tuple[Assembly, str, Path], head: Checkpoint | bytes, token: str | None = None) -> Answer:
    """A head as it is sent."""
    content = head if isinstance(head, bytes) else head.model_dump_json().encode()
    headers = {"authorization": f"Bearer {token or other[1]}", "content-type": "application/json"}
    return call(other[0].app, "POST", "/v1/witness", content=content, headers=headers)


def test_another_service_keeps_what_follows(
    ledger: LedgerClient, other: tuple[Assembly, str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heads that follow are kept in order; without its token, without a signature or as something else none is."""
    first = head_of(ledger)
    assert [send(other, first).json()["kept"] for _ in range(2)] == [True, False]
    further(ledger)
    second = head_of(ledger)
    witness = ServiceWitness("http://127.0.0.1:1", other[1])

    def post(_verb: str, body: bytes) -> Posted:
        answer = send(other, body)
        return Posted(answer.status_code, answer.content)

    monkeypatch.setattr(witness._road, "post", post)
    witness.keep(second)
    assert send(other, second, "wrong").status_code == 401
    assert send(other, b"[]").status_code == 400
    altered = second.model_copy(update={"sequence": second.sequence + 5})
    assert send(other, altered).status_code == 409
    with pytest.raises(WitnessError, match="it answered 409"):
        witness.keep(altered)
    assert [json.loads(line)["sequence"] for line in other[2].read_text().splitlines()] == [
        first.sequence,
        second.sequence,
    ]


def test_a_rewritten_journal_is_refused_and_kept_apart(
    ledger: LedgerClient, other: tuple[Assembly, str, Path], tmp_path: Path
) -> None:
    """Whoever has the ledger's host and key can sign another journal, but not have the witness forget."""
    head_of(ledger)  # which makes the key
    before = tmp_path.parent / f"{tmp_path.name}-before"
    shutil.copytree(tmp_path, before, ignore=shutil.ignore_patterns("other"))
    further(ledger, "one")
    assert send(other, head_of(ledger)).status_code == 200
    with LedgerClient("sqlite:///l.db", root=before) as rewritten:
        further(rewritten, "another")
        forked = head_of(rewritten)
    assert forked.sequence == head_of(ledger).sequence
    answer = send(other, forked)
    assert answer.status_code == 409
    assert "the journal was rewritten" in answer.json()["message"]
    assert other[2].with_name("zone-small.refused.jsonl").read_text().count("\n") == 1
    assert len(other[2].read_text().splitlines()) == 1


def test_what_was_cut_off_keeps_no_later_head_out(ledger: LedgerClient, other: tuple[Assembly, str, Path]) -> None:
    """A kill or a full disk leaves a part of a line; the same head and the next one are kept after it."""
    first = head_of(ledger)
    assert send(other, first).json()["kept"]
    further(ledger)
    second = head_of(ledger)
    with other[2].open("a", encoding="ascii") as file:
        file.write(second.model_dump_json()[:100])
    assert send(other, second).json() == {"kept": True}
    assert [json.loads(line)["sequence"] for line in other[2].read_text().splitlines()] == [
        first.sequence,
        second.sequence,
    ]


def test_refused_heads_do_not_fill_the_disk(
    ledger: LedgerClient, other: tuple[Assembly, str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is answered, and the first ones are kept."""
    monkeypatch.setattr("zonewright.server.witness_route.MOST_REFUSED_BYTES", 1_000)
    altered = head_of(ledger).model_copy(update={"sequence": 1})
    assert {send(other, altered).status_code for _ in range(10)} == {409}
    assert 1_000 < other[2].with_name("zone-small.refused.jsonl").stat().st_size < 3_000


def test_verify_says_which_witnesses_saw_the_head(
    ledger: LedgerClient, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that saw the head, one that is behind, and one that saw another journal, which is wrong."""
    monkeypatch.chdir(tmp_path)
    early = head_of(ledger)
    further(ledger)
    late = head_of(ledger)
    other = late.model_copy(update={"hash": "sha256:" + "0" * 64})
    for name, heads in (("hub", [early, late]), ("slow", [early]), ("false", [other])):
        Path(f"{name}.jsonl").write_text("".join(f"{one.model_dump_json()}\n" for one in heads), encoding="utf-8")
    command = ["ledger", "verify", "--ledger", "sqlite:///l.db", "--witness"]
    assert main([*command, "hub.jsonl", "--witness", "slow.jsonl"]) == 0
    told = capsys.readouterr().out
    assert f"good: witness hub saw the head, entry {late.sequence}, at " in told
    assert f"good: witness slow saw entry {early.sequence} at " in told
    assert f"and not yet the head, entry {late.sequence}" in told
    for file in tmp_path.glob("l.db*"):
        shutil.copy(file, tmp_path / file.name.replace("l.db", "cut.db"))
    further(ledger, "three")
    Path("ahead.jsonl").write_text("".join(f"{one.model_dump_json()}\n" for one in (early, head_of(ledger))))
    assert main(["ledger", "verify", "--ledger", "sqlite:///cut.db", "--witness", "ahead.jsonl"]) == 1
    assert f"and the journal ends at entry {late.sequence}: it was cut" in capsys.readouterr().out
    assert main([*command, "false.jsonl"]) == 1
    assert "wrong: witness false the signature of the checkpoint" in capsys.readouterr().out


def test_heads_of_one_witness_agree(ledger: LedgerClient) -> None:
    """Two journals in one witness's file, none at all, or a hash that differs from the journal's are each wrong."""
    head = head_of(ledger)
    assert heads_fault([head, head], None) is None
    assert heads_fault([], None) == "it has kept no head"
    assert heads_fault([head], "another key") is not None
    assert seen("hub", [head], {head.sequence: head.hash}, head.sequence).verdict == "good"
    assert seen("hub", [head], {head.sequence: "sha256:0"}, head.sequence).verdict == "wrong"
    assert seen("hub", [head], {1: "sha256:0"}, 1).verdict == "not-checked"
    early = head.model_copy(update={"sequence": 1})
    assert seen("hub", [early, head], {1: early.hash, 2: "sha256:0"}, 2).verdict == "not-checked"
    assert seen("hub", [early, head], {1: early.hash}, 1).verdict == "good", "of a bundle of then"
    assert seen("hub", [early, head], {1: early.hash}, 1, is_of_now=True).verdict == "wrong"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("witnesses: {}", "witnesses: dictionary should have at least 1 item"),
        ("witnesses: {hub: {}}", "expected one of 'git', 'service' and 'timestamp'"),
        ("witnesses: {hub: {git: a, service: b}}", "expected one of 'git', 'service' and 'timestamp'"),
        ("witnesses: {tsa: {timestamp: 'https://a.example'}}", "expected 'authorities' beside 'timestamp'"),
        ("witnesses: {tsa: {timestamp: 'ftp://a', authorities: none}}", "witnesses.tsa.timestamp: string should match"),
        ("witnesses: {tsa: {timestamp: 'https://a', authorities: witnesses.yaml}}", "expected certificates"),
        ("witnesses: {hub: {service: 'https://a.example'}}", "expected 'token_file' beside 'service'"),
        ("witnesses: {hub: {git: '--upload-pack=x'}}", "expected a url of git"),
        ("every_s: 1\nwitnesses: {hub: {git: a}}", "every_s: input should be greater than or equal to 10"),
        ("witnesses: {hub: {service: 'https://a.example', token_file: none}}", "no such file or directory"),
        ("[", "while parsing"),
    ],
)
def test_a_file_of_witnesses_that_is_none_is_told(text: str, part: str, tmp_path: Path) -> None:
    """The sentence has the file, where in it, and what was expected."""
    path = tmp_path / "witnesses.yaml"
    path.write_text(text.replace("witnesses.yaml", str(path)), encoding="utf-8")
    with pytest.raises(WitnessFileError) as caught:
        read_witnesses(path, tmp_path)
    assert part in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_names_both_kinds(tmp_path: Path) -> None:
    """A repository and a service, each by the operator's own name."""
    (tmp_path / "token").write_text("zw_token\n", encoding="ascii")
    path = tmp_path / "witnesses.yaml"
    service = f"{{service: 'https://other.example', token_file: '{tmp_path}/token'}}"
    path.write_text(f"every_s: 600\nwitnesses:\n  hub: {{git: 'ssh://git@far/w.git'}}\n  other: {service}\n")
    every_s, found = read_witnesses(path, tmp_path)
    assert every_s == 600
    assert [(name, type(one)) for name, one in found] == [("hub", GitWitness), ("other", ServiceWitness)]
    for _, one in found:
        if isinstance(one, ServiceWitness):
            with closing(one._road):
                pass


@pytest.fixture(name="stamps")
def _stamps(tmp_path: Path) -> Iterator[TimestampAuthority]:
    with timestamp_authority(tmp_path / "tsa") as made:
        yield made


def test_an_authority_stamps_heads_and_an_auditor_needs_its_certificate_only(
    ledger: LedgerClient, stamps: TimestampAuthority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each head is stamped once; OpenSSL says so too; what is altered, or of another authority, is wrong."""
    declared = tmp_path / "witnesses.yaml"
    declared.write_text(f"witnesses: {{tsa: {{timestamp: '{stamps.url}', authorities: {stamps.roots}}}}}\n")
    (_, ((name, witness),)) = read_witnesses(declared, tmp_path / "copies")
    first = head_of(ledger)
    witness.keep(first)
    witness.keep(head_of(ledger))
    further(ledger)
    witness.keep(head_of(ledger))
    witness.keep(first)  # of another service, which was slower
    assert (name, stamps.asked) == ("tsa", 2)
    kept = tmp_path / "copies" / "tsa.jsonl"
    with pytest.raises(WitnessError, match=rf"^{kept} has heads of another ledger, {first.ledger}; move it away"):
        witness.keep(first.model_copy(update={"ledger": "another"}))
    undamaged = kept.read_bytes()
    kept.write_bytes(undamaged + b"{}\n")
    with pytest.raises(WitnessError, match=r"its last line is no head with a time-stamp; move it away$"):
        witness.keep(first)
    kept.write_bytes(undamaged)
    assert kept.stat().st_mode & 0o777 == 0o600
    lines = kept.read_text(encoding="utf-8").splitlines()
    one = StampedHead.model_validate_json(lines[0])
    assert one.head == first
    (tmp_path / "head").write_bytes(stamped_bytes(first))
    (tmp_path / "head.tsr").write_bytes(base64.b64decode(one.stamp))
    asked = ["openssl", "ts", "-verify", "-data", str(tmp_path / "head"), "-in", str(tmp_path / "head.tsr")]
    assert subprocess.run([*asked, "-CAfile", str(stamps.roots)], capture_output=True, check=False).returncode == 0

    def told(text: str, roots: Path = stamps.roots) -> tuple[int, str]:
        (tmp_path / "tsa.jsonl").write_text(text, encoding="utf-8")
        command = [
            "ledger",
            "verify",
            "--ledger",
            f"sqlite:///{tmp_path}/l.db",
            "--witness",
            str(tmp_path / "tsa.jsonl"),
        ]
        code = main([*command, "--timestamp-ca", str(roots)])
        return code, capsys.readouterr().out.splitlines()[-1]

    whole = kept.read_text(encoding="utf-8")
    code, sentence = told(whole)
    assert (code, sentence.startswith("good: witness tsa saw the head, entry ")) == (0, True)
    assert sentence.endswith("Z, with a time-stamp")
    bare = [StampedHead.model_validate_json(line).head.model_dump_json() for line in lines]
    (tmp_path / "bare.jsonl").write_text("\n".join(bare), encoding="utf-8")
    asked = ["--witness", str(tmp_path / "bare.jsonl"), "--timestamp-ca", str(stamps.roots)]
    assert main(["ledger", "verify", "--ledger", f"sqlite:///{tmp_path}/l.db", *asked]) == 2
    assert "--timestamp-ca: expected a file of --witness with time-stamps, got none" in capsys.readouterr().err
    other = StampedHead.model_validate_json(lines[1])
    swapped = one.model_copy(update={"stamp": other.stamp}).model_dump_json() + "\n"
    assert told(swapped) == (
        1,
        f"wrong: witness tsa entry {first.sequence}: the time-stamp does not count: Mismatch between messages",
    )
    elsewhere = tmp_path / "elsewhere.pem"
    elsewhere.write_bytes(authority("another").made.pem)
    assert told(whole, elsewhere)[0] == 1
    command = ["ledger", "verify", "--ledger", f"sqlite:///{tmp_path}/l.db", "--witness", str(kept)]
    assert main(command) == 2
    assert "name the certificates of their authority with --timestamp-ca" in capsys.readouterr().err


def test_a_head_that_was_dated_back_is_found_by_its_stamp(
    ledger: LedgerClient, stamps: TimestampAuthority, tmp_path: Path
) -> None:
    """Whoever has the ledger's key may write any moment into a head, but not into what an authority says of it.

    A service whose clock is wrong is told so at once, and not by its auditor.
    """
    roots = roots_of(stamps.roots.read_bytes())
    head = head_of(ledger).model_copy(update={"at": "2020-01-01T00:00:00.000000Z"})
    answer = stamps.stamp(request_for(stamped_bytes(head))[0])
    fault = stamp_fault(StampedHead(head=head, stamp=base64.b64encode(answer).decode()), roots)
    assert fault is not None
    assert "its head says 2020-01-01T00:00:00Z, and the authority stamped it at 20" in fault
    with pytest.raises(WitnessError, match="its head says 2020-01-01T00:00:00Z"):
        TimestampWitness(stamps.url, roots, tmp_path / "kept.jsonl").keep(head)
    assert not (tmp_path / "kept.jsonl").exists()


def test_what_an_authority_should_not_answer_is_kept_by_nobody(
    ledger: LedgerClient, stamps: TimestampAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error, something else, too much, an answer to another question, one without end, and nobody there."""
    roots = roots_of(stamps.roots.read_bytes())
    path, head = tmp_path / "kept.jsonl", head_of(ledger)
    old, _ = request_for(stamped_bytes(head))
    for says, sentence in (
        ((500, b""), "it answered 500"),
        ((200, b"<html>"), "the time-stamp does not count"),
        ((200, b"0" * 70_000), "it answered more than 65,536 bytes"),
        ((200, stamps.stamp(old)), "the time-stamp does not count: Nonce mismatch"),
        ((200, re.sub(rb"(?s)\xa3(?=.0.0)", b"\xa7", stamps.stamp(old), count=1)), "time-stamp does not count"),
        ((200, stamps.stamp(b"none")), "the authority gave no time-stamp: "),
    ):
        stamps.says = says
        with pytest.raises(WitnessError, match=sentence):
            TimestampWitness(stamps.url, roots, path).keep(head)
    stamps.says, stamps.pause_s = (200, b"0" * 300), 0.005
    monkeypatch.setattr("zonewright.server.timestamping._TIMEOUT_S", 0.1)
    with pytest.raises(WitnessError, match=r"its answer did not end within 0\.1 s"):
        TimestampWitness(stamps.url, roots, path).keep(head)
    with pytest.raises(WitnessError, match="NewConnectionError"):
        TimestampWitness("http://127.0.0.1:1/", roots, path).keep(head)
    assert not path.exists()
    monkeypatch.setattr("zonewright.server.witnesses._HTTP_S", 0.1)
    with pytest.raises(WitnessError, match=r"its answer did not end within 0\.1 s"):
        ServiceWitness(stamps.url, "token").keep(head)
    stamps.says, stamps.pause_s = (200, b"0" * 70_000), 0.0
    with pytest.raises(WitnessError, match="it answered more than 16,384 bytes"):
        ServiceWitness(stamps.url, "token").keep(head)
