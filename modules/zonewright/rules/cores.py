"""Rules about cores of links: there are enough, and links of others take what their operator offers."""

from collections import Counter
from collections.abc import Iterator, Mapping

from zonewright.model.world import LinkFacts
from zonewright.rules.finding import Participant
from zonewright.rules.link_breach import UNTIL_LINK
from zonewright.rules.offers import shared_out
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View
from zonewright.rules.words import amount, count_of


def link_cores(view: View) -> Iterator[Breach]:
    """A link has the cores that other links take of it."""
    if view.zone is None:
        return
    taken: Counter[str] = Counter()
    for _, held in view.zone.all_links:
        taken.update(dict.fromkeys(held.link.cores_of, held.link.cores))
    for link_id in sorted(taken.keys() & view.zone.links.keys()):
        held = view.zone.links[link_id]
        value, limit = held.link.cores_in_use + taken[link_id], held.link.cores
        if value > limit:
            inside = sorted((one, facts.owner) for one, facts in view.zone.all_links if link_id in facts.link.cores_of)
            last, owner = inside[-1]
            yield Breach(
                subject=link_id,
                where=f"links.{last}.cores",
                message=(
                    f"link {link_id} has {count_of(limit, 'core')}, and {value:,} are wanted: "
                    f"{held.link.cores_in_use:,} in use, {taken[link_id]:,} by links"
                ),
                value=value,
                limit=limit,
                unit="cores",
                excess=value - limit,
                participants=(
                    Participant(party=owner, name=last),
                    Participant(party=held.owner, name=link_id),
                    *(Participant(party=party, name=one) for one, party in inside[:-1]),
                ),
                fix=(
                    f"take {count_of(value - limit, 'core')} less of it"
                    if any(view.acts(party) for _, party in inside)
                    else f"keep {count_of(taken[link_id], 'core')} of {link_id} for links {UNTIL_LINK}"
                ),
            )


LINK_CORES = Rule(
    id="link-cores",
    title="A link has the cores that other links take of it.",
    level="mandatory",
    description=(
        "Value is `cores_in_use` of the link, plus the cores of each link that names it in `cores_of`, including "
        "planned links and those that are reserved for days. A link in whose cores no other runs is not judged."
    ),
    unit="cores",
    reference="fibre records of the network operator",
    function=link_cores,
    reach="zone",
)


def offered_cores(view: View) -> Iterator[Breach]:
    """Links of others run in the cores of a link only as its operator offers it."""
    zone = view.zone
    for link_id, facts in sorted(zone.links.items()) if zone is not None else ():
        inside: dict[str, LinkFacts] = {}
        wanted: Counter[str] = Counter()  # of one link also what is reserved for it beyond what it has
        for id_, one in zone.all_links if zone is not None else ():
            if link_id in one.link.cores_of:
                inside.setdefault(id_, one)
                wanted[id_] += one.link.cores
        foreign = {
            id_: one.owner
            for id_, one in inside.items()
            if one.owner != facts.owner and one.owner not in facts.link.users
        }
        takes = {id_: wanted[id_] for id_ in foreign}
        allowed = {id_: offer.users_on(zone.on if zone is not None else "") for id_, offer in facts.offers.items()}
        limits = {id_: offer.cores for id_, offer in facts.offers.items()}
        for offer_id, users in shared_out(limits, allowed, foreign, takes):
            limit, total = limits[offer_id], sum(takes[id_] for id_ in users)
            if limit is not None and total > limit and any(map(view.acts, users.values())):
                yield _too_many(view, link_id, offer_id, users, total, limit)
            foreign = {id_: owner for id_, owner in foreign.items() if id_ not in users}
        yield from (_not_offered(link_id, id_, inside[id_]) for id_, owner in foreign.items() if view.acts(owner))


def _too_many(  # noqa: PLR0917 - private
    view: View, link_id: str, offer_id: str, users: Mapping[str, str], total: int, limit: int
) -> Breach:
    mine = next(id_ for id_, owner in sorted(users.items()) if view.acts(owner))
    return Breach(
        subject=f"{link_id}/offers/{offer_id}",
        where=f"links.{mine}.cores",
        message=f"links would take {amount(total, 'cores')} of offer {offer_id} of link {link_id}; it has {limit}",
        value=total,
        limit=limit,
        unit="cores",
        excess=total - limit,
        participants=tuple(Participant(party=owner, name=id_) for id_, owner in sorted(users.items())),
        fix=f"take fewer cores, or ask the operator of {link_id} for more",
    )


def _not_offered(carrier_id: str, link_id: str, held: LinkFacts) -> Breach:
    return Breach(
        subject=f"{carrier_id}/{link_id}",
        where=f"links.{link_id}.cores_of",
        message=f"link {link_id} would run in cores of link {carrier_id}, of which {held.owner} is offered nothing",
        value=held.link.cores,
        limit=0,
        unit="cores",
        excess=held.link.cores,
        participants=(Participant(party=held.owner, name=link_id),),
        fix=f"use another link, or ask the operator of {carrier_id} for an offer",
    )


OFFERED_CORES = Rule(
    id="offered-cores",
    title="Links of others run in the cores of a link as its operator offers it.",
    level="no-worse",
    description=(
        "Without an offer, only parties that the link names as `users` take cores of it; they need none. Value is the "
        "number of cores that links of others take of one offer; a link uses an offer that names its party before one "
        "for all. A link that runs there already stays."
    ),
    unit="cores",
    reference="the operator's offers, `links` and `cores` of an offer in its file",
    function=offered_cores,
    reach="zone",
)
