"""Readings that are corrected or withdrawn: figures are those of the right readings, and what was said before stays."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from support.changes import ledger_of
from support.judged import judge_once
from support.readings import METERS, MINUTE_US, START, at, month
from support.registers import NOW, ZONE, month_before, registers
from support.soak import seeded
from zonewright.cli import main
from zonewright.cli.zone import judged_folder
from zonewright.ledger.deciding.banding import with_bands
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.world import Measured
from zonewright.pue import Reading, evaluate
from zonewright.telemetry import Appended, ConflictError, Store
from zonewright.telemetry.correcting import Corrected, Intake
from zonewright.telemetry.figures import Fresh
from zonewright.telemetry.register_lines import READINGS_HEAD, digest_of_lines, reading_line
from zonewright.telemetry.registers import registers as texts_of
from zonewright.telemetry.summing import DAY_US
from zonewright.telemetry.tables import readings_file

WHY = Intake(kind="corrected", by="anna", reason="misread")
GONE = Intake(kind="withdrawn", by="anna", reason="a restart")
DAYS = 6
WINDOW = (START, START + DAYS * DAY_US)


def days() -> dict[str, list[Reading]]:
    """A few days of all meters, with the gap of the first."""
    found = month(gap_h=(50, 60))
    return {name: [one for one in items if one.time_us <= WINDOW[1]] for name, items in found.items()}


def assert_same(one: Store, two: Store, readings: dict[str, list[Reading]]) -> None:
    """Both have the sums and the figure of some readings."""
    assert one.sums("dc1", *WINDOW) == two.sums("dc1", *WINDOW)
    exact = evaluate(METERS, readings, start_us=WINDOW[0], end_us=WINDOW[1], limit=Fraction(5, 4))
    for store in (one, two):
        found = store.readings("dc1", *WINDOW, [WINDOW])
        assert evaluate(METERS, found, start_us=WINDOW[0], end_us=WINDOW[1], limit=Fraction(5, 4)) == exact


@pytest.mark.parametrize("is_withdrawn", [True, False])
def test_figures_are_those_of_the_right_readings(tmp_path: Path, *, is_withdrawn: bool) -> None:
    """Random wrong readings that are corrected or withdrawn leave the sums of a store that never had them."""
    rng = seeded(f"corrections {is_withdrawn}")
    for number in range(2):
        right, wrong = days(), days()
        for name, items in wrong.items():
            for index in rng.sample(range(1, len(items)), 9):
                one = items[index]
                items[index] = Reading(one.start_us, one.time_us, Fraction(rng.choice((0, 7, one.value * 1000))), 0)
            if is_withdrawn:
                pairs = zip(items, right[name], strict=True)
                right[name] = [old for new, old in pairs if new == old]
        odd = {name: [one for one in items if one not in right[name]] for name, items in wrong.items()}
        fixed, clean = (Store(tmp_path / f"{number}{word}.db", create=True) for word in ("fixed", "clean"))
        clean.append("dc1", METERS, right, trust="signed")
        fixed.append("dc1", METERS, wrong, trust="signed")
        if is_withdrawn:
            done = fixed.correct("dc1", METERS, odd, GONE, trust="imported")
        else:
            times = {name: {one.time_us for one in items} for name, items in odd.items()}
            better = {name: [one for one in right[name] if one.time_us in times[name]] for name in METERS}
            done = fixed.correct("dc1", METERS, better, WHY, trust="imported")
        assert done.replaced + done.withdrawn == sum(map(len, odd.values())) == len(fixed.superseded("dc1"))
        assert_same(fixed, clean, right)
        again = fixed.append("dc1", METERS, wrong, trust="signed")
        assert again == Appended(known=sum(map(len, wrong.values()))), "what comes again changes nothing"
        assert_same(fixed, clean, right)


def test_a_correction_is_all_or_nothing(tmp_path: Path) -> None:
    """A reading that is not there, a third value, or one in removed hours: refused, and nothing has changed."""
    store = Store(tmp_path / "t.db", create=True)
    store.append("dc1", METERS, days(), trust="imported")
    before = store.sums("dc1", *WINDOW)
    with pytest.raises(ConflictError, match="no such reading as line 3"):
        store.correct(
            "dc1", METERS, {"gas": [at(20, 200, length=20), at(40, 7, length=20, line=3)]}, GONE, trust="imported"
        )
    with pytest.raises(ConflictError, match="overlap"):
        store.correct("dc1", METERS, {"gas": [at(45, 200, length=20)]}, WHY, trust="imported")
    assert store.sums("dc1", *WINDOW) == before
    assert store.superseded("dc1") == []
    done = store.correct("dc1", METERS, {"main": [at(20, 10_001), at(40, 20_000)]}, WHY, trust="imported")
    assert done == Corrected(replaced=1, same=1)
    with pytest.raises(ConflictError, match="already has another reading"):
        store.append("dc1", METERS, {"main": [at(20, 9_999, line=4)]}, trust="imported")
    store.prune(START + 5 * DAY_US)
    with pytest.raises(ConflictError, match="sums cannot be corrected"):
        store.correct("dc1", METERS, {"main": [at(1440 + 20, 5)]}, WHY, trust="imported")
    with pytest.raises(ConflictError, match="were removed, and sums cannot be corrected"):
        store.correct("dc1", METERS, {"main": [at(1440 + 20, 5)]}, GONE, trust="imported")


def test_a_correction_keeps_the_trust_of_what_it_replaces(tmp_path: Path) -> None:
    """A meter of signed readings stays one when a reading is corrected; one that is new is what it was brought as."""
    store = Store(tmp_path / "t.db", create=True)
    store.append("dc1", METERS, {"main": [at(0, 5), at(60, 9)]}, trust="signed")
    store.correct("dc1", METERS, {"main": [at(60, 8)]}, WHY, trust="imported")
    assert store.trusts("dc1") == {"signed"}
    assert store.last("dc1")["main"] == (START + 60 * MINUTE_US, "signed")
    store.correct("dc1", METERS, {"main": [at(90, 10)]}, WHY, trust="imported")
    assert store.trusts("dc1") == {"signed", "imported"}


def test_a_correction_outranks_every_trust_class(tmp_path: Path) -> None:
    """What comes at a corrected time, however it is trusted, stands beside the correction and counts for nothing."""
    store = Store(tmp_path / "t.db", create=True)
    store.append("dc1", METERS, {"main": [at(0, 5), at(60, 9)]}, trust="imported")
    store.correct("dc1", METERS, {"main": [at(60, 8)]}, WHY, trust="imported")
    before = store.readings("dc1", *WINDOW)
    assert store.append("dc1", METERS, {"main": [at(60, 7)]}, trust="signed") == Appended(outranked=1)
    assert store.append("dc1", METERS, {"main": [at(60, 7)]}, trust="signed") == Appended(known=1)
    assert store.append("dc1", METERS, {"main": [at(60, 9)]}, trust="signed") == Appended(known=1)
    assert store.readings("dc1", *WINDOW) == before
    assert [one.kind for one in store.superseded("dc1")] == ["corrected", "outranked"]
    assert store.trusts("dc1") == {"imported"}


def test_the_last_reading_and_the_only_one_may_be_withdrawn(tmp_path: Path) -> None:
    """A typing error in the newest time goes, and with the only readings their sums go."""
    store = Store(tmp_path / "t.db", create=True)
    store.append("dc1", METERS, {"main": [at(0, 5), at(60, 9), at(90 * 1440, 11)]}, trust="imported")
    store.correct("dc1", METERS, {"main": [at(90 * 1440, 11)]}, GONE, trust="imported")
    assert store.last("dc1")["main"][0] == START + 60 * MINUTE_US
    assert store.sums("dc1", START, START + 100 * DAY_US)["main"].covered_us == 60 * MINUTE_US
    store.correct("dc1", METERS, {"main": [at(0, 5), at(60, 9)]}, GONE, trust="imported")
    assert store.last("dc1") == {}
    assert store.sums("dc1", START, START + 100 * DAY_US)["main"].covered_us == 0


@pytest.fixture(name="ledger")
def _ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LedgerClient]:
    """A ledger with the facility qp-dc1."""
    monkeypatch.chdir(tmp_path)
    judge_once(monkeypatch)
    ledger_of(tmp_path / ".zonewright", "operator-b", has_people=False)
    with LedgerClient("sqlite:///.zonewright/ledger.db", root=tmp_path) as client:
        yield client


def pue(verb: str, text: str, *more: str) -> int:
    """Run a verb on a file of readings of qp-dc1."""
    Path("r.csv").write_text(text, encoding="utf-8")
    return main(["pue", verb, "r.csv", "--zone", str(ZONE), "--site", "qp-dc1", *more])


def entries(ledger: LedgerClient) -> list[dict[str, Any]]:
    """What the journal has on readings."""
    found = ledger.call(verbs.HISTORY, HistoryRequest()).entries
    return [one.payload for one in found if one.kind == "readings"]


def test_the_journal_tells_of_imports_and_corrections(ledger: LedgerClient, capsys: pytest.CaptureFixture[str]) -> None:
    """An import, a correction and a withdrawal have an entry each, with digests that whoever has the file computes."""
    end = month_before(NOW)
    text = registers(8_000, end=end)
    assert pue("import", text) == 0
    capsys.readouterr()
    assert main(["pue", "corrections", "--site", "qp-dc1"]) == 0
    assert capsys.readouterr().out == "qp-dc1: no corrections\n"
    assert main(["pue", "corrections", "--site", "nosuch"]) == 2
    assert "site 'nosuch' has no readings" in capsys.readouterr().err
    row = [line for line in text.splitlines() if line.startswith("ups-a")][-6]
    meter, _, time, value = row.split(",")
    better = f"meter,start,time,value\n{meter},,{time},{float(value) + 1:.3f}\n"
    late = f"meter,start,time,value\nups-b,,{(end - timedelta(days=40)).isoformat()},0\n"
    assert pue("correct", better, "--by", "anna", "--reason", "misread by one") == 0
    assert pue("correct", better, "--by", "anna", "--reason", "once more") == 0, "it changes nothing, and has no entry"
    assert pue("correct", late, "--by", "anna", "--reason", "lost", "--withdraw") == 1, "there is no such reading"
    assert pue("correct", better, "--by", "anna", "--reason", "all wrong", "--withdraw") == 0
    told = entries(ledger)
    assert [(one["what"], one["site"], one["by"] != "", one["reason"]) for one in told] == [
        ("imported", "qp-dc1", True, ""),
        ("corrected", "qp-dc1", True, "misread by one"),
        ("withdrawn", "qp-dc1", True, "all wrong"),
    ]
    micro = round((float(value) + 1) * 10**6)
    time_us = next(one.time_us for one in Store(Path(".zonewright/ledger.telemetry.db")).superseded("qp-dc1"))
    line = reading_line(("ups-a", "register", None, time_us, micro, "imported"))
    assert told[1]["meters"] == {"ups-a": {"readings": 1, "digest": digest_of_lines(READINGS_HEAD, [line])[0]}}
    capsys.readouterr()
    assert main(["pue", "corrections", "--site", "qp-dc1"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 2
    assert "withdrawn, by anna (entry" in shown[1]
    main(["pue", "status", "--zone", str(ZONE), "--format", "json"])
    sites = json.loads(capsys.readouterr().out)["sites"]
    found = next(one for one in sites if one["site"] == "qp-dc1")
    assert found["findings"] == ["rests on 2 corrected or withdrawn readings of ups-a"]


def findings(capsys: pytest.CaptureFixture[str], *more: str) -> list[str]:
    """What the status of qp-dc1 tells of its meters."""
    capsys.readouterr()
    main(["pue", "status", "--format", "json", *more])
    sites = json.loads(capsys.readouterr().out)["sites"]
    return [text for one in sites if one["site"] == "qp-dc1" for text in one["findings"]]


def test_a_status_tells_of_a_meter_that_leaves_its_band(
    ledger: LedgerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """A month unlike all before is told by the status of the ledger and of a folder; admitted load explains it."""
    end = month_before(NOW)
    text = registers(8_000, end=end)
    assert pue("import", text) == 0
    assert not any("band" in one for one in findings(capsys))
    meter, _, time, value = [line for line in text.splitlines() if line.startswith("ups-a")][-1].split(",")
    more = f"meter,start,time,value\n{meter},,{time},{float(value) + 900_000_000:.3f}\n"
    assert pue("correct", more, "--by", "anna", "--reason", "misread") == 0
    for told in (findings(capsys), findings(capsys, "--zone", str(ZONE))):
        (one,) = (text for text in told if "band" in text)
        assert one.startswith("ups-a leaves the band of its history: 5,2")
        assert "no admission explains it" in one
    judged = judged_folder(ZONE)
    assert judged is not None
    assert judged.world.zone is not None
    facts = replace(judged.world.zone, measured={"qp-dc1": Measured(trailing="breach")})
    home = readings_file(Path(".zonewright/ledger.telemetry.db"))
    since = end - timedelta(days=40)
    for watts, count in ((500_000, 1), (1_500_000, 0)):
        fresh = {"qp-dc1": [Fresh(watts=watts, since=since), Fresh(watts=9_000_000, since=None)]}
        assert len(with_bands(facts, home, NOW, fresh)["qp-dc1"].findings) == count
    assert ledger is not None


def test_what_was_not_recorded_is_recorded_before_evidence_is_taken(ledger: LedgerClient, tmp_path: Path) -> None:
    """Readings that came in while no journal could be written are recorded by the next import, and evidence waits."""
    pue("import", registers(8_000, end=month_before(NOW)))
    with sqlite3.connect(".zonewright/ledger.telemetry.db") as connection:
        connection.execute("update intake set entry = ''")
    connection.close()
    home = readings_file(tmp_path / ".zonewright" / "ledger.telemetry.db")
    with pytest.raises(Exception, match="the journal has no entry for it yet"):
        texts_of(home, "qp-dc1", NOW - timedelta(days=400))
    pue("import", registers(8_000, end=month_before(NOW)))
    assert len(entries(ledger)) == 2
    assert any(name.startswith("readings/qp-dc1/") for name in texts_of(home, "qp-dc1", NOW - timedelta(days=400)))
