"""Two parties with two tokens on one served ledger: each runs its own stacks, and nothing else."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from support.ledger_party import bring_up_racks
from support.ledger_proxy import LedgerService, ledger_service
from support.zone_project import SmallZone, Stack, cluster
from zonewright.cli.access import PREVIEW
from zonewright.ledger.protocol import access_messages as a
from zonewright.ledger.protocol.verbs import GRANT, REVOKE
from zonewright.ledger.transport.client import LedgerClient

pytestmark = pytest.mark.engine


@pytest.fixture(name="ledger")
def _ledger(zone: SmallZone) -> Iterator[LedgerClient]:
    with LedgerClient(zone.ledger_url) as client:
        bring_up_racks(client)
        yield client


@pytest.fixture(name="service")
def _service(zone: SmallZone, ledger: LedgerClient) -> Iterator[LedgerService]:
    del ledger
    with ledger_service(zone.folder / "ledger.db", with_tokens=True) as service:
        yield service


def test_a_token_runs_the_stacks_of_its_party_alone(
    zone: SmallZone, ledger: LedgerClient, service: LedgerService
) -> None:
    """Without a token, with another party's, a review's or a revoked one, an engine changes nothing and says why."""
    tenant = zone.stack("tenant-a", ledger_url=service.url)
    tenant.declare(clusters={"web": cluster(2)})

    def with_token_of(party: str, name: str = "runner", verbs: list[str] | None = None) -> Stack:
        grant = a.GrantRequest(
            principal=f"{name}-{party}", party=party, kind="runner", roles=["tenant"], verbs=verbs or [], days=1
        )
        token = ledger.call(GRANT, grant).token
        return replace(tenant, environment={**tenant.environment, "ZONEWRIGHT_LEDGER_TOKEN": token})

    assert "set ZONEWRIGHT_LEDGER_TOKEN" in tenant.refused("up", "--yes", "--skip-preview")
    own, foreign = with_token_of("tenant-a"), with_token_of("tenant-b")
    assert "may not call" in foreign.refused("up", "--yes", "--skip-preview")
    assert own.holdings() == []
    own.up()
    own.settled()
    assert "may not call" in foreign.refused("destroy", "--yes", "--skip-preview")
    reviewing = with_token_of("tenant-a", name="review", verbs=list(PREVIEW))
    assert "error" not in reviewing.run("preview").stdout  # of no change: the report of the stack is read
    tenant.declare(clusters={"web": cluster(3)})
    assert "would be admitted" in reviewing.run("preview").stdout
    assert "its access is for previews only" in " ".join(reviewing.refused("up", "--yes", "--skip-preview").split())
    tenant.declare(clusters={"web": cluster(2)})
    ledger.call(REVOKE, a.RevokeRequest(principal="runner-tenant-a", why="the laptop is lost"))
    assert "unknown, revoked or expired" in " ".join(own.refused("preview").split())
    own.settled()
    assert len(own.places()) == 2
