"""What is kept of bystanders from one change to the next never makes another answer than working all out anew."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from support.rule_cases import world as world_of
from zonewright.model import Relation, Spread, Survival
from zonewright.model.cluster import Scope
from zonewright.model.power import FEEDS, Draw, wiring_of
from zonewright.model.rack import Feed, Rack
from zonewright.model.supply import FeedName, Phase
from zonewright.model.world import Bystanders, ClusterFacts, Occupant, Standing, World
from zonewright.rules import evaluate
from zonewright.rules.loads import by_key, sums_of, total

_SCOPES: tuple[Scope, ...] = ("rack", "row", "room")
NONE: frozenset[FeedName] = frozenset()
LEGS: tuple[tuple[Phase, int], ...] = (("L1", 0b11110), ("L2", 0b111100000))
_SINGLE = Draw(allocated_w=300, supplies=1, single_feed="B")
DRAWS = st.sampled_from([Draw(allocated_w=200), Draw(allocated_w=900, supply_w=400), _SINGLE, Draw(allocated_w=0)])
ZONE = world_of({
    "limits": {"separated-protection-level": 3, "phase-imbalance-percent": 10, "stranded-percent": 5},
    "node_types": {"n": {"u": 2, "w": 400, "kg": 10}},
    "sites": {"dc": {}},
}).zone  # fmt: skip


@st.composite
def racks(draw: st.DrawFn) -> dict[str, Rack]:
    """Two rooms; feeds have phases, or one of them has failed, here and there."""
    found: dict[str, Rack] = {}
    for room in "ab":
        for row in ("1", "2")[: draw(st.integers(1, 2))]:
            legs = draw(st.sampled_from([(), LEGS]))
            names: tuple[FeedName, ...] = draw(st.sampled_from([("A", "B"), ("A", "B"), ("A",)]))
            feeds = {name: Feed(available_w=1500, power_panel=f"p{name}", legs=legs) for name in names}
            for number in range(1, draw(st.integers(1, 3)) + 1):
                rack_id = f"dc/{room}/{row}/{number:02}"
                failed = draw(st.sampled_from([NONE, frozenset(FEEDS[:1])]))
                heat = draw(st.sampled_from([None, 800]))
                found[rack_id] = Rack(
                    id=rack_id,
                    owner="op",
                    u_height=8,
                    max_weight_kg=90,
                    feeds=feeds,
                    failed_feeds=failed,
                    cooling_w=heat,
                    row_cooling_w=heat,
                    accepts=room == "a",
                )
    return found


@st.composite
def nodes(draw: st.DrawFn, rack_ids: list[str], standings: tuple[Standing, ...], stacks: str) -> list[Occupant]:
    """Nodes of a few stacks wherever they are; one may stand in two places, as while it moves."""
    found = []
    for _ in range(draw(st.integers(0, 7))):
        stack = draw(st.sampled_from(stacks))
        cluster = draw(st.sampled_from(["web", "core"]))
        found.append(
            Occupant(
                party=f"t{stack}",
                stack=stack,
                name=f"{cluster}-{draw(st.integers(1, 4)):03}",
                cluster=cluster,
                rack=draw(st.sampled_from(rack_ids)),
                position=draw(st.integers(1, 8)),
                u_height=draw(st.integers(1, 2)),
                is_full_depth=draw(st.booleans()),
                draw=draw(DRAWS),
                weight_kg=draw(st.sampled_from([0.0, 20.5])),
                standing=draw(st.sampled_from(standings)),
                protection_level=draw(st.sampled_from([1, 3])),
                exclusive=draw(st.sampled_from([None, None, None, "rack"])),
                path=draw(st.sampled_from(["", f"clusters.{cluster}"])),
            )
        )
    return found


@st.composite
def clusters(draw: st.DrawFn, stacks: str) -> tuple[ClusterFacts, ...]:
    """What the clusters of the stacks ask for."""
    spreads = st.builds(
        Spread,
        scope=st.sampled_from(_SCOPES),
        at_least=st.integers(1, 3),
        max_per_domain=st.none() | st.integers(1, 2),
        max_share_percent=st.none() | st.integers(20, 100),
        max_skew=st.none() | st.integers(1, 2),
    )
    return tuple(
        ClusterFacts(
            party=f"t{stack}", stack=stack, name=name, site="dc", path=f"clusters.{name}",
            spread=draw(st.none() | spreads), needs_dual_power=draw(st.booleans()),
            survives=draw(st.sampled_from([None, Survival(scope="rack", keeps_percent=60)])),
            apart_from=draw(st.sampled_from([(), (Relation(cluster="core", scope="row"),)])) if name == "web" else (),
        )
        for stack in stacks for name in ("web", "core")
    )  # fmt: skip


@given(st.data())
def test_one_change_after_the_other_is_judged_as_from_scratch(data: st.DataObject) -> None:
    """Beside the same bystanders any nodes of a stack get the findings that they get where nothing was kept."""
    found = data.draw(racks())
    others = Bystanders(tuple(data.draw(nodes(sorted(found), ("baseline", "active", "releasing", "reserved"), "ab"))))
    asked = data.draw(clusters("abc"))
    for _ in range(3):
        own = tuple(data.draw(nodes([*sorted(found), "dc/a/9/01"], ("wanted", "active", "releasing"), "c")))
        judged = data.draw(st.none() | st.frozensets(st.sampled_from(sorted(found))))
        world = World(racks=found, bystanders=others, occupants=own, clusters=asked, zone=ZONE)
        anew = replace(world, bystanders=Bystanders(), occupants=tuple(replace(one) for one in world.everybody))
        assert evaluate(world, racks=judged) == evaluate(anew, racks=judged)


@given(nodes(["dc/a/1/01"], ("wanted", "releasing"), "ab"))
def test_the_sum_of_a_rack_is_that_of_its_nodes(inside: list[Occupant]) -> None:
    """Summed up by kind, a rack has the figures that it has node by node, also where a node stands twice."""
    wiring = wiring_of(frozenset(FEEDS), NONE)
    assert sums_of(inside, wiring) == total(by_key(inside, wiring).values())
