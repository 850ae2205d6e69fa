"""Admissions into a ledger's file and into PostgreSQL, against bare inserts of the same rows in the same run.

Bare rows are inserted into tables without keys, indexes or triggers, as many in a transaction as an admission writes.
Both databases wait for the disk.
"""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, inspect

from bench.figures import Figure, percentile, seconds
from support.ledger_party import EMPTY, ZONE_FILE, Party, bring_up_racks
from support.postgresql import postgresql_server
from support.zone_project import cluster
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import AdmitRequest
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.store.database import Database
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.canonical import digest_of

RACKS = 60
ONE_BY_ONE = 60
"""Stacks that are admitted with one node each."""
MANY = 1000
Rows = dict[str, list[tuple[Any, ...]]]


def figures(_runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Times of admissions, and what they are to bare inserts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        found = _measured("SQLite", path, f"sqlite:///{path}", Database(path, create=True, lock_wait_s=30))
    with postgresql_server(is_durable=True) as server:
        url = server.url(server.create())
        path = server.folder / "ledger.db"
        found += _measured("PostgreSQL", path, url, Database(path, url, create=True, lock_wait_s=30))
    return found


def _measured(name: str, path: Path, url: str, database: Database) -> list[Figure]:
    found = []
    with closing(database), LedgerClient(url, root=path.parent) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client, RACKS)
        client.call(verbs.STORE, ContentRequest(texts=[EMPTY]))
        for nodes, stacks in ((1, ONE_BY_ONE), (MANY, 1)):
            before = rows_of(database)
            times = [_admitted(client, nodes, number) for number in range(stacks)]
            new = {table: rows[len(before.get(table, ())) :] for table, rows in rows_of(database).items()}
            bare = _bare(path if url.startswith("sqlite") else None, url, new, stacks)
            what = f"admit {nodes:,} node{'s' if nodes > 1 else ''}, {name}"
            ratio = percentile(times, 50) / percentile(bare, 50)
            found += [
                Figure(f"{what}, median", 1000 * percentile(times, 50), "ms"),
                Figure(f"{what}, p99", 1000 * percentile(times, 99), "ms"),
                Figure(f"{what}: bare inserts of its rows, median", 1000 * percentile(bare, 50), "ms"),
                Figure(f"{what}: to bare inserts", ratio, "times"),
            ]
    return found


def _admitted(client: LedgerClient, nodes: int, number: int) -> float:
    party = Party(client, f"stack-{nodes}-{number:04}", "tenant-a")
    party.enrol()
    offer = party.propose(party.demand(clusters={"web": cluster(nodes)}))
    request = AdmitRequest(
        stack_id=party.stack_id,
        party=party.party,
        lineage=party.lineage,
        demand_digest=offer.demand_digest,
        seats=offer.seats,
        addresses=offer.addresses,
        rendered_digest=digest_of(EMPTY),
    )
    return seconds(lambda: client.call(verbs.ADMIT, request))


def rows_of(database: Database) -> Rows:
    """All rows, in the order in which they came as far as tables keep it, without those that only guard others."""
    with database.reading() as connection:
        names = set(inspect(connection).get_table_names()) - {"turn", "scope", "node_address"}
        return {table: _of(connection, table) for table in sorted(names)}


def _of(connection: Connection, table: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"')]  # noqa: S608 - of the ledger


def _bare(path: Path | None, url: str, rows: Rows, transactions: int) -> list[float]:
    """Times of so many transactions that together insert these rows."""
    with _plain(path, url) as (execute, mark, commit):
        written = {table: some for table, some in rows.items() if some}
        for table in written:
            execute(f'CREATE TABLE bare_{table} AS SELECT * FROM "{table}" WHERE 1 = 0', None)  # noqa: S608 - of the ledger
        commit()

        def insert(number: int) -> None:
            for table, some in written.items():
                part = some[number::transactions]
                if part:
                    marks = ", ".join([mark] * len(part[0]))
                    execute(f"INSERT INTO bare_{table} VALUES ({marks})", part)  # noqa: S608 - of the ledger
            commit()

        times = [seconds(lambda number=number: insert(number)) for number in range(transactions)]  # type: ignore[misc]
        for table in written:
            execute(f"DROP TABLE bare_{table}", None)
        commit()
    return times


Execute = Callable[[str, list[tuple[Any, ...]] | None], None]


@contextmanager
def _plain(path: Path | None, url: str) -> Iterator[tuple[Execute, str, Callable[[], None]]]:
    """A connection of the driver's own: carry out a statement, its mark for a value, and commit."""
    if path is not None:
        with closing(sqlite3.connect(path)) as file:
            file.execute("PRAGMA synchronous=FULL")

            def carry_out(text: str, rows: list[tuple[Any, ...]] | None) -> None:
                if rows:
                    file.executemany(text, rows)
                else:
                    file.execute(text)

            yield carry_out, "?", file.commit
        return
    with psycopg.connect(url) as server, server.cursor() as cursor:

        def execute(text: str, rows: list[tuple[Any, ...]] | None) -> None:
            if rows:
                cursor.executemany(text.encode(), rows)
            else:
                cursor.execute(text.encode())

        yield execute, "%s", server.commit
