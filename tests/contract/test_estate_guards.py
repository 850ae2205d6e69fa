"""What an adoption and an export do not believe: another inventory, one that shows nothing, and a ledger without it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.netbox_replay import TOKEN, Replayed, recorded, replayed, said_before
from zonewright.cli import main
from zonewright.estate import holding
from zonewright.ledger.transport.client import LedgerClient

ADOPT = ("adopt", "zone", "--operator", "south=bay-cables", "--netbox")
EXPORT = ("export", "zone", "--dry-run", "--netbox")


@pytest.fixture(name="server")
def _server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replayed]:
    """A recorded NetBox, whose estate was taken over into ``zone``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZONEWRIGHT_NETBOX_TOKEN", TOKEN)
    with replayed(Replayed(lists=said_before(), answers=list(recorded("answers")))) as server:
        assert main([*ADOPT, server.url]) == 0
        yield server


def test_a_ledger_without_the_estate_empties_no_rack(server: Replayed, capsys: pytest.CaptureFixture[str]) -> None:
    """An export before the load, or with another ledger, does not take the devices of tenants out of their racks."""
    with LedgerClient("sqlite:///empty.db", create=True):
        pass
    server.asked.clear()
    ledger = ("--ledger", "sqlite:///empty.db")
    assert main(["export", "zone", "--netbox", server.url, *ledger]) == 1
    assert "lagoon-bank: the ledger holds no node of it" in capsys.readouterr().out
    assert [one for one in server.asked if not one.startswith("get")] == []
    assert main([*EXPORT, server.url, *ledger, "--emptied", "lagoon-bank"]) == 1
    said = capsys.readouterr().out
    assert "leaves: db-001: " in said, "a party that has gone is said to have gone"
    assert "leaves: Render_1" not in said


def test_a_node_of_a_stack_that_no_file_names_does_not_leave(
    server: Replayed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the ledger holds in a stack that is not looked at has not gone; what has gone leaves."""
    assert main(["ledger", "load", "zone"]) == 0
    path = Path("zone/tenant-lagoon-bank.yaml")
    tree = yaml.safe_load(path.read_text("utf-8"))
    tree["clusters"]["db"].setdefault("without", []).append("012")
    del tree["clusters"]["db"]["places"]["012"]
    path.write_text(yaml.safe_dump(tree), "utf-8")
    assert main(["ledger", "load", "zone", "--only", "lagoon-bank"]) == 0
    all_of = holding.held_nodes
    monkeypatch.setattr(holding, "held_nodes", lambda *given: [one for one in all_of(*given) if one.host != "db-001"])
    capsys.readouterr()
    assert main([*EXPORT, server.url]) == 1
    said = capsys.readouterr().out
    assert "told: db-001: the ledger has it still: active at " in said
    assert "leaves: db-012: " in said
    assert said.count("leaves: ") == 1


def _files() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path("zone").rglob("*") if path.is_file()}


@pytest.mark.parametrize("what", ["nothing", "no device", "others"])
def test_another_inventory_changes_nothing(server: Replayed, capsys: pytest.CaptureFixture[str], what: str) -> None:
    """A token that sees nothing, or another NetBox with the same numbers, neither deletes files nor renames nodes."""
    before, first = _files(), said_before()
    if what == "nothing":
        server.lists = {endpoint: [] for endpoint in first}
    elif what == "no device":
        gone = ("dcim/devices", "dcim/power-ports", "dcim/power-outlets", "dcim/device-bays")
        server.lists = {**first, **{endpoint: [] for endpoint in gone}}
    else:
        kinds = ("dcim/sites", "dcim/racks", "dcim/devices")
        other = {
            kind: [{**one, "name": f"x{one['id']}", "slug": f"x{one['id']}"} for one in first[kind]] for kind in kinds
        }
        server.lists = {**first, **other}
    server.asked.clear()
    capsys.readouterr()
    assert main([ADOPT[0], ADOPT[1], ADOPT[4], server.url]) == 1
    assert "; nothing was written; " in capsys.readouterr().err
    assert _files() == before
    with LedgerClient("sqlite:///empty.db", create=True):
        pass
    assert main(["export", "zone", "--netbox", server.url, "--ledger", "sqlite:///empty.db"]) == 1
    assert "; nothing was written; " in capsys.readouterr().err
    assert [one for one in server.asked if not one.startswith("get")] == []


def test_all_devices_may_have_new_names(server: Replayed) -> None:
    """An inventory in which all devices were renamed is the same one, as long as its racks are."""
    first = said_before()
    server.lists = {**first, "dcim/devices": [{**one, "name": f"n{one['id']}"} for one in first["dcim/devices"]]}
    assert main([*ADOPT, server.url]) == 0
