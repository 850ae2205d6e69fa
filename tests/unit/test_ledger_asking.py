"""What a decision asks of a ledger's database, and how often."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BindParameter, Connection, bindparam, create_engine, event, select, union

from zonewright.ledger.store.asking import AskedQuestion, Question, answers, asking_once, scalar
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.tables import claim_version, revision

SITES: BindParameter[str] = bindparam("sites", expanding=True)
OF_SITES = Question(select(revision).where(revision.c.site.in_(SITES)).order_by(revision.c.site.desc()))
EVERY = Question(union(select(revision.c.site), select(claim_version.c.site)))
DRAWN = Question(select(claim_version.c.number).where(claim_version.c.site == bindparam("one")))
LARGEST = 2**63 - 1


@contextmanager
def counted(connection: Connection) -> Iterator[list[str]]:
    """The statements that a connection carries out."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        found.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(connection, "before_cursor_execute", note)


def test_what_is_known_before_is_one_statement_and_nothing_is_asked_twice(tmp_path: Path) -> None:
    """Answers are those of each question alone, in its order; what was not said before is asked once, then known."""
    with closing(Database(tmp_path / "l.db", create=True, lock_wait_s=5)) as database, database.writing() as connection:
        connection.execute(revision.insert(), [{"site": site, "number": 1} for site in ('dc"1', "dc2", "dc3")])
        connection.execute(claim_version.insert().values(site="dc9", number=LARGEST))
        wanted, one = {"sites": ['dc"1', "dc3"]}, {"one": "dc9"}
        alone = [tuple(row) for row in answers(connection, OF_SITES, **wanted)]
        with counted(connection) as statements:
            with asking_once(connection, AskedQuestion(OF_SITES, wanted), AskedQuestion(DRAWN, one)):
                for _ in range(2):
                    assert [tuple(row) for row in answers(connection, OF_SITES, **wanted)] == alone
                    assert answers(connection, OF_SITES, **wanted)[0].site == "dc3"
                    assert scalar(connection, DRAWN, **one) == LARGEST
                    assert {row.site for row in answers(connection, EVERY)} == {'dc"1', "dc2", "dc3", "dc9"}
                assert len(statements) == 2
                assert answers(connection, OF_SITES, sites=["dc4"]) == []
            answers(connection, EVERY)
        assert len(statements) == 4


def test_one_name_has_one_value(tmp_path: Path) -> None:
    """Questions of one statement that mean different things by one name are refused: one would get another's answer."""
    with closing(Database(tmp_path / "l.db", create=True, lock_wait_s=5)) as database, database.reading() as connection:
        both = (AskedQuestion(OF_SITES, {"sites": [site]}) for site in ("dc1", "dc2"))
        with pytest.raises(ValueError, match="by the name 'sites'"), asking_once(connection, *both):
            raise AssertionError


def test_a_connection_that_is_lost_meanwhile_ends_by_what_lost_it() -> None:
    """Forgetting the answers asks nothing of the connection, so it hides no fault."""

    def lose(connection: Connection) -> None:
        connection.invalidate()
        raise ConnectionError("lost")

    with create_engine("sqlite://").connect() as connection:
        connection.begin()
        with pytest.raises(ConnectionError, match="lost"), asking_once(connection):
            lose(connection)
