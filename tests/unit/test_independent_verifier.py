"""Two verifiers that were written apart agree on each bundle, whole or attacked: so the page says what a bundle is."""

import ast
import base64
import json
import lzma
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support import independent_verifier as other
from support.changes import rich_bundle
from support.ledger_party import Party
from support.planner import Planner
from support.second_opinion import RULES_JUDGED_AGAIN, overall, second, verified
from support.signing import PEOPLE, key_of, policy, signers, zone_with
from support.sources import nodes_of
from support.zone_project import REPOSITORY, cluster, facility
from zonewright.audit.evidence.archive import pack, unpack
from zonewright.audit.evidence.bundle import with_manifest
from zonewright.audit.evidence.layout import MANIFEST, object_path
from zonewright.audit.evidence.party import for_party, signed_for_party
from zonewright.audit.evidence.signing import signed_verdict
from zonewright.audit.evidence.trust import AuditTrust
from zonewright.audit.verify.verify import verify_bundle
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.change_messages import Plan
from zonewright.ledger.protocol.journal_messages import Checkpoint
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.canonical import canonical_json, digest_of

pytestmark = pytest.mark.slow

FIXTURES = REPOSITORY / "tests" / "fixtures"
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
WEB: dict[str, Any] = {"clusters": {"web": cluster(2)}}
Entries = list[dict[str, Any]]
Edit = Callable[[Entries], object]


@dataclass
class World:
    """A ledger of the small zone, with a clock, in which tenant-a plans changes."""

    now: list[datetime]
    client: LedgerClient
    tenant: Planner
    bundles: dict[str, dict[str, bytes]] = field(default_factory=dict)


def zone() -> Zone:
    """The small zone: two operators approve by day, anna's signature counts on one day, and there is a lane."""
    window = {"days": ["tue", "wed", "thu"], "opens": "08:00", "closes": "20:00", "time_zone": "UTC"}
    two = policy({"operators": 2}, parties=["tenant-a"], valid_hours=30, window=window, emergency={"review_hours": 24})
    people = {**signers(), "anna": {**signers()["anna"], "valid_until": f"{AT:%Y-%m-%d}"}}
    return Zone.model_validate({**zone_with(two=two), "signers": people})


def world_in(folder: Path, declared: Zone) -> Iterator[World]:
    """Such a ledger with an operator's site."""
    now = [AT]
    with LedgerClient(f"sqlite:///{folder / 'ledger.db'}", create=True, clock=lambda: now[0]) as client:
        client.call(verbs.INIT, InitRequest(zone=declared))
        Party(client, "stack-of-operator", "operator", zone=declared).bring_up(sites=facility(2)["sites"])
        party = Party(client, "stack-of-tenant-a", "tenant-a", zone=declared)
        party.enrol()
        yield World(now, client, Planner(party))


