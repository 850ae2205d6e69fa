"""Rules about offers: claims lie within what is offered to their party, and no offer is used beyond what it has."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from zonewright.model.rack import OfferFacts, Rack
from zonewright.model.world import Occupant
from zonewright.rules.finding import Participant
from zonewright.rules.offered import opening_of, units_outside, used_w, users_of
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View, participants_of
from zonewright.rules.words import amount, count_of, listed, span


def offered_place(view: View) -> Iterator[Breach]:
    """A new node stands in units that are offered to its party."""
    for rack_id, occupants in view.in_rack.items():
        rack = view.racks.get(rack_id)
        if rack is None or rack.offers is None:
            continue
        for item in occupants:
            outside = units_outside(rack, item) if item.standing == "wanted" else 0
            if outside and not _stood_there(item, occupants):
                yield _outside(item, rack, outside)


OFFERED_PLACE = Rule(
    id="offered-place",
    title="A new node stands in units that its party is offered.",
    level="mandatory",
    description=(
        "The first offer of a site closes the rest of its racks for all but their operator. A site without offers is "
        "open as its rows and rooms say. The rule judges new and moved nodes. A node that stands outside stays as it "
        "is, and may draw less. Value is the number of units outside."
    ),
    unit="U",
    reference="the operator's offers, `offers` in its file",
    function=offered_place,
)


def _stood_there(item: Occupant, occupants: Sequence[Occupant]) -> bool:
    """Whether the same node had these units already, and drew no less."""
    return any(
        one.key == item.key
        and one.standing == "releasing"
        and set(item.units) <= set(one.units)
        and item.draw.allocated_w <= one.draw.allocated_w
        for one in occupants
    )


def _outside(item: Occupant, rack: Rack, outside: int) -> Breach:
    offers = rack.offers_for(item.party) or ()
    pieces = [span(one.first, min(one.last, rack.u_height) - one.first + 1) for one in offers]
    has = f"{listed(pieces)} of it" if pieces else "nothing in it"
    return Breach(
        subject=rack.id,
        where=item.path,
        message=(
            f"{item.name} would take {span(item.position, item.u_height)} of rack {rack.id}; {item.party} is offered "
            f"{has}"
        ),
        value=outside,
        limit=0,
        unit="U",
        excess=outside,
        participants=participants_of([item]),
        fix=f"choose units that are offered to {item.party}, or ask the facility operator for an offer of them",
    )


def offered_power(view: View) -> Iterator[Breach]:
    """What stands in an offer draws no more than is offered with it."""
    asked: dict[str, list[Occupant]] = defaultdict(list)
    limits: dict[str, OfferFacts] = {}
    for rack_id, occupants in view.in_rack.items():
        rack = view.racks.get(rack_id)
        for item in occupants if rack is not None and rack.offers else ():
            if rack is None or item.standing != "wanted" or item.party == rack.owner:
                continue
            one = opening_of(rack, item)
            if one is not None and one.power_w is not None and one.is_for(item.party):
                asked[one.key].append(item)
                limits[one.key] = one
    for key, items in sorted(asked.items()):
        limit, used = limits[key].power_w or 0, used_w(view.world, key)
        had = _had(view, key)
        more = sum(max(0, used.get(item.key, 0) - had.get(item.key, 0)) for item in items)
        total = sum(used.values())
        if total > limit and more > 0:
            yield _too_much(view, key, items, total=total, limit=limit)


def _had(view: View, key: str) -> dict[tuple[str, str, str], int]:
    """Watts that nodes had in an offer before the change moves or alters them."""
    found: dict[tuple[str, str, str], int] = {}
    inside = set(view.world.offered.get(key, ()))
    for item in view.world.occupants:
        rack = view.racks.get(item.rack)
        if item.rack in inside and item.standing == "releasing" and rack is not None:
            one = opening_of(rack, item)
            if one is not None and one.key == key:
                found[item.key] = max(found.get(item.key, 0), item.draw.allocated_w)
    return found


OFFERED_POWER = Rule(
    id="offered-power",
    title="What stands in an offer draws no more than is offered with it.",
    level="mandatory",
    description=(
        "Value is the budgeted draw of all nodes in the offer, each once, with what is reserved in it, and with what "
        "leaves until its resource is deleted. Nodes of the operator do not count. A change that adds no watts to an "
        "offer is not judged, so that what stands there stays. Nodes of a party that the offer is not for are refused "
        "for their place."
    ),
    unit="W",
    reference="the operator's offers, `it_kw` of an offer in its file",
    function=offered_power,
    is_sum=True,
)


def _too_much(view: View, key: str, items: Sequence[Occupant], *, total: int, limit: int) -> Breach:
    mine = sorted(items, key=lambda item: (item.party, item.name))
    return Breach(
        subject=key,
        where=next((item.path for item in mine if item.path), ""),
        message=(
            f"{count_of(len(mine), 'node')} would bring offer {key} to {amount(total, 'W')}; {amount(limit, 'W')} are "
            f"offered, {amount(total - limit, 'W')} too much"
        ),
        value=total,
        limit=limit,
        unit="W",
        excess=total - limit,
        participants=participants_of([*mine, *users_of(view.world, key)]),
        fix=f"ask for {amount(total - limit, 'W')} less there, or ask the facility operator for more",
    )


def offered_bores(view: View) -> Iterator[Breach]:
    """Links of others run through a duct only as its operator offers it."""
    zone = view.zone
    for duct_id, facts in sorted(zone.ducts.items()) if zone is not None else ():
        links = zone.all_links if zone is not None and facts.offers else ()
        foreign = {
            id_: one.owner
            for id_, one in links
            if duct_id in one.link.ducts and one.owner != facts.owner and not one.link.cores_of
        }
        allowed = {id_: offer.users_on(zone.on if zone is not None else "") for id_, offer in facts.offers.items()}
        limits = {id_: offer.bores for id_, offer in facts.offers.items()}
        for offer_id, users in shared_out(limits, allowed, foreign, dict.fromkeys(foreign, 1)):
            limit = limits[offer_id]
            if limit is not None and len(users) > limit and any(map(view.acts, users.values())):
                yield _too_many(view, duct_id, offer_id, users, limit)
            foreign = {id_: owner for id_, owner in foreign.items() if id_ not in users}
        yield from (_not_offered(duct_id, id_, owner) for id_, owner in foreign.items() if view.acts(owner))


def shared_out(
    limits: Mapping[str, int | None],
    allowed: Mapping[str, frozenset[str] | None],
    links: Mapping[str, str],
    takes: Mapping[str, int],
) -> Iterator[tuple[str, dict[str, str]]]:
    """Which links use which offer of a duct or link: those that name the fewest parties first, those for all last.

    What is too much for an offer goes on to the next that its owner may use. So nobody's links fill what is for all
    while bores or cores are kept for their owner.

    Args:
        limits: how many bores or cores each offer has, by its id; None where it has no limit.
        allowed: who may use each of them now; None means all.
        links: owner by id of the link.
        takes: how many bores or cores each link takes.
    """
    order = sorted(limits, key=lambda id_: (allowed[id_] is None, len(allowed[id_] or ()), id_))
    rest = dict(links)
    for number, offer_id in enumerate(order):
        limit = limits[offer_id]
        users = {id_: owner for id_, owner in sorted(rest.items()) if _is_for(allowed[offer_id], owner)}
        later = [allowed[id_] for id_ in order[number + 1 :]]
        movable = [id_ for id_, owner in users.items() if any(_is_for(one, owner) for one in later)]
        over = sum(takes[id_] for id_ in users) - limit if limit is not None else 0
        while over > 0 and movable:
            moved = movable.pop()
            over -= takes[moved]
            del users[moved]
        rest = {id_: owner for id_, owner in rest.items() if id_ not in users}
        yield offer_id, users


def _is_for(allowed: frozenset[str] | None, party: str) -> bool:
    return allowed is None or party in allowed


def _too_many(view: View, duct_id: str, offer_id: str, users: Mapping[str, str], limit: int) -> Breach:
    mine = next(id_ for id_, owner in sorted(users.items()) if view.acts(owner))
    over = len(users) - limit
    return Breach(
        subject=f"{duct_id}/offers/{offer_id}",
        where=f"links.{mine}",
        message=f"links would take {amount(len(users), 'bores')} of offer {offer_id} of duct {duct_id}; it has {limit}",
        value=len(users),
        limit=limit,
        unit="bores",
        excess=over,
        participants=tuple(Participant(party=owner, name=id_) for id_, owner in sorted(users.items())),
        fix=f"route the link through another duct, or ask the operator of {duct_id} for more bores",
    )


def _not_offered(duct_id: str, link_id: str, owner: str) -> Breach:
    return Breach(
        subject=f"{duct_id}/{link_id}",
        where=f"links.{link_id}",
        message=f"link {link_id} would run through duct {duct_id}, of which {owner} is offered nothing",
        value=1,
        limit=0,
        unit="bores",
        excess=1,
        participants=(Participant(party=owner, name=link_id),),
        fix=f"route the link through another duct, or ask the operator of {duct_id} for an offer",
    )


OFFERED_BORES = Rule(
    id="offered-bores",
    title="Links of others run through a duct as its operator offers it.",
    level="no-worse",
    description=(
        "The first offer of a duct closes it for all parties that no offer names. Value is the number of bores that "
        "links of others take of one offer; a link uses an offer that names its party before one for all. A link that "
        "runs there already stays."
    ),
    unit="bores",
    reference="the operator's offers, `ducts` and `bores` of an offer in its file",
    function=offered_bores,
    reach="zone",
)
