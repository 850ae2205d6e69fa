"""One estate from beginning to end: taken over, loaded, grown, written back, and taken over again, the same."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.netbox_demo import fill
from support.netbox_replay import TOKEN, Replayed, recorded, replayed, said_before
from support.netbox_server import VARIABLE, environment, netbox_server
from support.netbox_story import Told, grow, story
from support.zone_project import REPOSITORY
from zonewright.cli import main
from zonewright.estate.inventory.netbox import Netbox
from zonewright.estate.reading import read_estate

HOW_TO = REPOSITORY / "docs" / "how-to" / "adopt-an-estate.md"


@contextmanager
def _recording() -> Iterator[Replayed]:
    with replayed(Replayed(lists=said_before(), answers=list(recorded("answers")))) as server:
        yield server


@pytest.fixture(name="told", scope="module")
def _told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Told, Path, Replayed]]:
    """The story of the recording, its folder, and the server at its end."""
    where = tmp_path_factory.mktemp("story")
    with _recording() as server, pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr("builtins.print", lambda *words, **_: lines.append(" ".join(map(str, words))))

        def said() -> str:
            text = "\n".join(lines)
            lines.clear()
            return text

        yield story(server.url, TOKEN, where, said), where / "zone", server


def _kinds(text: str) -> set[str]:
    """Kinds of the differences that an export names."""
    return {line.partition(":")[0] for line in text.splitlines()[:-1]}


def _as_told(told: Told) -> None:
    """What must be so of the story, whoever it is told to."""
    assert "no difference" in told["adopt again"][1]
    assert told["check"][0] == 0, told["check"][1]
    assert told["load"][0] == 0, told["load"][1]
    assert _kinds(told["no drift"][1]) == {"address"}, "the ledger gave an address to those that had none"
    assert told["load more"][0] == 0, told["load more"][1]
    assert told["drift"][0] == 1
    assert _kinds(told["drift"][1]) == {"create", "move", "address", "vlan", "prefix"}
    assert "wrote 10 differences" in told["export"][1], told["export"][1]
    assert told["export again"][0] == 0
    assert "no difference" in told["export again"][1]
    assert "no difference" in told["adopt at the end"][1], told["adopt at the end"][1]


def test_the_story_ends_without_a_difference(told: tuple[Told, Path, Replayed]) -> None:
    """Adopt, check, load, grow, export, adopt again: each step says what it did, and the last finds no difference."""
    _as_told(told[0])
    assert told[2].answers == [], "each write and each filter of the recording was asked for once"


def test_each_device_has_one_fate(told: tuple[Told, Path, Replayed]) -> None:
    """Every device of the inventory is a node, equipment in a rack, or named with the reason: none is dropped."""
    _, folder, _ = told
    page = (folder / "adopted.md").read_text("utf-8")
    counts = [int(found) for found in re.findall(r"^\| ([0-9]+) \|", page, re.MULTILINE)]
    devices = {one["id"]: one["name"] for one in recorded("after")["dcim/devices"]}
    assert sum(counts) == len(devices)
    known = yaml.safe_load((folder / "adopted.json").read_text("utf-8"))["objects"]
    placed = {int(number) for kind in ("nodes", "baseline") for number in known[kind]}
    unnamed = [name or number for number, name in devices.items() if number not in placed and f"- {name}:" not in page]
    assert unnamed == []


def test_the_odd_cases_are_declared_as_they_stand(told: tuple[Told, Path, Replayed]) -> None:
    """Racks numbered from the top or from 5, halves, failed feeds and strips: each is where it stands."""
    _, folder, _ = told
    north = yaml.safe_load((folder / "facility-harbour-hosting.yaml").read_text("utf-8"))["sites"]["north"]
    south = yaml.safe_load((folder / "facility-bay-cables.yaml").read_text("utf-8"))["sites"]["south"]
    bank = yaml.safe_load((folder / "tenant-lagoon-bank.yaml").read_text("utf-8"))["clusters"]
    kite = yaml.safe_load((folder / "tenant-kite-studios.yaml").read_text("utf-8"))["clusters"]
    assert bank["db"]["places"]["007"]["position"] == 41, "2 U from the top of a rack whose units run from there"
    assert kite["web"]["places"]["001"]["position"] == 1, "the lowest unit of a rack that begins at 5"
    rows = north["rooms"]["hall-1"]["rows"]
    assert rows["n104"]["baseline"]["probe-1-probe-2"]["u_height"] == 1
    assert rows["n104"]["feeds"].keys() == {"A"}, "feed B is planned"
    assert rows["n101"]["baseline"]["n101-sw1"]["feed"] == "B"
    assert south["rooms"]["main"]["rows"]["s1"]["feeds"]["B"]["status"] == "failed"
    assert south["rooms"]["main"]["rows"]["s2"]["feeds"]["A"]["rated_w"] == 7360, "two cords of 16 A"
    assert north["address_pools"]["servers"]["gateway"] == "10.20.1.1"
    assert north["address_pools"]["servers"]["taken"] == ["10.20.1.200"]
    assert north["management"] == ["10.20.9.0/26"]


def test_vlans_are_declared_with_the_tenants_that_a_router_keeps_apart(told: tuple[Told, Path, Replayed]) -> None:
    """One whose gateway is on a port of its number at a site with an AS number has its tenant; others say why not."""
    _, folder, _ = told
    north = yaml.safe_load((folder / "facility-harbour-hosting.yaml").read_text("utf-8"))["sites"]["north"]
    south = yaml.safe_load((folder / "facility-bay-cables.yaml").read_text("utf-8"))["sites"]["south"]
    assert north["as_number"] == 4_200_000_010
    assert north["vlans"]["servers"] == {"vid": 120, "name": "Servers"}
    assert north["vlans"]["bank-servers"] == {"vid": 110, "name": "Bank servers", "tenant": "lagoon-bank"}
    pool = {"prefix": "10.20.2.0/24", "gateway": "10.20.2.1", "interface": "lan0", "vlan": "bank-servers"}
    assert north["address_pools"]["bank-servers"] == pool
    assert south["vlans"] == {"south-servers": {"vid": 130, "name": "South servers"}}
    assert "south-servers" in south["address_pools"]["south-servers"]["vlan"]
    assert "is declared at south without a tenant" in (folder / "adopted.md").read_text("utf-8")


def test_a_vlan_that_was_declared_by_hand_is_in_the_inventory_after_the_export(
    told: tuple[Told, Path, Replayed],
) -> None:
    """It has its number, its tenant and its prefix there, with the gateway, in the words of the inventory."""
    after = {endpoint: {one["id"]: one for one in of} for endpoint, of in told[2].lists.items()}
    vlan = next(one for one in after["ipam/vlans"].values() if one["vid"] == 140)
    assert (vlan["name"], vlan["tenant"]["slug"], vlan["site"]["slug"]) == ("Own servers", "harbour-hosting", "north")
    prefix = next(one for one in after["ipam/prefixes"].values() if one["prefix"] == "10.20.4.0/24")
    assert (prefix["vlan"]["vid"], prefix["tenant"]["slug"], prefix["scope"]["slug"]) == (
        140,
        "harbour-hosting",
        "north",
    )
    assert "10.20.4.1/24" in {one["address"] for one in after["ipam/ip-addresses"].values()}


def test_what_was_found_is_registered(told: tuple[Told, Path, Replayed]) -> None:
    """The rack that is too heavy and the feed that is too weak are in the zone's file with their excess."""
    zone = yaml.safe_load((told[1] / "zone.yaml").read_text("utf-8"))
    found = {(one["rule"], subject) for one in zone["as_found"].values() for subject in one["subjects"]}
    assert ("rack-weight", "north/cage/n203/01") in found
    assert ("feed-capacity", "south/main/s3/01") in found


