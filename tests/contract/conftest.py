"""Where ledgers of the tests of the contract are; after each, all tables that it made are the sum of their journal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.ledger_places import POSTGRESQL, SQLITE, Places, on_postgresql, placed
from support.ledger_sums import ledgers_in, require_sums
from support.postgresql import PostgresqlServer, postgresql_server
from support.roads import HTTP

ON, PLACES = "--ledger-on", "places"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let all tests of the contract be run where only some are by default; for ``pytest tests/contract`` alone."""
    parser.addoption(ON, choices=(SQLITE, POSTGRESQL), help="where the ledgers of all contract tests are")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of the table on PostgreSQL too; those that ask for a file by its bytes cannot be there."""
    if PLACES not in metafunc.fixturenames:
        return
    chosen = metafunc.config.getoption(ON, default=None)
    if chosen:
        metafunc.parametrize(PLACES, [chosen], indirect=True)
    elif (metafunc.definition.path.stem, metafunc.function.__name__) in on_postgresql():
        metafunc.parametrize(PLACES, [SQLITE, POSTGRESQL], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what would be on PostgreSQL and over HTTP: a road carries the same bytes, wherever the ledger is."""
    both = {POSTGRESQL, HTTP}
    if not config.getoption(ON, default=None):
        items[:] = [item for item in items if not both <= set(_cases(item))]


def _cases(item: pytest.Item) -> list[str]:
    spec = getattr(item, "callspec", None)
    return [value for value in spec.params.values() if isinstance(value, str)] if spec is not None else []


@pytest.fixture(scope="session", name="postgresql")
def _postgresql() -> Iterator[PostgresqlServer]:
    """A server for the tests of this process, started by the first one that needs it."""
    with postgresql_server() as server:
        yield server


@pytest.fixture(name=PLACES, autouse=True)
def _places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Places]:
    """Where the ledgers of a test are."""
    is_file = getattr(request, "param", SQLITE) == SQLITE
    places = Places(tmp_path, None if is_file else request.getfixturevalue("postgresql"))
    with pytest.MonkeyPatch.context() as patch, placed(places, patch):
        yield places


@pytest.fixture(autouse=True)
def _tables_are_the_sum_of_the_journal(
    tmp_path: Path, places: Places, request: pytest.FixtureRequest
) -> Iterator[None]:
    """Marked ``tampers``: the test writes past the verbs, so the tables say something else on purpose."""
    yield
    if request.node.get_closest_marker("tampers") is not None:
        return
    require_sums((*places.names, *ledgers_in(tmp_path)))
