"""An approval of the gate on the energy ratio: for the numbers it saw, and recomputed from the recorded registers."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from support.changes import ZONE, databases, declared_with_people, ledger_of, rename_site
from support.ledger_party import Party
from support.planner import Planner
from support.registers import NOW, month_before, registers
from support.second_opinion import verified as both_verified
from zonewright.audit.evidence.bundle import with_manifest
from zonewright.audit.evidence.checks import Check
from zonewright.audit.evidence.layout import object_path
from zonewright.cli import main
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.canonical import canonical_json, digest_of

MORE = databases(8)


@pytest.fixture(name="tenant")
def _tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Planner]:
    """A tenant that wants 40 kW in a room of qp-dc1 that is open, whose registers say 1.26125."""
    monkeypatch.chdir(tmp_path)
    ledger_of(tmp_path / ".zonewright", "operator-b")
    with LedgerClient("sqlite:///.zonewright/ledger.db", root=tmp_path) as client:
        bring(registers(8_000, end=month_before(NOW)))
        party = Party(client, "stack-of-fin", "tenant-fin", zone=declared_with_people().zone)
        party.enrol()
        yield Planner(party)


def bring(text: str) -> None:
    """Import registers of qp-dc1."""
    Path("registers.csv").write_text(text, encoding="utf-8")
    assert main(["pue", "import", "registers.csv", "--zone", str(ZONE), "--site", "qp-dc1"]) == 0


def verified(files: dict[str, bytes]) -> dict[str, Check]:
    """The checks of a bundle by name."""
    return {check.name: check for check in both_verified(files)}


def test_an_approval_covers_what_it_saw(tenant: Planner) -> None:
    """The gate asks for an approval; with one the change is admitted, and its figures are recomputed offline."""
    plan, answer = tenant.plan(at=NOW - timedelta(minutes=5), **MORE)
    assert (plan.risk, [item.rule for item in plan.accepts], answer.state) == ("high", ["pue-gate"], "missing")
    with pytest.raises(LedgerRefusedError) as caught:
        tenant.admit(**MORE)
    assert {item.rule for item in caught.value.findings} == {"pue-gate", "change-approval"}
    tenant.verdict(plan, "ben", at=NOW)
    admission = tenant.admit(**MORE)
    found = verified(tenant.bundle())
    assert [check.line() for check in found.values() if check.verdict == "wrong"] == []
    told = found["energy ratio when it was admitted"]
    assert told.verdict == "good"
    assert "qp-dc1 trailing 1.26125 breach, from " in told.detail
    assert admission.change_digest == plan.change_digest


def test_another_reading_is_another_figure(tenant: Planner) -> None:
    """One register that is changed in the bundle, with every digest made again, gives another figure and is named."""
    tenant.plan(at=NOW - timedelta(minutes=5), **MORE)
    files = tenant.bundle()
    snapshot = json.loads(files["snapshot.json"])
    month = f"{month_before(NOW):%Y-%m}"
    name = f"readings/qp-dc1/utility-a/{month}.csv"
    lines = files[object_path(snapshot["files"][name])].decode().splitlines()
    fields = lines[-1].split(",")
    fields[4] = str(int(fields[4]) - 10**12)
    other = ("\n".join([*lines[:-1], ",".join(fields)]) + "\n").encode()
    snapshot["files"][name] = digest_of(other)
    changed = {**files, object_path(digest_of(other)): other, "snapshot.json": canonical_json(snapshot).encode()}
    told = verified(with_manifest(changed))["energy ratio when it was planned"]
    assert (told.verdict, told.detail) == ("wrong", "the recorded registers give other figures for qp-dc1")


def test_a_worse_figure_needs_another_approval(tenant: Planner) -> None:
    """When registers that came after the approval make the change look worse, it is refused with both numbers."""
    plan, _ = tenant.plan(at=NOW - timedelta(minutes=5), **MORE)
    tenant.verdict(plan, "ben", at=NOW)
    end = month_before(NOW)
    later = registers(8_000, end=end).splitlines()
    values = {line.split(",")[0]: float(line.split(",")[3]) for line in later if f",{end.isoformat()}," in line}
    hours = (NOW - end).total_seconds() / 3600
    rows = ["meter,start,time,value"]
    for meter, kw in (
        ("utility-a", 2_500),
        ("utility-b", 2_500),
        ("generators", 0),
        ("ups-a", 1_900),
        ("ups-b", 1_900),
    ):
        rows.append(f"{meter},,{NOW.isoformat()},{values[meter] + kw * 1000 * hours:.3f}")
    bring("\n".join(rows))
    with pytest.raises(LedgerRefusedError) as caught:
        tenant.admit(**MORE)
    (missing,) = (item for item in caught.value.findings if item.rule == "change-approval")
    assert "pue-gate at qp-dc1 is 1," in missing.message
    assert "millionths now, but 1,241,941 millionths was approved" in missing.message


def corrected(meter: str, more_wh: int) -> None:
    """Correct the last register of a meter, which showed too little."""
    row = [line for line in registers(8_000, end=month_before(NOW)).splitlines() if line.startswith(meter)][-1]
    head, _, value = row.rpartition(",")
    Path("better.csv").write_text(f"meter,start,time,value\n{head},{float(value) + more_wh:.3f}\n", encoding="utf-8")
    asked = ("better.csv", "--zone", str(ZONE), "--site", "qp-dc1", "--by", "anna", "--reason", "misread")
    assert main(["pue", "correct", *asked]) == 0


def test_a_corrected_figure_needs_another_approval(tenant: Planner) -> None:
    """When an approval rests on readings that are then corrected for the worse, it is void and named."""
    plan, _ = tenant.plan(at=NOW - timedelta(minutes=5), **MORE)
    tenant.verdict(plan, "ben", at=NOW)
    corrected("ups-a", -300_000_000)
    with pytest.raises(LedgerRefusedError) as caught:
        tenant.admit(**MORE)
    (missing,) = (item for item in caught.value.findings if item.rule == "change-approval")
    assert "pue-gate at qp-dc1 is 1," in missing.message
    assert "was approved" in missing.message


def test_evidence_has_what_was_corrected(tenant: Planner) -> None:
    """A figure on corrected readings says so, its evidence has the old value, and both verifiers compute it again."""
    corrected("utility-a", 1_000_000)
    plan, _ = tenant.plan(at=NOW - timedelta(minutes=5), **MORE)
    tenant.verdict(plan, "ben", at=NOW)
    tenant.admit(**MORE)
    files = tenant.bundle()
    snapshot = json.loads(files["snapshot.json"])
    (row,) = json.loads(files[object_path(snapshot["files"]["corrected/qp-dc1.json"])])
    assert (row[0], row[5]) == ("utility-a", "corrected")
    assert snapshot["figures"]["qp-dc1"]["findings"] == "rests on 1 corrected or withdrawn reading of utility-a"
    assert [check.line() for check in verified(files).values() if check.verdict == "wrong"] == []


def corrections(capsys: pytest.CaptureFixture[str], site: str = "qp-dc1") -> list[str]:
    """What `pue corrections` says beside the readings themselves."""
    capsys.readouterr()
    assert main(["pue", "corrections", "--site", site]) == 0
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith(("void: ", "differs: "))]


def test_void_approvals_are_named(tenant: Planner, capsys: pytest.CaptureFixture[str]) -> None:
    """An approval that waits, and whose premises fail on corrected readings, is named with who gave it and why."""
    plan, _ = tenant.plan(at=NOW - timedelta(minutes=5), **MORE)
    corrected("ups-b", -1_000_000)
    assert corrections(capsys) == [], "nobody has approved it"
    tenant.verdict(plan, "ben", at=NOW)
    corrected("ups-a", -300_000_000)
    (line,) = corrections(capsys)
    assert line.startswith(
        f"void: the approval of plan {plan.digest()[7:19]} of stack stack-of-fin by ben: the plan needs"
    )
    assert "the energy ratio of qp-dc1 in the next twelve months, without this change, is not above" in line
    assert "; now it is 1." in line


def test_verdicts_that_would_have_differed_are_named(tenant: Planner, capsys: pytest.CaptureFixture[str]) -> None:
    """An admission on a breach that corrected readings turn into "within" is named, with ratios and who approved."""
    plan, _ = tenant.plan(at=NOW - timedelta(minutes=5), **MORE)
    tenant.verdict(plan, "ben", at=NOW)
    tenant.admit(**MORE)
    corrected("utility-a", -1_000_000)
    assert corrections(capsys) == [], "the verdict is the same"
    corrected("utility-a", -900_000_000)
    (line,) = corrections(capsys)
    assert (
        "admitted a change of stack stack-of-fin, approved by ben: qp-dc1 was breach at 1.261250, and is within" in line
    )
    # A decision from before its site was renamed has the site's name of then.
    rename_site(tenant.party.client, "qp-dc1", "hall")
    assert corrections(capsys, "hall") == [line.replace("qp-dc1", "hall")]
