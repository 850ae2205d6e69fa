"""An estate becomes declarations: names, places and feeds stay, and nothing is dropped in silence."""

from typing import Any

import pytest

from support.estates import adopted, device, row_of, small_estate, told
from zonewright.estate.positions import lowest_unit, posts_number, whole_units
from zonewright.estate.reading import read_estate
from zonewright.estate.records import RackRecord
from zonewright.model.assumption import AssumedAmount, Assumptions

BANK = {"tenant": {"id": 2}}


def _rack(**more: Any) -> RackRecord:
    return RackRecord.model_validate({"id": 1, "name": "r", "site": {"id": 1}, "u_height": 42, **more})


@pytest.mark.parametrize(
    ("rack", "position", "u_height", "unit"),
    [
        (_rack(), 10, 2, 10),
        (_rack(starting_unit=5), 5, 1, 1),
        (_rack(desc_units=True), 1, 1, 42),
        (_rack(desc_units=True), 1, 2, 41),
        (_rack(desc_units=True, starting_unit=3), 44, 1, 1),
        (_rack(), 10.5, 0.5, 10.5),
    ],
)
def test_posts_and_units_are_two_ways_to_say_one_place(
    rack: RackRecord, position: float, u_height: float, unit: float
) -> None:
    """Numbers that begin above 1 or run from the top are units from the bottom, and back again."""
    assert lowest_unit(rack, position, u_height) == unit
    assert posts_number(rack, unit, u_height) == position


def test_half_units_take_whole_ones() -> None:
    """What stands on a half takes each unit that it reaches into."""
    assert whole_units(10.5, 0.5) == (10, 1)
    assert whole_units(10.5, 1) == (10, 2)
    assert whole_units(30, 1.5) == (30, 2)


def test_two_halves_of_one_unit_are_one_piece_of_equipment() -> None:
    """Two devices that share a unit are declared once, with the draw and the weight of both."""
    answers = small_estate()
    answers["dcim/devices"] = [device(1, 10, kind=2), device(2, 10.5, kind=2), device(3, 20, kind=2)]
    found = adopted(answers)
    baseline = row_of(found)["baseline"]
    assert baseline["d-1-d-2"]["position"] == 10
    assert baseline["d-1-d-2"]["u_height"] == 1
    assert baseline["d-1-d-2"]["allocated_draw"] == 800
    assert baseline["d-1-d-2"]["weight_kg"] == 4
    assert baseline["d-3"]["u_height"] == 1
    assert found.fates == {"baseline": 3}


def test_nodes_keep_names_places_and_feeds() -> None:
    """A tenant's devices are a cluster: node numbers are those of the names, and each place is its own."""
    answers = small_estate()
    answers["dcim/devices"] = [device(1, 1) | BANK | {"name": "db-02"}, device(2, 5) | BANK | {"name": "db-04"}]
    found = adopted(answers)
    cluster = found.owners["bank"]["clusters"]["db"]
    assert cluster["count"] == 4
    assert cluster["without"] == ["001", "003"]
    assert cluster["places"]["004"] == {"rack": "north/main/r1/01", "position": 5}
    feeds = row_of(found)["feeds"]
    assert feeds["A"] == {"power_panel": "p-a", "rated_w": 7360, "max_utilization": 0.8}
    assert feeds["B"]["power_panel"] == "p-b"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (device(9, 1) | {"name": "twin"}, "takes units of rack R1 that d-1 has"),
        (device(9, 5, site=2), "is of site South and stands in rack R1 of site North"),
        (device(9, 42), "stands at 42 of rack R1, which has no such units for 2 U"),
        (device(9, 0.5), "stands at 0.5 of rack R1, which has no such units"),
    ],
)
def test_what_cannot_be_is_left_out_and_named(wrong: dict[str, Any], says: str) -> None:
    """A place that cannot be is a fault with the names of those concerned, and the rest is taken over."""
    answers = small_estate()
    answers["dcim/devices"] = [device(1, 1), wrong]
    found = adopted(answers)
    assert f"FAULT positions: {wrong['name']} {says}" in told(found)
    assert found.fates == {"baseline": 1, "left out": 1}
    assert list(row_of(found)["baseline"]) == ["d-1"]


