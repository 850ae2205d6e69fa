"""Races in PostgreSQL that do not depend on how fast anybody is: nobody commits before everybody has come as far."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.ledger_party import EMPTY, Party
from support.postgresql import PostgresqlServer
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import AdmitRequest, Proposal
from zonewright.ledger.store.engines import postgresql_server as engine
from zonewright.model.canonical import digest_of

LIMIT_S = 60.0
_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND datname = current_database() AND application_name = 'zonewright'
"""


def waiting(server: PostgresqlServer, name: str) -> int:
    """How many sessions of ledgers wait for a lock that another one holds."""
    ((count,),) = server.sql(name, _WAITING)
    assert isinstance(count, int)
    return count


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline, f"not so within {LIMIT_S:g} s: {what}"
        time.sleep(0.01)


def admit_request(party: Party, offer: Proposal) -> AdmitRequest:
    """The request by which a stack admits what was offered, with no files."""
    return AdmitRequest(
        stack_id=party.stack_id,
        party=party.party,
        lineage=party.lineage,
        demand_digest=offer.demand_digest,
        seats=offer.seats,
        addresses=offer.addresses,
        rendered_digest=digest_of(EMPTY),
    )


@dataclass
class Race:
    """Racers in one database: each decides before one commits, unless it has to wait for one that has decided.

    Attributes:
        server: the server.
        name: of the database.
        left: how many racers have not ended.
        inside: how many are about to commit.
    """

    server: PostgresqlServer
    name: str
    left: int = 0
    inside: int = 0
    _racers: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, racers: Sequence[Callable[[], object]], monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """How each racer ended, sorted: ``admitted``, the code of its refusal, or the kind of its fault."""
        commit = engine.PostgresqlServer._commit

        def gathered(server: engine.PostgresqlServer, *given: Any) -> None:
            if threading.get_ident() in self._racers:
                self._gather()
            commit(server, *given)

        def ends(racer: Callable[[], object]) -> str:
            self._racers.add(threading.get_ident())
            try:
                racer()
            except LedgerRefusedError as error:
                return error.code
            except Exception as error:  # noqa: BLE001 - told by its kind
                return type(error).__name__
            finally:
                self._racers.discard(threading.get_ident())
                with self._lock:
                    self.left -= 1
            return "admitted"

        self.left = len(racers)
        with monkeypatch.context() as patch, ThreadPoolExecutor(len(racers)) as pool:
            patch.setattr(engine.PostgresqlServer, "_commit", gathered)
            return sorted(pool.map(ends, racers))

    def _gather(self) -> None:
        """Go on when everybody who has not ended is here, or waits."""
        with self._lock:
            self.inside += 1
        until(lambda: self.inside + waiting(self.server, self.name) >= self.left, "everybody is here, or waits")
        with self._lock:
            self.inside -= 1


def admits(party: Party, offer: Proposal) -> Callable[[], None]:
    """A racer that admits what was offered to it before."""
    request = admit_request(party, offer)

    def racer() -> None:
        party.client.call(verbs.ADMIT, request)

    return racer
