"""The export for a party: its own data and nothing of others, verified as far as that goes, and it says how far."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import pytest

from support.changes import databases, reference_ledger, servers, store_readings
from support.ledger_party import Party
from support.planner import Planner
from support.registers import NOW
from support.second_opinion import verified
from support.signing import key_of
from support.soak import count, seeded
from zonewright.audit.evidence.archive import pack, unpack
from zonewright.audit.evidence.bundle import manifest_faults, with_manifest
from zonewright.audit.evidence.checks import Check
from zonewright.audit.evidence.contents import read_contents
from zonewright.audit.evidence.layout import CHECKPOINT, EXPORTER, JOURNAL, MANIFEST, PARTIAL, object_path
from zonewright.audit.evidence.party import for_party, signed_for_party
from zonewright.audit.evidence.signing import signed_export
from zonewright.audit.evidence.trust import AuditTrust
from zonewright.audit.report.html import report_html
from zonewright.audit.report.report import report_of
from zonewright.audit.report.text import report_data, report_markdown
from zonewright.audit.verify.signatures import export_checks
from zonewright.changes.errors import BundleError
from zonewright.ledger.deciding.party_facts import FACTS, SALT
from zonewright.ledger.store.claim_text import unpacked
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.seal import SealError

pytestmark = pytest.mark.slow

PLANTED = "neighbour-zq7"
URL_SAFE = bytes.maketrans(b"-_", b"+/")


@dataclass
class Made:
    """A change on the full reference zone beside a neighbour whose names are planted; and its two exports."""

    zone: dict[str, bytes]
    party: dict[str, bytes]


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("ledger")
    with reference_ledger(folder) as (client, declaration):
        zone = declaration.zone
        neighbour = Party(client, f"stack-{PLANTED}", "tenant-gov", zone=zone)
        neighbour.enrol()
        near = {"site": "qp-dc1", "node_type": "general-1u"}
        Planner(neighbour).admit(clusters={PLANTED: {**near, "count": 2}})
        store_readings(folder, declaration)
        party = Party(client, "stack-of-fin", "tenant-fin", zone=zone)
        party.enrol()
        tenant = Planner(party)
        first = databases(1)
        first["clusters"] |= servers(3)
        plan, _ = tenant.plan(at=NOW - timedelta(minutes=50), **first)
        tenant.verdict(plan, "ben", at=NOW - timedelta(minutes=40))
        tenant.complete(tenant.admit(**first))
        then = databases(2)
        then["clusters"] |= servers(2)
        plan, _ = tenant.plan(at=NOW - timedelta(minutes=30), **then)
        tenant.verdict(plan, "ben", at=NOW - timedelta(minutes=20))
        Party(client, f"stack-{PLANTED}-two", "tenant-gov", zone=zone).enrol()
        tenant.admit(**then)
        tenant.roll_out(plan)
        files = tenant.bundle()
    return Made(files, for_party(files))


def verify(files: Mapping[str, bytes]) -> dict[str, Check]:
    """The checks by name."""
    return {check.name: check for check in verified(files)}


def wrong(files: Mapping[str, bytes]) -> list[str]:
    """The lines of what is wrong."""
    return [f"{check.name}: {check.detail}" for check in verify(files).values() if check.verdict == "wrong"]


def forms_of(files: Mapping[str, bytes]) -> bytes:
    """Everything in a party's bundle and its three reports, with all that is packed in base64 or hex unpacked too."""
    report = report_of(read_contents(files), tuple(verified(files)))
    parts = [pack(files), report_html(report).encode(), report_markdown(report).encode()]
    parts.append(json.dumps(report_data(report)).encode())
    everything = b"\n".join(parts)
    runs = {run.translate(URL_SAFE) for run in re.findall(rb"[A-Za-z0-9+/_-]{12,}", everything)}
    parts += [base64.b64decode(run + b"=" * (-len(run) % 4)) for run in runs if len(run) % 4 != 1]
    parts += [bytes.fromhex(run[: len(run) // 2 * 2].decode()) for run in set(re.findall(rb"[0-9a-f]{8,}", everything))]
    return b"\n".join(parts).lower()


def words_of_others(made: Made) -> set[str]:
    """Stack ids, names, addresses and hosts in the facts of others that are in nothing that the party has declared.

    The party's own demand, the administrator's file and what the ledger has told the party of its sites are its own.
    """
    contents = read_contents(made.zone)
    own = "".join(contents.texts[path] for path in ("plan.json", "demand.json", "proposal.json", "before.json"))
    own += contents.object(contents.snapshot.files["zone.json"]) + contents.object(
        contents.snapshot.files["present.json"]
    )
    found: set[str] = set()
    for name, text in contents.facts(contents.snapshot).items():
        if name.startswith(("assets/", "claims/")) or name in {"loads.json", "reservations.json", "connections.json"}:
            for row in unpacked(text) if name.startswith("claims/") else json.loads(text):
                if row.get("stack_id") != contents.plan.stack_id:
                    found |= {str(row[key]) for key in ("stack_id", "name") if key in row}
                    found |= set(_addresses(row))
    return {word for word in found if len(word) >= 5 and not re.search(rf"\b{re.escape(word)}\b", own)}


def _addresses(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _addresses(one)
    elif isinstance(value, list):
        for one in value:
            yield from _addresses(one)
    elif isinstance(value, str) and re.fullmatch(r"[0-9.]{7,15}|[0-9a-f:]*::?[0-9a-f:]+", value):
        yield value


def test_nothing_of_others_is_in_a_party_s_bundle_or_report(made: Made) -> None:
    """No stack, name or address of another tenant or owner is there: raw, in base64, in hex, in any of the reports."""
    words = words_of_others(made)
    assert {f"stack-{PLANTED}", f"{PLANTED}-001"} <= words
    assert len(words) > 100
    text = forms_of(made.party)
    whole = b"".join(made.zone.values()).lower()
    assert all(word.lower().encode() in whole for word in words)
    there = sorted(word for word in words if re.search(rb"\b" + re.escape(word.lower().encode()) + rb"\b", text))
    assert there == []
    for form in (PLANTED.encode(), base64.b64encode(PLANTED.encode()), PLANTED.encode().hex().encode()):
        assert form.lower() not in text


def test_what_is_planted_would_be_found(made: Made) -> None:
    """The search finds a name that is there in clear, in base64 or in hex: it is no search that cannot fail."""
    for form in (PLANTED, base64.b64encode(PLANTED.encode()).decode(), PLANTED.encode().hex()):
        partial = json.loads(made.party[PARTIAL])
        partial["before"]["x"] = form
        changed = with_manifest({**made.party, PARTIAL: canonical_json(partial).encode()})
        assert PLANTED.encode() in forms_of(changed)


def test_no_fact_can_be_guessed_from_a_digest(made: Made) -> None:
    """No plain digest of a fact, of the journal or of an entry of others is there, nor the salt of the others."""
    contents = read_contents(made.zone)
    hidden = {
        digest
        for name, digest in contents.snapshot.files.items()
        if name not in {"zone.json", "present.json", "remembered.json"}
    }
    shown = {digest_of(content) for content in made.party.values()}
    hidden -= shown  # facts that are empty in both: the party's own present, say
    hidden |= {entry.hash for entry in contents.journal} | {entry.previous for entry in contents.journal}
    hidden |= {digest_of(made.zone[path]) for path in ("journal.jsonl", "checkpoint.json")}
    text = b"".join(made.party.values())
    assert len(hidden) > 10
    assert [digest for digest in hidden if digest[7:].encode() in text] == []
    assert contents.object(contents.snapshot.files[SALT]).encode() not in text
    assert {"snapshot.json", "journal.jsonl", "checkpoint.json"} & made.party.keys() == set()


def test_it_verifies_and_says_line_by_line_what_it_can_not_check(made: Made) -> None:
    """Nothing is wrong; each thing that rests on facts of others has its own line with the reason."""
    assert wrong(made.zone) == []
    found = verify(made.party)
    assert wrong(made.party) == []
    left = {name: check.detail for name, check in found.items() if check.verdict == "not-checked"}
    assert left.keys() == {
        "declaration",
        "facts left out",
        "rules when it was planned",
        "energy ratio when it was planned",
        "risk when it was planned",
        "premises when it was admitted",
        "sites",
        "export",
        "journal",
        "kept checkpoint",
    }
    assert all("other" in text or "zone's bundle" in text for name, text in left.items() if name != "declaration")
    for name in ("manifest", "plan", "change", "proposal", "facts", "rendering", "author", "verdict 1", "approval"):
        assert found[name].verdict == "good", name
    assert found["record"].detail.endswith("according to the zone's export; see the check 'journal'")
    assert found["roll-outs"].verdict == "good"


def test_the_same_export_is_the_same_bytes(made: Made) -> None:
    """Exporting again gives the same archive; the salts of two plans are not the same."""
    assert pack(for_party(made.zone)) == pack(made.party)
    assert for_party(made.party) == made.party
    with pytest.raises(BundleError, match="only the zone's bundle"):
        for_party(made.party, ["loads.json"])


def test_one_fact_can_be_opened_later(made: Made) -> None:
    """A fact that is shown is proved to be one of the plan's; another text or another salt is named."""
    name = next(name for name in read_contents(made.zone).snapshot.files if name.startswith("assets/"))
    files = for_party(made.zone, [name])
    assert wrong(files) == []
    assert verify(files)["facts"].detail.startswith(f"{name}, ")
    partial = json.loads(files[PARTIAL])
    assert files[object_path(partial["opened"][name]["digest"])]
    assert files[FACTS] == made.party[FACTS]
    for key, value in (("digest", digest_of("[]")), ("salt", "0" * 64)):
        other = json.loads(files[PARTIAL])
        other["opened"][name][key] = value
        more = {object_path(digest_of("[]")): b"[]"} if key == "digest" else {}
        changed = with_manifest({**files, **more, PARTIAL: canonical_json(other).encode()})
        assert f"facts: {name} is not among the facts of the plan" in wrong(changed)
    for bad in (SALT, "snapshot.json", "nothing.json"):
        with pytest.raises(BundleError, match=f"no fact '{bad}'"):
            for_party(made.zone, [bad])


def test_any_changed_byte_of_it_is_found_and_named(made: Made) -> None:
    """Bytes of the archive, changed: the file, or the archive itself, is named."""
    data, chance = pack(made.party), seeded("party")
    for _ in range(count(5_000)):
        at = chance.randrange(len(data))
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            files = unpack(changed)
        except BundleError:
            continue
        (name,) = [path for path in files if files[path] != made.party[path]]
        told = [path for path, _ in manifest_faults(files)]
        assert told, at
        assert name in told or name == MANIFEST, (at, told)


def test_a_changed_file_with_a_corrected_manifest_is_found(made: Made) -> None:
    """Whatever the plan or a signature binds cannot be changed, although the manifest is made again."""
    for path in made.party.keys() - {MANIFEST, PARTIAL}:
        content = made.party[path]
        changed = content[:-2] + bytes([content[-2] ^ 1]) + content[-1:]
        assert wrong(with_manifest({**made.party, path: changed})), path
        without = {name: made.party[name] for name in made.party if name != path}
        assert wrong(with_manifest(without)) or path == "author.dsse.json", path


def test_an_export_is_signed_by_whoever_vouches_for_it(made: Made) -> None:
    """Unsigned, or signed by the party itself, its word is left open; by somebody else it is good."""
    assert verify(made.party)["export"].verdict == "not-checked"
    assert verify(made.party)["export"].detail.startswith("nobody has signed party.json: ")
    assert "export" not in verify(made.zone)
    own = signed_for_party(made.party, key_of("anna"))
    assert (verify(own)["export"].verdict, wrong(own)) == ("not-checked", [])
    assert "anna of tenant-fin signed party.json" in verify(own)["export"].detail
    files = signed_for_party(own, key_of("ben"))
    assert (verify(files)["export"].verdict, wrong(files)) == ("good", [])
    assert verify(files)["export"].detail.startswith("ben of zone-administration vouches for party.json with ")
    assert pack(files) == pack(signed_for_party(made.party, key_of("ben")))
    assert for_party(files) == files
    with pytest.raises(SealError, match="no signer of zone reference has the key"):
        signed_for_party(made.party, key_of("bea"))
    known = {"anna": (key_of("anna").public,)}
    told = verified(files, trust=AuditTrust(keys=known))
    (check,) = [one for one in told if one.name == "export"]
    assert check.verdict == "wrong"
    assert "no signer of this zone has that key now" in check.detail


def test_a_changed_byte_of_what_was_left_out_is_found(made: Made) -> None:
    """Each byte of a signed party.json in a soak, else a tenth; and each of its fields, in canonical form."""
    files = signed_for_party(made.party, key_of("ben"))
    content, chance = files[PARTIAL], seeded("party.json")
    for at in chance.sample(range(len(content)), count(len(content))):
        changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        assert faults_of({**files, PARTIAL: changed}), at
    data = json.loads(content)
    for field, value in (
        ("at", data["until"]),
        ("until", data["at"]),
        ("items", data["items"][1:]),
        ("before", {}),
        ("entries", data["entries"][:-1]),
        ("party", "tenant-gov"),
    ):
        changed = canonical_json({**data, field: value}).encode()
        (line,) = [one for one in wrong(with_manifest({**files, PARTIAL: changed})) if one.startswith("export: ")]
        assert ("ben signed another party.json" in line) == (field != "party"), line


def faults_of(files: Mapping[str, bytes]) -> list[str]:
    """What is wrong with a bundle's form or with the signature of its export; the manifest is not asked."""
    try:
        checks = list(export_checks(read_contents(files), None))
    except (ValueError, KeyError) as error:
        return [str(error)]
    return [check.detail for check in checks if check.verdict == "wrong"]


def test_a_signature_of_something_else_is_no_export(made: Made) -> None:
    """The author's signature, a verdict, the export of another plan, or of another moment is named; so is rubbish."""
    other = for_party({path: text for path, text in made.zone.items() if path not in {JOURNAL, CHECKPOINT}})
    another = signed_for_party(other, key_of("ben"))[EXPORTER]
    plan, digest = read_contents(made.zone).plan, digest_of(made.party[PARTIAL])
    dated = signed_export(plan, key_of("ben"), signer="ben", party=digest, at="2020-01-01T00:00:00+00:00")
    for text, sentence in (
        (made.party["author.dsse.json"], "got 'urn:zonewright:change-plan:v1'"),
        (made.party["verdicts/001.dsse.json"], "got 'urn:zonewright:change-verdict:v1'"),
        (another, "ben signed another party.json"),
        (dated.encode(), "ben signed it as exported at 2020-01-01T00:00:00+00:00, but party.json says "),
        (b"{}", "it is not a DSSE envelope"),
    ):
        told = wrong(with_manifest({**made.party, EXPORTER: text}))
        assert any(
            line.startswith("export: the signature of party.json is not valid: ") and sentence in line for line in told
        ), (sentence, told)
    extra = with_manifest({**made.zone, EXPORTER: another})
    assert any("nothing in the bundle refers to party.dsse.json" in line for line in wrong(extra))


def test_the_documented_salted_digest_is_enough(made: Made) -> None:
    """A salted digest made by the words of docs/reference/bundle.md is one of the plan's."""
    items = json.loads(made.party[FACTS])["items"]
    for name, one in json.loads(made.party[PARTIAL])["opened"].items():
        text = json.dumps({"content": one["digest"], "name": name, "salt": one["salt"]}, separators=(",", ":"))
        assert "sha256:" + hashlib.sha256(text.encode()).hexdigest() in items


def test_a_report_of_it_shows_the_party_s_own(made: Made) -> None:
    """The report has the party's nodes, files, signatures and checks, and says what it does without."""
    files = made.party
    report = report_of(read_contents(files), tuple(verified(files)))
    (site,) = [one for one in report.sites if one.site == "qp-dc1"]
    assert {one.name for one in site.nodes} == {"more-002", "web-003"}
    assert [one.after for one in site.nodes] != [one.before for one in site.nodes]
    for text in (report_html(report), report_markdown(report)):
        assert "what tenant-fin may see" in text
        assert "ben" in text
        assert "more-002" in text
    assert report_data(report)["facts"]["Shown"].startswith("what tenant-fin may see")