def test_what_stands_in_no_unit_is_named() -> None:
    """Equipment of no unit, without a position, in a bay, in store or planned has a note, and counts in the sum."""
    answers = small_estate()
    strip = {"id": 3, "manufacturer": {"id": 1, "name": "Acorn"}, "model": "Strip", "slug": "strip", "u_height": 0}
    answers["dcim/device-types"].append(strip)
    answers["dcim/devices"] = [
        device(1, 1),
        device(2, None, kind=3),
        device(3, None),
        device(4, None, kind=3),
        device(5, 9) | {"status": {"value": "inventory"}},
        device(6, None, rack=None),
    ]
    answers["dcim/device-bays"] = [{"id": 1, "name": "bay", "device": {"id": 1}, "installed_device": {"id": 4}}]
    found = adopted(answers)
    assert found.fates == {"baseline": 1, "of no rack unit": 1, "in a device bay": 1, "not standing": 3}
    assert sum(found.fates.values()) == 6
    for name in ("d-2", "d-3", "d-4", "d-5", "d-6"):
        assert name in told(found)


def test_what_the_inventory_does_not_say_is_assumed_by_name() -> None:
    """A weight that is not known counts with its class default until it is found out."""
    answers = small_estate()
    del answers["dcim/device-types"][0]["weight"]
    answers["dcim/devices"] = [device(1, 1)]
    found = adopted(answers)
    assert found.assumptions.type_weight_kg_per_u.open == ("oak",)
    assert row_of(found)["baseline"]["d-1"]["weight_kg"] == 28
    known = Assumptions(type_weight_kg_per_u=AssumedAmount(default=14, source="class", known={"oak": 33}))
    found = adopted(answers, told=known)
    assert found.assumptions.type_weight_kg_per_u.open == ()
    assert row_of(found)["baseline"]["d-1"]["weight_kg"] == 33


def test_ids_stay_when_the_inventory_renames() -> None:
    """A rack and a node that are renamed keep their ids, and the new name is told."""
    answers = small_estate()
    answers["dcim/devices"] = [device(1, 1) | BANK | {"name": "db-1"}, device(2, 5) | BANK | {"name": "db-2"}]
    first = adopted(answers)
    answers["dcim/racks"][0]["name"] = "Rack One"
    answers["dcim/devices"][0]["name"] = "main-7"
    second = adopted(answers, first.known)
    assert second.owners == first.owners
    assert "renamed: rows Rack One was 'R1' at the last run; its id stays r1" in told(second)


def test_reserved_units_are_kept_free() -> None:
    """Units that are reserved are equipment of 0 W, apart from those that something has taken."""
    answers = small_estate()
    answers["dcim/devices"] = [device(1, 1)]
    answers["dcim/rack-reservations"] = [{"id": 7, "rack": {"id": 1}, "units": [2, 3, 4, 9], "tenant": {"id": 2}}]
    baseline = row_of(adopted(answers))["baseline"]
    kept = {key: (one["position"], one["u_height"]) for key, one in baseline.items() if key.startswith("reserved")}
    assert kept == {"reserved-7-1": (3, 2), "reserved-7-2": (9, 1)}
    assert baseline["reserved-7-1"]["allocated_draw"] == 0


def test_addresses_of_others_are_taken_and_those_of_nodes_stay() -> None:
    """A prefix in which a node has an address is a pool: the node keeps its own, and nobody gets those of others."""
    answers = small_estate()
    answers["dcim/devices"] = [device(1, 1) | BANK, device(2, 5)]
    answers["ipam/prefixes"] = [
        {"id": 1, "prefix": "10.0.0.0/24", "scope_type": "dcim.site", "scope_id": 1},
        {"id": 2, "prefix": "10.9.0.0/24", "scope_type": "dcim.site", "scope_id": 1},
    ]
    answers["ipam/ip-addresses"] = [
        {"id": 1, "address": "10.0.0.254/24", "description": "gateway of servers"},
        {"id": 2, "address": "10.0.0.5/24", "assigned_object": {"id": 1, "name": "e", "device": {"id": 1}}},
        {"id": 3, "address": "10.0.0.6/24", "assigned_object": {"id": 2, "name": "e", "device": {"id": 2}}},
    ]
    found = adopted(answers)
    pools = found.owners["op"]["sites"]["north"]["address_pools"]
    assert list(pools.values()) == [{"prefix": "10.0.0.0/24", "gateway": "10.0.0.254", "taken": ["10.0.0.6"]}]
    assert found.owners["bank"]["clusters"]["d"]["places"]["001"]["addresses"] == ["10.0.0.5"]
    assert "prefixes: 10.9.0.0/24 holds no address of a node" in told(found)


