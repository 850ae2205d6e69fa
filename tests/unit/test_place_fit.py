"""Which rooms have so many watts and units, what is missing in others, and in which order they are told."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from support.zone_project import ZONE, facility
from zonewright.model import Site, Zone
from zonewright.model.power import Draw
from zonewright.model.rack import Feed, Rack
from zonewright.model.world import Occupant, RoomTotals, SiteFacts, World, ZoneFacts
from zonewright.place.fit import RoomFit, Wish, fit


def rack(rack_id: str, *, watts: int = 3_000, other_w: int | None = None, **given: Any) -> Rack:
    """A rack of ten units with two feeds."""
    feeds = {
        "A": Feed(available_w=watts, power_panel="p"),
        "B": Feed(available_w=watts if other_w is None else other_w, power_panel="q"),
    }
    return Rack(**{"id": rack_id, "owner": "op", "u_height": 10, "max_weight_kg": 1_000, "feeds": feeds, **given})


def occupant(rack_id: str, position: int = 1, **given: Any) -> Occupant:
    """Somebody's server of one unit and half a kilowatt."""
    draw = Draw(allocated_w=given.pop("watts", 500))
    fields = {"party": "t1", "name": f"{rack_id}-{position}", "rack": rack_id, "position": position, "u_height": 1}
    return Occupant(**{**fields, "draw": draw, "standing": "active", **given})


def world(*racks: Rack, inside: tuple[Occupant, ...] = (), level: int | None = None) -> World:
    """Racks with what stands in them; with a level the zone separates it from lower ones."""
    dates = {"valid_from": "2026-01-01", "valid_until": "2027-01-01"}
    pack = {"title": "P", **dates, "limits": {"separated-protection-level": {"value": level, "source": "s"}}}
    fields = {} if level is None else {"rule_packs": {"p": pack}, "rule_pack": "p"}
    zone = ZoneFacts(zone=Zone.model_validate({**ZONE, **fields}))
    return World(racks={one.id: one for one in racks}, occupants=inside, zone=zone)


def found(here: World, **wish: Any) -> list[tuple[str, int, int, int, int, int]]:
    """Room, racks, watts and units that are free, watts and units that are missing."""
    return [
        (one.room, one.racks, one.free_w, one.free_units, one.missing_w, one.missing_units)
        for one in fit(here, Wish(**{"watts": 1_000, "units": 1, **wish}))
    ]


def test_a_room_is_the_sum_of_its_racks() -> None:
    """The emptiest racks are taken until watts and units suffice; what is missing is of the whole room."""
    here = world(rack("dc/a/1/01"), rack("dc/a/1/02", watts=2_000), inside=(occupant("dc/a/1/01"),))
    assert found(here, watts=2_500) == [("dc/a", 1, 4_500, 19, 0, 0)]
    assert found(here, watts=2_500, units=9)[0][1] == 1
    assert found(world(rack("dc/a/1/01", watts=1)), watts=1)[0][1] == 1
    assert found(here, watts=2_501) == [("dc/a", 2, 4_500, 19, 0, 0)]
    assert found(here, watts=4_500, units=19) == [("dc/a", 2, 4_500, 19, 0, 0)]
    assert found(here, watts=1, units=10) == [("dc/a", 2, 4_500, 19, 0, 0)]
    assert found(here, watts=4_501, units=19) == [("dc/a", 0, 4_500, 19, 1, 0)]
    assert found(here, watts=4_500, units=21) == [("dc/a", 0, 4_500, 19, 0, 2)]
    assert found(here, watts=1, units=0) == [("dc/a", 1, 4_500, 19, 0, 0)]


