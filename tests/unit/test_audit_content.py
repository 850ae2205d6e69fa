"""The ledger's contents are taken by their digest: one that was altered is found, never used, and mended."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support.ledger_party import Party
from support.planner import Planner, one_salt
from support.signing import zone_with
from support.zone_project import cluster, facility
from zonewright.audit.evidence import gathering
from zonewright.audit.evidence.contents import read_contents
from zonewright.audit.evidence.layout import RENDERED
from zonewright.audit.evidence.party import planned_bundle
from zonewright.audit.evidence.planning import Material
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
WEB: dict[str, Any] = {"clusters": {"web": cluster(2)}}


@pytest.fixture
def tenant(tmp_path: Path) -> Iterator[Planner]:
    """A stack beside a facility, on a ledger whose clock stands."""
    zone = Zone.model_validate(zone_with())
    with one_salt(), LedgerClient(f"sqlite:///{tmp_path}/l.db", create=True, clock=lambda: AT) as client:
        client.call(verbs.INIT, InitRequest(zone=zone))
        Party(client, "stack-of-operator", "operator", zone=zone).bring_up(sites=facility(2)["sites"])
        planner = Planner(Party(client, "stack-of-tenant-a", "tenant-a", zone=zone))
        planner.party.enrol()
        yield planner


@pytest.mark.parametrize("text", ["''", "substr(text, 1, length(text) - 1)", "text || ' '", "'something else'"])
def test_an_altered_content_is_refused_and_mended_by_planning_again(tenant: Planner, tmp_path: Path, text: str) -> None:
    """A rendered file that is emptied, cut off, longer or another one is named at the export; a new plan mends it."""
    tenant.plan(at=AT, **WEB)
    good = tenant.bundle()
    digest = read_contents(good).index(RENDERED)["nodes/dc1/web-001/etc/netplan/50-zonewright.yaml"]
    with closing(sqlite3.connect(tmp_path / "l.db")) as database, database:
        done = database.execute(f"UPDATE content SET text = {text} WHERE digest = ?", [digest])
        assert done.rowcount == 1
    with pytest.raises(LedgerRefusedError, match=f"1 texts in the ledger were altered, such as {digest[:19]}"):
        tenant.bundle()
    tenant.plan(at=AT, **WEB)
    assert tenant.bundle() == good


def test_only_what_differs_is_stored_and_in_the_bundle(tenant: Planner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside files that stay, a change stores those that differ, and its bundle holds them in full and no others."""
    seen: list[Material] = []
    store = gathering.store

    def spy(ledger: LedgerClient, made: Material) -> None:
        seen.append(made)
        store(ledger, made)

    monkeypatch.setattr(gathering, "store", spy)
    tenant.deploy(clusters={"web": cluster(3), "db": cluster(1, node_type="two-u")})
    plan, _ = tenant.plan(at=AT, clusters={"web": cluster(3), "db": cluster(1)})
    (made,) = seen
    assert {path.split("/")[2] for path in made.new if path.startswith("nodes/")} == {"db-001"}
    assert len(made.new) < len(made.rendered) / 2
    planned = planned_bundle(tenant.party.client, made, plan, None)
    contents = read_contents(tenant.bundle())
    assert contents.changed()[1] == made.new
    assert read_contents(planned).changed() == contents.changed()
    held = set(contents.texts.values())
    assert not held & (set(made.rendered.values()) - set(made.new.values()))
