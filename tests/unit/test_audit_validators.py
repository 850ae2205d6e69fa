"""Verdicts of validators in bundles: bound to bytes, signatures and policy; one that is missing is a refusal."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.ledger_party import Party
from support.planner import Planner
from support.second_opinion import verified
from support.signing import key_of, zone_with
from support.zone_project import cluster, facility
from zonewright.audit.evidence.bundle import with_manifest
from zonewright.audit.evidence.checks import Check
from zonewright.audit.evidence.contents import read_contents
from zonewright.audit.evidence.party import for_party
from zonewright.audit.evidence.signing import signed_plan
from zonewright.audit.evidence.trust import AuditTrust
from zonewright.audit.report.html import report_html
from zonewright.audit.report.report import report_of
from zonewright.audit.report.text import report_data, report_markdown
from zonewright.changes.rendering import rendered_files
from zonewright.changes.validated import VALIDATORS, Validated
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.change_messages import Plan
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.render.formats.format_set import BUILT_IN
from zonewright.render.validators.attested import statements
from zonewright.render.validators.validate import batches
from zonewright.render.validators.verdict import Judged, ValidatorVerdict, VerdictStatus, content_digest
from zonewright.seal.dsse import sign

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
PACK = {"title": "x", "valid_from": "2026-01-01", "valid_until": "2030-12-31", "gated_formats": ["netplan"]}


def said_of(files: Mapping[str, str], status: VerdictStatus = "pass", signer: str = "") -> tuple[Judged, ...]:
    """What a machine with the program says of the files of netplan."""
    verdict = ValidatorVerdict(
        status=status, program="netplan", version="0.106.1", arguments=(("netplan", "generate"),), detail="read <it>"
    )
    return tuple(
        Judged(
            format=format_.id,
            root=root,
            paths=tuple(f"{root}/{path}" for path in of_root),
            digest=content_digest(format_.id, of_root),
            verdict=replace(verdict, signer=signer),
        )
        for format_, root, of_root in batches(files, BUILT_IN)
        if format_.id == "netplan"
    )


def signed_by(signer: str, judged: tuple[Judged, ...]) -> tuple[str, ...]:
    """Envelopes of such verdicts."""
    bare = [replace(item, verdict=replace(item.verdict, signer="")) for item in judged]
    return tuple(sign(text, key_of(signer)).text() for text in statements(bare))


class Bench:
    """A ledger whose zone gates netplan, and a tenant that plans two nodes there with some verdicts."""

    def __init__(self, client: LedgerClient, **more: Any) -> None:
        document = {**zone_with(), "rule_packs": {"p": PACK}, "rule_pack": "p", "verdict_signers": ["bea"], **more}
        self.zone = Zone.model_validate(document)
        client.call(verbs.INIT, InitRequest(zone=self.zone))
        Party(client, "stack-of-operator", "operator", zone=self.zone).bring_up(sites=facility(2)["sites"])
        party = Party(client, "stack-of-tenant-a", "tenant-a", zone=self.zone)
        party.enrol()
        self.tenant = Planner(party)
        self.clusters: dict[str, Any] = {"clusters": {"web": cluster(2)}}
        self.files: Mapping[str, str] = {}
        self.at = AT

    def rendered(self) -> Mapping[str, str]:
        """The files of the change."""
        demand = self.tenant.party.demand(**self.clusters)
        return rendered_files(demand, self.tenant.party.propose(demand, reserve=False))

    def bundle(self, validated: Validated) -> dict[str, bytes]:
        """The zone's bundle of the change with these verdicts."""
        self.at += timedelta(minutes=1)
        self.tenant.plan(at=self.at, validated=validated, **self.clusters)
        return self.tenant.bundle()


