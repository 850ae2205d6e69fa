"""Files that another process renders ahead: the ledger is the same as without, whatever becomes of that process."""

import multiprocessing
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from support.ledger_party import ZONE_FILE
from support.zone_project import cluster, facility
from zonewright.changes import ahead as ahead_module
from zonewright.changes.ahead import rendering_ahead
from zonewright.changes.loading import load_owner
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.content_messages import ContentQuery
from zonewright.ledger.protocol.messages import StackRequest
from zonewright.ledger.protocol.stack_messages import InitRequest, ReportRequest, stack_id_of
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration, OwnerFile
from zonewright.render.formats.format_set import BUILT_IN

FILES: tuple[dict[str, Any], ...] = (
    {"owner": "operator", "sites": facility(2)["sites"]},
    {"owner": "tenant-a", "clusters": {"web": cluster(5)}},
    {"owner": "tenant-b", "clusters": {"web": cluster(4)}},
)
ZONE = Declaration(zone=ZONE_FILE, owners={one["owner"]: OwnerFile.model_validate(one) for one in FILES})
REPORT = ReportRequest(stack_id=stack_id_of("tenant-b"))
HELD = (
    "SELECT kind, name, party, state, digest FROM asset ORDER BY 2",
    "SELECT party, name, rack, state, data FROM claim ORDER BY 1, 2",
    "SELECT stack_id, site, files FROM deployed ORDER BY 1, 2",
    "SELECT kind, stack_id FROM journal ORDER BY sequence",
    "SELECT stack_id, change_digest, rendered_digest FROM admission ORDER BY 1",
    "SELECT count(*) FROM draft",
)


def loaded(folder: Path, *, many: int, kills: bool = False) -> tuple[list[list[tuple[Any, ...]]], list[str]]:
    """What the ledger holds after a load, and whose files were rendered ahead."""
    path, used = folder / f"{many}.db", list[str]()
    url, order = f"sqlite:///{path}", list(ZONE.owners)
    with (
        rendering_ahead(partial(LedgerClient, url), ZONE, order, BUILT_IN, many=many) as ahead,
        LedgerClient(url, create=True) as client,
        nullcontext() if ahead is None else closing(ahead),
    ):
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        for owner in order:
            load_owner(client, ZONE, owner, ahead=ahead)
            for other in multiprocessing.active_children() if kills else ():
                other.kill()
        used += ahead.used if ahead is not None else []
    assert not multiprocessing.active_children()
    assert not path.with_name(f"{path.name}-wal").exists(), "all is in the one file, so that a copy of it is whole"
    with closing(sqlite3.connect(path)) as connection:
        return [connection.execute(query).fetchall() for query in HELD], used


def test_a_ledger_is_the_same_with_files_that_were_rendered_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Places, files and the journal do not tell whether another process rendered, or was killed meanwhile."""
    monkeypatch.setattr(ahead_module, "_is_possible", lambda: True)
    alone, none = loaded(tmp_path, many=100)
    assert (none, len(alone[1])) == ([], 9)
    held, used = loaded(tmp_path, many=1)
    assert (held, used) == (alone, ["tenant-a", "tenant-b"]), "the site was there when the first one was begun with"
    held, _ = loaded(tmp_path, many=2, kills=True)  # what it had said before it was killed counts
    assert held == alone


def test_files_of_another_proposal_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where places were taken between the preview and the proposal that counts, files are rendered for the latter."""
    monkeypatch.setattr(ahead_module, "_is_possible", lambda: True)
    url = f"sqlite:///{tmp_path / 'l.db'}"
    with (
        rendering_ahead(partial(LedgerClient, url), ZONE, ["operator", "tenant-b"], BUILT_IN, many=1) as ahead,
        LedgerClient(url, create=True) as client,
    ):
        assert ahead is not None
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        load_owner(client, ZONE, "operator")
        ahead.begin_after("operator")
        ahead._hear("tenant-b", "preview")
        with closing(sqlite3.connect(tmp_path / "l.db")) as connection:
            assert connection.execute("SELECT stack_id FROM proposal").fetchall() == [(stack_id_of("operator"),)]
        load_owner(client, ZONE, "tenant-a")
        load_owner(client, ZONE, "tenant-b", ahead=ahead)
        assert ahead.used == []
        deployed = client.call(verbs.DEPLOYED, StackRequest(stack_id=stack_id_of("tenant-b"))).sites["dc1"]
        digest = deployed["nodes/dc1/web-001/etc/netplan/50-zonewright.yaml"]
        (text,) = client.call(verbs.FETCH, ContentQuery(digests=[digest])).texts.values()
        (held,) = (one for one in client.call(verbs.REPORT, REPORT).holdings if one.name == "web-001")
    addresses = held.data["addresses"]
    assert isinstance(addresses, dict)
    assert str(addresses["v4"]) in text


def rendering_forever(owner: str, *_others: object) -> Iterator[tuple[str, str, None]]:
    """A preview, and files that do not come."""
    yield owner, "preview", None
    time.sleep(60)


def test_who_interrupts_does_not_wait_for_what_is_rendered_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process, which hears of no interrupt, is ended at once, in the middle of its work."""
    monkeypatch.setattr(ahead_module, "_is_possible", lambda: True)
    monkeypatch.setattr(ahead_module, "_made", rendering_forever)
    opened = partial(LedgerClient, f"sqlite:///{tmp_path / 'l.db'}", create=True)
    with rendering_ahead(opened, ZONE, ["operator", "tenant-b"], BUILT_IN, many=1) as ahead:
        assert ahead is not None
        ahead.begin_after("operator")
        ahead._hear("tenant-b", "preview")
        begun_s = time.monotonic()
    assert time.monotonic() - begun_s < 30
    assert not multiprocessing.active_children()


def raise_unexpected(*_arguments: object) -> NoReturn:
    """An error that nobody expects."""
    raise RuntimeError("deliberate")


def test_what_goes_wrong_ahead_is_not_told_and_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """An error that nobody expects there, and a system without room for one more process: no traceback, no end."""
    monkeypatch.setattr(ahead_module, "_is_possible", lambda: True)
    opened = partial(LedgerClient, f"sqlite:///{tmp_path / 'l.db'}", create=True)
    monkeypatch.setattr(ahead_module, "demand_of", raise_unexpected)
    with rendering_ahead(opened, ZONE, ["operator", "tenant-b"], BUILT_IN, many=1) as ahead:
        assert ahead is not None
        ahead.begin_after("operator")
        ahead._hear("tenant-b", "preview")
    told = [line for one in capfd.readouterr() for line in one.splitlines() if "fork_posix.cc" not in line]
    assert told == []  # what gRPC says of a fork comes from other tests of the same process

    def full(*_arguments: object) -> NoReturn:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", full)
    with rendering_ahead(opened, ZONE, ["operator", "tenant-b"], BUILT_IN, many=1) as none:
        assert none is None
