"""An agent of the tests that reports to whichever service it is told to, also to one that is killed meanwhile."""

import http.client
import json
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from support.telemetry_processes import Service
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.homes import homes_of
from zonewright.server.agent_table import AgentsTable
from zonewright.telemetry.samples import Samples

_KILLED_AFTER = 5


class Reporter:
    """An agent of a ledger on PostgreSQL.

    Attributes:
        sent: numbers of the batches that were acknowledged, or whose fate it does not know.
    """

    def __init__(self, name: str, agents: AgentsTable, samples: Samples) -> None:
        self._name, self._agents, self._samples = name, agents, samples
        self._token = agents.issue({name: ""})[name]
        self._begin_ns = time.time_ns() // 10**9 * 10**9 - 10**13
        self.sent: list[int] = []

    def sends(self, service: Service, number: int) -> int:
        """One batch with one joule of a second of its own; gives the status."""
        self.sent += [] if number in self.sent else [number]
        with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)) as connection:
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
            connection.request("POST", "/v1/metrics", self._body(number), headers)
            return connection.getresponse().status

    def _body(self, number: int) -> bytes:
        begin = self._begin_ns + number * 10**9
        resource = {"service.instance.id": self._name, "zonewright.boot": "b", "zonewright.sequence": str(number)}
        attributes = [{"key": key, "value": {"stringValue": text}} for key, text in resource.items()]
        point = {"startTimeUnixNano": str(begin), "timeUnixNano": str(begin + 10**9), "asDouble": 1.0}
        metrics = [{"name": "hw.energy", "unit": "J", "sum": {"dataPoints": [point]}}]
        scope = [{"metrics": metrics}]
        return json.dumps(
            {"resourceMetrics": [{"resource": {"attributes": attributes}, "scopeMetrics": scope}]}
        ).encode()

    def sends_until_killed(self, service: Service) -> None:
        """Batch after batch to a service that is killed while some of them are under way."""
        killer = threading.Thread(target=service.stop, args=(signal.SIGKILL,))
        with suppress(OSError, http.client.HTTPException):
            while True:
                assert self.sends(service, len(self.sent) + 1) == 200
                if len(self.sent) == _KILLED_AFTER:
                    killer.start()
        killer.join()

    def sends_all_again(self, services: Sequence[Service]) -> None:
        """All batches once more, in turn: each is stored once then, with its joule, and nothing else."""
        for number in self.sent:
            assert self.sends(services[number % len(services)], number) == 200
        assert self._samples.batches(self._name) == self.sent
        assert [one.value for one in self._samples.samples(self._name)] == [1.0] * len(self.sent)
        assert sum(one.energy_uj for one in self._samples.energy(self._name).values()) == len(self.sent) * 10**6

    def is_revoked(self, services: Sequence[Service]) -> bool:
        """Whether no service takes its reports any more, once it was forgotten."""
        self._agents.forget(self._name)
        return all(self.sends(service, 1) == 401 for service in services)


@contextmanager
def reporter(name: str, ledger: Path, url: str) -> Iterator[Reporter]:
    """An agent with a token that all services of a ledger know."""
    with closing(Database(ledger, url, lock_wait_s=20)) as database, closing(homes_of(database)) as homes:
        yield Reporter(name, AgentsTable(homes.samples), Samples(homes.samples))
