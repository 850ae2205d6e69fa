"""One small world for each rule that breaks it, so that the reference shows messages that rules really say."""

from collections.abc import Mapping
from types import MappingProxyType

from zonewright.model.cluster import Spread
from zonewright.model.power import Draw
from zonewright.model.world import ClusterFacts, Feed, Occupant, Rack, Standing, World

_RACK = "qp-dc1/c/01/07"
_BASELINE_PATH = "sites.qp-dc1.rooms.c.rows.01.baseline.old"


def _world(*occupants: Occupant, spread: Spread | None = None) -> World:
    feeds = {
        "A": Feed(available_w=5900, power_panel="panel-a"),
        "B": Feed(available_w=5900, power_panel="panel-b"),
    }
    rack = Rack(
        id=_RACK,
        owner="operator-b",
        u_height=42,
        max_weight_kg=1200,
        feeds={"A": feeds["A"], "B": feeds["B"]},
    )
    core = ClusterFacts(
        party="tenant-fin", stack="fin", name="core", site="qp-dc1", spread=spread, path="clusters.core"
    )
    return World(racks={_RACK: rack}, occupants=occupants, clusters=(core,))


def _node(
    number: str,
    position: int,
    *,
    rack: str = _RACK,
    watts: int = 500,
    required: int = 1,
    weight_kg: float = 28.6,
    standing: Standing = "wanted",
) -> Occupant:
    return Occupant(
        party="tenant-fin",
        stack="fin",
        name=f"core-{number}",
        rack=rack,
        position=position,
        u_height=2,
        draw=Draw(allocated_w=watts, required=required),
        weight_kg=weight_kg,
        standing=standing,
        cluster="core",
        path=f"clusters.core.places.{number}",
    )


_OLD = Occupant(
    party="operator-b",
    name=f"baseline/old/{_RACK}",
    rack=_RACK,
    position=1,
    u_height=6,
    draw=Draw(allocated_w=4000),
    weight_kg=300.0,
    standing="baseline",
    path=_BASELINE_PATH,
)

EXAMPLES: Mapping[str, World] = MappingProxyType(
    {
        "rack-exists": _world(_node("003", 7, rack="qp-dc1/c/01/77")),
        "unit-range": _world(_node("003", 42)),
        "unit-overlap": _world(_OLD, _node("003", 6)),
        "rack-weight": _world(_OLD, _node("003", 7, weight_kg=901.5)),
        "feed-capacity": _world(
            *(_node(f"{index:03}", 2 * index + 5, watts=2600, required=2, standing="active") for index in (1, 2, 3)),
            _node("004", 15, watts=2600, required=2),
        ),
        "feed-failover": _world(_OLD, _node("002", 7, watts=1200), _node("003", 9, watts=1900)),
        "spread": _world(_node("001", 7), _node("002", 9), spread=Spread(scope="row", at_least=2)),
    }
)
