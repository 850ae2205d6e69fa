"""A zone whose tenants' changes need two operators, on a ledger that is reached in one of the ways."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from support.ledger_copy import brought_once
from support.ledger_party import Party
from support.ledger_proxy import ledger_service
from support.planner import Planner
from support.signing import policy, zone_with
from support.zone_project import cluster, facility
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
WEB: dict[str, Any] = {"clusters": {"web": cluster(2)}}
LANE = {"needs": {}, "review_hours": 24}


@dataclass
class World:
    """A ledger, reached in one of the ways, with a clock that tests move."""

    client: LedgerClient
    now: list[datetime]
    zone: Zone
    path: Path

    def planner(self, party: str = "tenant-a", author: str = "anna") -> Planner:
        """A stack that plans."""
        made = Party(self.client, f"stack-of-{party}", party, zone=self.zone)
        made.enrol()
        return Planner(made, author)

    def later(self, hours: float = 0.1) -> datetime:
        """Move the clock."""
        self.now[0] += timedelta(hours=hours)
        return self.now[0]

    def register(self, **policies: Any) -> Zone:
        """Register the zone's file anew."""
        self.zone = Zone.model_validate(zone_with(**policies))
        self.client.call(verbs.INIT, InitRequest(zone=self.zone))
        return self.zone


@contextmanager
def change_world(folder: Path, road: str) -> Iterator[World]:
    """A zone where tenants' changes of normal risk need two operators; its racks are there.

    Args:
        folder: where ``ledger.db`` comes to lie.
        road: ``in-process`` or ``http``.
    """
    path, now = folder / "ledger.db", [START]
    two = policy({"operators": 2}, parties=["tenant-a", "tenant-b"], emergency=LANE)
    zone = Zone.model_validate(zone_with(two=two))
    with LedgerClient(f"sqlite:///{path}", create=True, clock=lambda: now[0]) as first:
        first.call(verbs.INIT, InitRequest(zone=zone))
        operator = Party(first, "stack-of-operator", "operator", zone=zone)
        brought_once(first, "racks of a change world", lambda: bring_up_racks_of(operator))
    if road == "http":
        with ledger_service(path, clock=lambda: now[0]) as service, LedgerClient(service.url) as client:
            yield World(client, now, zone, path)
        return
    with LedgerClient(f"sqlite:///{path}", clock=lambda: now[0]) as client:
        yield World(client, now, zone, path)


def bring_up_racks_of(operator: Party) -> None:
    """Two racks, by a party that needs no approval."""
    operator.bring_up(sites=facility(2)["sites"])
