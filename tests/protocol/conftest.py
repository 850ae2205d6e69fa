"""What tests of the provider's protocol share: a ledger with two racks, and a provider that is configured with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.provider_process import ProviderProcess, provider_here
from support.zone_project import cluster
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient


@pytest.fixture
def ledger_path(tmp_path: Path) -> Path:
    """Give a ledger's file with two racks of 42 units."""
    path = tmp_path / "ledger.db"
    with LedgerClient(f"sqlite:///{path}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client)
    return path


@pytest.fixture
def tenant(ledger_path: Path) -> Iterator[Party]:
    """Give a tenant whose change of two nodes is admitted, and not carried out yet."""
    with LedgerClient(f"sqlite:///{ledger_path}") as client:
        party = Party(client, "tenant-a-0123456789ab", "tenant-a")
        party.enrol()
        party.admit(party.propose(party.demand(clusters={"web": cluster(2)})))
        yield party


@pytest.fixture
def unconfigured(tmp_path: Path) -> Iterator[ProviderProcess]:
    """Give a provider that was only started, in this process."""
    with provider_here(tmp_path) as process:
        yield process


@pytest.fixture
def provider(unconfigured: ProviderProcess, ledger_path: Path) -> ProviderProcess:
    """Give a provider on the ledger."""
    unconfigured.configure(f"sqlite:///{ledger_path}")
    return unconfigured
