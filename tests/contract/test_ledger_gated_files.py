"""Files of gated formats: the ledger admits only what was told to have passed, whoever forgot to look."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.ledger_party import Party
from support.zone_project import ZONE, cluster, facility
from zonewright.changes import gating
from zonewright.changes.loading import load_owner
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.deciding.gated_files import RULE
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import EvaluateRequest, Proposal
from zonewright.ledger.protocol.change import passed_text
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration, OwnerFile, Zone
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.render.validators.verdict import Judged, ValidatorVerdict

PACK = {"title": "p", "valid_from": "2026-01-01", "valid_until": "2035-12-31", "gated_formats": ["nftables"]}
GATED = Zone.model_validate({**ZONE, "rule_packs": {"p": PACK}, "rule_pack": "p"})
MANIFEST = canonical_json({})


def declared(owner: str, **fields: Any) -> Declaration:
    """What one owner declares in the zone that gates a format."""
    return Declaration(zone=GATED, owners={owner: OwnerFile.model_validate({"owner": owner, **fields})})


@pytest.fixture(name="client")
def _client(tmp_path: Path) -> Iterator[LedgerClient]:
    """A ledger of that zone in which an operator is loaded, whose files are of no gated format."""
    with LedgerClient(f"sqlite:///{tmp_path / 'l.db'}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=GATED))
        load_owner(client, declared("operator", sites=facility(2)["sites"]), "operator")
        yield client


def told(client: LedgerClient, stack: Party, proposal: Proposal, rendered: str | None) -> list[str]:
    """The rules that an evaluation tells of."""
    request = EvaluateRequest(
        stack_id=stack.stack_id,
        party=stack.party,
        lineage=stack.lineage,
        demand_digest=proposal.demand_digest,
        seats=proposal.seats,
        addresses=proposal.addresses,
        rendered_digest=rendered,
    )
    return [one.rule for one in client.call(verbs.EVALUATE, request).findings]


def test_nothing_is_admitted_without_a_pass(client: LedgerClient) -> None:
    """A client that hands in no pass, or one on other files or formats, is refused until it has the right one."""
    stack = Party(client, "stack-of-a", "tenant-a", zone=GATED)
    stack.enrol()
    proposal = stack.propose(stack.demand(clusters={"web": cluster(1)}))
    digest = digest_of(MANIFEST)
    others = [passed_text(digest, ["frr"]), passed_text(digest_of("other"), ["nftables"]), passed_text(digest, [])]
    client.call(verbs.STORE, ContentRequest(texts=[MANIFEST, *others]))
    assert told(client, stack, proposal, None) == [], "what was not rendered is not judged"
    assert told(client, stack, proposal, digest) == [RULE]
    with pytest.raises(LedgerRefusedError) as refused:
        stack.admit(proposal, passed=False)
    assert [one.rule for one in refused.value.findings] == [RULE]
    assert stack.states() == []
    client.call(verbs.STORE, ContentRequest(texts=[passed_text(digest, ["nftables"])]))
    assert told(client, stack, proposal, digest) == []
    stack.admit(proposal, passed=False)
    assert stack.states() == [("web-001", "admitted")]


@pytest.mark.parametrize("status", ["pass", "fail"])
def test_a_load_opens_on_a_pass_only(client: LedgerClient, monkeypatch: pytest.MonkeyPatch, status: Any) -> None:
    """What is loaded without an engine goes by the same verdicts as what a stack brings."""

    def judged(files: dict[str, str], *_: object) -> tuple[Judged, ...]:
        paths = tuple(path for path in files if path.endswith("nftables.conf"))
        assert paths
        verdict = ValidatorVerdict(program="nft", status=status, detail="syntax error")
        return (Judged(root="nodes/dc1/web-001", format="nftables", paths=paths, digest="sha256:0", verdict=verdict),)

    monkeypatch.setattr(gating, "judge", judged)
    declaration = declared("tenant-a", clusters={"web": cluster(1)})
    if status == "pass":
        assert load_owner(client, declaration, "tenant-a").report.completed
        return
    with pytest.raises(LedgerRefusedError) as refused:
        load_owner(client, declaration, "tenant-a")
    assert [(one.rule, "syntax error" in one.message) for one in refused.value.findings] == [(RULE, True)]
    assert Party(client, "loaded-tenant-a", "tenant-a").states() == []
