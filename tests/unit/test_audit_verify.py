"""A bundle is verified offline: a true one is good, and whatever is changed in it is found and named."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.changes import rich_bundle
from support.ledger_party import Party
from support.planner import Planner
from support.second_opinion import verified
from support.signing import PEOPLE, key_of, policy, zone_with
from support.soak import is_full, rounds, seeded
from support.zone_project import cluster, facility
from zonewright.audit.evidence.archive import pack, unpack
from zonewright.audit.evidence.bundle import manifest_faults, with_manifest
from zonewright.audit.evidence.checks import Check
from zonewright.audit.evidence.layout import MANIFEST, object_path
from zonewright.audit.evidence.trust import AuditTrust
from zonewright.audit.verify.verify import verify_bundle
from zonewright.changes.errors import BundleError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.journal_messages import Checkpoint, CheckpointRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.canonical import canonical_json, digest_of

pytestmark = pytest.mark.slow

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
WEB: dict[str, Any] = {"clusters": {"web": cluster(2)}}


@dataclass
class Made:
    """A change that was planned, refused, approved by two, admitted and completed; and the ledger that it was in."""

    files: dict[str, bytes]
    planned: dict[str, bytes]
    before: Checkpoint
    after: Checkpoint


def checkpoint(client: LedgerClient) -> Checkpoint:
    """The journal's signed head."""
    return client.call(verbs.CHECKPOINT, CheckpointRequest())


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    now = [AT]
    zone = Zone.model_validate(zone_with(two=policy({"operators": 2}, parties=["tenant-a"])))
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    with LedgerClient(f"sqlite:///{path}", create=True, clock=lambda: now[0]) as client:
        client.call(verbs.INIT, InitRequest(zone=zone))
        Party(client, "stack-of-operator", "operator", zone=zone).bring_up(sites=facility(2)["sites"])
        party = Party(client, "stack-of-tenant-a", "tenant-a", zone=zone)
        party.enrol()
        tenant, before = Planner(party), checkpoint(client)
        plan, _ = tenant.plan(at=now[0], **WEB)
        planned = tenant.bundle()
        for signer in ("ben", "bea"):
            now[0] += timedelta(minutes=10)
            tenant.verdict(plan, signer, at=now[0])
        tenant.complete(tenant.admit(**WEB))
        tenant.roll_out(plan)
        files = tenant.bundle()
        yield Made(files, planned, before, checkpoint(client))


def verify(files: dict[str, bytes], trust: AuditTrust | None = None) -> dict[str, Check]:
    """The checks by name."""
    return {check.name: check for check in verified(files, trust=trust)}


def wrong(files: dict[str, bytes], trust: AuditTrust | None = None) -> list[str]:
    """The lines of what is wrong."""
    return [f"{check.name}: {check.detail}" for check in verify(files, trust).values() if check.verdict == "wrong"]


def keys() -> dict[str, tuple[str, ...]]:
    """The keys of all signers, as an auditor may have them."""
    return {person: (key_of(person).public,) for person in PEOPLE}


def test_a_true_bundle_is_good(made: Made) -> None:
    """Every check of a completed change is good; only what needs something from elsewhere is left open."""
    found = verify(made.files, AuditTrust(keys=keys(), checkpoint=made.before))
    assert {name: check.detail for name, check in found.items() if check.verdict == "wrong"} == {}
    left = {name for name, check in found.items() if check.verdict == "not-checked"}
    assert left == {"declaration", "energy ratio when it was planned", "energy ratio when it was admitted"}
    assert found["approval"].detail == "approved by bea and ben when it was admitted"
    assert found["kept checkpoint"].detail.startswith("names the entry before this bundle")
    assert re.fullmatch(
        r"[1-9][0-9]* files have the same bytes when they are rendered again", found["rendering"].detail
    )
    for word in ("planned", "approved", "admitted", "completed"):
        assert word in found["record"].detail
    assert verify(made.files, AuditTrust(checkpoint=made.after))["kept checkpoint"].verdict == "good"


