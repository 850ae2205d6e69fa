"""Confirms that wait at the same time are one transaction of the ledger, and each is answered as if it were alone."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from support import killed_admit
from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.ledger_places import Places
from support.ledger_sums import require_sums
from support.soak import rounds, seeded
from support.warm_python import warm_python
from support.zone_project import cluster
from zonewright.ledger import LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.holding_messages import ConfirmRequest
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.protocol.verbs import Answer, Request, Verb
from zonewright.ledger.transport.client import LedgerClient
from zonewright.provider.confirming import ConfirmGroups

NODES = 8
LIMIT_S = 60
PAUSE_S = 0.1
"""In which who does not wait for a commit is answered."""


@dataclass
class SlowLedger:
    """A ledger whose first call waits until it is let go, so that others arrive meanwhile; and what it was asked.

    Attributes:
        client: the ledger.
        refuses_many: every group gets this instead of an answer.
        loses_many: groups are carried out, and every one gets this instead of its answer.
        verbs: what it was asked.
        answered: names in the order in which their confirms were answered.
        early: of each group how many were answered before it was committed.
    """

    client: LedgerClient
    refuses_many: Exception | None = None
    loses_many: Exception | None = None
    verbs: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    early: list[int] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)

    def call(self, verb: Verb[Request, Answer], request: Request) -> Answer:
        """Carry out one verb."""
        self.verbs.append(verb.name)
        if len(self.verbs) == 1:
            assert self.let_go.wait(LIMIT_S)
        if verb is verbs.CONFIRM_MANY and self.refuses_many is not None:
            raise self.refuses_many
        if verb is verbs.CONFIRM_MANY:
            time.sleep(PAUSE_S)
            self.early.append(len(self.answered) - 1)  # the first one was alone
        answer = self.client.call(verb, request)
        if verb is verbs.CONFIRM_MANY and self.loses_many is not None:
            raise self.loses_many
        return answer


@pytest.fixture(name="tenant")
def _tenant(tmp_path: Path, places: Places) -> Iterator[Party]:
    """A tenant whose nodes are admitted."""
    del places
    with LedgerClient(f"sqlite:///{tmp_path}/ledger.db", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client)
        yield admitted(client, "stack-of-tenant", NODES)


def admitted(client: LedgerClient, stack_id: str, nodes: int) -> Party:
    """A stack with so many nodes that are admitted."""
    party = Party(client, stack_id, "tenant-a")
    party.enrol()
    party.admit(party.propose(party.demand(clusters={"web": cluster(nodes)})))
    return party


def request_of(tenant: Party, name: str) -> ConfirmRequest:
    """The confirm of a new node."""
    return ConfirmRequest(stack_id=tenant.stack_id, kind="node", name=name, generation=0, holder="0" * 16)


def _await(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.001)


def together(tenant: Party, ledger: SlowLedger, names: list[str]) -> dict[str, Future[int]]:
    """Confirm nodes at once: the first alone, and while it is carried out all others arrive."""
    groups = ConfirmGroups()

    def confirm(name: str) -> int:
        raised = groups.confirm(cast("LedgerClient", ledger), request_of(tenant, name))
        ledger.answered.append(name)
        return raised

    with ThreadPoolExecutor(len(names)) as pool:
        found = {f"0 {names[0]}": pool.submit(confirm, names[0])}
        _await(lambda: bool(ledger.verbs))
        found |= {f"{number} {name}": pool.submit(confirm, name) for number, name in enumerate(names) if number}
        _await(lambda: groups.waiting == len(names) - 1)
        ledger.let_go.set()
    return found


def entries(tenant: Party) -> int:
    """How many entries the journal has: each transaction that changes rows adds one."""
    return len(tenant.client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries)


def test_a_group_is_one_commit(tenant: Party) -> None:
    """Of eight confirms the first is carried out alone, and the seven that arrive meanwhile in one transaction."""
    ledger, before = SlowLedger(tenant.client), entries(tenant)
    found = together(tenant, ledger, [name for name, _ in tenant.states()])
    assert [one.result() for one in found.values()] == [1] * NODES
    assert ledger.verbs == ["confirm", "confirm-many"]
    assert entries(tenant) == before + 2
    assert ledger.early == [0]
    assert {state for _, state in tenant.states()} == {"active"}


def test_one_that_is_refused_does_not_fail_the_others_of_its_group(tenant: Party) -> None:
    """A claim that is not admitted is refused in its own words, and all others are confirmed."""
    ledger, names = SlowLedger(tenant.client), [name for name, _ in tenant.states()]
    found = together(tenant, ledger, [*names[:4], "web-999", *names[4:]])
    with pytest.raises(LedgerRefusedError) as refused:
        found.pop("4 web-999").result()
    assert refused.value.sentence.startswith("this stack's present change has no admitted claim for node web-999; ")
    assert [one.result() for one in found.values()] == [1] * NODES
    assert {state for _, state in tenant.states()} == {"active"}


def test_a_claim_that_two_resources_confirm_at_once_is_in_two_groups(tenant: Party) -> None:
    """Both are answered, one after the other, with another generation each."""
    ledger = SlowLedger(tenant.client)
    found = together(tenant, ledger, ["web-001", "web-002", "web-003", "web-002"])
    assert [one.result() for one in found.values()] == [1, 1, 1, 2]
    assert ledger.verbs == ["confirm", "confirm-many", "confirm"]


def test_what_is_not_known_of_a_group_is_not_known_of_each(tenant: Party) -> None:
    """A ledger that is not there fails all of a group, once; the next group is carried out."""
    lost = LedgerUnavailableError("database", "the disk is full")
    ledger = SlowLedger(tenant.client, refuses_many=lost)
    found = together(tenant, ledger, [name for name, _ in tenant.states()])
    assert [one.exception() for one in found.values()] == [None] + [lost] * (NODES - 1)
    assert ledger.verbs == ["confirm", "confirm-many"]
    assert [state for _, state in tenant.states()] == ["active"] + ["admitted"] * (NODES - 1)


def test_an_answer_that_is_lost_after_the_commit_is_adopted_later(tenant: Party) -> None:
    """A time-out after the commit fails all of the group, which is active; doing it again takes it over, once each."""
    lost = LedgerUnavailableError("time-out", "no answer")
    ledger, names = SlowLedger(tenant.client, loses_many=lost), [name for name, _ in tenant.states()]
    found = together(tenant, ledger, names)
    assert [one.exception() for one in found.values()] == [None] + [lost] * (NODES - 1)
    assert {state for _, state in tenant.states()} == {"active"}
    again = together(tenant, SlowLedger(tenant.client), names)
    assert [one.result() for one in again.values()] == [2] * NODES


def test_one_after_the_other_waits_for_nobody(tenant: Party) -> None:
    """With ``--parallel 1`` each confirm is a transaction of its own, at once."""
    ledger, groups = SlowLedger(tenant.client), ConfirmGroups()
    ledger.let_go.set()
    for name, _ in tenant.states():
        assert groups.confirm(cast("LedgerClient", ledger), request_of(tenant, name)) == 1
    assert ledger.verbs == ["confirm"] * NODES


@pytest.mark.soak
@pytest.mark.timeout(36_000)
def test_a_kill_within_groups_loses_nothing_that_was_acknowledged(places: Places, tmp_path: Path) -> None:
    """Killed at a statement, before or after a commit: who was answered is active, and doing the rest again is good."""
    path, chance = tmp_path / "ledger.db", seeded(f"confirm kills {places.server is None}")
    with LedgerClient(f"sqlite:///{path}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client, racks=40)
        for number in rounds("confirm kills", 100, least=3):
            point = {0: killed_admit.AFTER, 1: killed_admit.BEFORE}.get(number % 4, str(chance.randint(1, 60)))
            round_ = f"round {number}, point {point}"
            tenant = admitted(client, f"stack-of-{number:04}", NODES)
            names = [name for name, _ in tenant.states()]
            program = [warm_python().path(), "-u", str(Path(killed_admit.__file__))]
            result = subprocess.run(
                [*program, str(path), places.url_of(path), point, killed_admit.CONFIRMS],
                input=json.dumps([request_of(tenant, name).model_dump() for name in names]),
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )
            assert result.returncode in (0, -signal.SIGKILL), f"{round_}: {result.stderr}"
            assert result.returncode or point.isdecimal(), round_
            acknowledged, states = result.stdout.split(), dict(tenant.states())
            assert [states[name] for name in acknowledged] == ["active"] * len(acknowledged), round_
            assert set(states.values()) <= {"active", "admitted"}, round_
            assert not acknowledged or point.isdecimal(), f"{round_}: {acknowledged} were answered too early"
            require_sums([path])
            found = together(tenant, SlowLedger(client), names)
            raised = {name: 2 if states[name] == "active" else 1 for name in names}
            assert {key.partition(" ")[2]: one.result() for key, one in found.items()} == raised, round_
            assert {state for _, state in tenant.states()} == {"active"}, round_
        require_sums([path])