def test_cables_say_which_feed_a_device_hangs_on() -> None:
    """A path through an outlet of a strip is followed to the feed; two cords on one feed are one supply."""
    answers = small_estate()
    strip = {"id": 3, "manufacturer": {"id": 1, "name": "Acorn"}, "model": "Strip", "slug": "strip", "u_height": 0}
    answers["dcim/device-types"].append(strip)
    answers["dcim/devices"] = [device(1, 1), device(2, None, kind=3)]
    answers["dcim/power-outlets"] = [{"id": 1, "name": "o", "device": {"id": 2}, "power_port": {"id": 3}}]
    outlet = {"connected_endpoints": [{"id": 1}], "connected_endpoints_type": "dcim.poweroutlet"}
    feed_b = {"connected_endpoints": [{"id": 2}], "connected_endpoints_type": "dcim.powerfeed"}
    answers["dcim/power-ports"] = [
        {"id": 1, "name": "PSU1", "device": {"id": 1}, "allocated_draw": 200, **outlet},
        {"id": 2, "name": "PSU2", "device": {"id": 1}, "allocated_draw": 200, **outlet},
        {"id": 3, "name": "in", "device": {"id": 2}, **feed_b},
    ]
    found = adopted(answers)
    one = row_of(found)["baseline"]["d-1"]
    assert (one["feed"], one["power_supplies"], one["allocated_draw"]) == ("B", 1, 400)
    assert "cables: d-1 all 2 power ports lead to feed B" in told(found)


def test_all_that_is_wrong_with_answers_is_told_in_one_run() -> None:
    """Values of other kinds, lost references and doubles are a sentence each; the rest is read."""
    answers = small_estate()
    answers["dcim/devices"] = [device(1, 1), device(1, 3), device(2, 5, rack=99), device(3, 7) | {"position": "top"}]
    estate, faults = read_estate(answers)
    assert list(estate.devices) == [1]
    assert len(faults) == 3
    assert any("dcim/devices 3: position" in one for one in faults)
    assert any("dcim/devices 2: rack: expected one of dcim/racks, got 99" in one for one in faults)
    assert any("dcim/devices 1: expected each object once" in one for one in faults)


@pytest.mark.parametrize(
    ("endpoint", "field", "says"),
    [
        ("dcim/racks", "weight_unit", "FAULT racks: rack R1 may carry 500 'stone', expected kg"),
        ("dcim/device-types", "weight_unit", "FAULT device types: oak cannot be a node type: weight_unit"),
    ],
)
def test_an_unknown_unit_is_never_taken_for_another(endpoint: str, field: str, says: str) -> None:
    """A weight in a unit that nobody knows is a fault, and not kilograms."""
    answers = small_estate()
    answers[endpoint][0][field] = {"value": "stone"}
    answers["dcim/devices"] = [device(1, 1)]
    assert says in told(adopted(answers))


def test_a_rack_that_is_going_takes_the_nodes_that_stand_in_it() -> None:
    """Its row is active until they are brought in, which is noted; one without nodes is going at once."""
    answers = small_estate()
    for rack in answers["dcim/racks"]:
        rack["status"] = {"value": "deprecated"}
    answers["dcim/devices"] = [device(1, 1) | BANK]
    found = adopted(answers)
    assert "status" not in row_of(found)
    assert row_of(found, "r2", "south")["status"] == "decommissioning"
    assert "racks: rack R1 is deprecated and holds nodes" in told(found)


def test_a_name_cannot_write_to_the_terminal() -> None:
    """Control characters of a name reach neither a sentence nor a declaration."""
    answers = small_estate()
    answers["dcim/sites"][0]["name"] = "No\x1b[31mrth\nowner: me"
    answers["dcim/devices"] = [device(1, None) | {"name": "x\x1b[2J\ny"}]
    found = adopted(answers)
    assert found.owners["op"]["sites"]["north"]["title"] == "No [31mrth owner: me"
    assert "\x1b" not in told(found)
    assert "x [2J y has no position" in told(found)
