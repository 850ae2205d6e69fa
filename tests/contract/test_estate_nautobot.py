"""An estate of a Nautobot: its answers in NetBox's words, and the declarations that come of them."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.nautobot_demo import Writer, fill
from support.nautobot_recorder import FIXTURE
from support.nautobot_server import VARIABLE, environment, nautobot_server
from support.netbox_replay import TOKEN, Replayed, replayed
from support.zone_project import REPOSITORY
from zonewright.cli import main
from zonewright.errors import Exit
from zonewright.estate.inventory.nautobot import ENDPOINTS, as_netbox
from zonewright.estate.reading import read_estate

HOW_TO = REPOSITORY / "docs" / "how-to" / "adopt-an-estate.md"
Said = dict[str, list[dict[str, Any]]]


def said() -> Said:
    """What the recorded Nautobot says; a copy to be changed."""
    found: Said = json.loads(FIXTURE.read_text("utf-8"))
    return found


@contextmanager
def _server(lists: Said, version: str = "3.2") -> Iterator[Replayed]:
    with replayed(Replayed(lists={endpoint: [] for endpoint in ENDPOINTS} | lists, version=version)) as server:
        yield server


def _adopt(folder: Path, url: str, *more: str) -> int:
    return main(["adopt", str(folder), "--nautobot", url, "--operator", "south=bay-cables", *more])


def _as_adopted(folder: Path) -> None:
    """What must be so of the demo estate, whichever Nautobot it was read from."""
    north = yaml.safe_load((folder / "facility-harbour-hosting.yaml").read_text("utf-8"))["sites"]["north"]
    south = yaml.safe_load((folder / "facility-bay-cables.yaml").read_text("utf-8"))["sites"]["south"]
    bank = yaml.safe_load((folder / "tenant-lagoon-bank.yaml").read_text("utf-8"))["clusters"]
    assert (north["district"], north["location"]["latitude"]) == ("bay", 53.55)
    assert north["rooms"].keys() == {"hall-1"}, "a location below the site is a room"
    assert south["rooms"].keys() == {"cage"}, "and so is a group of racks"
    assert "status" not in south["rooms"]["cage"]["rows"]["s1"], "reserved, but a node stands there: active"
    rows = north["rooms"]["hall-1"]["rows"]
    assert {name: feed["rated_w"] for name, feed in rows["n101"]["feeds"].items()} == {"A": 7360, "B": 7360}
    assert rows["n102"]["baseline"]["blades-1"]["position"] == 18, "6 U from unit 20 counted from the top"
    assert rows["n101"]["baseline"]["n101-sw1"]["face"] == "rear"
    pool = north["address_pools"]["servers"]
    assert (pool["prefix"], pool["gateway"], pool["taken"]) == ("10.20.1.0/24", "10.20.1.1", ["10.20.1.200"])
    assert north["management"] == ["10.20.9.0/26"]
    of_host = {  # the ids of a Nautobot are in no order, so clusters may be numbered otherwise elsewhere
        one.get("names", {}).get(number, f"{cluster}-{number}"): place
        for cluster, one in bank.items()
        for number, place in one["places"].items()
    }
    assert of_host["db-002"]["addresses"] == ["10.20.1.12"]
    assert of_host["web2"]["addresses"] == ["10.20.1.14"], "its .12 is of another namespace"
    assert of_host["web2"]["position"] == 41, "unit 2 of a rack that counts from the top"
    assert of_host["old-1"]["rack"] == "south/cage/s1/01"
    page = (folder / "adopted.md").read_text("utf-8")
    for words in ("is in VRF of namespace Lab", "all 2 power ports lead to feed A", "is in bay bay 1 of blades-1"):
        assert words in page
    assert "10.20.0.0/16: is container" in page


def test_an_estate_of_nautobot_is_adopted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the how-to's command they become a zone that loads; the second run shows no difference."""
    monkeypatch.setenv("ZONEWRIGHT_NAUTOBOT_TOKEN", TOKEN)
    folder = tmp_path / "zone"
    with _server(said()) as server:
        (line,) = re.findall(r"^\$ (zonewright .*--nautobot.*)$", HOW_TO.read_text("utf-8"), re.MULTILINE)
        monkeypatch.chdir(tmp_path)
        assert main(line.replace('"$NAUTOBOT"', server.url).split()[1:]) == Exit.GOOD, capsys.readouterr().out
        capsys.readouterr()
        assert _adopt(folder, server.url) == Exit.GOOD
        assert "no difference" in capsys.readouterr().out
    _as_adopted(folder)
    assert main(["check", str(folder)]) == Exit.GOOD, capsys.readouterr().out
    assert main(["ledger", "load", str(folder), "--ledger", f"sqlite:///{tmp_path}/l.db"]) == Exit.GOOD


