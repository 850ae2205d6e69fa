"""What many tests bring into a new ledger is brought there by the verbs once in a process, and copied after that."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from zonewright.ledger.store.clock import utc_now
from zonewright.ledger.transport.client import LedgerClient
from zonewright.ledger.transport.in_process import InProcess

_Key = tuple[str, str, datetime | None, str | None]
_YOUNG_S = 60.0
"""How much older than the wall clock says the entries of a copy may be."""
_made: dict[_Key, tuple[float, sqlite3.Connection]] = {}


def brought_once(client: LedgerClient, what: str, bring: Callable[[], object]) -> None:
    """Have a new ledger hold what ``bring`` brings: by a copy, where the same was brought into an equal one before.

    Only where the ledger is a file of this process into which nothing has come but its zone; elsewhere ``bring`` is
    called. Under a clock of the test copies are of the same moment. The ledger keeps its own id.

    Args:
        client: to the ledger.
        what: is brought, in words that nothing else has.
        bring: brings it by the verbs.
    """
    where = _place(client)
    key = None if where is None else _key(where, what)
    if where is None or key is None:
        bring()
        return
    path = where[0]
    begun = time.monotonic()
    since, kept = _made.get(key, (0.0, None))
    if kept is None or (key[2] is None and begun - since > _YOUNG_S):
        bring()
        kept = sqlite3.connect(":memory:", check_same_thread=False)
        with closing(sqlite3.connect(path)) as file:
            file.backup(kept)
        _made[key] = (begun, kept)
        return
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA synchronous=OFF")
        own = file.execute("SELECT id FROM identity").fetchone()
        kept.backup(file)
        file.execute("UPDATE identity SET id = ?", own)
        file.commit()


def _place(client: LedgerClient) -> tuple[Path, datetime | None] | None:
    """File of a ledger and what its clock says, None of the wall clock; None where the ledger is elsewhere."""
    road = client._road
    if not isinstance(road, InProcess) or not road._database.has_file:
        return None
    clock = road._context.clock
    return road._database.path, None if clock is utc_now else clock()


def _key(where: tuple[Path, datetime | None], what: str) -> _Key | None:
    """By what a copy is found again; None where there is more in the ledger than its zone."""
    path, now = where
    with closing(sqlite3.connect(path)) as file:
        found = file.execute("SELECT at, payload FROM journal UNION ALL SELECT '', digest FROM content").fetchall()
    if len(found) != 2:
        return None
    return what, found[1][1], now, None if now is None else found[0][0]