@pytest.fixture(name="world", scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The bundles of one change: when it was planned, approved, and carried out."""
    for world in world_in(tmp_path_factory.mktemp("ledger"), zone()):
        tenant, now = world.tenant, world.now
        plan, _ = tenant.plan(at=now[0], **WEB)
        world.bundles["planned"] = tenant.bundle()
        for signer in ("ben", "bea"):
            now[0] += timedelta(minutes=10)
            tenant.verdict(plan, signer, at=now[0])
        world.bundles["approved"] = tenant.bundle()
        now[0] += timedelta(minutes=10)
        tenant.complete(tenant.admit(**WEB))
        tenant.roll_out(plan)
        world.bundles["carried out"] = tenant.bundle()
        now[0] += timedelta(days=3)  # anna has left
        world.bundles["exported later"] = tenant.bundle()
        yield world


@pytest.fixture(name="whole", scope="module")
def _whole(world: World) -> dict[str, bytes]:
    return world.bundles["carried out"]


def answer(files: dict[str, bytes], trust: AuditTrust | None = None) -> str:
    """What both verifiers say in all, without what only the product decides."""
    checks = verified(files, trust=trust)
    return overall(one.verdict for one in checks if not RULES_JUDGED_AGAIN.match(one.name))


def keys() -> dict[str, tuple[str, ...]]:
    """The keys of all signers, as an auditor may have them."""
    return {person: (key_of(person).public,) for person in PEOPLE}


def sealed(head: dict[str, Any], person: str = "the ledger") -> dict[str, Any]:
    """A checkpoint signed by somebody's key."""
    private = key_of(person).private
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    said = {**head, "public_key": base64.b64encode(public).decode()}
    del said["signature"]
    return {**said, "signature": base64.b64encode(private.sign(canonical_json(said).encode())).decode()}


def entries_of(files: dict[str, bytes]) -> Entries:
    """The entries of a bundle's journal."""
    return [json.loads(line) for line in files["journal.jsonl"].splitlines()]


def rechained(files: dict[str, bytes], edit: Edit) -> dict[str, bytes]:
    """The bundle as somebody with the ledger's key writes it again: another journal, one chain, a signed head."""
    entries = entries_of(files)
    first = entries[0]["sequence"]
    edit(entries)
    for number, entry in enumerate(entries):
        entry["sequence"] = first + number
        if number:
            entry["previous"] = entries[number - 1]["hash"]
        entry["hash"] = digest_of(canonical_json({name: of for name, of in entry.items() if name != "hash"}))
    last = entries[-1]
    head = json.loads(files["checkpoint.json"])
    head |= {"sequence": last["sequence"], "hash": last["hash"], "at": max(head["at"], last["at"])}
    journal = "".join(f"{canonical_json(entry)}\n" for entry in entries)
    more = {"journal.jsonl": journal.encode(), "checkpoint.json": canonical_json(sealed(head)).encode()}
    return with_manifest({**files, **more})


def one(entries: Entries, kind: str) -> dict[str, Any]:
    """The first entry of a kind."""
    return next(entry for entry in entries if entry["kind"] == kind)


def later(kind: str, **more: float) -> Edit:
    """An edit: the entry of a kind is of another moment, and so is everything after it."""

    def edit(entries: Entries) -> None:
        for entry in entries[entries.index(one(entries, kind)) :]:
            moment = datetime.fromisoformat(entry["at"]) + timedelta(**more)
            entry["at"] = moment.isoformat(timespec="microseconds")

    return edit


def test_they_agree_on_the_bundles_of_older_versions() -> None:
    """The committed bundles of older versions get the same answer, with the auditor's keys and kept checkpoint."""
    folder = FIXTURES / "version-1"
    kept = Checkpoint.model_validate_json((folder / "checkpoint.json").read_bytes())
    known = {path.stem: (" ".join(path.read_text("ascii").split()[:2]),) for path in (folder / "keys").glob("*.pub")}
    for name in ("change.tar", "change-for-party.tar"):
        files = unpack((folder / name).read_bytes())
        for trust in (AuditTrust(), AuditTrust(keys=known, checkpoint=kept, ledger_key=kept.public_key)):
            assert answer(files, trust) == "not-checked", name
        by_path = other.verify(folder / name, keys=folder / "keys", checkpoint=folder / "checkpoint.json")
        assert by_path[1:] == second(files, AuditTrust(keys=known, checkpoint=kept))
        assert by_path[0] == other.Result("archive", "good")
    older = unpack(lzma.decompress((FIXTURES / "older-words" / "change.tar.xz").read_bytes()))
    assert answer(older) == "not-checked"


def test_they_agree_on_a_change_at_each_stage(world: World) -> None:
    """Planned, approved, carried out, and exported after the author has left: nothing is wrong at any stage."""
    for stage, files in world.bundles.items():
        assert answer(files, AuditTrust(keys=keys())) == "not-checked", stage
        party = for_party(files)
        assert answer(party) == "not-checked", stage
    whole = world.bundles["exported later"]
    head = Checkpoint.model_validate_json(whole["checkpoint.json"])
    assert answer(whole, AuditTrust(keys=keys(), checkpoint=head)) == "good"
    assert answer(whole, AuditTrust(checkpoint=head, ledger_key=head.public_key)) == "good"


def test_they_agree_on_a_change_with_everything(tmp_path: Path) -> None:
    """A change over the limit of a site, with moved and gone nodes, is judged by both."""
    files = rich_bundle(tmp_path)
    head = Checkpoint.model_validate_json(files["checkpoint.json"])
    assert answer(files, AuditTrust(checkpoint=head)) == "good"


def test_they_agree_on_each_member_that_is_changed_or_gone(whole: dict[str, bytes]) -> None:
    """A changed byte is wrong in each member; so is a member that is gone, but for the journal's head."""
    objects = [path for path in whole if path.startswith("objects/")]
    for path in [*(path for path in whole if path not in objects), *objects[:2]]:
        content = whole[path]
        middle = len(content) // 2
        changed = {**whole, path: content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]}
        gone = {name: of for name, of in whole.items() if name != path}
        if path in {MANIFEST, "plan.json", "proposal.json"}:
            assert answer(changed) == "wrong", path
            assert answer(gone) == "wrong", path
        if path != MANIFEST:
            assert answer(with_manifest(changed)) == "wrong", path
            assert answer(with_manifest(gone)) == ("not-checked" if path == "checkpoint.json" else "wrong"), path


