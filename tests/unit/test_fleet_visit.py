"""One host from connect to outcome, one fleet under its lease, one run from its lease to the journal: without hosts."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from zonewright.fleet.inventory import Host
from zonewright.fleet.rollout import lease as lease_module
from zonewright.fleet.rollout import run as run_module
from zonewright.fleet.rollout.lease import FleetLease
from zonewright.fleet.rollout.outcome import Outcome, Progress
from zonewright.fleet.rollout.run import FleetRun, new_run, running, touching_refused
from zonewright.fleet.rollout.visit import Visit, inspect_host, put_back, soaked, visited
from zonewright.fleet.rollout.waves import HostState
from zonewright.fleet.ssh.transport import (
    AccountError,
    AlgorithmError,
    DroppedError,
    FleetError,
    HostKeyError,
    LoginError,
    LostError,
    RefusedPortError,
    Session,
    SilentHostError,
    Target,
)
from zonewright.ledger import LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.protocol.messages import Done, Message
from zonewright.ledger.protocol.rollout_messages import FleetLock, FleetLockRequest, Hours, RecordRequest
from zonewright.ledger.protocol.verbs import Verb
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.fleet import RollOut
from zonewright.render.errors import RenderError

HOST = Host(target=Target(name="core-001", address="192.0.2.1", user="x"))
ALWAYS_CLOSED = RollOut.model_validate(
    {"freeze": [{"first": "2000-01-01", "last": "2099-12-31", "time_zone": "UTC", "reason": "a move"}]}
)
NEVER_OPEN = RollOut.model_validate(
    {"windows": [{"days": ["mon"], "opens": "10:00", "closes": "11:00", "time_zone": "UTC"}]}
)


@dataclass
class Machine:
    """Stands for a host, its transport and what can put it back; notes what is done to it.

    Attributes:
        unreached: what a connection ends with.
        lost: what putting back ends with.
        ill: what looking again ends with.
        before: the release before.
        done: what was done.
    """

    unreached: Exception | None = None
    lost: Exception | None = None
    ill: Exception | None = None
    before: str = "r1"
    done: list[str] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    host_deadline_s: float = 7.0
    deadline_s: float = 0.0

    @property
    def transport(self) -> Any:
        """It."""
        return self

    def connect(self, target: Target, *, deadline: float) -> Any:
        """A session."""
        self.deadline_s = deadline
        self.done.append(f"connect {target.name}")
        if self.unreached is not None:
            raise self.unreached
        return SimpleNamespace(close=lambda: self.done.append("close"))

    def use(self, session: Session) -> None:
        """Another session."""
        assert session is not None
        self.done.append("use")

    def let_go(self) -> None:
        """No session."""
        self.done.append("let go")

    def verify_again(self, session: Session) -> None:
        """Look again."""
        assert session is not None
        self.done.append("look")
        self.progress.step = "look again"
        if self.ill is not None:
            raise self.ill

    def roll_back(self) -> str:
        """Put back."""
        self.done.append("roll back")
        self.progress.step = "undo"
        if self.lost is not None:
            raise self.lost
        return self.before


def visit(
    machine: Machine, error: Exception | None, *, is_changing: bool = False, is_switched: bool | None = None
) -> Outcome:
    """A visit whose work ends in some way; with ``is_switched`` something is there that can put the host back."""
    machine.progress = Progress(is_changing=is_changing, is_switched=bool(is_switched))

    def work(_: Session, seen: Visit) -> tuple[HostState, str]:
        machine.progress.step = "install"
        seen.before, seen.after = "r1", "r2"
        seen.installer = machine if is_switched is not None else None
        if error is not None:
            raise error
        return "changed", "said"

    return visited(HOST, machine, machine.progress, work)


def test_a_visit_that_goes_well() -> None:
    """The outcome has both releases, the last step and what can put it back; the session is closed and let go."""
    machine = Machine()
    found = visit(machine, None, is_switched=True)
    assert (found.host, found.state, found.sentence, found.step) == ("core-001", "changed", "said", "install")
    assert (found.before, found.after, found.installer, found.is_absent) == ("r1", "r2", machine, False)
    assert machine.done == ["connect core-001", "close", "let go"]
    assert 0 < found.elapsed_s < 7
    assert 0 < machine.deadline_s - time.monotonic() <= 7
    assert repr(machine) not in repr(found)
    assert changed(machine) == changed(None), "what can put it back is no part of the outcome"
    assert changed(None).is_absent is False
    assert Progress().is_switched is Progress().is_changing is False
    looked: list[Session] = []
    idle = inspect_host(HOST, Machine(), machine.progress, looked.append)
    assert (idle.state, idle.sentence, idle.step, len(looked)) == ("unchanged", "", "look", 1)


@pytest.mark.parametrize(
    ("error", "is_absent"),
    [
        (SilentHostError("s"), True), (RefusedPortError("s"), True), (HostKeyError("s"), False),
        (LoginError("s"), False), (AccountError("s"), False), (AlgorithmError("s"), False), (DroppedError("s"), False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_changing", [True, False])
def test_a_host_that_is_not_reached(error: Exception, *, is_absent: bool, is_changing: bool) -> None:
    """What was not reached is unreachable, or unknown where it was changed before; who answers is not absent."""
    machine = Machine(unreached=error)
    found = visit(machine, None, is_changing=is_changing)
    assert (found.host, found.sentence, found.step, found.is_absent) == ("core-001", "s", "connect", is_absent)
    assert found.state == ("unknown" if is_changing else "unreachable")
    assert 0 < found.elapsed_s < 7
    assert found.installer is None
    assert machine.done == ["connect core-001"]


@pytest.mark.parametrize(
    ("error", "is_changing", "is_switched", "lost", "state", "sentence"),
    [
        (LostError("cut"), False, None, None, "unreachable", "cut"),
        (LostError("cut"), True, True, None, "unknown", "cut"),
        (FleetError("no"), True, None, None, "failed", "no"),
        (FleetError("no"), True, False, None, "failed", "no"),
        (RenderError("no"), True, True, None, "rolled-back", "no; r1 runs again"),
        (FleetError("no"), True, True, LostError("cut"), "unknown",
         "no; error while the previous version was restored: cut"),
        (FleetError("no"), True, True, FleetError("bad"), "failed",
         "no; the previous version could not be restored: bad"),
    ],
)  # fmt: skip
def test_a_step_that_fails(
    error: Exception, *, is_changing: bool, is_switched: bool | None, lost: Exception | None, state: str, sentence: str
) -> None:
    """Where another release runs already the one before is put back; what nobody knows is unknown."""
    machine = Machine(lost=lost)
    found = visit(machine, error, is_changing=is_changing, is_switched=is_switched)
    assert (found.state, found.sentence, found.installer) == (state, sentence, None)
    assert ("roll back" in machine.done) is bool(is_switched and not isinstance(error, LostError))
    assert "close" in machine.done
    assert found.step == ("undo" if lost is not None else "install"), "what was put back failed in the step before"
    nothing = visit(Machine(before=""), FleetError("no"), is_switched=True)
    assert nothing.sentence == "no; nothing runs again"


def test_an_error_that_nobody_foresaw_closes_the_session() -> None:
    """A fault of ours goes on to the pool, and leaves no session open."""
    machine = Machine()
    with pytest.raises(ZeroDivisionError):
        visit(machine, ZeroDivisionError(), is_switched=True)
    assert machine.done == ["connect core-001", "close", "let go"]


def changed(machine: Machine | None) -> Outcome:
    """A host that was changed."""
    return Outcome(host="core-001", state="changed", before="r1", after="r2", installer=machine)


@pytest.mark.parametrize("before", ["r1", ""])
def test_a_host_is_put_back_with_its_wave(before: str) -> None:
    """In a new session, with the reason of the wave, and the outcome keeps both releases."""
    machine, said = Machine(before=before), list[tuple[str, str]]()
    progress = Progress()
    found = put_back(changed(machine), HOST, machine, progress, lambda *words: said.append(words), "too many failed")
    assert (found.state, found.before, found.after) == ("rolled-back", "r1", "r2")
    assert found.sentence == f"too many failed; {before or 'nothing'} runs again"
    assert machine.done == ["connect core-001", "use", "roll back", "close"]
    assert said == [("roll-back", "too many failed")]
    assert machine.progress is progress
    assert progress.is_changing
    assert put_back(changed(None), HOST, machine, progress, lambda *_: None, "why") == changed(None)
    gone = Machine(unreached=SilentHostError("s"))
    assert put_back(changed(gone), HOST, gone, Progress(), lambda *_: None, "why").state == "unknown"


def test_a_host_is_looked_at_after_the_soak() -> None:
    """Healthy it stays changed and may still be put back; ill it is put back at once."""
    machine, said, progress = Machine(), list[tuple[str, str]](), Progress()
    found = soaked(changed(machine), HOST, machine, progress, lambda *words: said.append(words))
    assert (found.state, found.before, found.after, found.installer) == ("changed", "r1", "r2", machine)
    assert said == [("soak", "it must still be healthy")]
    assert machine.done == ["connect core-001", "look", "close", "let go"]
    ill = Machine(ill=FleetError("it is silent"))
    found = soaked(changed(ill), HOST, ill, Progress(), lambda *_: None)
    assert (found.state, found.sentence) == ("rolled-back", "it is silent; r1 runs again")
    assert (found.before, found.after, found.installer) == ("r1", "r2", None)
    gone = Machine(unreached=SilentHostError("s"))
    assert soaked(changed(gone), HOST, gone, Progress(), lambda *_: None).state == "unknown"
    assert soaked(changed(None), HOST, machine, Progress(), lambda *_: None) == changed(None)


@dataclass
class Ledger:
    """Answers as it is told, and notes what it was asked."""

    answers: list[Message | Exception] = field(default_factory=list)
    asked: list[Message] = field(default_factory=list)

    def call(self, verb: Verb[Any, Any], request: Message) -> Message:
        """One verb."""
        assert type(request) is verb.request
        self.asked.append(request)
        answer = self.answers.pop(0) if self.answers else Done()
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def client(self) -> LedgerClient:
        """As what it stands for."""
        return cast("LedgerClient", self)


@pytest.fixture(name="clock")
def _clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that tests move, as leases and runs see them."""
    now = [1_000.0]
    for module in (lease_module, run_module):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


