"""A cluster that gets another name, by the real engine."""

import json

import pytest

from support.zone_project import SmallZone, cluster

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
