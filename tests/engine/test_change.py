"""A change through people's hands: planned, approved by two keys, applied by the real engine, verified offline."""

import json
from pathlib import Path

import pytest
import yaml

from support.ledger_party import Party
from support.signing import policy, write_keys, zone_with
from support.zone_project import SmallZone, Stack, cluster, facility
from zonewright import engine as engine_room
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone

pytestmark = pytest.mark.engine


@pytest.fixture(name="gated")
def _gated(engine: engine_room.Engine, tmp_path: Path) -> Stack:
    """A tenant's stack whose changes two operators must approve; keys of all signers lie in ``keys``."""
    content = zone_with(two=policy({"operators": 2}, parties=["tenant-a"]))
    zone = SmallZone(folder=tmp_path, engine=engine, zone=content).create()
    with LedgerClient(zone.ledger_url) as client:
        operator = Party(client, "stack-of-operator", "operator", zone=Zone.model_validate(content))
        operator.bring_up(sites=facility(2)["sites"])
    stack = zone.stack("tenant-a")
    stack.declare(clusters={"web": cluster(2)})
    folder = stack.root / "keys"
    folder.mkdir()
    write_keys(folder)
    return stack


def said(stack: Stack, *arguments: str, expect: int = 0) -> str:
    """What a command of ours prints."""
    result = stack.zonewright(*arguments)
    assert result.returncode == expect, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    return result.stdout + result.stderr


def test_planned_approved_applied_and_verified(gated: Stack) -> None:
    """The whole story by commands alone; a new zone file leaves it; one changed byte is named with its file."""
    ledger = ("--ledger", gated.ledger_url)
    preview = gated.run("preview").stdout
    assert "this change needs an approval: it was never planned" in preview
    assert (gated.root / ".zonewright" / "changes" / "tenant-a" / "preview" / "plan.json").is_file()
    assert "change-approval" in gated.refused("up", "--yes", "--skip-preview")
    assert gated.holdings() == []

    told = said(gated, "change", "plan", "--stack", "tenant-a", "--key", "keys/anna.pem", "--reason", "two web servers")
    assert "risk normal" in told
    assert "policy two: 0 of 2 approvals from operators" in told
    plan = told.split()[1]
    assert "1 of 2 approvals" in said(gated, "change", "approve", plan, "--key", "keys/ben.pem", *ledger)
    assert "1 of 2 approvals" in gated.refused("up", "--yes", "--skip-preview")
    approved = said(gated, "change", "approve", plan, "--key", "keys/bea.pem", *ledger)
    assert "the plan is now: approved" in approved
    gated.up()
    gated.settled()

    more = zone_with(two=policy({"operators": 2}, risks=["low", "normal", "high"], parties=["tenant-a"]))
    (gated.zone_folder / "zone.yaml").write_text(yaml.safe_dump(more, sort_keys=False), encoding="utf-8")
    said(gated, "ledger", "init", str(gated.zone_folder), *ledger)
    again = gated.run("up", "--yes", "--skip-preview", "--expect-no-changes").stdout
    assert "unchanged" in again

    said(gated, "change", "export", plan, "--output", "change.tar", *ledger)
    checked = said(gated, "audit", "verify", "change.tar", "--keys", "keys")
    assert "approved by bea and ben when it was admitted" in " ".join(checked.split())
    assert "nothing is wrong" in checked
    exported = said(gated, "change", "export", plan, "--output", "again.tar", *ledger, "--format", "json")
    assert json.loads(exported)["files"] > 10
    assert "applied" in said(gated, "change", "list", "--stack", "tenant-a")
    assert "nothing is wrong" in said(gated, "audit", "complete", *ledger)

    archive = gated.root / "change.tar"
    data = archive.read_bytes()
    at = data.index(b"two web servers")
    archive.write_bytes(data[:at] + b"T" + data[at + 1 :])
    assert "plan.json was altered" in said(gated, "audit", "verify", "change.tar", expect=1)


