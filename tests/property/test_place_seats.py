"""Places that are found keep all rules, stay where they are, and do not depend on any order."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from zonewright.model import Cluster, NodeType, Place, Spread, Survival
from zonewright.model.cluster import Scope
from zonewright.model.demand import ClusterDemand, Demand
from zonewright.model.expand import nodes_of
from zonewright.model.power import Draw
from zonewright.model.rack import Feed, Rack
from zonewright.model.rack_position import RackPosition
from zonewright.model.site import Face
from zonewright.model.supply import FeedName, Phase
from zonewright.model.world import Occupant, Standing, World
from zonewright.place import change_world, failed, place, read_set, touched
from zonewright.rules import Finding, evaluate

STACK = "s1"
FACES: tuple[Face, ...] = ("front", "rear")
SCOPES: tuple[Scope, ...] = ("rack", "row", "room")


def on_racks(world: World) -> tuple[Finding, ...]:
    """What the rules of racks refuse; premises speak of nothing else."""
    return tuple(one for one in evaluate(world, reach="rack") if one.refuses)


NONE: frozenset[FeedName] = frozenset()
A: frozenset[FeedName] = frozenset(("A",))


@st.composite
def racks(draw: st.DrawFn) -> dict[str, Rack]:
    """A site of up to three rooms with one or two rows each; some are closed, some have one feed or a failed one."""
    found: dict[str, Rack] = {}
    for room in ("a", "b", "c")[: draw(st.integers(1, 3))]:
        accepts = draw(st.sampled_from([True, True, True, False]))
        may_open = draw(st.sampled_from([frozenset[str](), frozenset({"t1"})]))
        for row in ("1", "2")[: draw(st.integers(1, 2))]:
            names: tuple[FeedName, ...] = draw(st.sampled_from([("A", "B"), ("A", "B"), ("A",), ("B",)]))
            feeds = {name: Feed(available_w=draw(st.integers(200, 4000)), power_panel="p") for name in names}
            for number in range(1, draw(st.integers(1, 3)) + 1):
                rack_id = f"dc/{room}/{row}/{number:02}"
                found[rack_id] = Rack(
                    id=rack_id,
                    owner="op",
                    u_height=draw(st.integers(2, 12)),
                    max_weight_kg=draw(st.integers(100, 300)),
                    feeds=feeds,
                    accepts=accepts,
                    may_open=may_open,
                    failed_feeds=draw(
                        st.sampled_from([frozenset[FeedName](), frozenset[FeedName](), frozenset[FeedName](("A",))])
                    )
                    & frozenset(names),
                )
    return found


@st.composite
def occupants(draw: st.DrawFn, rack_ids: list[str]) -> Occupant:
    """Something of others in one of the racks; it may break rules by itself."""
    standing: Standing = draw(st.sampled_from(["baseline", "reserved", "admitted", "active", "releasing"]))
    return Occupant(
        party="op" if standing == "baseline" else "t2",
        stack="" if standing == "baseline" else "s2",
        name=f"x-{draw(st.integers(0, 10_000)):05}",
        rack=draw(st.sampled_from(rack_ids)),
        position=draw(st.integers(1, 12)),
        u_height=draw(st.integers(1, 4)),
        face=draw(st.sampled_from(FACES)),
        is_full_depth=draw(st.booleans()),
        draw=Draw(allocated_w=draw(st.integers(0, 900)), supplies=draw(st.integers(1, 3))),
        weight_kg=draw(st.floats(0, 60)),
        standing=standing,
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A world of others in which no rule is broken."""
    found = draw(racks())
    kept: list[Occupant] = []
    for item in draw(st.lists(occupants(sorted(found)), max_size=12, unique_by=lambda item: item.name)):
        if not on_racks(World(racks=found, occupants=(*kept, item))):
            kept.append(item)
    return World(racks=found, occupants=tuple(kept))