def test_each_object_is_read_without_a_fault() -> None:
    """The recording has no fault of its own: every object is a record, and every reference leads to one."""
    lists = said()
    vlan, tenant = lists["ipam/vlans"][0], lists["tenancy/tenants"][0]
    vlan["tenant"] = {"id": tenant["id"]}
    for one in lists["dcim/locations"]:
        one["asn"] = 64512 if one["name"] == "North" else None
    estate, faults = read_estate(as_netbox(lists, "Site"))
    assert faults == ()
    assert len(estate.devices) == len(lists["dcim/devices"])
    numbers = {site.name: [one.asn for one in site.asns] for site in estate.sites.values()}
    assert numbers == {"North": [64512], "South": []}
    assert [estate.tenants[one.tenant.id].name for one in estate.vlans.values() if one.tenant] == [tenant["name"]]


def test_sites_may_be_of_a_type_of_another_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--site-type` says which locations are sites; a name that no type has is told with those that there are."""
    (tmp_path / "token").write_text(TOKEN, "utf-8")
    lists = said()
    for one in lists["dcim/location-types"]:
        one["name"] = one["name"].replace("Site", "Data Centre")
    token = ("--token-file", str(tmp_path / "token"))
    with _server(lists) as server:
        assert _adopt(tmp_path / "zone", server.url, *token) == Exit.MISUSE
        assert "expected a location type 'Site', got Data Centre, Hall" in capsys.readouterr().err
        assert _adopt(tmp_path / "zone", server.url, *token, "--site-type", "data centre") == Exit.GOOD
    with _server({**lists, "dcim/locations": []}) as server:
        assert _adopt(tmp_path / "other", server.url, *token) == Exit.REFUSED
        assert "expected sites, got none" in capsys.readouterr().err


def test_what_is_wrong_is_named_by_its_own_id() -> None:
    """An object that is broken, or leads to what the token does not see, is told by the id that people find it by."""
    lists = said()
    rack, device = lists["dcim/racks"][0], lists["dcim/devices"][0]
    rack["u_height"] = "tall"
    device["device_type"] = {"id": "0" * 8 + "-0000-4000-8000-000000000009"}
    told = "\n".join(read_estate(as_netbox(lists, "Site"))[1])
    assert f"dcim/racks {rack['id']}: u_height" in told
    assert f"dcim/devices {device['id']}: device_type: expected one of dcim/device-types, got 00000000-0000" in told


@pytest.mark.parametrize(
    ("version", "says"), [("2.4", "is Nautobot 2.4; expected 3.0 or newer"), ("", "is no Nautobot")]
)
def test_an_older_nautobot_is_refused(
    version: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A version whose answers mean something else is not read at all."""
    monkeypatch.setenv("ZONEWRIGHT_NAUTOBOT_TOKEN", TOKEN)
    with _server({}, version) as server:
        assert _adopt(tmp_path / "zone", server.url) == Exit.MISUSE
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(("option", "other"), [("--netbox", "--nautobot"), ("--nautobot", "--netbox")])
def test_one_product_is_not_taken_for_the_other(
    option: str, other: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who names a Nautobot as a NetBox, or the other way round, is told which option to use."""
    (tmp_path / "token").write_text(TOKEN, "utf-8")
    status = {"nautobot-version": "3.2.7"} if option == "--netbox" else {"netbox-version": "4.7.3"}
    with replayed(Replayed(lists={}, version="3.2", says=status)) as server:
        words = ["adopt", str(tmp_path / "zone"), option, server.url, "--token-file", str(tmp_path / "token")]
        assert main(words) == Exit.MISUSE
    assert f"name it with {other} in place of {option}" in capsys.readouterr().err


@pytest.mark.soak
def test_a_real_nautobot_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The Nautobot of PyPI, on PostgreSQL and Redis, filled with the demo estate, is adopted as the recorded one is."""
    where = environment()
    if where is None:
        pytest.skip(f"{VARIABLE} names no virtual environment with Nautobot: adopting from a real one is NOT tested")
    with nautobot_server(where) as server:
        fill(Writer(url=server.url, token=server.token))
        monkeypatch.setenv("ZONEWRIGHT_NAUTOBOT_TOKEN", server.token)
        assert _adopt(tmp_path / "zone", server.url) == Exit.GOOD, capsys.readouterr().out
        capsys.readouterr()
        assert _adopt(tmp_path / "zone", server.url) == Exit.GOOD
        assert "no difference" in capsys.readouterr().out
    _as_adopted(tmp_path / "zone")
