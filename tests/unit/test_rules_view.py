"""A world grouped for the rules is grouped in the same order in every process, and nothing of it is counted away."""

from support.zone_project import ZONE
from zonewright.model import Zone
from zonewright.model.network import Link
from zonewright.model.offer import Offer
from zonewright.model.power import Draw
from zonewright.model.world import Bystanders, LinkFacts, Occupant, World, ZoneFacts
from zonewright.rules.cores import offered_cores
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


def test_what_is_reserved_for_a_link_beyond_its_cores_counts_in_an_offer_too() -> None:
    """A link of 60 cores with 30 more reserved takes 90 of an offer of 90, so that another one gets none of it."""

    def inside(owner: str, cores: int) -> LinkFacts:
        return LinkFacts(owner=owner, link=Link(a="dc1", b="dc2", ducts=("d1",), cores_of=("l-1",), cores=cores))

    offers = {"all": Offer(links=("l-1",), cores=90)}
    carrier = LinkFacts(owner="carrier", link=Link(a="dc1", b="dc2", ducts=("d1",), cores=200), offers=offers)
    links = {"l-1": carrier, "l-2": inside("other", 60), "l-3": inside("third", 10)}
    zone = ZoneFacts(zone=Zone.model_validate(ZONE), links=links, contested=(("l-2", inside("other", 30)),))
    (found,) = offered_cores(view_of(World(racks={}, zone=zone, acting="third"), frozenset()))
    assert (found.value, found.limit) == (100, 90)