def test_a_change_on_a_row_that_changed_beneath_it_is_good(tmp_path: Path) -> None:
    """Advice on what a row was before is told in the preview, and is no evidence: a snapshot has only what is."""
    now = [AT]
    zone = Zone.model_validate(zone_with(two=policy({"operators": 1}, parties=["tenant-a"])))
    with LedgerClient(f"sqlite:///{tmp_path / 'l.db'}", create=True, clock=lambda: now[0]) as client:
        client.call(verbs.INIT, InitRequest(zone=zone))
        operator = Party(client, "stack-of-operator", "operator", zone=zone)
        operator.bring_up(sites=facility(2)["sites"])
        party = Party(client, "stack-of-tenant-a", "tenant-a", zone=zone)
        party.enrol()
        tenant = Planner(party)

        def approved(**wanted: Any) -> None:
            now[0] += timedelta(minutes=10)
            plan, _ = tenant.plan(at=now[0], **wanted)
            tenant.verdict(plan, "ben", at=now[0])
            tenant.complete(tenant.admit(**wanted))

        approved(**WEB)
        now[0] += timedelta(minutes=10)
        operator.bring_up(sites=facility(3)["sites"])
        more: dict[str, Any] = {"clusters": {"web": cluster(3)}}
        told = party.propose(party.demand(**more), reserve=False).findings
        assert "changed-beneath" in [one.rule for one in told]
        approved(**more)
        files = tenant.bundle()
    assert wrong(files) == []


def test_the_same_change_is_the_same_bytes(made: Made) -> None:
    """The archive of a bundle unpacks to it, and is the same bytes each time."""
    assert unpack(pack(made.files)) == made.files
    assert wrong(made.planned) == []
    assert verify(made.planned)["approval"].verdict == "not-checked"


def test_any_changed_byte_is_found_and_named(made: Made) -> None:
    """Each byte of an archive in a soak, else two hundred or more: the file, or the archive itself, is named."""
    data = pack(made.files)
    places = seeded("bytes").sample(range(len(data)), len(data))
    for number in rounds("changed bytes", len(data), least=200):
        at = places[number]
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            files = unpack(changed)
        except BundleError:
            continue
        names = [path for path in files if files[path] != made.files[path]]
        assert len(names) == 1
        sentence = manifest_of(files)
        # A manifest that names another file is as good as named: the file that it lacks is told.
        assert sentence, at
        assert names[0] in sentence or names[0] == MANIFEST, (at, sentence)


def manifest_of(files: dict[str, bytes]) -> str:
    """What the manifest's check says."""
    return "; ".join(f"{path} {text}" for path, text in manifest_faults(files))


