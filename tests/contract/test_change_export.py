"""The command that exports a change for a party, and the signature of whoever exports it."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.ledger_party import Party
from support.planner import Planner
from support.second_opinion import require_second
from support.signing import policy, zone_with
from support.zone_project import cluster, facility
from zonewright.audit.evidence.bundle import read_bundle
from zonewright.audit.evidence.gathering import whole_bundle
from zonewright.cli import main
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.change_messages import PlanQuery
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone

LEDGER = ("--ledger", "sqlite:///ledger.db")


def key_file(folder: Path, person: str) -> str:
    """The key of a person of the small zone, as PEM."""
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(person.encode()).digest())
    path = folder / f"{person}.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    return str(path)


@pytest.fixture(name="plan")
def _plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The digest of a plan that is registered in a ledger of the present folder."""
    monkeypatch.chdir(tmp_path)
    zone = Zone.model_validate(zone_with(two=policy({"operators": 2}, parties=["tenant-a"])))
    wanted: dict[str, Any] = {"clusters": {"web": cluster(2)}}
    with LedgerClient("sqlite:///ledger.db", root=tmp_path, create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=zone))
        Party(client, "stack-of-operator", "operator", zone=zone).bring_up(sites=facility(2)["sites"])
        party = Party(client, "stack-of-tenant-a", "tenant-a", zone=zone)
        party.enrol()
        plan, _ = Planner(party).plan(at=datetime.now(UTC), **wanted)
    return plan.digest()


def test_an_export_for_a_party_is_signed(plan: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the key of an operator's person it verifies as vouched for; one changed byte, and it names the file."""
    export = ("change", "export", plan, *LEDGER, "--for-party")
    assert main([*export, "--output", "party.tar", "--key", key_file(tmp_path, "ben")]) == 0
    assert main([*export, "--output", "party", "--key", key_file(tmp_path, "ben")]) == 0
    assert main([*export, "--output", "unsigned.tar"]) == 0
    capsys.readouterr()
    require_second(read_bundle(tmp_path / "party.tar"))
    assert main(["audit", "verify", "party.tar"]) == 0
    assert "good         export: ben of " in capsys.readouterr().out
    require_second(read_bundle(tmp_path / "unsigned.tar"))
    assert main(["audit", "verify", "unsigned.tar"]) == 0
    assert "not-checked  export: nobody has signed party.json" in capsys.readouterr().out
    path = tmp_path / "party" / "party.json"
    path.write_bytes(path.read_bytes().replace(b'"entries":[', b'"entries": ['))
    require_second(read_bundle(tmp_path / "party"))
    assert main(["audit", "verify", "party"]) == 1
    assert "party.json was altered" in " ".join(capsys.readouterr().out.split())


def test_an_export_for_a_party_with_another_key(plan: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The key of nobody, and a key for the zone's own bundle, are one sentence each, and nothing is written."""
    export = ("change", "export", plan, *LEDGER, "--output", "x.tar")
    assert main([*export, "--for-party", "--key", key_file(tmp_path, "nobody")]) != 0
    assert "no signer of zone" in capsys.readouterr().err
    assert main([*export, "--key", "any.pem", "--show", "loads.json"]) == 2
    told = capsys.readouterr().err
    assert "error: --show: expected --for-party too; the zone's bundle shows all facts" in told
    assert "error: --key: expected --for-party too; the zone's bundle has the signed journal" in told
    assert not (tmp_path / "x.tar").exists()


def test_a_bundle_is_made_from_the_journal_since_its_plan(plan: str, tmp_path: Path) -> None:
    """However much happened before a plan, its evidence reads the entries since then, and removals of readings."""
    asked: list[HistoryRequest] = []
    with LedgerClient("sqlite:///ledger.db", root=tmp_path) as client:
        real = client.call

        def call(verb: Any, request: Any) -> Any:
            asked.extend([request] if verb is verbs.HISTORY else [])
            return real(verb, request)

        with patch.object(client, "call", call):
            files = whole_bundle(client, PlanQuery(plan=plan))
        entries = client.call(verbs.HISTORY, HistoryRequest()).entries
    (planned,) = [entry.sequence for entry in entries if entry.kind == "planned"]
    assert planned > len(entries) / 2
    assert [(one.after, one.kinds) for one in asked] == [(planned - 1, []), (0, ["pruned"])]
    assert [json.loads(line)["sequence"] for line in files["journal.jsonl"].splitlines()] == [planned]
