"""The chain on the real engine: after each step the ledger's active claims are the nodes of the state."""

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


def test_a_move_is_an_update_in_place(operated: SmallZone) -> None:
    """A node that is given another place is updated, not replaced, and its old place is free afterwards."""
    tenant = operated.stack("tenant-a")
    tenant.declare(clusters={"web": cluster(1)})
    tenant.up()
    tenant.declare(clusters={"web": cluster(1, places={"001": {"rack": "dc1/a/01/02", "position": 30}})})
    output = tenant.up()
    assert "web-001 updated" in output
    assert "+-1 replaced" in output  # the Admission, and nothing else
    assert tenant.places() == {"web-001": "dc1/a/01/02 U30"}
    tenant.settled()


def test_a_swap_of_two_nodes_is_one_change(operated: SmallZone) -> None:
    """Two nodes that take each other's place are admitted together."""
    tenant = operated.stack("tenant-a")
    first, second = {"rack": "dc1/a/01/01", "position": 1}, {"rack": "dc1/a/01/01", "position": 2}
    tenant.declare(clusters={"web": cluster(2, places={"001": first, "002": second})})
    tenant.up()
    tenant.declare(clusters={"web": cluster(2, places={"001": second, "002": first})})
    tenant.up()
    assert tenant.places() == {"web-001": "dc1/a/01/01 U2", "web-002": "dc1/a/01/01 U1"}
    tenant.settled()


def test_a_slide_of_a_two_unit_node_by_one_unit(operated: SmallZone) -> None:
    """A node may slide into units that it partly holds itself."""
    tenant = operated.stack("tenant-a")
    tenant.declare(
        clusters={"db": cluster(1, node_type="two-u", places={"001": {"rack": "dc1/a/01/01", "position": 1}})}
    )
    tenant.up()
    tenant.declare(
        clusters={"db": cluster(1, node_type="two-u", places={"001": {"rack": "dc1/a/01/01", "position": 2}})}
    )
    tenant.up()
    assert tenant.places() == {"db-001": "dc1/a/01/01 U2"}
    tenant.settled()


def test_another_node_type_replaces_the_node(operated: SmallZone) -> None:
    """A changed node type replaces the resource, and only the new one's claim is left."""
    tenant = operated.stack("tenant-a")
    tenant.declare(clusters={"web": cluster(2)})
    tenant.up()
    tenant.declare(clusters={"web": cluster(2, node_type="two-u")})
    output = tenant.up()
    assert "+-2 replaced" in output or "+-3 replaced" in output, output
    tenant.settled()
    assert {item["inputs"]["nodeType"] for item in tenant.resources("Node")} == {"two-u"}


def test_a_refused_change_creates_nothing_and_says_why(zone: SmallZone) -> None:
    """A change that breaks a rule is one failure, and no resource or claim of it exists.

    The refusal of an `up` is an entry of the journal; that of a preview is none, and reads the same.
    """
    zone.operator(racks=1)
    tenant = zone.stack("tenant-a")
    tenant.declare(
        clusters={
            "web": cluster(
                2,
                places={
                    "001": {"rack": "dc1/a/01/01", "position": 1},
                    "002": {"rack": "dc1/a/01/01", "position": 1},
                },
            )
        }
    )
    assert "unit-overlap" in (previewed := tenant.refused("preview"))
    assert previewed.split("Diagnostics:")[1].count("nothing was claimed or created") == 1
    assert zone.refusals() == []
    output = tenant.refused("up", "--yes", "--skip-preview")
    assert zone.refusals() == [{"unit-overlap": 1}]
    assert "unit-overlap" in output
    assert "tenant-tenant-a.yaml:" in output
    assert output.split("Diagnostics:")[1].count("nothing was claimed or created") == 1
    assert tenant.resources("Node") == []
    assert tenant.holdings() == []
    tenant.declare(clusters={"web": cluster(2)})
    tenant.up()
    tenant.settled()


def test_destroy_is_refused_whole_while_others_stand_there(operated: SmallZone) -> None:
    """An operator cannot take racks away under a tenant: nothing at all is deleted."""
    operator = operated.opened("operator")
    tenant = operated.stack("tenant-a")
    tenant.declare(clusters={"web": cluster(1)})
    tenant.up()
    before = len(operator.state()["resources"])
    output = operator.refused("destroy", "--yes", "--skip-preview")
    assert "1 claim of other parties stands in" in output
    assert len(operator.state()["resources"]) == before
    tenant.run("destroy", "--yes", "--skip-preview")
    assert tenant.holdings() == []
    operator.run("destroy", "--yes", "--skip-preview")
    assert operator.holdings() == []


def test_destroy_and_up_again(operated: SmallZone) -> None:
    """After a destroy the same declaration comes up again under a new lineage."""
    tenant = operated.stack("tenant-a")
    tenant.declare(clusters={"web": cluster(3)})
    tenant.up()
    tenant.run("destroy", "--yes", "--skip-preview")
    assert tenant.holdings() == []
    tenant.up()
    tenant.settled()


def test_what_was_loaded_is_taken_over_and_destroyed(zone: SmallZone) -> None:
    """A preview and an `up` of a real stack take over what `ledger load` brought in, under others; then it can go."""
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
    operator.run("up", "--yes", "--expect-no-changes")
    assert "2 claims of other parties stand in 1 rack" in operator.refused("destroy", "--yes", "--skip-preview")
    again = operator.zonewright("ledger", "load", str(zone.folder / "zone"), "--ledger", zone.ledger_url)
    assert (again.returncode, again.stdout.count("a pulumi stack has taken it over")) == (1, 2)
    for stack in (tenant, operator):
        stack.run("destroy", "--yes", "--skip-preview")
        assert stack.holdings() == []
