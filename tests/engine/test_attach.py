"""A provider under a debugger: started by hand, and attached to by the engine."""

import pytest

from support.ledger_party import bring_up_racks
from support.provider_process import provider_process
from support.zone_project import SmallZone, cluster
from zonewright.ledger.client import LedgerClient

pytestmark = pytest.mark.engine


def test_the_engine_attaches_to_a_provider_that_runs(zone: SmallZone) -> None:
    """With `PULUMI_DEBUG_PROVIDERS` several runs use one process, and log to the engine that runs."""
    with LedgerClient(zone.ledger_url) as client:
        bring_up_racks(client)
    tenant = zone.stack("tenant-a")
    tenant.declare(clusters={"web": cluster(2)})
    with provider_process(tenant.root) as provider:
        attached = {"PULUMI_DEBUG_PROVIDERS": f"zonewright:{provider.port}"}
        assert "would be admitted" in tenant.run("preview", variables=attached).stdout
        assert "admitted: " in tenant.up(variables=attached)
        tenant.run("preview", "--expect-no-changes", variables=attached)
        assert provider.engine.logged == []
    tenant.settled()
