"""What a process remembers of a site's claims is what the ledger has now, whoever wrote it and whatever came of it."""

import sqlite3
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, update

from support.fixture_records import LEDGER_FILE
from support.ledger_party import Party, bring_up_racks
from support.older_ledger import before_schemas
from support.zone_project import RACKS_PER_ROW, REPOSITORY, ZONE, cluster, facility
from zonewright.ledger.deciding import decide
from zonewright.ledger.deciding.site_claims import _MEMORIES, ClaimedSum, _Memory, around, claimed_sums, site_claims
from zonewright.ledger.deciding.zone_facts import zone_base
from zonewright.ledger.deciding.zone_judge import judge_racks
from zonewright.ledger.deciding.zone_parts import BroughtIn, brought_in
from zonewright.ledger.migrations.upgrade import upgrade
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import EvaluateRequest
from zonewright.ledger.protocol.errors import LedgerUnavailableError
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.store.claim_text import SiteClaims
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.schema import SCHEMA
from zonewright.ledger.store.tables import asset, claim
from zonewright.ledger.store.texts import _ENDED
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.own_rule import OWN
from zonewright.model.world import Occupant
from zonewright.rules.finding import Finding

FIXTURE = REPOSITORY / "tests" / "fixtures" / "version-1" / LEDGER_FILE
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


Told = tuple[tuple[Occupant, ...], dict[str, object], dict[str, tuple[str, str]], list[ClaimedSum]]


def told(connection: Connection) -> Told:
    """All that a decision takes from the claims of the site."""
    found = around(connection, SITE, MINE)
    texts = {name: text for one in site_claims(connection, SITE).values() for name, text in one.texts.items()}
    rest = {field.name: getattr(found, field.name) for field in fields(found) if field.name != "bystanders"}
    return found.bystanders.occupants, rest, texts, sorted(claimed_sums(connection))


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
    sums = [{one.stack_id: one.draw_w for one in told[3]} for told in seen]
    one = sums[0][MINE] // 2
    assert sums == [{MINE: 2 * one, THEIRS: nodes * one} for nodes in (3, 3, 1, 2)]


def names_of(occupants: tuple[Occupant, ...]) -> list[str]:
    """Name and standing, in order."""
    return sorted(f"{item.name} {item.standing}" for item in occupants)


@pytest.mark.tampers
def test_what_was_rolled_back_is_forgotten(ledger: Path) -> None:
    """Rows that were read in a transaction that ended without a commit are not taken for those of the next one."""
    database = Database(ledger, lock_wait_s=5)

    def written(party: str) -> Told:
        with database.writing() as connection:
            watts = len(party)
            connection.execute(update(claim).where(claim.c.name == "web-001").values(party=party, draw_w=watts))
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
        triggers = "; ".join(f"drop trigger claim_{what}" for what in ("insert", "update", "moved", "delete"))
        connection.executescript(f"{triggers}; drop table claim_version")
    before_schemas(ledger)
    with pytest.raises(LedgerUnavailableError, match="has schema 0000, and this zonewright needs"):
        fresh(ledger)
    upgrade(ledger)
    assert fresh(ledger) == before


@pytest.mark.tampers
def test_what_others_bring_in_is_seen(ledger: Path) -> None:
    """What is remembered of assets is what the ledger has now: of a new row, one taken back, one that moved."""

    def told(database: Database) -> tuple[list[tuple[str, str]], dict[str, tuple[str, str]], list[str]]:
        with database.reading() as connection:
            found, base = brought_in(connection), zone_base(connection, MINE)
            assert base is not None
            names = sorted(base.before().sites) + sorted(base.others.rows)
            rows = sorted((row.site, row.name) for one in found.sites.values() for row in one.rows)
            return rows, {site: one.text for site, one in found.sites.items()}, [str(name) for name in names]

    def same_as_fresh(database: Database) -> tuple[object, ...]:
        with closing(Database(ledger, lock_wait_s=5)) as other:
            found = told(database)
            assert found == told(other)
        return found

    def taken_back(database: Database) -> None:
        with database.writing() as connection:
            connection.execute(update(asset).values(data="{}", party="nobody"))
            brought_in(connection)
            raise LookupError

    with LedgerClient(f"sqlite:///{ledger}") as client, closing(Database(ledger, lock_wait_s=5)) as database:
        seen = [same_as_fresh(database)]
        Party(client, "stack-of-operator", "operator").bring_up(**facility(2 * RACKS_PER_ROW))
        seen.append(same_as_fresh(database))
        with pytest.raises(LookupError):
            taken_back(database)
        assert same_as_fresh(database) == seen[-1]
        with closing(sqlite3.connect(ledger)) as own, own:
            own.execute("UPDATE asset SET site = 'elsewhere' WHERE name = 'dc1/a/02'")
        seen.append(same_as_fresh(database))
        with closing(sqlite3.connect(ledger)) as own, own:
            own.execute("DELETE FROM asset WHERE name = 'dc1/a/02'")
        seen.append(same_as_fresh(database))
    rows = [sorted({name for _, name in one[0]}) for one in seen]  # type: ignore[attr-defined]
    assert rows == [["dc1", "dc1/a/01"], ["dc1", "dc1/a/01", "dc1/a/02"], *rows[2:]]
    assert ("elsewhere", "dc1/a/02") in seen[2][0]  # type: ignore[operator]
    assert rows[3] == rows[0]