def test_they_agree_on_what_nobody_names(whole: dict[str, bytes]) -> None:
    """One file more is wrong: an object that nobody names, a record of another run, a text beside the others."""
    for path in (object_path(digest_of("x")), "rollouts/more.json", "more.txt", "inputs/more.yaml", "party.dsse.json"):
        assert answer(with_manifest({**whole, path: b"x"})) == "wrong", path


def test_they_agree_on_archives(whole: dict[str, bytes], tmp_path: Path) -> None:
    """An archive is read by both as the same files; one with another header or padding is wrong in both."""
    path, data = tmp_path / "change.tar", pack(whole)
    path.write_bytes(data)
    assert other.read(path) == (whole, [])
    for at in (100, 257, len(data) - 1):
        path.write_bytes(data[:at] + b"7" + data[at + 1 :])
        assert other.overall(other.verify(path)) == "wrong", at
        with pytest.raises(ValueError, match=r"archive"):
            unpack(path.read_bytes())


def as_verdict(files: dict[str, bytes], person: str, signer: str, **more: Any) -> dict[str, bytes]:
    """The bundle whose first verdict is somebody's, as all its digests and the journal have it."""
    plan = Plan.model_validate_json(files["plan.json"])
    at = more.pop("at", (AT + timedelta(minutes=10)).isoformat())
    envelope = signed_verdict(plan, key_of(person), signer=signer, verdict="approve", comment="", at=at)

    def edit(entries: Entries) -> None:
        one(entries, "approved")["payload"] |= {"envelope": digest_of(envelope), "signer": signer}
        one(entries, "admitted")["payload"] |= more

    return rechained({**files, "verdicts/001.dsse.json": envelope.encode()}, edit)


def test_they_agree_on_who_signed(whole: dict[str, bytes]) -> None:
    """A signer who is not named, one with another's key, the author, a foreign group and a missing key are wrong."""
    assert answer(as_verdict(whole, "ben", "ben")) == "not-checked"
    assert answer(as_verdict(whole, "eve", "eve")) == "wrong"
    assert answer(as_verdict(whole, "eve", "ben")) == "wrong"
    assert answer(as_verdict(whole, "anna", "anna")) == "wrong"
    assert answer(as_verdict(whole, "carl", "carl", approved_by=["bea", "carl"])) == "wrong"
    assert answer(as_verdict(whole, "bea", "bea", approved_by=["bea"])) == "wrong"
    assert answer(as_verdict(whole, "ben", "ben", approved_by=["bea"])) == "wrong"
    for person in ("anna", "ben"):
        less = {name: own for name, own in keys().items() if name != person}
        assert answer(whole, AuditTrust(keys=less)) == "wrong", person
        assert answer(whole, AuditTrust(keys={**keys(), person: keys()["carl"]})) == "wrong", person
    assert answer(whole, AuditTrust(keys={**keys(), "ben": (*keys()["carl"], *keys()["ben"])})) == "not-checked"


def test_they_agree_on_when_it_was_signed(whole: dict[str, bytes]) -> None:
    """A verdict from before the plan, or of five minutes after it was received, does not count."""
    for minutes, said in ((-1, "wrong"), (0, "not-checked"), (15, "not-checked"), (15.1, "wrong")):
        at = (AT + timedelta(minutes=minutes)).isoformat()
        assert answer(as_verdict(whole, "ben", "ben", at=at)) == said, minutes