@st.composite
def cluster_demands(draw: st.DrawFn) -> ClusterDemand:
    """A cluster without chosen places."""
    supplies = draw(st.integers(1, 3))
    watts = draw(st.integers(1, 1200))
    kind = NodeType(
        manufacturer="m",
        model="m",
        u_height=draw(st.integers(1, 4)),
        is_full_depth=draw(st.booleans()),
        weight_kg=draw(st.floats(0.5, 60)),
        maximum_draw=watts,
        allocated_draw=watts,
        power_supplies=supplies,
        power_supplies_required=draw(st.integers(1, supplies)),
        power_supply_worst_share=draw(st.sampled_from([0.5, 0.6, 0.73, 1.0])),
    )
    spread = draw(
        st.none()
        | st.builds(
            Spread,
            scope=st.sampled_from(SCOPES),
            at_least=st.integers(1, 4),
            max_per_domain=st.none() | st.integers(1, 3),
            max_share_percent=st.none() | st.integers(10, 100),
            max_skew=st.none() | st.integers(1, 2),
        )
    )
    count, failures = draw(st.integers(1, 8)), draw(st.integers(1, 2))
    kept = 100 * (count - failures * draw(st.integers(1, 3))) // count  # so that some spread keeps as many
    survives = None
    if kept > 0 and draw(st.booleans()):
        survives = Survival(scope=draw(st.sampled_from(SCOPES)), failures=failures, keeps_percent=kept)
    cluster = Cluster(
        site="dc",
        node_type="n",
        count=count,
        rooms=draw(st.sampled_from([(), (), ("a",), ("a", "b")])),
        face=draw(st.sampled_from(FACES)),
        feed=draw(st.sampled_from(["A", "B"])),
        spread=spread,
        survives=survives,
        power=draw(st.sampled_from(["any", "any", "dual"])),
    )
    return ClusterDemand(cluster=cluster, node_type=kind)


def demand_of(clusters: Mapping[str, ClusterDemand]) -> Demand:
    """A demand of party t1."""
    return Demand(zone="z", zone_digest="d", party="t1", clusters=dict(clusters))


demands = st.dictionaries(st.sampled_from(["core", "edge", "web"]), cluster_demands(), min_size=1, max_size=3).map(
    demand_of
)


def fitting(world: World, demand: Demand, sticky: Mapping[str, RackPosition], standing: tuple[Occupant, ...]) -> Demand:
    """The part of a demand that finds places: nodes without one are left out until all have one."""
    while unplaced := place(world, demand, stack=STACK, sticky=sticky, standing=standing).unplaced:
        clusters: dict[str, ClusterDemand] = {}
        for key, part in demand.clusters.items():
            nodes = [node.name for node in nodes_of(key, part.cluster)]
            gone = [name.rpartition("-")[2] for name in nodes if name in unplaced]
            cluster = part.cluster.model_copy(update={"without": (*part.cluster.without, *gone)})
            if len(gone) < len(nodes):
                clusters[key] = part.model_copy(update={"cluster": cluster})
        demand = demand_of(clusters)
    return demand


@st.composite
def placeable(draw: st.DrawFn) -> tuple[World, Demand]:
    """A world with a demand that fits into it."""
    world = draw(worlds())
    return world, fitting(world, draw(demands), {}, ())


def standing_of(world: World) -> tuple[Occupant, ...]:
    """The stack's own claims once its resources exist."""
    return tuple(replace(item, standing="active", path="") for item in world.occupants if item.stack == STACK)


@given(world=worlds(), demand=demands)
def test_found_places_break_no_rule(world: World, demand: Demand) -> None:
    """Whatever is found for automatic nodes, the rules have nothing to say about it, but that some have no place."""
    placement = place(world, demand, stack=STACK, sticky={})
    findings = on_racks(change_world(world, demand, placement.seats, stack=STACK))
    left_out = {("n-minus", name.rpartition("-")[0]) for name in placement.unplaced}
    left_out |= {("spread", name.rpartition("-")[0]) for name, why in placement.unplaced.items() if "spread" in why}
    assert {(finding.rule, finding.subject) for finding in findings} <= left_out


