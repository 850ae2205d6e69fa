"""`kill -9` of the process that admits: the change is there as a whole or not at all, and the next `up` goes on."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from support import killed_admit
from support.ledger_invariants import broken, read_state
from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.ledger_places import Places
from support.ledger_sums import require_sums
from support.roads import HTTP, IN_PROCESS
from support.soak import rounds, seeded
from support.warm_python import warm_python
from support.zone_project import cluster
from zonewright.ledger import LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import AdmitRequest, CompleteRequest
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.store.clock import stamp, utc_now
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.journal import verify
from zonewright.ledger.transport.client import LedgerClient

PROGRAM = str(Path(killed_admit.__file__))
NODES = 3


@contextmanager
def _ledger_process(places: Places, path: Path, point: str, road: str) -> Iterator[subprocess.Popen[str]]:
    """The process that will be killed; a fork of the warm Python."""
    command = [warm_python().path(), "-u", PROGRAM, str(path), places.url_of(path), point, road]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _admitted_by(places: Places, path: Path, point: str, road: str, request: AdmitRequest) -> str:
    """Have another process admit, with a kill at a point; gives what an answer said, empty where there was none."""
    with _ledger_process(places, path, point, road) as process:
        if road == IN_PROCESS:
            said, told = process.communicate(request.model_dump_json(), timeout=60)
            assert process.returncode == (0 if said else -signal.SIGKILL), told
            return said
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        with LedgerClient(f"http://127.0.0.1:{port}") as client, pytest.raises(LedgerUnavailableError) as lost:
            client.call(verbs.ADMIT, request)
        assert process.wait(60) == -signal.SIGKILL, lost.value
        return ""


def _request(party: Party, number: int) -> AdmitRequest:
    """What the stack's `up` asks for: new nodes, of which it has a reservation."""
    party.enrol()
    proposal = party.propose(party.demand(clusters={f"c{number}": cluster(NODES)}))
    assert proposal.findings == []
    return party.admit_request(proposal)


def _require_whole(path: Path, round_: str) -> None:
    """Nothing is held twice, the journal is whole, and the tables are its sum."""
    require_sums([path])
    with closing(Database(path, lock_wait_s=30)) as database, database.reading() as connection:
        assert broken(read_state(connection, stamp(utc_now()))) == [], round_


@pytest.mark.soak
@pytest.mark.timeout(36_000)
@pytest.mark.parametrize("road", [IN_PROCESS, HTTP])
def test_a_kill_while_a_change_is_admitted_leaves_all_or_nothing(places: Places, tmp_path: Path, road: str) -> None:
    """Killed at any statement of the transaction nothing is there; killed after the commit all is, unanswered."""
    path, chance = tmp_path / "ledger.db", seeded(f"admit kills {road} {places.server is None}")
    with LedgerClient(f"sqlite:///{path}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client, racks=40)
        measured = Party(client, "stack-measured", "tenant-a")
        said = _admitted_by(places, path, killed_admit.COUNT, IN_PROCESS, _request(measured, 0))
        status, statements = map(int, said.split())
        assert status == 200
        for number in rounds("admit kills", 100, least=3):
            # The last statement before the commit, the time after it, and any other.
            point = (str(statements), killed_admit.AFTER, str(chance.randint(1, statements)))[number % 3]
            round_ = f"round {number}, point {point} of {statements}"
            tenant = Party(client, f"stack-of-{number:04}", "tenant-b")
            request = _request(tenant, number)
            assert _admitted_by(places, path, point, road, request) == "", round_
            _require_whole(path, round_)
            is_there = point == killed_admit.AFTER
            assert [state for _, state in tenant.states()] == ["admitted"] * (NODES if is_there else 0), round_
            entries = client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries
            assert verify(entries) is None
            of_stack = [one.kind for one in entries if one.stack_id == tenant.stack_id]
            assert of_stack.count("admitted") == int(is_there), round_
            other = Party(client, f"other-of-{number:04}", "tenant-c")
            other.enrol()
            place = next(iter(request.seats.values()))
            taken = {"x": cluster(1, places={"001": {"rack": place.rack, "position": place.position}})}
            with pytest.raises(LedgerRefusedError):  # a reservation or a claim: the place is nobody else's
                other.admit(other.propose(other.demand(clusters=taken)))
            proposal = tenant.propose(tenant.demand(clusters={f"c{number}": cluster(NODES)}))
            assert proposal.seats == request.seats, round_
            admission = tenant.admit(proposal)
            for one in proposal.seats:
                tenant.confirm(one)
            closing_ = CompleteRequest(stack_id=tenant.stack_id, change_digest=admission.change_digest)
            client.call(verbs.COMPLETE, closing_)
            assert [state for _, state in tenant.states()] == ["active"] * NODES, round_
            _require_whole(path, round_)