def test_they_agree_on_the_moment_of_the_admission(whole: dict[str, bytes]) -> None:
    """The author's last day, the age of an approval and the window are judged at the entries, as they are written."""
    for kind, hours, said in (
        ("admitted", 1, "not-checked"),
        ("admitted", 7.4, "not-checked"),  # 19:54
        ("admitted", 7.6, "wrong"),  # 20:06, after the window
        ("admitted", 24, "wrong"),  # anna has left
        ("planned", 24, "wrong"),
        ("completed", 24, "not-checked"),
    ):
        assert answer(rechained(whole, later(kind, hours=hours))) == said, (kind, hours)


def test_they_agree_on_the_order_of_verdicts_and_admission(whole: dict[str, bytes]) -> None:
    """A verdict that the ledger received after the admission does not count for it, whatever its own time."""

    def after(entries: Entries) -> None:
        late = one(entries, "approved")
        entries.remove(late)
        entries.insert(entries.index(one(entries, "admitted")) + 1, late)

    assert answer(rechained(whole, after)) == "wrong"
    first, other_one = whole["verdicts/001.dsse.json"], whole["verdicts/002.dsse.json"]
    swapped = {**whole, "verdicts/001.dsse.json": other_one, "verdicts/002.dsse.json": first}
    assert answer(with_manifest(swapped)) == "wrong"


def test_they_agree_on_another_journal(whole: dict[str, bytes]) -> None:
    """A journal that was written again with its head: what it says of the plan still has to fit."""

    def twice(entries: Entries) -> None:
        entries.append(json.loads(json.dumps(one(entries, "admitted"))))

    def without_a_plan(entries: Entries) -> None:
        one(entries, "admitted")["payload"]["plan"] = ""

    def between(entries: Entries) -> None:
        step = {**one(entries, "admitted"), "kind": "destroy-begun", "payload": {"step": 1}}
        entries.insert(1, step)

    def less(kind: str) -> Edit:
        return lambda entries: entries.remove(one(entries, kind))

    def other_payload(kind: str, **fields: Any) -> Edit:
        return lambda entries: one(entries, kind)["payload"].update(fields)

    assert answer(rechained(whole, lambda entries: entries)) == "not-checked"
    for name, edit, said in (
        ("admitted twice", twice, "wrong"),
        ("admitted without a plan", without_a_plan, "wrong"),  # its snapshot is named by nobody then
        ("a step between", between, "wrong"),
        ("no plan", less("planned"), "wrong"),
        ("no verdict", less("approved"), "wrong"),
        ("no roll-out", less("rolled-out"), "wrong"),
        ("no end", less("completed"), "not-checked"),
        ("another author's signature", other_payload("planned", envelope=digest_of("x")), "wrong"),
        ("another step before", other_payload("planned", follows=1), "wrong"),
        ("another step", other_payload("admitted", step=2), "wrong"),
        ("other files", other_payload("admitted", rendered_digest=digest_of("x")), "wrong"),
        ("another change", other_payload("admitted", change_digest=digest_of("x")), "wrong"),
        ("another record", other_payload("rolled-out", record=digest_of("x")), "wrong"),
        ("another stack", lambda entries: one(entries, "admitted").update(stack_id="stack-of-operator"), "wrong"),
    ):
        assert answer(rechained(whole, edit)) == said, name


def test_they_agree_on_an_altered_journal(whole: dict[str, bytes]) -> None:
    """An entry that is cut out or altered under the old head is wrong, also where the head was taken out with it."""
    lines = whole["journal.jsonl"].splitlines(keepends=True)
    for number in range(len(lines)):
        for journal in ([*lines[:number], *lines[number + 1 :]], [*lines, lines[number]]):
            files = {**whole, "journal.jsonl": b"".join(journal)}
            assert answer(with_manifest(files)) == "wrong", number
            del files["checkpoint.json"]
            is_end = number == len(lines) - 1 and len(journal) < len(lines) and b"rolled-out" not in lines[-1]
            assert answer(with_manifest(files)) == ("not-checked" if is_end else "wrong"), number