def test_a_lost_feed_and_a_full_rack_leave_what_they_leave() -> None:
    """The weaker feed counts; a rack without units or without watts is none of those that are taken."""
    assert found(world(rack("dc/a/1/01", watts=3_000, other_w=1_500)), watts=1_500)[0][1:3] == (1, 1_500)
    full = occupant("dc/a/1/01", u_height=10, watts=0)
    assert found(world(rack("dc/a/1/01"), inside=(full,))) == [("dc/a", 0, 3_000, 0, 1_000, 1)]
    assert found(world(rack("dc/a/1/01", watts=500), inside=(occupant("dc/a/1/01"),))) == [("dc/a", 0, 0, 9, 1_000, 1)]
    nine = occupant("dc/a/1/01", u_height=9)
    assert found(world(rack("dc/a/1/01"), inside=(nine,))) == [("dc/a", 1, 2_500, 1, 0, 0)]
    over = world(rack("dc/a/1/01", watts=400), rack("dc/a/1/02"), inside=(occupant("dc/a/1/01"),))
    assert found(over) == [("dc/a", 1, 3_000, 19, 0, 0)], "more than there is leaves nothing, and takes nothing away"
    faces = (
        occupant("dc/a/1/01", 1, face="front", is_full_depth=False),
        occupant("dc/a/1/01", 1, face="rear", is_full_depth=False, name="behind"),
        occupant("dc/a/1/01", 2, face="rear", is_full_depth=False),
    )
    assert found(world(rack("dc/a/1/01"), inside=faces))[0][3] == 8


def test_which_racks_count() -> None:
    """Closed racks, other sites and other cooling are left out; a wish without them takes all."""
    here = world(
        rack("dc/a/1/01"), rack("dc/b/1/01", cooling="liquid"), rack("ec/a/1/01"), rack("dc/c/1/01", accepts=False)
    )
    assert [room for room, *_ in found(here)] == ["dc/a", "dc/b", "ec/a"]
    assert [room for room, *_ in found(here, site="dc")] == ["dc/a", "dc/b"]
    assert [room for room, *_ in found(here, cooling="liquid")] == ["dc/b"]


@pytest.mark.parametrize(
    ("held", "wanted", "fits"),
    [(2, 3, False), (3, 3, True), (3, 2, False), (2, 2, True), (4, 5, True), (2, None, True)],
)
def test_racks_on_the_other_side_of_the_limit(held: int, wanted: int | None, *, fits: bool) -> None:
    """From the separated level on nothing shares a rack with what is below it; without a level all is as it is."""
    inside = (occupant("dc/a/1/01", protection_level=held),)
    assert bool(found(world(rack("dc/a/1/01"), inside=inside, level=3), protection_level=wanted)[0][1]) is fits
    assert found(world(rack("dc/a/1/01"), inside=inside, level=3))[0][1] == 1, "a wish without a level fits"
    for free in (world(rack("dc/a/1/01"), inside=inside), replace(world(rack("dc/a/1/01"), inside=inside), zone=None)):
        assert found(free, protection_level=wanted)[0][1] == 1


def test_a_rack_that_somebody_has_alone() -> None:
    """Where one party is alone nothing else fits, and its watts are not told as free."""
    inside = (occupant("dc/a/1/01"), occupant("dc/a/1/01", 2, exclusive="rack"))
    assert found(world(rack("dc/a/1/01"), inside=inside)) == [("dc/a", 0, 0, 0, 1_000, 1)]


def rooms(here: World, **wish: Any) -> tuple[RoomFit, ...]:
    """What each room has."""
    return fit(here, Wish(**{"watts": 1_000, "units": 1, **wish}))


def test_rooms_in_use_come_first() -> None:
    """Rooms that fit come before others, those in use before idle ones, then the fewest racks; then the least short."""
    small = [rack(f"dc/b/1/0{number}", watts=600) for number in (1, 2)]
    here = world(
        rack("dc/a/1/01"), *small, rack("dc/d/1/01", watts=900), rack("dc/c/1/01", watts=400), rack("dc/e/1/01"),
        inside=(occupant("dc/b/1/01", watts=1), occupant("dc/e/1/01", watts=0)),
    )  # fmt: skip
    assert [(one.room, one.fits, one.is_open) for one in rooms(here)] == [
        ("dc/b", True, True), ("dc/a", True, False), ("dc/e", True, False),
        ("dc/d", False, False), ("dc/c", False, False),
    ]  # fmt: skip
    assert [one.room for one in rooms(world(*small, rack("dc/c/1/01")))] == ["dc/c", "dc/b"]
    pairs = [rack(f"dc/{room}/1/0{number}") for room in "ab" for number in (1, 2)]
    mixed = world(rack("dc/0/1/01"), *pairs, inside=(occupant("dc/b/1/01"),))
    assert [(one.room, one.missing_w, bool(one.notes)) for one in rooms(mixed, units=15)] == [
        ("dc/b", 0, False), ("dc/a", 0, True), ("dc/0", 0, False),
    ], "what does not fit comes last, also where no watt is missing"  # fmt: skip
    many = world(rack("dc/b/1/01"), rack("dc/a/1/01", u_height=20))
    assert [one.room for one in rooms(many, watts=4_000, units=15)] == ["dc/a", "dc/b"]


