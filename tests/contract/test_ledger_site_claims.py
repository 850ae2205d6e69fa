"""What a process remembers of a site's claims is what the ledger has now, whoever wrote it and whatever came of it."""

from dataclasses import fields
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from support.ledger_party import Party, bring_up_racks
from support.zone_project import ZONE, cluster
from zonewright.ledger import messages as m
from zonewright.ledger import verbs
from zonewright.ledger.client import LedgerClient
from zonewright.ledger.database import Database
from zonewright.ledger.site_claims import around, site_claims
from zonewright.ledger.tables import claim
from zonewright.model import Zone
from zonewright.model.world import Occupant

SITE = frozenset({"dc1"})
MINE, THEIRS = "stack-of-tenant-a", "stack-of-tenant-b"


@pytest.fixture(name="ledger")
def _ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    with LedgerClient(f"sqlite:///{path}", create=True) as client:
        client.call(verbs.INIT, m.InitRequest(zone=Zone.model_validate(ZONE)))
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
