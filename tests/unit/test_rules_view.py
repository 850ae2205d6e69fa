"""A world grouped for the rules is grouped in the same order in every process."""

from zonewright.model.power import Draw
from zonewright.model.world import Bystanders, Occupant, World
from zonewright.rules.view import view_of


def test_racks_come_in_the_order_of_their_bystanders() -> None:
    """Racks to be judged are not in the order of a set, which would differ from process to process."""
    racks = [f"dc/a/1/{number:02}" for number in range(20)]
    bystanders = Bystanders(
        tuple(
            Occupant(
                party="p",
                stack="s",
                name=rack,
                rack=rack,
                position=1,
                u_height=1,
                draw=Draw(allocated_w=1),
                standing="active",
            )
            for rack in racks
        )
    )
    view = view_of(World(racks={}, bystanders=bystanders), frozenset(racks[1:]))
    assert list(view.in_rack) == racks[1:]
