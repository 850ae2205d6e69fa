"""What a claim holds beyond a node's inputs: a change of it reaches the ledger in the same up."""

import pytest
import yaml

from support.zone_project import ZONE, SmallZone, cluster

pytestmark = pytest.mark.engine
HEAVIER = {"allocated_draw": 260}


def test_another_feed_and_a_corrected_node_type_are_followed(settled: SmallZone) -> None:
    """The feed of single-supply nodes is no input of Node, nor is a type's draw; their claims follow in one up each.

    The administrator corrects the draw and registers it, and each next up counts with the new one.
    """
    tenant = settled.opened("tenant-a")
    tenant.declare(clusters={"web": cluster(3, feed="B")})
    tenant.up()
    tenant.settled()
    assert {item.data["feed"] for item in tenant.holdings("active")} == {"B"}
    document = {**ZONE, "node_types": {**ZONE["node_types"], "one-u": {**ZONE["node_types"]["one-u"], **HEAVIER}}}
    (tenant.zone_folder / "zone.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    registered = tenant.zonewright("ledger", "init", str(tenant.zone_folder), "--ledger", settled.ledger_url)
    assert registered.returncode == 0, registered.stderr
    tenant.up()
    tenant.settled()
    types = [item.data["node_type"] for item in tenant.holdings("active")]
    assert {one["allocated_draw"] for one in types if isinstance(one, dict)} == {260}
    assert {item.data["feed"] for item in tenant.holdings("active")} == {"B"}
    tenant.run("preview", "--expect-no-changes")