def test_they_agree_on_kept_checkpoints(whole: dict[str, bytes]) -> None:
    """A checkpoint of another key, zone, entry or signature is wrong; one of an entry elsewhere is not-checked."""
    head = json.loads(whole["checkpoint.json"])
    first = entries_of(whole)[0]
    before = {"sequence": first["sequence"] - 1, "hash": first["previous"]}
    own = rechained(whole, lambda entries: entries)
    own_head = json.loads(own["checkpoint.json"])
    for files, kept, said in (
        (whole, head, "good"),
        (whole, sealed(head), "wrong"),
        (whole, {**head, "at": first["at"]}, "wrong"),
        (own, own_head, "good"),
        (own, head, "wrong"),
        (own, sealed({**own_head, **before}), "good"),
        (own, sealed({**own_head, **before, "hash": digest_of("x")}), "wrong"),
        (own, sealed({**own_head, "sequence": 1}), "not-checked"),
        (own, sealed({**own_head, "sequence": 1_000}), "not-checked"),
        (own, sealed({**own_head, "zone": "other"}), "wrong"),
    ):
        assert answer(files, AuditTrust(checkpoint=Checkpoint.model_validate(kept))) == said, kept
    assert answer(whole, AuditTrust(ledger_key=own_head["public_key"])) == "wrong"


def test_they_agree_on_emergencies(tmp_path: Path) -> None:
    """A lane lets a change pass by its author; a full policy that is met in time is good, and one too late is wrong."""
    for world in world_in(tmp_path, zone()):
        plan, _ = world.tenant.plan(at=world.now[0], emergency=True, **WEB)
        world.tenant.complete(world.tenant.admit(**WEB))
        files = world.tenant.bundle()
        head = Checkpoint.model_validate_json(files["checkpoint.json"])
        assert answer(files, AuditTrust(checkpoint=head)) == "not-checked"
        assert answer(rechained(files, later("completed", hours=25))) == "wrong"
        for signer in ("ben", "bea"):
            world.now[0] += timedelta(hours=1)
            world.tenant.verdict(plan, signer, at=world.now[0])
        files = world.tenant.bundle()
        assert answer(files) == "not-checked"
        found = {check.name: check.verdict for check in verified(files)}
        assert found["review"] == "good"
        assert answer(rechained(files, later("approved", hours=25))) == "wrong"


def test_they_agree_on_a_policy_without_a_lane_and_on_rejections(tmp_path: Path) -> None:
    """An emergency that no lane covers, and a change that somebody rejected, were not admitted by the rules."""
    declared = Zone.model_validate(zone_with(one=policy({"operators": 1}, parties=["tenant-a"])))
    for world in world_in(tmp_path, declared):
        plan, _ = world.tenant.plan(at=world.now[0], **WEB)
        world.tenant.verdict(plan, "ben", at=world.now[0])
        world.tenant.verdict(plan, "carl", at=world.now[0], word="reject")  # of no group that the policy needs
        world.tenant.complete(world.tenant.admit(**WEB))
        files = world.tenant.bundle()
        assert answer(files) == "not-checked"
        world.tenant.verdict(plan, "ben", at=world.now[0], word="reject")  # after the admission
        later_one = world.tenant.bundle()
        assert answer(later_one) == "not-checked"

        def before(entries: Entries) -> None:
            rejection = [entry for entry in entries if entry["kind"] == "rejected"][-1]
            entries.remove(rejection)
            entries.insert(entries.index(one(entries, "admitted")), rejection)

        assert answer(rechained(later_one, before)) == "wrong"


def test_they_agree_on_an_admission_without_a_plan(tmp_path: Path) -> None:
    """A change that needed no approval was not admitted by its plan: the plan stays not admitted, and good so far."""
    for world in world_in(tmp_path, Zone.model_validate(zone_with())):
        world.tenant.plan(at=world.now[0], **WEB)
        world.tenant.complete(world.tenant.admit(**WEB))
        files = world.tenant.bundle()
        assert one(entries_of(files), "admitted")["payload"]["plan"] == ""
        assert answer(files) == "not-checked"
        assert {check.name: check.verdict for check in verified(files)}["approval"] == "not-checked"


