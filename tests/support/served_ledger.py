"""A ledger that is served to those who have a token, with racks and a stack of each of two tenants."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.ledger_copy import brought_once
from support.ledger_party import Party
from support.ledger_proxy import ledger_service
from support.zone_project import cluster, facility
from zonewright.ledger.protocol import access_messages as a
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.server.assembly import ServiceSettings

OWN, OTHER = "stack-of-tenant-a", "stack-of-tenant-b"


@dataclass
class Served:
    """A ledger with racks and a stack of each of two tenants, served to those who have a token."""

    url: str
    path: Path
    local: LedgerClient
    zone: Zone
    now: list[datetime]
    opened: list[LedgerClient] = field(default_factory=list)

    def grant(self, name: str, party: str, *roles: Any, days: int = 30, **more: Any) -> str:
        """Give access, as whoever has the file."""
        wanted = a.GrantRequest(principal=name, party=party, kind="runner", roles=list(roles), days=days, **more)
        return self.local.call(verbs.GRANT, wanted).token

    def client(self, token: str | None) -> LedgerClient:
        """A client that brings a token."""
        self.opened.append(LedgerClient(self.url, token=token))
        return self.opened[-1]

    def party(self, token: str, name: str = "tenant-a", stack_id: str = OWN) -> Party:
        """A stack of a party, by whoever has the token."""
        return Party(self.client(token), stack_id, name, lineage=f"lineage-of-{name}", zone=self.zone)


def open_settings(folder: Path, **more: Any) -> ServiceSettings:
    """Of a service whose ledger is ``l.db`` in a folder, under any name and at any pace."""
    known: dict[str, Any] = {"url": "", "with_ledger": True, "is_local": False, "hosts": None, "calls_per_s": 0}
    files = {"ledger": folder / "l.db", "agents": folder / "agents.yaml"}
    return ServiceSettings(**{**known, **files, **more})


@contextmanager
def served_ledger(folder: Path, zone: Zone, **others: Any) -> Iterator[Served]:
    """Serve a new ledger until the end of the block.

    Args:
        folder: where its file is.
        zone: the registered zone, with the parties operator, tenant-a and tenant-b.
        others: what tenant-b declares; without it, two nodes, as tenant-a.
    """
    path, now = folder / "ledger.db", [datetime(2026, 11, 28, tzinfo=UTC)]
    with LedgerClient(f"sqlite:///{path}", create=True, clock=lambda: now[0]) as local:
        local.call(verbs.INIT, InitRequest(zone=zone))

        def bring() -> None:
            Party(local, "stack-of-operator", "operator", zone=zone).bring_up(sites=facility(2)["sites"])
            two = {"clusters": {"web": cluster(2)}}
            for name, stack, wants in (("tenant-a", OWN, two), ("tenant-b", OTHER, others or two)):
                Party(local, stack, name, lineage=f"lineage-of-{name}", zone=zone).bring_up(**wants)

        brought_once(local, f"two tenants, {others}", bring)
        with ledger_service(path, clock=lambda: now[0], with_tokens=True) as service:
            served = Served(service.url, path, local, zone, now)
            yield served
            for client in served.opened:
                client.close()
