"""``zonewright watch``: changes of energy ratios reach a webhook signed and once, whatever becomes of it meanwhile."""

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.changes import ledger_of
from support.judged import judge_once
from support.parts import require
from support.registers import NOW, ZONE, month_before, registers
from support.ssh_hosts import new_key
from zonewright.cli import main
from zonewright.seal import SealError
from zonewright.seal.event import signed_event
from zonewright.server.energy_watch import CHANGED, SiteMemory
from zonewright.server.webhook import Webhook


@contextmanager
def hook(answers: list[int]) -> Iterator[tuple[str, list[tuple[dict[str, str], str]]]]:
    """A webhook that gives some answers and then 204; its URL and what it got."""
    got: list[tuple[dict[str, str], str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(answers.pop(0) if answers else 204)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", got
    finally:
        server.shutdown()
        server.server_close()


def test_what_changes_is_told_once_and_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each site is told when it is new, then only what changes; a webhook that was away gets all of it, in order."""
    monkeypatch.chdir(tmp_path)
    judge_once(monkeypatch)
    ledger_of(tmp_path / ".zonewright", "operator-b", has_people=False)
    public = new_key(tmp_path / "watch")
    away = ["watch", "--once", "--key", "watch", "--rules", "rules.yml", "--webhook"]
    assert main([*away, "http://127.0.0.1:9/hook"]) == 3
    assert "the webhook did not take an event" in capsys.readouterr().err
    assert yaml.safe_load((tmp_path / "rules.yml").read_text())["groups"][0]["rules"] == []
    (tmp_path / "registers.csv").write_text(registers(9_000, end=month_before(NOW)), encoding="utf-8")
    assert main(["pue", "import", "registers.csv", "--site", "qp-dc1", "--zone", str(ZONE)]) == 0
    with hook([503]) as (url, got):
        assert main([*away, url]) == 3  # it answers 503 once
        assert main([*away, url]) == 0
        assert main([*away, url]) == 0  # nothing has changed
        events = [signed_event(body, public) for _, body in got]
        with pytest.raises(SealError, match="does not match"):
            signed_event(got[0][1].replace("qp-dc1", "qp-dc2"), public)
        with pytest.raises(SealError, match="expected SHA256:"):
            signed_event(got[0][1], new_key(tmp_path / "other"))
    assert got[0][1] == got[1][1]  # the very same event again
    assert {headers["content-type"] for headers, _ in got} == {"application/cloudevents+json"}
    told: dict[str, list[Any]] = {}
    for event in events[1:]:
        assert (event["type"], event["subject"]) == (CHANGED, event["data"]["site"])
        told.setdefault(event["subject"], []).append(event["data"])
    assert [one["now"]["metering"] for one in told["qp-dc1"]] == ["declared", "measured"]
    assert told["qp-dc1"][1]["before"]["metering"] == "declared"
    assert sorted(event["id"] for event in events[1:]) == [event["id"] for event in events[1:]]
    rules = yaml.safe_load((tmp_path / "rules.yml").read_text())["groups"][0]["rules"]
    assert {(rule["alert"], rule["labels"]["site"]) for rule in rules} == {
        ("EnergyRatioAboveLimit", "qp-dc1"),
        ("EnergyRatioUnknown", "qp-dc1"),
    }
    done = subprocess.run(
        [require("promtool", "prometheus", "the rules of a watch"), "check", "rules", "rules.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_webhook_that_refuses_or_hangs_holds_nothing_up(tmp_path: Path) -> None:
    """What it will never take is dropped and said; the thread that sends ends at once, and the rest waits."""
    said: list[str] = []
    with hook([400]) as (url, got):
        webhook = Webhook(url, tmp_path / "events", token="secret", say=said.append)
        with webhook:
            webhook.put("one")
            webhook.put("two")
            until = time.monotonic() + 20
            while len(webhook.spool) and time.monotonic() < until:
                time.sleep(0.01)
        assert [body for _, body in got] == ["one", "two"]
        assert {headers["authorization"] for headers, _ in got} == {"Bearer secret"}
    assert len(said) == 1
    assert re.search(r"never take event \d{13}: it answered 400", said[0])
    begun = time.monotonic()
    with Webhook(url, tmp_path / "events", say=said.append, chance=lambda: 1.0) as webhook:
        webhook.put("three")
    assert time.monotonic() - begun < 3
    assert [body for _, body in Webhook(url, tmp_path / "events", say=said.append).spool.pending()] == [b"three"]


@pytest.mark.parametrize("content", [b"", b" \n", b"two\nlines", b"\xff\xfe", b"a\x00b"])
def test_a_file_without_one_token_sends_nothing(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a webhook would get events without a token, or the watch would end at the first one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_bytes(content)
    options = ["--webhook", "http://127.0.0.1:9/hook", "--key", "none", "--token-file", "token"]
    assert main(["watch", "--once", *options]) == 2
    assert "--token-file token: expected one line with the token" in capsys.readouterr().err


def test_an_event_of_a_lost_folder_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever drops what came before goes by source and id: no two events have both in common."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "time_ns", lambda: 10**18)
    judge_once(monkeypatch)
    ledger_of(tmp_path / ".zonewright", "operator-b", has_people=False)
    new_key(tmp_path / "watch")
    with hook([]) as (url, got):
        for folder in ("one", "two"):
            assert main(["watch", "--once", "--key", "watch", "--webhook", url, "--folder", folder]) == 0
    ids = [json.loads(body)["id"] for _, body in got]
    assert len(ids) == len(set(ids)) > 1
    assert min(ids) > f"{10**12:020}"


def test_a_memory_that_cannot_be_read_tells_all_again(tmp_path: Path) -> None:
    """Rather twice than never: what was told is kept after each change, and a broken file counts as none."""
    row = {"site": "dc1", "trigger": "within", "limit": "1.25", "in_scope": True, "metering": "declared"}
    memory = SiteMemory(tmp_path / "told.json")
    (change,) = memory.changes([row])
    assert (change.before, change.line()) == (None, "dc1: new -> within")
    memory.keep(change)
    assert SiteMemory(tmp_path / "told.json").changes([row]) == []
    assert [one.line() for one in SiteMemory(tmp_path / "told.json").changes([])] == ["dc1: within -> gone"]
    (tmp_path / "told.json").write_text(json.dumps([1]), encoding="utf-8")
    assert len(SiteMemory(tmp_path / "told.json").changes([row])) == 1