def test_what_another_thread_lets_go_of_is_answered_all_the_same() -> None:
    """The parts of a stack that were just made are its answer, also where they are kept no more at that moment."""

    class Forgetful(dict[str, Any]):
        def __setitem__(self, key: str, value: Any) -> None:
            """Another thread empties it right after."""
            self.clear()

    assert {is_own: part.assets for is_own, part in BroughtIn(_parts=Forgetful()).parts(MINE).items()} == {
        False: {},
        True: {},
    }


_TRIGGERS = {
    "claim_insert": ("INSERT ON claim", "NEW"),
    "claim_update": ("UPDATE ON claim", "NEW"),
    "claim_moved": ("UPDATE OF site ON claim WHEN OLD.site <> NEW.site", "OLD"),
    "claim_delete": ("DELETE ON claim", "OLD"),
}
_DRAWN = (
    "INSERT INTO claim_version (site, number) VALUES ({row}.site, random()) "
    "ON CONFLICT (site) DO UPDATE SET number = excluded.number"
)
"""What schema 0014 draws, before there was a number for each stack."""


def test_of_a_site_only_what_was_written_to_is_read_again(ledger: Path) -> None:
    """The claims of other stacks, and the texts of other rows of racks, are those that were there before."""
    database = Database(ledger, lock_wait_s=5)
    with LedgerClient(f"sqlite:///{ledger}") as client:
        Party(client, "stack-of-operator", "operator").bring_up(**facility(2 * RACKS_PER_ROW))
        other = Party(client, THEIRS, "tenant-b")
        other.enrol()
        place: dict[str, Any] = {"places": {"001": {"rack": "dc1/a/02/01", "position": 9}}}
        seen, sums, asked = list[SiteClaims](), list[dict[str, int]](), list[str]()

        def listen(*given: Any) -> None:
            if "FROM claim" in given[2]:
                asked.append(str(given[3]))

        for wanted in ({}, {"web": cluster(1, **place)}, {}):
            other.admit(other.propose(other.demand(clusters=wanted)))
            with database.reading() as connection:
                if not seen:
                    event.listen(connection.engine, "before_cursor_execute", listen)
                seen.append(site_claims(connection, SITE)["dc1"])
                sums.append({one.stack_id: id(one) for one in claimed_sums(connection)})
                assert told(connection) == fresh(ledger)
    database.close()
    assert sum(MINE in one for one in asked) == 0, "its claims were asked for again"
    assert sum(THEIRS in one for one in asked) == 4, "claims and sums, after each of two changes"
    assert [sorted(one.stacks) for one in seen] == [[MINE], [MINE, THEIRS], [MINE]]
    assert len({id(one.stacks[MINE]) for one in seen}) == 1
    assert len({id(one.texts["dc1/a/01"]) for one in seen}) == 1
    assert [sorted(one.texts) for one in seen] == [["dc1/a/01"], ["dc1/a/01", "dc1/a/02"], ["dc1/a/01"]]
    assert len({one[MINE] for one in sums}) == 1, "its sums were made again"