MINE = FleetLock(is_mine=True)
THEIRS = FleetLock(
    is_mine=False, who="eve@desk", since="2026-11-24T10:00:00.123456", expires_at="2026-11-24T10:01:00.123456"
)
HELD = (
    "eve@desk has been changing this fleet since 2026-11-24T10:00:00Z; wait until that run ends, or, if it was "
    "killed, until its lease expires at 2026-11-24T10:01:00Z"
)
SILENT = LedgerUnavailableError("unavailable", "no answer")


def test_a_lease_is_taken_renewed_and_given_back(clock: list[float]) -> None:
    """It is asked for a minute, renewed every 15 seconds, and given back by asking for none."""
    ledger = Ledger([MINE, MINE, MINE])
    lease = FleetLease(ledger.client, fleet="operator", holder="h1", who="ada@desk")
    lease.take()
    for second, asked in ((14.9, 1), (15.0, 2), (29.9, 2), (30.0, 3)):
        clock[0] = 1_000 + second
        assert lease.tick() == ""
        assert len(ledger.asked) == asked, second
    lease.give_back()
    assert [cast("FleetLockRequest", one).seconds for one in ledger.asked] == [60, 60, 60, 0]
    assert ledger.asked[0] == FleetLockRequest(fleet="operator", holder="h1", who="ada@desk", seconds=60)
    ledger.answers = [SILENT]
    lease.give_back()