def test_an_idle_room_beside_one_in_use() -> None:
    """An idle room that fits has a note where a room in use of its site and cooling has space, and no other has."""
    racks = (
        rack("dc/a/1/01"), rack("dc/b/1/01"), rack("dc/l/1/01", cooling="liquid"), rack("ec/a/1/01"),
        rack("dc/s/1/01", watts=1),
    )  # fmt: skip
    here = world(*racks, inside=(occupant("dc/a/1/01"),))
    notes = {one.room: one.notes for one in rooms(here)}
    assert notes == {
        "dc/a": (), "dc/b": ("fill-before-open: dc/a is open and has space",), "dc/l": (), "ec/a": (), "dc/s": (),
    }  # fmt: skip
    apart = world(rack("ac/a/1/01"), rack("dc/a/1/01"), inside=(occupant("dc/a/1/01"),))
    assert [one.room for one in rooms(apart)] == ["dc/a", "ac/a"]
    full = world(*racks, inside=(occupant("dc/a/1/01", watts=2_900),))
    assert {one.room: one.notes for one in rooms(full)}["dc/b"] == ()
    assert {one.notes for one in rooms(replace(here, zone=None))} == {()}
    assert rooms(here)[-2].room == "dc/b", "what has a note comes after what has none"


def test_an_answer_has_what_it_has() -> None:
    """What a room has comes back from JSON as it was, and what nobody knows is refused."""
    (room,) = rooms(world(rack("dc/a/1/01")))
    form = TypeAdapter(RoomFit)
    assert form.validate_python(room.to_data()) == room
    with pytest.raises(ValidationError, match="more"):
        form.validate_python({**room.to_data(), "more": 1})


def test_what_a_wish_would_break_is_noted() -> None:
    """A note says what a rule of the zone finds with the wish on top of all claims, and not what it finds anyway."""
    districts = {
        name: {"title": name, "energy_quota_mwh": quota, "source": "s"} for name, quota in (("north", 26), ("south", 1))
    }
    overhead = {"plant_kw": 0, "slope": 0}
    declared = facility(1)["sites"]["dc1"]
    sites = {
        name: SiteFacts(
            owner="operator", site=Site.model_validate({**declared, "district": district, "overhead": overhead})
        )
        for name, district in (("dc", "north"), ("ec", "south"))
    }
    totals = {"dc/a": RoomTotals(3_000, 2_000), "ec/a": RoomTotals(3_000, 2_000)}
    zone = ZoneFacts(zone=Zone.model_validate({**ZONE, "districts": districts}), sites=sites, rooms=totals)
    here = replace(world(rack("dc/a/1/01")), zone=zone)
    over = "energy-quota: data centres of north take 27 MWh"
    for watts, said in ((200, []), (1_000, [over])):
        (room,) = rooms(here, watts=watts)
        assert [note.partition(" in a year")[0] for note in room.notes] == said


def test_a_room_of_another_party_alone_takes_nobody_else() -> None:
    """A room, row or rack that somebody wants alone has no space for others, and has it for that party."""
    inside = (occupant("dc/a/1/01", exclusive="room"), occupant("dc/b/1/01", exclusive="row"))
    here = world(rack("dc/a/1/01"), rack("dc/a/1/02"), rack("dc/b/1/01"), rack("dc/b/2/01"), inside=inside)
    assert [(one.room, one.racks) for one in fit(here, Wish(watts=1, units=1))] == [("dc/b", 1), ("dc/a", 0)]
    own = fit(here, Wish(watts=1, units=1), party="t1")
    assert {one.room: one.free_units for one in own} == {"dc/a": 19, "dc/b": 19}


def test_a_rack_at_its_weight_takes_no_node() -> None:
    """What is free is told, but a rack that carries all that it may is no place for anything."""
    inside = (occupant("dc/a/1/01", weight_kg=1_000),)
    assert found(world(rack("dc/a/1/01"), inside=inside)) == [("dc/a", 0, 2_500, 9, 1_000, 1)]
    inside = (occupant("dc/a/1/01", weight_kg=999.999),)
    assert found(world(rack("dc/a/1/01"), inside=inside)) == [("dc/a", 1, 2_500, 9, 0, 0)]
