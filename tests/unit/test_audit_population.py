"""Is the list of changes complete, and what was out of the ordinary: from a ledger with everything in it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support import planted
from support.changes import rich_bundle
from support.ledger_party import Party
from support.planner import Planner
from support.signing import policy, zone_with
from support.zone_project import cluster, facility
from zonewright.audit.evidence.fetching import fetch
from zonewright.audit.evidence.gathering import each_entry
from zonewright.audit.evidence.period import PeriodPage, period_markdown, period_of
from zonewright.audit.verify.population import population_checks
from zonewright.cli import main
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.change_messages import ChangesAnswer, ChangesRequest
from zonewright.ledger.protocol.journal_messages import JournalEntry
from zonewright.ledger.protocol.stack_messages import InitRequest, RecoverRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone

pytestmark = pytest.mark.slow

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
LANE = {"needs": {}, "review_hours": 24}


@dataclass
class Told:
    """What a ledger tells."""

    entries: list[JournalEntry]
    found: ChangesAnswer
    period: PeriodPage


def told(client: LedgerClient, first: str, last: str) -> Told:
    """Journal, population and period."""
    entries, found = list(each_entry(client)), client.call(verbs.CHANGES, ChangesRequest())
    return Told(
        entries,
        found,
        period_of(entries, found.changes, lambda digests: fetch(client, digests), first=first, last=last),
    )


@pytest.fixture(name="ledger", scope="module")
def _ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A refusal, an emergency, a take-over and plain changes."""
    now = [AT]
    two = policy({"operators": 2}, parties=["tenant-a"], emergency=LANE)
    zone = Zone.model_validate(zone_with(two=two))
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    with LedgerClient(f"sqlite:///{path}", create=True, clock=lambda: now[0]) as client:
        client.call(verbs.INIT, InitRequest(zone=zone))
        Party(client, "stack-of-operator", "operator", zone=zone).bring_up(sites=facility(2)["sites"])
        party = Party(client, "stack-of-tenant-a", "tenant-a", zone=zone)
        party.enrol()
        tenant = Planner(party)
        web: dict[str, Any] = {"clusters": {"web": cluster(2)}}
        with pytest.raises(LedgerRefusedError):
            tenant.admit(**web)
        now[0] += timedelta(days=1)
        tenant.plan(at=now[0], emergency=True, reason="feed down", **web)
        tenant.complete(tenant.admit(**web))
        client.call(verbs.RECOVER, RecoverRequest(stack_id=party.stack_id, party="tenant-a", state_is_empty=True))
        yield told(client, "2026-11-25", "2026-11-25")


def verdicts(entries: list[JournalEntry], found: ChangesAnswer) -> dict[str, str]:
    """Detail of each check that is wrong."""
    return {check.name: check.detail for check in population_checks(entries, found) if check.verdict == "wrong"}


def test_a_true_population_is_complete(ledger: Told) -> None:
    """Every decision of the journal has one record."""
    assert verdicts(ledger.entries, ledger.found) == {}


def test_what_is_missing_or_invented_is_named(ledger: Told) -> None:
    """A record taken out, one that stands twice, one of another stack, and a cut journal are named."""
    changes = ledger.found.changes
    refused = next(one for one in changes if one.state == "refused")
    planned = next(one for one in changes if one.plan)
    for kept, sentence in (
        ([one for one in changes if one is not refused], f"entry {refused.decisions[0]} (refused) has no record"),
        ([*changes, refused], f"2 records name entry {refused.decisions[0]}"),
        ([one for one in changes if one is not planned], "(planned) has no record"),
        (
            [one.model_copy(update={"stack_id": "somebody-else"}) for one in changes],
            "its record belongs to somebody-else",
        ),
        ([one.model_copy(update={"admission_id": "adm-0"}) for one in changes], "its record names another admission"),
        ([one.model_copy(update={"decisions": [9999]}) for one in changes], "names entry 9999, which decided nothing"),
        ([*changes, planned.model_copy(update={"plan": f"sha256:{'0' * 64}"})], "is not in the journal"),
    ):
        assert sentence in verdicts(ledger.entries, ledger.found.model_copy(update={"changes": kept}))["population"]
    assert "missing" in verdicts(ledger.entries[1:], ledger.found)["journal"]
    fewer = ledger.found.model_copy(update={"refusals": 0})
    assert "but the list covers 0" in verdicts(ledger.entries, fewer)["population"]


def test_steps_that_can_not_be_are_named(ledger: Told) -> None:
    """Of a whole journal each step rises by one; another number, a plan of another step or a second one are named."""

    def told(edit: dict[str, dict[str, Any]], *more: JournalEntry) -> str:
        entries = [
            one.model_copy(update={"payload": {**one.payload, **edit.get(one.kind, {})}})
            if one.stack_id == "stack-of-tenant-a"
            else one
            for one in (*ledger.entries, *more)
        ]
        return verdicts(entries, ledger.found).get("steps", "")

    (admitted,) = (one for one in ledger.entries if one.kind == "admitted" and one.payload["plan"])
    name = str(admitted.payload["plan"])[7:19]
    number = admitted.sequence
    assert told({}) == ""
    assert told({"admitted": {"step": 7}}) == f"entry {number} (admitted) is step 1 of its stack, it says 7"
    assert told({"admitted": {"step": None}}) == f"entry {number} (admitted) is step 1 of its stack, it says none"
    assert told({"completed": {"step": 2}}).endswith("(completed) is no step, it says 2")
    assert (
        told({"planned": {"follows": 3}})
        == f"entry {number} admitted plan {name} as step 1, but the plan follows step 3"
    )
    again = admitted.model_copy(update={"sequence": 99, "payload": {**admitted.payload, "step": 3}})
    said = told({}, again)
    assert f"entry 99 admitted plan {name} as step 3, but the plan follows step 0" in said
    assert f"plan {name} was admitted 2 times, by entries {number} and 99; one plan is good for one step" in said


