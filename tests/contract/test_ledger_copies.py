"""Which ledger it is: a copy, a restored backup and a new ledger do not have what a stack's state saw."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.ledger_proxy import ledger_service
from support.roads import HTTP, on_every_road, road_of
from support.zone_project import cluster
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import CompleteRequest, StandingRequest
from zonewright.ledger.protocol.journal_messages import HistoryRequest, JournalHead, SeenRequest
from zonewright.ledger.protocol.stack_messages import AcceptRequest, EnrolRequest, InitRequest, ReportRequest
from zonewright.ledger.transport.client import LedgerClient

STACK = "stack-of-tenant-a"


@dataclass
class Saw:
    """A tenant's stack in the original, what it saw last there, and another file that says to be its ledger."""

    original: Party
    other: Party
    path: Path
    head: JournalHead


def backed_up(path: Path, target: Path) -> None:
    """Copy a ledger as a backup does."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


@pytest.fixture(name="saw")
def _saw(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Saw]:
    """The copy is from before the stack's last change."""
    path, copy = tmp_path / "original" / "ledger.db", tmp_path / "copy" / "ledger.db"
    copy.parent.mkdir()
    with LedgerClient(f"sqlite:///{path}", create=True) as first:
        first.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(first, 2)
        tenant = Party(first, STACK, "tenant-a")
        tenant.bring_up(clusters={"web": cluster(1)})
        backed_up(path, copy)
        head = tenant.bring_up(clusters={"web": cluster(2)}).head
        if road_of(request) == HTTP:
            with ledger_service(copy) as service, LedgerClient(service.url) as second:
                yield Saw(tenant, Party(second, STACK, "tenant-a"), copy, head)
        else:
            with LedgerClient(f"sqlite:///{copy}") as second:
                yield Saw(tenant, Party(second, STACK, "tenant-a"), copy, head)


def asked(party: Party, seen: JournalHead | None) -> dict[str, Callable[[], object]]:
    """The verbs by which a state shows what it saw, before anything is changed."""
    call, stack = party.client.call, party.stack_id
    return {
        "standing": lambda: call(verbs.STANDING, StandingRequest(stack_id=stack, admission_id="", seen=seen)),
        "report": lambda: call(verbs.REPORT, ReportRequest(stack_id=stack, seen=seen)),
        "destroy": lambda: call(verbs.GUARD_DESTROY, SeenRequest(stack_id=stack, seen=seen)),
    }


@pytest.mark.parametrize("verb", ["standing", "report", "destroy"])
def test_a_copy_from_before_is_refused(saw: Saw, verb: str) -> None:
    """The ledger that has the entry answers; its copy from before does not, says both ways out and changes nothing."""
    before = saw.other.states()
    with pytest.raises(LedgerRefusedError, match="is a copy, or was restored from an older backup") as refused:
        asked(saw.other, saw.head)[verb]()
    assert refused.value.code == "another-ledger"
    assert "correct zone:ledger" in refused.value.sentence
    assert "zonewright recover --stack NAME --ledger-restored" in refused.value.sentence
    assert saw.other.states() == before
    asked(saw.original, saw.head)[verb]()
    asked(saw.original, None)["report"]()


@on_every_road("saw")
def test_a_copy_that_went_on_is_refused(saw: Saw) -> None:
    """A copy that has as many entries since, but others, is told from the original by the hash."""
    other = saw.other.bring_up(clusters={"web": cluster(2)}).head
    assert (other.ledger, other.sequence) == (saw.head.ledger, saw.head.sequence)
    with pytest.raises(LedgerRefusedError, match="does not have it"):
        asked(saw.other, saw.head)["report"]()


def test_another_ledger_is_refused_by_its_id(saw: Saw, tmp_path: Path) -> None:
    """A ledger that was made anew has another id: it answers neither the state's entries nor its enrolment."""
    with LedgerClient(f"sqlite:///{tmp_path / 'new' / 'ledger.db'}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        new = Party(client, STACK, "tenant-a")
        for dry_run in (True, False):
            request = EnrolRequest(
                stack_id=STACK, party="tenant-a", lineage="lineage-1", ledger=saw.head.ledger, dry_run=dry_run
            )
            with pytest.raises(LedgerRefusedError, match=f"this state belongs to ledger {saw.head.ledger[:12]}, and"):
                client.call(verbs.ENROL, request)
        with pytest.raises(LedgerRefusedError, match="this state belongs to ledger"):
            asked(new, saw.head)["report"]()
        assert client.call(verbs.ACCEPT, AcceptRequest(stack_id=STACK, party="tenant-a", seen=[saw.head])).lost == 1
        answer = client.call(verbs.ENROL, request)
        assert (answer.bound, answer.ledger != saw.head.ledger) == (True, True)
        asked(new, saw.head)["report"]()


def test_after_a_restore_the_stack_goes_on_and_the_journal_says_so(saw: Saw) -> None:
    """What the state saw is accepted for this stack once and for all, another stack's is not, and it is journaled."""
    accept = AcceptRequest(stack_id=STACK, party="tenant-a", seen=[saw.head])
    assert [saw.other.client.call(verbs.ACCEPT, accept).lost for _ in range(2)] == [1, 0]
    asked(saw.other, saw.head)["standing"]()
    (entry,) = [
        one for one in saw.other.client.call(verbs.HISTORY, HistoryRequest()).entries if one.kind == "ledger-accepted"
    ]
    assert (entry.stack_id, entry.party, entry.payload["seen"]) == (STACK, "tenant-a", [saw.head.model_dump()])
    with pytest.raises(LedgerRefusedError, match="restored from an older backup"):
        saw.other.client.call(verbs.REPORT, ReportRequest(stack_id="stack-of-tenant-b", seen=saw.head))


@on_every_road("saw")
def test_the_head_of_an_answer_is_in_the_journal(saw: Saw) -> None:
    """An admission gives the entry of its decision as it stays, with what it changed; a completion the last entry."""
    admission = saw.original.bring_up(clusters={"web": cluster(3)})
    entries = saw.original.client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries
    by_number = {entry.sequence: entry for entry in entries}
    assert by_number[admission.head.sequence].hash == admission.head.hash
    assert by_number[admission.head.sequence].payload["admission_id"] == admission.admission_id
    done = saw.original.client.call(
        verbs.COMPLETE, CompleteRequest(stack_id=STACK, change_digest=admission.change_digest)
    )
    assert (done.head.sequence, done.head.hash) == (entries[-1].sequence, entries[-1].hash)


def test_what_a_state_says_is_read_or_is_nothing() -> None:
    """The text of a head is the one that it is read from; anything else, as of an older version, is no head."""
    head = JournalHead(ledger="0" * 32, sequence=7, hash=f"sha256:{'a' * 64}")
    assert JournalHead.parse(head.text()) == head
    for text in ("", "7", "0 7 a", f"{head.text()} more", head.text().replace(" 7 ", " x ")):
        assert JournalHead.parse(text) is None


def test_a_backup_by_copying_the_file_is_the_same_ledger(saw: Saw, tmp_path: Path) -> None:
    """A copy that has all that the stack saw answers: nothing was lost."""
    for name in ("", "-wal", "-shm"):
        source = saw.path.parent.parent / "original" / f"ledger.db{name}"
        if source.exists():
            shutil.copy(source, tmp_path / f"same.db{name}")
    with LedgerClient(f"sqlite:///{tmp_path / 'same.db'}") as client:
        asked(Party(client, STACK, "tenant-a"), saw.head)["report"]()
