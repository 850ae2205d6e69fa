"""What an approver has seen is part of the signature: by groups of differences, for all files of the change."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from support.ledger_party import Party
from support.planner import Planner
from support.second_opinion import verified
from support.signing import key_of, policy, signers, zone_with
from support.zone_project import cluster, facility
from zonewright.audit.evidence.contents import Contents, read_contents
from zonewright.audit.evidence.grouped import groups_of, viewed_groups
from zonewright.audit.evidence.signing import signed_verdict
from zonewright.audit.report import told
from zonewright.audit.report.report import report_of
from zonewright.changes.errors import BundleError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.change_messages import Plan, VerdictRequest
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.seal import SealError
from zonewright.seal.dsse import sign
from zonewright.seal.statement import VERDICT_TYPE, Statement
from zonewright.seal.viewed import Viewed, viewed_of

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
WEB: dict[str, Any] = {"clusters": {"web": cluster(3)}}


@pytest.fixture(name="tenant")
def _tenant(tmp_path: Path) -> Iterator[Planner]:
    """A stack whose changes two operators approve."""
    two = policy({"operators": 2}, parties=["tenant-a"])
    zone = Zone.model_validate({**zone_with(two=two), "signers": signers()})
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True, clock=lambda: AT) as client:
        client.call(verbs.INIT, InitRequest(zone=zone))
        Party(client, "stack-of-operator", "operator", zone=zone).bring_up(sites=facility(2)["sites"])
        party = Party(client, "stack-of-tenant-a", "tenant-a", zone=zone)
        party.enrol()
        yield Planner(party)


def approve(tenant: Planner, plan: Plan, signer: str, viewed: Viewed | None) -> None:
    """An approval that says what was seen."""
    envelope = signed_verdict(
        plan, key_of(signer), signer=signer, verdict="approve", comment="", at=AT.isoformat(), viewed=viewed
    )
    tenant.party.client.call(verbs.VERDICT, VerdictRequest(envelope=envelope))


def seen_in(contents: Contents) -> dict[str, str]:
    """What a report says that each signer has seen."""
    return {row[0]: row[7] for row in told.signatures(report_of(contents, ()))}


def test_a_signature_says_which_groups_were_seen(tenant: Planner) -> None:
    """Both verifiers take it, the report names what was not seen, and a signature without it is as good as ever."""
    plan, _ = tenant.plan(at=AT - timedelta(minutes=5), **WEB)
    groups = groups_of(read_contents(tenant.bundle()))
    assert len(groups) >= 2
    first, *others = groups
    approve(tenant, plan, "ben", viewed_groups(read_contents(tenant.bundle()), [first.code]))
    approve(tenant, plan, "bea", None)
    files = tenant.bundle()
    checks = {check.name: check for check in verified(files)}
    total = sum(len(one.members) for one in groups)
    assert checks["verdict 1"].verdict == checks["verdict 2"].verdict == "good"
    assert f"has seen {len(first.members)} of {total} files that change, 1 of {len(groups)} groups" in (
        checks["verdict 1"].detail
    )
    seen = seen_in(read_contents(files))
    assert seen["ben"] == f"1 of {len(groups)} groups of differences; not {', '.join(one.code for one in others)}"
    assert seen["bea"] == "not said"
    assert told.seen_by(report_of(read_contents(files), ())) == {first.id: ["ben"]}


def test_what_accounts_for_other_files_is_refused(tenant: Planner) -> None:
    """The ledger takes no approval whose word on what was seen leaves out a file, or names one that does not change."""
    plan, _ = tenant.plan(at=AT - timedelta(minutes=5), **WEB)
    contents = read_contents(tenant.bundle())
    right = viewed_groups(contents, [groups_of(contents)[0].code])
    for wrong in (Viewed(right.groups, right.left[1:]), Viewed(right.groups, tuple(sorted((*right.left, "nodes/x"))))):
        with pytest.raises(LedgerRefusedError, match="what its signer says to have seen is not right"):
            approve(tenant, plan, "ben", wrong)
        with mock.patch("zonewright.ledger.verbs.changes._accounts_for_files"):
            approve(tenant, plan, "ben", wrong)
        # Both verifiers find it, too: a ledger of another version may not have looked.
        assert any("what it says to have seen is not right" in check.detail for check in verified(tenant.bundle()))


def test_groups_of_another_version_are_not_checked(tenant: Planner) -> None:
    """A group that this version does not make is no fault of the signature; what was seen is then not checked."""
    plan, _ = tenant.plan(at=AT - timedelta(minutes=5), **WEB)
    changed = sum(len(one.members) for one in groups_of(read_contents(tenant.bundle())))
    approve(tenant, plan, "ben", Viewed({f"sha256:{'a' * 64}": changed}, ()))
    checks = {check.name: check for check in verified(tenant.bundle())}
    assert checks["verdict 1"].verdict == "good"
    assert checks["viewed 1"].verdict == "not-checked"


def test_a_code_must_be_one_of_the_plan(tenant: Planner) -> None:
    """A code of another plan, none at all, or the beginning of several is refused with the codes that there are."""
    tenant.plan(at=AT - timedelta(minutes=5), **WEB)
    contents = read_contents(tenant.bundle())
    for code in ("zzz", ""):
        with pytest.raises(BundleError, match=groups_of(contents)[0].code):
            viewed_groups(contents, [code])


@pytest.mark.parametrize(
    "said",
    [
        [],
        {"groups": {}},
        {"groups": {}, "left": ["b", "a"]},
        {"groups": {}, "left": ["a", "a"]},
        {"groups": {"x": 1}, "left": []},
        {"groups": {f"sha256:{'a' * 64}": 0}, "left": []},
        {"groups": {f"sha256:{'a' * 64}": True}, "left": []},
        {"groups": {}, "left": [], "more": 1},
    ],
)
def test_another_form_is_refused(said: Any) -> None:
    """What was seen has one form."""
    digest = f"sha256:{'c' * 64}"
    statement = Statement(change=digest, plan=digest, kind=VERDICT_TYPE, predicate={"viewed": said})
    assert sign(statement.text(), key_of("ben")).text()
    with pytest.raises(SealError):
        viewed_of(statement)
