"""The policy pack on the real engine: it says in a preview what `check` says, and refuses what it refuses."""

from pathlib import Path

import pytest

from support.zone_project import SmallZone, cluster
from zonewright.policy import policies as the_policies

pytestmark = pytest.mark.engine
PACK = str(Path(the_policies.__file__).parent / "pack")
RAW = """\
import pulumi

ledger = pulumi.ProviderResource("zonewright", "ledger", {{"ledger": {ledger!r}}})


class Node(pulumi.CustomResource):
    def __init__(self, name, **properties):
        options = pulumi.ResourceOptions(provider=ledger)
        super().__init__("zonewright:index:Node", name, {{**properties, "generation": None}}, options)


Node(
    "web-001", stackId={stack_id!r}, claim="web-001", nodeType="one-u", rack="dc1/a/01/01", position=1, face="front",
    addresses={{}},
)
"""


def test_the_pack_says_what_check_says(operated: SmallZone) -> None:
    """A change that the rules refuse is refused by the pack in a preview, with the finding; a good one passes it."""
    tenant = operated.stack("tenant-a")
    twice = {f"{number:03}": {"rack": "dc1/a/01/01", "position": 1} for number in (1, 2)}
    tenant.declare(clusters={"web": cluster(2, places=twice)})
    said = " ".join(tenant.refused("preview", "--policy-pack", PACK).split())
    assert "zone-rules" in said
    assert "[unit-overlap] web-002 would take U1 of rack dc1/a/01/01, but web-001 is there: 1 U overlap" in said
    tenant.refused("up", "--yes", "--skip-preview", "--policy-pack", PACK)
    assert tenant.holdings() == []
    tenant.declare(clusters={"web": cluster(2)})
    assert "[mandatory]" not in tenant.up("--policy-pack", PACK)
    tenant.settled()


def test_a_program_of_raw_resources_is_refused(operated: SmallZone) -> None:
    """A node that a program makes without an admission is refused by the pack, and without the pack by the ledger."""
    tenant = operated.stack("tenant-a")
    tenant.program(RAW.format(ledger=operated.ledger_url, stack_id=tenant.stack_id))
    said = " ".join(tenant.refused("preview", "--policy-pack", PACK).split())
    assert "Node web-001 has no Admission in this stack, so nothing has judged it" in said
    said = " ".join(tenant.refused("up", "--yes", "--skip-preview").split())
    assert "no admitted claim for node web-001 at dc1/a/01/01 U1; nothing was created" in said
    assert tenant.holdings() == []