def test_the_journal_of_an_older_version_has_no_numbers(ledger: Told) -> None:
    """Entries without a step are counted until the first one that names it; after that each must name it."""
    bare = [
        one.model_copy(update={"payload": {key: value for key, value in one.payload.items() if key != "step"}})
        for one in ledger.entries
    ]
    assert "steps" not in verdicts(bare, ledger.found)
    last = max(at for at, one in enumerate(ledger.entries) if "step" in one.payload)
    assert "steps" not in verdicts([*bare[:last], *ledger.entries[last:]], ledger.found)
    mixed = verdicts([*ledger.entries[:last], *bare[last:]], ledger.found)["steps"]
    assert mixed.endswith("(taken-over) is step 2 of its stack, it says none")


def test_decisions_of_an_older_version_name_no_zone_file(ledger: Told) -> None:
    """They are not checked, and counted; the same journal with the present version's entries is good."""
    bare = [
        one.model_copy(update={"payload": {key: value for key, value in one.payload.items() if key != "zone_digest"}})
        if one.kind in ("admitted", "refused")
        else one
        for one in ledger.entries
    ]
    said = {check.name: check for check in population_checks(ledger.entries, ledger.found)}
    assert said["zone files"].verdict == "good"
    said = {check.name: check for check in population_checks(bare, ledger.found)}
    assert said["zone files"].line() == (
        "not-checked  zone files: 3 decisions of older versions name no zone file; all others name the one that was "
        "registered last"
    )


def test_a_period_tells_what_was_out_of_the_ordinary(ledger: Told) -> None:
    """The emergency and the take-over of the second day are there; the refusal of the first is not."""
    sections = ledger.period.sections
    (urgent,) = sections["Emergency changes"]
    assert urgent.what == "by anna: feed down; review due by 2026-11-26T12:00"
    (forced,) = sections["Taken over or given up by force"]
    assert forced.what == "taken-over by tenant-a: state_is_empty True, step 2"
    assert sections["Refused"] == ()
    page = period_markdown(ledger.period)
    assert "## Waivers that were used\n\nNone." in page
    assert "the ledger has no inventory" in page
    assert page.count("## ") == len(sections) + 1


def test_a_row_with_a_secret_is_withheld(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A planted reason with a password in a URL is on no page; its row and all others are, and the exit code is 1."""
    monkeypatch.chdir(tmp_path)
    zone = Zone.model_validate(zone_with(two=policy({"operators": 2}, parties=["tenant-a"], emergency=LANE)))
    secret = planted.a_word()
    with LedgerClient("sqlite:///ledger.db", root=tmp_path, create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=zone))
        Party(client, "stack-of-operator", "operator", zone=zone).bring_up(sites=facility(2)["sites"])
        party = Party(client, "stack-of-tenant-a", "tenant-a", zone=zone)
        party.enrol()
        tenant = Planner(party)
        web: dict[str, Any] = {"clusters": {"web": cluster(2)}}
        tenant.plan(at=datetime.now(UTC), emergency=True, reason=f"https://me:{secret}@host/ is down", **web)
        tenant.complete(tenant.admit(**web))
        client.call(verbs.RECOVER, RecoverRequest(stack_id=party.stack_id, party="tenant-a", state_is_empty=True))
    day = datetime.now(UTC).date()
    span = (
        "--from",
        str(day - timedelta(days=1)),
        "--to",
        str(day + timedelta(days=1)),
        "--ledger",
        "sqlite:///ledger.db",
    )
    for form in ("text", "json"):
        assert main(["audit", "period", *span, "--format", form]) == 1
        page, told = capsys.readouterr()
        assert "withheld: it looks like a password in a URL" in page
        assert "taken-over by tenant-a: state_is_empty True, step 2" in page
        assert "Emergency changes: 20" in told
        assert "error: 1 place above looked like secrets, so their text is withheld" in told
        assert [form for form, needle in planted.forms_of(secret) if needle in (page + told).encode()] == []


def test_overrides_trust_and_refusals_of_the_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                  capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """An approval over the gate is an override with its approver; imported readings are below trust class signed."""
    rich_bundle(tmp_path)
    monkeypatch.chdir(tmp_path)
    day = datetime.now(UTC).date()
    span = ("--from", str(day - timedelta(days=1)), "--to", str(day + timedelta(days=1)))
    assert main(["audit", "period", *span, "--ledger", "sqlite:///ledger.db", "--format", "json"]) == 0
    sections = json.loads(capsys.readouterr().out)["sections"]
    overrides = [row["what"] for row in sections["Overrides: findings that an approval accepted"]]
    assert len(overrides) == 2
    assert all(text.startswith("[pue-gate] qp-dc1: 12") and text.endswith("by ben") for text in overrides)
    assert [row["what"] for row in sections["Readings below trust class signed"]] == ["qp-dc1: imported"]
    assert main(["audit", "complete", "--ledger", "sqlite:///ledger.db"]) == 0
    assert "nothing is wrong" in capsys.readouterr().out
    assert main(["audit", "period", "--from", "yesterday", "--to", str(day)]) == 2
    assert main(["audit", "period", "--from", "2026-02-01", "--to", "2026-01-01"]) == 2
    assert "expected a day such as 2026-01-01, got 'yesterday'" in capsys.readouterr().err