def test_a_changed_byte_with_a_corrected_manifest_is_found(made: Made) -> None:
    """Whoever changes a byte of any file and writes the manifest again is still found by what the file means."""
    chance = seeded("a byte with a corrected manifest")
    for path in sorted(made.files.keys() - {MANIFEST}):
        content = made.files[path]
        for at in {chance.randrange(len(content)), *((len(content) // 2,) if is_full() else ())}:
            changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
            assert wrong(with_manifest({**made.files, path: changed})), (path, at)
        without = {name: made.files[name] for name in made.files if name != path}
        assert wrong(with_manifest(without)) or path in ("checkpoint.json", "journal.jsonl", "author.dsse.json"), path
    assert wrong(with_manifest({**made.files, "more.txt": b"x"}))
    assert wrong(with_manifest({**made.files, object_path(digest_of("x")): b"x"}))


def reworked(made: Made, path: str, edit: Any) -> dict[str, bytes]:
    """The bundle with one JSON file edited and written in its canonical form, its manifest corrected."""
    data = json.loads(made.files[path])
    edit(data)
    return with_manifest({**made.files, path: canonical_json(data).encode()})


def test_a_rewritten_plan_loses_its_signatures(made: Made) -> None:
    """Another reason, risk or read set under the same signatures: author and verdicts are named."""
    for field, value in (("reason", "other"), ("risk", "low"), ("premises", []), ("emergency", True)):
        files = reworked(made, "plan.json", lambda data, key=field, to=value: data.update({key: to}))
        assert any(line.startswith("author: it is for another change") for line in wrong(files)), field


def test_zone_and_party_of_the_plan_are_those_of_the_demand(made: Made) -> None:
    """A plan that names another zone or party than its demand does is told, each by itself."""
    demand = json.loads(made.files["demand.json"])
    for field in ("zone", "party"):
        told = wrong(reworked(made, "plan.json", lambda data, key=field: data.update({key: "operator"})))
        said = [line for line in told if line.startswith("change: ")]
        assert said, field
        assert f"the {field} is {demand[field]} in the demand, operator in the plan" in said[0]
        other = "party" if field == "zone" else "zone"
        assert f"the {other} is" not in said[0]


def test_facts_are_not_later_than_the_decision_on_them(made: Made) -> None:
    """A decision that rests on facts of a later minute, or of another stack, is told with both moments."""
    lines = made.files["journal.jsonl"].decode().splitlines()
    (at,) = (number for number, line in enumerate(lines) if '"kind":"admitted"' in line)
    entry = json.loads(lines[at])
    minute = datetime.fromisoformat(entry["at"]).replace(second=0, microsecond=0)
    held = json.loads(made.files[object_path(entry["payload"]["snapshot"])])
    for edit, is_told in (
        ({"at": minute.isoformat(timespec="microseconds")}, False),
        ({"at": (minute + timedelta(seconds=59)).isoformat(timespec="microseconds")}, False),
        ({"at": (minute + timedelta(minutes=1)).isoformat(timespec="microseconds")}, True),
        ({"stack_id": "stack-of-operator"}, True),
    ):
        snapshot = {**held, **edit}
        text = canonical_json(snapshot)
        entry["payload"]["snapshot"] = digest_of(text)
        journal = "\n".join([*lines[:at], canonical_json(entry), *lines[at + 1 :]])
        files = {**made.files, object_path(digest_of(text)): text.encode(), "journal.jsonl": f"{journal}\n".encode()}
        said = [line for line in wrong(with_manifest(files)) if line.startswith("snapshot when it was admitted: ")]
        expected = (
            f"snapshot when it was admitted: the snapshot is of {snapshot['at']}, but the decision is of {entry['at']}"
        )
        assert said == ([expected] if is_told else []), edit


@pytest.mark.parametrize(
    ("error", "said"), [(ValueError(), "ValueError"), (ValueError("no\nmore"), "no"), (KeyError("x"), "'x'")]
)
def test_a_check_that_stumbles_is_wrong(
    made: Made, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    """What a check raises is one line of its own, with the kind of error where that says nothing; others go on."""

    def stumble(*_: object) -> Iterator[Check]:
        raise error

    monkeypatch.setattr("zonewright.audit.verify.verify.export_checks", stumble)
    told = [check for check in verify_bundle(made.files) if check.verdict == "wrong"]
    assert [f"{check.name}: {check.detail}" for check in told] == [f"export: cannot be checked: {said}"]


def test_a_roll_out_is_the_one_of_the_journal(made: Made) -> None:
    """A record that is altered, gone, of another person or with a foreign file is named by the journal's entry."""
    (path,) = (name for name in made.files if name.startswith("rollouts/"))
    assert verify(made.files)["roll-outs"].detail.startswith("1 run on 2 hosts, with the records that the journal")
    assert verify(made.planned)["roll-outs"].verdict == "not-checked"
    for edit, sentence in (
        (lambda data: data["hosts"][1].update(state="changed"), "differs from the journal: counts"),
        (lambda data: data.update(who="eve@desk"), "differs from the journal: who"),
        (lambda data: data["hosts"][1].update(reason="it was off"), "is not the record that the journal names"),
        (lambda data: data["files"]["net-0123456789ab"].update({"x": digest_of("x")}), "x of version net-0123456789ab"),
        (lambda data: data.pop("hosts"), "is not a record of a run"),
    ):
        (line,) = wrong(reworked(made, path, edit))
        assert line.startswith("roll-outs: entry ")
        assert f"{path}{':' if sentence[0] == 'x' else ''} {sentence}" in line
    without = {name: content for name, content in made.files.items() if name != path}
    assert any(line.endswith(f"{path} is missing") for line in wrong(with_manifest(without)))
    assert "plan: nothing in the bundle refers to rollouts/more.json" in wrong(
        with_manifest({**made.files, "rollouts/more.json": made.files[path]})
    )


def test_other_facts_give_other_findings(made: Made) -> None:
    """Facts that are swapped in a consistent way give other digests than those that were signed and journaled."""
    snapshot = json.loads(made.files["snapshot.json"])
    name = next(name for name in snapshot["files"] if name.startswith("assets/"))
    other = made.files[object_path(snapshot["files"][name])].replace(b'"rated_w":12500', b'"rated_w":300')
    assert other != made.files[object_path(snapshot["files"][name])]
    snapshot["files"][name] = digest_of(other)
    files = {**made.files, object_path(digest_of(other)): other, "snapshot.json": canonical_json(snapshot).encode()}
    told = wrong(with_manifest(files))
    assert any("rules when it was planned: found, but not recorded: feed-" in line for line in told), told
    assert any(line.startswith("change: the snapshot: expected ") for line in told)


def test_a_file_that_renders_otherwise_is_named(made: Made) -> None:
    """A rendered file with one more line is named, although all digests were made again."""
    rendered = json.loads(made.files["rendered.json"])
    path = min(rendered)
    other = made.files[object_path(rendered[path])] + b"# more\n"
    rendered[path] = digest_of(other)
    files = {**made.files, object_path(digest_of(other)): other, "rendered.json": canonical_json(rendered).encode()}
    assert f"rendering: {path} gets other bytes when it is rendered again" in wrong(with_manifest(files))


def test_other_templates_are_no_proof_of_another_file(made: Made) -> None:
    """Where the plan was made with other templates, other bytes leave the check open, and it says which to take."""
    rendered, plan = json.loads(made.files["rendered.json"]), json.loads(made.files["plan.json"])
    path = min(rendered)
    other = made.files[object_path(rendered[path])] + b"# more\n"
    rendered[path] = digest_of(other)
    plan["versions"]["templates"] = f"sha256:{'0' * 64}"
    files = {**made.files, object_path(digest_of(other)): other, "rendered.json": canonical_json(rendered).encode()}
    found = verify(with_manifest({**files, "plan.json": canonical_json(plan).encode()}))
    assert found["rendering"].verdict == "not-checked"
    assert "1 of " in found["rendering"].detail
    assert "templates sha256:000000000000, here sha256:" in found["rendering"].detail


def test_a_rewritten_journal_is_found(made: Made) -> None:
    """An altered entry, a cut one and a wrong head are named; a journal written again only by a kept checkpoint."""
    lines = made.files["journal.jsonl"].decode().splitlines()
    altered = [lines[0].replace('"anna"', '"carl"'), *lines[1:]]
    for text, sentence in (
        ("\n".join(altered), "was altered"),
        ("\n".join([lines[0], *lines[2:]]), "does not follow entry"),
        ("\n".join(lines[:-1]), "the head names entry"),
    ):
        told = wrong(with_manifest({**made.files, "journal.jsonl": f"{text}\n".encode()}))
        assert any(line.startswith("journal:") and sentence in line for line in told), sentence
    other = made.after.model_copy(update={"hash": f"sha256:{'0' * 64}"})
    assert any("signature of the checkpoint" in line for line in wrong(made.files, AuditTrust(checkpoint=other)))
    foreign = AuditTrust(ledger_key=base64.b64encode(b"x" * 32).decode())
    assert any("signed by another key" in line for line in wrong(made.files, foreign))


def test_who_vouches_for_a_journal_is_said(made: Made) -> None:
    """The head's key, or that there is none; a head of another entry; and a bundle from before there was a journal."""
    head = json.loads(made.files["checkpoint.json"])
    found, known = verify(made.files), verify(made.files, AuditTrust(ledger_key=head["public_key"]))
    assert found["journal"].detail.endswith(" form one chain up to the signed head")
    assert found["head"].detail == f"signed at {head['at'][:19]} with key {head['public_key'][:12]}..."
    assert known["head"].detail == f"signed at {head['at'][:19]} with the key that you gave"
    assert found["kept checkpoint"].verdict == "not-checked"
    headless = verify(with_manifest({name: made.files[name] for name in made.files if name != "checkpoint.json"}))
    assert headless["journal"].detail.endswith(" form one chain")
    assert headless["head"].line().startswith("not-checked  head: the bundle has no signed head")
    for edit in ({"sequence": head["sequence"] + 1}, {"hash": digest_of("x")}):
        told = wrong(reworked(made, "checkpoint.json", lambda data, to=edit: data.update(to)))
        assert any(line.startswith("journal: the head names entry ") for line in told), edit
    older = verify(with_manifest({name: made.files[name] for name in made.files if name != "journal.jsonl"}))
    assert older["journal"].detail.startswith("the bundle was written before the plan was registered")
    assert not {"head", "kept checkpoint", "record"} & older.keys()


def test_a_kept_checkpoint_has_its_place(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the bundle or right before it is compared; one from further away is not; another ledger's is wrong."""
    monkeypatch.setattr("zonewright.audit.verify.journal.verify_checkpoint", lambda *_, **__: None)
    first = json.loads(made.files["journal.jsonl"].splitlines()[0])["sequence"]
    later = made.after.model_copy(update={"sequence": made.after.sequence + 9})
    earlier = made.before.model_copy(update={"sequence": first - 2})

    def said(one: Checkpoint) -> str:
        (check,) = (
            check
            for check in verify_bundle(made.files, trust=AuditTrust(checkpoint=one))
            if check.name == "kept checkpoint"
        )
        return check.line()

    assert said(made.before).endswith("kept checkpoint: names the entry before this bundle")
    assert f"names entry {made.after.sequence} of this bundle" in said(made.after)
    assert f"it names entry {later.sequence}, which is after entries {first} to " in said(later)
    assert f"it names entry {first - 2}, which is before entries {first} to " in said(earlier)
    for one in (made.before, made.after):
        assert said(one.model_copy(update={"hash": digest_of("x")})).startswith("wrong ")
        assert "another ledger" in said(one.model_copy(update={"ledger": "0" * 32}))
        assert "another ledger" not in said(one.model_copy(update={"ledger": ""}))


def test_keys_from_elsewhere_decide(made: Made) -> None:
    """A signer whose key the auditor does not know does not count, whatever the bundle's zone.yaml says."""
    known = keys()
    del known["ben"]
    told = wrong(made.files, AuditTrust(keys=known))
    assert any(line.startswith("verdict 1: it is signed by") for line in told)
    assert any(line.startswith("approval: it was admitted without: policy two: 1 of 2") for line in told)


def test_taken_away_verdicts_and_signatures_are_missed(made: Made) -> None:
    """A verdict or the author's signature that is taken out is missed by the policy and by the journal."""
    without = {path: content for path, content in made.files.items() if path != "verdicts/001.dsse.json"}
    told = " ".join(wrong(with_manifest(without)))
    assert "it was admitted without" in told
    assert "the verdicts in the journal differ from those in the bundle" in told
    unsigned = {path: content for path, content in made.files.items() if path != "author.dsse.json"}
    assert "there are verdicts on a plan without an author" in " ".join(wrong(with_manifest(unsigned)))


def with_journal(made: Made, edit: Any) -> dict[str, bytes]:
    """The bundle with its journal's entries edited, and its manifest corrected."""
    entries = [json.loads(line) for line in made.files["journal.jsonl"].decode().splitlines()]
    edit({entry["kind"]: entry for entry in entries}, entries)
    lines = "".join(f"{canonical_json(entry)}\n" for entry in entries)
    return with_manifest({**made.files, "journal.jsonl": lines.encode()})


def test_a_plan_is_admitted_once_as_the_step_that_follows_the_one_that_it_names(made: Made) -> None:
    """Another number, another plan's word, a step in between, and a second admission are each told by themselves."""
    assert verify(made.files)["step"].detail == "it was admitted as step 1, and follows the one that it names"
    assert (
        verify(made.planned)["step"].line().endswith("step: the plan follows step 0; the change was not admitted (yet)")
    )

    def between(kinds: Any, _: Any) -> None:
        kinds["approved"] |= {"kind": "destroy-begun", "payload": {"step": 1}}

    def twice(kinds: Any, entries: Any) -> None:
        entries.append({**kinds["admitted"], "sequence": entries[-1]["sequence"] + 1})

    for edit, sentence in (
        (lambda kinds, _: kinds["admitted"]["payload"].update(step=3), r"as step 3, but the plan follows step 0"),
        (lambda kinds, _: kinds["admitted"]["payload"].pop("step"), r"as step None, but the plan follows step 0"),
        (lambda kinds, _: kinds["planned"]["payload"].update(follows=2), r"says that the plan follows step 2"),
        (between, r"entry [0-9]+ \(destroy-begun\) is a step between the plan and its admission"),
        (twice, r"was admitted 2 times, by entries [0-9]+ and [0-9]+; one plan is good for one step"),
    ):
        told = verify(with_journal(made, edit))["step"]
        assert told.verdict == "wrong", sentence
        assert re.search(sentence, told.detail), told.detail


def test_a_plan_of_an_older_version_that_was_admitted_twice_is_wrong(made: Made) -> None:
    """A plan that names no step is not checked for it, but two admissions by it are told."""
    older = json.loads(made.files["plan.json"])
    older["format"] = 1
    del older["follows"]
    text = canonical_json(older)
    journal = made.files["journal.jsonl"].decode().replace(digest_of(made.files["plan.json"]), digest_of(text))
    files = {**made.files, "plan.json": text.encode(), "journal.jsonl": journal.encode()}
    told = verify(with_manifest(files))["step"]
    assert told.line() == "not-checked  step: the plan names no step, because an older version made it"
    (line,) = (one for one in journal.splitlines() if '"kind":"admitted"' in one)
    again = verify(with_manifest({**files, "journal.jsonl": f"{journal}{line}\n".encode()}))["step"]
    assert again.verdict == "wrong"
    assert "was admitted 2 times" in again.detail


def test_dates_are_not_checked_without_an_entry_that_received_a_signature(made: Made) -> None:
    """A bundle from before its plan was registered says so where a signer's signatures count on some days only."""
    assert "dates" not in verify(made.planned)
    files = dict(made.planned)
    snapshot = json.loads(files["snapshot.json"])
    zone = json.loads(files[object_path(snapshot["files"]["zone.json"])])
    zone["signers"]["anna"]["valid_until"] = "2026-11-23"
    text = canonical_json(zone)
    snapshot["files"]["zone.json"] = digest_of(text)
    files |= {object_path(digest_of(text)): text.encode(), "snapshot.json": canonical_json(snapshot).encode()}
    for path in ("journal.jsonl", "checkpoint.json"):
        del files[path]
    assert verify(with_manifest(files))["dates"].verdict == "not-checked"


@pytest.mark.parametrize("path", ["plan.json", "snapshot.json", "proposal.json", "demand.json", "journal.jsonl"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"format":1}', b"null"])
def test_rubbish_is_one_sentence(made: Made, path: str, content: bytes) -> None:
    """A file that is something else never ends in a traceback."""
    assert wrong(with_manifest({**made.files, path: content}))


def test_readings_that_are_not_there_are_named(tmp_path: Path) -> None:
    """Where recorded registers do not give the figure, verification says of which meter and days there are none."""
    files = rich_bundle(tmp_path)
    snapshot = json.loads(files["snapshot.json"])
    name = "readings/qp-dc1/utility-a/"
    months = sorted(one for one in snapshot["files"] if one.startswith(name))[:-6]
    for month in months:
        del snapshot["files"][month]
    told = wrong(with_manifest({**files, "snapshot.json": canonical_json(snapshot).encode()}))
    (line,) = [one for one in told if one.startswith("energy ratio when it was planned")]
    assert re.search(r"; utility-a has no readings from 20\d\d-\d\d-\d\d to 20\d\d-\d\d-\d\d: ", line), line
    assert line.endswith("readings that were removed earlier cannot be recomputed")
    assert "utility-b" not in line
