"""What today's code reads in a fixture of an older version: its ledger, its bundles and its states, as plain data."""

import hashlib
import json
import lzma
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from support.second_opinion import verified
from zonewright.audit.evidence.bundle import read_bundle
from zonewright.audit.evidence.checks import Check
from zonewright.audit.evidence.gathering import each_entry
from zonewright.audit.evidence.trust import AuditTrust
from zonewright.ledger.migrations.upgrade import upgrade
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.capacity_messages import CapacityRequest
from zonewright.ledger.protocol.change_messages import ChangesRequest
from zonewright.ledger.protocol.journal_messages import Checkpoint
from zonewright.ledger.protocol.messages import StackRequest
from zonewright.ledger.protocol.stack_messages import ReportRequest
from zonewright.ledger.store.journal import verify, verify_checkpoint
from zonewright.ledger.store.recording import UPGRADED
from zonewright.ledger.transport.client import LedgerClient

EXPECTED = "expected.json"
LEDGER_FILE, TELEMETRY_FILE = "ledger.db", "ledger.telemetry.db"
STACKS = ("stack-of-carrier", "stack-of-operator", "stack-of-tenant-a", "stack-of-tenant-b")
BUNDLES = ("change-for-party.tar", "change.tar")


def files_of(fixture: Path) -> dict[str, str]:
    """SHA-256 of every file of a fixture but the expectation itself."""
    paths = (path for path in sorted(fixture.rglob("*")) if path.is_file() and path.name != EXPECTED)
    return {path.relative_to(fixture).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def kept_checkpoint(fixture: Path) -> Checkpoint:
    """The checkpoint that was exported when the fixture was made."""
    return Checkpoint.model_validate_json((fixture / "checkpoint.json").read_bytes())


def copy_ledger(fixture: Path, folder: Path) -> None:
    """Copy the fixture's ledger and its readings, and upgrade it, at the moment when it was made."""
    shutil.copy(fixture / LEDGER_FILE, folder)
    made_at = datetime.fromisoformat(kept_checkpoint(fixture).at)
    upgrade(folder / LEDGER_FILE, clock=lambda: made_at)
    (folder / TELEMETRY_FILE).write_bytes(lzma.decompress((fixture / f"{TELEMETRY_FILE}.xz").read_bytes()))


def ledger_copy(fixture: Path, folder: Path) -> LedgerClient:
    """A client of a copy of the fixture's ledger, at the moment when it was made."""
    copy_ledger(fixture, folder)
    made_at = datetime.fromisoformat(kept_checkpoint(fixture).at)
    return LedgerClient(f"sqlite:///{LEDGER_FILE}", root=folder, clock=lambda: made_at)


def ledger_records(fixture: Path, folder: Path) -> dict[str, Any]:
    """What a copy of the ledger holds: who is enrolled, claims and assets, changes, files, capacity, the journal.

    Args:
        fixture: the fixture's folder.
        folder: an empty one, for the copy.
    """
    kept = kept_checkpoint(fixture)
    with ledger_copy(fixture, folder) as client:
        reports = [client.call(verbs.REPORT, ReportRequest(stack_id=stack)) for stack in STACKS]
        deployed = {stack: client.call(verbs.DEPLOYED, StackRequest(stack_id=stack)).sites for stack in STACKS}
        changes = client.call(verbs.CHANGES, ChangesRequest()).changes
        sites = client.call(verbs.CAPACITY, CapacityRequest()).sites
        entries = list(each_entry(client))
    return {
        "stacks": [report.model_dump(mode="json") for report in reports],
        "deployed": deployed,
        "changes": [one.model_dump(mode="json") for one in changes],
        "capacity": {name: one.model_dump(mode="json") for name, one in sites.items()},
        "journal": [
            f"{one.sequence} {one.kind} {one.stack_id} {'' if one.kind == UPGRADED else one.hash}" for one in entries
        ],
        "wrong": verify_checkpoint(kept) or verify(entries, kept),
    }


def bundle_checks(fixture: Path, name: str) -> tuple[Check, ...]:
    """The checks of a bundle by the fixture's public keys and its kept checkpoint, offline."""
    keys = {path.stem: (" ".join(path.read_text("ascii").split()[:2]),) for path in (fixture / "keys").glob("*.pub")}
    kept = kept_checkpoint(fixture)
    trust = AuditTrust(keys=keys, checkpoint=kept, ledger_key=kept.public_key)
    return verified(read_bundle(fixture / name), trust=trust)


def state_records(path: Path) -> list[dict[str, Any]]:
    """Our resources of an exported state: type, name, id, inputs and outputs."""
    resources = json.loads(path.read_text(encoding="utf-8"))["deployment"].get("resources", [])
    return [
        {
            "type": item["type"],
            "name": item["urn"].rpartition("::")[2],
            "id": item.get("id", ""),
            "inputs": item.get("inputs", {}),
            "outputs": item.get("outputs", {}),
        }
        for item in resources
        if "zonewright" in item["type"]
    ]


def records_of(fixture: Path) -> dict[str, Any]:
    """Everything, as the fixture's expectation keeps it."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = ledger_records(fixture, Path(folder))
    return {
        "files": files_of(fixture),
        "ledger": ledger,
        "bundles": {name: [f"{one.verdict}: {one.name}" for one in bundle_checks(fixture, name)] for name in BUNDLES},
        "states": {path.stem: state_records(path) for path in sorted((fixture / "states").glob("*.json"))},
    }
