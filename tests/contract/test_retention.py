"""Old readings go by a verb or once a day in the service, and what the gate says of a site stays what it was."""

import json
import re
import signal
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.judged import judge_once
from support.telemetry_processes import Service, wait_for
from support.warm_python import warm_python
from support.zone_project import REPOSITORY
from zonewright.audit.evidence.gathering import each_entry
from zonewright.cli import main
from zonewright.ledger.transport.client import LedgerClient
from zonewright.server.agents import issue_token
from zonewright.telemetry.sample import Sample, SampleBatch
from zonewright.telemetry.samples import Samples

ZONE = REPOSITORY / "stacks" / "zones" / "reference"
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
DAYS = 400


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    judge_once(monkeypatch)
    rows = ["meter,start,time,value"]
    for step in range(DAYS + 1):
        moment = (NOW - timedelta(days=DAYS - step)).isoformat()
        rows += [f"{meter},,{moment},{step * 24_000_000 * share}" for meter, share in SHARES.items()]
    (tmp_path / "registers.csv").write_text("\n".join(rows), encoding="utf-8")
    assert main(["pue", "import", "registers.csv", "--zone", str(ZONE), "--site", "qp-dc1"]) == 0
    return tmp_path


SHARES = {"utility-a": 6, "utility-b": 6, "generators": 0, "ups-a": 5, "ups-b": 5}


def status(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What is measured of qp-dc1, but for its age."""
    capsys.readouterr()
    main(["pue", "status", "--zone", str(ZONE), "--format", "json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    site: dict[str, Any] = next(site for site in found["sites"] if site["site"] == "qp-dc1")
    return {name: value for name, value in site.items() if "age" not in name or name == "coverage"}


def count(path: Path) -> int:
    """How many readings are still there."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("select count(*) from reading").fetchone()[0])


def test_prune_removes_readings_and_no_figure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verb says how many went; status is the same, and the same file again is known."""
    before, path = status(capsys), folder / ".zonewright" / "ledger.telemetry.db"
    assert before["trailing"] == {"ratio": "1.200000", "verdict": "within"}
    assert main(["pue", "prune", "--keep-readings-days", "90"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"removed [1-9][0-9,]* readings older than 90 days\nremoved 0 samples older than 90 days\n", out)
    assert count(path) < 5 * (90 + 8)
    assert status(capsys) == before
    assert main(["pue", "import", "registers.csv", "--zone", str(ZONE), "--site", "qp-dc1"]) == 0
    assert "0 readings stored" in capsys.readouterr().out
    assert status(capsys) == before


def test_prune_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a store, or with a length that is none, one sentence and its exit code."""
    monkeypatch.chdir(tmp_path)
    assert main(["pue", "prune"]) == 1
    assert "no readings and no samples beside sqlite:///.zonewright/ledger.db" in capsys.readouterr().err
    assert main(["pue", "prune", "--keep-days", "0"]) == 2
    assert "--keep-days: expected 1 day or more, got 0" in capsys.readouterr().err
    assert main(["serve", "--keep-days", "-1"]) == 2
    assert not (tmp_path / ".zonewright").exists()


def test_the_service_removes_what_is_old(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A service that starts removes readings and samples older than it is told to keep, beside taking reports."""
    before = status(capsys)
    path = folder / ".zonewright" / "ledger.telemetry.db"
    path.rename(folder / "l.telemetry.db")
    issue_token(folder / "agents.yaml", "host-1", "core-001")
    now_ns = time.time_ns()
    samples = Samples(folder / "l.samples.db")
    for number, age_d in enumerate((200, 91, 1), 1):
        at_ns = now_ns - age_d * 86_400 * 10**9
        sample = Sample("hw.energy", "p", "J", at_ns, at_ns - 10**9, 5.0, "good")
        samples.append(SampleBatch(agent="host-1", node="n", boot="b", sequence=number, samples=(sample,)), at_ns)
    service = Service(folder, "--keep-days", "90", "--keep-readings-days", "90", python=warm_python().path())
    service.start()
    try:
        wait_for(lambda: len(samples.samples("host-1")) == 1)  # readings go before samples
    finally:
        assert service.stop(signal.SIGTERM) == 0
    assert samples.energy("host-1")["p"].energy_uj == 15_000_000
    assert samples.batches("host-1") == [1, 2, 3]
    samples.close()
    assert count(folder / "l.telemetry.db") < 5 * (90 + 8)
    (folder / "l.telemetry.db").rename(path)
    assert status(capsys) == before


def test_the_service_records_what_it_removes(folder: Path) -> None:
    """Beside a ledger the removal is an entry of its journal, with how many readings went and the sites."""
    (folder / ".zonewright" / "ledger.telemetry.db").rename(folder / "l.telemetry.db")
    issue_token(folder / "agents.yaml", "host-1", "core-001")
    with LedgerClient("sqlite:///l.db", root=folder, create=True) as client:
        before = count(folder / "l.telemetry.db")
        service = Service(folder, "--keep-days", "90", "--keep-readings-days", "90", python=warm_python().path())
        service.start()
        try:
            wait_for(lambda: len(list(each_entry(client))) == 1)
        finally:
            assert service.stop(signal.SIGTERM) == 0
        (entry,) = list(each_entry(client))
    assert entry.kind == "pruned"
    assert entry.payload["readings"] == before - count(folder / "l.telemetry.db") > 0
    assert list(entry.payload["sites"]) == ["qp-dc1"]