@given(case=placeable())
def test_whole_placements_break_no_rule(case: tuple[World, Demand]) -> None:
    """Where all nodes have a place, the rules have nothing to say at all."""
    world, demand = case
    placement = place(world, demand, stack=STACK, sticky={})
    assert on_racks(change_world(world, demand, placement.seats, stack=STACK)) == ()


@given(world=worlds(), demand=demands)
def test_each_node_has_a_place_or_a_reason(world: World, demand: Demand) -> None:
    """Each node is either placed or told why not, in one sentence without a line break."""
    placement = place(world, demand, stack=STACK, sticky={})
    names = {node.name for key, part in demand.clusters.items() for node in nodes_of(key, part.cluster)}
    assert placement.seats.keys() | placement.unplaced.keys() == names
    assert not placement.seats.keys() & placement.unplaced.keys()
    assert all(reason and "\n" not in reason for reason in placement.unplaced.values())


@given(world=worlds(), demand=demands, data=st.data())
def test_order_makes_no_difference(world: World, demand: Demand, data: st.DataObject) -> None:
    """Racks, occupants and clusters in another order give the same places, reasons and findings."""
    shuffled = World(
        racks=dict(data.draw(st.permutations(list(world.racks.items())))),
        occupants=tuple(data.draw(st.permutations(list(world.occupants)))),
    )
    other = demand_of(dict(data.draw(st.permutations(list(demand.clusters.items())))))
    one, two = place(world, demand, stack=STACK, sticky={}), place(shuffled, other, stack=STACK, sticky={})
    assert one == two
    seats = {name: replace(seat, position=1) for name, seat in one.seats.items()}
    assert on_racks(change_world(world, demand, seats, stack=STACK)) == on_racks(
        change_world(shuffled, other, seats, stack=STACK)
    )


@given(case=placeable(), data=st.data())
def test_placing_again_moves_nothing(case: tuple[World, Demand], data: st.DataObject) -> None:
    """With its own result as present places a stack stays where it is, also after others have come."""
    world, demand = case
    first = place(world, demand, stack=STACK, sticky={})
    assert place(world, demand, stack=STACK, sticky=first.seats).seats == first.seats
    after = change_world(world, demand, first.seats, stack=STACK)
    newcomer = data.draw(occupants(sorted(world.racks)))
    if on_racks(replace(after, occupants=(*after.occupants, newcomer))):
        return
    grown = replace(world, occupants=(*world.occupants, newcomer))
    assert place(grown, demand, stack=STACK, sticky=first.seats).seats == first.seats
    again = place(grown, demand, stack=STACK, sticky=first.seats, standing=standing_of(after))
    assert again.seats == first.seats


@given(case=placeable())
def test_nodes_that_stand_stay_in_closed_racks(case: tuple[World, Demand]) -> None:
    """A node with a resource stays, without a finding, when its rack no longer takes new nodes."""
    world, demand = case
    first = place(world, demand, stack=STACK, sticky={})
    standing = standing_of(change_world(world, demand, first.seats, stack=STACK))
    closed = {key: replace(rack, accepts=False, may_open=frozenset()) for key, rack in world.racks.items()}
    later = replace(world, racks=closed)
    again = place(later, demand, stack=STACK, sticky=first.seats, standing=standing)
    assert again.seats == first.seats
    assert on_racks(change_world(later, demand, again.seats, stack=STACK, standing=standing)) == ()


@given(case=placeable(), other=demands)
def test_changes_of_a_standing_stack_break_no_rule(case: tuple[World, Demand], other: Demand) -> None:
    """From any placed demand to any other: moves count at both ends, and still no rule is broken."""
    world, before = case
    first = place(world, before, stack=STACK, sticky={})
    standing = standing_of(change_world(world, before, first.seats, stack=STACK))
    after = fitting(world, other, first.seats, standing)
    second = place(world, after, stack=STACK, sticky=first.seats, standing=standing)
    during = change_world(world, after, second.seats, stack=STACK, standing=standing)
    assert on_racks(during) == ()
    assert failed(read_set(during, stack=STACK), world, stack=STACK) == ()


