"""What tests with the real engine share: the engine, and projects whose processes must all end."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import light_engine
from support.ledger_party import bring_up_racks
from support.ledger_sums import ledgers_in, require_sums
from support.once import made_once
from support.trial_project import MARK, PROJECT, PROVIDER, Project
from support.zone_project import SmallZone, Stack, cluster, moved
from zonewright import engine as engine_room
from zonewright.ledger.transport.client import LedgerClient


@pytest.fixture(scope="session")
def engine() -> engine_room.Engine:
    """Give the engine, got by the same way as a user's."""
    return engine_room.ensure()


@pytest.fixture
def project(engine: engine_room.Engine, tmp_path: Path) -> Iterator[Project]:
    """Give a project with one stack, which was made once in the run; a test that leaves a process fails."""

    def opened(root: Path) -> Project:
        base = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "COV_"))}
        variables = engine_room.environment(engine, root=root, base=base)
        return Project(root, {**base, **variables, **light_engine.variables(), MARK: uuid.uuid4().hex})

    def make(root: Path) -> None:
        (root / "stacks").mkdir()
        (root / "provider").mkdir()
        (root / "Pulumi.yaml").write_text(PROJECT, encoding="utf-8")
        (root / "provider" / "PulumiPlugin.yaml").write_text("runtime: python\n", encoding="utf-8")
        (root / "provider" / "__main__.py").write_text(PROVIDER, encoding="utf-8")
        created = opened(root).run("stack", "init", "a", "--secrets-provider", light_engine.PROVIDER)
        assert created.returncode == 0, created.stderr

    moved(made_once("trial", make), tmp_path)
    made = opened(tmp_path)
    yield made
    left = made.wait_for_no_process(5)
    for process in made.processes():
        process.kill()
    assert left == []


@pytest.fixture(autouse=True)
def _tables_are_the_sum_of_the_journal(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[None]:
    """After every race, kill and refusal; marked ``tampers``, a test writes past the verbs on purpose."""
    yield
    if request.node.get_closest_marker("tampers") is None:
        require_sums(ledgers_in(tmp_path))


@contextmanager
def _watched(zone: SmallZone) -> Iterator[SmallZone]:
    """A zone whose processes must all have ended at the end."""
    yield zone
    left = zone.no_process_left()
    for process in zone.processes():
        process.kill()
    assert left == []


def _is_warm(request: pytest.FixtureRequest) -> bool:
    """Whether a test is not about processes or imports, and so may have both done beforehand."""
    return request.node.get_closest_marker("real_python") is None


@pytest.fixture
def zone(engine: engine_room.Engine, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SmallZone]:
    """Give a small zone with a ledger; a test that leaves a process of its stacks fails."""
    with _watched(SmallZone(folder=tmp_path, engine=engine, warm=_is_warm(request)).create()) as made:
        yield made


def _declare(zone: SmallZone) -> Stack:
    with LedgerClient(zone.ledger_url) as client:
        bring_up_racks(client)
    stack = zone.stack("tenant-a")
    stack.declare(clusters={"web": cluster(2)})
    return stack


@pytest.fixture
def declared(zone: SmallZone) -> Stack:
    """Give a tenant's stack that declares two nodes, before its first up; the operator's two racks are there."""
    return _declare(zone)


@pytest.fixture
def operated(engine: engine_room.Engine, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SmallZone]:
    """Give a small zone whose operator's stack with two racks is up, which it was once in the run."""

    def make(folder: Path) -> None:
        with _watched(SmallZone(folder=folder, engine=engine).create()) as zone:
            zone.operator()

    fresh = SmallZone(folder=tmp_path, engine=engine, warm=_is_warm(request))
    with _watched(fresh.taken_from(made_once("operated", make))) as made:
        yield made


@pytest.fixture
def settled(engine: engine_room.Engine, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SmallZone]:
    """Give a small zone with racks in which the stack ``tenant-a`` with three nodes is up, which it was once."""

    def make(folder: Path) -> None:
        with _watched(SmallZone(folder=folder, engine=engine).create()) as zone:
            stack = _declare(zone)
            stack.declare(clusters={"web": cluster(3)})
            stack.up()

    fresh = SmallZone(folder=tmp_path, engine=engine, warm=_is_warm(request))
    with _watched(fresh.taken_from(made_once("settled", make))) as made:
        yield made