def test_what_was_not_approved_is_not_done(gated: Stack) -> None:
    """After the approval the declaration is changed: `up` refuses, says what differs, and nothing exists."""
    ledger = ("--ledger", gated.ledger_url)
    plan = said(gated, "change", "plan", "--stack", "tenant-a", "--key", "keys/anna.pem").split()[1]
    for signer in ("ben", "bea"):
        said(gated, "change", "approve", plan, "--key", f"keys/{signer}.pem", *ledger)
    gated.declare(clusters={"web": cluster(3)})
    told = " ".join(gated.refused("up", "--yes", "--skip-preview").split())
    assert "the declaration was changed" in told
    assert "web-003 was planned at no place" in told
    assert gated.holdings() == []


def test_commands_refuse_with_a_sentence(gated: Stack) -> None:
    """Another party's key, the author as approver, an unknown plan, a rejection: one sentence each."""
    ledger = ("--ledger", gated.ledger_url)
    plan_it = ("change", "plan", "--stack", "tenant-a", "--key")
    assert "ben acts for operator" in said(gated, *plan_it, "keys/ben.pem", expect=1)
    assert "nobody has signed it" in said(gated, "change", "plan", "--stack", "tenant-a")
    plan = said(gated, *plan_it, "keys/anna.pem").split()[1]
    assert "anna is the author" in said(gated, "change", "approve", plan, "--key", "keys/anna.pem", *ledger, expect=1)
    assert "has no plan of 0000" in said(gated, "change", "show", "0000", *ledger, expect=1)
    rejected = said(gated, "change", "reject", plan, "--key", "keys/ben.pem", "--comment", "too hot", *ledger)
    assert "rejected by ben: too hot" in rejected
    assert "rejected by ben: too hot" in " ".join(gated.refused("up", "--yes", "--skip-preview").split())
    assert "good" in said(gated, "change", "show", plan, *ledger)
    assert "is neither a folder nor an archive" in said(gated, "audit", "verify", "nothing", expect=2)


def test_a_format_of_the_zones_own_is_part_of_the_change(gated: Stack) -> None:
    """Templates of the zone's own are in the plan, its approval and its bundle: another text is another change."""
    folder = gated.zone_folder / "templates" / "motd"
    folder.mkdir(parents=True)
    (folder / "format.yaml").write_text(
        "title: 'motd: where a host stands'\nsubject: node\nfiles: [{template: motd.j2, path: etc/motd}]\n"
        "filters: [comment]\n",
        encoding="utf-8",
    )
    template = folder / "motd.j2"
    template.write_text("Rack {{ node.rack | comment }}\n", encoding="utf-8")
    assert "b/nodes/dc1/web-001/etc/motd" in said(gated, "diff", "--stack", "tenant-a")
    ledger = ("--ledger", gated.ledger_url)
    plan = said(gated, "change", "plan", "--stack", "tenant-a", "--key", "keys/anna.pem", "--reason", "motd").split()[1]
    for person in ("ben", "bea"):
        said(gated, "change", "approve", plan, "--key", f"keys/{person}.pem", *ledger)

    template.write_text("Now at {{ node.rack | comment }}\n", encoding="utf-8")
    assert "change-approval" in gated.refused("up", "--yes", "--skip-preview")
    template.write_text("Rack {{ node.rack | comment }}\n", encoding="utf-8")
    gated.up()
    assert said(gated, "diff", "--stack", "tenant-a") == ""

    said(gated, "change", "export", plan, "--output", "change", *ledger)
    bundle = gated.root / "change"
    assert (bundle / "inputs" / "templates" / "motd" / "motd.j2").read_bytes() == template.read_bytes()
    assert "nothing is wrong" in said(gated, "audit", "verify", "change", "--keys", "keys")
    (bundle / "inputs" / "templates" / "motd" / "format.yaml").unlink()
    lacking = said(gated, "audit", "verify", "change", "--keys", "keys", expect=1)
    assert "templates/motd" in lacking


def test_a_template_that_can_not_be_read_is_a_sentence(gated: Stack) -> None:
    """A preview, a plan and a difference each name the file of the zone's own format that is no text."""
    folder = gated.zone_folder / "templates" / "chrony"
    folder.mkdir(parents=True)
    (folder / "chrony.conf.j2").write_bytes(b"\xff\xfe")
    named = "templates/chrony/chrony.conf.j2"
    assert named in gated.refused("preview")
    assert named in said(gated, "change", "plan", "--stack", "tenant-a", "--reason", "none", expect=1)
    assert named in said(gated, "diff", "--stack", "tenant-a", expect=2)