@given(world=worlds(), demand=demands)
def test_read_set_holds_right_after_placing(world: World, demand: Demand) -> None:
    """No premise of a proposal has failed while nothing has changed, whether its own nodes stand or not."""
    placement = place(world, demand, stack=STACK, sticky={})
    after = change_world(world, demand, placement.seats, stack=STACK)
    premises = read_set(after, stack=STACK)
    assert failed(premises, world, stack=STACK) == ()
    assert failed(premises, after, stack=STACK) == ()
    assert bool(premises) == bool(placement.seats)


@given(case=placeable(), data=st.data())
def test_read_set_fails_exactly_when_the_rules_would(case: tuple[World, Demand], data: st.DataObject) -> None:
    """After somebody else has come, a premise has failed if and only if the change now breaks a rule."""
    world, demand = case
    placement = place(world, demand, stack=STACK, sticky={})
    after = change_world(world, demand, placement.seats, stack=STACK)
    newcomer = data.draw(occupants(sorted(touched(after, STACK) or world.racks)))
    grown = replace(world, occupants=(*world.occupants, newcomer))
    if on_racks(grown):
        return
    broken = failed(read_set(after, stack=STACK), grown, stack=STACK)
    findings = on_racks(change_world(grown, demand, placement.seats, stack=STACK))
    assert bool(broken) == bool(findings)
    assert {premise.subject for premise in broken} == {finding.subject for finding in findings}


@given(world=worlds(), demand=demands, data=st.data())
def test_chosen_places_are_taken_as_they_are(world: World, demand: Demand, data: st.DataObject) -> None:
    """A place that the declaration names in full is given, whether a rule allows it or not."""
    cluster_id, part = next(iter(demand.clusters.items()))
    chosen = Place(rack=data.draw(st.sampled_from([*world.racks, "dc/z/9/99"])), position=data.draw(st.integers(1, 20)))
    cluster = part.cluster.model_copy(update={"places": {"001": chosen}})
    asked = demand_of({**demand.clusters, cluster_id: part.model_copy(update={"cluster": cluster})})
    placement = place(world, asked, stack=STACK, sticky={f"{cluster_id}-001": RackPosition("dc/a/1/01", 1)})
    assert placement.seats[f"{cluster_id}-001"] == RackPosition(chosen.rack, chosen.position or 0, part.cluster.face)


@given(world=worlds(), demand=demands, data=st.data())
def test_swaps_are_no_overlap(world: World, demand: Demand, data: st.DataObject) -> None:
    """Nodes of one cluster that trade their places in one change take no unit twice."""
    first = place(world, demand, stack=STACK, sticky={})
    cluster_id, part = next(iter(demand.clusters.items()))
    names = [node.name for node in nodes_of(cluster_id, part.cluster) if node.name in first.seats]
    standing = standing_of(change_world(world, demand, first.seats, stack=STACK))
    traded = dict(zip(names, data.draw(st.permutations([first.seats[name] for name in names])), strict=True))
    during = change_world(world, demand, {**first.seats, **traded}, stack=STACK, standing=standing)
    assert not [finding for finding in on_racks(during) if finding.rule.startswith("unit-")]


LEGS: tuple[tuple[Phase, int], ...] = (("L1", 0b1110), ("L2", 0b1110000), ("L3", 0b1110000000))


@given(world=worlds(), demand=demands, later=demands)
def test_phases_are_kept_to(world: World, demand: Demand, later: Demand) -> None:
    """No node that finds its place by itself brings a phase over its third, in a first change and in a later one."""
    racks = {
        key: replace(rack, feeds={name: replace(feed, legs=LEGS) for name, feed in rack.feeds.items()})
        for key, rack in world.racks.items()
    }
    told = World(racks=racks)
    first = place(told, demand, stack=STACK, sticky={})
    after = change_world(told, demand, first.seats, stack=STACK)
    assert [one for one in on_racks(after) if one.rule == "phase-load"] == []
    standing = standing_of(after)
    second = place(told, later, stack=STACK, sticky={}, standing=standing)
    during = change_world(told, later, second.seats, stack=STACK, standing=standing)
    assert [one for one in on_racks(during) if one.rule == "phase-load"] == []