@pytest.mark.tampers
@pytest.mark.parametrize("before", ["version-1", "0013", "0014"])
def test_a_claim_that_goes_to_another_site_is_a_change_of_both(ledger: Path, before: str) -> None:
    """Whoever writes it, what a process remembers of the old site is read again; an upgrade brings that."""
    if before != "version-1":
        with closing(sqlite3.connect(ledger)) as own, own:
            own.executescript(f"DROP TABLE claim_stack_version; UPDATE alembic_version SET version_num = '{before}'")
            for name, (when, row) in _TRIGGERS.items():
                own.execute(f"DROP TRIGGER {name}")
                if (name, before) != ("claim_moved", "0013"):
                    own.execute(f"CREATE TRIGGER {name} AFTER {when} BEGIN {_DRAWN.format(row=row)}; END")
    else:
        ledger.write_bytes(FIXTURE.read_bytes())
    assert upgrade(ledger).after == SCHEMA

    def told(database: Database) -> tuple[list[str], list[ClaimedSum]]:
        with closing(sqlite3.connect(ledger)) as own, database.reading() as connection:
            sites = {site for (site,) in own.execute("SELECT site FROM claim_version")}
            claims = site_claims(connection, sites)
            return sorted(row.name for one in claims.values() for row in one.rows), sorted(claimed_sums(connection))

    with closing(Database(ledger, lock_wait_s=5)) as database:
        names, sums = told(database)
        with closing(sqlite3.connect(ledger)) as own, own:
            own.execute("UPDATE claim SET site = 'elsewhere', draw_w = 7 WHERE id = (SELECT min(id) FROM claim)")
        again = told(database)
        assert again[0] == names, "none is lost, and none is there twice"
        assert again[1] != sums
        assert sum(one.draw_w for one in again[1] if one.site == "elsewhere") == 7
        with closing(Database(ledger, lock_wait_s=5)) as other:
            assert told(other) == again


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


def test_what_ended_is_found_by_its_index(ledger: Path) -> None:
    """Removing what has ended looks at what ends, and not at every text of the ledger: each proposal waits for it."""
    database = Database(ledger, lock_wait_s=5)
    with database.reading() as connection:
        query = str(_ENDED.compile(dialect=connection.dialect))
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", ("2026-01-01", 1000, 0)).all()
    database.close()
    assert next(row.detail for row in plan).startswith("SEARCH draft USING COVERING INDEX ix_draft_expires_at")


def test_what_is_asked_again_is_not_judged_again(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check and an admission take what the proposal before them found, unless anything that it follows from moved."""
    judged: list[str] = []

    def counted(*given: Any, party: str, **more: Any) -> tuple[Finding, ...]:
        judged.append(party)
        return judge_racks(*given, party=party, **more)

    def unanswered(*given: Any, **more: Any) -> tuple[Finding, ...]:
        rule = f"{OWN}heat"
        return *counted(*given, **more), Finding(rule=rule, level="advisory", subject=rule, where="", message="")

    monkeypatch.setattr("zonewright.ledger.deciding.decide.judge_racks", counted)
    monkeypatch.setattr(decide, "_LAST", {})
    with LedgerClient(f"sqlite:///{ledger}") as client:
        mine, other = Party(client, MINE, "tenant-a"), Party(client, THEIRS, "tenant-b")
        other.enrol()
        proposal = mine.propose(mine.demand(clusters={"web": cluster(3)}))
        client.call(verbs.EVALUATE, EvaluateRequest.model_validate(mine.admit_request(proposal).model_dump()))
        mine.admit(proposal)
        assert judged == ["tenant-a"]
        proposal = mine.propose(mine.demand(clusters={"web": cluster(4)}))
        known = dict(decide._LAST)
        other.admit(other.propose(other.demand(clusters={"web": cluster(1)})))
        decide._LAST.update(known)  # as if that was another process
        assert judged == ["tenant-a", "tenant-a", "tenant-b"]
        mine.admit(proposal)
        assert judged == ["tenant-a", "tenant-a", "tenant-b", "tenant-a"]
        for _ in range(2):
            assert mine.propose(mine.demand(clusters={"web": cluster(99)})).unplaced
        assert judged[4:] == ["tenant-a", "tenant-a"], "what is refused is judged again"
        monkeypatch.setattr("zonewright.ledger.deciding.decide.judge_racks", unanswered)
        for _ in range(2):
            mine.propose(mine.demand(clusters={"web": cluster(5)}), reserve=False)
        assert judged[6:] == ["tenant-a", "tenant-a"], "advice of a rule that had no answer is asked for again"
