"""What `ledger status` shows: every row of racks, whatever its state, with sums that close."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from support.ledger_party import ZONE_FILE, Party
from support.zone_project import cluster, facility
from zonewright.cli import main
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.capacity_messages import CapacityRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient


def _sites(status: str = "active") -> dict[str, Any]:
    """Rows 01 and 02, of which the second one gets a state, row 03 with a failed feed, and a room that is planned."""
    sites = facility(2)["sites"]
    rooms = sites["dc1"]["rooms"]
    row = rooms["a"]["rows"]["01"]
    rooms["a"]["rows"]["02"] = {**deepcopy(row), "status": status}
    rooms["a"]["rows"]["03"] = deepcopy(row)
    rooms["a"]["rows"]["03"]["feeds"]["B"]["status"] = "failed"
    rooms["b"] = {"status": "planned", "rows": {"01": deepcopy(row)}}
    return dict(sites)


@pytest.fixture(name="client")
def _client(tmp_path: Path) -> Iterator[LedgerClient]:
    """A ledger with five nodes in row 02, which is decommissioned after that."""
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        operator = Party(client, "stack-of-operator", "operator")
        operator.bring_up(sites=_sites())
        places = {f"{n:03}": {"rack": "dc1/a/02/01", "position": n} for n in range(1, 6)}
        Party(client, "stack-of-tenant-a", "tenant-a").bring_up(clusters={"web": cluster(5, places=places)})
        operator.bring_up(sites=_sites("decommissioning"))
        yield client


def test_every_row_is_there_and_its_sums_close(client: LedgerClient) -> None:
    """Design is used, free and the rest, in each row; a row that is decommissioned keeps what runs in it."""
    item = client.call(verbs.CAPACITY, CapacityRequest(rows=True)).sites["dc1"]
    assert {name: one.status for name, one in item.rows.items()} == {
        "a/01": "active",
        "a/02": "decommissioning",
        "a/03": "active",
        "b/01": "planned",
    }
    for one in item.rows.values():
        assert round(1000 * one.design_kw) == sum(
            round(1000 * part) for part in (one.used_kw, one.free_kw, one.rest_kw)
        )
    leaving = item.rows["a/02"]
    assert (leaving.used_kw, leaving.free_kw, leaving.rest_kw) == (1.0, 0.0, 19.0)
    assert sum(one.used_kw for one in item.rows.values()) == item.used_kw
    assert sum(one.free_kw for one in item.rows.values()) == item.free_kw


def test_the_table_fits_a_narrow_terminal(
    client: LedgerClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """60 columns, a line for each row if it is asked for, and the states in one line."""
    assert client.call(verbs.CAPACITY, CapacityRequest()).sites["dc1"].rows == {}
    for flag, lines in ((["--rows"], 9), ([], 5)):
        assert main(["ledger", "status", "--ledger", f"sqlite:///{tmp_path / 'ledger.db'}", *flag]) == 0
        text = capsys.readouterr().out.splitlines()
        assert len(text) == lines
        assert max(map(len, text)) <= 60
        assert text[-2] == "rows: 2 active, 1 decommissioning, 1 planned"
        assert (" a/02 decommissioning" in "\n".join(text)) == bool(flag)
