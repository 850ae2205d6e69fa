"""Random halls of equal racks that are known to hold a change: its nodes were put into them first."""

import random
from functools import cache

from zonewright.model import Cluster, NodeType
from zonewright.model.demand import ClusterDemand, Demand
from zonewright.model.rack import Feed, Rack
from zonewright.model.world import World

Kind = tuple[int, int, int]
"""Units, watts and kilograms of a node."""


def full_hall(seed: int, *, racks: int, filled: float, height: int = 42, kinds: int = 7) -> tuple[World, Demand]:
    """Racks, and nodes that fill a share of them to the last node that goes in.

    Args:
        seed: another one gives another hall.
        racks: how many.
        filled: share of the racks that the nodes were put into.
        height: of each rack, in U.
        kinds: how many kinds of nodes at most.
    """
    number = random.Random(seed)
    nodes: list[Kind] = [
        (number.choice([1, 1, 2, 2, 3, 4, 5]), number.randint(150, 1600), number.randint(8, 60))
        for _ in range(number.randint(min(4, kinds), kinds))
    ]
    whole = (
        height,
        number.choice([6, 8, 10, 12]) * 1000 * height // 42,
        number.choice([4, 6, 8, 10]) * height * 100 // 42,
    )
    counts = [0] * len(nodes)
    for _ in range(round(racks * filled)):
        left = whole
        while fitting := [index for index, node in enumerate(nodes) if fits(node, left)]:
            index = number.choice(fitting)
            counts[index] += 1
            left = (left[0] - nodes[index][0], left[1] - nodes[index][1], left[2] - nodes[index][2])
    return hall(whole, racks), wish(
        {f"c{index}": (node, counts[index]) for index, node in enumerate(nodes) if counts[index]}
    )


def fits(node: Kind, left: Kind) -> bool:
    """Whether a node goes into what is left of a rack."""
    return all(asked <= have for asked, have in zip(node, left, strict=True))


def hall(whole: Kind, racks: int) -> World:
    """Equal racks in one row, each with two feeds."""
    units, watts, kilograms = whole
    feed = Feed(available_w=watts, power_panel="p")
    ids = [f"dc/a/1/{number:03}" for number in range(1, racks + 1)]
    return World(
        racks={
            one: Rack(id=one, owner="op", u_height=units, max_weight_kg=kilograms, feeds={"A": feed, "B": feed})
            for one in ids
        }
    )


def wish(clusters: dict[str, tuple[Kind, int]]) -> Demand:
    """Clusters of one party at site dc: kind and number of the nodes of each."""
    return Demand(
        zone="z",
        zone_digest="d",
        party="t1",
        clusters={
            name: ClusterDemand(
                cluster=Cluster(site="dc", node_type="n", count=count),
                node_type=NodeType(
                    manufacturer="m",
                    model="m",
                    u_height=units,
                    weight_kg=kilograms,
                    maximum_draw=watts,
                    allocated_draw=watts,
                ),
            )
            for name, ((units, watts, kilograms), count) in clusters.items()
        },
    )


def holds(whole: Kind, racks: int, clusters: dict[str, tuple[Kind, int]]) -> bool:
    """Whether equal empty racks hold the nodes, by trying every way: an exact answer for small halls."""
    kinds = [node for node, _ in clusters.values()]

    @cache
    def rest(left: tuple[int, ...], open_racks: int) -> bool:
        if not any(left):
            return True
        return open_racks > 0 and any(
            rest(tuple(map(int.__sub__, left, mix)), open_racks - 1) for mix in mixes(left, whole, 0) if any(mix)
        )

    def mixes(left: tuple[int, ...], free: Kind, index: int) -> list[tuple[int, ...]]:
        if index == len(kinds):
            return [()]
        found = []
        for count in range(left[index] + 1):
            units, watts, kilograms = (have - count * asked for have, asked in zip(free, kinds[index], strict=True))
            if min(units, watts, kilograms) < 0:
                break
            found += [(count, *more) for more in mixes(left, (units, watts, kilograms), index + 1)]
        return found

    return rest(tuple(count for _, count in clusters.values()), racks)
