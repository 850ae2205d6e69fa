"""A facility operator's stack as it grows, changes and shrinks under its tenants; and declarations in Python."""

from collections.abc import Iterator
from typing import Any

import pytest

from support.ledger_party import Party
from support.zone_project import SmallZone, Stack, cluster, facility
from zonewright.ledger.transport.client import LedgerClient

pytestmark = pytest.mark.engine


@pytest.fixture(name="ledger")
def _ledger(zone: SmallZone) -> Iterator[LedgerClient]:
    with LedgerClient(zone.ledger_url) as client:
        yield client


def _rows(**rows: int) -> dict[str, Any]:
    """Sites with one room of rows, so many racks each."""
    sites: dict[str, Any] = facility(1)["sites"]
    room = sites["dc1"]["rooms"]["a"]
    row = room["rows"]["01"]
    room["rows"] = {name.removeprefix("row"): {**row, "racks": racks} for name, racks in rows.items()}
    return sites


def _tenant(ledger: LedgerClient, rack: str) -> Party:
    """A tenant with one node at the top of a rack."""
    tenant = Party(ledger, "stack-of-tenant", "tenant-a")
    tenant.bring_up(clusters={"web": cluster(1, places={"001": {"rack": rack, "position": 42}})})
    return tenant


def _assets(stack: Stack) -> list[str]:
    return sorted(item.name for item in stack.holdings("active"))


def test_rows_come_grow_and_go(zone: SmallZone) -> None:
    """A row is added, extended and taken out again; each is one change of that row alone."""
    operator = zone.stack("operator")
    operator.declare(sites=_rows(row01=2))
    operator.up()
    operator.declare(sites=_rows(row01=2, row02=1))
    assert "a/02 created" in operator.up()
    operator.declare(sites=_rows(row01=3, row02=1))
    assert "a/01 updated" in operator.up()
    operator.declare(sites=_rows(row01=3))
    assert "a/02 deleted" in operator.up()
    assert _assets(operator) == ["dc1", "dc1/a/01"]
    operator.settled()


def test_a_row_with_others_in_it_can_not_go(zone: SmallZone, ledger: LedgerClient) -> None:
    """A row is neither dropped nor cut below a tenant's rack; where nobody stands it may shrink."""
    operator = zone.stack("operator")
    operator.declare(sites=_rows(row01=1, row02=3))
    operator.up()
    _tenant(ledger, "dc1/a/02/02")
    for sites in (_rows(row01=1), _rows(row01=1, row02=1)):
        operator.declare(sites=sites)
        output = operator.refused("up", "--yes", "--skip-preview")
        assert "rack-exists" in output, output
        assert "dc1/a/02/02" in output
        assert _assets(operator) == ["dc1", "dc1/a/01", "dc1/a/02"]
    operator.declare(sites=_rows(row01=1, row02=2))
    operator.up()
    operator.settled()


def test_a_feed_can_not_be_cut_below_what_stands_on_it(operated: SmallZone) -> None:
    """A smaller rating under a tenant's load is refused by the rule; the tenant's name is not told."""
    operator = operated.opened("operator")
    with LedgerClient(operated.ledger_url) as ledger:
        _tenant(ledger, "dc1/a/01/01")
    operator.declare(sites=facility(2, rated_w=100)["sites"])
    output = operator.refused("up", "--yes", "--skip-preview")
    assert "feed-failover" in output or "feed-capacity" in output, output
    assert "web-001" not in output
    operator.declare(sites=facility(2)["sites"])
    operator.up("--expect-no-changes")


def test_a_feed_stays_under_nodes_and_a_failed_one_is_told(operated: SmallZone) -> None:
    """A feed that goes is refused at the operator's preview; one that fails is admitted, and the tenant is told."""
    operator, tenant = operated.opened("operator"), operated.stack("tenant-a")
    tenant.declare(clusters={"web": cluster(2)})
    tenant.up()
    sites = facility(2)["sites"]
    feeds = sites["dc1"]["rooms"]["a"]["rows"]["01"]["feeds"]
    kept = feeds.pop("B")
    operator.declare(sites=sites)
    output = operator.refused("preview")
    assert "[feed-kept] feed B of row dc1/a/01 would go from under 2 nodes in 1 rack" in " ".join(output.split())
    assert "web-001" not in output
    feeds["B"] = kept | {"status": "failed"}
    operator.declare(sites=sites)
    operator.up()
    told = " ".join(tenant.run("preview", "--expect-no-changes").stdout.split())
    assert "row dc1/a/01 has changed under 2 nodes (web-001 and web-002)" in told
    assert "feed B has failed" in told


def test_a_declaration_in_python_is_the_same_as_in_yaml(settled: SmallZone) -> None:
    """What a program builds from the model's classes places the same nodes as the file."""
    tenant = settled.opened("tenant-a")
    before, file = tenant.places(), settled.folder / "zone" / "zone.yaml"
    tenant.program(
        "from pathlib import Path\n\n"
        "import yaml\n"
        "from zonewright.model import Cluster, Declaration, OwnerFile, Zone\n"
        "from zonewright.program import deploy\n\n"
        f"zone = Zone.model_validate(yaml.safe_load(Path({str(file)!r}).read_text()))\n"
        "web = Cluster(site='dc1', node_type='one-u', count=3)\n"
        "owner = OwnerFile(owner='tenant-a', clusters={'web': web})\n"
        "deploy(Declaration(zone=zone, owners={'tenant-a': owner}))\n"
    )
    tenant.up("--expect-no-changes")
    tenant.settled()
    assert tenant.places() == before
