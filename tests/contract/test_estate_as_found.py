"""What an estate breaks already may stay as it was found, and the ledger's transaction lets nothing add to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from zonewright.changes.loading import load_owner
from zonewright.cli import main
from zonewright.declare.load import load_zone
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.stack_messages import InitRequest, ReportRequest, stack_id_of
from zonewright.ledger.transport.client import LedgerClient

TABLE = """site,site_operator,location,rack,rack_max_weight_kg,feed_a_w,feed_b_w,device,device_type,u_height,weight_kg,\
position,face,draw_w,power_supplies,tenant
dc,op,hall,r1,100,2000,2000,db-1,oak,2,30,1,front,900,2,bank
dc,op,hall,r1,100,2000,2000,db-2,oak,2,30,3,front,900,2,bank
dc,op,hall,r1,100,2000,2000,db-3,oak,2,60,5,front,900,2,bank
"""


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    (tmp_path / "t.csv").write_text(TABLE, "utf-8")
    folder = tmp_path / "zone"
    assert main(["adopt", str(folder), "--csv", str(tmp_path / "t.csv")]) == 0
    return folder


@pytest.fixture(name="client")
def _client(tmp_path: Path) -> Iterator[LedgerClient]:
    with LedgerClient(f"sqlite:///{tmp_path / 'l.db'}", create=True) as client:
        yield client


def _load(client: LedgerClient, folder: Path) -> None:
    declaration = load_zone(folder).declaration
    assert declaration is not None
    client.call(verbs.INIT, InitRequest(zone=declaration.zone))
    for owner in ("op", "bank"):
        load_owner(client, declaration, owner)


def test_a_breach_that_was_found_is_loaded_and_may_not_grow(folder: Path, client: LedgerClient) -> None:
    """A rack that is too heavy and a feed that is too weak are admitted as they are; one more node is refused."""
    zone = yaml.safe_load((folder / "zone.yaml").read_text("utf-8"))
    assert {one["rule"] for one in zone["as_found"].values()} == {"rack-weight", "feed-capacity", "feed-failover"}
    _load(client, folder)
    held = client.call(verbs.REPORT, ReportRequest(stack_id=stack_id_of("bank"))).holdings
    assert [one.state for one in held] == ["active"] * 3
    path = folder / "tenant-bank.yaml"
    tree = yaml.safe_load(path.read_text("utf-8"))
    for cluster in tree["clusters"].values():
        cluster["count"] += 1
        cluster.pop("without", None)
        cluster["places"][f"{cluster['count']:03}"] = {"rack": "dc/hall/r1/01", "position": 20}
        break
    path.write_text(yaml.safe_dump(tree), "utf-8")
    with pytest.raises(LedgerRefusedError) as caught:
        _load(client, folder)
    refused = {one.rule for one in caught.value.findings if one.refuses}
    assert {"rack-weight", "feed-capacity", "feed-failover"} <= refused
    assert len(client.call(verbs.REPORT, ReportRequest(stack_id=stack_id_of("bank"))).holdings) == 3


def test_without_the_record_the_same_estate_is_refused(folder: Path, client: LedgerClient) -> None:
    """It is the registered zone that lets it be: what nobody registered as found is refused as ever."""
    path = folder / "zone.yaml"
    zone = yaml.safe_load(path.read_text("utf-8"))
    del zone["as_found"]
    path.write_text(yaml.safe_dump(zone), "utf-8")
    with pytest.raises(LedgerRefusedError) as caught:
        _load(client, folder)
    assert "rack-weight" in {one.rule for one in caught.value.findings if one.refuses}


def test_a_second_adoption_does_not_take_a_larger_breach_for_found(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the inventory adds to a breach later is told as growing, and the record of what was found stays as it is."""
    (tmp_path / "t.csv").write_text(TABLE.replace(",60,5,", ",90,5,"), "utf-8")
    before = yaml.safe_load((folder / "zone.yaml").read_text("utf-8"))["as_found"]
    capsys.readouterr()
    assert main(["adopt", str(folder), "--csv", str(tmp_path / "t.csv")]) == 1
    assert "breaks more than when it was taken over: rack-weight" in capsys.readouterr().out
    assert yaml.safe_load((folder / "zone.yaml").read_text("utf-8"))["as_found"] == before


def test_a_first_run_that_was_cut_short_goes_on(folder: Path, tmp_path: Path) -> None:
    """Run again after a kill before any declaration was written, it writes them, with what was found."""
    before = {path.name: path.read_text("utf-8") for path in folder.glob("*.yaml")}
    for path in folder.glob("*.yaml"):
        path.unlink()
    assert main(["adopt", str(folder), "--csv", str(tmp_path / "t.csv")]) == 0
    assert {path.name: path.read_text("utf-8") for path in folder.glob("*.yaml")} == before


def test_what_is_worked_off_leaves_nothing_open(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was found out is written into `known` and taken up: no conflict, the list is shorter, its waiver goes."""
    assert "found-feed-diversity-1" in yaml.safe_load((folder / "zone.yaml").read_text("utf-8"))["waivers"]
    path = folder / "assumptions.yaml"

    def know(**found: str) -> None:
        tree = yaml.safe_load(path.read_text("utf-8"))
        tree["panel_substation"]["known"] |= {f"dc/{panel.replace('_', '-')}": name for panel, name in found.items()}
        path.write_text(yaml.safe_dump(tree), "utf-8")

    know(panel_a="north-feed")
    again = ["adopt", str(folder), "--csv", str(tmp_path / "t.csv")]
    assert main(again) == 0
    assert "CONFLICT" not in capsys.readouterr().out
    assert yaml.safe_load(path.read_text("utf-8"))["panel_substation"]["open"] == ["dc/panel-b"]
    assert "waivers" not in yaml.safe_load((folder / "zone.yaml").read_text("utf-8"))
    assert main(["check", str(folder)]) == 0
    path.write_text(path.read_text("utf-8") + "# asked the building, waiting for an answer\n", "utf-8")
    know_later = path.read_text("utf-8").replace("known: {dc/panel-a", "known: {dc/panel-b: south-feed, dc/panel-a")
    path.write_text(know_later, "utf-8")
    assert main(again) == 0
    assert path.read_text("utf-8") == know_later, "a comment of somebody's is never lost in silence"


def test_a_folder_that_has_moved_is_the_same_zone(folder: Path, tmp_path: Path) -> None:
    """The zone's id is that of the first run, whatever its folder is called since."""
    before = (folder / "zone.yaml").read_text("utf-8")
    moved = folder.rename(tmp_path / "elsewhere")
    assert main(["adopt", str(moved), "--csv", str(tmp_path / "t.csv")]) == 0
    assert (moved / "zone.yaml").read_text("utf-8") == before


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A zone that no adoption made is not touched, and the sentence says what to do."""
    (tmp_path / "zone.yaml").write_text("zone: mine\n", "utf-8")
    (tmp_path / "t.csv").write_text(TABLE, "utf-8")
    assert main(["adopt", str(tmp_path), "--csv", str(tmp_path / "t.csv")]) == 1
    assert "has a zone.yaml that no adoption has made; name another folder" in capsys.readouterr().err
    assert (tmp_path / "zone.yaml").read_text("utf-8") == "zone: mine\n"
    assert not (tmp_path / "adopted.json").exists()