def test_they_agree_on_a_party_s_bundles(world: World, whole: dict[str, bytes]) -> None:
    """Unsigned, signed by another party or by the own one, altered after it, and with a fact that is none."""
    files = for_party(whole, ["loads.json"])
    late = for_party(world.bundles["exported later"])
    assert answer(signed_for_party(late, key_of("ben"))) == "not-checked"
    assert answer(signed_for_party(late, key_of("anna"))) == "wrong"  # she has left by then
    for person in ("ben", "anna"):
        party = signed_for_party(files, key_of(person))
        assert answer(party) == "not-checked", person
        assert answer(party, AuditTrust(keys={"carl": keys()["carl"]})) == "wrong"
        other_before = party["party.json"].replace(b'"before":{}', b'"before":{"web-001":"x"}')
        assert answer(with_manifest({**party, "party.json": other_before})) == "wrong", person
    for path in files:
        middle = len(files[path]) // 2
        changed = files[path][:middle] + bytes([files[path][middle] ^ 1]) + files[path][middle + 1 :]
        if path not in {MANIFEST, "party.json"}:  # nobody has signed party.json here
            assert answer(with_manifest({**files, path: changed})) == "wrong", path


BY_ITSELF = {
    "tests/unit/test_audit_verify.py": "checks of the product that a test has replaced",
    "tests/unit/test_independent_verifier.py": "what the product alone decides",
    "tests/support/second_opinion.py": "where the two are compared",
}
"""Files that may verify a bundle by the product alone, and why."""


def _verifies_alone(path: Path) -> bool:
    """Whether a file verifies a bundle, by the function or the command, and none of it by both verifiers."""
    text = path.read_text(encoding="utf-8")
    if "verify_bundle" not in text and not ('"audit"' in text and '"verify"' in text):
        return False  # without these words there is no such name and no such command: most need not be parsed
    nodes = nodes_of(text)
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    if "verify_bundle" in names:
        return True
    by_command = any(_is_command(node) for node in nodes if isinstance(node, ast.Call))
    return by_command and not names & {"require_second", "verified"}


def _is_command(call: ast.Call) -> bool:
    """A call of `audit verify` that is not one of a `Stack`, which asks the independent verifier by itself."""
    words = [one for given in call.args for one in (given.elts if isinstance(given, ast.List) else (given,))]
    said = [one.value for one in words if isinstance(one, ast.Constant)]
    is_of_stack = (isinstance(call.func, ast.Attribute) and call.func.attr in ("zonewright", "process")) or (
        isinstance(call.func, ast.Name) and call.func.id == "said"
    )
    return said[:2] == ["audit", "verify"] and not is_of_stack


def test_no_test_verifies_a_bundle_by_the_product_alone() -> None:
    """Whoever verifies a bundle does it through `second_opinion`, or is in the list with a reason."""
    of_others = ("browser", "cases", "nodejs")  # what users wrote, and thousands of files of npm
    folders = [one for one in (REPOSITORY / "tests").iterdir() if one.is_dir() and one.name not in of_others]
    files = sorted(path for folder in folders for path in folder.rglob("*.py"))
    alone = {path.relative_to(REPOSITORY).as_posix() for path in files if _verifies_alone(path)}
    assert alone == BY_ITSELF.keys()


def test_where_they_differ_by_design(whole: dict[str, bytes]) -> None:
    """Rules, rendering, figures, risk, premises, sites and secrets are decided again by the product alone."""
    asked = {name.split(" when ")[0] for name in (check.name for check in verify_bundle(whole)) if "when" in name}
    assert asked == {"rules", "energy ratio", "risk", "premises"}
    left = {name: one.answer for one in second(whole) if (name := one.name) in other.NEEDS_THE_PROGRAM}
    assert left == dict.fromkeys(other.NEEDS_THE_PROGRAM, "not-checked")
    assert {"declaration", "rendering", "sites", "secrets", *asked} == left.keys()
    plan = json.loads(whole["plan.json"])
    assert plan["risk"] == "normal"
    entry = rechained(whole, lambda entries: one(entries, "admitted")["payload"].update(risk="high"))
    assert answer(entry) == "not-checked"
    assert {check.name: check.verdict for check in verify_bundle(entry)}["risk when it was admitted"] == "wrong"
