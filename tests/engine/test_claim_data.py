"""What a claim holds beyond a node's inputs: a change of it reaches the ledger in the same up."""

from collections.abc import Iterator

import pytest
import yaml

from support.zone_project import ZONE, SmallZone, Stack, cluster

pytestmark = pytest.mark.engine
HEAVIER = {"allocated_draw": 260}


@pytest.fixture(name="tenant")
def _tenant(declared: Stack) -> Iterator[Stack]:
    declared.up()
    yield declared
    declared.settled()


def test_another_feed_is_active_after_one_up(tenant: Stack) -> None:
    """The feed of single-supply nodes is no input of Node, and yet its claim follows at once."""
    tenant.declare(clusters={"web": cluster(2, feed="B")})
    tenant.up()
    tenant.settled()
    assert {item.data["feed"] for item in tenant.holdings("active")} == {"B"}
    tenant.run("preview", "--expect-no-changes")


def test_a_corrected_node_type_is_followed(zone: SmallZone, tenant: Stack) -> None:
    """When the administrator corrects a type's draw and registers it, each next up counts with the new one."""
    document = {**ZONE, "node_types": {**ZONE["node_types"], "one-u": {**ZONE["node_types"]["one-u"], **HEAVIER}}}
    (tenant.zone_folder / "zone.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    registered = tenant.zonewright("ledger", "init", str(tenant.zone_folder), "--ledger", zone.ledger_url)
    assert registered.returncode == 0, registered.stderr
    tenant.up()
    tenant.settled()
    types = [item.data["node_type"] for item in tenant.holdings("active")]
    assert {one["allocated_draw"] for one in types if isinstance(one, dict)} == {260}
    tenant.run("preview", "--expect-no-changes")
