"""A ledger that is lost, restored or copied, and a state that is lost: each is told what it is and gets its way out."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from support.ledger_party import bring_up_racks
from support.zone_project import SmallZone, Stack, cluster
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient

pytestmark = pytest.mark.engine


@pytest.fixture(name="ledger")
def _ledger(zone: SmallZone) -> Iterator[LedgerClient]:
    with LedgerClient(zone.ledger_url) as client:
        bring_up_racks(client)
        yield client


@pytest.fixture(name="tenant")
def _tenant(settled: SmallZone) -> Stack:
    return settled.opened("tenant-a")


def _restored(stack: Stack, *, change: int) -> None:
    """Back the ledger up, carry out a change, and put the backup in the ledger's place."""
    path = stack.ledger_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(f"{path}.kept")) as kept:
        source.backup(kept)
    stack.declare(clusters={"web": cluster(change)})
    stack.up()
    with closing(sqlite3.connect(f"{path}.kept")) as kept, closing(sqlite3.connect(path)) as target:
        kept.backup(target)


def test_a_restored_ledger_is_refused_and_then_gone_on_with(tenant: Stack) -> None:
    """A backup from before the last change does nothing for the stack until recover says that it was restored."""
    _restored(tenant, change=4)
    before = tenant.holdings()
    refusals = [
        tenant.refused("preview"),
        tenant.refused("up", "--yes", "--skip-preview"),
        tenant.refused("refresh", "--yes"),
        tenant.refused("destroy", "--yes", "--skip-preview"),
        tenant.process("recover", "--stack", tenant.name).stderr,
    ]
    for said in refusals:
        assert "is a copy, or was restored from an older backup" in said
        assert "--ledger-restored" in said
    assert tenant.holdings() == before
    done = tenant.process("recover", "--stack", tenant.name, "--ledger-restored")
    assert done.returncode == 0, done.stderr
    tenant.settled()
    assert len(tenant.places()) == 4
    tenant.up("--expect-no-changes")


def test_a_new_ledger_under_an_old_state_is_refused_and_then_filled(settled: SmallZone, tenant: Stack) -> None:
    """A ledger that was made again admits nothing under a state of the old one before recover says that it was."""
    path = settled.folder / "lost.db"
    shutil.move(tenant.ledger_url.removeprefix("sqlite:///"), path)
    for end in ("-wal", "-shm"):
        (settled.folder / f"ledger.db{end}").unlink(missing_ok=True)
    with LedgerClient(tenant.ledger_url, create=True) as client:
        client.call(verbs.INIT, InitRequest.model_validate({"zone": settled.zone}))
        bring_up_racks(client)
        assert "this state belongs to ledger" in tenant.refused("up", "--yes", "--skip-preview")
        assert tenant.holdings() == []
    done = tenant.process("recover", "--stack", tenant.name, "--ledger-restored")
    assert done.returncode == 0, done.stderr
    tenant.settled()
    assert len(tenant.places()) == 3


def test_a_stack_that_is_lost_with_its_backend_is_made_again(tenant: Stack) -> None:
    """Where the backend has no such stack, recover says that its state is lost, and makes the stack if told so."""
    before = tenant.places()
    shutil.rmtree(tenant.root / ".zonewright" / ".pulumi")
    said = tenant.process("recover", "--stack", tenant.name)
    assert said.returncode == 1
    assert f"the backend has no stack {tenant.name}. If its state is lost, run: zonewright recover" in said.stderr
    done = tenant.process("recover", "--stack", tenant.name, "--take-over")
    assert done.returncode == 0, done.stderr
    tenant.settled()
    assert tenant.places() == before
