"""The world as it will be during a change: both ends of each move, the nodes that leave, and the clusters."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from zonewright.model.demand import ClusterDemand, Demand
from zonewright.model.expand import Node, draw_of, nodes_of
from zonewright.model.power import Draw
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import ClusterFacts, Occupant, World


def occupant_of(
    node: Node, wanted: ClusterDemand, seat: RackPosition, draw: Draw, *, party: str, stack: str
) -> Occupant:
    """A node of a demand at a place, with standing "wanted" and the draw of its cluster's nodes."""
    return Occupant(
        party=party,
        stack=stack,
        name=node.name,
        rack=seat.rack,
        position=seat.position,
        u_height=wanted.node_type.u_height,
        face=seat.face,
        is_full_depth=wanted.node_type.is_full_depth,
        draw=draw,
        weight_kg=wanted.node_type.weight_kg,
        standing="wanted",
        cluster=node.cluster,
        exclusive=wanted.cluster.exclusive,
        protection_level=wanted.cluster.protection_level,
        cooling=wanted.node_type.cooling,
        path=node.path,
    )


def same_place(one: Occupant, two: Occupant) -> bool:
    """Whether two occupants take the same units and draw the same power: nothing has to be done between them."""
    return (one.rack, one.position, one.u_height, one.faces, one.face, one.draw, one.weight_kg) == (
        two.rack,
        two.position,
        two.u_height,
        two.faces,
        two.face,
        two.draw,
        two.weight_kg,
    )


def change_world(
    world: World, demand: Demand, seats: Mapping[str, RackPosition], *, stack: str, standing: tuple[Occupant, ...] = ()
) -> World:
    """The world during the change.

    A node that stays as it is has standing "active" and a path; a new, moved or altered one is "wanted", and its
    old end is "releasing", which draws power but does not block units for this change.

    Args:
        world: racks with everybody else's occupants.
        demand: what the stack wants.
        seats: places by node name; nodes without one are left out.
        stack: id of the stack.
        standing: the stack's own claims that have a resource.
    """
    new = tuple(_wanted(demand, seats, stack))
    wanted = {item.key: item for item in new} if standing else {}
    leaving: list[Occupant] = []
    for item in standing:
        present = wanted.get(item.key)
        if present is None or not same_place(item, present):
            leaving.append(replace(item, standing="releasing", blocks_units=False))
        elif item.standing == "active":
            wanted[item.key] = replace(present, standing="active")
    return replace(
        world,
        occupants=(*world.occupants, *(wanted.values() if standing else new), *leaving),
        clusters=(*world.clusters, *cluster_facts(demand, stack)),
    )


def cluster_facts(demand: Demand, stack: str) -> tuple[ClusterFacts, ...]:
    """What rules must know of the clusters of a demand."""
    return tuple(
        ClusterFacts(
            party=demand.party,
            stack=stack,
            name=cluster_id,
            site=part.cluster.site,
            spread=part.cluster.spread,
            survives=part.cluster.survives,
            apart_from=part.cluster.apart_from,
            together_with=part.cluster.together_with,
            distances=part.cluster.distances,
            exclusive=part.cluster.exclusive,
            connections=part.cluster.connections,
            needs_dual_power=part.cluster.power == "dual",
            rooms=part.cluster.rooms,
            path=f"clusters.{cluster_id}",
        )
        for cluster_id, part in sorted(demand.clusters.items())
    )


def _wanted(demand: Demand, seats: Mapping[str, RackPosition], stack: str) -> Iterator[Occupant]:
    for cluster_id, wanted in demand.clusters.items():
        draw = draw_of(wanted.node_type, wanted.cluster)
        for node in nodes_of(cluster_id, wanted.cluster):
            seat = seats.get(node.name)
            if seat is not None:
                yield occupant_of(node, wanted, seat, draw, party=demand.party, stack=stack)


def touched(world: World, stack: str) -> frozenset[str]:
    """Racks in which the stack has something, before, during or after its change; no bystander is of the stack."""
    return frozenset(item.rack for item in world.occupants if item.stack == stack)
