"""What a process remembers of a site's claims is what the ledger has now, whoever wrote it and whatever came of it."""

import sqlite3
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from support.ledger_party import Party, bring_up_racks
from support.older_ledger import before_schemas
from support.zone_project import ZONE, cluster
from zonewright.ledger.deciding.site_claims import _MEMORIES, _Memory, around, site_claims
from zonewright.ledger.migrations.upgrade import upgrade
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.errors import LedgerUnavailableError
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.tables import claim
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.world import Occupant

SITE = frozenset({"dc1"})
MINE, THEIRS = "stack-of-tenant-a", "stack-of-tenant-b"


@pytest.fixture(name="ledger")
def _ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    with LedgerClient(f"sqlite:///{path}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=Zone.model_validate(ZONE)))
        bring_up_racks(client)
        Party(client, MINE, "tenant-a").bring_up(clusters={"web": cluster(2)})
    return path


Told = tuple[tuple[Occupant, ...], dict[str, object], dict[str, tuple[str, str]]]


def told(connection: Connection) -> Told:
    """All that a decision takes from the claims of the site."""
    found = around(connection, SITE, MINE)
    texts = {name: text for one in site_claims(connection, SITE).values() for name, text in one.texts.items()}
    rest = {field.name: getattr(found, field.name) for field in fields(found) if field.name != "bystanders"}
    return found.bystanders.occupants, rest, texts


def fresh(path: Path) -> Told:
    """The same as a process that remembers nothing reads it."""
    database = Database(path, lock_wait_s=5)
    with database.reading() as connection:
        found = told(connection)
    database.close()
    return found


def test_writes_of_others_are_seen(ledger: Path) -> None:
    """Claims that another process makes, confirms and frees are there at the next look, and those of one's own stay."""
    database = Database(ledger, lock_wait_s=5)
    with LedgerClient(f"sqlite:///{ledger}") as client:
        other = Party(client, THEIRS, "tenant-b")
        other.enrol()

        def admit(count: int) -> None:
            other.admit(other.propose(other.demand(clusters={"web": cluster(count)})))

        seen = []
        for step in (lambda: admit(3), lambda: other.confirm("web-001"), lambda: admit(1), lambda: admit(2)):
            step()
            with database.reading() as connection:
                seen.append(told(connection))
            assert seen[-1] == fresh(ledger)
    database.close()
    occupants = [names_of(one[0]) for one in seen]
    assert occupants == [
        ["web-001 admitted", "web-002 admitted", "web-003 admitted"],
        ["web-001 active", "web-002 admitted", "web-003 admitted"],
        ["web-001 active"],
        ["web-001 active", "web-002 admitted"],
    ]
    assert all(one[1]["own"] == seen[0][1]["own"] for one in seen)


def names_of(occupants: tuple[Occupant, ...]) -> list[str]:
    """Name and standing, in order."""
    return sorted(f"{item.name} {item.standing}" for item in occupants)


@pytest.mark.tampers
def test_what_was_rolled_back_is_forgotten(ledger: Path) -> None:
    """Rows that were read in a transaction that ended without a commit are not taken for those of the next one."""
    database = Database(ledger, lock_wait_s=5)

    def written(party: str) -> Told:
        with database.writing() as connection:
            connection.execute(update(claim).where(claim.c.name == "web-001").values(party=party))
            found = told(connection)
            if party == "nobody":
                raise LookupError(party)
        return found

    with database.reading() as connection:
        before = told(connection)
    with pytest.raises(LookupError):
        written("nobody")
    with database.reading() as connection:
        assert told(connection) == before
    after = written("somebody")
    with database.reading() as connection:
        assert told(connection) == after == fresh(ledger)
    assert after != before
    database.close()


def test_claims_of_an_older_ledger_are_seen(ledger: Path) -> None:
    """A ledger that has claims and no numbers is refused with what to do; brought up to date it has all its claims."""
    before = fresh(ledger)
    with closing(sqlite3.connect(ledger)) as connection:
        triggers = "; ".join(f"drop trigger claim_{what}" for what in ("insert", "update", "delete"))
        connection.executescript(f"{triggers}; drop table claim_version")
    before_schemas(ledger)
    with pytest.raises(LedgerUnavailableError, match="has schema 0000, and this zonewright needs"):
        fresh(ledger)
    upgrade(ledger)
    assert fresh(ledger) == before


@pytest.mark.tampers
def test_what_is_remembered_is_bounded(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the bound only what was asked for last is kept, and what is so no more is let go at once."""
    database = Database(ledger, lock_wait_s=5)
    with database.reading() as connection:
        known = _MEMORIES.setdefault(connection.engine, _Memory()).around
        for stack in ("s1", "s2", "s3"):
            around(connection, SITE, stack)
        assert [stack for stack, _ in known] == ["s1", "s2", "s3"]
        monkeypatch.setattr("zonewright.ledger.deciding.site_claims._REMEMBERED", 5)
        around(connection, SITE, "s1")
        assert [stack for stack, _ in known] == ["s3", "s1"]
    with database.writing() as connection:
        connection.execute(update(claim).values(generation=7))
    with database.reading() as connection:
        around(connection, SITE, "s2")
        assert [stack for stack, _ in known] == ["s2"]
    database.close()