def test_a_lease_of_somebody_else(clock: list[float]) -> None:
    """Who holds it is said with both moments, when it is taken and when it is lost."""
    with pytest.raises(LedgerRefusedError) as caught:
        FleetLease(Ledger([THEIRS]).client, fleet="f", holder="h", who="w").take()
    assert str(caught.value) == HELD
    lease = FleetLease(Ledger([MINE, THEIRS]).client, fleet="f", holder="h", who="w")
    lease.take()
    clock[0] += 15
    assert lease.tick() == HELD


def test_a_ledger_that_is_silent_for_long_ends_the_lease(clock: list[float]) -> None:
    """Up to 15 seconds before its end the lease still holds, and each tick tries again."""
    ledger = Ledger([MINE, SILENT, SILENT, SILENT, MINE, SILENT])
    lease = FleetLease(ledger.client, fleet="f", holder="h", who="w")
    lease.take()
    for second, sentence in (
        (15, ""), (44.9, ""), (45, "the lease of the fleet could not be renewed: no answer"), (46, ""), (61, ""),
    ):  # fmt: skip
        clock[0] = 1_000 + second
        assert lease.tick() == sentence, second
    assert len(ledger.asked) == 6


def test_no_host_is_touched_out_of_hours() -> None:
    """The fleet's file says so first, by freeze or window, else the zone's packs; the ledger is asked only then."""
    frozen = "no host may be touched now: changes are frozen from 2000-01-01 to 2099-12-31 (UTC): a move"
    ledger = Ledger([Hours(closed="rule pack P: no"), Hours(closed="")])
    assert touching_refused(ledger.client, ALWAYS_CLOSED) == frozen
    assert ledger.asked == []
    assert touching_refused(ledger.client, RollOut()) == "no host may be touched now: rule pack P: no"
    assert touching_refused(ledger.client, RollOut()) == ""
    is_open = datetime.now(UTC).strftime("%a %H") == "Mon 10"
    ledger = Ledger([Hours(closed="")])
    assert touching_refused(ledger.client, NEVER_OPEN).startswith("" if is_open else "no host may be touched now: ")
    assert is_open or ledger.asked == []


