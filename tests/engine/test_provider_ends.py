"""The provider ends with its engine, however it was started and whatever it waits for."""

import fcntl
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import yaml

from support.ledger_party import bring_up_racks
from support.zone_project import LIMIT_S, SmallZone, Stack, cluster
from zonewright.ledger.transport.client import LedgerClient

pytestmark = [pytest.mark.engine, pytest.mark.real_python]
SOON_S = 5.0


@contextmanager
def _writers_wait(ledger: Path) -> Iterator[None]:
    """Take every writer's turn at a ledger: whoever changes something waits for the end of this."""
    until = time.monotonic() + SOON_S
    with Path(f"{ledger}.lock").open("a", encoding="utf-8") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                assert time.monotonic() < until, "somebody keeps the ledger locked"
                time.sleep(0.001)
        yield


def _start_from_path(stack: Stack) -> None:
    """Let the engine find the provider as a user's does: the installed command, on PATH."""
    project = yaml.safe_load((stack.root / "Pulumi.yaml").read_text(encoding="utf-8"))
    del project["plugins"]
    (stack.root / "Pulumi.yaml").write_text(yaml.safe_dump(project), encoding="utf-8")
    stack.environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), stack.environment["PATH"]])


@pytest.mark.parametrize("way", ["PATH", "language host"])
def test_a_killed_engine_leaves_no_provider(zone: SmallZone, way: str) -> None:
    """After `kill -9` of the engine its provider ends within seconds, also while it waits; the ledger is free then."""
    ledger = zone.folder / "ledger.db"
    with LedgerClient(zone.ledger_url) as client:
        bring_up_racks(client)
    stack = zone.stack("tenant-a")
    stack.declare(clusters={"web": cluster(8)})
    if way == "PATH":
        _start_from_path(stack)
    engine = stack.start("up", "--yes", "--skip-preview")
    until = time.monotonic() + LIMIT_S
    while not stack.resources("Enrolment"):
        assert time.monotonic() < until, (stack.root / "output.txt").read_text(encoding="utf-8")
        time.sleep(0.01)
    with _writers_wait(ledger):
        time.sleep(1)  # what has begun gets as far as it can
        asked = "pulumi-resource-zonewright" if way == "PATH" else "zonewright/provider"
        assert any(asked in " ".join(process.cmdline()) for process in zone.processes())
        engine.kill()
        engine.wait()
        assert zone.no_process_left(SOON_S) == []
    with _writers_wait(ledger), closing(sqlite3.connect(ledger, timeout=0, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
