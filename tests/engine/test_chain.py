"""The chain on the real engine: after each step the ledger's active claims are the nodes of the state."""

from typing import Any

import pytest

from support.zone_project import SmallZone, cluster, facility

pytestmark = pytest.mark.engine


def test_up_then_the_same_again_changes_nothing(operated: SmallZone) -> None:
    """The same declaration twice is a no-op, and every claim is active after the first."""
    tenant = operated.stack("tenant-a")
    tenant.declare(clusters={"web": cluster(3)})
    preview = tenant.run("preview").stdout
    assert "[unknown]" not in preview
    assert tenant.holdings() == []
    tenant.up()
    tenant.settled()
    assert len(tenant.places()) == 3
    again = tenant.run("up", "--yes", "--expect-no-changes").stdout
    assert "unchanged" in again


def test_nodes_move_swap_slide_and_change_their_type(settled: SmallZone) -> None:
    """A move and a swap are updates in place; a node may slide into units of its own; another type replaces it."""
    tenant = settled.opened("tenant-a")
    rack = "dc1/a/01/01"
    assert tenant.places() == {f"web-{unit:03}": f"{rack} U{unit}" for unit in (1, 2, 3)}

    def declare(db: int, node_type: str = "one-u", **places: dict[str, Any]) -> None:
        two_u = cluster(1, node_type="two-u", places={"001": {"rack": rack, "position": db}})
        tenant.declare(clusters={"web": cluster(3, node_type=node_type, **places), **({"db": two_u} if db else {})})

    moved = {"rack": "dc1/a/01/02", "position": 30}
    declare(0, places={"001": moved})
    output = tenant.up()
    assert "web-001 updated" in output
    assert "+-1 replaced" in output  # the Admission, and nothing else
    assert tenant.places() == {"web-001": "dc1/a/01/02 U30", "web-002": f"{rack} U2", "web-003": f"{rack} U3"}
    tenant.settled()
    swapped = {"002": {"rack": rack, "position": 3}, "003": {"rack": rack, "position": 2}}
    declare(10, places={"001": moved, **swapped})
    assert "+-1 replaced" in tenant.up()
    assert tenant.places()["web-002"] == f"{rack} U3"
    assert tenant.places()["web-003"] == f"{rack} U2"
    tenant.settled()
    declare(11, "two-u")
    assert "+-4 replaced" in tenant.up()  # the Admission, and the three of another type
    assert tenant.places()["db-001"] == f"{rack} U11"
    tenant.settled()
    assert {item["inputs"]["nodeType"] for item in tenant.resources("Node")} == {"two-u"}


def test_a_refused_change_creates_nothing_and_says_why(operated: SmallZone) -> None:
    """A change that breaks a rule is one failure, as `check` says it, and no resource or claim of it exists.

    The refusal of an `up` is an entry of the journal; that of a preview is none, and reads the same.
    """
    tenant = operated.stack("tenant-a")
    twice = {f"{number:03}": {"rack": "dc1/a/01/01", "position": 1} for number in (1, 2)}
    tenant.declare(clusters={"web": cluster(2, places=twice)})
    for arguments, journal in ((("preview",), []), (("up", "--yes", "--skip-preview"), [{"unit-overlap": 1}])):
        output = tenant.refused(*arguments)
        assert operated.refusals() == journal
        assert output.split("Diagnostics:")[1].count("nothing was claimed or created") == 1
        assert "tenant-tenant-a.yaml:" in output
        said = " ".join(output.split())
        assert "[unit-overlap] web-002 would take U1 of rack dc1/a/01/01, but web-001 is there: 1 U overlap" in said
        assert "move web-002 to another place; there is room at position 2 of rack dc1/a/01/01" in said
    assert tenant.resources("Node") == []
    assert tenant.holdings() == []


def test_destroy_and_up_again(settled: SmallZone) -> None:
    """After a destroy the same declaration comes up again under a new lineage."""
    tenant = settled.opened("tenant-a")
    tenant.run("destroy", "--yes", "--skip-preview")
    assert tenant.holdings() == []
    tenant.up()
    tenant.settled()


def test_what_was_loaded_is_taken_over_and_destroyed(zone: SmallZone) -> None:
    """A preview and an `up` of a real stack take over what `ledger load` brought in, under others; then it can go.

    As long as a tenant stands in its racks a destroy of the operator's deletes nothing at all.
    """
    operator = zone.stack("operator", stack_id="loaded-operator")
    operator.declare(sites=facility(2)["sites"])
    tenant = zone.stack("tenant-a", stack_id="loaded-tenant-a")
    tenant.declare(clusters={"web": cluster(3)})
    loaded = operator.zonewright("ledger", "load", str(zone.folder / "zone"), "--ledger", zone.ledger_url)
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    places = tenant.places()
    tenant.declare(clusters={"web": cluster(2)})
    assert "create" in tenant.run("preview").stdout
    assert len(tenant.holdings("active")) == 3
    tenant.run("up", "--yes")
    tenant.settled()
    assert tenant.places() == {name: place for name, place in places.items() if name != "web-003"}
    operator.up()
    operator.settled()
    operator.up("--expect-no-changes")
    before = operator.state()["resources"]
    assert "2 claims of other parties stand in 1 rack" in operator.refused("destroy", "--yes", "--skip-preview")
    assert operator.state()["resources"] == before
    again = operator.zonewright("ledger", "load", str(zone.folder / "zone"), "--ledger", zone.ledger_url)
    assert (again.returncode, again.stdout.count("a pulumi stack has taken it over")) == (1, 2)
    for stack in (tenant, operator):
        stack.run("destroy", "--yes", "--skip-preview")
        assert stack.holdings() == []
