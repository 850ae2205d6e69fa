"""A cluster that gets another name, by the real engine."""

import json

import pytest

from support.zone_project import SmallZone, cluster, facility

pytestmark = pytest.mark.engine


def test_a_rename_replaces_and_moves_nothing(settled: SmallZone) -> None:
    """The preview and the up update each node in place; a refresh and another up find nothing to do."""
    stack = settled.opened("tenant-a")
    before = stack.places()
    ids = {item["inputs"]["claim"]: item["id"] for item in stack.resources("Node")}
    names = {"002": "alpha"}
    stack.declare(clusters={"shop": cluster(3, was="web", names=names)})
    steps = json.loads(stack.run("preview", "--json").stdout)["steps"]
    nodes = [step for step in steps if "$zonewright:index:Node::" in step["urn"]]
    assert sorted((step["op"], step["urn"].rpartition("::")[2]) for step in nodes) == [
        ("update", "alpha"),
        ("update", "shop-001"),
        ("update", "shop-003"),
    ]
    stack.up()
    after = {"web-001": "shop-001", "web-002": "alpha", "web-003": "shop-003"}
    assert stack.places() == {after[name]: place for name, place in before.items()}
    assert {item["inputs"]["claim"]: item["id"] for item in stack.resources("Node")} == {
        after[name]: id_ for name, id_ in ids.items()
    }
    stack.settled()
    stack.run("refresh", "--yes", "--expect-no-changes")
    stack.up("--expect-no-changes")
    stack.declare(clusters={"shop": cluster(3, names=names)})  # `was` has done its work
    told = stack.up()
    assert "1 replaced" in told  # the Admission of another declaration
    assert "::Node" not in told
    stack.settled()
    stack.run("destroy", "--yes")
    assert stack.holdings() == []


def test_a_site_and_a_row_are_renamed_under_a_tenant(operated: SmallZone) -> None:
    """The operator's resources are updated, and the tenant's, whose file still has the old id: none is made again."""
    operator, tenant = operated.opened("operator"), operated.stack("tenant-a")
    tenant.declare(clusters={"web": cluster(2)})
    tenant.up()
    ids = {item["urn"].rpartition("::")[2]: item["id"] for item in tenant.resources("Node")}
    (site,) = facility(2)["sites"].values()
    row = {**site["rooms"]["a"]["rows"]["01"], "was": "01"}
    operator.declare(sites={"hall": {**site, "was": "dc1", "rooms": {"a": {"rows": {"07": row}}}}})
    told = operator.up().rpartition("Resources:")[2]
    assert "1 replaced" in told  # the Admission
    assert not {"created", "deleted"} & set(told.split())
    operator.settled()
    told = tenant.up().rpartition("Resources:")[2]
    assert not {"created", "deleted"} & set(told.split())
    assert {item["urn"].rpartition("::")[2]: item["id"] for item in tenant.resources("Node")} == ids
    assert {place.partition(" ")[0] for place in tenant.places().values()} <= {"hall/a/07/01", "hall/a/07/02"}
    tenant.settled()
