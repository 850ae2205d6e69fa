"""Assets as properties: what a preview shows of a site, a row, a duct and a link."""

from typing import Any

import pytest
from pydantic import BaseModel

from support.zone_project import facility
from zonewright.changes.sizes import FormatSize, sizes_by_format
from zonewright.model import Baseline, Duct, Link, OwnerFile, Room, Row, Site
from zonewright.model.asset import AnyAsset, DuctAsset, LinkAsset, RowAsset, SiteAsset
from zonewright.model.asset_properties import asset_properties, property_name
from zonewright.provider.resource import Input, check_inputs
from zonewright.provider.resources import RESOURCES
from zonewright.render.formats.format_set import BUILT_IN

SITE = OwnerFile.model_validate(facility(3, rated_w=6_250)).sites["dc1"]
ROOM = SITE.rooms["a"]
ROW = RowAsset(row=ROOM.rows["01"], room=ROOM.model_copy(update={"rows": {}}))
ROUTE: dict[str, Any] = {"crs": "WGS84", "points": [[31.0, 121.0], [31.0, 121.1], [31.1, 121.1]]}
DUCT = DuctAsset(duct=Duct.model_validate({"route": ROUTE, "length_m": 25_000, "bores": 6}))
LINK = LinkAsset(link=Link(a="dc1", b="dc2", ducts=("d-01", "d-02"), cores=24))
ASSETS: tuple[AnyAsset, ...] = (SiteAsset(site=SITE), ROW, DUCT, LINK)


def test_a_feed_is_told_in_watts() -> None:
    """A row says the rating of each feed, and the watts of it that may be used."""
    told = asset_properties(ROW)
    assert told["feeds"]["A"] == {"powerPanel": "pa", "ratedW": 6_250, "maxUtilization": 0.8, "availableW": 5_000}
    assert (told["racks"], told["uHeight"], told["status"]) == (3, 42, "active")


def test_ducts_and_links_are_told_with_bores_and_ducts() -> None:
    """A link says its ducts in order; a duct its bores, and of its route only how many points it has."""
    assert asset_properties(LINK)["ducts"] == ["d-01", "d-02"]
    assert "drained" not in asset_properties(LINK), "a state from before the field has nothing to update"
    drained = LinkAsset(link=LINK.link.model_copy(update={"drained": True}))
    assert asset_properties(drained)["drained"] is True
    told = asset_properties(DUCT)
    assert (told["bores"], told["boresInUse"], told["routePoints"]) == (6, 0, 3)
    assert "route" not in told


def test_what_is_empty_is_left_out_and_zero_stays() -> None:
    """A zero and a no are facts and stay; lists, mappings and texts without anything in them are left out."""
    told = asset_properties(DuctAsset(duct=DUCT.duct.model_copy(update={"is_shared": False})))
    assert told["isShared"] is False
    assert told["boresInUse"] == 0
    assert "title" not in told
    assert "bridge" not in told


@pytest.mark.parametrize("asset", ASSETS, ids=lambda asset: asset.kind)
def test_the_resource_takes_what_an_asset_is_told_as(asset: AnyAsset) -> None:
    """Every property that a program sends is an input of the resource type, of the type that it declares."""
    inputs = RESOURCES[f"zonewright:index:{asset.kind.capitalize()}"].inputs
    which = {"stackId": "operator-0123456789ab", "asset": "dc1", "digest": f"sha256:{'0' * 64}"}
    check_inputs(inputs, {**which, **asset_properties(asset)})


@pytest.mark.parametrize(
    ("kind", "model", "but"),
    [("Site", Site, {"was"}), ("Row", Row, {"was"}), ("Duct", Duct, {"route", "was"}), ("Link", Link, set())],
    ids=["site", "row", "duct", "link"],
)
def test_no_field_of_a_declaration_is_forgotten(kind: str, model: type[BaseModel], but: set[str]) -> None:
    """A field that is added to the model is a property too, but for what an asset was called before."""
    inputs = RESOURCES[f"zonewright:index:{kind}"].inputs
    assert {property_name(name) for name in model.model_fields if name not in but} <= inputs.keys()


def test_the_type_of_a_field_is_the_type_of_its_property() -> None:
    """Numbers, truth values, lists and mappings are told apart, so that a policy can compare them."""
    site, duct = (RESOURCES[f"zonewright:index:{kind}"].inputs for kind in ("Site", "Duct"))
    found = {name: site[name].type for name in ("title", "asNumber", "diversity", "nameServers", "addressPools")}
    assert found == {
        "title": "string",
        "asNumber": "integer",
        "diversity": "number",
        "nameServers": "array",
        "addressPools": "object",
    }
    assert duct["isShared"] == Input("boolean", "`is_shared` of the duct as declared", required=False)


def test_of_a_room_and_a_baseline_only_what_is_not_as_usual_is_told() -> None:
    """A hall has many rows: what each of them would repeat is left out, and a room without anything of note too."""
    told = asset_properties(RowAsset(row=ROW.row, room=Room(cooling="liquid", fixed_kw=40)))
    assert told["room"] == {"cooling": "liquid", "fixedKw": 40}
    assert "room" not in asset_properties(RowAsset(row=ROW.row, room=Room()))
    rack = Baseline(racks="01..02", position=1, u_height=10, allocated_draw=900, face="rear")
    row = RowAsset(row=ROW.row.model_copy(update={"baseline": {"old": rack}}), room=Room())
    expected = {"racks": "01..02", "position": 1, "uHeight": 10, "allocatedDraw": 900, "face": "rear"}
    assert asset_properties(row)["baseline"] == {"old": expected}


def test_files_are_counted_by_format() -> None:
    """Each file counts for the format that owns it, with the bytes that it has on a disk."""
    files = {
        "nodes/dc1/web-001/etc/netplan/50-zonewright.yaml": "network:\n",
        "nodes/dc1/web-002/etc/netplan/50-zonewright.yaml": "# é\n",
        "nodes/dc1/web-002/etc/chrony/chrony.conf": "x\n",
    }
    assert sizes_by_format(files, BUILT_IN) == {"chrony": FormatSize(1, 2), "netplan": FormatSize(2, 14)}
