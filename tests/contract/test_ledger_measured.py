"""Registers that are imported reach the gate: in status, in every proposal and in the admission itself."""

import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from support.changes import declared, ledger_of
from support.judged import judge_once
from support.registers import METERS, NOW, ZONE, month_before, registers
from zonewright.changes.loading import load_owner
from zonewright.cli import main
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import AdmitRequest, Proposal, ProposeRequest
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.holding_messages import ConfirmRequest
from zonewright.ledger.protocol.stack_messages import EnrolRequest
from zonewright.ledger.store.clock import stamp
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration, OwnerFile
from zonewright.model.canonical import digest_of
from zonewright.model.demand import Demand, demand_of
from zonewright.place.precondition import ENERGY


@pytest.fixture(name="declaration", scope="module")
def _declaration() -> Declaration:
    return declared()


@pytest.fixture(name="ledger")
def _ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LedgerClient]:
    """A ledger with the facility qp-dc1 and a tenant of 200 kW in its room b."""
    monkeypatch.chdir(tmp_path)
    judge_once(monkeypatch)
    ledger_of(tmp_path / ".zonewright", "operator-b", has_people=False)
    with LedgerClient("sqlite:///.zonewright/ledger.db", root=tmp_path) as client:
        yield client


def demand(declaration: Declaration, kilowatts: int, room: str, **more: Any) -> Demand:
    """A tenant's demand of so many kilowatts, in systems of 5 kW."""
    cluster = {"site": "qp-dc1", "node_type": "database-20u", "count": kilowatts // 5, "rooms": [room], **more}
    file = OwnerFile.model_validate({"owner": "tenant-fin", "clusters": {"more": cluster}})
    return demand_of(Declaration(zone=declaration.zone, owners={"tenant-fin": file}), "tenant-fin")


def gate(ledger: LedgerClient, declaration: Declaration, kilowatts: int, room: str) -> list[dict[str, Any]]:
    """What the gate says to it."""
    request = ProposeRequest(
        stack_id="stack-of-fin", party="tenant-fin", demand=demand(declaration, kilowatts, room), reserve=False
    )
    return [item.to_data() for item in ledger.call(verbs.PROPOSE, request).findings if item.rule == "pue-gate"]


def admit(ledger: LedgerClient, wanted: Demand) -> Proposal:
    """Have the tenant's demand admitted."""
    stack = "stack-of-fin"
    ledger.call(verbs.ENROL, EnrolRequest(stack_id=stack, party="tenant-fin", lineage="one"))
    proposal = ledger.call(verbs.PROPOSE, ProposeRequest(stack_id=stack, party="tenant-fin", demand=wanted))
    ledger.call(verbs.STORE, ContentRequest(texts=["{}"]))
    ledger.call(
        verbs.ADMIT,
        AdmitRequest(
            stack_id=stack,
            party="tenant-fin",
            lineage="one",
            demand_digest=proposal.demand_digest,
            seats=proposal.seats,
            addresses=proposal.addresses,
            rendered_digest=digest_of("{}"),
        ),
    )
    return proposal


def confirm(ledger: LedgerClient, proposal: Proposal, generation: int = 0) -> None:
    """Every node of a proposal exists now."""
    for name, seat in proposal.seats.items():
        expect = {"rack": seat.rack, "position": seat.position}
        request = ConfirmRequest(stack_id="stack-of-fin", kind="node", name=name, generation=generation, expect=expect)
        ledger.call(verbs.CONFIRM, request)


def active_since(then: datetime) -> None:
    """Date the begin of all nodes back: the ledger's own clock never goes back."""
    with sqlite3.connect(".zonewright/ledger.db") as connection:
        connection.execute("UPDATE claim SET active_since = ?", (stamp(then),))
    connection.close()


def ratio_without(ledger: LedgerClient, declaration: Declaration) -> str:
    """The ratio without a change, as the gate tells it to one that opens room c for 5 kW more than is held in b."""
    clusters = {
        "more": {"site": "qp-dc1", "node_type": "database-20u", "count": 40, "rooms": ["b"]},
        "new": {"site": "qp-dc1", "node_type": "database-20u", "count": 1, "rooms": ["c"]},
    }
    file = OwnerFile.model_validate({"owner": "tenant-fin", "clusters": clusters})
    wanted = demand_of(Declaration(zone=declaration.zone, owners={"tenant-fin": file}), "tenant-fin")
    request = ProposeRequest(stack_id="stack-of-fin", party="tenant-fin", demand=wanted, reserve=False)
    (found,) = [one for one in ledger.call(verbs.PROPOSE, request).findings if one.rule == "pue-gate"]
    match = re.search(r"months from (\S+) to", found.message)
    assert match is not None
    return match[1]


def bring(text: str, *, expect: int = 0) -> None:
    """Import registers of qp-dc1."""
    Path("registers.csv").write_text(text, encoding="utf-8")
    assert main(["pue", "import", "registers.csv", "--zone", str(ZONE), "--site", "qp-dc1"]) == expect


def status(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The status of qp-dc1."""
    capsys.readouterr()
    main(["pue", "status", "--zone", str(ZONE), "--format", "json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return next(site for site in found["sites"] if site["site"] == "qp-dc1")


def test_declared_until_the_first_registers(
    ledger: LedgerClient, declaration: Declaration, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without readings the design is the trigger, and 600 kW in an open room pass."""
    assert (status(capsys)["metering"], status(capsys)["trigger"]) == ("declared", "within")
    assert gate(ledger, declaration, 600, "b") == []


def test_registers_over_the_limit_stop_what_makes_it_worse(
    ledger: LedgerClient, declaration: Declaration, capsys: pytest.CaptureFixture[str]
) -> None:
    """1.26125 is measured: 600 kW in an open room need an approval, and 60 kW in a new room are refused."""
    bring(registers(8_000, end=month_before(NOW)))
    found = status(capsys)
    assert (found["trailing"], found["trigger"]) == ({"ratio": "1.261250", "verdict": "breach"}, "breach")
    assert found["it_load_kw"] == 8_000.0
    assert found["coverage"] == "1.000000"
    (better,) = gate(ledger, declaration, 600, "b")
    assert (better["level"], better["limit"]) == ("approval", 1_250_000)
    # The ledger has rooms a and b open: 900 kW fixed, so 900 / 8,600 + 1.13.
    assert better["value"] == 1_234_652
    (worse,) = gate(ledger, declaration, 60, "c")
    assert worse["level"] == "mandatory"
    assert "trailing twelve months 1.26125 breach" in worse["message"]
    with pytest.raises(LedgerRefusedError, match="nothing was claimed"):
        load_owner(ledger, declaration, "tenant-fin")


def year_of_days(*, plant_kw: float) -> str:
    """Registers of each day of 400 days: 8.0 to 9.6 MW of IT, and plant + 0.10 P + rooms of 300 kW beside it."""
    rows, total, it = ["meter,start,time,value"], 0.0, 0.0
    for day in range(401):
        moment = NOW.replace(hour=0) - timedelta(days=400 - day)
        values = (0.6 * total, 0.4 * total, 0, 0.6 * it, 0.4 * it)
        rows += [f"{meter},,{moment.isoformat()},{value:.3f}" for meter, value in zip(METERS, values, strict=True)]
        load = 8_000 + 200 * (day * 5 % 9)
        total, it = total + 24_000 * (1.10 * load + plant_kw + 300), it + 24_000 * load
    return "\n".join(rows)


def test_a_year_of_days_makes_the_load_model_a_fitted_one(
    ledger: LedgerClient, declaration: Declaration, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plant takes 1,000 kW and not the declared 600: the gate decides by that, and by no load that nobody saw."""
    bring(year_of_days(plant_kw=1_000))
    found = status(capsys)
    assert (found["trailing"]["verdict"], found["load_model"]["kind"]) == ("within", "fitted")
    assert found["load_model"]["days"] == 365
    assert found["load_model"]["reach_kw"] == 11_040
    assert 1.24 < float(found["rest_of_year"]["allowed"]) < 2
    (told,) = gate(ledger, declaration, 60, "c")
    # 1.10 + 1,450 / 8,860 with the room, and 1.10 + 1,300 / 8,800 without.
    assert "load model fitted to 365 days" in told["message"]
    assert told["level"] == "mandatory"
    assert gate(ledger, declaration, 600, "b") == []
    code = main(["pue", "forecast", "--site", "qp-dc1", "--add", "4MW", "--room", "b"])
    text = capsys.readouterr().out
    assert code == 1
    assert text.startswith("approval: the fitted load model says nothing of loads so far above")
    assert "in room    b: each kW of it takes unknown kW" in text
    assert main(["pue", "report", "qp-dc1", "--out", "page.html"]) == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert page.count("<svg ") == page.count('role="img"') == 4
    assert 'aria-label="Coverage of qp-dc1: ' in page
    assert ">1.00</text>" in page
    assert page.count("limit 1.25</text>") == 2
    months = page[page.index("<svg ") : page.index("</svg>")]
    assert months.rindex('<line class="limit"') > months.rindex('<rect class="bar"'), "no bar hides the limit"
    assert "as it was measured. The line is the load model fitted to" in page
    assert page.count('class="day"') == found["load_model"]["days"]
    assert page.count('<polygon class="band"') == 1
    assert "All balances close" in page
    assert "<script" not in page
    assert main(["pue", "report", "qp-dc9"]) == 2
    assert "with readings of each meter (qp-dc1), got 'qp-dc9'" in capsys.readouterr().err


def test_a_status_is_watched(
    ledger: LedgerClient, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is shown again until it is interrupted, with the time; no number of seconds that cannot be waited."""
    assert ledger
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) > 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", sleep)
    assert main(["pue", "status", "--watch"]) == 0
    out = capsys.readouterr().out
    assert waits == [60, 60]
    assert out.count("UTC, every 60 s\n") == out.count("qp-dc1: within") == 2
    assert main(["pue", "status", "--watch", "0"]) == 2
    assert "expected 1 to 86400 seconds, got 0" in capsys.readouterr().err
    assert main(["pue", "status", "--watch", "5", "--format", "json"]) == 2


def test_registers_within_the_limit_let_it_pass(
    ledger: LedgerClient, declaration: Declaration, capsys: pytest.CaptureFixture[str]
) -> None:
    """A site that is measured within the limit takes what stays within."""
    bring(registers(9_000, end=month_before(NOW)))
    assert status(capsys)["trailing"] == {"ratio": "1.246667", "verdict": "within"}
    assert gate(ledger, declaration, 600, "b") == []


def test_stale_and_missing_readings_are_undetermined(
    ledger: LedgerClient, declaration: Declaration, capsys: pytest.CaptureFixture[str]
) -> None:
    """Readings that are too old, or a meter without any, are never taken as good."""
    text = registers(9_000, end=month_before(NOW))
    bring("\n".join(line for line in text.splitlines() if not line.startswith("ups-b")))
    found = status(capsys)
    assert (found["trigger"], found["reason"]) == ("undetermined", "no readings of ups-b")
    assert [item["level"] for item in gate(ledger, declaration, 600, "b")] == ["approval"]
    Path(".zonewright/ledger.telemetry.db").unlink()
    old = month_before(month_before(month_before(NOW) - timedelta(days=1)) - timedelta(days=1))
    bring(registers(9_000, end=old))
    found = status(capsys)
    assert found["trigger"] == "undetermined"
    assert "the limit is 45 days" in found["reason"]


def test_an_import_with_faults_stores_nothing(ledger: LedgerClient, capsys: pytest.CaptureFixture[str]) -> None:
    """Faulty rows are all told with their lines; a site without meters is misuse; the same file twice is known."""
    assert ledger
    bring("meter,start,time,value\nmain,,2026-01-01T00:00:00+00:00,1\nups-a,,2026-01-01,1", expect=2)
    err = capsys.readouterr().err
    assert "registers.csv:2: meter 'main' is not in meters.yaml" in err
    assert "registers.csv:3: expected time as ISO 8601" in err
    assert not Path(".zonewright/ledger.telemetry.db").exists()
    text = registers(9_000, end=month_before(NOW), months=2)
    bring(text)
    bring(text)
    assert "qp-dc1: 0 readings stored, 15 already known" in capsys.readouterr().out
    bring(registers(9_500, end=month_before(NOW), months=2), expect=1)
    assert "already has another reading at the time of line" in capsys.readouterr().err
    assert main(["pue", "import", "registers.csv", "--zone", str(ZONE), "--site", "nowhere"]) == 2


def test_a_removal_is_admitted_with_its_numbers(ledger: LedgerClient, declaration: Declaration) -> None:
    """A tenant leaves a site that is measured beyond the limit: an advisory finding says what it does to the ratio."""
    admit(ledger, demand(declaration, 600, "b"))
    bring(registers(8_000, end=month_before(NOW)))
    (found,) = gate(ledger, declaration, 300, "b")
    assert found["level"] == "advisory"
    assert "-300.0 kW" in found["message"]
    assert "nothing is added" in found["message"]
    assert len(gate(ledger, declaration, 600, "b")) == 0


def expected_ratio(it_kw: Fraction) -> str:
    """The ratio of qp-dc1 with rooms a and b open, five decimals rounded up."""
    ratio = 1 + Fraction("0.13") + 900 / it_kw
    return f"{-(-ratio * 10**5 // 1) / 10**5:.5f}"


@pytest.mark.tampers
@pytest.mark.parametrize(("days_before", "share"), [(None, Fraction(1)), (10, Fraction(2, 3)), (40, Fraction(0))])
def test_claims_that_are_not_metered_count_on_top(
    ledger: LedgerClient, declaration: Declaration, days_before: int | None, share: Fraction
) -> None:
    """200 kW claimed are on top of the mean: whole without a resource, else for the part of 30 days without it."""
    proposal = admit(ledger, demand(declaration, 200, "b"))
    end = month_before(NOW)
    if days_before is not None:
        confirm(ledger, proposal)
        active_since(end - timedelta(days=days_before))
    bring(registers(7_000, end=end))
    assert ratio_without(ledger, declaration) == expected_ratio(7_000 + 200 * share)


@pytest.mark.tampers
def test_a_move_within_a_site_is_metered_already(ledger: LedgerClient, declaration: Declaration) -> None:
    """A node that moves within its site is not counted again: its load is in the mean wherever it stands."""
    end = month_before(NOW)
    confirm(ledger, admit(ledger, demand(declaration, 200, "b")))
    active_since(end - timedelta(days=60))
    moved = admit(ledger, demand(declaration, 200, "b", places={"001": {"rack": "qp-dc1/b/25/40", "position": 1}}))
    assert moved.seats["more-001"].rack == "qp-dc1/b/25/40"
    bring(registers(7_000, end=end))
    assert ratio_without(ledger, declaration) == expected_ratio(Fraction(7_000))


def test_figures_are_in_the_read_set(ledger: LedgerClient, declaration: Declaration) -> None:
    """A proposal says on which figures it rests; once registers are over the limit, just these no longer hold."""
    bring(registers(9_000, end=month_before(NOW)))
    request = ProposeRequest(
        stack_id="stack-of-fin", party="tenant-fin", demand=demand(declaration, 600, "b"), reserve=False
    )
    premises = ledger.call(verbs.PROPOSE, request).premises
    energy = [one.sentence() for one in premises if one.kind in ENERGY]
    assert energy == [
        "the readings of qp-dc1 are at most 45 days old",
        "the energy ratio of qp-dc1 by design is not above 1.25",
        "the energy ratio of qp-dc1 measured over the trailing twelve months is not above 1.25",
        "the energy ratio of qp-dc1 projected for the calendar year is not above 1.25",
        # 900 kW are at most 0.12 of IT from 7,500 kW on, so 6,900 kW without the change: 1.13 + 900 / 6,900.
        "the energy ratio of qp-dc1 in the next twelve months, without this change, is not above 1.260434",
    ]


def test_status_and_forecast_of_what_the_ledger_holds(
    ledger: LedgerClient, declaration: Declaration, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a folder, both commands answer from the ledger: measured load, and claims that are not metered yet."""
    assert main(["pue", "forecast", "--site", "qp-dc1", "--add", "600kW"]) == 0
    assert "trigger    within by design; metering and load model are declared" in capsys.readouterr().out
    admit(ledger, demand(declaration, 200, "b"))
    bring(registers(8_000, end=month_before(NOW)))
    capsys.readouterr()
    assert main(["pue", "status"]) == 1
    text = capsys.readouterr().out
    assert "IT load     8,000.0 kW, mean of 30 days; 200.0 kW claimed are not in it yet" in text
    assert "PUE1, imported readings" in text
    assert main(["pue", "forecast", "--site", "qp-dc1", "--add", "600kW", "--room", "b", "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["it_load_kw"] == {"without": 8_200.0, "with": 8_800.0}
    assert (found["trigger"], found["decision"], found["metering"]) == ("breach", "approval", "measured")
    assert main(["pue", "forecast", "--site", "qp-dc1", "--add", "600kW", "--room", "c"]) == 1
    text = capsys.readouterr().out
    assert text.startswith("refused: the site is not known to be within the limit, and this makes it worse\n")
    assert "breach by measured figures (trailing breach, projection breach)" in text
    assert main(["pue", "forecast", "--site", "nowhere", "--add", "600kW"]) == 2
    assert "expected a data centre (qp-dc1), got 'nowhere'" in capsys.readouterr().err
    assert main(["pue", "status", "--ledger", "sqlite:///missing.db"]) == 3


def test_nodes_in_service_before_their_claim_are_metered_already(
    ledger: LedgerClient, declaration: Declaration
) -> None:
    """What ran before it was claimed is in the mean; said of a claim that is there already, it holds from then on."""
    proposal = admit(ledger, demand(declaration, 200, "b"))
    confirm(ledger, proposal)
    bring(registers(7_000, end=month_before(NOW)))
    assert ratio_without(ledger, declaration) == expected_ratio(Fraction(7_200))
    admit(ledger, demand(declaration, 200, "b", in_service="2025-03-01"))
    assert ratio_without(ledger, declaration) == expected_ratio(Fraction(7_000))


def test_readings_of_the_future_are_refused(
    ledger: LedgerClient, declaration: Declaration, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file with readings of later than five minutes from now is refused with its lines, and the figure stays."""
    bring(registers(8_000, end=month_before(NOW)))
    before = status(capsys)
    late = datetime.now(UTC) + timedelta(minutes=9)
    bring(f"meter,start,time,value\nups-a,,{late.isoformat()},90000000000\n", expect=2)
    told = capsys.readouterr().err
    assert "registers.csv:2: meter 'ups-a' has a reading of the future" in told
    assert (status(capsys)["trailing"], before["trigger"]) == (before["trailing"], "breach")
    assert {one["level"] for one in gate(ledger, declaration, 600, "b")} == {"approval"}


def test_a_mistake_of_metering_never_opens_the_gate(
    ledger: LedgerClient, declaration: Declaration, capsys: pytest.CaptureFixture[str]
) -> None:
    """Incomers in kWh beside UPS lines in Wh: undetermined, the meters are named, and load needs an approval."""
    rows = registers(12_000, end=month_before(NOW)).splitlines()
    mixed = [
        f"{row.rpartition(',')[0]},{float(row.rpartition(',')[2]) / 1000:.6f}" if row.startswith("utility") else row
        for row in rows
    ]
    bring("\n".join(mixed))
    found = status(capsys)
    assert (found["trigger"], found["trailing"]["verdict"]) == ("undetermined", "undetermined")
    assert "utility-a, utility-b" in found["reason"]
    (one,) = gate(ledger, declaration, 600, "b")
    assert (one["level"], "which cannot be" in one["message"]) == ("approval", True)