def test_the_commands_of_the_how_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command of the how-to is taken, in its order."""
    blocks = re.findall(r"```sh\n(.*?)```", HOW_TO.read_text("utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("zonewright ")]
    assert len(lines) == 5
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZONEWRIGHT_NETBOX_TOKEN", TOKEN)
    with _recording() as server:
        words = [line.replace('"$NETBOX"', server.url).split()[1:] for line in lines]
        codes = [main(line) for line in words[:3]]
        grow(tmp_path / "zone")  # "After pulumi up or a load"
        assert main(words[2]) == 0
        codes += [main(line) for line in words[3:]]
    assert codes == [0, 0, 0, 1, 1], "what differs, and cables without an outlet, end with 1"


def test_the_record_is_what_is_read(tmp_path: Path) -> None:
    """The recorded answers have no fault of their own, so that what a test finds is ours."""
    assert tmp_path.is_dir()
    assert read_estate(recorded("before"))[1] == ()


@pytest.mark.soak
def test_a_real_netbox_tells_the_same_story(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The NetBox of PyPI, filled with the demo estate, takes and gives what the recording does."""
    where = environment()
    if where is None:
        pytest.skip(
            f"{VARIABLE} names no virtual environment with NetBox: the round trip with a real one is NOT tested"
        )
    with netbox_server(where) as server:
        netbox: Any = Netbox(url=server.url, token=server.token)
        fill(netbox.create, netbox.objects, netbox.change)
        _as_told(story(server.url, server.token, tmp_path, lambda: capsys.readouterr().out))
