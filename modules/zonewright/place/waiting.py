"""Nodes of one cluster that wait for a place. Internal to placement."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from zonewright.model.cluster import WideScope
from zonewright.place.rack_state import NodeShape
from zonewright.place.spread_count import SpreadCount


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Nodes of one cluster that wait for a place.

    Attributes:
        cluster: its id.
        shape: of each of them.
        count: how many wait.
        racks: ids of the racks that they may be in, as far as the racks and who stands there go.
        spread: what the cluster's spread allows, with the nodes that have a place.
        apart: clusters that they must not share a domain with.
        far: clusters that they keep a distance from or to.
        never_beside: those of all of them that must not be in the same rack.
    """

    cluster: str
    shape: NodeShape
    count: int
    racks: frozenset[str]
    spread: SpreadCount
    apart: Mapping[str, WideScope] = field(default_factory=dict)
    far: frozenset[str] = frozenset()
    never_beside: frozenset[str] = frozenset()
