"""`pulumi import` and `up --plan` as people type them."""

import pytest
import yaml

from support.zone_project import SmallZone, cluster

pytestmark = pytest.mark.engine


def test_a_node_is_imported_with_the_default_provider(settled: SmallZone) -> None:
    """With `zonewright:ledger` set, import needs no provider; the next `up` adopts the node, where it stands."""
    tenant = settled.opened("tenant-a")
    before = tenant.places()
    tenant.run("state", "delete", tenant.urn("Node", "web-003"), "--force", "--yes", "--target-dependents")
    settings = tenant.root / "program" / "Pulumi.tenant-a.yaml"
    known = yaml.safe_load(settings.read_text(encoding="utf-8"))
    known["config"]["zonewright:ledger"] = tenant.ledger_url
    settings.write_text(yaml.safe_dump(known), encoding="utf-8")
    parent = next(str(one["urn"]) for one in tenant.state()["resources"] if one["type"].endswith(":TenantCluster"))
    plain = ("--generate-code=false", "--protect=false", "--yes")
    said = tenant.refused("import", "zonewright:index:Node", "web-003", "web-003", *plain)
    assert "'web-003' is no id of a node: expected STACK_ID/NAME" in said
    of_cluster = ("--parent", f"web={parent}", *plain)
    tenant.run("import", "zonewright:index:Node", "web-003", f"{tenant.stack_id}/web-003", *of_cluster)
    assert "this update takes it over" in tenant.up()
    assert tenant.places() == before
    tenant.up("--expect-no-changes")
    tenant.settled()


def test_a_plan_that_no_longer_fits_says_old_and_new_places(operated: SmallZone) -> None:
    """Where somebody moved in after the plan, `up --plan` claims nothing and says why; without, it goes on."""
    one, two = operated.stack("tenant-a"), operated.stack("tenant-b")
    for stack in (one, two):
        stack.declare(clusters={"web": cluster(2)})
    one.run("preview", "--save-plan", "plan.json")
    two.up()
    said = one.refused("up", "--yes", "--skip-preview", "--plan", "plan.json")
    assert "2 places differ from the last preview, because others took places since then" in said
    assert "      web-001: dc1/a/01/01 U1 -> dc1/a/01/01 U3\n" in said
    assert one.resources("Node") == []
    assert one.holdings() == []
    one.up()
    one.settled()
