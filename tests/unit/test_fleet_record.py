"""The record of a run: a line for each event, a digest for the journal, and no secret in any of it."""

import base64
import json
from pathlib import Path

from support.planted import a_password, forms_of, leaks
from zonewright.fleet.rollout.outcome import Outcome
from zonewright.fleet.rollout.pool import Event
from zonewright.fleet.rollout.record import RunLog, Share, counts_of
from zonewright.fleet.ssh.ssh_transport import SshSettings
from zonewright.model.canonical import digest_of

SECRET = 'pass"word\\with quotes'
FAILED = Outcome(host="core-001", state="failed", sentence=f"sudo says: {SECRET}", before="a", after="b", step="look")


def test_a_secret_is_in_no_file(tmp_path: Path) -> None:
    """What a host repeats of a password is masked in the events and in the record, also where JSON escapes it."""
    log = RunLog(tmp_path, "run-1", secrets=(SECRET,), clock=lambda: "2026-11-25T00:00:00.000+00:00")
    line = log.write(Event(host="core-001", step="done", detail=FAILED.sentence, outcome=FAILED, wave=1))
    other = RunLog(tmp_path / "other", "run-2")
    whole = json.loads(other.write(Event(host="", step="begin", detail="all")))
    other.close([], who="ada@desk", what="deploy", began="2026-11-24", releases={})
    assert list(whole) == ["at", "detail", "run", "step"], "sorted, and without what an event has not"
    log.close([FAILED], who="ada@desk", what="deploy", began="2026-11-24", releases={"b": "1"})
    for text in (line, *(path.read_text(encoding="utf-8") for path in tmp_path.glob("*.json*"))):
        assert "password" not in text
        assert "with quotes" not in text
        assert "[secret]" in text
        assert json.loads(text)
    assert SECRET not in repr(SshSettings(sudo_password=SECRET, key_password=SECRET))


def test_a_secret_is_in_no_file_in_any_form(tmp_path: Path) -> None:
    """What a host repeats of it in base64, hexadecimal or a URL, alone or within more, is masked too."""
    secret = a_password()
    log = RunLog(tmp_path, "run-1", secrets=(secret,), clock=lambda: "2026-11-25T00:00:00.000+00:00")
    for before in ("", "a", "ab"):
        within = base64.b64encode(f"{before}{secret}xyz".encode()).decode()
        log.write(Event(host="core-001", step="done", detail=within))
    for _form, data in forms_of(secret):
        log.write(Event(host="core-001", step="done", detail=f"sudo says: {data.decode()}"))
    log.close([], who="ada@desk", what=f"deploy {secret}", began="2026-11-24", releases={})
    assert leaks(tmp_path.iterdir(), {"it": secret}) == []
    for line in (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines():
        assert "[secret]" in json.loads(line)["detail"]


def test_the_journal_names_the_record_by_its_digest(tmp_path: Path) -> None:
    """The entry has who, what, counts of every state and releases; its digest is that of the record's text."""
    log = RunLog(tmp_path, "run-1", clock=lambda: "2026-11-25T00:00:00.000+00:00")
    entry = log.close([FAILED], who="ada@desk", what="deploy", began="2026-11-24", releases={"b": "1"})
    text = (tmp_path / "record.json").read_text(encoding="utf-8").rstrip("\n")
    assert entry["record"] == digest_of(text)
    assert entry["counts"] == counts_of([FAILED])
    assert (entry["counts"]["failed"], entry["counts"]["changed"]) == (1, 0)
    assert json.loads(text)["hosts"][0]["last_step"] == "look"


def test_a_change_gets_its_own_part_only(tmp_path: Path) -> None:
    """Hosts and versions of other changes, addresses of hosts, and what looks like a secret are not in its record."""
    log = RunLog(tmp_path, "run-1", secrets=(SECRET,), clock=lambda: "2026-11-25T00:00:00.000+00:00")
    sentence = f"core-002 (10.0.0.7 port 22) does not answer; sudo says: {SECRET}"
    outcomes = [
        Outcome(host="core-001", state="changed", before="names-1, frr-1", after="names-2, frr-2"),
        Outcome(host="core-002", state="unreachable", sentence=sentence, step="connect"),
        Outcome(host="core-003", state="failed", sentence="it said: password = hunter22", after="names-2"),
        Outcome(host="other-001", state="changed", after="names-9"),
    ]
    names = frozenset({"names"})
    share = Share(
        plan=f"sha256:{'a' * 64}",
        hosts=dict.fromkeys(("core-001", "core-002", "core-003"), names),
        files={"names-2": {"sites/dc1/x": digest_of("x")}},
    )
    entry = log.close(outcomes, who="ada@desk", what="deploy", began="2026-11-24", releases={})
    (found,) = log.shared([share], outcomes, fleet="operator", entry=entry)
    assert [(one.host, one.before, one.after) for one in found.record.hosts] == [
        ("core-001", "names-1", "names-2"),
        ("core-002", "", ""),
        ("core-003", "", "names-2"),
    ]
    assert found.record.hosts[1].reason == "core-002 does not answer; sudo says: [secret]"
    (whole,) = log.shared([Share(stack_id="stack-of-a")], outcomes, fleet="operator", entry=entry)
    assert (whole.plan, whole.stack_id, whole.record.files, len(whole.record.hosts)) == ("", "stack-of-a", {}, 4)
    assert found.record.hosts[2].reason.startswith("the reason looks like a secret")
    for word in ("10.0.0.7", "hunter22", "quotes", "frr", "other-001"):
        assert word not in found.record.text(), word
