"""A rack's state while places are given out: what it says is left is what can still be put in, one by one."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from zonewright.model.power import Draw
from zonewright.model.rack import Feed, Rack
from zonewright.model.rack_position import RackPosition
from zonewright.model.site import Face
from zonewright.model.supply import FeedName
from zonewright.model.world import Occupant, World
from zonewright.place.rack_state import Floor, Ground, NodeShape, RackState
from zonewright.rules.loads import NOTHING

RACK = "dc/a/1/01"
DRAWS = st.sampled_from([
    Draw(allocated_w=0),
    Draw(allocated_w=150),
    Draw(allocated_w=400, supplies=2, required=1),
    Draw(allocated_w=300, supplies=1, required=1, single_feed="A"),
    Draw(allocated_w=300, supplies=1, required=1, single_feed="B"),
])  # fmt: skip
_SIDES: list[tuple[bool, Face]] = [(True, "front"), (False, "front"), (False, "rear")]
SIDES = st.sampled_from(_SIDES)
_FEEDS: list[tuple[FeedName, ...]] = [("A", "B"), ("A",), ("B",)]


@st.composite
def racks(draw: st.DrawFn) -> Rack:
    """A rack with one feed or both, of which some have failed, and of few units."""
    names = draw(st.sampled_from(_FEEDS))
    feeds = {name: Feed(available_w=draw(st.integers(0, 2000)), power_panel=name) for name in names}
    return Rack(
        id=RACK,
        owner="op",
        u_height=draw(st.integers(1, 8)),
        max_weight_kg=draw(st.integers(0, 60)),
        feeds=feeds,
        failed_feeds=frozenset(draw(st.sets(st.sampled_from(names)))),
    )


@st.composite
def occupants(draw: st.DrawFn, party: str) -> tuple[Occupant, ...]:
    """Some nodes of a party in the rack, wherever they are."""
    found = []
    for number in range(draw(st.integers(0, 3))):
        is_deep, face = draw(SIDES)
        found.append(
            Occupant(
                party=party,
                stack="s",
                name=f"{party}-{number}",
                rack=RACK,
                position=draw(st.integers(1, 8)),
                u_height=draw(st.integers(1, 2)),
                is_full_depth=is_deep,
                face=face,
                draw=draw(DRAWS),
                weight_kg=draw(st.sampled_from([0.0, 10.0])),
                standing="active",
            )
        )
    return tuple(found)


@st.composite
def shapes(draw: st.DrawFn) -> NodeShape:
    """What a cluster's nodes have in common."""
    is_deep, face = draw(SIDES)
    faces: tuple[Face, ...] = ("front", "rear") if is_deep else (face,)
    return NodeShape(
        u_height=draw(st.integers(1, 3)),
        faces=faces,
        face=face,
        draw=draw(DRAWS),
        grams=draw(st.sampled_from([0, 9000])),
    )


def state_of(rack: Rack, others: Sequence[Occupant], own: Sequence[Occupant]) -> RackState:
    """Half of the others as bystanders, as a ledger groups them."""
    return RackState(Ground(rack, others[::2]), others[1::2], own)


def put_in(state: RackState, shape: NodeShape) -> int:
    """How many nodes of a shape go in, one after the other."""
    for count in range(99):
        key = ("t", "s", f"new-{count}")
        position = state.lowest(shape)
        if position is None or not state.takes(shape, key):
            return count
        assert state.has_units(shape, position)
        state.add(shape, key, position)
        assert not state.has_units(shape, position)
    raise AssertionError("a rack takes no 99 nodes")


@given(racks(), occupants("o"), occupants("t"), shapes())
def test_room_is_for_as_many_as_can_be_put_in(
    rack: Rack, others: tuple[Occupant, ...], own: tuple[Occupant, ...], shape: NodeShape
) -> None:
    """The number of nodes that fit is that of trying; own nodes that are among them count for nobody else."""
    room = state_of(rack, others, own).room_for(shape)
    assert room == put_in(state_of(rack, others, own), shape)
    among = {item.name for item in own[:1]}
    without = state_of(rack, others, own[1:])
    assert state_of(rack, others, own).room_for(shape, among) == put_in(without, shape)


@given(racks(), occupants("o"), shapes())
def test_what_is_left_is_the_most_that_one_more_node_may_draw(
    rack: Rack, others: tuple[Occupant, ...], shape: NodeShape
) -> None:
    """Watts that stay free are what a further node on all feeds may draw, and no watt more, while all feeds work."""
    state = state_of(rack.mended, others, ())
    asked = shape.figures(state.wiring)
    left = state.left_after(asked)
    fits = all(used + more <= limit for used, more, limit in zip(state.sums, asked, state.limits, strict=True))
    assert (left is not None) == fits
    if left is None:
        return
    state.add(shape, ("t", "s", "one"), 1)
    feed = next(iter(rack.feeds))
    both = {"supplies": 2} if len(rack.feeds) > 1 else {"supplies": 1, "single_feed": feed}

    def carries(watts: int) -> bool:
        draw = Draw(allocated_w=watts, required=1, **both)
        node = NodeShape(u_height=1, faces=("front",), face="front", draw=draw, grams=0)
        return state.carries(node.figures(state.wiring))

    assert carries(left)
    assert not carries(left + 1)


@given(racks(), shapes(), st.integers(-1, 10))
def test_units_are_within_the_rack(rack: Rack, shape: NodeShape, position: int) -> None:
    """An empty rack has units for a shape wherever the shape lies between its first and its last unit, else not."""
    inside = position >= 1 and position + shape.u_height - 1 <= rack.u_height
    assert state_of(rack, (), ()).has_units(shape, position) is inside


@given(racks(), occupants("o"), shapes())
def test_what_is_put_on_the_floor_counts_from_then_on(
    rack: Rack, others: tuple[Occupant, ...], shape: NodeShape
) -> None:
    """A node that gets a place takes its units and loads there, and its room draws power if it does."""
    floor = Floor(World(racks={RACK: rack}, occupants=others), (), party="t")
    before = floor.state(RACK)
    assert before is not None
    was_in_use, sums, asked = floor.is_in_use("dc/a"), before.sums, shape.figures(before.wiring)
    floor.put(shape, ("t", "s", "one"), RackPosition(rack="dc/a/1/99", position=1))
    assert floor.state("dc/a/1/99") is None
    assert (floor.is_in_use("dc/a"), before.sums) == (was_in_use, sums)
    floor.put(shape, ("t", "s", "one"), RackPosition(rack=RACK, position=1))
    after = floor.state(RACK)
    assert after is not None
    assert after.sums == tuple(map(int.__add__, sums, asked))
    assert after.own["t", "s", "one"] == tuple(map(int.__add__, NOTHING, asked))
    assert not after.has_units(shape, 1)
    assert floor.is_in_use("dc/a") is (was_in_use or shape.draw.allocated_w > 0)
    floor.put(shape, ("t", "s", "one"), RackPosition(rack=RACK, position=1))
    assert after.sums == tuple(map(int.__add__, sums, asked))
