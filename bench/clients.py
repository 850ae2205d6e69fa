"""64 clients that admit through two services on PostgreSQL, against bare inserts of their rows over as many sessions.

A service is a process with the verbs; what HTTP takes beside that is left out. The database waits for the disk.
"""

import multiprocessing
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import psycopg

from bench.admissions import Rows, rows_of
from bench.figures import Figure, percentile
from support.ledger_party import EMPTY, Party
from support.ledger_races import admit_request
from support.postgresql import postgresql_server
from support.zone_project import ZONE, cluster, facility
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.store.database import Database
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone

SERVICES, CLIENTS, EACH, SITES = 2, 64, 2, 8
"""Processes, clients of them together, stacks that each client admits, and sites that these are at."""
SESSIONS = 24
"""Of the bare inserts: as many as both services let write at the same time."""
FILE = Zone.model_validate(ZONE)
_gate: list[Barrier] = []


def figures(_runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """How many admissions there are in a second, how long one takes, and what both are to bare inserts."""
    found: list[Figure] = []
    with postgresql_server(is_durable=True) as server:
        for sites in (SITES, 1):
            url = server.url(server.create())
            found += _measured(server.folder / "ledger.db", url, sites)
    return found


def _measured(path: Path, url: str, sites: int) -> list[Figure]:
    with closing(Database(path, url, create=True, lock_wait_s=60)) as database:
        with LedgerClient(url, root=path.parent) as client:
            client.call(verbs.INIT, InitRequest(zone=FILE))
            Party(client, "stack-of-operator", "operator", zone=FILE).bring_up(sites=sites_of(sites))
            client.call(verbs.STORE, ContentRequest(texts=[EMPTY]))
        context = multiprocessing.get_context("spawn")
        gate = context.Barrier(SERVICES + 1)
        with ProcessPoolExecutor(SERVICES, context, _remember, (gate,)) as pool:
            services = [pool.submit(_service, url, path.parent, number, sites) for number in range(SERVICES)]
            gate.wait()  # both have proposed
            before = rows_of(database)
            gate.wait()
            times = [one for service in services for one in service.result()]
        new = {table: rows[len(before.get(table, ())) :] for table, rows in rows_of(database).items()}
    took = max(end for _, end in times) - min(begin for begin, _ in times)
    waits = [end - begin for begin, end in times]
    rate, bare = len(times) / took, len(times) / _bare(url, new, len(times))
    what = f"{CLIENTS} clients, {sites} site{'s' if sites > 1 else ''}"
    return [
        Figure(f"{what}: admissions a second", rate, "1/s"),
        Figure(f"{what}: one, median", 1000 * percentile(waits, 50), "ms"),
        Figure(f"{what}: one, p99", 1000 * percentile(waits, 99), "ms"),
        Figure(f"{what}: bare inserts a second", bare, "1/s"),
        Figure(f"{what}: to bare inserts", bare / rate, "times"),
    ]


def sites_of(count: int, racks: int = 40) -> dict[str, Any]:
    """So many sites, which share so many racks.

    Args:
        count: of sites.
        racks: of all of them together.
    """
    site = facility(racks // count)["sites"]["dc1"]
    pools = [
        {"v4": {"prefix": f"10.{90 + number}.0.0/20", "gateway": f"10.{90 + number}.0.1"}} for number in range(count)
    ]
    return {f"s{number}": {**site, "address_pools": pools[number], "name_servers": []} for number in range(count)}


def _remember(gate: Barrier) -> None:
    _gate.append(gate)


def _service(url: str, folder: Path, service: int, sites: int) -> list[tuple[float, float]]:
    """One service with its share of the clients; gives when each admission began and ended."""
    with LedgerClient(url, root=folder) as client, ThreadPoolExecutor(CLIENTS // SERVICES) as pool:
        requests = []
        for number in range(service, CLIENTS * EACH, SERVICES):
            party = Party(client, f"stack-number-{number}", f"tenant-{'abcdefgh'[number % 8]}", zone=FILE)
            party.enrol()
            wish = {"web": {**cluster(1), "site": f"s{number % sites}"}}
            requests.append(admit_request(party, party.propose(party.demand(clusters=wish))))
        for _ in range(2):
            _gate[0].wait()

        def admitted(request: Any) -> tuple[float, float]:
            begun = time.time()
            client.call(verbs.ADMIT, request)
            return begun, time.time()

        return list(pool.map(admitted, requests))


def _bare(url: str, rows: Rows, transactions: int) -> float:
    """Seconds in which so many transactions, over several sessions, insert these rows into tables without keys."""
    written = {table: some for table, some in rows.items() if some}
    numbers, lock = iter(range(transactions)), threading.Lock()

    def session(connection: psycopg.Connection[Any]) -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            for table, some in written.items():
                if part := some[number::transactions]:
                    marks = ", ".join(["%s"] * len(part[0]))
                    connection.cursor().executemany(f"INSERT INTO bare_{table} VALUES ({marks})".encode(), part)  # noqa: S608 - of the ledger
            connection.commit()

    with psycopg.connect(url, autocommit=True) as first:
        for table in written:
            first.execute(f'CREATE TABLE bare_{table} AS SELECT * FROM "{table}" WHERE 1 = 0'.encode())  # noqa: S608 - of the ledger
        connections = [psycopg.connect(url) for _ in range(SESSIONS)]
        begun = time.perf_counter()
        with ThreadPoolExecutor(SESSIONS) as pool:
            list(pool.map(session, connections))
        took = time.perf_counter() - begun
        for one in connections:
            one.close()
    return took