def a_run(ledger: Ledger, folder: Path, rollout: RollOut, calls: list[str], *, tick: str = "") -> Any:
    """A run under a lease that notes what is done to it."""
    lease = SimpleNamespace(
        take=lambda: calls.append("take"), tick=lambda: tick, give_back=lambda: calls.append("give back")
    )
    return running(
        ledger.client, run="r-1", root=folder, party="operator", rollout=rollout, what="deploy", who="ada@desk",
        lease=lease, sudo_password="hunter22",
    )  # fmt: skip


def test_a_run_stops_when_its_hours_or_its_lease_end(tmp_path: Path, clock: list[float]) -> None:
    """A lost lease comes first, then the fleet's file, then the zone, which is asked every 15 seconds."""
    with a_run(Ledger(), tmp_path, ALWAYS_CLOSED, [], tick="lost") as run:
        assert run.tick() == "lost"
    with a_run(Ledger(), tmp_path, ALWAYS_CLOSED, []) as run:
        assert run.tick().startswith("no host may be touched now: changes are frozen")
    ledger = Ledger([Hours(closed=""), Hours(closed="no"), SILENT])
    with a_run(ledger, tmp_path, RollOut(), []) as run:
        for second, sentence, asked in (
            (0, "", 1), (14.9, "", 1), (15, "no host may be touched now: no", 2), (29.9, "", 2), (30, "", 3),
        ):  # fmt: skip
            clock[0] = 1_000 + second
            assert (run.tick(), len(ledger.asked)) == (sentence, asked), second


def test_a_run_ends_in_its_record_and_in_the_journal(tmp_path: Path) -> None:
    """The entry has who, what and releases; a password is in no file; the lease is given back, also after an error."""
    ledger, calls = Ledger(), list[str]()
    outcomes: Sequence[Outcome] = (
        Outcome(host="core-001", state="changed", after="net-1a, dns-2b", sentence="sudo said hunter22"),
        Outcome(host="core-002", state="unchanged"),
    )
    with a_run(ledger, tmp_path, RollOut(), calls) as run:
        assert isinstance(run, FleetRun)
        assert calls == ["take"]
        run.end(outcomes)
    assert calls == ["take", "give back"]
    (request,) = ledger.asked
    assert isinstance(request, RecordRequest)
    assert (request.kind, request.party, request.changes) == ("fleet-run", "operator", [])
    entry = request.entry
    assert (entry["who"], entry["what"], entry["run"]) == ("ada@desk", "deploy", "r-1")
    assert entry["releases"] == {"net-1a": "1a", "dns-2b": "2b"}
    assert (entry["counts"]["changed"], entry["counts"]["unchanged"]) == (1, 1)
    assert entry["began"] == run.began <= entry["ended"]
    text = (tmp_path / run.where).read_text(encoding="utf-8")
    assert "hunter22" not in text
    assert [one["host"] for one in json.loads(text)["hosts"]] == ["core-001", "core-002"]
    with pytest.raises(ZeroDivisionError), a_run(ledger, tmp_path, RollOut(), calls):
        raise ZeroDivisionError
    assert calls == ["take", "give back"] * 2


def test_runs_sort_by_time() -> None:
    """An id begins with the moment in UTC, and two of one moment differ."""
    one, two = new_run(), new_run()
    assert one != two
    assert datetime.strptime(one.partition("-")[0], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) <= datetime.now(UTC)
    assert len(one.partition("-")[2]) == 6
