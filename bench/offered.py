"""64 clients that together offer a number of changes a second to two services on PostgreSQL, over HTTP.

Who offers does not wait for answers: a change is due when it is due, and its wait counts from then. So what a service
cannot carry shows in the waits. A change is an admission of one node; what was proposed for it is reserved before. The
database waits for the disk; clients, services and the database share this machine.

The rate is for the machine that ``bench.pace`` names, as the limit on the waits is. On one that takes three times as
long, a third of it is offered, and three times the wait is allowed: of each machine the same share is asked for. Else a
slow one would only show how a queue grows.
"""

import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from statistics import fmean, median

from bench.clients import CLIENTS, SERVICES, SITES, sites_of
from bench.figures import Figure, percentile
from bench.pace import pace
from support.ledger_party import EMPTY, Party
from support.ledger_races import admit_request
from support.postgresql import postgresql_server
from support.telemetry_processes import Service
from support.zone_project import ZONE, cluster
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.access_messages import GrantRequest
from zonewright.ledger.protocol.admission_messages import AdmitRequest
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone

RATES = (40, 80)
"""Changes a second on the machine of the pace: as many as are promised, and more."""
CHANGES = 256
"""At each rate: what is proposed for them before is reserved for minutes only."""
P99_MS = 500
STARVED = 2.0
"""No client waits so many times as long as the others, however much is offered."""
RACKS = 80
_NAMES = [f"tenant-{number:02}" for number in range(CLIENTS)]
FILE = Zone.model_validate(
    {**ZONE, "parties": {**ZONE["parties"], **{name: {"title": name, "roles": ["tenant"]} for name in _NAMES}}}
)


@dataclass(frozen=True, slots=True)
class _Due:
    """A change that is due so many seconds after the begin on this machine, from one client."""

    client: int
    at_s: float
    request: AdmitRequest


def figures(_runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Waits where the promised rate is offered, and who waits where more is."""
    with postgresql_server(is_durable=True) as server, ExitStack() as ends:
        url = server.url(server.create())
        local = ends.enter_context(LedgerClient(url, root=server.folder, create=True))
        local.call(verbs.INIT, InitRequest(zone=FILE))
        Party(local, "stack-of-operator", "operator", zone=FILE).bring_up(sites=sites_of(SITES, RACKS))
        tokens = [_token(local, name) for name in _NAMES]
        services = [_served(ends, server.folder / f"service-{number}", url) for number in range(SERVICES)]
        clients = [
            ends.enter_context(LedgerClient(services[number % SERVICES].url, token=token))
            for number, token in enumerate(tokens)
        ]
        for client in clients:  # a party names texts that it brought itself
            client.call(verbs.STORE, ContentRequest(texts=[EMPTY]))
        found: list[Figure] = []
        for rate in RATES:
            changes = [_due(local, rate, number) for number in range(CHANGES)]
            found += _offered(clients, changes, rate, pace())
    return found


def _token(local: LedgerClient, name: str) -> str:
    wanted = GrantRequest(principal=name, party=name, kind="runner", roles=["tenant"], days=1)
    return local.call(verbs.GRANT, wanted).token


def _served(ends: ExitStack, folder: Path, url: str) -> Service:
    folder.mkdir()
    service = Service(folder, "--ledger", url, "--calls-per-second", "0", python=sys.executable)
    service.start()
    ends.callback(service.stop, SIGTERM)
    return service


def _due(local: LedgerClient, rate: int, number: int) -> _Due:
    """What a stack of its own was proposed."""
    client = number % CLIENTS
    party = Party(local, f"stack-{rate}-{number:04}", _NAMES[client], zone=FILE)
    party.enrol()
    wish = {"web": {**cluster(1), "site": f"s{number % SITES}"}}
    return _Due(client, pace() * number / rate, admit_request(party, party.propose(party.demand(clusters=wish))))


def _offered(clients: Sequence[LedgerClient], changes: Sequence[_Due], rate: int, slower: float) -> list[Figure]:
    """Waits where a rate is offered, on a machine so many times slower than that of the pace."""
    begun = time.monotonic() + 0.5
    waits: list[list[float]] = [[] for _ in clients]
    ended, lock = [0.0], threading.Lock()

    def client(number: int) -> None:
        for one in changes:
            if one.client == number:
                time.sleep(max(0.0, begun + one.at_s - time.monotonic()))
                clients[number].call(verbs.ADMIT, one.request)
                now = time.monotonic()
                waits[number].append(now - begun - one.at_s)
                with lock:
                    ended[0] = max(ended[0], now - begun)

    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(client, range(len(clients))))
    every = [one for some in waits for one in some]
    means = sorted(fmean(some) for some in waits if some)
    what, promised = f"{CLIENTS} clients offer {rate}/s", rate == RATES[0]
    return [
        Figure(f"{what}: offered here", rate / slower, "1/s"),
        Figure(f"{what}: carried out here", len(every) / ended[0], "1/s"),
        Figure(f"{what}: carried out at a pace of 1", slower * len(every) / ended[0], "1/s"),
        Figure(f"{what}: median", 1000 * median(every), "ms"),
        Figure(f"{what}: p99", 1000 * percentile(every, 99), "ms", P99_MS if promised else None),
        Figure(f"{what}: longest mean to median", means[-1] / median(means), "times", STARVED),
    ]