@pytest.fixture(name="bench", scope="module")
def _bench(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    with LedgerClient(f"sqlite:///{path}", create=True, clock=lambda: AT + timedelta(hours=1)) as client:
        yield Bench(client)


def verify(files: Mapping[str, bytes], trust: AuditTrust | None = None) -> dict[str, Check]:
    """The checks by name."""
    return {check.name: check for check in verified(files, trust=trust)}


def wrong(files: Mapping[str, bytes], trust: AuditTrust | None = None) -> str:
    """What is wrong, in one text."""
    return "\n".join(f"{one.name}: {one.detail}" for one in verify(files, trust).values() if one.verdict == "wrong")


def rewritten(files: Mapping[str, bytes], changes: Mapping[str, str | None]) -> dict[str, bytes]:
    """The bundle with other verdicts, its plan made again and signed by its author, all digests right."""
    texts: dict[str, bytes] = {path: content for path, content in files.items() if changes.get(path, "") is not None}
    texts |= {path: text.encode() for path, text in changes.items() if text is not None}
    plan = json.loads(files["plan.json"])
    for path, text in changes.items():
        plan["files"].pop(path, None)
        if text is not None:
            plan["files"][path] = digest_of(text)
    made = Plan.model_validate(plan)
    envelope = signed_plan(made, key_of("anna"), signer="anna")
    texts |= {"plan.json": made.text().encode(), "author.dsse.json": envelope.encode()}
    return with_manifest(
        {path: text for path, text in texts.items() if path not in ("journal.jsonl", "checkpoint.json")}
    )


def test_a_pass_that_somebody_signed_opens_the_gate_offline(bench: Bench) -> None:
    """Bytes, signature and policy are checked from the bundle alone; with the keys that the auditor knows too."""
    judged = said_of(bench.rendered(), signer="bea")
    assert judged
    files = bench.bundle(Validated(judged=judged, envelopes=signed_by("bea", judged)))
    found = verify(files)
    assert wrong(files) == ""
    assert found["gated formats"].detail == "every file of netplan has a pass"
    assert found["validators' signatures"].detail == f"{len(judged)} signed by bea"
    known = {person: (key_of(person).public,) for person in ("anna", "bea")}
    assert wrong(files, AuditTrust(keys=known)) == ""
    del known["bea"]
    assert "only those of verdict_signers in zone.yaml count" in wrong(files, AuditTrust(keys=known))
    assert "gated formats: " in wrong(files, AuditTrust(keys=known))
    party = for_party(files)
    assert wrong(party) == ""
    assert verify(party)["gated formats"].verdict == "good"


def test_a_pass_of_the_author_s_own_machine_says_so(bench: Bench) -> None:
    """A verdict without an envelope is covered by the author's signature of the plan, and the line says that."""
    judged = said_of(bench.rendered())
    files = bench.bundle(Validated(judged=judged))
    assert wrong(files) == ""
    assert "from the author's own machine" in verify(files)["validators' signatures"].detail


@pytest.mark.parametrize("status", ["fail", "not-run", None])
def test_failed_not_run_and_absent_are_refusals(bench: Bench, status: VerdictStatus | None) -> None:
    """Whatever is no pass does not open a gated format: verification names the files."""
    judged = said_of(bench.rendered(), status) if status is not None else ()
    files = bench.bundle(Validated(judged=judged))
    told = wrong(files)
    assert told.startswith("gated formats: nodes/dc1/web-001")
    assert {"fail": "failed", "not-run": "was not run", None: "there is no verdict on"}[status] in told


def test_one_verdict_that_is_taken_out_is_missed(bench: Bench) -> None:
    """One of two passes less, in a bundle that is right in all else, is named."""
    judged = said_of(bench.rendered())
    text = Validated(judged=judged[1:]).texts()[VALIDATORS]
    told = wrong(rewritten(bench.bundle(Validated(judged=judged)), {VALIDATORS: text}))
    assert "gated formats: " in told
    assert f"there is no verdict on {judged[0].paths[0]}" in told
    assert judged[1].root not in told


def test_a_verdict_on_other_bytes_or_files_is_named(bench: Bench) -> None:
    """A verdict counts for exactly the bytes of the change, and for all files of its format."""
    judged = said_of(bench.rendered())
    base = bench.bundle(Validated(judged=judged))
    for bad in (
        replace(judged[0], digest=digest_of("other")),
        replace(judged[0], paths=(*judged[0].paths, "nodes/dc1/web-001/other")),
        replace(judged[0], root="nodes/dc1/web-009"),
    ):
        text = Validated(judged=(bad, *judged[1:])).texts()[VALIDATORS]
        assert "covers other files than those of the change" in wrong(rewritten(base, {VALIDATORS: text}))
    text = Validated(judged=(*judged, judged[0])).texts()[VALIDATORS]
    assert "there are two verdicts on" in wrong(rewritten(base, {VALIDATORS: text}))


def test_what_nobody_signed_is_not_taken_for_signed(bench: Bench) -> None:
    """Another status, output or version than was signed, a missing envelope, a signer whose word does not count."""
    judged = said_of(bench.rendered(), signer="bea")
    base = bench.bundle(Validated(judged=judged, envelopes=signed_by("bea", judged)))
    path = next(path for path in base if path.startswith("validators/"))
    assert "differs from what bea has signed" in wrong(rewritten(base, {path: None}))
    said = judged[0].verdict
    others = (
        replace(said, detail="other"),
        replace(said, version="9"),
        replace(said, arguments=()),
        replace(said, program="cat"),
    )
    for verdict in others:
        other = tuple(replace(item, verdict=verdict) for item in judged)
        told = wrong(rewritten(base, {VALIDATORS: Validated(judged=other).texts()[VALIDATORS]}))
        assert "differs from what bea has signed" in told, verdict
        assert "gated formats: " in told, verdict
    ben = signed_by("ben", judged)[0]
    assert "only those of verdict_signers" in wrong(rewritten(base, {path: ben}))
    failed = signed_by("bea", said_of(bench.rendered(), "fail"))[0]
    unsigned = Validated(judged=said_of(bench.rendered())).texts()[VALIDATORS]
    assert "bea has signed a failure of" in wrong(rewritten(base, {path: failed, VALIDATORS: unsigned}))


def test_any_changed_byte_of_a_verdict_is_found(bench: Bench) -> None:
    """A byte of the list or of an envelope, with a right manifest: the plan does not name it any more."""
    judged = said_of(bench.rendered(), signer="bea")
    base = bench.bundle(Validated(judged=judged, envelopes=signed_by("bea", judged)))
    for path in [VALIDATORS, *(path for path in base if path.startswith("validators/"))]:
        for at in range(0, len(base[path]), 97):
            content = base[path][:at] + bytes([base[path][at] ^ 1]) + base[path][at + 1 :]
            assert path in wrong(with_manifest({**base, path: content})), (path, at)


def test_the_report_shows_each_verdict(bench: Bench) -> None:
    """Program, version, arguments, output, digest and signer stand in all three forms, as text."""
    judged = said_of(bench.rendered(), signer="bea")
    files = bench.bundle(Validated(judged=judged, envelopes=signed_by("bea", judged)))
    report = report_of(read_contents(files), tuple(verified(files)))
    for text in (report_html(report), report_markdown(report).replace("\\", ""), canonical_json(report_data(report))):
        for part in ("netplan", "0.106.1", "generate", "bea", judged[0].digest, judged[1].digest):
            assert part in text, part
    assert "read &lt;it&gt;" in report_html(report)
    assert "Files of netplan need a pass." in report_html(report)
    assert [one["status"] for one in report_data(report)["validators"]] == ["pass", "pass"]
